//! Carries entries from a log to who reads them.

use std::time::Duration;

use axum::body::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{FutureExt, StreamExt};
use taskflows_core::effects::{LogEntry, LogError};
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::timeout;

use super::writing::Writing;
use crate::server::Problem;

/// What is sent, piece by piece. Where none says that it was the last, it was broken off.
pub(super) type Pieces = Receiver<Piece>;

/// A part of what is sent.
#[derive(Debug)]
pub(super) enum Piece {
    /// So many bytes.
    Bytes(Bytes),
    /// That was all.
    End,
    /// It failed in a way that the form has no words for, or before anything was sent.
    Failed(Problem),
}

/// So long nothing is sent before a sign of life is.
const BEAT: Duration = Duration::from_secs(15);

/// So long a reader may take nothing. It can go on later from where it was; its entries wait in the log, not here.
const PATIENCE: Duration = Duration::from_secs(60);

/// So many pieces wait for the reader.
const WAITING: usize = 2;

/// What the log has at hand goes in one piece, until that has so many bytes.
const ENOUGH: usize = 64 << 10;

/// Lets `carry` send to a sink until it is done or nobody reads any more, in a task of its own.
pub(super) fn pump<C, F>(permit: OwnedSemaphorePermit, writing: Box<dyn Writing>, carry: C) -> Pieces
where
    C: FnOnce(Sink) -> F + Send + 'static,
    F: Future<Output = ()> + Send,
{
    let (out, pieces) = channel(WAITING);
    let sink = Sink { out: out.clone(), writing, has_sent: false };
    tokio::spawn(async move {
        let _held = permit;
        tokio::select! {
            () = out.closed() => {}
            () = carry(sink) => {}
        }
    });
    pieces
}

/// Where entries go.
pub(super) struct Sink {
    out: Sender<Piece>,
    writing: Box<dyn Writing>,
    has_sent: bool,
}

impl Sink {
    /// Sends all entries until they end, fail, or are not taken any more. An entry is asked of the log when the ones before
    /// it were taken, so that a slow reader costs no memory.
    pub(super) async fn send_all(mut self, mut entries: BoxStream<'_, Result<LogEntry, LogError>>) {
        let mut bytes = Vec::new();
        self.writing.open(&mut bytes);
        loop {
            if !bytes.is_empty() && !self.send(Piece::Bytes(std::mem::take(&mut bytes).into())).await {
                return;
            }
            let mut next = match timeout(BEAT, entries.next()).await {
                Ok(next) => Some(next),
                Err(_) => {
                    self.writing.beat(&mut bytes);
                    None
                }
            };
            while let Some(entry) = next {
                match entry {
                    Some(Ok(entry)) => self.writing.entry(entry, &mut bytes),
                    Some(Err(error)) => return self.fail(error.into(), bytes).await,
                    None => {
                        self.writing.end(&mut bytes);
                        return self.last(bytes, Piece::End).await;
                    }
                }
                next = if bytes.len() < ENOUGH { entries.next().now_or_never() } else { None };
            }
        }
    }

    async fn fail(mut self, problem: Problem, mut bytes: Vec<u8>) {
        let last = match self.has_sent || !bytes.is_empty() {
            true => self.writing.fail(problem, &mut bytes).map_or_else(Piece::Failed, |()| Piece::End),
            false => Piece::Failed(problem),
        };
        self.last(bytes, last).await;
    }

    async fn last(mut self, bytes: Vec<u8>, last: Piece) {
        if bytes.is_empty() || self.send(Piece::Bytes(bytes.into())).await {
            self.send(last).await;
        }
    }

    /// Tells whether the reader goes on.
    async fn send(&mut self, piece: Piece) -> bool {
        self.has_sent = true;
        matches!(timeout(PATIENCE, self.out.send(piece)).await, Ok(Ok(())))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures_util::stream;
    use tokio::sync::Semaphore;
    use tokio::time::Instant;

    use super::super::writing::{Array, Events, Lines};
    use super::*;

    async fn run(
        writing: Box<dyn Writing>,
        entries: BoxStream<'static, Result<LogEntry, LogError>>,
    ) -> Pieces {
        let permit = Arc::new(Semaphore::new(1)).acquire_owned().await.unwrap();
        pump(permit, writing, |sink| sink.send_all(entries))
    }

    async fn text(pieces: &mut Pieces) -> String {
        match pieces.recv().await {
            Some(Piece::Bytes(bytes)) => String::from_utf8(bytes.to_vec()).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    fn entry() -> LogEntry {
        LogEntry {
            time: jiff::Timestamp::UNIX_EPOCH,
            service: "a".parse().unwrap(),
            origin: taskflows_core::effects::LogOrigin::Process,
            run: None,
            attempt: None,
            priority: 6,
            message: "x".repeat(ENOUGH),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_has_nothing_gives_a_sign_of_life() {
        let opened = jiff::Timestamp::UNIX_EPOCH;
        let events = Box::new(Events::new(opened, None, false));
        let mut pieces = run(events, stream::pending().boxed()).await;
        let begun = Instant::now();
        assert_eq!(text(&mut pieces).await, ": the log follows\n\n");
        // From then on a cut stream is gone on with from its opening.
        assert_eq!(text(&mut pieces).await, "id: 1970-01-01T00:00:00Z_0_0000000000000000\n\n:\n\n");
        assert_eq!(text(&mut pieces).await, ":\n\n");
        assert_eq!(begun.elapsed(), BEAT * 2);
        for writing in [Box::new(Array::default()) as Box<dyn Writing>, Box::new(Lines)] {
            assert_eq!(text(&mut run(writing, stream::pending().boxed()).await).await, "\n");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_nothing_for_long_is_given_up_and_does_not_take_a_part_for_the_whole() {
        let endless = stream::repeat_with(|| Ok(entry())).boxed();
        let mut pieces = run(Box::new(Lines), endless).await;
        tokio::time::sleep(PATIENCE * 2).await;
        let mut taken = 0;
        loop {
            match pieces.recv().await {
                Some(Piece::Bytes(_)) => taken += 1,
                other => {
                    assert!(other.is_none(), "no end is told: {other:?}");
                    break;
                }
            }
        }
        assert_eq!(taken, WAITING);
    }
}
