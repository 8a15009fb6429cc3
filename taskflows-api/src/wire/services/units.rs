use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use taskflows_core::alerting::AlertMark;
use taskflows_core::{self as core, ServiceName, effects};
use utoipa::ToSchema;

use super::listing::name;
use crate::wire::Misfit;

/// The unit files of a service as they stand on disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UnitFiles {
    /// The service.
    pub name: String,
    /// File name (`taskflows-web.service`) to its whole text.
    pub files: BTreeMap<String, String>,
    /// The files by which somebody else adds to them: `taskflows-web.service.d/limits.conf` to its text.
    pub drop_ins: BTreeMap<String, String>,
}

/// Where an installed service was defined.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Origin {
    /// The service.
    pub name: String,
    /// The definition file; null where it came by the standard input.
    pub source: Option<String>,
    /// The name of the environment that the host keeps and it runs in.
    pub environment: Option<String>,
}

/// A service that has alerts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AlertGroups {
    /// The service.
    pub name: String,
    /// The groups that are told, by their keys.
    pub groups: Vec<String>,
}

/// Whether an earlier change was cut off in the middle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Interruption {
    /// Whether it was; the next change finishes it.
    pub is_interrupted: bool,
}

/// What became of the units that send alerts and look for missed runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SupportUnits {
    /// Whether anything was to do.
    pub changed: bool,
}

impl UnitFiles {
    /// Puts the files of a service beside those that add to them.
    #[must_use]
    pub fn new(units: core::UnitFiles, drop_ins: BTreeMap<String, String>) -> Self {
        Self { name: units.name.to_string(), files: units.files, drop_ins }
    }
}

impl TryFrom<UnitFiles> for core::UnitFiles {
    type Error = Misfit;

    fn try_from(units: UnitFiles) -> Result<Self, Misfit> {
        Ok(Self { name: name(&units.name)?, files: units.files })
    }
}

impl From<effects::Origin> for Origin {
    fn from(origin: effects::Origin) -> Self {
        let effects::Origin { name, source, environment } = origin;
        Self { name: name.to_string(), source, environment }
    }
}

impl TryFrom<Origin> for effects::Origin {
    type Error = Misfit;

    fn try_from(origin: Origin) -> Result<Self, Misfit> {
        let Origin { name: text, source, environment } = origin;
        Ok(Self { name: name(&text)?, source, environment })
    }
}

impl From<(ServiceName, AlertMark)> for AlertGroups {
    fn from((name, mark): (ServiceName, AlertMark)) -> Self {
        Self { name: name.to_string(), groups: mark.groups }
    }
}

impl TryFrom<AlertGroups> for (ServiceName, AlertMark) {
    type Error = Misfit;

    fn try_from(alerts: AlertGroups) -> Result<Self, Misfit> {
        Ok((name(&alerts.name)?, AlertMark { groups: alerts.groups }))
    }
}
