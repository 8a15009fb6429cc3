use std::fmt;
use std::time::Duration;

use taskflows_core::grafana::Explore;

/// Where Grafana is, and who makes dashboards there.
#[derive(Clone, PartialEq, Eq)]
pub struct GrafanaSettings {
    /// Its address, such as `https://grafana.example.org/base`, without a user or a password in it.
    pub url: String,
    /// The token of a service account that may write dashboards: role Editor.
    pub api_key: String,
    /// The uid, or the name, of the data source that holds the logs. The default, `loki`, stands for the first Loki that
    /// there is where none is called so.
    pub datasource: String,
    /// How long one request may take: ten seconds unless told.
    pub timeout: Duration,
}

impl GrafanaSettings {
    /// Takes an address, before which `http://` is put where it has no scheme, and a token.
    pub fn new(url: &str, api_key: &str) -> Self {
        Self::of(&Explore::new(url), api_key)
    }

    /// Takes the address and the data source of links, and a token.
    pub fn of(explore: &Explore, api_key: &str) -> Self {
        Self {
            url: explore.base().to_owned(),
            api_key: api_key.trim().to_owned(),
            datasource: explore.datasource.clone(),
            timeout: Duration::from_secs(10),
        }
    }
}

impl fmt::Debug for GrafanaSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The address may hold a password, though it should not.
        f.debug_struct("GrafanaSettings").field("datasource", &self.datasource).finish_non_exhaustive()
    }
}
