use std::collections::VecDeque;
use std::mem::size_of;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tracing::Level;

use super::Line;

/// So much waits to be sent at most, in bytes, with what is being sent: what does not fit is lost and counted.
pub(super) const CAPACITY: usize = 8 * 1024 * 1024;
/// So much is sent at once, in bytes, unless one line is larger.
pub(super) const BATCH: usize = 1024 * 1024;
/// A longer line is lost: no receiver takes one.
pub(super) const LONGEST: usize = 4 * 1024 * 1024;
/// So long the first line of a batch waits for others.
const GATHERING: Duration = Duration::from_millis(200);

/// Lines that are sent together, each copied once.
#[derive(Default)]
pub(super) struct Batch {
    bytes: Vec<u8>,
    lines: Vec<Meta>,
}

/// What is known of a line beside its texts, which stand one behind the other.
#[derive(Clone, Copy, Debug)]
struct Meta {
    timestamp_ns: i64,
    level: Level,
    attempt: Option<u32>,
    file_line: u32,
    /// Where JSON, logger, request, trace, run and file end.
    ends: [usize; 6],
}

/// A line of a batch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Queued<'a> {
    pub(super) timestamp_ns: i64,
    pub(super) level: Level,
    pub(super) json: &'a [u8],
    pub(super) logger: &'a str,
    pub(super) request_id: Option<&'a str>,
    pub(super) trace_id: Option<&'a str>,
    pub(super) run_id: Option<&'a str>,
    pub(super) attempt: Option<u32>,
    pub(super) file: &'a str,
    pub(super) file_line: u32,
}

impl Batch {
    fn size_of(line: &Line<'_>) -> usize {
        let texts = texts(line).iter().map(|text| text.len()).sum::<usize>();
        texts + size_of::<Meta>()
    }

    fn size(&self) -> usize {
        self.bytes.len() + self.lines.len() * size_of::<Meta>()
    }

    pub(super) fn push(&mut self, line: &Line<'_>) {
        let ends = texts(line).map(|text| {
            self.bytes.extend_from_slice(text);
            self.bytes.len()
        });
        let &Line { timestamp_ns, level, attempt, file_line, .. } = line;
        self.lines.push(Meta { timestamp_ns, level, attempt, file_line, ends });
    }

    pub(super) fn len(&self) -> usize {
        self.lines.len()
    }

    pub(super) fn line(&self, index: usize) -> Option<Queued<'_>> {
        let meta = self.lines.get(index)?;
        let mut from = match index.checked_sub(1) {
            Some(before) => self.lines.get(before)?.ends[5],
            None => 0,
        };
        let [json, logger, request, trace, run, file] = meta.ends.map(|end| {
            let text = self.bytes.get(from..end).unwrap_or_default();
            from = end;
            text
        });
        let text = |bytes| std::str::from_utf8(bytes).unwrap_or_default();
        let some = |bytes| Some(text(bytes)).filter(|text| !text.is_empty());
        Some(Queued {
            timestamp_ns: meta.timestamp_ns,
            level: meta.level,
            json,
            logger: text(logger),
            request_id: some(request),
            trace_id: some(trace),
            run_id: some(run),
            attempt: meta.attempt,
            file: text(file),
            file_line: meta.file_line,
        })
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Queued<'_>> {
        (0..self.len()).filter_map(|index| self.line(index))
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.lines.clear();
    }
}

fn texts<'a>(line: &Line<'a>) -> [&'a [u8]; 6] {
    let id = |id: Option<&'a str>| id.unwrap_or_default().as_bytes();
    [
        line.json,
        line.logger.as_bytes(),
        id(line.request_id),
        id(line.trace_id),
        id(line.run_id),
        line.file.as_bytes(),
    ]
}

/// What waits to be sent, between those who log and the one thread that sends.
#[derive(Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    /// The sender waits here.
    work: Condvar,
    /// Those who flush wait here.
    settled: Condvar,
}

#[derive(Default)]
struct State {
    batches: VecDeque<Batch>,
    /// When the first line of the oldest batch came.
    since: Option<Instant>,
    /// The size of all that waits or is being sent.
    size: usize,
    /// A buffer that was used and may be again.
    spare: Option<Batch>,
    /// Whether the sender must be woken for the first line, or for a full batch.
    waits_for_line: bool,
    waits_for_batch: bool,
    accepted: u64,
    settled: u64,
    /// Of the settled ones.
    lost: u64,
    /// Of those that were never accepted.
    refused: u64,
    /// Up to this line somebody waits.
    hurry: u64,
    flushes: u64,
    is_closed: bool,
    last_error: Option<String>,
}

