use std::time::Duration;

use taskflows_core::{ExitKind, Outcome};

/// Says how a run ended, with the code of a shell beside the signal it stands for.
///
/// ```
/// use taskflows_alerts::task_events::exit_in_words;
/// use taskflows_core::{ExitKind, Outcome, RunEnd};
///
/// let exit = Some(ExitKind::Killed(9));
/// let end = RunEnd { result: "signal".into(), exit, is_preparation: false };
/// assert_eq!(exit_in_words(&Outcome::Failed(end)), "killed by SIGKILL, often for lack of memory");
/// ```
pub fn exit_in_words(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Failed(end) => {
            let killed = end.result == "signal" && end.exit == Some(ExitKind::Killed(9));
            let hint = if killed { ", often for lack of memory" } else { "" };
            format!("{end}{hint}")
        }
        Outcome::Succeeded => "ended well".to_owned(),
        Outcome::Running => "still runs".to_owned(),
        Outcome::Skipped => "did not start: a condition was not met".to_owned(),
        Outcome::Interrupted => "was cut off: its process is gone without a word".to_owned(),
        _ => "nobody knows how it ended".to_owned(),
    }
}

/// Writes a length of time with its two greatest units: `1h 5min`, `3.2s`, `40ms`.
pub fn length(length: Duration) -> String {
    let seconds = length.as_secs();
    let pair = |great: u64, name: &str, small: u64, other: &str| match small {
        0 => format!("{great}{name}"),
        small => format!("{great}{name} {small}{other}"),
    };
    match seconds {
        0 => format!("{}ms", length.as_millis()),
        1..10 if length.subsec_millis() >= 100 => format!("{seconds}.{}s", length.subsec_millis() / 100),
        1..60 => format!("{seconds}s"),
        60..3600 => pair(seconds / 60, "min", seconds % 60, "s"),
        3600..86_400 => pair(seconds / 3600, "h", seconds % 3600 / 60, "min"),
        _ => pair(seconds / 86_400, "d", seconds % 86_400 / 3600, "h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_have_two_units_at_most() {
        for (millis, text) in [
            (40, "40ms"),
            (2_040, "2s"),
            (3_210, "3.2s"),
            (59_900, "59s"),
            (60_000, "1min"),
            (65_000, "1min 5s"),
            (3_900_000, "1h 5min"),
            (180_000_000, "2d 2h"),
        ] {
            assert_eq!(length(Duration::from_millis(millis)), text);
        }
    }
}
