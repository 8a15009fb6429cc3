use std::process::ExitCode;

/// How a command ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It did what was asked.
    Ok,
    /// It failed.
    Failed,
    /// The command line or a definition is wrong.
    Usage,
    /// The service does not run and nothing will start it.
    NotActive,
    /// There is no such service.
    NoSuchService,
    /// A permission is missing.
    Permission,
    /// It worked for some services and failed for others.
    Partial,
    /// `plan` found changes.
    Pending,
    /// A limit of time was reached.
    TimedOut,
    /// The manager cannot be reached.
    Unreachable,
    /// Ctrl-C.
    Interrupted,
    /// The exit code of a command that was run.
    Child(u8),
}

impl Exit {
    /// Returns the code.
    pub const fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::NotActive => 3,
            Self::NoSuchService => 4,
            Self::Permission => 5,
            Self::Partial => 6,
            Self::Pending => 7,
            Self::TimedOut => 8,
            Self::Unreachable => 9,
            Self::Interrupted => 130,
            Self::Child(code) => code,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
