use std::fmt;
use std::str::FromStr;

use crate::TextError;

/// The signals of Linux that have names on every architecture systemd runs on, by their numbers there.
/// Source: signal(7).
const NAMES: [(u8, &str); 29] = [
    (1, "SIGHUP"),
    (2, "SIGINT"),
    (3, "SIGQUIT"),
    (4, "SIGILL"),
    (5, "SIGTRAP"),
    (6, "SIGABRT"),
    (7, "SIGBUS"),
    (8, "SIGFPE"),
    (9, "SIGKILL"),
    (10, "SIGUSR1"),
    (11, "SIGSEGV"),
    (12, "SIGUSR2"),
    (13, "SIGPIPE"),
    (14, "SIGALRM"),
    (15, "SIGTERM"),
    (17, "SIGCHLD"),
    (18, "SIGCONT"),
    (19, "SIGSTOP"),
    (20, "SIGTSTP"),
    (21, "SIGTTIN"),
    (22, "SIGTTOU"),
    (23, "SIGURG"),
    (24, "SIGXCPU"),
    (25, "SIGXFSZ"),
    (26, "SIGVTALRM"),
    (27, "SIGPROF"),
    (28, "SIGWINCH"),
    (29, "SIGIO"),
    (31, "SIGSYS"),
];

/// The greatest number of a signal.
const MOST: u8 = 64;

/// A signal.
///
/// ```
/// use taskflows_core::Signal;
///
/// let signal: Signal = "INT".parse()?;
/// assert_eq!((signal.number(), signal.to_string().as_str()), (2, "SIGINT"));
/// # Ok::<(), taskflows_core::TextError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Signal(u8);

impl Signal {
    /// Takes a signal by its number, 1 to 64; `None` where there is none.
    pub fn from_number(number: i32) -> Option<Self> {
        u8::try_from(number).ok().filter(|number| (1..=MOST).contains(number)).map(Self)
    }

    /// Returns its number.
    pub fn number(self) -> u8 {
        self.0
    }
}

impl fmt::Display for Signal {
    /// Writes its name, or its number where it has none.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match NAMES.iter().find(|(number, _)| *number == self.0) {
            Some((_, name)) => f.write_str(name),
            None => write!(f, "{}", self.0),
        }
    }
}

impl FromStr for Signal {
    type Err = TextError;

    /// Reads `SIGTERM`, `TERM` or `15`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let named = |(_, name): &&(u8, &str)| *name == text || name.strip_prefix("SIG") == Some(text);
        if let Some((number, _)) = NAMES.iter().find(named) {
            return Ok(Self(*number));
        }
        let number = text.parse().ok().and_then(Self::from_number);
        number.ok_or_else(|| TextError::new(text, "is no signal, such as SIGTERM, SIGINT or 15"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_is_read_by_name_and_by_number() {
        for text in ["SIGHUP", "HUP", "1"] {
            assert_eq!(text.parse::<Signal>().unwrap().to_string(), "SIGHUP");
        }
        assert_eq!("40".parse::<Signal>().unwrap().to_string(), "40");
        for text in ["SIGNOPE", "0", "65", "", "sigterm", "-9"] {
            assert!(text.parse::<Signal>().is_err(), "{text}");
        }
    }
}
