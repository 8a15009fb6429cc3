//! From cron's times to systemd's.

use super::expression::{CronExpression, DAY, HOUR, MINUTE, MONTH, Values};

const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

impl CronExpression {
    /// Returns the calendar expressions that together elapse on the same days and at the same times of the
    /// wall clock: two where a day may fit either day field, one else.
    ///
    /// They are in `zone`, or in the host's where that is `None`. On a day when the clocks change systemd and
    /// cron may still differ.
    pub fn calendars(&self, zone: Option<&str>) -> Vec<String> {
        let every_day = Values { bits: !0, star: true };
        if !self.either_day() {
            return vec![self.calendar(zone)];
        }
        if self.days.bits.count_ones() == 31 || self.weekdays.bits == 0x7f {
            return vec![Self { days: every_day, weekdays: every_day, ..*self }.calendar(zone)];
        }
        let by_date = Self { weekdays: every_day, ..*self };
        let by_weekday = Self { days: every_day, ..*self };
        // A date that never comes, such as the 30th of February, leaves the weekdays alone.
        let both = [by_date, by_weekday].into_iter().filter(Self::ever_fits);
        both.map(|expression| expression.calendar(zone)).collect()
    }

    fn calendar(&self, zone: Option<&str>) -> String {
        let (months, days) = (list(self.months, MONTH.low, MONTH.high), list(self.days, DAY.low, DAY.high));
        let date = format!("*-{months}-{days}");
        let time = format!(
            "{}:{}",
            list(self.hours, HOUR.low, HOUR.high),
            list(self.minutes, MINUTE.low, MINUTE.high)
        );
        let mut parts = Vec::new();
        if self.weekdays.bits & 0x7f != 0x7f {
            parts.push(weekday_list(self.weekdays));
        }
        parts.extend([date, time]);
        parts.extend(zone.map(str::to_owned));
        parts.join(" ")
    }
}

/// Writes the values from `low` to `high` as systemd does: `*`, `05`, `00/15`, `08..18`, `01,15`.
fn list(values: Values, low: u32, high: u32) -> String {
    let values: Vec<u32> = values.iter().filter(|value| (low..=high).contains(value)).collect();
    if values.len() == (high - low + 1) as usize {
        return "*".to_owned();
    }
    if let Some(steps) = steps(&values, low, high) {
        return steps;
    }
    let runs = runs(&values);
    let texts: Vec<String> = runs
        .into_iter()
        .flat_map(|(first, last)| match last - first {
            0 => vec![format!("{first:02}")],
            1 => vec![format!("{first:02}"), format!("{last:02}")],
            _ => vec![format!("{first:02}..{last:02}")],
        })
        .collect();
    texts.join(",")
}

/// Writes three values or more that stand equally far apart, also over the turn of the field: `00/15`.
///
/// Where a step does not divide the field systemd goes on counting over its turn and passes over what comes first
/// then: `*:00/25` does not elapse at 00:00.
fn steps(values: &[u32], low: u32, high: u32) -> Option<String> {
    let [first, second, .., last] = *values else { return None };
    let step = second - first;
    let even = values.windows(2).all(|pair| pair[1] - pair[0] == step);
    // Months have not all the same days.
    let turns = high != 31 && last + step == high + 1 + first - low;
    (even && step > 1 && turns).then(|| format!("{first:02}/{step}"))
}

/// Returns the first and last value of each run of neighbours.
fn runs(values: &[u32]) -> Vec<(u32, u32)> {
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for &value in values {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == value => *last = value,
            _ => runs.push((value, value)),
        }
    }
    runs
}

fn weekday_list(weekdays: Values) -> String {
    // systemd's week begins on Monday.
    let days: Vec<u32> = (0..7).filter(|day| weekdays.has((day + 1) % 7)).collect();
    let name = |day: u32| WEEKDAYS[day as usize];
    let texts: Vec<String> = runs(&days)
        .into_iter()
        .map(|(first, last)| match last - first {
            0 => name(first).to_owned(),
            1 => format!("{},{}", name(first), name(last)),
            _ => format!("{}..{}", name(first), name(last)),
        })
        .collect();
    texts.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::CalendarSpec;

    #[track_caller]
    fn check(cron: &str, calendars: &[&str]) {
        let expression: CronExpression = cron.parse().unwrap();
        let written = expression.calendars(None);
        assert_eq!(written, calendars);
        for text in written {
            text.parse::<CalendarSpec>().unwrap();
        }
    }

    #[test]
    fn times_are_written_as_people_write_them() {
        check("* * * * *", &["*-*-* *:*"]);
        check("0 9 * * 1-5", &["Mon..Fri *-*-* 09:00"]);
        check("*/15 8-18 * * *", &["*-*-* 08..18:00/15"]);
        check("0-30/10 0 * * *", &["*-*-* 00:00,10,20,30"]);
        check("*/7 * * * *", &["*-*-* *:00,07,14,21,28,35,42,49,56"]);
        check("5-59/10 * * * *", &["*-*-* *:05/10"]);
        check("0,30 */12 1 jan,jul *", &["*-01,07-01 00,12:00,30"]);
        check("0 0 * * 0,6", &["Sat,Sun *-*-* 00:00"]);
        check("0 0 * * 7,1,3", &["Mon,Wed,Sun *-*-* 00:00"]);
        check("1-3,9 0 1-15,31 * *", &["*-*-01..15,31 00:01..03,09"]);
        check("0 0 */2 * *", &["*-*-01,03,05,07,09,11,13,15,17,19,21,23,25,27,29,31 00:00"]);
        check("0 0 1-30/2 2 *", &["*-02-01,03,05,07,09,11,13,15,17,19,21,23,25,27,29 00:00"]);
    }

    #[test]
    fn either_of_two_day_fields_is_two_schedules() {
        check("0 0 1,15 * 5", &["*-*-01,15 00:00", "Fri *-*-* 00:00"]);
        // A field that holds every day leaves nothing to the other.
        check("0 0 1-31 * 5", &["*-*-* 00:00"]);
        check("0 0 13 * 0-6", &["*-*-* 00:00"]);
        check("0 0 30 2 1", &["Mon *-02-* 00:00"]);
    }

    #[test]
    fn both_day_fields_hold_where_one_begins_with_a_star() {
        check("0 0 */2 * 5", &["Fri *-*-01,03,05,07,09,11,13,15,17,19,21,23,25,27,29,31 00:00"]);
        check("0 0 13 * */5", &["Fri,Sun *-*-13 00:00"]);
    }
}
