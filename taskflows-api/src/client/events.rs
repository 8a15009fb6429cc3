//! Streams of a server: server-sent events that go on after a cut, and bodies that are read as they come.

use std::collections::VecDeque;
use std::time::Duration;

use futures_util::stream::{self, BoxStream, StreamExt};
use http::Method;
use http::header::{ACCEPT, HeaderName};
use tokio::time::{Instant, sleep, timeout};

pub use super::event_parser::ServerEvent;
use super::event_parser::{EventParser, TooLarge};
use super::reason::reason;
use super::{Client, ClientError};
use crate::server::Problem;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// The time within which a stream must begin.
const BEGINNING: Duration = Duration::from_secs(20);

/// So long a stream may be silent: a server gives a sign of life every 15 s.
const IDLE: Duration = Duration::from_secs(45);

/// The first wait before a server is asked again, and the longest.
const SHORTEST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(15);

/// So long a server that was there before may be gone.
const PATIENCE: Duration = Duration::from_secs(600);

/// The longest answer that is read of a refusal, in bytes.
const LARGEST_PROBLEM: usize = 64 << 10;

/// How long a stream of events waits, and for what.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// So long it may be silent before it is taken for dead.
    pub idle: Duration,
    /// The first wait before a server is asked again; each next one is twice as long, up to 15 s.
    pub first_wait: Duration,
    /// So long a server that answered before may be gone before that is an error.
    pub gone: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { idle: IDLE, first_wait: SHORTEST_WAIT, gone: PATIENCE }
    }
}

impl Client {
    /// Returns the events at `target` as they come.
    ///
    /// After a cut, a restart of the server, or 45 s of silence, it is asked again, from the last event on that had an id. A
    /// server that does not answer at first, that refuses, or that is gone for ten minutes, is an error; that is the last
    /// item. The stream does not end by itself: an event must say so.
    #[must_use]
    pub fn events(&self, target: &str) -> BoxStream<'static, Result<ServerEvent, ClientError>> {
        self.events_with(target, Patience::default())
    }

    /// As [`Self::events`], with other limits.
    #[must_use]
    pub fn events_with(
        &self,
        target: &str,
        patience: Patience,
    ) -> BoxStream<'static, Result<ServerEvent, ClientError>> {
        let events = Events {
            client: self.clone(),
            target: target.to_owned(),
            patience,
            parser: EventParser::default(),
            read: VecDeque::new(),
            connection: None,
            is_known: false,
            wait: patience.first_wait,
        };
        stream::unfold(Some(events), |events| async move {
            let mut events = events?;
            match events.next().await {
                Ok(event) => Some((Ok(event), Some(events))),
                Err(error) => Some((Err(error), None)),
            }
        })
        .boxed()
    }

    /// Opens a stream at `target` and returns its pieces; one that is silent for 45 s fails.
    pub(super) async fn open(
        &self,
        target: &str,
        accept: &str,
        last_id: Option<&str>,
    ) -> Result<reqwest::Response, ClientError> {
        let request = self.request(Method::GET, target, Vec::new()).header(ACCEPT, accept);
        let request = match last_id {
            Some(id) => request.header(LAST_EVENT_ID, id),
            None => request,
        };
        let sent = timeout(BEGINNING, request.send()).await;
        let sent =
            sent.map_err(|_| self.unreachable(format!("no answer within {} s", BEGINNING.as_secs())))?;
        let response = sent.map_err(|error| self.unreachable(reason(&error)))?;
        match response.status().is_success() {
            true => Ok(response),
            false => Err(self.refusal(response).await),
        }
    }

    async fn refusal(&self, mut response: reqwest::Response) -> ClientError {
        let status = response.status();
        let mut bytes = Vec::new();
        while let Ok(Ok(Some(piece))) = timeout(BEGINNING, response.chunk()).await {
            bytes.extend_from_slice(&piece);
            if bytes.len() > LARGEST_PROBLEM {
                break;
            }
        }
        let problem = serde_json::from_slice(&bytes);
        let problem =
            problem.unwrap_or_else(|_| Problem::new(status, format!("HTTP status {}", status.as_u16())));
        ClientError::Refused { server: self.server().to_owned(), problem }
    }

    /// Reads the next piece of a stream; `None` where it came to its end.
    pub(super) async fn piece(
        &self,
        response: &mut reqwest::Response,
        idle: Duration,
    ) -> Result<Option<Vec<u8>>, ClientError> {
        match timeout(idle, response.chunk()).await {
            Err(_) => Err(self.unreachable(format!("it was silent for {} s", idle.as_secs()))),
            Ok(Err(error)) => Err(self.unreachable(reason(&error))),
            Ok(Ok(piece)) => Ok(piece.map(Vec::from)),
        }
    }
}

struct Events {
    client: Client,
    target: String,
    patience: Patience,
    parser: EventParser,
    /// Events that were read and not taken.
    read: VecDeque<ServerEvent>,
    connection: Option<reqwest::Response>,
    /// Whether the server ever answered.
    is_known: bool,
    wait: Duration,
}

impl Events {
    async fn next(&mut self) -> Result<ServerEvent, ClientError> {
        loop {
            if let Some(event) = self.read.pop_front() {
                return Ok(event);
            }
            let mut connection = match self.connection.take() {
                Some(connection) => connection,
                None => self.connect().await?,
            };
            match self.client.piece(&mut connection, self.patience.idle).await {
                Ok(Some(piece)) => {
                    self.take(&piece)?;
                    self.connection = Some(connection);
                }
                // It is asked again.
                Ok(None) => tracing::debug!(server = self.client.server(), "a stream was closed"),
                Err(error) => tracing::debug!(error = %error, "a stream was cut"),
            }
        }
    }

    fn take(&mut self, piece: &[u8]) -> Result<(), ClientError> {
        let mut events = Vec::new();
        let fed = self.parser.feed(piece, &mut events);
        fed.map_err(|TooLarge| self.client.malformed("an event is too large".to_owned()))?;
        if !events.is_empty() {
            self.wait = self.patience.first_wait;
        }
        self.read.extend(events);
        Ok(())
    }

    /// Asks the server, again and again where it answered before.
    async fn connect(&mut self) -> Result<reqwest::Response, ClientError> {
        let begun = Instant::now();
        loop {
            if self.is_known {
                sleep(jittered(self.wait)).await;
                self.wait = (self.wait * 2).min(LONGEST_WAIT);
            }
            self.parser.reconnected();
            let last_id = self.parser.last_id.as_deref().filter(|id| !id.is_empty());
            match self.client.open(&self.target, "text/event-stream", last_id).await {
                Ok(connection) => {
                    self.is_known = true;
                    return Ok(connection);
                }
                Err(error) if !self.is_known || is_final(&error) => return Err(error),
                Err(error) if begun.elapsed() > self.patience.gone => return Err(error),
                Err(error) => tracing::debug!(error = %error, "a stream cannot be gone on with yet"),
            }
        }
    }
}

/// Tells whether to ask again is of no use.
fn is_final(error: &ClientError) -> bool {
    match error.status() {
        Some(408 | 429 | 500..) => false,
        Some(_) => true,
        None => !error.is_unreachable(),
    }
}

/// Takes up to a quarter off, so that those who were cut off together do not come back together.
fn jittered(wait: Duration) -> Duration {
    let chance = u32::from_str_radix(&taskflows_security::random_hex::<1>(), 16).unwrap_or_default();
    wait - wait * chance / 1_024
}
