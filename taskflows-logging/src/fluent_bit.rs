use std::time::Duration;

use reqwest::Url;
use reqwest::header::HeaderMap;

use crate::http;

/// As much of what it says is told, in bytes.
const SAID: usize = 200;

/// What Fluent Bit says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FluentBitHealth {
    /// It is well.
    Well,
    /// It runs, and was not told to say how it is (`health_check: on`).
    Untold,
    /// Its outputs fail or are tried again too often.
    Ill {
        /// The status of HTTP.
        status: u16,
        /// What it said, in one line.
        said: String,
    },
    /// Nothing answers: it does not run, or has no server of HTTP (`http_server: on`).
    Silent,
}

/// Asks the HTTP server of Fluent Bit, such as `http://127.0.0.1:2020`, how it is. It is asked once, for at most `limit`.
///
/// Source: Fluent Bit's documentation, "Monitoring", of `/api/v1/health`.
///
/// ```no_run
/// use std::time::Duration;
/// use taskflows_logging::{FluentBitHealth, fluent_bit_health};
///
/// # async fn show() {
/// let health = fluent_bit_health("http://127.0.0.1:2020", Duration::from_secs(1)).await;
/// assert_eq!(health, FluentBitHealth::Well);
/// # }
/// ```
pub async fn fluent_bit_health(url: &str, limit: Duration) -> FluentBitHealth {
    let Ok(url) = Url::parse(&format!("{}/api/v1/health", url.trim_end_matches('/'))) else {
        return FluentBitHealth::Silent;
    };
    let Ok(client) = http::client(&url, None, HeaderMap::new(), limit) else {
        return FluentBitHealth::Silent;
    };
    let Ok(answer) = client.get(url).send().await else { return FluentBitHealth::Silent };
    match answer.status().as_u16() {
        200..=299 => FluentBitHealth::Well,
        404 => FluentBitHealth::Untold,
        status => {
            let text = http::beginning(answer, 4 * SAID).await;
            let said = http::quote(&String::from_utf8_lossy(&text), None, SAID);
            FluentBitHealth::Ill { status, said }
        }
    }
}
