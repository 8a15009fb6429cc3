use jiff::tz::TimeZone;

use super::component::{Chain, Component, SECOND};
use super::spec::Fields;

/// Longer lists than any calendar needs are refused, as systemd does.
const MOST_COMPONENTS: usize = 240;

/// The days of the week by their names; Monday is the first.
pub(in crate::schedule) const DAYS: [(&str, u8); 14] = [
    ("Monday", 0),
    ("Mon", 0),
    ("Tuesday", 1),
    ("Tue", 1),
    ("Wednesday", 2),
    ("Wed", 2),
    ("Thursday", 3),
    ("Thu", 3),
    ("Friday", 4),
    ("Fri", 4),
    ("Saturday", 5),
    ("Sat", 5),
    ("Sunday", 6),
    ("Sun", 6),
];

/// Where reading stopped, and why.
pub(super) type Stop = (usize, String);

/// Where each field begins, from the year to the second.
pub(super) type Places = [usize; 6];

/// Reads an expression without its zone.
pub(super) fn read_body(body: &str) -> Result<(Fields, Places), Stop> {
    let mut cursor = Cursor { text: body, at: 0, places: [0; 6] };
    let weekdays = cursor.weekdays()?;
    let any = Chain::default;
    let mut fields = Fields {
        weekdays,
        year: any(),
        month: any(),
        day: any(),
        from_end: false,
        hour: Chain::single(0),
        minute: Chain::single(0),
        second: Chain::single(0),
        zone: None,
    };
    if cursor.rest().starts_with('@') {
        return Ok((Fields { weekdays, ..cursor.epoch()? }, [0; 6]));
    }
    cursor.date(&mut fields)?;
    if !cursor.rest().is_empty() {
        cursor.time(&mut fields)?;
    }
    Ok((fields, cursor.places))
}

struct Cursor<'a> {
    text: &'a str,
    at: usize,
    places: Places,
}

