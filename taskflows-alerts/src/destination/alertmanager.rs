use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Secret;

#[cfg(feature = "alertmanager")]
mod alert;
#[cfg(feature = "alertmanager")]
mod notifier;

/// A Prometheus Alertmanager, by its API v2.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alertmanager {
    /// Its address: `https://alertmanager.example.org`, with the path under which it is, if there is one.
    pub url: String,
    /// Labels that each alert gets, for its routes: `team = "data"`. `alertname` is `Taskflows` unless it stands here.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Headers that go along: `Authorization`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, Secret>,
    /// PEM file of authorities that are trusted beside those of the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// Whether the address may begin with `http`, as inside a private network.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_http: bool,
}

impl Alertmanager {
    /// Names a server.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), ..Self::default() }
    }
}
