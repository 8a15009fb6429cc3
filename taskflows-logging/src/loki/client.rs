use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Client, Url};

use super::LokiSettings;
use crate::http;

/// Makes a client for Loki, which sends the user, the password and the tenant along with each request.
///
/// # Errors
/// Says in words what is wrong with the settings. It reads the file of certificates and connects to nothing.
pub(crate) fn client(settings: &LokiSettings) -> Result<Client, String> {
    let url = endpoint(settings, "")?;
    http::client(&url, settings.ca_file.as_deref(), headers(settings)?, settings.timeout)
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::http::unanswered;

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
