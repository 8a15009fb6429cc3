use std::fmt;

use thiserror::Error;

use crate::name::Quoted;
use crate::{Line, TextError};

/// Directives passed through to the unit files as they are written: the `systemd` table of a service.
///
/// A directive that systemd adds up (`Environment`, `ExecStartPre`, `After`, `Condition…`, …) joins what
/// taskflows writes; any other takes the place of what taskflows would write.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Directives {
    entries: Vec<(Section, String, Vec<Line>)>,
}

/// A section of a unit file that [`Directives`] may add to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Section {
    /// `[Unit]` of the service.
    Unit,
    /// `[Service]` of the service.
    Service,
    /// `[Timer]` of the start timer.
    Timer,
}

impl Section {
    /// Every section, as it is written.
    pub const TEXTS: [&'static str; 3] = ["Unit", "Service", "Timer"];

    /// Returns the section called `text`.
    pub fn from_text(text: &str) -> Option<Self> {
        [Self::Unit, Self::Service, Self::Timer].into_iter().find(|section| section.as_str() == text)
    }

    /// Returns the name as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unit => "Unit",
            Self::Service => "Service",
            Self::Timer => "Timer",
        }
    }
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Directives {
    /// Adds a directive with its values, one line each.
    ///
    /// # Errors
    /// When `key` is not a directive's name, is one of our own marks, or a value is not one line.
    pub fn insert<'a, I>(&mut self, section: Section, key: &str, values: I) -> Result<(), DirectiveError>
    where
        I: IntoIterator<Item = &'a str>,
    {
        check_key(key)?;
        let parse = |value: &str| {
            value.parse().map_err(|source| DirectiveError::Value { key: key.to_owned(), source })
        };
        let lines = values.into_iter().map(parse).collect::<Result<Vec<Line>, _>>()?;
        self.entries.push((section, key.to_owned(), lines));
        Ok(())
    }

    /// Iterates over the directives of `section` in the order they were added.
    pub fn of(&self, section: Section) -> impl Iterator<Item = (&str, &[Line])> {
        let wanted = move |entry: &&(Section, String, Vec<Line>)| entry.0 == section;
        self.entries.iter().filter(wanted).map(|(_, key, lines)| (key.as_str(), lines.as_slice()))
    }

    /// Returns the sections that have directives, in the order in which the first of each was added.
    pub fn sections(&self) -> Vec<Section> {
        let mut sections = Vec::new();
        for (section, ..) in &self.entries {
            if !sections.contains(section) {
                sections.push(*section);
            }
        }
        sections
    }

    /// Tells whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

fn check_key(key: &str) -> Result<(), DirectiveError> {
    let error = |reason| Err(DirectiveError::Key { key: key.to_owned(), reason });
    let letters = key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if !letters || !key.starts_with(|c: char| c.is_ascii_uppercase()) {
        return error("a directive is a capital letter, then letters, digits and `-`");
    }
    if key.starts_with("X-Taskflows") {
        return error("it is our own mark");
    }
    Ok(())
}

/// Why a directive cannot be passed through.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DirectiveError {
    /// Its name is not one.
    #[error("{} is not a directive: {reason}", Quoted(key))]
    Key {
        /// The name as written.
        key: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Its value cannot stand on one line.
    #[error("value of `{key}`")]
    Value {
        /// The directive.
        key: String,
        /// What is wrong with the value.
        source: TextError,
    },
}
