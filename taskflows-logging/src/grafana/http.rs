//! Requests to Grafana, each with a limit, none of them followed elsewhere.

use reqwest::header::{CONTENT_TYPE, HeaderMap, LOCATION};
use reqwest::{Client, Method, RequestBuilder, Url};
use serde_json::Value;

use super::{GrafanaError, GrafanaSettings};
use crate::http::{self, Unread};

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
        let client = http::client(&base, None, HeaderMap::new(), settings.timeout).map_err(unusable)?;
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
        let response = request.send().await.map_err(|error| self.unreachable(error))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = match http::body(response, MOST).await {
            Ok(body) => body,
            Err(Unread::TooLarge) => return Err(self.stranger("its answer has no end".to_owned())),
            Err(Unread::Broken(error)) => return Err(self.unreachable(error)),
        };
        if status.is_redirection() {
            let target = headers.get(LOCATION).and_then(|target| target.to_str().ok());
            return Err(self.stranger(self.redirection(status.as_u16(), target)));
        }
        let Ok(json) = serde_json::from_slice::<Value>(&body) else {
            let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
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
        http::quote(text, Some(&self.api_key), SAID)
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
        let reason = self.quote(&http::unanswered(error));
        GrafanaError::Unreachable { address: self.address(), reason }
    }
}

fn authority(url: &Url) -> String {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{}{port}", url.scheme(), url.host_str().unwrap_or_default())
}
