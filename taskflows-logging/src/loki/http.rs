use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::header::RETRY_AFTER;
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url};
use taskflows_core::effects::LogError;
use tokio::time::Instant;

use super::{LokiSettings, client, endpoint, unanswered};

/// No answer may be larger.
const LARGEST: usize = 64 << 20;

/// So much of what Loki says about an error is shown.
const MOST_WORDS: usize = 1024;

/// How long to wait before asking again where Loki does not say it.
const PAUSE: Duration = Duration::from_millis(500);

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Fault {
    /// It is larger than is taken.
    TooLarge(String),
    /// Loki sends no so many entries at once.
    TooMany(String),
    /// Anything else.
    Log(LogError),
}

impl From<Fault> for LogError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::TooLarge(reason) | Fault::TooMany(reason) => Self::Failed { reason },
            Fault::Log(error) => error,
        }
    }
}

/// Asks Loki.
#[derive(Clone, Debug)]
pub(super) struct Http {
    settings: LokiSettings,
    client: Arc<OnceLock<Result<Client, String>>>,
}

impl Http {
    pub(super) fn new(settings: LokiSettings) -> Self {
        Self { settings, client: Arc::default() }
    }

    pub(super) fn settings(&self) -> &LokiSettings {
        &self.settings
    }

    /// Gets what is at `path`.
    pub(super) async fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Vec<u8>, Fault> {
        self.ask(path, |client, url| {
            // Structured metadata stays apart from the labels, so that a stream stays one however many requests it
            // tells of. An older Loki does not know the header.
            client.get(url).query(query).header("x-loki-response-encoding-flags", "categorize-labels")
        })
        .await
    }

    /// Sends `body`, a JSON text, to `path`.
    pub(super) async fn post(&self, path: &str, body: String) -> Result<Vec<u8>, Fault> {
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
    ) -> Result<Vec<u8>, Fault> {
        let unusable = |reason: String| Fault::Log(LogError::Failed { reason });
        let url = endpoint(&self.settings, path).map_err(unusable)?;
        let client = self.client.get_or_init(|| client(&self.settings)).as_ref();
        let client = client.map_err(|reason| unusable(reason.clone()))?;
        let deadline = Instant::now() + self.settings.timeout;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let answer = request(client, url.clone()).timeout(left).send().await;
            let answer = answer.map_err(|error| self.unavailable(error))?;
            let wait = pause(&answer).filter(|wait| Instant::now() + *wait < deadline);
            let Some(wait) = wait else { return self.body(answer).await };
            tokio::time::sleep(wait).await;
        }
    }

    async fn body(&self, mut answer: Response) -> Result<Vec<u8>, Fault> {
        let (status, most) = (answer.status(), LARGEST as u64);
        let too_large = || {
            let place = self.settings.shown_url();
            Fault::TooLarge(format!("Loki at {place} answered with more than {} MiB", LARGEST >> 20))
        };
        if status.is_success() && answer.content_length().is_some_and(|length| length > most) {
            return Err(too_large());
        }
        let mut body = Vec::new();
        while let Some(part) = answer.chunk().await.map_err(|error| self.unavailable(error))? {
            body.extend_from_slice(&part);
            if !status.is_success() && body.len() > MOST_WORDS * 4 {
                break;
            }
            if body.len() > LARGEST {
                return Err(too_large());
            }
        }
        if status.is_success() { Ok(body) } else { Err(self.refusal(status, &body)) }
    }

    fn unavailable(&self, error: reqwest::Error) -> Fault {
        let operation = format!("ask Loki at {}", self.settings.shown_url());
        Fault::Log(LogError::Unavailable { operation, source: unanswered(error).into() })
    }

    fn refusal(&self, status: StatusCode, body: &[u8]) -> Fault {
        let words = self.words(body);
        let place = self.settings.shown_url();
        let said = if words.is_empty() { String::new() } else { format!(": {words}") };
        let reason = match status {
            StatusCode::UNAUTHORIZED => {
                format!("Loki at {place} does not know the user or the password (401){said}")
            }
            StatusCode::FORBIDDEN => format!("Loki at {place} forbids it to this user or tenant (403){said}"),
            status if status.is_redirection() => {
                format!("Loki at {place} answered {status}, which is not followed: correct the address")
            }
            status => format!("Loki at {place} answered {status}{said}"),
        };
        // Source: `validateMaxEntriesLimits` of Loki.
        if words.contains("max entries limit per query exceeded") {
            return Fault::TooMany(reason);
        }
        Fault::Log(LogError::Failed { reason })
    }

    /// Returns what Loki says in one line, cut, and without the password, should the answer repeat it.
    fn words(&self, body: &[u8]) -> String {
        let text = String::from_utf8_lossy(body);
        let mut text: String = text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        if let Some((_, password)) =
            self.settings.basic_auth.as_ref().filter(|(_, password)| !password.is_empty())
        {
            text = text.replace(password, "***");
        }
        if text.len() > MOST_WORDS {
            text.truncate(text.floor_char_boundary(MOST_WORDS));
            text.push('…');
        }
        text
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
