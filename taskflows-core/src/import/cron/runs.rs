//! The same runs, as cron counts them and as systemd does.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::elapse::ClockChanges;
use super::expression::{CronExpression, MINUTE, Values};
use crate::schedule::{CalendarSpec, Zones};

/// Changes of the clocks so far ahead are looked at.
const AHEAD: SignedDuration = SignedDuration::from_hours(366 * 24);

/// Away from a change by so much, both count the same.
const AROUND: SignedDuration = SignedDuration::from_hours(27);

/// A schedule of cron's in its zone.
#[derive(Clone, Debug)]
pub(super) struct CronTimes {
    pub(super) expression: CronExpression,
    pub(super) zone: TimeZone,
    pub(super) zone_name: Option<String>,
    pub(super) changes: ClockChanges,
}

/// The first time at which cron and systemd do not do the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) at: Timestamp,
    /// cron runs it then and systemd does not, or the other way round.
    pub(super) cron_runs: bool,
    /// The clocks go forward.
    pub(super) forward: bool,
}

impl CronTimes {
    pub(super) fn first(&self, after: Timestamp, count: usize) -> Vec<Timestamp> {
        self.expression.upcoming(after, &self.zone, self.changes).take(count).collect()
    }

    /// Returns the calendar expressions that serve best, and where they first differ within a year.
    pub(super) fn calendars(&self, now: Timestamp, zones: &Zones) -> (Vec<String>, Option<Difference>) {
        let calendars = self.expression.calendars(self.zone_name.as_deref());
        let Some(difference) = self.difference(&calendars, now, zones) else { return (calendars, None) };
        // A job of every hour runs through a change of the clocks: UTC has none.
        if let Some(in_utc) = self.in_utc(now) {
            let calendars = in_utc.calendars(Some("UTC"));
            if self.difference(&calendars, now, zones).is_none() {
                return (calendars, None);
            }
        }
        (calendars, Some(difference))
    }

    fn difference(&self, calendars: &[String], now: Timestamp, zones: &Zones) -> Option<Difference> {
        let end = now.checked_add(AHEAD).ok()?;
        let changes = self.zone.following(now).map(|change| change.timestamp());
        changes.take_while(|change| *change < end).find_map(|change| {
            let before = change.checked_sub(jiff::SignedDuration::from_secs(1)).ok()?;
            let forward = self.zone.to_offset(change) > self.zone.to_offset(before);
            let from = change.checked_sub(AROUND).ok()?.max(now);
            let to = change.checked_add(AROUND).ok()?;
            let cron = self.expression.upcoming(from, &self.zone, self.changes);
            let cron: Vec<Timestamp> = cron.take_while(|time| *time <= to).collect();
            let systemd = upcoming(calendars, from, zones).take_while(|time| *time <= to);
            first_difference(&cron, &systemd.collect::<Vec<_>>()).map(|(at, cron_runs)| Difference {
                at,
                cron_runs,
                forward,
            })
        })
    }

    /// Returns the same minutes of every hour in UTC, where they are the same whatever the clocks show.
    fn in_utc(&self, now: Timestamp) -> Option<CronExpression> {
        let expression = &self.expression;
        let every = |values: Values, low: u32, high: u32| (low..=high).all(|value| values.has(value));
        let every_hour = every(expression.hours, 0, 23)
            && every(expression.days, 1, 31)
            && every(expression.months, 1, 12)
            && every(expression.weekdays, 0, 6);
        if !every_hour {
            return None;
        }
        let end = now.checked_add(AHEAD).ok()?;
        let changes = self.zone.following(now).map(|change| change.timestamp());
        let times = std::iter::once(now).chain(changes.take_while(|change| *change < end));
        let mut minutes = times.map(|time| {
            let offset = self.zone.to_offset(time).seconds().div_euclid(60);
            let in_utc = |minute: u32| (i64::from(minute) - i64::from(offset)).rem_euclid(60);
            expression.minutes.iter().fold(0u64, |bits, minute| bits | 1 << in_utc(minute))
        });
        let bits = minutes.next()?;
        let same = minutes.all(|other| other == bits);
        let minutes = Values { bits, star: bits.count_ones() == MINUTE.high + 1 };
        same.then_some(CronExpression { minutes, ..*expression })
    }
}

/// Returns the first time that only one of two lists in order holds, and whether it is the first list.
fn first_difference(cron: &[Timestamp], systemd: &[Timestamp]) -> Option<(Timestamp, bool)> {
    let same = cron.iter().zip(systemd).take_while(|(a, b)| a == b).count();
    match (cron.get(same), systemd.get(same)) {
        (Some(cron), Some(systemd)) => Some((*cron.min(systemd), cron < systemd)),
        (Some(cron), None) => Some((*cron, true)),
        (None, Some(systemd)) => Some((*systemd, false)),
        (None, None) => None,
    }
}

