use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use taskflows_core::effects::{Edits, Removal};
use utoipa::ToSchema;

use super::{Misfit, WirePlan};

/// Definitions as data, and what is to become of what is installed.
///
/// The definition stands for itself: it includes nothing, takes no variable, and names absolute paths alone. It may hold
/// the secrets of its alert groups, which `Debug` does not show.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// A definition as a definition file in JSON has it: `{"version": 1, "services": [...], "alerts": {...}}`.
    #[schema(value_type = Object, example = json!({"services": [{"name": "web", "start_command": ["serve"]}]}))]
    pub definition: Value,
    /// Where each service was defined, `host:/path/jobs.toml`; not said of one without a file.
    #[serde(default)]
    pub sources: BTreeMap<String, String>,
    /// Where each alert group was defined.
    #[serde(default)]
    pub group_sources: BTreeMap<String, String>,
    /// What the definitions are all of, by which it is known what is gone from them.
    #[serde(default)]
    pub scope: Scope,
    /// Whether services that are gone from the definitions are removed; else they are remarked.
    #[serde(default)]
    pub prune: bool,
    /// Services that are removed in any case.
    #[serde(default)]
    pub removals: Vec<WireRemoval>,
    /// What becomes of changes by hand.
    #[serde(default)]
    pub edits: WireEdits,
}

/// The definition files that an order was made of. A service that came from one of them and is not defined is gone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Scope {
    /// The files that were read, as `sources` calls them.
    #[serde(default)]
    pub files: Vec<String>,
    /// The directories that were meant as a whole, `host:/path`, with the definition files that are in them.
    #[serde(default)]
    pub directories: BTreeMap<String, Vec<String>>,
    /// The names of services that the files define and that were left out of the definition.
    #[serde(default)]
    pub left_out: Vec<String>,
    /// Patterns of the services that are meant; all where there is none.
    #[serde(default)]
    pub include: Vec<String>,
    /// Patterns of the services that are not.
    #[serde(default)]
    pub exclude: Vec<String>,
}

/// A service that goes, as long as it comes from where it is thought to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Removal)]
pub struct WireRemoval {
    /// The service.
    pub name: String,
    /// The definition file it came from.
    pub source: String,
}

/// What becomes of changes that somebody made to unit files by hand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = Edits)]
pub enum WireEdits {
    /// What would write over them is refused.
    #[default]
    Keep,
    /// They are written over.
    Overwrite,
}

/// Services that go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Names {
    /// Their names.
    pub names: Vec<String>,
}

/// What an order would change, or has changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Applied {
    /// The services.
    pub plan: WirePlan,
    /// Whether alert groups of the host change; the notes say which.
    pub changes_groups: bool,
    /// What is to be told before the plan.
    pub notes: Vec<String>,
    /// What is to be told after it.
    pub told: Vec<String>,
}

impl fmt::Debug for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Order")
            .field("sources", &self.sources)
            .field("prune", &self.prune)
            .finish_non_exhaustive()
    }
}

impl From<Edits> for WireEdits {
    fn from(edits: Edits) -> Self {
        match edits {
            Edits::Keep => Self::Keep,
            Edits::Overwrite => Self::Overwrite,
        }
    }
}

impl From<WireEdits> for Edits {
    fn from(edits: WireEdits) -> Self {
        match edits {
            WireEdits::Keep => Self::Keep,
            WireEdits::Overwrite => Self::Overwrite,
        }
    }
}

impl From<&Removal> for WireRemoval {
    fn from(removal: &Removal) -> Self {
        Self { name: removal.name.to_string(), source: removal.source.clone() }
    }
}

impl TryFrom<&WireRemoval> for Removal {
    type Error = Misfit;

    fn try_from(removal: &WireRemoval) -> Result<Self, Misfit> {
        let name = removal.name.parse().map_err(|error| Misfit::new("name", error))?;
        Ok(Self { name, source: removal.source.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_read_strictly_and_shows_no_secret() {
        let text = r#"{"definition": {"alerts": {"ops": {"bot_token": "hunter2"}}}, "sources": {"web": "a:/b.toml"}}"#;
        let order: Order = serde_json::from_str(text).unwrap();
        assert_eq!((order.edits, order.prune), (WireEdits::Keep, false));
        assert!(!format!("{order:?}").contains("hunter2"));
        let written = serde_json::to_string(&order).unwrap();
        assert_eq!(serde_json::from_str::<Order>(&written).unwrap(), order);
        for wrong in
            [r#"{}"#, r#"{"definition": {}, "sorces": {}}"#, r#"{"definition": {}, "edits": "lose"}"#]
        {
            assert!(serde_json::from_str::<Order>(wrong).is_err(), "{wrong}");
        }
    }
}
