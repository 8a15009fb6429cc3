use std::process::ExitCode;

/// How a command ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// It did what was asked.
    Ok = 0,
    /// It failed.
    Failed = 1,
    /// The command line or a definition is wrong.
    Usage = 2,
    /// The service does not run and nothing will start it.
    NotActive = 3,
    /// There is no such service.
    NoSuchService = 4,
    /// A permission is missing.
    Permission = 5,
    /// It worked for some services and failed for others.
    Partial = 6,
    /// `plan` found changes.
    Pending = 7,
    /// A limit of time was reached.
    TimedOut = 8,
    /// The manager cannot be reached.
    Unreachable = 9,
    /// Ctrl-C.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
