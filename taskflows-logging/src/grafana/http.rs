//! Requests to Grafana, each with a limit, none of them followed elsewhere.

use std::error::Error;
use std::sync::Arc;

use reqwest::header::{CONTENT_TYPE, LOCATION};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, RequestBuilder, Url};
use rustls::ClientConfig;
use rustls::crypto::ring;
use rustls_platform_verifier::Verifier;
use serde_json::Value;

use super::{GrafanaError, GrafanaSettings};

/// As much of an answer is read: a dashboard of thousands of panels is shorter.
const MOST: usize = 16 << 20;

/// As much of a message is told.
const SAID: usize = 200;

/// A way to Grafana's API.
pub(super) struct Http {
    client: Client,
    base: Url,
    api_key: String,
}

/// An answer of the API: JSON, whatever its status.
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) json: Value,
    /// What it said of an error, with a colon before it.
    pub(super) said: String,
}

impl Http {
    pub(super) fn new(settings: &GrafanaSettings) -> Result<Self, GrafanaError> {
        let unusable = |reason: String| GrafanaError::Unusable { reason };
        let mut base = Url::parse(&settings.url)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
            .ok_or_else(|| unusable("its address is no address of the web".to_owned()))?;
        if !base.username().is_empty() || base.password().is_some() {
            let reason = "its address holds a user or a password; the API key alone says who asks";
            return Err(unusable(reason.to_owned()));
        }
        if settings.api_key.is_empty() || !settings.api_key.chars().all(|c| c.is_ascii_graphic()) {
            return Err(unusable("the API key is empty, or holds what no key holds".to_owned()));
        }
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        let mut client = Client::builder()
            .tls_backend_preconfigured(tls().map_err(unusable)?)
            .user_agent(concat!("taskflows/", env!("CARGO_PKG_VERSION")))
            // The key would go along to wherever the answer points.
            .redirect(Policy::none())
            .timeout(settings.timeout);
        if is_loopback(&base) {
            client = client.no_proxy();
        }
        let client = client.build().map_err(|error| unusable(root_cause(&error)))?;
        Ok(Self { client, base, api_key: settings.api_key.clone() })
    }

    /// Begins a request. `path` is one of the API, without a slash before it.
    pub(super) fn request(&self, method: Method, path: &str) -> Result<RequestBuilder, GrafanaError> {
        let url = self.base.join(path);
        let url = url.map_err(|error| GrafanaError::Unusable { reason: error.to_string() })?;
        Ok(self.client.request(method, url).bearer_auth(&self.api_key))
    }

    /// Sends a request, and takes what does not come from Grafana's API, or a status 401, for an error.
    pub(super) async fn send(&self, request: RequestBuilder) -> Result<Reply, GrafanaError> {
        let mut response = request.send().await.map_err(|error| self.unreachable(error))?;
        let mut body = Vec::new();
        while let Some(part) = response.chunk().await.map_err(|error| self.unreachable(error))? {
            if body.len() + part.len() > MOST {
                return Err(self.stranger("its answer has no end".to_owned()));
            }
            body.extend_from_slice(&part);
        }
        let status = response.status();
        if status.is_redirection() {
            let target = response.headers().get(LOCATION).and_then(|target| target.to_str().ok());
            return Err(self.stranger(self.redirection(status.as_u16(), target)));
        }
        let Ok(json) = serde_json::from_slice::<Value>(&body) else {
            let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
            let kind = self.quote(kind.unwrap_or("something"));
            return Err(self.stranger(format!("status {} with {kind} in place of JSON", status.as_u16())));
        };
        let said = match json.get("message").and_then(Value::as_str).map(|text| self.quote(text)) {
            Some(text) if !text.is_empty() && !status.is_success() => format!(": {text}"),
            _ => String::new(),
        };
        match status.as_u16() {
            401 => Err(GrafanaError::Unauthorized { said }),
            status => Ok(Reply { status, json, said }),
        }
    }

    /// Makes one short line of what a server said, in which the key does not stand.
    pub(super) fn quote(&self, text: &str) -> String {
        let plain = text.replace(&self.api_key, "…");
        let line: String = plain.chars().map(|c| if c.is_control() { ' ' } else { c }).take(SAID).collect();
        let line = line.trim().to_owned();
        if plain.chars().count() > SAID { format!("{line}…") } else { line }
    }

    fn address(&self) -> String {
        authority(&self.base)
    }

    fn stranger(&self, reason: String) -> GrafanaError {
        GrafanaError::Stranger { address: self.address(), reason }
    }

    fn redirection(&self, status: u16, target: Option<&str>) -> String {
        // Without path and query, which may hold what is secret.
        let place = match target.and_then(|target| self.base.join(target).ok()) {
            Some(target) if target.origin() == self.base.origin() => "another path there".to_owned(),
            Some(target) => self.quote(&authority(&target)),
            None => "nowhere".to_owned(),
        };
        format!("status {status} points to {place}, which is not followed: correct the address")
    }

    fn unreachable(&self, error: reqwest::Error) -> GrafanaError {
        let error = error.without_url();
        let reason = match error.is_timeout() {
            true => "no answer within the limit".to_owned(),
            false => self.quote(&root_cause(&error)),
        };
        GrafanaError::Unreachable { address: self.address(), reason }
    }
}

fn authority(url: &Url) -> String {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{}{port}", url.scheme(), url.host_str().unwrap_or_default())
}

/// Tells whether an address is this host's own, to which no proxy leads.
fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Returns the first cause of an error, which says most.
fn root_cause(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

/// Trust is that of the host; the provider is given, since a process may have none or two.
fn tls() -> Result<ClientConfig, String> {
    let provider = Arc::new(ring::default_provider());
    let told = |error: rustls::Error| format!("certificates cannot be checked on this host: {error}");
    let verifier = Verifier::new(provider.clone()).map_err(told)?;
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(told)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(config)
}