/// Iterates over the times at which a timer with these expressions elapses.
pub(crate) fn upcoming(
    calendars: &[String],
    after: Timestamp,
    zones: &Zones,
) -> impl Iterator<Item = Timestamp> {
    let parse = |text: &String| {
        let spec: CalendarSpec = text.parse().ok()?;
        let zone = zones.resolve(&spec).ok()?;
        Some((spec, zone))
    };
    let specs: Vec<(CalendarSpec, TimeZone)> = calendars.iter().filter_map(parse).collect();
    let next = move |after| specs.iter().filter_map(|(spec, zone)| spec.next_after(after, zone)).min();
    std::iter::successors(next(after), move |last| next(*last))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::tz::TimeZoneDatabase;

    const NOW: &str = "2026-11-24T12:00:00Z";

    #[track_caller]
    fn check(
        zone: &str,
        changes: ClockChanges,
        cron: &str,
        calendars: &[&str],
        difference: Option<(&str, bool)>,
    ) {
        let database = TimeZoneDatabase::bundled();
        let local = database.get(zone).unwrap();
        let zones = Zones::new(database, local.clone());
        let expression = cron.parse().unwrap();
        let times = CronTimes { expression, zone: local, zone_name: None, changes };
        let (written, found) = times.calendars(NOW.parse().unwrap(), &zones);
        assert_eq!(written, calendars);
        let found = found.map(|found| (found.at, found.cron_runs));
        assert_eq!(found, difference.map(|(at, cron)| (at.parse().unwrap(), cron)));
    }

    #[test]
    fn a_time_that_no_change_touches_is_exact() {
        check("Europe/Berlin", ClockChanges::MadeUp, "30 9 * * 1-5", &["Mon..Fri *-*-* 09:30"], None);
        check("UTC", ClockChanges::MadeUp, "30 2 * * *", &["*-*-* 02:30"], None);
        // What the clock shows twice, both run once.
        check("Asia/Kolkata", ClockChanges::MadeUp, "*/5 * * * *", &["*-*-* *:00/5"], None);
        check("America/New_York", ClockChanges::MadeUp, "30 1 * * *", &["*-*-* 01:30"], None);
    }

    #[test]
    fn a_job_of_every_hour_is_exact_in_utc() {
        check("Europe/Berlin", ClockChanges::MadeUp, "*/5 * * * *", &["*-*-* *:00/5 UTC"], None);
        check("America/St_Johns", ClockChanges::MadeUp, "0 * * * *", &["*-*-* *:30 UTC"], None);
        check("Australia/Lord_Howe", ClockChanges::MadeUp, "*/15 * * * *", &["*-*-* *:00/15 UTC"], None);
    }

    #[test]
    fn the_first_difference_is_found() {
        // The clocks skip 02:30 on 28 March.
        let gap = Some(("2027-03-28T01:00:00Z", true));
        check("Europe/Berlin", ClockChanges::MadeUp, "30 2 * * *", &["*-*-* 02:30"], gap);
        check(
            "Europe/Berlin",
            ClockChanges::AsShown,
            "30 2 * * *",
            &["*-*-* 02:30"],
            Some(("2027-10-31T01:30:00Z", true)),
        );
        // They show 02:15 twice on 31 October, and cron runs both.
        let fold = Some(("2027-10-31T01:15:00Z", true));
        check("Europe/Berlin", ClockChanges::MadeUp, "15 */2 * * *", &["*-*-* 00/2:15"], fold);
    }

    #[test]
    fn away_from_a_change_of_the_clocks_nothing_differs() {
        let now: Timestamp = NOW.parse().unwrap();
        let end = now.checked_add(AHEAD).unwrap();
        for zone in ["Europe/Berlin", "Australia/Lord_Howe", "America/Sao_Paulo"] {
            let database = TimeZoneDatabase::bundled();
            let local = database.get(zone).unwrap();
            let zones = Zones::new(database, local.clone());
            for (cron, changes) in [
                ("30 2 * * *", ClockChanges::MadeUp),
                ("0,45 1-3 * * *", ClockChanges::MadeUp),
                ("*/20 2 * * *", ClockChanges::MadeUp),
                ("15 */2 * * 0,3", ClockChanges::MadeUp),
                ("30 1 1-7 * 0", ClockChanges::AsShown),
                ("0 * * * *", ClockChanges::MadeUp),
                ("30 2 4 4 *", ClockChanges::MadeUp),
            ] {
                let expression = cron.parse().unwrap();
                let times = CronTimes { expression, zone: local.clone(), zone_name: None, changes };
                let (calendars, found) = times.calendars(now, &zones);
                let runs = expression.upcoming(now, &local, changes).take_while(|time| *time < end);
                let runs: Vec<Timestamp> = runs.collect();
                let systemd: Vec<Timestamp> =
                    upcoming(&calendars, now, &zones).take_while(|time| *time < end).collect();
                let found = found.map(|found| (found.at, found.cron_runs));
                assert_eq!(found, first_difference(&runs, &systemd), "{cron} in {zone}");
            }
        }
    }
}
