use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use taskflows_core::effects::NamedEnvironment;
use taskflows_core::{Format, Source, read_environment};
use utoipa::ToSchema;

use super::Misfit;

/// An environment that a host keeps under a name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct KeptEnvironment {
    /// The name.
    pub name: String,
    /// `venv`, `uv`, `conda`, `container`.
    pub kind: String,
    /// One line about it.
    #[serde(default)]
    pub description: Option<String>,
    /// The environment as its author wrote it.
    #[schema(value_type = Object)]
    pub definition: serde_json::Value,
    /// The services that use it, by name.
    #[serde(default)]
    pub used_by: Vec<String>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it was last changed.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
}

/// An environment that is to be kept, or to stand in the place of another.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EnvironmentToKeep {
    /// The name. Where it stands in the place of another, that one's name unless it is said.
    #[serde(default)]
    pub name: Option<String>,
    /// One line about it.
    #[serde(default)]
    pub description: Option<String>,
    /// The environment, as in a definition file. What it names on the host is absolute.
    #[schema(value_type = Object)]
    pub definition: Box<RawValue>,
    /// When it was made, where it was kept elsewhere before; else now.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub created_at: Option<Timestamp>,
    /// When it was last changed, where it was kept elsewhere before; else now.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub updated_at: Option<Timestamp>,
}

impl From<NamedEnvironment> for KeptEnvironment {
    fn from(one: NamedEnvironment) -> Self {
        Self {
            name: one.name.to_string(),
            kind: one.environment.kind().to_owned(),
            description: one.description.map(|text| text.to_string()),
            definition: one.definition,
            used_by: Vec::new(),
            created_at: one.created_at,
            updated_at: one.updated_at,
        }
    }
}

impl TryFrom<KeptEnvironment> for NamedEnvironment {
    type Error = Misfit;

    fn try_from(sent: KeptEnvironment) -> Result<Self, Misfit> {
        let source = Source::new("definition", sent.definition.to_string(), Format::Json);
        let (environment, definition) = read_environment(&source).map_err(Misfit::of("definition"))?;
        let description = sent.description.map(|text| text.parse().map_err(Misfit::of("description")));
        Ok(Self {
            name: sent.name.parse().map_err(Misfit::of("name"))?,
            description: description.transpose()?,
            definition,
            environment,
            created_at: sent.created_at,
            updated_at: sent.updated_at,
        })
    }
}
