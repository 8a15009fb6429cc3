//! Loki, without anything between. Source: Loki's HTTP API, "Ingest logs".

mod answer;
mod body;
#[cfg(test)]
mod tests;

use std::ops::Range;

use answer::Answer;
use body::Body;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE};
use reqwest::{Client, Url};
use tokio::runtime::{Builder, Runtime};

use super::backoff::Backoff;
use super::queue::{Batch, Queue};
use super::worker::Delivery;
use super::{Labels, SinkError};
use crate::http::unanswered;
use crate::loki::{LokiSettings, client, endpoint};

/// So often a request is tried that Loki answers with an error which may pass; with the waits between, some minutes.
const TRIES: u32 = 20;

/// Pushes lines, one request at a time.
///
/// Their times stay as they are: Loki takes lines that are out of order up to an hour or so, and a clock that jumps
/// back further costs the lines that it refuses, which are counted.
#[derive(Debug)]
pub(super) struct LokiPush {
    client: Client,
    settings: LokiSettings,
    url: Url,
    runtime: Runtime,
    body: Body,
    backoff: Backoff,
}

/// How a request ended.
enum Pushed {
    /// Done with, and so many lines were lost.
    Settled(u64),
    /// It may go through in halves.
    TooLarge,
}

impl LokiPush {
    pub(super) fn new(
        settings: &LokiSettings,
        labels: &Labels,
        labels_compat: bool,
    ) -> Result<Self, SinkError> {
        let client = client(settings).map_err(SinkError::unusable)?;
        let url = endpoint(settings, "/loki/api/v1/push").map_err(SinkError::unusable)?;
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| SinkError::failed("start what sends to Loki", error))?;
        let settings = settings.clone();
        Ok(Self {
            client,
            settings,
            url,
            runtime,
            body: Body::new(labels, labels_compat),
            backoff: Backoff::default(),
        })
    }

    /// Sends some lines of a batch, as often as it takes.
    fn push(&mut self, batch: &Batch, range: &Range<usize>, queue: &Queue) -> Pushed {
        let lines = range.len() as u64;
        let body = self.body.compressed(batch, range.clone());
        self.backoff.reset();
        let mut tries = 0;
        loop {
            let (wait, is_eager) = match self.runtime.block_on(self.post(&body)) {
                Ok(Answer::Taken) => return Pushed::Settled(0),
                Ok(Answer::Refused(lost, reason)) => {
                    queue.fault(reason);
                    return Pushed::Settled(lost.unwrap_or(lines).min(lines));
                }
                Ok(Answer::TooLarge(reason)) => {
                    queue.fault(reason);
                    return Pushed::TooLarge;
                }
                Ok(Answer::Later(reason, after)) => {
                    queue.fault(reason);
                    tries += 1;
                    if tries > TRIES {
                        return Pushed::Settled(lines);
                    }
                    // What it asks for is kept, whoever is in a hurry.
                    let wait = self.backoff.next();
                    (after.map_or(wait, |after| after.max(wait)), after.is_none())
                }
                Err(reason) => {
                    queue.fault(format!("Loki: {reason}"));
                    (self.backoff.next(), true)
                }
            };
            if !queue.pause(wait, is_eager) {
                return Pushed::Settled(lines);
            }
        }
    }
}

impl LokiPush {
    async fn post(&self, body: &[u8]) -> Result<Answer, String> {
        let request = self.client.post(self.url.clone());
        let request = request.header(CONTENT_TYPE, "application/json").header(CONTENT_ENCODING, "gzip");
        let response = request.body(body.to_vec()).send().await.map_err(unanswered)?;
        let secret = self.settings.basic_auth.as_ref().map(|(_, password)| password.as_str());
        Ok(Answer::read(response, secret).await)
    }
}

impl Delivery for LokiPush {
    fn deliver(&mut self, batch: &Batch, queue: &Queue) -> u64 {
        let mut lost = 0;
        let whole = 0..batch.len();
        let mut ranges = vec![whole];
        while let Some(range) = ranges.pop() {
            match self.push(batch, &range, queue) {
                Pushed::Settled(count) => lost += count,
                Pushed::TooLarge if range.len() < 2 => lost += 1,
                Pushed::TooLarge => {
                    let middle = range.start + range.len() / 2;
                    ranges.extend([middle..range.end, range.start..middle]);
                }
            }
        }
        lost
    }
}
