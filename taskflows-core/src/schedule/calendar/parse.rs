use thiserror::Error;

use super::component::SECOND;
use super::cursor::{DAYS, Places, Stop, read_body};
use super::spec::{ALL_DAYS, CalendarSpec, Fields};

/// The years systemd knows.
pub(super) const YEARS: (u32, u32) = (1970, 2199);

/// Words for common expressions.
const SHORTHANDS: [(&str, &str); 13] = [
    ("minutely", "*-*-* *:*:00"),
    ("hourly", "*-*-* *:00:00"),
    ("daily", "*-*-* 00:00:00"),
    ("weekly", "Mon *-*-* 00:00:00"),
    ("monthly", "*-*-01 00:00:00"),
    ("quarterly", "*-01,04,07,10-01 00:00:00"),
    ("biannually", "*-01,07-01 00:00:00"),
    ("bi-annually", "*-01,07-01 00:00:00"),
    ("semiannually", "*-01,07-01 00:00:00"),
    ("semi-annually", "*-01,07-01 00:00:00"),
    ("annually", "*-01-01 00:00:00"),
    // systemd takes this spelling as well.
    ("anually", "*-01-01 00:00:00"),
    ("yearly", "*-01-01 00:00:00"),
];

/// Why a text is not a calendar expression.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{}` is no calendar expression: {message}", text.escape_debug())]
pub struct ParseCalendarError {
    text: String,
    offset: usize,
    message: String,
}

impl ParseCalendarError {
    /// Returns the byte of the text at which reading stopped.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// Returns what was expected there, without the text.
    pub fn message(&self) -> &str {
        &self.message
    }
}

pub(super) fn parse(text: &str) -> Result<CalendarSpec, ParseCalendarError> {
    read(text).map_err(|(offset, message)| ParseCalendarError { text: text.to_owned(), offset, message })
}

fn read(text: &str) -> Result<CalendarSpec, Stop> {
    let (body, zone) = split_zone(text)?;
    if body.is_empty() {
        return Err((0, "it is empty".into()));
    }
    let shorthand = SHORTHANDS.iter().find(|(word, _)| word.eq_ignore_ascii_case(body));
    let (mut fields, places) = read_body(shorthand.map_or(body, |(_, meaning)| meaning))?;
    if fields.zone.is_none() {
        fields.zone = zone;
    } else if zone.is_some_and(|zone| zone != "UTC") {
        return Err((body.len() + 1, "seconds since 1970 are in UTC, whatever the zone".into()));
    }
    normalize(&mut fields);
    check_ranges(&fields, &places)?;
    Ok(CalendarSpec::new(fields))
}

/// Takes a zone off the end. A word that begins with a letter is one unless it stands alone.
fn split_zone(text: &str) -> Result<(&str, Option<String>), Stop> {
    let Some((body, word)) = text.rsplit_once(' ') else { return Ok((text, None)) };
    let at = body.len() + 1;
    if word.eq_ignore_ascii_case("utc") {
        return Ok((body, Some("UTC".to_owned())));
    }
    if word.starts_with(['+', '-']) {
        return Err((at, "a fixed offset is no zone; write UTC or a name such as Europe/Berlin".into()));
    }
    let is_weekday = DAYS.iter().any(|(name, _)| name.eq_ignore_ascii_case(word));
    if !word.starts_with(|c: char| c.is_ascii_alphabetic()) || is_weekday {
        return Ok((text, None));
    }
    match word.find(|c| !is_zone_letter(c)) {
        Some(bad) => Err((at + bad, "expected a zone such as UTC or Europe/Berlin".into())),
        None => Ok((body, Some(word.to_owned()))),
    }
}

fn is_zone_letter(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '/' | '_' | '-' | '+')
}

/// Tells whether a word at the end of an expression is read as a zone.
pub(super) fn is_zone_name(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_alphabetic()) && word.chars().all(is_zone_letter)
}

fn normalize(fields: &mut Fields) {
    if fields.weekdays == 0 {
        fields.weekdays = ALL_DAYS;
    }
    if fields.day.is_any() {
        fields.from_end = false;
    }
    for component in &mut fields.year.0 {
        component.start = four_digits(component.start);
        component.stop = component.stop.map(four_digits);
    }
    for chain in [
        &mut fields.year,
        &mut fields.month,
        &mut fields.day,
        &mut fields.hour,
        &mut fields.minute,
        &mut fields.second,
    ] {
        chain.normalize();
    }
}

/// 0 to 69 are years of this century, 70 to 99 of the last.
fn four_digits(year: u32) -> u32 {
    match year {
        0..70 => year + 2000,
        70..100 => year + 1900,
        _ => year,
    }
}

fn check_ranges(fields: &Fields, places: &Places) -> Result<(), Stop> {
    let days = if fields.from_end { (1, 28) } else { (1, 31) };
    let limits = [
        ("year", &fields.year, YEARS, 1),
        ("month", &fields.month, (1, 12), 1),
        ("day", &fields.day, days, 1),
        ("hour", &fields.hour, (0, 23), 1),
        ("minute", &fields.minute, (0, 59), 1),
        ("second", &fields.second, (0, 60 * SECOND - 1), SECOND),
    ];
    for ((name, chain, (from, to), unit), place) in limits.into_iter().zip(places) {
        let from_end = fields.from_end && name == "day";
        if if from_end { chain.fits_from_end() } else { chain.fits(from, to) } {
            continue;
        }
        let last = to / unit;
        let message = match chain.lies_in(from, to) {
            true if from_end && chain.0.len() > 1 => {
                "in a list counted from the end, the first day is at most 28, each further one 3 less"
                    .to_owned()
            }
            true => format!("no step or range of this {name} stays within {from} to {last}"),
            false if from_end => "a day counted from the end is from 1 to 28".to_owned(),
            false => format!("a {name} is from {from} to {last}").replace("a hour", "an hour"),
        };
        return Err((*place, message));
    }
    Ok(())
}
