use std::collections::HashSet;

use jiff::{SignedDuration, Timestamp};
use taskflows_core::effects::LogError;

use super::LokiError;
use super::answer::{Direction, QUERY_RANGE, Row, rows};
use super::http::Http;
use super::logql::Query;

/// As many entries are asked for at once: Loki's own limit where nobody set another (`max_entries_limit_per_query`).
pub(super) const MOST: usize = 5000;

/// As far back entries are looked for where nobody says how far.
const REACH: SignedDuration = SignedDuration::from_hours(30 * 24);

/// So far beyond now a query reaches, since clocks differ. Loki takes no entry of more than ten minutes later.
const BEYOND: SignedDuration = SignedDuration::from_mins(15);

/// So much time is asked for at once, in nanoseconds: all of the usual reach. Loki refuses a query over more than 30 days
/// and an hour where nobody set another limit (`max_query_length`).
pub(super) const PIECE: i64 = (30 * 24 * 60 + 30) * 60 * 1_000_000_000;

/// In nanoseconds.
const MILLISECOND: i64 = 1_000_000;

/// From an instant to another, nanoseconds since 1970. The second is not part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: i64,
    pub(super) end: i64,
}

impl Span {
    /// Takes the time that is asked for, both ends included.
    pub(super) fn of(since: Option<Timestamp>, until: Option<Timestamp>, now: Timestamp) -> Self {
        let last = now.saturating_add(BEYOND).unwrap_or(now);
        let until = until.unwrap_or(last).min(last);
        let start = since.unwrap_or_else(|| {
            let from = until.min(now);
            from.saturating_sub(REACH).unwrap_or(from)
        });
        // Some servers cut what they are asked for to milliseconds; what is beyond the last instant is not wanted anyway.
        let end = (nanoseconds(until) / MILLISECOND).saturating_add(1).saturating_mul(MILLISECOND);
        Self { start: nanoseconds(start), end }
    }
}

pub(super) fn nanoseconds(time: Timestamp) -> i64 {
    let most = i128::from(i64::MAX);
    // Loki knows no time before 1970.
    i64::try_from(time.as_nanosecond().clamp(0, most)).unwrap_or(i64::MAX)
}

/// Asks a query page by page, and for less where Loki or the bound of an answer does not allow so much.
#[derive(Clone, Debug)]
pub(super) struct Pager {
    http: Http,
    query: Query,
    limit: usize,
    most: usize,
}

/// What one question brought.
#[derive(Debug)]
pub(super) struct Page {
    /// Oldest first.
    pub(super) rows: Vec<Row>,
    /// Whether there may be more.
    pub(super) is_full: bool,
}

impl Pager {
    /// Asks for `limit` entries at once.
    pub(super) fn new(http: &Http, query: Query, limit: usize) -> Self {
        Self { http: http.clone(), query, limit: limit.clamp(1, MOST), most: MOST }
    }

    pub(super) async fn page(&mut self, span: Span, direction: Direction) -> Result<Page, LogError> {
        loop {
            let limit = self.limit;
            match self.ask(span, direction).await {
                Ok(rows) => return Ok(Page { is_full: rows.len() >= limit, rows }),
                Err(fault) if fault.is_too_many() && limit > 1 => self.most = limit / 2,
                Err(LokiError::TooLarge { .. }) if limit > 1 => self.most = (limit / 8).max(1),
                Err(fault) => return Err(fault.into()),
            }
            self.limit = self.most;
        }
    }

    /// Asks for more at once from now on; tells whether it can be.
    pub(super) fn widen(&mut self) -> bool {
        let wider = self.limit.saturating_mul(2).min(self.most);
        std::mem::replace(&mut self.limit, wider) < wider
    }

    async fn ask(&self, span: Span, direction: Direction) -> Result<Vec<Row>, LokiError> {
        let (start, end, limit) = (span.start.to_string(), span.end.to_string(), self.limit.to_string());
        let query = [
            ("query", self.query.as_str()),
            ("start", &start),
            ("end", &end),
            ("limit", &limit),
            ("direction", direction.word()),
        ];
        let body = self.http.get(QUERY_RANGE, &query).await?;
        rows(&body, direction)
    }
}

/// Reads from the newest entry to older ones.
#[derive(Debug)]
pub(super) struct Backward {
    pager: Pager,
    left: Span,
    /// The keys of entries that were returned and may be in the next page as well.
    edge: HashSet<u64>,
}

impl Backward {
    pub(super) fn new(pager: Pager, span: Span) -> Self {
        Self { pager, left: span, edge: HashSet::new() }
    }

    /// Returns the instant from which on everything was returned.
    pub(super) fn read_down_to(&self) -> i64 {
        self.left.end
    }

    /// Returns the next older entries, among themselves oldest first; none where the start is reached.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<Row>>, LogError> {
        while self.left.start < self.left.end {
            let start = self.left.start.max(self.left.end.saturating_sub(PIECE));
            let page = self.pager.page(Span { start, ..self.left }, Direction::Backward).await?;
            let fresh = self.pass(page, start)?;
            if !fresh.is_empty() {
                return Ok(Some(fresh));
            }
        }
        Ok(None)
    }

    /// Moves on to what is older than the page, and returns what is new in it.
    fn pass(&mut self, page: Page, start: i64) -> Result<Vec<Row>, LogError> {
        let (oldest, slack) = page.rows.first().map_or((start, 0), |row| (row.at, row.slack));
        let older = oldest.saturating_add(1 + slack).min(self.left.end);
        let end = if page.is_full { older } else { start };
        let near = |row: &&Row| row.at <= end.saturating_add(slack);
        let edge = page.rows.iter().filter(near).map(|row| row.key).collect();
        let seen = std::mem::replace(&mut self.edge, edge);
        let fresh: Vec<Row> = page.rows.into_iter().filter(|row| !seen.contains(&row.key)).collect();
        if page.is_full && fresh.is_empty() && end == self.left.end && !self.pager.widen() {
            return Err(crowded(oldest));
        }
        self.left.end = end;
        Ok(fresh)
    }
}

fn crowded(at: i64) -> LogError {
    let time = Timestamp::from_nanosecond(at.into()).map_or_else(|_| at.to_string(), |time| time.to_string());
    LogError::Failed {
        reason: format!(
            "more entries are of the instant {time} than Loki sends at once; ask for a later time"
        ),
    }
}
