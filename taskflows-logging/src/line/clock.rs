use std::io::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

/// Length of `2026-11-27T03:22:15`.
const SECONDS_LENGTH: usize = 19;
const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// Writes moments as RFC 3339 in UTC with microseconds. The text of a second is made once in it.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    second: Option<i64>,
    text: Vec<u8>,
}

impl Clock {
    /// Appends a moment, given in nanoseconds since 1970.
    pub(crate) fn write(&mut self, line: &mut Vec<u8>, timestamp_ns: i64) {
        let second = timestamp_ns.div_euclid(NANOS_PER_SECOND);
        if self.second != Some(second) {
            self.turn(second);
        }
        line.extend_from_slice(&self.text);
        let micros = timestamp_ns.rem_euclid(NANOS_PER_SECOND) / 1000;
        let mut digits = *b".000000Z";
        let mut rest = micros;
        for digit in digits[1..7].iter_mut().rev() {
            *digit += u8::try_from(rest % 10).unwrap_or(0);
            rest /= 10;
        }
        line.extend_from_slice(&digits);
    }

    fn turn(&mut self, second: i64) {
        self.second = Some(second);
        self.text.clear();
        // Nanoseconds in 64 bits reach from 1677 to 2262, all of which jiff knows.
        let moment = jiff::Timestamp::from_second(second).unwrap_or_default();
        // A `Vec` takes everything.
        let _ = write!(self.text, "{moment}");
        self.text.truncate(SECONDS_LENGTH);
    }
}

/// Returns the current time in nanoseconds since 1970.
pub(crate) fn now_ns() -> i64 {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_nanos()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, |nanos| -nanos),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(clock: &mut Clock, timestamp_ns: i64, expected: &str) {
        let mut line = Vec::new();
        clock.write(&mut line, timestamp_ns);
        assert_eq!(String::from_utf8(line).unwrap(), expected);
    }

    #[test]
    fn moments_are_rfc_3339_with_microseconds() {
        let mut clock = Clock::default();
        check(&mut clock, 0, "1970-01-01T00:00:00.000000Z");
        check(&mut clock, 1_795_749_735_123_456_789, "2026-11-27T03:22:15.123456Z");
        check(&mut clock, 1_795_749_735_999_999_999, "2026-11-27T03:22:15.999999Z");
        check(&mut clock, 1_795_749_736_000_000_999, "2026-11-27T03:22:16.000000Z");
    }

    #[test]
    fn a_clock_that_jumps_is_followed() {
        let mut clock = Clock::default();
        check(&mut clock, 1_795_749_735_000_000_000, "2026-11-27T03:22:15.000000Z");
        check(&mut clock, -1, "1969-12-31T23:59:59.999999Z");
        check(&mut clock, i64::MAX, "2262-04-11T23:47:16.854775Z");
        check(&mut clock, i64::MIN, "1677-09-21T00:12:43.145224Z");
    }
}
