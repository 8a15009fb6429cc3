use serde::{Deserialize, Serialize};
use taskflows_core::DefinitionError;
use utoipa::ToSchema;

/// What is wrong with a definition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Fault {
    /// Every problem with its excerpt, as a terminal shows it.
    pub report: String,
    /// The same as data; none where what is wrong has no place.
    pub flaws: Vec<Flaw>,
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
        Self { report: error.render(false).trim_end().to_owned(), flaws }
    }
}
