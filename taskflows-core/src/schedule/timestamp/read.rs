use jiff::civil::{DateTime, Time};
use jiff::fmt::temporal::Pieces;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};
use jiff::{Timestamp, ToSpan};
use thiserror::Error;

use super::civil::date_time;
use crate::name::Quoted;
use crate::schedule::{Zones, parse_instant};
use crate::{ParseTimeSpanError, TimeSpan};

/// The forms of [`parse_timestamp`], for a hint.
pub const TIMESTAMP_FORMS: &str = "2026-11-24 14:00, yesterday, 2h ago, +5min, 2026-11-24T14:00:00Z";

/// Reads a point in time as systemd.time(7) describes it under "Parsing Timestamps", and RFC 3339.
///
/// `now` is what relative times count from; a time that names no zone is meant in `local`. Zones are UTC, a
/// name of `zones`, or an abbreviation that the clocks of `local` show at that time. A time that the clocks
/// skip is as long after the change, one that they show twice is the first. In RFC 3339 the letter `T` stands
/// between date and time, and an offset may follow; a zone as in RFC 9557, too.
///
/// ```
/// use jiff::Timestamp;
/// use jiff::tz::{TimeZone, TimeZoneDatabase};
/// use taskflows_core::schedule::{Zones, parse_timestamp};
///
/// let zones = Zones::new(TimeZoneDatabase::bundled(), TimeZone::UTC);
/// let now: Timestamp = "2026-11-24T14:00:00Z".parse()?;
/// let read = |text| parse_timestamp(text, now, &TimeZone::UTC, &zones);
/// assert_eq!(read("5min ago")?, "2026-11-24T13:55:00Z".parse()?);
/// assert_eq!(read("Wed 2026-11-25 09:30 Europe/Berlin")?, "2026-11-25T08:30:00Z".parse()?);
/// assert_eq!(read("2026-11-25T09:30:00-05:00")?, "2026-11-25T14:30:00Z".parse()?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// When it is none of these forms, when there is no such day or zone, when the weekday is another, or when it
/// lies before 1970, where systemd's time begins.
pub fn parse_timestamp(
    text: &str,
    now: Timestamp,
    local: &TimeZone,
    zones: &Zones,
) -> Result<Timestamp, ParseTimestampError> {
    let found = relative(text, now).unwrap_or_else(|| Reading { text, now, local, zones }.absolute());
    found
        .and_then(|found| match found >= Timestamp::UNIX_EPOCH {
            true => Ok(found),
            false => Err((0, "it is before 1970".to_owned())),
        })
        .map_err(|(offset, message)| ParseTimestampError { text: text.to_owned(), offset, message })
}

/// Why a text is not a point in time.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{} is no time: {message}", Quoted(text))]
pub struct ParseTimestampError {
    text: String,
    offset: usize,
    message: String,
}

impl ParseTimestampError {
    /// Returns the byte of the text at which reading stopped.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// Returns what is wrong, without the text.
    pub fn message(&self) -> &str {
        &self.message
    }
}

/// Where reading stopped, and why.
pub(super) type Stop = (usize, String);

pub(super) fn beyond() -> Stop {
    (0, "it is beyond any date".to_owned())
}

/// Reads what counts from now, or from 1970; `None` where the text is of another form.
fn relative(text: &str, now: Timestamp) -> Option<Result<Timestamp, Stop>> {
    let (from, back, length) = if text == "now" {
        return Some(Ok(now));
    } else if let Some(length) = text.strip_prefix('+') {
        (now, false, length)
    } else if let Some(length) = text.strip_prefix('-') {
        (now, true, length)
    } else if let Some(length) = text.strip_prefix('@') {
        (Timestamp::UNIX_EPOCH, false, length)
    } else if let Some(length) = text.strip_suffix(" ago") {
        (now, true, length)
    } else {
        (now, false, text.strip_suffix(" left")?)
    };
    let begin = if text.ends_with(length) { text.len() - length.len() } else { 0 };
    let read =
        length.parse().map_err(|error: ParseTimeSpanError| (begin + error.offset(), error.reason().into()));
    Some(read.and_then(|span: TimeSpan| {
        let found = if back { from.checked_sub(span.duration()) } else { from.checked_add(span.duration()) };
        found.map_err(|_| beyond())
    }))
}

