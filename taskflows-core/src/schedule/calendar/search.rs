//! The fields of an expression in a form that is quick to search, forwards and backwards in time.

use jiff::SignedDuration;
use jiff::civil::{Date, DateTime, Time};

use super::bits::{Bits, Seconds};
use super::component::{Chain, SECOND};
use super::parse::YEARS;
use super::spec::{ALL_DAYS, Fields};

const MICROSECOND: SignedDuration = SignedDuration::from_micros(1);

/// West of Greenwich, the clocks show the year before when systemd's time begins.
const FIRST_YEAR: u32 = YEARS.0 - 1;

/// The fields of an expression as bits, where they fit. No list of a valid expression is without a value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Search {
    year: Chain,
    month: Bits,
    /// Where they are counted from the end, those of a month of 31 days.
    day: Bits,
    from_end: bool,
    weekdays: u8,
    hour: Bits,
    minute: Bits,
    second: Seconds,
    spill: Spill,
}

/// Where the steps of a field lead beyond its last number; zero where they do not.
///
/// systemd takes `*:0/25` at 23:50 to minute 75, which is 00:15 of the next day, and looks on from there: 00:00
/// does not elapse. It does so where more than the next greater field turns over: minutes at the end of a
/// day, seconds at that of an hour, hours at that of a month, days at that of a year; fractions of a second at
/// the end of a minute.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Spill {
    /// The first day in January that counts.
    day: u32,
    hour: u32,
    minute: u32,
    micros: u32,
}

impl Search {
    pub(super) fn of(fields: &Fields) -> Self {
        let day = if fields.from_end { &fields.day.counted_from_end(31) } else { &fields.day };
        let spill = Spill {
            day: day.spill(31) + 1,
            hour: fields.hour.spill(23),
            minute: fields.minute.spill(59),
            micros: fields.second.spill(60 * SECOND - 1),
        };
        Self {
            year: fields.year.clone(),
            month: Bits::of(&fields.month, 1, 12),
            day: Bits::of(day, 1, 31),
            from_end: fields.from_end,
            weekdays: fields.weekdays,
            hour: Bits::of(&fields.hour, 0, 23),
            minute: Bits::of(&fields.minute, 0, 59),
            second: Seconds::of(&fields.second),
            spill,
        }
    }

    /// Returns the first time of the wall clock that matches and is not before `from`.
    pub(super) fn at_or_after(&self, from: DateTime) -> Option<DateTime> {
        self.look_on(from.date(), moment(from.time()))
    }

    /// Returns the first time of the wall clock that matches and is after `last`, which matches.
    pub(super) fn after(&self, last: DateTime) -> Option<DateTime> {
        let (hour, minute, micros) = moment(last.time());
        self.look_on(last.date(), (hour, minute, micros + 1))
    }

    fn look_on(&self, mut from: Date, mut moment: Moment) -> Option<DateTime> {
        loop {
            let day = self.day_at_or_after(from)?;
            if day > from {
                let micros = self.second.at_or_after(0)?;
                return Some(day.to_datetime(time(self.hour.first(), self.minute.first(), micros)?));
            }
            match self.time_at_or_after(moment, day) {
                Ok((hour, minute, micros)) => return Some(day.to_datetime(time(hour, minute, micros)?)),
                Err(tomorrow) => (from, moment) = (day.tomorrow().ok()?, tomorrow),
            }
        }
    }

    /// Returns the first match on `day`; else where to look on tomorrow.
    fn time_at_or_after(&self, from: Moment, day: Date) -> Result<Moment, Moment> {
        let (mut hour, mut minute, mut micros) = from;
        while hour < 24 && self.hour.has(hour) {
            if self.minute.has(minute) {
                if let Some(micros) = self.second.at_or_after(micros) {
                    return Ok((hour, minute, micros));
                }
                (minute, micros) = (minute + 1, self.spill.micros % SECOND);
                if minute == 60 {
                    (hour, minute, micros) = (hour + 1, 0, self.spill.micros);
                }
                continue;
            }
            if let Some(minute) = self.minute.at_or_after(minute) {
                return Ok((hour, minute, self.second.at_or_after(0).unwrap_or(0)));
            }
            (hour, minute, micros) = (hour + 1, if hour == 23 { self.spill.minute } else { 0 }, 0);
        }
        if hour == 24 {
            return Err((0, minute, micros));
        }
        match self.hour.at_or_after(hour) {
            Some(hour) => Ok((hour, self.minute.first(), self.second.at_or_after(0).unwrap_or(0))),
            None if day == day.last_of_month() => Err((self.spill.hour, 0, 0)),
            None => Err((0, 0, 0)),
        }
    }

    fn day_at_or_after(&self, from: Date) -> Option<Date> {
        let (mut year, mut month, mut day) = numbers(from);
        loop {
            let found = self.year_at_or_after(year)?;
            if found > year {
                (year, month, day) = (found, 1, 1);
            }
            match self.month.at_or_after(month) {
                None => {
                    (year, month, day) = (year + 1, 1, 1);
                    continue;
                }
                Some(found) if found > month => (month, day) = (found, 1),
                Some(_) => {}
            }
            if let Some(day) = self.days_of(year, month)?.at_or_after(day) {
                return date(year, month, day);
            }
            (year, month, day) =
                if month == 12 { (year + 1, 1, self.spill.day) } else { (year, month + 1, 1) };
        }
    }

    fn year_at_or_after(&self, year: u32) -> Option<u32> {
        self.year.at_or_after(year.max(FIRST_YEAR)).filter(|&year| year <= YEARS.1)
    }

