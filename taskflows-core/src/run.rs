//! A run of a service and how it ended.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;

use crate::Signal;

/// One run of a service, as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// When its process was started; `None` where that is no longer known.
    pub started: Option<Timestamp>,
    /// When it was over; `None` while it runs, or where that is not known.
    pub ended: Option<Timestamp>,
    /// How it ended.
    pub outcome: Outcome,
}

impl Run {
    /// Returns how long it took, or has taken until `now` while it runs.
    pub fn took(&self, now: Timestamp) -> Option<Duration> {
        let runs = self.outcome == Outcome::Running;
        let until = self.ended.or(runs.then_some(now))?;
        until.duration_since(self.started?).try_into().ok()
    }

    /// Returns the instant people mean by "the last run": its end, else its start.
    pub fn at(&self) -> Option<Timestamp> {
        self.ended.or(self.started)
    }
}

/// How a run ended, or that it has not.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// It still runs.
    Running,
    /// It ended well.
    Succeeded,
    /// It ended badly.
    Failed(RunEnd),
    /// A condition was not met, so it did not start.
    Skipped,
    /// The manager it ran under is gone and left no word of its end: it may have been cut off.
    Unknown,
    /// It was cut off: its process is gone, and nobody was left to tell how it ended.
    Interrupted,
}

impl Outcome {
    /// Returns one word for it: `running`, `ok`, `failed`, `skipped`, `unknown`, `interrupted`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Succeeded => "ok",
            Self::Failed(_) => "failed",
            Self::Skipped => "skipped",
            Self::Unknown => "unknown",
            Self::Interrupted => "interrupted",
        }
    }
}

/// What systemd says of the end of a process.
///
/// Source: systemd.exec(5), "Environment Variables Set or Propagated by the Service Manager",
/// `$SERVICE_RESULT`, `$EXIT_CODE`, `$EXIT_STATUS`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunEnd {
    /// systemd's result: `exit-code`, `signal`, `timeout`, `oom-kill`, …
    pub result: String,
    /// What the process did.
    pub exit: Option<ExitKind>,
    /// Whether a command that prepares the run ended so (`ExecStartPre=`), and the run itself never began.
    pub is_preparation: bool,
}

/// What a process did at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitKind {
    /// It exited with this code.
    Exited(i32),
    /// This signal ended it.
    Killed(i32),
}

impl fmt::Display for ExitKind {
    /// Writes the exit code, or the name of the signal, such as `SIGKILL`; of one without a name `SIG` and its number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Exited(code) => write!(f, "{code}"),
            Self::Killed(number) => match Signal::from_number(number).map(|signal| signal.to_string()) {
                Some(name) if name.starts_with("SIG") => f.write_str(&name),
                _ => write!(f, "SIG{number}"),
            },
        }
    }
}

impl fmt::Display for RunEnd {
    /// Writes the end in words: `exit code 3`, `killed by SIGKILL`, `timed out`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_preparation {
            f.write_str("could not be prepared: ")?;
        }
        match (self.result.as_str(), self.exit) {
            ("timeout", _) => f.write_str("timed out"),
            ("watchdog", _) => f.write_str("did not answer its watchdog in time"),
            ("oom-kill", _) => f.write_str("killed, out of memory"),
            ("start-limit-hit", _) => f.write_str("started too often in a short time (start limit)"),
            ("protocol", _) => f.write_str("did not report that it was ready"),
            ("resources", _) => f.write_str("systemd could not prepare it"),
            ("assert", _) => f.write_str("an assert of its definition was not met"),
            (_, Some(ExitKind::Exited(code))) => match exit_words(code) {
                Some(words) => write!(f, "{words} (exit code {code})"),
                None => write!(f, "exit code {code}"),
            },
            (_, Some(ExitKind::Killed(signal))) => match Signal::from_number(signal) {
                Some(known) if known.to_string().starts_with("SIG") => write!(f, "killed by {known}"),
                _ => write!(f, "killed by signal {signal}"),
            },
            ("exit-code" | "signal" | "core-dump", None) => f.write_str("one of its commands failed"),
            (result, None) => f.write_str(result),
        }
    }
}

/// Says what went wrong where systemd itself, or a shell's custom, gave the code its meaning.
fn exit_words(code: i32) -> Option<&'static str> {
    Some(match code {
        125 => "the container engine, or what else was to run its command, failed",
        126 => "the command could not be executed",
        127 => "a shell found no such command",
        200 => "could not enter its working directory",
        203 => "its program was not found or could not be executed",
        209 | 222 => "its output could not be opened",
        216 => "its group could not be set",
        217 => "its user could not be set",
        226 => "its file system view could not be set up",
        243 => "its credentials could not be set up",
        137 => "killed (SIGKILL), often for lack of memory",
        143 => "terminated (SIGTERM)",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(result: &str, exit: Option<ExitKind>, words: &str) {
        assert_eq!(RunEnd { result: result.into(), exit, is_preparation: false }.to_string(), words);
    }

    #[test]
    fn ends_are_told_in_words() {
        check("exit-code", Some(ExitKind::Exited(3)), "exit code 3");
        let words = "its program was not found or could not be executed (exit code 203)";
        check("exit-code", Some(ExitKind::Exited(203)), words);
        check("signal", Some(ExitKind::Killed(9)), "killed by SIGKILL");
        check("signal", Some(ExitKind::Killed(40)), "killed by signal 40");
        check("timeout", Some(ExitKind::Killed(15)), "timed out");
        check("something-new", None, "something-new");
        check("exit-code", None, "one of its commands failed");
        let words = "its credentials could not be set up (exit code 243)";
        check("exit-code", Some(ExitKind::Exited(243)), words);
        let exit = Some(ExitKind::Exited(1));
        let end = RunEnd { result: "exit-code".into(), exit, is_preparation: true };
        assert_eq!(end.to_string(), "could not be prepared: exit code 1");
    }

    #[test]
    fn an_exit_is_a_code_or_a_signal() {
        let exits = [ExitKind::Exited(3), ExitKind::Killed(9), ExitKind::Killed(40)];
        assert_eq!(exits.map(|exit| exit.to_string()), ["3", "SIGKILL", "SIG40"]);
    }

    #[test]
    fn a_run_took_from_its_start_to_its_end_or_to_now() {
        let at = |second| Some(Timestamp::from_second(second).unwrap());
        let run = |started, ended, outcome| Run { started, ended, outcome };
        let now = at(100).unwrap();
        assert_eq!(run(at(10), at(15), Outcome::Succeeded).took(now), Some(Duration::from_secs(5)));
        assert_eq!(run(at(10), None, Outcome::Running).took(now), Some(Duration::from_secs(90)));
        assert_eq!(run(at(10), None, Outcome::Succeeded).took(now), None);
        assert_eq!(run(None, at(15), Outcome::Succeeded).took(now), None);
        assert_eq!(run(at(20), at(15), Outcome::Succeeded).took(now), None);
    }
}
