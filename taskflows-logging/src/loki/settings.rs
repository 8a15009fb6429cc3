use std::path::PathBuf;
use std::time::Duration;

/// Where Loki is, and who asks it.
#[derive(Clone, PartialEq, Eq)]
pub struct LokiSettings {
    /// Its address, such as `http://localhost:3100`.
    pub url: String,
    /// The user and the password, where there are any.
    pub basic_auth: Option<(String, String)>,
    /// `X-Scope-OrgID`, where several share it.
    pub tenant: Option<String>,
    /// A certificate in PEM that is trusted beside those of the system.
    pub ca_file: Option<PathBuf>,
    /// How long one request may take.
    pub timeout: Duration,
}

impl LokiSettings {
    /// Takes an address; `http://` is put before one without a scheme.
    pub fn new(url: &str) -> Self {
        let url = url.trim().trim_end_matches('/');
        let scheme = if url.contains("://") { "" } else { "http://" };
        Self {
            url: format!("{scheme}{url}"),
            basic_auth: None,
            tenant: None,
            ca_file: None,
            timeout: Duration::from_secs(10),
        }
    }

    /// Returns the address as people may see it: without a user or a password that it may hold.
    ///
    /// ```
    /// use taskflows_logging::loki::LokiSettings;
    ///
    /// assert_eq!(LokiSettings::new("https://me:secret@loki.example").shown_url(), "https://loki.example");
    /// ```
    pub fn shown_url(&self) -> String {
        let (scheme, rest) = self.url.split_once("://").unwrap_or(("http", &self.url));
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let host = authority.rfind('@').map_or(0, |at| at + 1);
        format!("{scheme}://{}", &rest[host..])
    }
}

impl std::fmt::Debug for LokiSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LokiSettings")
            .field("url", &self.shown_url())
            .field("tenant", &self.tenant)
            .finish_non_exhaustive()
    }
}