impl Queue {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a line, or counts it as lost. Never waits for the sender.
    pub(super) fn push(&self, line: &Line<'_>) {
        let size = Batch::size_of(line);
        let state = &mut *self.state();
        if size > LONGEST || state.size + size > CAPACITY || state.is_closed {
            state.refused += 1;
            if size > LONGEST {
                state.last_error = Some(format!("a line of {size} bytes is too long"));
            }
            return;
        }
        if state.batches.back().is_none_or(|batch| batch.size() + size > BATCH) {
            let batch = state.spare.take().unwrap_or_default();
            if state.batches.is_empty() {
                state.since = Some(Instant::now());
            }
            state.batches.push_back(batch);
        }
        if let Some(batch) = state.batches.back_mut() {
            batch.push(line);
        }
        state.size += size;
        state.accepted += 1;
        let is_full = state.batches.len() > 1 && state.waits_for_batch;
        if state.waits_for_line || is_full {
            (state.waits_for_line, state.waits_for_batch) = (false, false);
            self.work.notify_all();
        }
    }

    /// Waits for a batch: a full one, or one that has waited long enough. `None` at the end.
    pub(super) fn next(&self) -> Option<Batch> {
        let mut state = self.state();
        loop {
            let left = match state.since {
                None if state.is_closed => return None,
                None => None,
                Some(_) if state.batches.len() > 1 || state.is_hurried() => Some(Duration::ZERO),
                Some(since) => Some(GATHERING.saturating_sub(since.elapsed())),
            };
            state = match left {
                Some(Duration::ZERO) => return state.pop(),
                Some(left) => {
                    state.waits_for_batch = true;
                    self.work.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
                }
                None => {
                    state.waits_for_line = true;
                    self.work.wait(state).unwrap_or_else(PoisonError::into_inner)
                }
            };
        }
    }

    /// Says that a batch is done with, and how many of its lines were lost.
    pub(super) fn settle(&self, mut batch: Batch, lost: u64) {
        let state = &mut *self.state();
        state.size = state.size.saturating_sub(batch.size());
        state.settled += batch.len() as u64;
        state.lost += lost;
        if batch.bytes.capacity() <= 2 * BATCH {
            batch.clear();
            state.spare = Some(batch);
        }
        self.settled.notify_all();
    }

    /// Says why something has not arrived.
    pub(super) fn fault(&self, reason: String) {
        self.state().last_error = Some(reason);
    }

