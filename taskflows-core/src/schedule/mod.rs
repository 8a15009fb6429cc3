//! When a service starts, stops or restarts.

mod calendar;
mod one_time;
mod periodic;
mod preview;
mod timestamp;

use thiserror::Error;

pub use calendar::{CalendarSpec, ParseCalendarError, UnknownZoneError, Zones};
pub use one_time::{ParseInstantError, parse_instant};
pub use periodic::{Periodic, RelativeTo, StartOn};
pub use preview::{Preview, PreviewError};
pub use timestamp::{ParseTimestampError, TIMESTAMP_FORMS, parse_timestamp};

use crate::{Line, TextError, TimeSpan};

/// How late a timer may fire when nothing else is said; systemd's own default of a minute would make
/// `14:00` mean "within 14:00".
pub const DEFAULT_ACCURACY: TimeSpan = TimeSpan::from_micros(1_000);

/// One line of a service's timer. A service may have several.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Schedule {
    /// At days and times of the calendar.
    Calendar(Calendar),
    /// Again and again after a length of time.
    Periodic(Periodic),
}

impl From<Calendar> for Schedule {
    fn from(calendar: Calendar) -> Self {
        Self::Calendar(calendar)
    }
}

impl From<Periodic> for Schedule {
    fn from(periodic: Periodic) -> Self {
        Self::Periodic(periodic)
    }
}

impl Schedule {
    /// Returns how late the timer may fire.
    pub fn accuracy(&self) -> TimeSpan {
        match self {
            Self::Calendar(calendar) => calendar.accuracy,
            Self::Periodic(periodic) => periodic.accuracy,
        }
    }

    /// Returns how long it may wait after its time, by chance.
    pub fn randomized_delay(&self) -> Option<TimeSpan> {
        match self {
            Self::Calendar(calendar) => calendar.randomized_delay,
            Self::Periodic(periodic) => periodic.randomized_delay,
        }
    }
}

/// Starts at days and times of the calendar, in systemd's words.
///
/// ```
/// use taskflows_core::Calendar;
///
/// let daily: Calendar = "Mon-Sun 14:00 America/New_York".parse()?;
/// assert_eq!(daily.spec().zone_name(), Some("America/New_York"));
/// # Ok::<(), taskflows_core::ParseScheduleError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Calendar {
    pub(crate) text: Line,
    pub(crate) spec: CalendarSpec,
    /// Make up once for elapses missed while the machine was off (`Persistent=`).
    pub persistent: bool,
    /// How late the timer may fire (`AccuracySec=`).
    pub accuracy: TimeSpan,
    /// Wait up to so long after the time, a new length each time (`RandomizedDelaySec=`).
    pub randomized_delay: Option<TimeSpan>,
}

impl Calendar {
    /// Runs once, at `instant`, which is kept to the microsecond, in UTC.
    ///
    /// What is below a microsecond is dropped: systemd's clock has no less.
    ///
    /// ```
    /// use taskflows_core::Calendar;
    ///
    /// let once = Calendar::from_datetime("2026-05-05T16:50:08Z".parse()?);
    /// assert_eq!(once.text(), "2026-05-05 16:50:08 UTC");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_datetime(instant: jiff::Timestamp) -> Self {
        Self::once(CalendarSpec::at(instant))
    }

    /// Runs once, at `instant`, in words of its zone.
    ///
    /// UTC is taken instead where the zone has no name (an offset), and where its clocks show that time
    /// twice: a person would not know which is meant. Below a microsecond as in
    /// [`from_datetime`](Self::from_datetime).
    ///
    /// ```
    /// use taskflows_core::Calendar;
    ///
    /// let once = Calendar::from_zoned(&"2026-05-05T16:50:08[America/New_York]".parse()?);
    /// assert_eq!(once.text(), "2026-05-05 16:50:08 America/New_York");
    /// let twice = Calendar::from_zoned(&"2026-11-01T01:30:00-05:00[America/New_York]".parse()?);
    /// assert_eq!(twice.text(), "2026-11-01 06:30:00 UTC");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_zoned(instant: &jiff::Zoned) -> Self {
        Self::once(CalendarSpec::at_zoned(instant))
    }

    fn once(spec: CalendarSpec) -> Self {
        let text = spec.to_string().parse().expect("a normal form is one line of ASCII");
        Self { text, spec, persistent: true, accuracy: DEFAULT_ACCURACY, randomized_delay: None }
    }

    /// Returns the expression as it was written.
    pub fn text(&self) -> &str {
        self.text.as_str()
    }

    /// Returns the parsed expression.
    pub fn spec(&self) -> &CalendarSpec {
        &self.spec
    }
}

impl std::str::FromStr for Calendar {
    type Err = ParseScheduleError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let line: Line = text.parse()?;
        let spec = line.as_str().parse()?;
        Ok(Self { text: line, spec, persistent: true, accuracy: DEFAULT_ACCURACY, randomized_delay: None })
    }
}

/// Why a text is not a schedule.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ParseScheduleError {
    /// It cannot stand in a unit file.
    #[error(transparent)]
    Text(#[from] TextError),
    /// It is no calendar expression.
    #[error(transparent)]
    Calendar(#[from] ParseCalendarError),
}

impl ParseScheduleError {
    /// Returns the byte of the text at which reading stopped, where that is known.
    pub fn offset(&self) -> Option<usize> {
        match self {
            Self::Text(_) => None,
            Self::Calendar(error) => Some(error.offset()),
        }
    }
}
