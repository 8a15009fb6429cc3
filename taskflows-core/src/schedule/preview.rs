use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{CalendarSpec, Zones};

/// What an expression of the calendar means, for who is about to use it.
///
/// ```
/// use jiff::Timestamp;
/// use jiff::tz::{TimeZone, TimeZoneDatabase};
/// use taskflows_core::schedule::{Preview, Zones};
///
/// let zones = Zones::new(TimeZoneDatabase::bundled(), TimeZone::UTC);
/// let preview = Preview::of("daily", &zones, None, Timestamp::UNIX_EPOCH, 1)?;
/// assert_eq!(preview.normalized, "*-*-* 00:00:00");
/// assert_eq!(preview.next, ["1970-01-02T00:00:00Z".parse()?]);
/// let wrong = Preview::of("dayly", &zones, None, Timestamp::UNIX_EPOCH, 1).unwrap_err();
/// assert_eq!(wrong.offset, Some(0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    /// The expression as systemd writes it.
    pub normalized: String,
    /// The next times at which it elapses; none where it never does.
    pub next: Vec<Timestamp>,
}

/// Why an expression means nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct PreviewError {
    /// What is wrong, without the expression.
    pub message: String,
    /// The byte of the expression at which reading stopped.
    pub offset: Option<usize>,
}

impl Preview {
    /// Returns what `expression` means, with the first `count` times after `base`; in `zone`, where it names none itself.
    ///
    /// # Errors
    /// When it is no expression, or its zone is not there.
    pub fn of(
        expression: &str,
        zones: &Zones,
        zone: Option<&TimeZone>,
        base: Timestamp,
        count: usize,
    ) -> Result<Self, PreviewError> {
        let spec: CalendarSpec = expression.parse().map_err(|error: super::ParseCalendarError| {
            PreviewError { message: error.message().to_owned(), offset: Some(error.offset()) }
        })?;
        let zone = match (zone, spec.zone_name()) {
            (Some(zone), None) => Ok(zone.clone()),
            _ => zones.resolve(&spec),
        };
        let zone = zone.map_err(|error| PreviewError {
            message: error.to_string(),
            offset: expression.rfind(spec.zone_name().unwrap_or_default()),
        })?;
        Ok(Self { normalized: spec.to_string(), next: spec.upcoming(base, &zone).take(count).collect() })
    }
}