    /// Waits between two tries. Returns whether there shall be another: at the end there is none.
    ///
    /// With `is_eager`, somebody who flushes meanwhile ends the wait.
    pub(super) fn pause(&self, wait: Duration, is_eager: bool) -> bool {
        let mut state = self.state();
        let (until, flushes) = (Instant::now() + wait, state.flushes);
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if state.is_closed || left.is_zero() || is_eager && state.flushes != flushes {
                return !state.is_closed;
            }
            state = self.work.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits until what was accepted so far is settled; tells whether it is and all of it arrived.
    pub(super) fn flush(&self, limit: Duration) -> bool {
        let began = Instant::now();
        let mut state = self.state();
        let (until, lost) = (state.accepted, state.lost);
        state.hurry = state.hurry.max(until);
        state.flushes += 1;
        self.work.notify_all();
        loop {
            if state.settled >= until {
                return state.lost == lost;
            }
            let left = limit.saturating_sub(began.elapsed());
            if left.is_zero() {
                return false;
            }
            state = self.settled.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Ends it: what waits is sent once more, what comes is refused.
    pub(super) fn close(&self) {
        self.state().is_closed = true;
        self.work.notify_all();
    }

    pub(super) fn dropped(&self) -> u64 {
        let state = self.state();
        state.refused + state.lost
    }

    pub(super) fn last_error(&self) -> Option<String> {
        self.state().last_error.clone()
    }
}

impl State {
    fn is_hurried(&self) -> bool {
        self.is_closed || self.settled < self.hurry
    }

    fn pop(&mut self) -> Option<Batch> {
        let batch = self.batches.pop_front();
        // The next one gathers lines from now on; where it is full, or others wait behind it, it does not wait.
        self.since = (!self.batches.is_empty()).then(Instant::now);
        batch
    }
}

#[cfg(test)]
mod tests {
    use super::super::line::tests::line;
    use super::*;

    #[test]
    fn a_line_comes_out_as_it_went_in() {
        let mut batch = Batch::default();
        let first = Line {
            level: Level::WARN,
            logger: "a",
            request_id: Some("r"),
            run_id: Some("u"),
            attempt: Some(2),
            file: "a.rs",
            file_line: 7,
            ..line(b"{\"x\":1}")
        };
        batch.push(&first);
        batch.push(&line(b"{}"));
        let out = batch.line(0).unwrap();
        assert_eq!((out.json, out.logger, out.level), (first.json, "a", Level::WARN));
        assert_eq!((out.request_id, out.trace_id, out.run_id), (Some("r"), None, Some("u")));
        assert_eq!((out.attempt, out.timestamp_ns), (Some(2), first.timestamp_ns));
        assert_eq!((out.file, out.file_line), ("a.rs", 7));
        assert_eq!(batch.line(1).unwrap().json, b"{}");
        assert!(batch.line(2).is_none());
        assert_eq!(batch.size(), Batch::size_of(&first) + Batch::size_of(&line(b"{}")));
    }

    #[test]
    fn what_does_not_fit_is_refused_and_there_is_room_again_once_a_batch_is_settled() {
        let queue = Queue::default();
        let json = vec![b'x'; 100_000];
        (0..200).for_each(|_| queue.push(&line(&json)));
        let refused = queue.dropped();
        assert!((110..130).contains(&refused), "{refused}");
        assert!(queue.state().size <= CAPACITY);
        let batch = queue.next().unwrap();
        assert!(batch.size() <= BATCH && batch.len() >= 10);
        // What is being sent takes room as well.
        queue.push(&line(&json));
        assert_eq!(queue.dropped(), refused + 1);
        queue.settle(batch, 0);
        queue.push(&line(&json));
        assert_eq!(queue.dropped(), refused + 1);
    }

    #[test]
    fn a_line_longer_than_any_receiver_takes_is_refused_and_one_of_a_megabyte_is_not() {
        let queue = Queue::default();
        queue.push(&line(&vec![b'x'; LONGEST]));
        assert_eq!(queue.dropped(), 1);
        assert!(queue.last_error().unwrap().contains("too long"));
        queue.push(&line(&vec![b'x'; 1_000_000]));
        queue.push(&line(&vec![b'x'; 2_000_000]));
        assert_eq!((queue.dropped(), queue.next().unwrap().len(), queue.state().batches.len()), (1, 1, 1));
    }

    #[test]
    fn a_flush_waits_so_long_and_says_whether_all_arrived() {
        let queue = Queue::default();
        assert!(queue.flush(Duration::ZERO));
        queue.push(&line(b"{}"));
        assert!(!queue.flush(Duration::from_millis(20)));
        let batch = queue.next().unwrap();
        std::thread::scope(|scope| {
            let flushed = scope.spawn(|| queue.flush(Duration::from_secs(60)));
            queue.settle(batch, 0);
            assert!(flushed.join().unwrap());
        });
        queue.push(&line(b"{}"));
        queue.state().hurry = 2;
        let batch = queue.next().unwrap();
        std::thread::scope(|scope| {
            let flushes = queue.state().flushes;
            let flushed = scope.spawn(|| queue.flush(Duration::from_secs(60)));
            while queue.state().flushes == flushes {
                std::thread::yield_now();
            }
            queue.settle(batch, 1);
            assert!(!flushed.join().unwrap());
        });
        assert_eq!(queue.dropped(), 1);
    }

    #[test]
    fn the_end_ends_every_wait_and_what_waits_still_comes_out() {
        let queue = Queue::default();
        queue.push(&line(b"{}"));
        queue.close();
        assert!(!queue.pause(Duration::from_secs(600), false));
        assert_eq!(queue.next().unwrap().len(), 1);
        assert!(queue.next().is_none());
        queue.push(&line(b"{}"));
        assert_eq!(queue.dropped(), 1);
    }
}
