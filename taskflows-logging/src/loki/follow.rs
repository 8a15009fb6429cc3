use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use futures_util::stream::{self, BoxStream, StreamExt};
use jiff::Timestamp;
use taskflows_core::effects::{LogEntry, LogError, LogQuery};
use tokio::time::Instant;

use super::answer::{Direction, Row};
use super::entry::entry;
use super::http::Http;
use super::pages::{MOST, PIECE, Pager, Span, nanoseconds};
use super::reader::{newest, selection};

/// How often Loki is asked for what is new.
const EVERY: Duration = Duration::from_secs(1);

/// How long to wait at most where it does not answer.
const LONGEST: Duration = Duration::from_secs(30);

/// An entry may come so much later than younger ones.
const LATE: i64 = 10_000_000_000;

/// Where the newest entry is older than this, what is late is looked for since then.
const QUIET: i64 = 15 * 60 * 1_000_000_000;

/// For how long after Loki was away what was written meanwhile is looked for: those who write have their waits as well.
const CATCHING_UP: Duration = Duration::from_secs(120);

/// So many entries are remembered, that none is shown twice.
const REMEMBERED: usize = 20_000;

/// Returns what is there, then what is new.
pub(super) fn follow(http: Http, query: LogQuery) -> BoxStream<'static, Result<LogEntry, LogError>> {
    let follow = Follow::new(&http, query);
    stream::unfold(Some((http, follow)), |state| async move {
        let (http, mut follow) = state?;
        match follow.next(&http).await {
            Ok(Some(entry)) => Some((Ok(entry), Some((http, follow)))),
            Ok(None) => None,
            Err(error) => Some((Err(error), None)),
        }
    })
    .boxed()
}

struct Follow {
    query: LogQuery,
    pager: Pager,
    /// Read, but not taken by the receiver. Nothing is asked while there is some.
    ready: VecDeque<LogEntry>,
    seen: Seen,
    /// The start of the next question.
    next: i64,
    /// What is older was there before, and is not looked at.
    floor: i64,
    /// The newest entry.
    newest: i64,
    wait: Duration,
    failures: u32,
    has_begun: bool,
    outage: Option<Outage>,
}

/// Loki was away.
#[derive(Clone, Copy)]
struct Outage {
    from: i64,
    until: Instant,
}

impl Follow {
    fn new(http: &Http, query: LogQuery) -> Self {
        let start = Span::of(query.since, query.until, Timestamp::now()).start;
        Self {
            pager: Pager::new(http, selection(&query), MOST),
            query,
            ready: VecDeque::new(),
            seen: Seen::default(),
            next: start,
            floor: start,
            newest: 0,
            wait: Duration::ZERO,
            failures: 0,
            has_begun: false,
            outage: None,
        }
    }

    /// Returns the next entry; `None` once no other can come before the end that was asked for.
    async fn next(&mut self, http: &Http) -> Result<Option<LogEntry>, LogError> {
        if !self.has_begun {
            self.begin(http).await?;
            self.has_begun = true;
        }
        loop {
            if let Some(entry) = self.ready.pop_front() {
                return Ok(Some(entry));
            }
            if self.is_over() {
                return Ok(None);
            }
            tokio::time::sleep(self.wait).await;
            match self.ask().await {
                Ok(()) => self.recovered(),
                Err(error) => self.failed(&error),
            }
        }
    }

    fn is_over(&self) -> bool {
        let is_past =
            |until: Timestamp| nanoseconds(Timestamp::now()) > nanoseconds(until).saturating_add(LATE);
        !self.wait.is_zero() && self.query.until.is_some_and(is_past)
    }

    /// Reads what is there. Where all of it is wanted, it is read from its start on, so that it need not fit memory.
    async fn begin(&mut self, http: &Http) -> Result<(), LogError> {
        if self.query.since.is_some() || self.query.lines.is_none() {
            return self.ask().await;
        }
        // Of what is there already only the newest is wanted, so the rest is remembered before that is read.
        self.floor = nanoseconds(Timestamp::now()).saturating_sub(LATE);
        self.next = self.floor;
        while self.wait.is_zero() {
            self.ask().await?;
            self.ready.clear();
        }
        for found in newest(http, &self.query).await? {
            self.newest = self.newest.max(found.at);
            // What came since then is new to both, and shown once.
            self.seen.add(found.at, found.key);
            self.ready.push_back(found.entry);
        }
        Ok(())
    }

