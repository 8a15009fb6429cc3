use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::super::measure::Measured;

/// How times are written.
pub(super) struct Words<'a> {
    pub(super) display: &'a TimeZone,
    pub(super) now: Timestamp,
}

impl Words<'_> {
    /// Writes a time: `14:00:00 UTC` today, else `Tue 2026-11-24 14:00:00 UTC`.
    pub(super) fn time(&self, time: Timestamp) -> String {
        let zoned = time.to_zoned(self.display.clone());
        let today = self.now.to_zoned(self.display.clone()).date();
        let form = if zoned.date() == today { "%H:%M:%S %Z" } else { "%a %Y-%m-%d %H:%M:%S %Z" };
        zoned.strftime(form).to_string()
    }
}

/// Writes a length in its two greatest units: `3min 5s`.
pub(super) fn length(span: SignedDuration) -> String {
    let seconds = span.as_secs().unsigned_abs();
    let pair = |great: u64, unit: &str, small: u64, small_unit: &str| match small {
        0 => format!("{great}{unit}"),
        small => format!("{great}{unit} {small}{small_unit}"),
    };
    match seconds {
        0 => "less than a second".to_owned(),
        1..60 => format!("{seconds}s"),
        60..3_600 => pair(seconds / 60, "min", seconds % 60, "s"),
        3_600..86_400 => pair(seconds / 3_600, "h", seconds / 60 % 60, "min"),
        _ => pair(seconds / 86_400, "d", seconds / 3_600 % 24, "h"),
    }
}

/// Says what is asked of the host and what it offers: `ConditionCPUs=>=8 asks for at least 8 processors, and
/// this host has 2 processors`.
pub(super) fn measured(measured: &Measured) -> String {
    let Measured { directive, limit, now, is_met } = measured;
    match now {
        None if directive.ends_with(&format!("={limit}")) => directive.clone(),
        None => format!("{directive} asks for {limit}"),
        Some(now) => {
            let met = if *is_met == Some(true) { ", which meets it" } else { "" };
            let verb = if now.ends_with('%') { "now it is" } else { "this host has" };
            format!("{directive} asks for {limit}, and {verb} {now}{met}")
        }
    }
}
