use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// The times of a crontab line: five fields, as crontab(5) of Vixie's cron and of cronie defines them.
///
/// Each field is a list of numbers, names, ranges and steps. Where neither the day of the month nor the
/// day of the week begins with `*`, a day that fits either one fits; else it has to fit both, so that
/// `*/2` and `Mon` together mean the Mondays of odd date.
///
/// ```
/// use taskflows_core::import::CronExpression;
///
/// let fridays_and_paydays: CronExpression = "30 4 1,15 * 5".parse()?;
/// assert_eq!(fridays_and_paydays.calendars(None), ["*-*-01,15 04:30", "Fri *-*-* 04:30"]);
/// let error = "30 25 * * *".parse::<CronExpression>().unwrap_err();
/// assert_eq!((error.offset(), error.message()), (3, "an hour is a number from 0 to 23"));
/// # Ok::<(), taskflows_core::import::ParseCronError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CronExpression {
    pub(super) minutes: Values,
    pub(super) hours: Values,
    pub(super) days: Values,
    pub(super) months: Values,
    /// Sunday is 0.
    pub(super) weekdays: Values,
}

/// The values of one field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Values {
    /// One bit for each value.
    pub(super) bits: u64,
    /// The field begins with `*`, which has a meaning beyond its values.
    pub(super) star: bool,
}

impl Values {
    pub(super) fn has(self, value: u32) -> bool {
        self.bits & (1 << value) != 0
    }

    /// Returns the least value that is not below `value`.
    pub(super) fn at_or_after(self, value: u32) -> Option<u32> {
        let rest = self.bits.checked_shr(value)?;
        (rest != 0).then(|| value + rest.trailing_zeros())
    }

    pub(super) fn iter(self) -> impl Iterator<Item = u32> {
        (0..64).filter(move |&value| self.has(value))
    }
}

/// What one field may hold.
pub(super) struct Field {
    /// What a value is called in a message.
    what: &'static str,
    pub(super) low: u32,
    pub(super) high: u32,
    /// Names of values, the first for `low`.
    names: &'static [&'static str],
}

const MONTH_NAMES: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAY_NAMES: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

pub(super) const MINUTE: Field = Field { what: "a minute", low: 0, high: 59, names: &[] };
pub(super) const HOUR: Field = Field { what: "an hour", low: 0, high: 23, names: &[] };
pub(super) const DAY: Field = Field { what: "a day of the month", low: 1, high: 31, names: &[] };
pub(super) const MONTH: Field = Field { what: "a month", low: 1, high: 12, names: &MONTH_NAMES };
/// 7 is Sunday as well.
const WEEKDAY: Field = Field { what: "a day of the week", low: 0, high: 7, names: &DAY_NAMES };

/// Words for common expressions, in the spelling that cron takes.
const SHORTHANDS: [(&str, &str); 7] = [
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
    ("@monthly", "0 0 1 * *"),
    ("@weekly", "0 0 * * 0"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@hourly", "0 * * * *"),
];

/// Why a text is not the times of a crontab line.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct ParseCronError {
    offset: usize,
    message: String,
}

impl ParseCronError {
    pub(super) fn new(offset: usize, message: impl Into<String>) -> Self {
        Self { offset, message: message.into() }
    }

    /// Returns the byte of the text at which the wrong part begins.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// Returns what is wrong there.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl FromStr for CronExpression {
    type Err = ParseCronError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (expression, end) = Self::parse_start(text, 0)?;
        match text[end..].trim_matches(BLANKS) {
            "" => Ok(expression),
            _ => Err(ParseCronError::new(end, "a sixth field follows")),
        }
    }
}

pub(super) const BLANKS: [char; 2] = [' ', '\t'];

