use std::io::{self, PipeReader, Read};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

use super::sink::Sink;
use super::tail::Tail;

/// How much is read at once.
const CHUNK: usize = 64 << 10;

/// A pipe that is silent for so long, though the process that was started is gone, is held open by one that detached
/// itself; nobody waits for that.
const SILENCE: Duration = Duration::from_millis(250);

/// Brings what a process writes from a pipe to where it goes, on a thread of its own: where the reader is slow, only
/// this thread waits, and with it the process.
#[derive(Debug)]
pub(crate) struct Pump {
    done: oneshot::Receiver<Option<io::Error>>,
    state: Arc<PumpState>,
}

#[derive(Debug, Default)]
struct PumpState {
    is_writing: AtomicBool,
    chunks: AtomicU64,
}

impl Pump {
    /// Begins with the pipe of stream 0 or 1.
    ///
    /// # Errors
    /// When there can be no thread.
    pub(crate) fn begin(
        stream: usize,
        pipe: PipeReader,
        sink: Box<dyn Sink>,
        tail: Arc<Mutex<Tail>>,
    ) -> io::Result<Self> {
        let (sender, done) = oneshot::channel();
        let state = Arc::new(PumpState::default());
        let own = Arc::clone(&state);
        let pump = move || {
            let error = flow(stream, pipe, sink, &tail, &own).err();
            // Who no longer waits needs no word.
            let _ = sender.send(error);
        };
        thread::Builder::new().name("output".to_owned()).stack_size(128 << 10).spawn(pump)?;
        Ok(Self { done, state })
    }

    /// Waits until everything has arrived that the process wrote, and returns why it did not where it did not.
    pub(crate) async fn drained(&mut self) -> Option<io::Error> {
        loop {
            let before = self.state.chunks.load(Ordering::Relaxed);
            match timeout(SILENCE, &mut self.done).await {
                Ok(error) => return error.ok().flatten(),
                Err(_) if self.state.is_writing.load(Ordering::Relaxed) => {}
                Err(_) if self.state.chunks.load(Ordering::Relaxed) != before => {}
                Err(_) => return None,
            }
        }
    }
}

fn flow(
    stream: usize,
    mut pipe: PipeReader,
    mut sink: Box<dyn Sink>,
    tail: &Mutex<Tail>,
    state: &PumpState,
) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK];
    let mut lost = None;
    loop {
        let bytes = match pipe.read(&mut chunk) {
            Ok(0) => break,
            Ok(read) => &chunk[..read],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        tail.lock().unwrap_or_else(PoisonError::into_inner).push(stream, bytes);
        state.is_writing.store(true, Ordering::Relaxed);
        if lost.is_none() {
            match sink.write(bytes) {
                Ok(()) => {}
                // The process learns that nobody reads as it would have without us: by its own writes to a pipe that
                // is closed.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Err(error),
                // A full disk is no reason to end it; what it writes is lost until it ends.
                Err(error) => lost = Some(error),
            }
        }
        state.chunks.fetch_add(1, Ordering::Relaxed);
        state.is_writing.store(false, Ordering::Relaxed);
    }
    sink.end();
    lost.map_or(Ok(()), Err)
}