    /// Returns the last time of the wall clock that matches and is before `from`.
    pub(super) fn before(&self, mut from: DateTime) -> Option<DateTime> {
        loop {
            let found = self.match_before(from)?;
            match self.skipped_since(found) {
                None => return Some(found),
                Some(begin) => from = begin,
            }
        }
    }

    fn match_before(&self, from: DateTime) -> Option<DateTime> {
        let day = from.date();
        if self.has_day(day)
            && let Some((hour, minute, micros)) = self.time_before(from.time())
        {
            return Some(day.to_datetime(time(hour, minute, micros)?));
        }
        let last = time(self.hour.last(), self.minute.last(), self.second.before(60 * SECOND)?)?;
        Some(self.day_before(day)?.to_datetime(last))
    }

    fn time_before(&self, from: Time) -> Option<Moment> {
        let (hour, minute, micros) = moment(from);
        if self.hour.has(hour) {
            if self.minute.has(minute)
                && let Some(micros) = self.second.before(micros)
            {
                return Some((hour, minute, micros));
            }
            if let Some(minute) = self.minute.before(minute) {
                return Some((hour, minute, self.second.before(60 * SECOND)?));
            }
        }
        Some((self.hour.before(hour)?, self.minute.last(), self.second.before(60 * SECOND)?))
    }

    fn day_before(&self, from: Date) -> Option<Date> {
        let (mut year, mut month, mut day) = numbers(from);
        loop {
            let has_month = self.has_year(year) && self.month.has(month);
            if has_month && let Some(day) = self.days_of(year, month)?.before(day) {
                return date(year, month, day);
            }
            (year, month) = match self.month.before(month).filter(|_| self.has_year(year)) {
                Some(month) => (year, month),
                None => (self.year_before(year)?, self.month.last()),
            };
            day = 32;
        }
    }

    /// Returns from when on systemd lets pass what matches, up to and with `found`, since steps led beyond.
    pub(super) fn skipped_since(&self, found: DateTime) -> Option<DateTime> {
        let (day, (hour, minute, micros)) = (found.date(), moment(found.time()));
        let midnight = day.to_datetime(Time::midnight());
        let yesterday = day.yesterday().ok()?;
        let (year, month, number) = numbers(day);
        if month == 1 && number < self.spill.day && self.month.has(12) && self.has_year(year - 1) {
            return Some(day.first_of_month().to_datetime(Time::midnight()));
        }
        if number == 1 && hour < self.spill.hour && self.has_day(yesterday) {
            return Some(midnight);
        }
        // What precedes the turn counts if it was not let pass itself.
        let counts = |begin: DateTime| {
            let last = begin.checked_sub(MICROSECOND).ok()?;
            let matches = self.has_day(last.date()) && self.hour.has(moment(last.time()).0);
            (matches && self.skipped_since(last).is_none()).then_some(begin)
        };
        if hour == 0 && minute < self.spill.minute {
            return counts(midnight);
        }
        let (minute_before, spill) = match minute {
            0 => (59, self.spill.micros),
            _ => (minute - 1, self.spill.micros % SECOND),
        };
        if micros < spill && self.minute.has(minute_before) {
            return counts(day.to_datetime(time(hour, minute, 0)?));
        }
        None
    }

    fn has_year(&self, year: u32) -> bool {
        self.year_at_or_after(year) == Some(year)
    }

    fn has_day(&self, day: Date) -> bool {
        let (year, month, day) = numbers(day);
        self.has_year(year)
            && self.month.has(month)
            && self.days_of(year, month).is_some_and(|days| days.has(day))
    }

    fn year_before(&self, year: u32) -> Option<u32> {
        self.year.before(year.min(YEARS.1 + 1)).filter(|&year| year >= FIRST_YEAR)
    }

    /// Returns the matching days of a month.
    fn days_of(&self, year: u32, month: u32) -> Option<Bits> {
        let first = date(year, month, 1)?;
        let length = u32::from(first.days_in_month().unsigned_abs());
        let days = if self.from_end { self.day.0 >> (31 - length) } else { self.day.0 };
        Some(Bits(days & Bits::from_to(1, length).0 & self.days_by_week(first)))
    }

    /// Returns the days of a month that fall on a matching weekday, where `first` is its first day.
    fn days_by_week(&self, first: Date) -> u64 {
        if self.weekdays == ALL_DAYS {
            return u64::MAX;
        }
        let passed = first.weekday().to_monday_zero_offset();
        let week = u64::from(self.weekdays);
        let week = (week >> passed | week << (7 - passed)) & u64::from(ALL_DAYS);
        (0..5).fold(0, |days, number| days | week << (7 * number + 1))
    }
}

/// Hour, minute, and microseconds of the minute.
type Moment = (u32, u32, u32);

fn moment(time: Time) -> Moment {
    let number = |part: i8| u32::from(part.unsigned_abs());
    let micros = time.subsec_nanosecond().unsigned_abs().div_ceil(1_000);
    (number(time.hour()), number(time.minute()), number(time.second()) * SECOND + micros)
}

/// Returns year, month and day; a year before any that an expression can name is zero.
fn numbers(day: Date) -> (u32, u32, u32) {
    let number = |part: i8| u32::from(part.unsigned_abs());
    (u32::try_from(day.year()).unwrap_or(0), number(day.month()), number(day.day()))
}

fn date(year: u32, month: u32, day: u32) -> Option<Date> {
    Date::new(i16::try_from(year).ok()?, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

fn time(hour: u32, minute: u32, micros: u32) -> Option<Time> {
    let part = |value: u32| i8::try_from(value).ok();
    let nanos = i32::try_from(micros % SECOND * 1_000).ok()?;
    Time::new(part(hour)?, part(minute)?, part(micros / SECOND)?, nanos).ok()
}
