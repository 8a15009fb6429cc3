use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::header::RETRY_AFTER;
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url};
use tokio::time::Instant;

use super::{LokiError, LokiSettings, client, endpoint};
use crate::http::{self, Unread};

/// No answer may be larger.
const LARGEST: usize = 64 << 20;

/// So much of what Loki says about an error is shown.
const MOST_WORDS: usize = 1024;

/// How long to wait before asking again where Loki does not say it.
const PAUSE: Duration = Duration::from_millis(500);

/// Asks Loki.
#[derive(Clone, Debug)]
pub(super) struct Http {
    settings: LokiSettings,
    client: Arc<OnceLock<Result<Client, String>>>,
    /// Whether one that has too much to do is asked again.
    is_patient: bool,
}

impl Http {
    pub(super) fn new(settings: LokiSettings) -> Self {
        Self { settings, client: Arc::default(), is_patient: true }
    }

    /// Asks once, and takes no for an answer.
    pub(super) fn once(settings: LokiSettings) -> Self {
        Self { is_patient: false, ..Self::new(settings) }
    }

    pub(super) fn settings(&self) -> &LokiSettings {
        &self.settings
    }

    /// Gets what is at `path`.
    pub(super) async fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Vec<u8>, LokiError> {
        self.ask(path, |client, url| {
            // Structured metadata stays apart from the labels, so that a stream stays one however many requests it
            // tells of. An older Loki does not know the header.
            client.get(url).query(query).header("x-loki-response-encoding-flags", "categorize-labels")
        })
        .await
    }

    /// Sends `body`, a JSON text, to `path`.
    pub(super) async fn post(&self, path: &str, body: String) -> Result<Vec<u8>, LokiError> {
        self.ask(path, |client, url| {
            client.post(url).header("content-type", "application/json").body(body.clone())
        })
        .await
    }

    /// Asks, and again where Loki has too much to do, as long as one request may take.
    async fn ask(
        &self,
        path: &str,
        request: impl Fn(&Client, Url) -> RequestBuilder,
    ) -> Result<Vec<u8>, LokiError> {
        let unusable = |reason: String| LokiError::Unusable { reason };
        let url = endpoint(&self.settings, path).map_err(unusable)?;
        let client = self.client.get_or_init(|| client(&self.settings)).as_ref();
        let client = client.map_err(|reason| unusable(reason.clone()))?;
        let deadline = Instant::now() + self.settings.timeout;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let answer = request(client, url.clone()).timeout(left).send().await;
            let answer = answer.map_err(|error| self.unreachable(error))?;
            let wait = pause(&answer)
                .filter(|wait| self.is_patient && *wait < deadline.saturating_duration_since(Instant::now()));
            let Some(wait) = wait else { return self.body(answer).await };
            tokio::time::sleep(wait).await;
        }
    }

    async fn body(&self, answer: Response) -> Result<Vec<u8>, LokiError> {
        let (status, address) = (answer.status(), self.settings.shown_url());
        if !status.is_success() {
            let text = http::beginning(answer, 4 * MOST_WORDS).await;
            let said = self.quote(&String::from_utf8_lossy(&text));
            return Err(LokiError::Refused { address, status: status.as_u16(), said });
        }
        http::body(answer, LARGEST).await.map_err(|fault| match fault {
            Unread::TooLarge => LokiError::TooLarge { address, most: LARGEST },
            Unread::Broken(error) => self.unreachable(error),
        })
    }

    fn unreachable(&self, error: reqwest::Error) -> LokiError {
        LokiError::Unreachable { address: self.settings.shown_url(), reason: http::unanswered(error) }
    }

    /// Returns what Loki says in one line, cut, and without the password, should the answer repeat it.
    pub(super) fn quote(&self, text: &str) -> String {
        let password = self.settings.basic_auth.as_ref().map(|(_, password)| password.as_str());
        http::quote(text, password, MOST_WORDS)
    }
}

/// Returns how long to wait before the same request may succeed, where it may.
fn pause(answer: &Response) -> Option<Duration> {
    let waits = [StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE];
    waits.contains(&answer.status()).then(|| {
        let named =
            answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
        named.map_or(PAUSE, Duration::from_secs)
    })
}
