use std::fmt;

/// Whose manager runs the services.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Scope {
    /// The user's own (`systemd --user`).
    #[default]
    User,
    /// The machine's (PID 1).
    System,
}

impl Scope {
    /// Returns the word: `user`, `system`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::System => "system",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
