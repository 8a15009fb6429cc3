use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tracing::subscriber::{NoSubscriber, with_default};

use super::queue::{Batch, Queue};
use super::{Line, Sink, SinkError};

/// Brings batches to where they go, on a thread of its own.
pub(super) trait Delivery: Send + 'static {
    /// Sends a batch, however long it takes, and returns how many of its lines were lost. Between two tries it asks the
    /// queue to wait, which says when there shall be no other.
    fn deliver(&mut self, batch: &Batch, queue: &Queue) -> u64;
}

/// A sink whose lines wait in a queue for a thread that sends them.
pub(super) struct Worker {
    queue: Arc<Queue>,
}

impl Worker {
    pub(super) fn start(name: &str, mut delivery: impl Delivery) -> Result<Self, SinkError> {
        let queue = Arc::new(Queue::default());
        let own = queue.clone();
        // What an HTTP client has to say about a push would be pushed again, for ever.
        let run = move || with_default(NoSubscriber::default(), || send(&own, &mut delivery));
        thread::Builder::new()
            .name(format!("log-{name}"))
            .spawn(run)
            .map_err(|error| SinkError::failed(format!("start the thread that sends to {name}"), error))?;
        Ok(Self { queue })
    }
}

fn send(queue: &Queue, delivery: &mut impl Delivery) {
    while let Some(batch) = queue.next() {
        let delivered = catch_unwind(AssertUnwindSafe(|| delivery.deliver(&batch, queue)));
        let lost = delivered.unwrap_or_else(|_| {
            queue.fault("the sender panicked".to_owned());
            batch.len() as u64
        });
        queue.settle(batch, lost);
    }
}

impl Sink for Worker {
    fn write(&self, line: &Line<'_>) {
        self.queue.push(line);
    }

    fn flush(&self, limit: Duration) -> bool {
        self.queue.flush(limit)
    }

    fn dropped(&self) -> u64 {
        self.queue.dropped()
    }

    fn last_error(&self) -> Option<String> {
        self.queue.last_error()
    }
}

/// Without the lines that wait, which are for their receiver alone.
impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker").field("dropped", &self.dropped()).finish_non_exhaustive()
    }
}

impl Drop for Worker {
    /// Waits for nothing: the thread sends what waits as long as the first try works.
    fn drop(&mut self) {
        self.queue.close();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::super::line::tests::line;
    use super::*;

    /// Does as it is told for each batch.
    struct Told(Receiver<Deed>, Sender<u64>);

    enum Deed {
        Take,
        Panic,
    }

    impl Delivery for Told {
        fn deliver(&mut self, batch: &Batch, _: &Queue) -> u64 {
            match self.0.recv() {
                Ok(Deed::Take) => self.1.send(batch.len() as u64).map_or(batch.len() as u64, |()| 0),
                Ok(Deed::Panic) => panic!("as it was told"),
                Err(_) => batch.len() as u64,
            }
        }
    }

    #[test]
    fn the_thread_outlives_a_panic_and_counts_what_it_cost() {
        let (tell, told) = channel();
        let (taken, take) = channel();
        let worker = Worker::start("test", Told(told, taken)).unwrap();
        tell.send(Deed::Panic).unwrap();
        worker.write(&line(b"{}"));
        assert!(!worker.flush(Duration::from_secs(60)));
        assert_eq!(worker.dropped(), 1);
        assert!(worker.last_error().unwrap().contains("panicked"));
        tell.send(Deed::Take).unwrap();
        (0..5).for_each(|_| worker.write(&line(b"{}")));
        assert!(worker.flush(Duration::from_secs(60)));
        assert_eq!((worker.dropped(), take.iter().next()), (1, Some(5)));
    }

    #[test]
    fn what_waits_is_sent_when_the_sink_goes() {
        let (tell, told) = channel();
        let (taken, take) = channel();
        let worker = Worker::start("test", Told(told, taken)).unwrap();
        (0..5).for_each(|_| worker.write(&line(b"{}")));
        drop(worker);
        tell.send(Deed::Take).unwrap();
        assert_eq!(take.iter().sum::<u64>(), 5);
    }
}
