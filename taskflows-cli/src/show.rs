//! Times and lengths as people read them.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use taskflows_core::effects::{Next, State};
use taskflows_core::{Outcome, Run};

use crate::output::{Styled, Tone};

/// 365.25 days in seconds, as systemd counts them.
const YEAR: u64 = 31_557_600;

/// Writes a length in its two greatest units at most: `12s`, `3min 5s`, `2h`, `31d`.
pub(crate) fn length(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let pair = |great: u64, unit: &str, small: u64, small_unit: &str| match small {
        0 => format!("{great}{unit}"),
        small => format!("{great}{unit} {small}{small_unit}"),
    };
    match seconds {
        0 if duration.is_zero() => "0s".to_owned(),
        0 => format!("{}ms", duration.as_millis().max(1)),
        1..60 => match duration.subsec_millis() / 100 {
            tenths if seconds < 10 && tenths > 0 => format!("{seconds}.{tenths}s"),
            _ => format!("{seconds}s"),
        },
        60..3_600 => pair(seconds / 60, "min", seconds % 60, "s"),
        3_600..86_400 => pair(seconds / 3_600, "h", seconds / 60 % 60, "min"),
        86_400..YEAR => pair(seconds / 86_400, "d", seconds / 3_600 % 24, "h"),
        _ => pair(seconds / YEAR, "y", seconds % YEAR / 86_400, "d"),
    }
}

/// Writes a length in its greatest unit: `3min`, `2h`, `31d`.
pub(crate) fn short(duration: Duration) -> String {
    let text = length(duration);
    text.split(' ').next().unwrap_or(&text).to_owned()
}

fn whole(duration: Duration) -> Duration {
    Duration::from_secs(duration.as_secs())
}

/// Writes how long ago a time was: `3h ago`, `now`.
pub(crate) fn ago(time: Timestamp, now: Timestamp) -> String {
    match Duration::try_from(now.duration_since(time)) {
        Ok(past) if past.as_secs() > 0 => format!("{} ago", short(whole(past))),
        Ok(_) => "just now".to_owned(),
        Err(_) => "just now".to_owned(),
    }
}

/// Writes a time with its zone: `Tue 2026-11-24 14:00:00 UTC`.
pub(crate) fn full(time: Timestamp, zone: &TimeZone) -> String {
    time.to_zoned(zone.clone()).strftime("%a %Y-%m-%d %H:%M:%S %Z").to_string()
}

/// Writes a past time for a table, in 18 characters: `11-24 14:00:00 UTC`; of more than half a year ago
/// `2026-11-24 14h UTC`. Zones with longer names make it longer.
pub(crate) fn past(time: Timestamp, now: Timestamp, zone: &TimeZone) -> String {
    let is_long_ago = now.duration_since(time) > jiff::SignedDuration::from_hours(182 * 24);
    let form = if is_long_ago { "%Y-%m-%d %Hh %Z" } else { "%m-%d %H:%M:%S %Z" };
    time.to_zoned(zone.clone()).strftime(form).to_string()
}

/// Writes a coming time for a table: `Tue 14:00 UTC, in 3h`, and beyond a week `2027-01-01, in 38d`.
pub(crate) fn coming(time: Timestamp, now: Timestamp, zone: &TimeZone) -> String {
    let ahead = Duration::try_from(time.duration_since(now)).unwrap_or_default();
    let zoned = time.to_zoned(zone.clone());
    let when = if ahead < Duration::from_secs(6 * 86_400) {
        zoned.strftime("%a %H:%M %Z").to_string()
    } else {
        zoned.strftime("%Y-%m-%d").to_string()
    };
    match ahead.as_secs() {
        0 => format!("{when}, now"),
        _ => format!("{when}, in {}", short(whole(ahead))),
    }
}

/// Writes how far ahead a time is: `3h 5min`, `now`.
pub(crate) fn ahead(time: Timestamp, now: Timestamp) -> String {
    match Duration::try_from(time.duration_since(now)) {
        Ok(ahead) if ahead.as_secs() > 0 => length(whole(ahead)),
        _ => "now".to_owned(),
    }
}

/// Writes the next start for a table.
pub(crate) fn next(next: Next, now: Timestamp, zone: &TimeZone) -> Styled {
    match next {
        Next::At(time) => coming(time, now, zone).into(),
        Next::AfterThisRun => "after this run".into(),
        Next::Never => Styled { text: "never".into(), tone: Tone::Bad },
        Next::Off => Styled { text: "off".into(), tone: Tone::Faint },
        Next::Unscheduled => Styled { text: "-".into(), tone: Tone::Faint },
        Next::Unknown => Styled { text: "?".into(), tone: Tone::Faint },
    }
}