struct Reading<'a> {
    text: &'a str,
    now: Timestamp,
    local: &'a TimeZone,
    zones: &'a Zones,
}

impl Reading<'_> {
    fn absolute(&self) -> Result<Timestamp, Stop> {
        if is_rfc_3339(self.text) {
            return self.rfc_3339();
        }
        let (body, word) = split_zone(self.text);
        let Some((at, word)) = word else { return in_zone(self.civil(body, self.local)?, self.local) };
        if word.eq_ignore_ascii_case("utc") {
            return in_zone(self.civil(body, &TimeZone::UTC)?, &TimeZone::UTC);
        }
        let civil = self.civil(body, self.local)?;
        if let Some(offset) = offset_shown(self.local, civil, word) {
            return offset.to_timestamp(civil).map_err(|_| beyond());
        }
        if is_shown_about(self.local, civil, word) {
            return Err((at, format!("the clocks do not show `{}` then", word.escape_debug())));
        }
        let zone = self.zones.named(word).map_err(|error| (at, error.to_string()))?;
        in_zone(self.civil(body, &zone)?, &zone)
    }

    /// Reads `…T…` with an offset or a zone behind it, or neither.
    fn rfc_3339(&self) -> Result<Timestamp, Stop> {
        if let Ok(pieces) = Pieces::parse(self.text)
            && let (Some(time), None, None) = (pieces.time(), pieces.offset(), pieces.time_zone_annotation())
        {
            return in_zone(pieces.date().to_datetime(time), self.local);
        }
        parse_instant(self.text, self.zones).map_err(|error| (0, error.reason().to_owned()))
    }

    /// Reads `[WEEKDAY] [DATE] [TIME]`, or a word for a day, as the clocks in `zone` show it.
    fn civil(&self, body: &str, zone: &TimeZone) -> Result<DateTime, Stop> {
        let today = zone.to_datetime(self.now).date();
        let days: i64 = match body {
            "yesterday" => -1,
            "today" => 0,
            "tomorrow" => 1,
            _ => return date_time(body, today),
        };
        let day = today.checked_add(days.days()).map_err(|_| beyond())?;
        Ok(day.to_datetime(Time::midnight()))
    }
}

/// Tells whether a `T` stands between digits, or an offset or `Z` behind the time.
fn is_rfc_3339(text: &str) -> bool {
    let bytes = text.as_bytes();
    let digit = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_digit);
    let between = |(at, byte): (usize, &u8)| {
        byte.eq_ignore_ascii_case(&b't') && at > 0 && digit(bytes.get(at - 1)) && digit(bytes.get(at + 1))
    };
    bytes.iter().enumerate().any(between) || text.parse::<Timestamp>().is_ok()
}

fn in_zone(civil: DateTime, zone: &TimeZone) -> Result<Timestamp, Stop> {
    zone.to_timestamp(civil).map_err(|_| beyond())
}

/// Takes a zone off the end, with its place: a word that begins with a letter or a sign.
fn split_zone(text: &str) -> (&str, Option<(usize, &str)>) {
    match text.rsplit_once(' ') {
        Some((body, word)) if word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '+' || c == '-') => {
            (body, Some((body.len() + 1, word)))
        }
        _ => (text, None),
    }
}

/// Returns the offset of `zone` at a time that its clocks show with the abbreviation `word`.
fn offset_shown(zone: &TimeZone, civil: DateTime, word: &str) -> Option<Offset> {
    let offsets = match zone.to_ambiguous_timestamp(civil).offset() {
        AmbiguousOffset::Unambiguous { offset } => [offset, offset],
        AmbiguousOffset::Fold { before, after } => [before, after],
        AmbiguousOffset::Gap { .. } => return None,
    };
    offsets.into_iter().find(|offset| {
        let shown = offset.to_timestamp(civil).ok().map(|time| zone.to_offset_info(time));
        shown.is_some_and(|shown| shown.abbreviation().eq_ignore_ascii_case(word))
    })
}

/// Tells whether the clocks of `zone` show the abbreviation `word` within a change or two.
fn is_shown_about(zone: &TimeZone, civil: DateTime, word: &str) -> bool {
    let Ok(time) = zone.to_timestamp(civil) else { return false };
    let changes = zone.following(time).take(2).chain(zone.preceding(time).take(2));
    changes.into_iter().any(|change| change.abbreviation().eq_ignore_ascii_case(word))
}
