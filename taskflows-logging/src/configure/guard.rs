use std::sync::Arc;
use std::time::Duration;

use tracing::dispatcher;

use crate::LokiLayer;
use crate::line::LineWriter;

/// How long the end of a program waits for its lines.
const FLUSH: Duration = Duration::from_secs(5);

/// How long it waits then for what says that lines were lost.
const TOLD: Duration = Duration::from_secs(1);

/// Keeps the log of a program: when it is dropped, it waits until what was written has arrived, 5 s at most.
///
/// Keep it to the end of `main`. (`let _ = …` drops it at once.)
#[derive(Debug)]
#[must_use = "lines on their way are lost at the end of the program without it"]
pub struct LoggingGuard {
    writer: Arc<LineWriter>,
}

impl LoggingGuard {
    pub(crate) fn new(writer: Arc<LineWriter>) -> Self {
        Self { writer }
    }

    /// Waits until what was written has arrived, at most `limit` for all sinks together; returns whether it has.
    pub fn flush(&self, limit: Duration) -> bool {
        self.writer.flush(limit)
    }

    /// Returns how many lines were lost so far, by all sinks together. A line itself says so too, each 10 s at most.
    pub fn dropped(&self) -> u64 {
        self.writer.dropped()
    }

    /// Returns whether it is its layer that events of this thread go to.
    pub(crate) fn is_installed(&self) -> bool {
        dispatcher::get_default(|dispatch| {
            let layer = dispatch.downcast_ref::<LokiLayer>();
            layer.is_some_and(|layer| Arc::ptr_eq(layer.writer(), &self.writer))
        })
    }
}

impl Drop for LoggingGuard {
    fn drop(&mut self) {
        self.flush(FLUSH);
        if self.writer.tell_dropped() {
            self.flush(TOLD);
        }
    }
}
