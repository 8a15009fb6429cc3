use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{FileType, fstat};
use rustix::io::Errno;
use rustix::net::SendFlags;

use super::{Line, Sink};

/// So long a journal is waited for that does not read.
const PATIENCE: Duration = Duration::from_secs(1);

/// Standard output: one line, one write, at once.
#[derive(Debug)]
pub(super) struct Stdout<F = io::Stdout> {
    output: F,
    is_socket: bool,
    patience: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The line that is written, or what is left of one whose beginning is out already.
    pending: Vec<u8>,
    /// Whether nobody reads: it was waited for, and is not again.
    is_stuck: bool,
    dropped: u64,
    last_error: Option<String>,
}

impl Stdout {
    pub(super) fn new() -> Self {
        Self::over(io::stdout(), PATIENCE)
    }
}

impl<F: AsFd> Stdout<F> {
    fn over(output: F, patience: Duration) -> Self {
        let is_socket =
            fstat(&output).is_ok_and(|it| FileType::from_raw_mode(it.st_mode) == FileType::Socket);
        Self { output, is_socket, patience, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what is pending, and leaves there what could not be written.
    fn write_pending(&self, state: &mut State) -> Result<(), Errno> {
        let (mut written, mut deadline) = (0, None);
        let result = loop {
            if written == state.pending.len() {
                state.is_stuck = false;
                break Ok(());
            }
            match write_some(self.output.as_fd(), self.is_socket, &state.pending[written..]) {
                Ok(0) => break Err(Errno::IO),
                Ok(count) => written += count,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) if !state.is_stuck && self.has_room(&mut deadline) => {}
                Err(error) => {
                    state.is_stuck = error == Errno::AGAIN;
                    break Err(error);
                }
            }
        };
        state.pending.drain(..written);
        result
    }

    /// Waits for room, up to the deadline that the first wait sets.
    fn has_room(&self, deadline: &mut Option<Instant>) -> bool {
        let now = Instant::now();
        let left = deadline.get_or_insert(now + self.patience).saturating_duration_since(now);
        let Ok(limit) = left.try_into() else { return false };
        let fd = self.output.as_fd();
        let polled = poll(&mut [PollFd::new(&fd, PollFlags::OUT)], Some(&limit));
        !left.is_zero() && matches!(polled, Ok(1..) | Err(Errno::INTR))
    }
}

/// Writes as much as there is room for. A socket, which a journal is, is not waited for here.
fn write_some(output: BorrowedFd<'_>, is_socket: bool, bytes: &[u8]) -> Result<usize, Errno> {
    if is_socket {
        match rustix::net::send(output, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
            // Somebody has put something else in its place.
            Err(Errno::NOTSOCK) => {}
            result => return result,
        }
    }
    rustix::io::write(output, bytes)
}

impl<F: AsFd + Send + Sync + std::fmt::Debug> Sink for Stdout<F> {
    fn write(&self, line: &Line<'_>) {
        let state = &mut *self.state();
        // The rest of a line comes before the next one: half a line with another behind it is neither.
        if !state.pending.is_empty() {
            match self.write_pending(state) {
                Ok(()) => {}
                Err(Errno::AGAIN) => return state.lose(Errno::AGAIN),
                Err(error) => {
                    state.pending.clear();
                    state.lose(error);
                }
            }
        }
        state.pending.extend_from_slice(line.json);
        state.pending.push(b'\n');
        let whole = state.pending.len();
        match self.write_pending(state) {
            Ok(()) => {}
            // It is not lost: its rest follows.
            Err(Errno::AGAIN) if state.pending.len() < whole => {}
            Err(error) => {
                state.pending.clear();
                state.lose(error);
            }
        }
    }

    fn flush(&self, _: Duration) -> bool {
        let state = &mut *self.state();
        state.pending.is_empty() || self.write_pending(state).is_ok()
    }

    fn dropped(&self) -> u64 {
        self.state().dropped
    }

    fn last_error(&self) -> Option<String> {
        self.state().last_error.clone()
    }
}

/// Without the line that is pending.
impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").field("dropped", &self.dropped).finish_non_exhaustive()
    }
}

impl State {
    fn lose(&mut self, error: Errno) {
        self.dropped += 1;
        self.last_error = Some(match error {
            Errno::AGAIN => "nobody reads standard output".to_owned(),
            error => io::Error::from(error).to_string(),
        });
    }
}

#[cfg(test)]
mod tests {
    use std::io::pipe;
    use std::os::unix::net::UnixStream;

    use super::super::line::tests::line;
    use super::*;

    fn unblocked<F: AsFd>(output: F) -> F {
        rustix::io::ioctl_fionbio(&output, true).unwrap();
        output
    }

    /// Reads until the end, and checks that each line is whole.
    fn lines(mut reader: impl std::io::Read) -> usize {
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert!(text.is_empty() || text.ends_with('\n'));
        for line in text.lines() {
            assert!(serde_json::from_str::<serde_json::Value>(line).is_ok(), "{line:?}");
        }
        text.lines().count()
    }

    #[test]
    fn lines_of_several_threads_are_whole_on_a_pipe_that_does_not_block_and_is_read_slowly() {
        let (reader, writer) = pipe().unwrap();
        let stdout = Stdout::over(unblocked(writer), Duration::from_secs(60));
        let json = format!("{{\"event\":\"{}\"}}", "x".repeat(30_000));
        let reading = std::thread::spawn(move || lines(reader));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..50).for_each(|_| stdout.write(&line(json.as_bytes()))));
            }
        });
        assert!(stdout.flush(Duration::ZERO));
        assert_eq!(stdout.dropped(), 0);
        drop(stdout);
        assert_eq!(reading.join().unwrap(), 200);
    }

    #[test]
    fn a_closed_reader_costs_nothing_and_counts() {
        let (reader, writer) = pipe().unwrap();
        let stdout = Stdout::over(writer, PATIENCE);
        stdout.write(&line(b"{}"));
        drop(reader);
        (0..100).for_each(|_| stdout.write(&line(b"{}")));
        assert_eq!(stdout.dropped(), 100);
        assert!(stdout.last_error().unwrap().contains("pipe"));
    }

    #[test]
    fn a_journal_that_does_not_read_is_waited_for_once_and_lines_stay_whole() {
        let (reader, writer) = UnixStream::pair().unwrap();
        let stdout = Stdout::over(writer, Duration::from_millis(50));
        let json = format!("{{\"event\":\"{}\"}}", "x".repeat(3_000));
        let began = Instant::now();
        (0..10_000).for_each(|_| stdout.write(&line(json.as_bytes())));
        assert!(began.elapsed() < Duration::from_secs(30));
        let dropped = stdout.dropped();
        assert!(dropped > 5_000 && dropped < 10_000);
        let reading = std::thread::spawn(move || lines(reader));
        while !stdout.flush(Duration::ZERO) {
            std::thread::yield_now();
        }
        stdout.write(&line(b"{}"));
        let lost = stdout.dropped();
        drop(stdout);
        assert_eq!(reading.join().unwrap() as u64, 10_001 - lost);
    }
}
