use std::path::PathBuf;
use std::time::Duration;

use percent_encoding::percent_decode_str;

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
    /// Takes an address; `http://` is put before one without a scheme. A user and a password in it are taken out of it.
    ///
    /// ```
    /// use taskflows_logging::loki::LokiSettings;
    ///
    /// let settings = LokiSettings::new("https://me:p%40ss@loki.example/");
    /// assert_eq!(settings.url, "https://loki.example");
    /// assert_eq!(settings.basic_auth, Some(("me".to_owned(), "p@ss".to_owned())));
    /// ```
    pub fn new(url: &str) -> Self {
        let url = url.trim().trim_end_matches('/');
        let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
        let (user, rest) = match rest[..authority_end(rest)].rfind('@') {
            Some(at) => (Some(&rest[..at]), &rest[at + 1..]),
            None => (None, rest),
        };
        let text = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let basic_auth = user.map(|user| {
            let (name, password) = user.split_once(':').unwrap_or((user, ""));
            (text(name), text(password))
        });
        Self {
            url: format!("{scheme}://{rest}"),
            basic_auth,
            tenant: None,
            ca_file: None,
            timeout: Duration::from_secs(10),
        }
    }

    /// Returns the address as people may see it: without a user or a password that it may hold.
    pub fn shown_url(&self) -> String {
        let (scheme, rest) = self.url.split_once("://").unwrap_or(("http", &self.url));
        let host = rest[..authority_end(rest)].rfind('@').map_or(0, |at| at + 1);
        format!("{scheme}://{}", &rest[host..])
    }
}

/// Returns where the user, host and port of an address without its scheme end. Source: RFC 3986, section 3.2.
fn authority_end(rest: &str) -> usize {
    rest.find(['/', '?', '#']).unwrap_or(rest.len())
}

impl std::fmt::Debug for LokiSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LokiSettings")
            .field("url", &self.shown_url())
            .field("tenant", &self.tenant)
            .finish_non_exhaustive()
    }
}
