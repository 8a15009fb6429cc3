use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use taskflows_core::DefinitionError;
use taskflows_core::effects::ServiceError;
use utoipa::ToSchema;

/// Why definitions were not applied, as data: what stands beside a problem's words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Fault {
    /// The definition is wrong.
    Definition {
        /// Every problem with its excerpt, as a terminal shows it.
        report: String,
        /// The same as data; none where what is wrong has no place.
        flaws: Vec<Flaw>,
    },
    /// No service of that name is installed.
    NotFound {
        /// The name.
        name: String,
    },
    /// A unit of that name was not written by taskflows.
    NotOurs {
        /// Its file.
        path: String,
        /// How that was seen.
        reason: String,
    },
    /// Unit files were changed by hand.
    Edited {
        /// The files.
        files: Vec<String>,
    },
    /// A service that was to go comes from elsewhere.
    OtherSource {
        /// The service.
        name: String,
        /// Where it was thought to come from.
        expected: String,
        /// Where it comes from.
        found: Option<String>,
    },
    /// A service cannot be written as a unit.
    Render {
        /// The service.
        name: String,
        /// What is wrong.
        reason: String,
    },
}

/// One thing that is wrong with a definition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Flaw {
    /// What the definition is called.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What may be meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl From<&DefinitionError> for Fault {
    fn from(error: &DefinitionError) -> Self {
        let flaw = |one: &taskflows_core::Problem| Flaw {
            file: one.file().to_owned(),
            line: one.line(),
            column: one.column(),
            message: one.message().to_owned(),
            hint: one.hint().map(str::to_owned),
        };
        let flaws = error.problems().iter().map(flaw).collect();
        Self::Definition { report: error.render(false).trim_end().to_owned(), flaws }
    }
}

impl Fault {
    /// Takes what of an error a program may act upon; `None` of any other.
    #[must_use]
    pub fn of(error: &ServiceError) -> Option<Self> {
        Some(match error {
            ServiceError::NotFound { name } => Self::NotFound { name: name.clone() },
            ServiceError::NotOurs { path, reason } => {
                Self::NotOurs { path: path.display().to_string(), reason: reason.clone() }
            }
            ServiceError::Edited { files } => Self::Edited { files: files.clone() },
            ServiceError::OtherSource { name, expected, found } => {
                Self::OtherSource { name: name.to_string(), expected: expected.clone(), found: found.clone() }
            }
            ServiceError::Render { name, reason } => {
                Self::Render { name: name.to_string(), reason: reason.clone() }
            }
            _ => return None,
        })
    }

    /// Returns the error that it was of; `None` of a definition, and of a name that is none.
    #[must_use]
    pub fn into_error(self) -> Option<ServiceError> {
        Some(match self {
            Self::Definition { .. } => return None,
            Self::NotFound { name } => ServiceError::NotFound { name },
            Self::NotOurs { path, reason } => ServiceError::NotOurs { path: PathBuf::from(path), reason },
            Self::Edited { files } => ServiceError::Edited { files },
            Self::OtherSource { name, expected, found } => {
                ServiceError::OtherSource { name: name.parse().ok()?, expected, found }
            }
            Self::Render { name, reason } => ServiceError::Render { name: name.parse().ok()?, reason },
        })
    }
}