impl<'a> Cursor<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn stop<T>(&self, message: &str) -> Result<T, Stop> {
        let found = match self.rest().chars().next() {
            Some(c) => format!("expected {message}, found `{}`", c.escape_debug()),
            None => format!("expected {message}, found the end"),
        };
        Err((self.at, found))
    }

    fn skip(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(text);
        self.at += if found { text.len() } else { 0 };
        found
    }

    fn skip_spaces(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start_matches(' ').len();
    }

    fn at_end_or_space(&self) -> bool {
        self.rest().is_empty() || self.rest().starts_with(' ')
    }

    fn weekday(&mut self) -> Result<Option<u8>, Stop> {
        let rest = self.rest();
        let named = |name: &str| rest.get(..name.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(name));
        let Some((name, day)) = DAYS.iter().find(|(name, _)| named(name)) else { return Ok(None) };
        self.at += name.len();
        if !self.at_end_or_space() && !self.rest().starts_with(['-', '.', ',']) {
            return self.stop("`,`, `..` or a space after a weekday");
        }
        Ok(Some(*day))
    }

    /// Reads `Mon,Wed..Fri `; none is every day.
    fn weekdays(&mut self) -> Result<u8, Stop> {
        let mut days = 0u8;
        let mut first: Option<u8> = None;
        let mut any = false;
        loop {
            let Some(day) = self.weekday()? else {
                return if any { self.stop("a weekday such as Mon") } else { Ok(0) };
            };
            any = true;
            match first {
                Some(from) if from > day => return self.stop("a range of weekdays from Monday to Sunday"),
                Some(from) => days |= (from..=day).fold(0, |bits, day| bits | 1 << day),
                None => days |= 1 << day,
            }
            if !self.at_end_or_space() {
                let open = first.is_some();
                match () {
                    () if self.skip(",") => first = None,
                    () if !open && (self.skip("..") || self.skip("-")) => first = Some(day),
                    () => return self.stop("`,` or a space after the weekdays"),
                }
                if !self.at_end_or_space() {
                    continue;
                }
                if first.is_some() {
                    return self.stop("the last weekday of the range");
                }
            }
            self.skip_spaces();
            return Ok(days);
        }
    }

    /// Reads `@SECONDS`, an instant in UTC.
    fn epoch(mut self) -> Result<Fields, Stop> {
        self.at += 1;
        let digits = self.rest();
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return self.stop("seconds since 1970");
        }
        let instant = digits.parse().ok().and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
        let utc = |instant| Fields::at(TimeZone::UTC.to_datetime(instant), "UTC".to_owned());
        instant.map(utc).ok_or((self.at, "it is later than any date".into()))
    }

    /// Reads `[YEAR-]MONTH-DAY `; where the first number is an hour, nothing.
    fn date(&mut self, fields: &mut Fields) -> Result<(), Stop> {
        if self.rest().is_empty() {
            return Ok(());
        }
        let begin = self.at;
        let first = self.chain(false)?;
        if self.rest().is_empty() || self.rest().starts_with(':') {
            self.at = begin;
            return Ok(());
        }
        let from_end = self.date_separator()?;
        let second_begin = self.at;
        let second = self.chain(false)?;
        if self.at_end_or_space() {
            (fields.month, fields.day, fields.from_end) = (first, second, from_end);
            self.places[1..3].copy_from_slice(&[begin, second_begin]);
        } else {
            if from_end {
                return self.stop("the end of the date after `~`");
            }
            let from_end = self.date_separator()?;
            self.places[..3].copy_from_slice(&[begin, second_begin, self.at]);
            let third = self.chain(false)?;
            if !self.at_end_or_space() {
                return self.stop("a space after the date");
            }
            (fields.year, fields.month, fields.day, fields.from_end) = (first, second, third, from_end);
        }
        self.skip_spaces();
        Ok(())
    }

    fn date_separator(&mut self) -> Result<bool, Stop> {
        match () {
            () if self.skip("~") => Ok(true),
            () if self.skip("-") => Ok(false),
            () => self.stop("`-`, `~` or `:`"),
        }
    }

    /// Reads `HOUR:MINUTE[:SECOND]` to the end.
    fn time(&mut self, fields: &mut Fields) -> Result<(), Stop> {
        self.places[3] = self.at;
        fields.hour = self.chain(false)?;
        if !self.skip(":") {
            return self.stop("`:` after the hour");
        }
        self.places[4] = self.at;
        fields.minute = self.chain(false)?;
        if self.skip(":") {
            self.places[5] = self.at;
            fields.second = self.chain(true)?;
        }
        if !self.rest().is_empty() {
            return self.stop("the end of the time");
        }
        Ok(())
    }

    fn chain(&mut self, micros: bool) -> Result<Chain, Stop> {
        if self.skip("*") {
            let every = Component { start: 0, stop: None, repeat: SECOND };
            return Ok(if micros { Chain(vec![every]) } else { Chain::default() });
        }
        let mut components = Vec::new();
        loop {
            components.push(self.component(micros)?);
            if !self.skip(",") {
                return Ok(Chain(components));
            }
            if components.len() > MOST_COMPONENTS {
                return self.stop("a shorter list");
            }
        }
    }

    fn component(&mut self, micros: bool) -> Result<Component, Stop> {
        let unit = if micros { SECOND } else { 1 };
        let start = self.number(micros)?;
        let mut component = Component::single(start);
        if self.skip("..") {
            component.stop = Some(self.number(micros)?);
            component.repeat = unit;
        }
        if self.skip("/") {
            let at = self.at;
            component.repeat = self.number(micros)?;
            if component.repeat == 0 {
                return Err((at, "a step of zero goes nowhere".into()));
            }
        } else if micros && component.stop.is_some_and(|stop| stop < start.saturating_add(SECOND)) {
            return self.stop("a step for a range of less than a second");
        }
        let follows = [' ', ',', '-', '~', ':'];
        if !self.rest().is_empty() && !self.rest().starts_with(follows) {
            return self.stop("a number, `,`, `..`, `/`, `-` or `:`");
        }
        Ok(component)
    }

    fn digits(&mut self) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    fn number(&mut self, micros: bool) -> Result<u32, Stop> {
        let at = self.at;
        let digits = self.digits();
        if digits.is_empty() {
            return self.stop("a number or `*`");
        }
        let too_large = || (at, format!("`{digits}` is too large"));
        let mut value: u64 = digits.parse().map_err(|_| too_large())?;
        if micros {
            value = value.checked_mul(u64::from(SECOND)).ok_or_else(too_large)?;
            // One point begins a fraction, two are a range.
            if self.rest().starts_with('.') && !self.rest().starts_with("..") {
                self.at += 1;
                value += self.fraction()?;
            }
        }
        // systemd counts in a signed 32-bit number.
        u32::try_from(value).ok().filter(|&value| i32::try_from(value).is_ok()).ok_or_else(too_large)
    }

    /// Reads the digits after a point as microseconds.
    fn fraction(&mut self) -> Result<u64, Stop> {
        let digits = self.digits();
        if digits.is_empty() {
            return self.stop("digits after the point");
        }
        Ok(rounded_micros(digits).into())
    }
}

/// Returns the microseconds that the digits after a point stand for, up to a second; the seventh digit rounds.
pub(in crate::schedule) fn rounded_micros(digits: &str) -> u32 {
    let digits = digits.bytes().map(|digit| u32::from(digit - b'0'));
    let mut digits = digits.chain(std::iter::repeat(0));
    let micros = digits.by_ref().take(6).fold(0, |micros, digit| micros * 10 + digit);
    micros + u32::from(digits.next().is_some_and(|digit| digit >= 5))
}
