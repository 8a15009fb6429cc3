use jiff::Timestamp;
use jiff::fmt::temporal::Pieces;
use jiff::tz::TimeZone;
use thiserror::Error;

use crate::name::Quoted;
use crate::schedule::Zones;

/// Reads an instant in RFC 3339 or RFC 9557: `2026-05-05T16:50:08Z`, `…-04:00`, `…[America/New_York]`.
///
/// # Errors
/// When it is no date and time, when it says neither zone nor offset (whose noon would it be?), when
/// the zone is unknown, or when the clocks skip that time there.
pub fn parse_instant(text: &str, zones: &Zones) -> Result<Timestamp, ParseInstantError> {
    let error = |reason: String| ParseInstantError { text: text.to_owned(), reason };
    let pieces = Pieces::parse(text).map_err(|_| {
        error(
            "expected a date and time such as 2026-05-05T16:50:08Z or 2026-05-05T16:50:08[Europe/Berlin]"
                .into(),
        )
    })?;
    let Some(time) = pieces.time() else {
        return Err(error("it says no time of day".into()));
    };
    if pieces.offset().is_some() {
        return text.split('[').next().unwrap_or(text).parse().map_err(|e: jiff::Error| error(e.to_string()));
    }
    let Some(annotation) = pieces.time_zone_annotation() else {
        return Err(error("it says no zone: add Z, an offset such as -04:00, or [America/New_York]".into()));
    };
    let zone = annotation_zone(annotation, zones).ok_or_else(|| error("its zone is unknown".into()))?;
    let ambiguous = zone.to_ambiguous_timestamp(pieces.date().to_datetime(time));
    if ambiguous.is_ambiguous() {
        return Err(error("the clocks change then: add an offset to say which instant is meant".into()));
    }
    ambiguous.compatible().map_err(|e| error(e.to_string()))
}

fn annotation_zone(
    annotation: &jiff::fmt::temporal::TimeZoneAnnotation<'_>,
    zones: &Zones,
) -> Option<TimeZone> {
    match annotation.kind() {
        jiff::fmt::temporal::TimeZoneAnnotationKind::Named(name) => zones.named(name.as_str()).ok(),
        _ => None,
    }
}

/// Why a text is not an instant.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{} is not an instant: {reason}", Quoted(text))]
pub struct ParseInstantError {
    text: String,
    reason: String,
}

impl ParseInstantError {
    /// Returns what is wrong, without the text.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}
