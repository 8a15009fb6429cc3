use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::component::{Chain, SECOND};
use super::parse::{ParseCalendarError, parse};

/// Every weekday; Monday is the lowest bit.
pub(super) const ALL_DAYS: u8 = 0b111_1111;

/// Days and times of the calendar: `Mon..Fri 09:00`, `*-*-~01 23:30 Europe/Berlin`, `hourly`.
///
/// The default text form is the one that `systemd-analyze calendar` calls normalized.
///
/// ```
/// use taskflows_core::schedule::CalendarSpec;
///
/// let spec: CalendarSpec = "Mon-Sun 14:00 America/New_York".parse()?;
/// assert_eq!(spec.to_string(), "*-*-* 14:00:00 America/New_York");
/// let friday: CalendarSpec = "fri *-*-13 9:5".parse()?;
/// assert_eq!(friday.to_string(), "Fri *-*-13 09:05:00");
/// # Ok::<(), taskflows_core::schedule::ParseCalendarError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CalendarSpec {
    /// The days of the week on which it elapses; all where it names none.
    pub(super) weekdays: u8,
    pub(super) year: Chain,
    pub(super) month: Chain,
    pub(super) day: Chain,
    /// The days are counted from the end of the month.
    pub(super) from_end: bool,
    pub(super) hour: Chain,
    pub(super) minute: Chain,
    /// In microseconds.
    pub(super) second: Chain,
    pub(super) zone: Option<String>,
}

impl CalendarSpec {
    /// Elapses once, at `instant` to the microsecond.
    pub fn at(instant: Timestamp) -> Self {
        let time = instant.to_zoned(TimeZone::UTC).datetime();
        let micros = u32::from(time.second().unsigned_abs()) * SECOND
            + (time.subsec_nanosecond().unsigned_abs() / 1_000);
        Self {
            weekdays: ALL_DAYS,
            year: Chain::single(u32::from(time.year().unsigned_abs())),
            month: Chain::single(u32::from(time.month().unsigned_abs())),
            day: Chain::single(u32::from(time.day().unsigned_abs())),
            from_end: false,
            hour: Chain::single(u32::from(time.hour().unsigned_abs())),
            minute: Chain::single(u32::from(time.minute().unsigned_abs())),
            second: Chain::single(micros),
            zone: Some("UTC".to_owned()),
        }
    }

    /// Returns the zone it names; `None` is the zone of the host.
    pub fn zone_name(&self) -> Option<&str> {
        self.zone.as_deref()
    }
}

impl FromStr for CalendarSpec {
    type Err = ParseCalendarError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text)
    }
}

impl fmt::Display for CalendarSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.weekdays != ALL_DAYS {
            write_weekdays(f, self.weekdays)?;
        }
        self.year.write(f, 4, 1)?;
        f.write_str("-")?;
        self.month.write(f, 2, 1)?;
        f.write_str(if self.from_end { "~" } else { "-" })?;
        self.day.write(f, 2, 1)?;
        f.write_str(" ")?;
        self.hour.write(f, 2, 1)?;
        f.write_str(":")?;
        self.minute.write(f, 2, 1)?;
        f.write_str(":")?;
        self.second.write(f, 2, SECOND)?;
        match &self.zone {
            Some(zone) => write!(f, " {zone}"),
            None => Ok(()),
        }
    }
}

/// Writes runs of days: two as `Sat,Sun`, three and more as `Mon..Fri`.
fn write_weekdays(f: &mut fmt::Formatter<'_>, days: u8) -> fmt::Result {
    const NAMES: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    let mut gap = "";
    let mut day = 0;
    while day < 7 {
        let run = (day..7).take_while(|&day| days & (1 << day) != 0).count();
        match run {
            0 => day += 1,
            1 => write!(f, "{gap}{}", NAMES[day])?,
            2 => write!(f, "{gap}{},{}", NAMES[day], NAMES[day + 1])?,
            _ => write!(f, "{gap}{}..{}", NAMES[day], NAMES[day + run - 1])?,
        }
        if run > 0 {
            gap = ",";
            day += run;
        }
    }
    f.write_str(" ")
}