/// Writes the last run for a table: `ok 3h ago, 12s`.
pub(crate) fn last(run: Option<&Run>, now: Timestamp) -> Styled {
    let Some(run) = run else { return Styled { text: "-".into(), tone: Tone::Faint } };
    let tone = match run.outcome {
        Outcome::Failed(_) | Outcome::Unknown | Outcome::Interrupted => Tone::Bad,
        Outcome::Skipped => Tone::Faint,
        _ => Tone::Plain,
    };
    let took = run.took(now).map(short);
    let text = match (&run.outcome, run.at(), took) {
        (Outcome::Running, _, Some(took)) => format!("running for {took}"),
        (Outcome::Skipped, Some(at), _) => format!("skipped {}", ago(at, now)),
        (outcome, Some(at), Some(took)) => format!("{} {}, {took}", outcome.word(), ago(at, now)),
        (outcome, Some(at), None) => format!("{} {}", outcome.word(), ago(at, now)),
        (outcome, None, _) => outcome.word().to_owned(),
    };
    Styled { text, tone }
}

/// Writes a state.
pub(crate) fn state(state: State) -> Styled {
    let tone = match state {
        State::Running => Tone::Good,
        State::Failed => Tone::Bad,
        State::Starting | State::Stopping => Tone::Busy,
        State::Stopped => Tone::Faint,
        _ => Tone::Plain,
    };
    Styled { text: state.as_str().to_owned(), tone }
}

/// Writes an amount of memory: `1.5M`.
pub(crate) fn memory(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "K", "M", "G", "T"];
    let mut amount = bytes as f64;
    let mut unit = 0;
    while amount >= 1024.0 && unit + 1 < UNITS.len() {
        amount /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes}B") } else { format!("{amount:.1}{}", UNITS[unit]) }
}

/// Sets a text in by `indent` columns, in lines that fit `width`; a word that is longer stands alone.
pub(crate) fn wrapped(text: &str, indent: usize, width: Option<u16>) -> String {
    let room = width.map_or(usize::MAX, |width| usize::from(width).saturating_sub(indent).max(20));
    let mut lines: Vec<String> = Vec::new();
    let mut length = 0;
    for word in text.split(' ') {
        let long = word.chars().count();
        match lines.last_mut().filter(|_| length + 1 + long <= room) {
            Some(line) => {
                line.push(' ');
                line.push_str(word);
                length += 1 + long;
            }
            None => {
                lines.push(format!("{}{word}", " ".repeat(indent)));
                length = long;
            }
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_broken_between_words() {
        assert_eq!(wrapped("one two three", 2, None), "  one two three");
        let text = "twenty columns or more are left to a text";
        assert_eq!(wrapped(text, 1, Some(10)), " twenty columns or\n more are left to a\n text");
        assert_eq!(
            wrapped("a-word-that-is-longer-than-all x", 0, Some(20)),
            "a-word-that-is-longer-than-all\nx"
        );
    }

    #[test]
    fn lengths_have_two_units_at_most() {
        for (millis, text) in [
            (0, "0s"),
            (1, "1ms"),
            (2_500, "2.5s"),
            (12_900, "12s"),
            (60_000, "1min"),
            (185_000, "3min 5s"),
            (7_200_000, "2h"),
            (90_000_000, "1d 1h"),
            (5_440_000_000_000, "172y 139d"),
        ] {
            assert_eq!(length(Duration::from_millis(millis)), text);
        }
    }

    #[test]
    fn coming_times_say_when_and_in_how_long() {
        let at = |second| Timestamp::from_second(second).unwrap();
        assert_eq!(coming(at(50_400), at(0), &TimeZone::UTC), "Thu 14:00 UTC, in 14h");
        assert_eq!(coming(at(86_400 * 31), at(0), &TimeZone::UTC), "1970-02-01, in 31d");
        assert_eq!(coming(at(0), at(0), &TimeZone::UTC), "Thu 00:00 UTC, now");
    }

    #[test]
    fn the_last_run_says_result_age_and_length() {
        let at = |second| Some(Timestamp::from_second(second).unwrap());
        let run = |outcome| Run { started: at(100), ended: at(112), outcome };
        let now = at(112 + 3 * 3_600).unwrap();
        assert_eq!(last(Some(&run(Outcome::Succeeded)), now).text, "ok 3h ago, 12s");
        assert_eq!(last(Some(&run(Outcome::Skipped)), now).text, "skipped 3h ago");
        assert_eq!(last(None, now).text, "-");
    }

    #[test]
    fn memory_has_one_decimal() {
        assert_eq!((memory(5).as_str(), memory(1_572_864).as_str()), ("5B", "1.5M"));
    }
}
