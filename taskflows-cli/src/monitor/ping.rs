use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, Url};
use rustls::ClientConfig;
use rustls::crypto::ring;
use rustls_platform_verifier::BuilderVerifierExt as _;

/// How long the whole call may take.
const LIMIT: Duration = Duration::from_secs(10);

/// How a look ended, for those who wait for the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It was made, whatever it found.
    Looked,
    /// It failed.
    Failed,
}

/// Calls an address outside, by which somebody else knows that looks are made.
///
/// The address is as good as a token, so nothing that is returned has it. Only https, or http to this host itself; where
/// an answer points is not followed.
pub(crate) async fn ping(address: &str, outcome: Outcome) -> Result<(), String> {
    let url = target(address, outcome)?;
    let is_own = is_loopback(&url);
    let mut client = Client::builder()
        .tls_backend_preconfigured(tls()?)
        .user_agent(concat!("taskflows/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none())
        .timeout(LIMIT);
    if is_own {
        client = client.no_proxy();
    }
    let client = client.build().map_err(|error| root_cause(&error.without_url()))?;
    let response = client.get(url).send().await.map_err(|error| match error.is_timeout() {
        true => format!("no answer within {} s", LIMIT.as_secs()),
        false => root_cause(&error.without_url()),
    })?;
    match response.status() {
        status if status.is_success() => Ok(()),
        status => Err(format!("the answer was {}", status.as_u16())),
    }
}

/// Trust is that of the host; the provider is given, since a process may have none or two.
fn tls() -> Result<ClientConfig, String> {
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let config = config.with_platform_verifier().map_err(|error| error.to_string())?;
    Ok(config.with_no_client_auth())
}

fn target(address: &str, outcome: Outcome) -> Result<Url, String> {
    // What a parser says of it could hold a part of it.
    let mut url = Url::parse(address.trim()).map_err(|_| "it is no address".to_owned())?;
    match url.scheme() {
        "https" => {}
        "http" if is_loopback(&url) => {}
        "http" => {
            return Err("it begins with http, on which anybody on the way reads along; use https".into());
        }
        _ => return Err("it does not begin with https://".into()),
    }
    if outcome == Outcome::Failed {
        let path = format!("{}/fail", url.path().trim_end_matches('/'));
        url.set_path(&path);
    }
    Ok(url)
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// Returns the innermost cause, which alone says what happened.
fn root_cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    /// Calls a server that gives `answer`, and returns what came of it and the first line that was asked.
    async fn call(path: &str, outcome: Outcome, answer: &'static str) -> (Result<(), String>, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}{path}", listener.local_addr().unwrap());
        let serve = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = vec![0; 4096];
            let read = stream.read(&mut asked).await.unwrap();
            stream.write_all(answer.as_bytes()).await.unwrap();
            String::from_utf8_lossy(&asked[..read]).lines().next().unwrap_or_default().to_owned()
        };
        tokio::join!(ping(&address, outcome), serve)
    }

    const WELL: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

    #[tokio::test]
    async fn a_look_is_told_and_a_failed_one_beside_it() {
        let (result, asked) = call("/abc", Outcome::Looked, WELL).await;
        assert_eq!((result, asked.as_str()), (Ok(()), "GET /abc HTTP/1.1"));
        let (result, asked) = call("/abc/", Outcome::Failed, WELL).await;
        assert_eq!((result, asked.as_str()), (Ok(()), "GET /abc/fail HTTP/1.1"));
    }

    #[tokio::test]
    async fn an_answer_that_points_elsewhere_is_not_followed() {
        let moved = "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        assert_eq!(call("/abc", Outcome::Looked, moved).await.0, Err("the answer was 302".into()));
    }

    #[test]
    fn only_safe_addresses_are_called() {
        for (address, is_fine) in [
            ("https://hc.example.org/abc", true),
            ("http://localhost:8000/abc", true),
            ("http://[::1]/abc", true),
            ("http://hc.example.org/abc", false),
            ("http://localhost.example.org/abc", false),
            ("ftp://hc.example.org/abc", false),
            ("abc", false),
        ] {
            let target = target(address, Outcome::Looked);
            assert_eq!(target.is_ok(), is_fine, "{address}");
            assert!(target.err().is_none_or(|said| !said.contains("abc")), "{address}");
        }
    }
}
