use std::path::Path;
use std::sync::{Arc, OnceLock};

use jiff::Timestamp;
use reqwest::header::{HeaderMap, LOCATION, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, RequestBuilder, StatusCode, Url};
use rustls::ClientConfig;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls_platform_verifier::Verifier;

use super::super::place::Place;
use super::super::tls::{refused_certificate, root_cause};
use super::address::{authority, is_loopback};
use super::retry_after;
use crate::{Limits, NotifyError};

/// As much of an answer is read: none of those that matter is longer.
const MOST: usize = 64 * 1024;

/// Requests to one place.
pub(in crate::destination) struct Http {
    client: Client,
    place: Place,
}

/// An answer, its body cut at a bound.
pub(in crate::destination) struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    url: Url,
    body: Vec<u8>,
}

impl Http {
    /// Makes a client for `url`, which trusts the authorities in `ca_file` beside those of the host.
    pub(in crate::destination) fn new(
        place: &Place,
        url: &Url,
        ca_file: Option<&Path>,
        limits: Limits,
    ) -> Result<Self, String> {
        let mut client = Client::builder()
            .tls_backend_preconfigured(tls(ca_file)?)
            .user_agent(concat!("taskflows/", env!("CARGO_PKG_VERSION")))
            // A token would go along to wherever the answer points.
            .redirect(Policy::none())
            .connect_timeout(limits.connect)
            .timeout(limits.whole);
        if is_loopback(url) {
            client = client.no_proxy();
        }
        let client = client.build().map_err(|error| root_cause(&error))?;
        Ok(Self { client, place: place.clone() })
    }

    pub(in crate::destination) fn request(&self, method: Method, url: Url) -> RequestBuilder {
        self.client.request(method, url)
    }

    pub(in crate::destination) fn post(&self, url: Url) -> RequestBuilder {
        self.request(Method::POST, url)
    }

    pub(in crate::destination) fn place(&self) -> &Place {
        &self.place
    }

    /// Sends and reads the answer, whatever its status.
    pub(in crate::destination) async fn send(&self, request: RequestBuilder) -> Result<Reply, NotifyError> {
        let mut response = request.send().await.map_err(|error| self.unsent(error))?;
        let mut body = Vec::new();
        while let Some(part) = response.chunk().await.map_err(|error| self.unsent(error))? {
            body.extend(part.iter().take(MOST - body.len()));
            if body.len() == MOST {
                break;
            }
        }
        let (status, url) = (response.status(), response.url().clone());
        Ok(Reply { status, headers: std::mem::take(response.headers_mut()), url, body })
    }

    /// Sends, and takes any status but success for an error.
    pub(in crate::destination) async fn deliver(
        &self,
        request: RequestBuilder,
    ) -> Result<Reply, NotifyError> {
        let reply = self.send(request).await?;
        reply.check(&self.place)?;
        Ok(reply)
    }

    fn unsent(&self, error: reqwest::Error) -> NotifyError {
        let host = error.url().map(authority).unwrap_or_default();
        let error = error.without_url();
        let said = |error| self.place.quote(root_cause(error).as_bytes());
        if let Some(fault) = refused_certificate(&error, &host) {
            return self.place.permanent(fault);
        }
        if error.is_builder() {
            return self.place.permanent(said(&error));
        }
        let reason = match (error.is_timeout(), error.is_connect()) {
            (true, true) => "no connection within the limit".to_owned(),
            (true, false) => "no answer within the limit".to_owned(),
            (false, true) => format!("no connection: {}", said(&error)),
            (false, false) => said(&error),
        };
        self.place.transient(reason, None)
    }
}

impl Reply {
    pub(in crate::destination) fn status(&self) -> u16 {
        self.status.as_u16()
    }

    /// Returns the body as JSON, if it is some.
    pub(in crate::destination) fn json(&self) -> Option<serde_json::Value> {
        serde_json::from_slice(&self.body).ok()
    }

    pub(in crate::destination) fn retry_after(&self) -> Option<std::time::Duration> {
        retry_after(self.headers.get(RETRY_AFTER)?.to_str().ok()?, Timestamp::now())
    }

    /// Takes any status but success for an error: one that may pass, or one that somebody must mend.
    pub(in crate::destination) fn check(&self, place: &Place) -> Result<(), NotifyError> {
        let status = self.status;
        if status.is_success() {
            return Ok(());
        }
        if status.is_redirection() {
            return Err(place.permanent(self.redirection()));
        }
        let reason = match place.quote(&self.body) {
            line if line.is_empty() => format!("it answered {status}"),
            line => format!("it answered {status}: {line}"),
        };
        let passes = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_EARLY, StatusCode::TOO_MANY_REQUESTS];
        if status.is_server_error() || passes.contains(&status) {
            return Err(place.transient(reason, self.retry_after()));
        }
        Err(place.permanent(reason))
    }

    /// Tells where a redirection points, which is not followed; without path and query, which may hold a token.
    fn redirection(&self) -> String {
        let target = self.headers.get(LOCATION).and_then(|target| target.to_str().ok());
        let target = target.and_then(|target| self.url.join(target).ok());
        let place = match target {
            Some(target) if target.origin() == self.url.origin() => "another path there".to_owned(),
            Some(target) => format!("{}://{}", target.scheme(), authority(&target)),
            None => "nowhere".to_owned(),
        };
        format!(
            "it answered {} and points to {place}, which is not followed: correct the address",
            self.status
        )
    }
}

/// Returns what connections are secured by. The provider is given here: a program that has none of its own would panic.
fn tls(ca_file: Option<&Path>) -> Result<ClientConfig, String> {
    // Reading the authorities of the host takes milliseconds, and they are the same for each place.
    static OF_HOST: OnceLock<ClientConfig> = OnceLock::new();
    let Some(path) = ca_file else {
        if let Some(config) = OF_HOST.get() {
            return Ok(config.clone());
        }
        let config = trusting(Vec::new())?;
        return Ok(OF_HOST.get_or_init(|| config).clone());
    };
    let unreadable = |error: &dyn std::fmt::Display| format!("`ca_file` {}: {error}", path.display());
    let text = std::fs::read(path).map_err(|error| unreadable(&error))?;
    let authorities: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let authorities = authorities.map_err(|error| unreadable(&error))?;
    if authorities.is_empty() {
        return Err(unreadable(&"it holds no certificate"));
    }
    trusting(authorities)
}

fn trusting(authorities: Vec<CertificateDer<'static>>) -> Result<ClientConfig, String> {
    let provider = Arc::new(ring::default_provider());
    let told = |error: rustls::Error| format!("certificates cannot be checked on this host: {error}");
    let verifier = Verifier::new_with_extra_roots(authorities, provider.clone()).map_err(told)?;
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(told)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(config)
}
