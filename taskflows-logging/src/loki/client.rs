use std::error::Error;
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, Url};
use rustls::ClientConfig;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls_platform_verifier::Verifier;

use super::LokiSettings;

/// A connection that is not there after so long will not be.
const CONNECT: Duration = Duration::from_secs(5);

/// Makes a client for Loki, which sends the user, the password and the tenant along with each request.
///
/// # Errors
/// Says in words what is wrong with the settings. It reads the file of certificates and connects to nothing.
pub(crate) fn client(settings: &LokiSettings) -> Result<Client, String> {
    let url = endpoint(settings, "")?;
    let mut client = Client::builder()
        .tls_backend_preconfigured(tls(settings.ca_file.as_deref())?)
        .user_agent(concat!("taskflows/", env!("CARGO_PKG_VERSION")))
        .default_headers(headers(settings)?)
        // The password would go along to wherever the answer points.
        .redirect(Policy::none())
        .connect_timeout(settings.timeout.min(CONNECT))
        .timeout(settings.timeout);
    if is_loopback(&url) {
        client = client.no_proxy();
    }
    client.build().map_err(|error| root_cause(&error))
}

/// Returns the address of what Loki offers at `path`, such as `/loki/api/v1/push`.
///
/// # Errors
/// Says in words what is wrong with the address of Loki.
pub(crate) fn endpoint(settings: &LokiSettings, path: &str) -> Result<Url, String> {
    let text = format!("{}{path}", settings.url);
    let url = Url::parse(&text).map_err(|error| format!("the address of Loki is none: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("the address of Loki must begin with http:// or https://".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("the address of Loki holds a user: name user and password beside it".to_owned());
    }
    Ok(url)
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

fn headers(settings: &LokiSettings) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    if let Some((user, password)) = &settings.basic_auth {
        if user.contains(':') {
            return Err("the user of Loki holds a colon".to_owned());
        }
        let value = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
        let mut value = HeaderValue::try_from(value).map_err(|_| "the user of Loki cannot be sent")?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    if let Some(tenant) = &settings.tenant {
        let value = HeaderValue::try_from(tenant).map_err(|_| "the tenant of Loki cannot be sent")?;
        headers.insert("x-scope-orgid", value);
    }
    Ok(headers)
}

/// Returns the innermost cause, which alone says what happened: `connection refused` rather than `error sending request`.
fn root_cause(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

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

    fn fault(change: impl FnOnce(&mut LokiSettings)) -> String {
        let mut settings = LokiSettings::new("localhost:3100");
        change(&mut settings);
        client(&settings).map(|_| String::new()).unwrap_or_else(|fault| fault)
    }

    #[test]
    fn settings_that_cannot_be_used_are_named_without_their_secrets() {
        assert_eq!(fault(|_| ()), "");
        assert!(fault(|it| it.url = "http://".to_owned()).contains("address"));
        assert!(fault(|it| it.url = "ftp://x".to_owned()).contains("http://"));
        let user = fault(|it| it.url = "http://me:hunter2@x".to_owned());
        assert!(user.contains("holds a user") && !user.contains("hunter2"));
        assert!(fault(|it| it.tenant = Some("a\nb".to_owned())).contains("tenant"));
        assert!(fault(|it| it.basic_auth = Some(("a:b".into(), "c".into()))).contains("colon"));
        assert!(fault(|it| it.ca_file = Some("/nonexistent".into())).contains("/nonexistent"));
        let empty = tempfile::NamedTempFile::new().unwrap();
        assert!(fault(|it| it.ca_file = Some(empty.path().into())).contains("no certificate"));
    }

    #[tokio::test]
    async fn each_request_carries_user_and_tenant_and_no_redirection_is_followed() {
        use wiremock::matchers::{header, path};
        use wiremock::{Mock, MockServer, ResponseTemplate};
        let server = MockServer::start().await;
        Mock::given(path("/ready"))
            .and(header("authorization", "Basic bWU6aHVudGVyMg=="))
            .and(header("x-scope-orgid", "team"))
            .respond_with(ResponseTemplate::new(302).insert_header("location", "/elsewhere"))
            .expect(1)
            .mount(&server)
            .await;
        let settings = LokiSettings {
            basic_auth: Some(("me".to_owned(), "hunter2".to_owned())),
            tenant: Some("team".to_owned()),
            ..LokiSettings::new(&server.uri())
        };
        let url = endpoint(&settings, "/ready").unwrap();
        let answer = client(&settings).unwrap().get(url).send().await.unwrap();
        assert_eq!(answer.status(), 302);
        assert!(!format!("{:?}", client(&settings).unwrap()).contains("hunter2"));
    }

    #[tokio::test]
    async fn why_there_was_no_answer_is_said_without_the_address() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let settings = LokiSettings {
            timeout: Duration::from_millis(50),
            ..LokiSettings::new(&listener.local_addr().unwrap().to_string())
        };
        let url = endpoint(&settings, "/x?token=hunter2").unwrap();
        let mute = client(&settings).unwrap().get(url.clone()).send().await.unwrap_err();
        assert_eq!(unanswered(mute), "no answer within the limit");
        drop(listener);
        let refused = unanswered(client(&settings).unwrap().get(url).send().await.unwrap_err());
        assert!(refused.starts_with("no connection") && !refused.contains("hunter2"), "{refused}");
    }
}
