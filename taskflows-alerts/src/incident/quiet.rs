use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

/// A time of every day when people are not to be disturbed: `22:00-07:00 Europe/Berlin`, UTC where no zone is named.
///
/// It is what clocks on the wall show: the night in which they are put forward is an hour shorter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuietHours {
    from: Time,
    to: Time, // Invariant: another than `from`.
    zone: TimeZone,
}

impl QuietHours {
    /// Returns when they are over, where they hold at this moment.
    pub fn end_at(&self, now: Timestamp) -> Option<Timestamp> {
        let today = self.zone.to_datetime(now).date();
        let yesterday = today.yesterday().ok();
        let windows = [yesterday, Some(today)].into_iter().flatten().filter_map(|day| self.window(day));
        windows.filter(|(from, to)| (*from..*to).contains(&now)).map(|(_, to)| to).max()
    }

    fn window(&self, day: Date) -> Option<(Timestamp, Timestamp)> {
        let last = if self.to > self.from { day } else { day.tomorrow().ok()? };
        let moment = |day: Date, time: Time| self.zone.to_timestamp(day.to_datetime(time)).ok();
        Some((moment(day, self.from)?, moment(last, self.to)?))
    }
}

impl fmt::Display for QuietHours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, to) = (self.from, self.to);
        write!(f, "{:02}:{:02}-{:02}:{:02}", from.hour(), from.minute(), to.hour(), to.minute())?;
        write!(f, " {}", self.zone.iana_name().unwrap_or("UTC"))
    }
}

/// A text that names no quiet hours.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ParseQuietHoursError {
    /// It is not of the form.
    #[error("`{}` are no quiet hours like `22:00-07:00 Europe/Berlin`", .0.escape_debug())]
    Form(String),
    /// There is no such zone.
    #[error("`{}` is no time zone of the IANA database", .0.escape_debug())]
    Zone(String),
    /// They are over as they begin.
    #[error("`{}` begin and end at the same time", .0.escape_debug())]
    Empty(String),
}

impl FromStr for QuietHours {
    type Err = ParseQuietHoursError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let short = || text.chars().take(60).collect::<String>();
        let form = || ParseQuietHoursError::Form(short());
        let (hours, zone) = text.trim().split_once(char::is_whitespace).unwrap_or((text.trim(), "UTC"));
        let (from, to) = hours.split_once('-').ok_or_else(form)?;
        let (from, to) = (clock(from).ok_or_else(form)?, clock(to).ok_or_else(form)?);
        if from == to {
            return Err(ParseQuietHoursError::Empty(short()));
        }
        let zone = zone.trim();
        let zone =
            TimeZone::get(zone).map_err(|_| ParseQuietHoursError::Zone(zone.chars().take(60).collect()))?;
        Ok(Self { from, to, zone })
    }
}

/// Reads `22:00`; 24:00 is the midnight that ends a day.
fn clock(text: &str) -> Option<Time> {
    let (hour, minute) = text.trim().split_once(':')?;
    let number = |text: &str| match text.as_bytes() {
        [b'0'..=b'9'] | [b'0'..=b'9', b'0'..=b'9'] => text.parse::<i8>().ok(),
        _ => None,
    };
    match (number(hour)?, number(minute)?) {
        (24, 0) => Some(Time::midnight()),
        (hour, minute) => Time::new(hour, minute, 0, 0).ok(),
    }
}

impl Serialize for QuietHours {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for QuietHours {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(hours: &str, now: &str, end: Option<&str>) {
        let hours: QuietHours = hours.parse().unwrap();
        assert_eq!(hours.end_at(now.parse().unwrap()), end.map(|end| end.parse().unwrap()), "{hours} {now}");
        assert_eq!(hours.to_string().parse::<QuietHours>().unwrap(), hours);
    }

    #[test]
    fn quiet_hours_hold_from_their_begin_until_their_end() {
        check("12:00-13:30", "2026-01-01T11:59:59Z", None);
        check("12:00-13:30", "2026-01-01T12:00:00Z", Some("2026-01-01T13:30:00Z"));
        check("12:00-13:30", "2026-01-01T13:29:59Z", Some("2026-01-01T13:30:00Z"));
        check("12:00-13:30", "2026-01-01T13:30:00Z", None);
    }

    #[test]
    fn quiet_hours_go_over_midnight() {
        check("22:00-07:00 Europe/Berlin", "2026-01-01T21:00:00Z", Some("2026-01-02T06:00:00Z"));
        check("22:00-07:00 Europe/Berlin", "2026-01-02T05:59:00Z", Some("2026-01-02T06:00:00Z"));
        check("22:00-07:00 Europe/Berlin", "2026-01-02T06:00:00Z", None);
        check("22:00-24:00 UTC", "2026-01-02T23:00:00Z", Some("2026-01-03T00:00:00Z"));
    }

    #[test]
    fn a_night_with_a_change_of_the_clocks_ends_when_the_clock_on_the_wall_says_so() {
        // Spring, 2026-03-29: 07:00 is 05:00 UTC, no longer 06:00.
        check("22:00-07:00 Europe/Berlin", "2026-03-28T21:00:00Z", Some("2026-03-29T05:00:00Z"));
        // Autumn, 2026-10-25.
        check("22:00-07:00 Europe/Berlin", "2026-10-24T20:00:00Z", Some("2026-10-25T06:00:00Z"));
        // 02:30 does not exist in spring: it ends an hour later on the wall, at the same moment.
        check("01:00-02:30 Europe/Berlin", "2026-03-29T00:30:00Z", Some("2026-03-29T01:30:00Z"));
    }

    #[test]
    fn what_names_no_quiet_hours_is_told_as_such() {
        for text in ["", "22:00", "22-07", "22:00-25:00", "22:60-07:00", "+2:00-07:00", "22:00-22:00", "x"] {
            assert!(text.parse::<QuietHours>().is_err(), "{text}");
        }
        let error = "22:00-07:00 Mars/Olympus".parse::<QuietHours>().unwrap_err();
        assert_eq!(error.to_string(), "`Mars/Olympus` is no time zone of the IANA database");
    }
}