impl CronExpression {
    /// Reads the times at the beginning of a line and returns them with the byte at which they end.
    pub(super) fn parse_start(line: &str, begin: usize) -> Result<(Self, usize), ParseCronError> {
        if line[begin..].starts_with('@') {
            let end = word_end(line, begin);
            let word = &line[begin..end];
            let meaning = SHORTHANDS.iter().find(|(own, _)| *own == word).map(|(_, meaning)| meaning);
            let Some(meaning) = meaning else {
                let known = SHORTHANDS.map(|(own, _)| own).join(" ");
                return Err(ParseCronError::new(begin, format!("cron knows @reboot {known}")));
            };
            return Ok((Self::parse_start(meaning, 0)?.0, end));
        }
        let mut at = begin;
        let mut field = |field: &Field| -> Result<Values, ParseCronError> {
            let start = at + line[at..].len() - line[at..].trim_start_matches(BLANKS).len();
            at = word_end(line, start);
            values(field, &line[start..at])
                .map_err(|(offset, message)| ParseCronError::new(start + offset, message))
        };
        let (minutes, hours, days) = (field(&MINUTE)?, field(&HOUR)?, field(&DAY)?);
        let (months, mut weekdays) = (field(&MONTH)?, field(&WEEKDAY)?);
        if weekdays.has(7) {
            weekdays.bits = (weekdays.bits | 1) & 0x7f;
        }
        Ok((Self { minutes, hours, days, months, weekdays }, at))
    }

    /// Tells whether cron counts it among the jobs that run by the clock as it is shown, because its minute
    /// or hour begins with `*`; the others are made up for when the clock skips their time, and not
    /// repeated when it shows it twice. Source: cron(8).
    pub fn is_wildcard(&self) -> bool {
        self.minutes.star || self.hours.star
    }

    /// Tells whether a day that fits one of its two day fields fits.
    pub(super) fn either_day(&self) -> bool {
        !self.days.star && !self.weekdays.star
    }
}

/// Returns where the word that begins at `begin` ends.
pub(super) fn word_end(line: &str, begin: usize) -> usize {
    line[begin..].find(BLANKS).map_or(line.len(), |length| begin + length)
}

/// Why a field is wrong, and at which of its bytes.
type Stop = (usize, String);

fn values(field: &Field, text: &str) -> Result<Values, Stop> {
    if text.is_empty() {
        return Err((0, format!("{} is missing: cron's times are five fields", field.what)));
    }
    let mut bits = 0;
    let mut at = 0;
    for element in text.split(',') {
        bits |= range(field, element).map_err(|(offset, message)| (at + offset, message))?;
        at += element.len() + 1;
    }
    Ok(Values { bits, star: text.starts_with('*') })
}

/// Reads `5`, `5-10`, `5-10/2`, `*` or `*/2`.
fn range(field: &Field, text: &str) -> Result<u64, Stop> {
    let (body, step) = match text.split_once('/') {
        Some((body, step)) => (body, Some(step)),
        None => (text, None),
    };
    let (low, high) = match body.split_once('-') {
        _ if body == "*" => (field.low, field.high),
        Some((from, to)) => {
            let (low, high) = (value(field, from, 0)?, value(field, to, from.len() + 1)?);
            if low > high {
                return Err((0, format!("the range {} runs backwards, and cron's do not wrap", shown(body))));
            }
            (low, high)
        }
        None => {
            let low = value(field, body, 0)?;
            // Not every cron takes a step after a single number; those that do count on to the end.
            (low, if step.is_some() { field.high } else { low })
        }
    };
    let step = match step {
        Some(text) => number(text)
            .filter(|&step| step > 0)
            .ok_or_else(|| (body.len() + 1, format!("a step is a number from 1, not {}", shown(text))))?,
        None => 1,
    };
    Ok((low..=high).step_by(step as usize).fold(0, |bits, value| bits | 1 << value))
}

fn value(field: &Field, text: &str, offset: usize) -> Result<u32, Stop> {
    let named = field.names.iter().position(|name| name.eq_ignore_ascii_case(text));
    let value = named.and_then(|index| u32::try_from(index).ok()).map(|index| index + field.low);
    let value = value.or_else(|| number(text)).filter(|value| (field.low..=field.high).contains(value));
    value.ok_or_else(|| (offset, refusal(field, text)))
}

