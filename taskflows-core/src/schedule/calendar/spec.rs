use std::fmt;
use std::str::FromStr;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use super::component::{Chain, SECOND};
use super::parse::{ParseCalendarError, is_zone_name, parse};
use super::search::Search;

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
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct CalendarSpec {
    fields: Fields,
    /// The same, to be searched.
    pub(super) search: Box<Search>,
}

/// What an expression says, in its normal form.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Fields {
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
    pub(super) fn new(fields: Fields) -> Self {
        Self { search: Box::new(Search::of(&fields)), fields }
    }

    /// Elapses once, at `instant`, of which what is below a microsecond is dropped: systemd has no less.
    ///
    /// Before 1970 and after 2199 there is no time for systemd, and it never elapses.
    pub fn at(instant: Timestamp) -> Self {
        Self::new(Fields::at(TimeZone::UTC.to_datetime(instant), "UTC".to_owned()))
    }

    /// Elapses once, at `instant`, in words of its zone, or in UTC where these would not be clear.
    ///
    /// They are where the zone has a name that cannot be an abbreviation, and its clocks do not repeat that time.
    pub fn at_zoned(instant: &Zoned) -> Self {
        let zone = instant.time_zone();
        let clear = !zone.to_ambiguous_timestamp(instant.datetime()).is_ambiguous() && !zone.is_unknown();
        match zone.iana_name().filter(|name| clear && name.contains('/') && is_zone_name(name)) {
            Some(name) => Self::new(Fields::at(instant.datetime(), name.to_owned())),
            None => Self::at(instant.timestamp()),
        }
    }

    /// Returns the zone it names; `None` is the zone of the host.
    pub fn zone_name(&self) -> Option<&str> {
        self.fields.zone.as_deref()
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
        self.fields.fmt(f)
    }
}

impl Fields {
    /// The one time `civil` of the wall clock in `zone`, to the microsecond.
    pub(super) fn at(civil: DateTime, zone: String) -> Self {
        let single = |part: i8| Chain::single(u32::from(part.unsigned_abs()));
        let micros = u32::from(civil.second().unsigned_abs()) * SECOND
            + (civil.subsec_nanosecond().unsigned_abs() / 1_000);
        Self {
            weekdays: ALL_DAYS,
            // A year of two digits would be read as one of this century; none before 1970 elapses anyway.
            year: Chain::single(u32::from(civil.year().max(1_000).unsigned_abs())),
            month: single(civil.month()),
            day: single(civil.day()),
            from_end: false,
            hour: single(civil.hour()),
            minute: single(civil.minute()),
            second: Chain::single(micros),
            zone: Some(zone),
        }
    }
}

impl fmt::Debug for CalendarSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CalendarSpec").field(&self.to_string()).finish()
    }
}

impl fmt::Display for Fields {
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
