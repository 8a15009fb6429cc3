//! Fluent Bit's forward input. Source: Fluentd Forward Protocol Specification v1.

mod ack;
mod address;
mod connection;
mod message;
#[cfg(test)]
mod tests;

use std::time::Duration;

use address::Address;
use connection::Connection;

use super::backoff::Backoff;
use super::queue::{Batch, Queue};
use super::worker::Delivery;
use super::{Labels, SinkError};

/// Sends chunks, one at a time, and each until it is acknowledged.
#[derive(Debug)]
pub(super) struct Forward {
    address: Address,
    tag: String,
    /// The task that the program is, where it is one.
    service: Option<String>,
    limits: Limits,
    backoff: Backoff,
    connection: Option<Connection>,
}

/// How long is waited for whom.
#[derive(Clone, Copy, Debug)]
struct Limits {
    connect: Duration,
    /// For a chunk to be taken, and again for its acknowledgement.
    chunk: Duration,
}

impl Forward {
    pub(super) fn new(address: &str, tag: &str, labels: &Labels) -> Result<Self, SinkError> {
        let address = address.parse().map_err(SinkError::unusable)?;
        if tag.is_empty() {
            return Err(SinkError::unusable("what is sent to Fluent Bit needs a tag"));
        }
        let limits = Limits { connect: Duration::from_secs(5), chunk: Duration::from_secs(20) };
        let service = labels.service.clone().filter(|service| !service.is_empty());
        let (tag, backoff) = (tag.to_owned(), Backoff::default());
        Ok(Self { address, tag, service, limits, backoff, connection: None })
    }

    fn send(&mut self, message: &[u8], chunk: &str) -> Result<(), String> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => Connection::open(&self.address, self.limits.connect)?,
        };
        connection.send(message, chunk, self.limits.chunk)?;
        self.connection = Some(connection);
        Ok(())
    }
}

impl Delivery for Forward {
    fn deliver(&mut self, batch: &Batch, queue: &Queue) -> u64 {
        let chunk = message::new_chunk();
        let message = message::packed_forward(&self.tag, self.service.as_deref(), batch, &chunk);
        loop {
            // One that was in use may have been closed at the other end since; a new one is tried at once.
            let was_open = self.connection.is_some();
            match self.send(&message, &chunk) {
                Ok(()) => {
                    self.backoff.reset();
                    return 0;
                }
                Err(reason) => queue.fault(format!("{}: {reason}", self.address)),
            }
            if !was_open && !queue.pause(self.backoff.next(), true) {
                return batch.len() as u64;
            }
        }
    }
}