fn refusal(field: &Field, text: &str) -> String {
    let names = match field.names {
        [] => String::new(),
        names => format!(", or one of {}", names.join(" ")),
    };
    let expected = format!("{} is a number from {} to {}{names}", field.what, field.low, field.high);
    match text.chars().find(|c| !c.is_ascii_alphanumeric()) {
        Some('~') => format!("{expected}; a time by chance (`~`) is `randomized_delay` in a definition"),
        Some(c @ ('?' | '#')) => format!("{expected}; `{c}` is not cron's, but of other schedulers"),
        _ => expected,
    }
}

fn number(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    // A number too large to be read is too large for any field.
    digits.then(|| text.parse().unwrap_or(u32::MAX))
}

fn shown(text: &str) -> impl fmt::Display {
    crate::name::Quoted(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> CronExpression {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[track_caller]
    fn same(a: &str, b: &str) {
        let (a, b) = (read(a), read(b));
        for (a, b) in [
            (a.minutes, b.minutes),
            (a.hours, b.hours),
            (a.days, b.days),
            (a.months, b.months),
            (a.weekdays, b.weekdays),
        ] {
            assert_eq!(a.bits, b.bits);
        }
    }

    #[track_caller]
    fn refused(text: &str, offset: usize, reason: &str) {
        let error = text.parse::<CronExpression>().unwrap_err();
        assert_eq!(error.offset(), offset, "{error}");
        assert!(error.message().contains(reason), "{error}");
    }

    #[test]
    fn names_ranges_lists_and_steps_are_numbers() {
        same("0 0 * JAN,dec Mon-Fri", "0 0 * 1,12 1-5");
        same("*/7 0 * * *", "0,7,14,21,28,35,42,49,56 0 * * *");
        same("5-59/10 0 * * *", "5,15,25,35,45,55 0 * * *");
        same("5/10 0 * * *", "5-59/10 0 * * *");
        same("*/90 0 * * *", "0 0 * * *");
        same("0 0 * * 7", "0 0 * * sun");
        same("0 0 * * 5-7", "0 0 * * 5,6,0");
        same("0 0 * * 0-7", "0 0 * * *");
        same("0 0 * * */7", "0 0 * * 0");
        same("00005\t0  *\t* *", "5 0 * * *");
        same("@hourly", "0 * * * *");
        same("@annually", "0 0 1 1 *");
        same("@weekly", "0 0 * * sun");
    }

    #[test]
    fn what_cron_would_misread_is_refused_at_its_place() {
        refused("60 * * * *", 0, "0 to 59");
        refused("* 1,24 * * *", 4, "0 to 23");
        refused("* * 0 * *", 4, "1 to 31");
        refused("* * * 13 *", 6, "jan feb");
        refused("* * * * monday", 8, "one of sun mon");
        refused("* * * * fri-sun", 8, "do not wrap");
        refused("*/0 * * * *", 2, "from 1");
        refused("1,,2 * * * *", 2, "a minute");
        refused("1~9 * * * *", 0, "randomized_delay");
        refused("* * ? * *", 4, "not cron's");
        refused("*5 * * * *", 0, "a minute");
        refused("* * * *", 7, "a day of the week is missing");
        refused("", 0, "a minute is missing");
        refused("@Hourly", 0, "@hourly");
        refused("* * * * * x", 9, "sixth");
        refused("99999999999999999999 * * * *", 0, "0 to 59");
    }

    #[test]
    fn a_star_at_the_beginning_decides_how_days_combine() {
        assert!(read("0 0 1 * 1").either_day());
        for text in ["0 0 */2 * 1", "0 0 1 * */2", "0 0 *,5 * 1", "0 0 * * 1"] {
            assert!(!read(text).either_day(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[-0-9*/,@a-z \\t~é]{0,24}") {
            let _ = text.parse::<CronExpression>();
        }
    }
}
