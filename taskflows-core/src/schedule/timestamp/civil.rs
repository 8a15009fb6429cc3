use jiff::SignedDuration;
use jiff::civil::{Date, DateTime, Time};

use super::read::{Stop, beyond};
use crate::schedule::calendar::{DAYS, rounded_micros};

/// Reads `[WEEKDAY] [DATE] [TIME]`; `today` is the day where none is told.
///
/// As for strptime(3), on which systemd relies, white space may stand before a number, and a number ends with
/// the digit that would make it too great.
pub(super) fn date_time(text: &str, today: Date) -> Result<DateTime, Stop> {
    let mut cursor = Cursor { text, at: 0 };
    let weekday = cursor.weekday();
    let begin = cursor.at;
    let year = cursor.number(9999, 4);
    if year.is_err() {
        return cursor.stop("a date or a time");
    }
    let date = match year {
        Ok(year) if cursor.skip('-') => Some(cursor.date(year, begin)?),
        _ => None,
    };
    let day = date.unwrap_or(today);
    if weekday.is_some_and(|weekday| weekday != day.weekday().to_monday_zero_offset().unsigned_abs()) {
        return Err((0, format!("{day} is a {}", day.strftime("%A"))));
    }
    if date.is_some() && cursor.rest().is_empty() {
        return Ok(day.to_datetime(Time::midnight()));
    }
    if date.is_none() {
        cursor.at = begin;
    }
    let (time, fraction) = cursor.time()?;
    day.to_datetime(time).checked_add(fraction).map_err(|_| beyond())
}

struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn skip(&mut self, c: char) -> bool {
        let found = self.rest().starts_with(c);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, c: char) -> Result<(), Stop> {
        if self.skip(c) { Ok(()) } else { self.stop(&format!("`{c}`")) }
    }

    fn stop<T>(&self, expected: &str) -> Result<T, Stop> {
        Err((self.at, format!("expected {expected}")))
    }

    /// Reads a weekday and the space that must follow.
    fn weekday(&mut self) -> Option<u8> {
        let (word, _) = self.rest().split_once(' ')?;
        let (_, day) = DAYS.iter().find(|(name, _)| name.eq_ignore_ascii_case(word))?;
        self.at += word.len() + 1;
        Some(*day)
    }

    /// Reads the rest of a date. A year of two digits is one from 1969 to 2068.
    fn date(&mut self, year: i16, begin: usize) -> Result<Date, Stop> {
        let digits = self.text[begin..self.at].trim_start().len() - 1;
        let year = match year {
            _ if digits > 2 => year,
            69.. => year + 1900,
            _ => year + 2000,
        };
        let month = self.number(12, 2)?;
        self.expect('-')?;
        let day = self.number(31, 2)?;
        let small = |number: i16| i8::try_from(number).unwrap_or(0);
        Date::new(year, small(month), small(day)).map_err(|_| (begin, "there is no such day".to_owned()))
    }

    /// Reads `HOUR:MINUTE[:SECOND[.FRACTION]]` to the end.
    fn time(&mut self) -> Result<(Time, SignedDuration), Stop> {
        let hour = self.number(23, 2)?;
        self.expect(':')?;
        let minute = self.number(59, 2)?;
        let second = if self.skip(':') { Some(self.number(59, 2)?) } else { None };
        let fraction = if second.is_some() && self.skip('.') { self.fraction()? } else { 0 };
        if !self.rest().is_empty() {
            return self.stop("the end of the time");
        }
        let small = |number: i16| i8::try_from(number).unwrap_or(0);
        let time = Time::new(small(hour), small(minute), small(second.unwrap_or(0)), 0);
        Ok((time.map_err(|_| beyond())?, SignedDuration::from_micros(fraction)))
    }

    fn fraction(&mut self) -> Result<i64, Stop> {
        let rest = self.rest();
        let digits = &rest[..rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len())];
        if digits.is_empty() {
            return self.stop("digits after the point");
        }
        self.at += digits.len();
        Ok(i64::from(rounded_micros(digits)))
    }

    /// Reads a number of at most `digits` digits that is not greater than `most`.
    fn number(&mut self, most: i16, digits: usize) -> Result<i16, Stop> {
        let begin = self.at;
        self.at += self.rest().len() - self.rest().trim_ascii_start().len();
        let (mut number, mut taken) = (0i16, 0);
        while taken < digits && number * 10 <= most {
            let Some(digit) = self.rest().bytes().next().filter(u8::is_ascii_digit) else { break };
            number = number * 10 + i16::from(digit - b'0');
            self.at += 1;
            taken += 1;
        }
        if taken > 0 && number <= most {
            return Ok(number);
        }
        self.at = begin;
        self.stop(&format!("a number up to {most}"))
    }
}
