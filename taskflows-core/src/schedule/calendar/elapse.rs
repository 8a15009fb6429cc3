use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time, date};
use jiff::tz::{AmbiguousOffset, TimeZone};

use super::component::SECOND;
use super::parse::YEARS;
use super::spec::{ALL_DAYS, CalendarSpec};

impl CalendarSpec {
    /// Returns the first elapse after `after`, to the microsecond; `None` where there is none any more.
    ///
    /// `zone` is the one the expression names, or the host's where it names none: see
    /// [`Zones::resolve`](super::Zones::resolve). A time that the clocks skip does not elapse; one that
    /// they show twice elapses the first time. Source: systemd.time(7).
    ///
    /// ```
    /// use jiff::tz::TimeZone;
    /// use taskflows_core::schedule::CalendarSpec;
    ///
    /// let noon: CalendarSpec = "Mon 12:00".parse()?;
    /// let next = noon.next_after("2026-11-24T00:00:00Z".parse()?, &TimeZone::UTC);
    /// assert_eq!(next, Some("2026-11-30T12:00:00Z".parse()?));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn next_after(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let micros = after.as_microsecond();
        let mut from = zone.to_datetime(Timestamp::from_microsecond(micros).ok()?);
        // Strictly after, and at the resolution of a microsecond.
        from = from.checked_add(jiff::SignedDuration::from_micros(1)).ok()?;
        loop {
            let civil = self.civil_at_or_after(from)?;
            let found = match zone.to_ambiguous_timestamp(civil).offset() {
                AmbiguousOffset::Gap { .. } => None,
                AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(civil).ok(),
                AmbiguousOffset::Fold { before, .. } => before.to_timestamp(civil).ok(),
            };
            match found.filter(|found| *found > after) {
                Some(found) => return Some(found),
                None => from = civil.checked_add(jiff::SignedDuration::from_micros(1)).ok()?,
            }
        }
    }

    /// Iterates over the elapses after `after`, in order.
    pub fn upcoming(&self, after: Timestamp, zone: &TimeZone) -> impl Iterator<Item = Timestamp> {
        std::iter::successors(self.next_after(after, zone), |last| self.next_after(*last, zone))
    }

    /// Iterates over the elapses after `after`, each with whether the clocks changed since the one before it
    /// (for the first, since `after`).
    pub fn upcoming_with_changes(
        &self,
        after: Timestamp,
        zone: &TimeZone,
    ) -> impl Iterator<Item = (Timestamp, bool)> {
        let mut offset = zone.to_offset(after);
        self.upcoming(after, zone).map(move |time| {
            let before = std::mem::replace(&mut offset, zone.to_offset(time));
            (time, before != offset)
        })
    }

    /// Returns the first matching time of the wall clock that is not before `from`.
    fn civil_at_or_after(&self, from: DateTime) -> Option<DateTime> {
        let mut day = self.day_at_or_after(from.date())?;
        if day == from.date() {
            if let Some(time) = self.time_at_or_after(from.time()) {
                return Some(day.to_datetime(time));
            }
            day = self.day_at_or_after(day.tomorrow().ok()?)?;
        }
        self.time_at_or_after(Time::midnight()).map(|time| day.to_datetime(time))
    }

    fn day_at_or_after(&self, from: Date) -> Option<Date> {
        let (mut year, mut month, mut day) = (
            u32::from(from.year().unsigned_abs()),
            u32::from(from.month().unsigned_abs()),
            u32::from(from.day().unsigned_abs()),
        );
        if year < YEARS.0 {
            (year, month, day) = (YEARS.0, 1, 1);
        }
        loop {
            let found = self.year.at_or_after(year).filter(|&year| year <= YEARS.1)?;
            if found > year {
                (year, month, day) = (found, 1, 1);
            }
            while let Some(found) = self.month.at_or_after(month).filter(|&month| month <= 12) {
                if found > month {
                    (month, day) = (found, 1);
                }
                if let Some(date) = self.day_of_month(year, month, day) {
                    return Some(date);
                }
                (month, day) = (month + 1, 1);
            }
            (year, month, day) = (year + 1, 1, 1);
        }
    }

    /// Returns the first matching day of a month that is not before `from`.
    fn day_of_month(&self, year: u32, month: u32, mut from: u32) -> Option<Date> {
        let first = date(i16::try_from(year).ok()?, i8::try_from(month).ok()?, 1);
        let days = u32::from(first.days_in_month().unsigned_abs());
        let turned;
        let chain = if self.from_end {
            turned = self.day.counted_from_end(days);
            &turned
        } else {
            &self.day
        };
        while let Some(day) = chain.at_or_after(from).filter(|&day| day <= days) {
            let found = date(first.year(), first.month(), i8::try_from(day).ok()?);
            let weekday = found.weekday().to_monday_zero_offset();
            if self.weekdays == ALL_DAYS || self.weekdays & (1 << weekday) != 0 {
                return Some(found);
            }
            from = day + 1;
        }
        None
    }

    fn time_at_or_after(&self, from: Time) -> Option<Time> {
        let mut hour = u32::from(from.hour().unsigned_abs());
        let mut minute = u32::from(from.minute().unsigned_abs());
        let mut micros = u32::from(from.second().unsigned_abs()) * SECOND
            + from.subsec_nanosecond().unsigned_abs() / 1_000;
        loop {
            let found = self.hour.at_or_after(hour).filter(|&hour| hour < 24)?;
            if found > hour {
                (hour, minute, micros) = (found, 0, 0);
            }
            while let Some(found) = self.minute.at_or_after(minute).filter(|&minute| minute < 60) {
                if found > minute {
                    (minute, micros) = (found, 0);
                }
                if let Some(second) = self.second.at_or_after(micros).filter(|&second| second < 60 * SECOND) {
                    return time(hour, minute, second);
                }
                (minute, micros) = (minute + 1, 0);
            }
            (hour, minute, micros) = (hour + 1, 0, 0);
        }
    }
}

fn time(hour: u32, minute: u32, micros: u32) -> Option<Time> {
    let part = |value: u32| i8::try_from(value).ok();
    let nanos = i32::try_from(micros % SECOND * 1_000).ok()?;
    Time::new(part(hour)?, part(minute)?, part(micros / SECOND)?, nanos).ok()
}