    /// Asks for one page. Sets how long to wait before the next: not at all where there is more.
    async fn ask(&mut self) -> Result<(), LogError> {
        let time = Timestamp::now();
        let (now, last) = (nanoseconds(time), Span::of(None, None, time).end);
        let end = self.next.saturating_add(PIECE).min(last);
        let page = self.pager.page(Span { start: self.next, end }, Direction::Forward).await?;
        let (last, slack) = page.rows.last().map_or((0, 0), |row| (row.at, row.slack));
        self.newest = self.newest.max(last);
        page.rows.iter().for_each(|row| self.take(row));
        self.wait = Duration::ZERO;
        let late = self.late(now);
        if page.is_full {
            self.go_on(last, slack);
        } else if end < now {
            self.next = end;
        } else {
            // Nothing was there for long, so nothing late is expected either.
            self.next = late.max(now.saturating_sub(QUIET));
            self.wait = EVERY;
        }
        self.seen.forget_before(late.min(self.next));
        self.next = self.next.max(self.floor).max(self.seen.forgotten);
        Ok(())
    }

    /// Moves on behind a full page.
    fn go_on(&mut self, last: i64, slack: i64) {
        let next = last.saturating_sub(slack);
        if next > self.next {
            self.next = next;
        } else if !self.pager.widen() {
            // More entries of one instant than Loki sends: the rest of them cannot be had.
            self.next = last.saturating_add(1);
        }
    }

    /// Returns since when something may still come late.
    fn late(&mut self, now: i64) -> i64 {
        let late = self.newest.min(now).saturating_sub(LATE);
        self.outage = self.outage.filter(|outage| Instant::now() < outage.until);
        self.outage.map_or(late, |outage| late.min(outage.from))
    }

    fn take(&mut self, row: &Row) {
        if row.at < self.floor || !self.seen.add(row.at, row.key) {
            return;
        }
        let wanted = entry(row, &self.query).filter(|entry| self.query.selects(entry));
        self.ready.extend(wanted);
    }

    fn recovered(&mut self) {
        if std::mem::take(&mut self.failures) > 0 {
            tracing::debug!("Loki answers again");
            self.outage = self.outage.map(|outage| Outage { until: Instant::now() + CATCHING_UP, ..outage });
        }
    }

    fn failed(&mut self, error: &LogError) {
        if self.failures == 0 {
            tracing::debug!(%error, "Loki does not answer; asking again until it does");
        }
        let until = Instant::now() + CATCHING_UP * 2;
        let from = nanoseconds(Timestamp::now()).saturating_sub(LATE);
        self.outage = Some(self.outage.map_or(Outage { from, until }, |outage| Outage { until, ..outage }));
        self.wait = EVERY.saturating_mul(1 << self.failures.min(5)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
    }
}

/// Entries that were seen.
#[derive(Default)]
struct Seen {
    entries: BTreeSet<(i64, u64)>,
    /// What is older counts as seen.
    forgotten: i64,
}

impl Seen {
    /// Remembers an entry; tells whether it is new.
    fn add(&mut self, at: i64, key: u64) -> bool {
        let is_new = at >= self.forgotten && self.entries.insert((at, key));
        while self.entries.len() > REMEMBERED {
            let Some((oldest, _)) = self.entries.pop_first() else { break };
            self.forgotten = self.forgotten.max(oldest.saturating_add(1));
        }
        is_new
    }

    fn forget_before(&mut self, start: i64) {
        self.entries = self.entries.split_off(&(start, 0));
        self.forgotten = self.forgotten.max(start);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_is_bounded_and_nothing_is_new_twice() {
        let mut seen = Seen::default();
        let count = REMEMBERED as i64 * 2;
        assert!((0..count).all(|at| seen.add(at, 1)));
        assert_eq!(seen.entries.len(), REMEMBERED);
        assert!((0..count).all(|at| !seen.add(at, 1)));
        assert!(seen.add(count, 1) && seen.add(count, 2));
    }
}
