//! Requests to servers that settings name: each with a limit, none followed elsewhere, no answer without an end.

use std::error::Error;
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::redirect::Policy;
use reqwest::{Client, Response, Url};
use rustls::ClientConfig;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls_platform_verifier::Verifier;

/// A connection that is not there after so long will not be.
const CONNECT: Duration = Duration::from_secs(5);

/// Makes a client for the server at `url`, which sends `headers` along with each request, and trusts the certificates
/// of `ca_file` beside those of the host.
///
/// # Errors
/// Says in words what is wrong. It reads the file of certificates and connects to nothing.
pub(crate) fn client(
    url: &Url,
    ca_file: Option<&Path>,
    headers: HeaderMap,
    timeout: Duration,
) -> Result<Client, String> {
    let mut client = Client::builder()
        .tls_backend_preconfigured(tls(ca_file)?)
        .user_agent(concat!("taskflows/", env!("CARGO_PKG_VERSION")))
        .default_headers(headers)
        // What says who asks would go along to wherever the answer points.
        .redirect(Policy::none())
        .connect_timeout(timeout.min(CONNECT))
        .timeout(timeout);
    if is_loopback(url) {
        client = client.no_proxy();
    }
    client.build().map_err(|error| root_cause(&error))
}

/// Why an answer has no body.
#[derive(Debug)]
pub(crate) enum Unread {
    /// It is longer than is taken.
    TooLarge,
    /// It broke off.
    Broken(reqwest::Error),
}

/// Reads an answer of at most so many bytes.
pub(crate) async fn body(mut answer: Response, most: usize) -> Result<Vec<u8>, Unread> {
    if answer.content_length().is_some_and(|length| length > most as u64) {
        return Err(Unread::TooLarge);
    }
    let mut body = Vec::new();
    while let Some(part) = answer.chunk().await.map_err(Unread::Broken)? {
        if body.len() + part.len() > most {
            return Err(Unread::TooLarge);
        }
        body.extend_from_slice(&part);
    }
    Ok(body)
}

/// Reads the beginning of an answer. Of one that breaks off it is what came: its status is known.
pub(crate) async fn beginning(mut answer: Response, most: usize) -> Vec<u8> {
    let mut body = Vec::new();
    while let Ok(Some(part)) = answer.chunk().await {
        body.extend(part.iter().take(most - body.len()));
        if body.len() == most {
            break;
        }
    }
    body
}

/// Says why there was no answer, without the address, which may hold what only the asker may see.
pub(crate) fn unanswered(error: reqwest::Error) -> String {
    let error = error.without_url();
    match (error.is_timeout(), error.is_connect()) {
        (true, true) => "no connection within the limit".to_owned(),
        (true, false) => "no answer within the limit".to_owned(),
        (false, true) => format!("no connection: {}", root_cause(&error)),
        (false, false) => root_cause(&error),
    }
}

/// Makes one line of what a server said, of at most so many bytes, in which `secret` does not stand.
pub(crate) fn quote(text: &str, secret: Option<&str>, most: usize) -> String {
    let mut text = match secret.filter(|secret| !secret.is_empty()) {
        Some(secret) => text.replace(secret, "…"),
        None => text.to_owned(),
    };
    text = text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.len() > most {
        text.truncate(text.floor_char_boundary(most));
        text.push('…');
    }
    text
}

/// Returns the innermost cause, which alone says what happened: `connection refused` rather than `error sending request`.
fn root_cause(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

/// Tells whether an address is this host's own, to which no proxy leads.
fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// Returns what connections are secured by. The provider is given here: a program that has none of its own would panic.
fn tls(ca_file: Option<&Path>) -> Result<ClientConfig, String> {
    // Reading the authorities of the host takes milliseconds, and they are the same for each client.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_says_is_one_short_line_without_the_secret() {
        assert_eq!(quote(" no\nhunter2 ", Some("hunter2"), 80), "no …");
        assert_eq!(quote("no hunter2", Some(""), 80), "no hunter2");
        assert_eq!(quote("größer", None, 3), "gr…");
    }

    #[test]
    fn no_proxy_is_asked_for_what_is_here() {
        let is_here = |url: &str| is_loopback(&Url::parse(url).unwrap());
        assert!(["http://localhost:1", "http://127.0.0.9", "http://[::1]:1/x"].into_iter().all(is_here));
        assert!(!["http://localhost.example", "http://10.0.0.1"].into_iter().any(is_here));
    }
}
