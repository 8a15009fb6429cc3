//! The log of another host.

use std::collections::VecDeque;

use async_trait::async_trait;
use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};
use taskflows_core::effects::{LogEntry, LogError, LogQuery, LogReader};

use super::{Client, ClientError, Patience, ServerEvent};
use crate::server::Problem;
use crate::wire::{LogLine, LogParameters, StreamedLine};

/// The longest line that is read, in bytes.
const LONGEST_LINE: usize = 65 << 20;

/// The longest log that is kept as a whole, in bytes.
const LARGEST_LOG: usize = 256 << 20;
/// What an entry takes beside its message, about.
const ENTRY: usize = 200;

/// Reads what the services of another host wrote.
///
/// To follow goes on after a cut, from the last line that came: with a journal, no line is lost and none comes twice, as
/// long as it still has them and the clock of that host was not set back.
#[derive(Clone, Debug)]
pub struct RemoteLogReader {
    client: Client,
    patience: Patience,
}

impl RemoteLogReader {
    /// Reads the log of the server that `client` asks.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self { client, patience: Patience::default() }
    }

    /// Follows with other limits.
    #[must_use]
    pub fn with_patience(self, patience: Patience) -> Self {
        Self { patience, ..self }
    }
}

#[async_trait]
impl LogReader for RemoteLogReader {
    async fn read(&self, query: &LogQuery) -> Result<Vec<LogEntry>, LogError> {
        let mut entries = Vec::new();
        let mut bytes = 0;
        let mut stream = self.stream(query);
        while let Some(entry) = stream.try_next().await? {
            bytes += entry.message.len() + ENTRY;
            if bytes > LARGEST_LOG {
                let reason = "its log is too long to be read at once: ask for fewer lines".to_owned();
                return Err(unavailable(&self.client, self.client.malformed(reason)));
            }
            entries.push(entry);
        }
        Ok(entries)
    }

    fn stream<'a>(&'a self, query: &LogQuery) -> BoxStream<'a, Result<LogEntry, LogError>> {
        if query.services.is_empty() {
            return stream::empty().boxed();
        }
        let target = match target("/api/logs", query) {
            Ok(target) => target,
            Err(error) => return failed(error),
        };
        let lines = Lines {
            client: self.client.clone(),
            target,
            patience: self.patience,
            connection: None,
            text: Vec::new(),
            read: VecDeque::new(),
        };
        stream::try_unfold(
            lines,
            |mut lines| async move { Ok(lines.next().await?.map(|entry| (entry, lines))) },
        )
        .boxed()
    }

    fn follow(&self, query: &LogQuery) -> BoxStream<'static, Result<LogEntry, LogError>> {
        if query.services.is_empty() {
            return stream::empty().boxed();
        }
        let target = match target("/api/logs/follow", query) {
            Ok(target) => target,
            Err(error) => return failed(error),
        };
        let client = self.client.clone();
        let events = self.client.events_with(&target, self.patience);
        stream::try_unfold((client, events), |(client, mut events)| async move {
            while let Some(event) = events.next().await {
                let event = event.map_err(|error| unavailable(&client, error))?;
                match read_event(&client, &event)? {
                    Told::Entry(entry) => return Ok(Some((*entry, (client, events)))),
                    Told::End => return Ok(None),
                    Told::Nothing => {}
                }
            }
            Ok(None)
        })
        .boxed()
    }
}

/// What an event of a log says.
enum Told {
    Entry(Box<LogEntry>),
    End,
    Nothing,
}

fn read_event(client: &Client, event: &ServerEvent) -> Result<Told, LogError> {
    match event.name.as_str() {
        "log" => {
            let line: LogLine =
                serde_json::from_str(&event.data).map_err(|error| malformed(client, &error))?;
            Ok(Told::Entry(Box::new(line.try_into().map_err(|error| malformed(client, &error))?)))
        }
        "end" => Ok(Told::End),
        "error" => {
            let problem: Problem =
                serde_json::from_str(&event.data).map_err(|error| malformed(client, &error))?;
            Err(refused(client, problem))
        }
        // What a later version adds.
        _ => Ok(Told::Nothing),
    }
}

fn target(path: &str, query: &LogQuery) -> Result<String, LogError> {
    let failed = |error: serde_html_form::ser::Error| LogError::Failed { reason: error.to_string() };
    Ok(format!("{path}?{}", serde_html_form::to_string(LogParameters::from(query)).map_err(failed)?))
}

fn failed<'a>(error: LogError) -> BoxStream<'a, Result<LogEntry, LogError>> {
    stream::iter([Err(error)]).boxed()
}

fn unavailable(client: &Client, error: ClientError) -> LogError {
    LogError::Unavailable { operation: format!("read the log of {}", client.server()), source: error.into() }
}

fn malformed(client: &Client, error: &dyn std::fmt::Display) -> LogError {
    unavailable(client, client.malformed(error.to_string()))
}

fn refused(client: &Client, problem: Problem) -> LogError {
    unavailable(client, ClientError::Refused { server: client.server().to_owned(), problem })
}

/// Entries as lines of JSON, read as they come.
struct Lines {
    client: Client,
    target: String,
    patience: Patience,
    connection: Option<reqwest::Response>,
    /// A line that is not whole yet.
    text: Vec<u8>,
    /// What was read and not taken; an error is the last.
    read: VecDeque<Result<LogEntry, LogError>>,
}

impl Lines {
    async fn next(&mut self) -> Result<Option<LogEntry>, LogError> {
        loop {
            if let Some(entry) = self.read.pop_front() {
                return entry.map(Some);
            }
            let mut connection = match self.connection.take() {
                Some(connection) => connection,
                None => {
                    let opened = self.client.open(&self.target, "application/jsonl", None).await;
                    opened.map_err(|error| unavailable(&self.client, error))?
                }
            };
            let piece = self.client.piece(&mut connection, self.patience.idle).await;
            match piece.map_err(|error| unavailable(&self.client, error))? {
                Some(piece) => self.take(&piece)?,
                None if self.text.is_empty() => return Ok(None),
                None => return Err(malformed(&self.client, &"its last line is not whole")),
            }
            self.connection = Some(connection);
        }
    }

    fn take(&mut self, mut piece: &[u8]) -> Result<(), LogError> {
        while let Some(end) = piece.iter().position(|byte| *byte == b'\n') {
            self.text.extend_from_slice(&piece[..end]);
            piece = &piece[end + 1..];
            let line = std::mem::take(&mut self.text);
            // An empty one is a sign of life.
            if !line.is_empty() {
                self.read.push_back(self.entry(&line));
            }
        }
        if self.text.len() + piece.len() > LONGEST_LINE {
            return Err(malformed(&self.client, &"a line is too long"));
        }
        self.text.extend_from_slice(piece);
        Ok(())
    }

    fn entry(&self, line: &[u8]) -> Result<LogEntry, LogError> {
        match serde_json::from_slice(line).map_err(|error| malformed(&self.client, &error))? {
            StreamedLine::Line(line) => line.try_into().map_err(|error| malformed(&self.client, &error)),
            StreamedLine::Problem { problem } => Err(refused(&self.client, problem)),
        }
    }
}
