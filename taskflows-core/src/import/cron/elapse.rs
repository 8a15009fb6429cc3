use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp};

use super::expression::CronExpression;

/// The last year that is looked at, which is systemd's as well.
const LAST_YEAR: i16 = 2199;

/// A change of the clocks by so much or more is taken as a correction, and nothing is made up.
const CORRECTION: SignedDuration = SignedDuration::from_hours(3);

const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// How cron treats a time that a change of the clocks skips or repeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockChanges {
    /// As Vixie's cron and cronie do in the zone of the host: a job at a fixed time runs just after a change
    /// that skips its time, and once where the time is shown twice; one with a `*` in its minute or hour
    /// runs whenever the clock shows its time. Source: cron(8).
    MadeUp,
    /// As cronie does in the zone that `CRON_TZ` names: every job runs whenever a clock there shows its time.
    AsShown,
}

impl CronExpression {
    /// Returns the first time after `after` at which cron runs it; `None` where there is none before 2200.
    ///
    /// ```
    /// use jiff::tz::TimeZoneDatabase;
    /// use taskflows_core::import::{ClockChanges, CronExpression};
    ///
    /// let berlin = TimeZoneDatabase::bundled().get("Europe/Berlin")?;
    /// let at_half_past_two: CronExpression = "30 2 * * *".parse()?;
    /// // On this day the clocks go from 02:00 to 03:00.
    /// let next = at_half_past_two.next_after("2026-03-28T12:00:00Z".parse()?, &berlin, ClockChanges::MadeUp);
    /// assert_eq!(next, Some("2026-03-29T01:00:00Z".parse()?));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn next_after(&self, after: Timestamp, zone: &TimeZone, changes: ClockChanges) -> Option<Timestamp> {
        match changes {
            ClockChanges::MadeUp if !self.is_wildcard() => self.next_made_up(after, zone),
            _ => self.next_as_shown(after, zone),
        }
    }

    /// Iterates over the times after `after`, in order.
    pub fn upcoming(
        &self,
        after: Timestamp,
        zone: &TimeZone,
        changes: ClockChanges,
    ) -> impl Iterator<Item = Timestamp> {
        let next = move |after| self.next_after(after, zone, changes);
        std::iter::successors(next(after), move |last| next(*last))
    }

    fn next_made_up(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let mut from = minute_after(zone.to_datetime(after))?;
        loop {
            let civil = self.civil_at_or_after(from)?;
            let found = match zone.to_ambiguous_timestamp(civil).offset() {
                AmbiguousOffset::Gap { before, after } => {
                    let skipped = SignedDuration::from_secs(i64::from(after.seconds() - before.seconds()));
                    // Under the offset before the change the time lies after it.
                    let beyond = before.to_timestamp(civil).ok()?;
                    let change = zone.preceding(beyond + MINUTE).next();
                    change.map(|change| change.timestamp()).filter(|_| skipped < CORRECTION)
                }
                AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(civil).ok(),
                AmbiguousOffset::Fold { before, .. } => before.to_timestamp(civil).ok(),
            };
            match found.filter(|found| *found > after) {
                Some(found) => return Some(found),
                None => from = minute_after(civil)?,
            }
        }
    }

    /// Goes from one change of the clocks to the next, under the offset that is in force.
    fn next_as_shown(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let mut from = minute_after(zone.to_datetime(after))?;
        let mut at = after;
        loop {
            let offset = zone.to_offset(at);
            let change = zone.following(at).next().map(|change| change.timestamp());
            let found = offset.to_timestamp(self.civil_at_or_after(from)?).ok();
            match (found, change) {
                (Some(found), change) if change.is_none_or(|change| found < change) => return Some(found),
                (_, Some(change)) => at = change,
                _ => return None,
            }
            // The change itself is a time of the new offset.
            from = zone.to_datetime(at);
            if from.second() > 0 || from.subsec_nanosecond() > 0 {
                from = minute_after(from)?;
            }
        }
    }

    /// Tells whether any day of the calendar fits.
    pub(super) fn ever_fits(&self) -> bool {
        self.civil_at_or_after(jiff::civil::date(2000, 1, 1).at(0, 0, 0, 0)).is_some()
    }

    /// Returns the first time of the wall clock that fits and is not before the minute `from`.
    fn civil_at_or_after(&self, from: DateTime) -> Option<DateTime> {
        let mut day = self.day_at_or_after(from.date())?;
        if day == from.date() {
            let (hour, minute) =
                (u32::from(from.hour().unsigned_abs()), u32::from(from.minute().unsigned_abs()));
            if let Some((hour, minute)) = self.time_at_or_after(hour, minute) {
                return at_time(day, hour, minute);
            }
            day = self.day_at_or_after(day.tomorrow().ok()?)?;
        }
        let (hour, minute) = self.time_at_or_after(0, 0)?;
        at_time(day, hour, minute)
    }

    fn time_at_or_after(&self, hour: u32, minute: u32) -> Option<(u32, u32)> {
        let found = self.hours.at_or_after(hour)?;
        let minute = if found > hour { 0 } else { minute };
        match self.minutes.at_or_after(minute) {
            Some(minute) => Some((found, minute)),
            None => Some((self.hours.at_or_after(found + 1)?, self.minutes.at_or_after(0)?)),
        }
    }

    fn day_at_or_after(&self, from: Date) -> Option<Date> {
        let mut day = from;
        while day.year() <= LAST_YEAR {
            if !self.months.has(u32::from(day.month().unsigned_abs())) {
                day = day.last_of_month().tomorrow().ok()?;
                continue;
            }
            if self.day_fits(day) {
                return Some(day);
            }
            day = day.tomorrow().ok()?;
        }
        None
    }

    fn day_fits(&self, day: Date) -> bool {
        let of_month = self.days.has(u32::from(day.day().unsigned_abs()));
        let of_week = self.weekdays.has(u32::from(day.weekday().to_sunday_zero_offset().unsigned_abs()));
        if self.either_day() { of_month || of_week } else { of_month && of_week }
    }
}

fn at_time(day: Date, hour: u32, minute: u32) -> Option<DateTime> {
    Some(day.at(i8::try_from(hour).ok()?, i8::try_from(minute).ok()?, 0, 0))
}

/// Returns the first whole minute after a time of the wall clock.
fn minute_after(civil: DateTime) -> Option<DateTime> {
    let minute = civil.date().at(civil.hour(), civil.minute(), 0, 0);
    minute.checked_add(MINUTE).ok()
}
