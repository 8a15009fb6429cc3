use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use taskflows_core::effects;
use utoipa::ToSchema;

use super::ExitKind;
use crate::wire::Misfit;

/// How the run of a service began that goes on or is just ending.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Began {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Which run it is: 32 hexadecimal digits.
    pub run: Option<String>,
    /// When its main process ended, where it has.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended: Option<Timestamp>,
    /// Whether it is another run after one that had ended so that its restart policy wanted it.
    pub is_restart: bool,
    /// How the command ended that was to prepare it, where that failed.
    pub preparation: Option<ExitKind>,
}

/// What is known of the beginning of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BeganAnswer {
    /// The beginning; null where none is known.
    pub began: Option<Began>,
}

impl From<effects::Began> for Began {
    fn from(began: effects::Began) -> Self {
        let effects::Began { at, run, ended, is_restart, preparation } = began;
        let run = run.map(|run| run.to_string());
        Self { at, run, ended, is_restart, preparation: preparation.map(ExitKind::from) }
    }
}

impl TryFrom<Began> for effects::Began {
    type Error = Misfit;

    fn try_from(began: Began) -> Result<Self, Misfit> {
        let Began { at, run, ended, is_restart, preparation } = began;
        let run = run.map(|run| run.parse()).transpose();
        let run = run.map_err(|error| Misfit::new("began", error))?;
        Ok(Self { at, run, ended, is_restart, preparation: preparation.map(Into::into) })
    }
}
