use std::hash::{DefaultHasher, Hasher};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use jiff::Timestamp;
use taskflows_core::effects::{Listing, RunStore, ServiceManager};
use taskflows_core::{NamePattern, Outcome, ServiceName};
use tokio::time::{Instant, timeout};

use crate::Host;
use crate::server::Problem;

/// A picture is this old at most, though nothing was told that would change it.
const OLDEST: Duration = Duration::from_secs(5);
/// Where nobody tells of changes, it is this old at most.
const OLDEST_UNFED: Duration = Duration::from_millis(500);
/// A change is told before the journal and the store know of the run that made it: so long after one,
const SETTLING: Duration = Duration::from_secs(2);
/// a picture is this old at most.
const OLDEST_UNSETTLED: Duration = Duration::from_millis(300);
/// How long a run has taken is written anew this often.
const TICK: Duration = Duration::from_secs(1);
/// The time in which a picture must be there.
const LIMIT: Duration = Duration::from_secs(15);

/// A picture of all services that is kept until something changes, and taken once for all who ask at the same time.
///
/// Who asks is never given one that is older than a change that was told before they asked.
pub(crate) struct Snapshot {
    services: Arc<dyn ServiceManager>,
    runs: Arc<dyn RunStore>,
    now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// So many changes were told.
    changes: AtomicU64,
    is_fed: AtomicBool,
    last_change: Mutex<Option<Instant>>,
    kept: Mutex<Option<Arc<Picture>>>,
    /// Held while a picture is taken; when the last one that failed did, and why.
    taking: tokio::sync::Mutex<Option<(Instant, Problem)>>,
}

/// The services as they were at one time.
#[derive(Debug)]
pub(crate) struct Picture {
    /// All services, sorted by name, the last run as the store has it where it knows more.
    pub(crate) listings: Vec<Listing>,
    changes: u64,
    taken: Instant,
    is_settled: bool,
    has_runs: bool,
    rendered: Mutex<Option<(Instant, Written)>>,
}

/// The picture as it is sent.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    /// All of it.
    pub(crate) bytes: Bytes,
    /// What tells it from others, as a header has it.
    pub(crate) tag: String,
}

impl Written {
    fn new(bytes: Vec<u8>) -> Self {
        let mut hasher = DefaultHasher::new();
        hasher.write(&bytes);
        Self { tag: format!("\"{:016x}\"", hasher.finish()), bytes: bytes.into() }
    }
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshot").field("changes", &self.changes).finish_non_exhaustive()
    }
}

impl Snapshot {
    pub(super) fn new(host: &Host) -> Self {
        Self {
            services: Arc::clone(&host.services),
            runs: Arc::clone(&host.runs),
            now: Arc::clone(&host.now),
            changes: AtomicU64::new(0),
            is_fed: AtomicBool::new(false),
            last_change: Mutex::default(),
            kept: Mutex::default(),
            taking: tokio::sync::Mutex::default(),
        }
    }

    /// Returns the services that one of `patterns` selects, sorted by name; all where there are none.
    ///
    /// # Errors
    /// When the services cannot be read.
    pub(crate) async fn listings(&self, patterns: &[NamePattern]) -> Result<Vec<Listing>, Problem> {
        let picture = self.picture().await?;
        let selected = picture.listings.iter().filter(|one| NamePattern::any_matches(patterns, &one.name));
        Ok(selected.cloned().collect())
    }

    /// Returns all services as `render` writes them at a time. There is one `render`: what it wrote is kept.
    ///
    /// # Errors
    /// As [`Snapshot::listings`].
    pub(crate) async fn rendered(
        &self,
        render: fn(&[Listing], Timestamp) -> Result<Vec<u8>, Problem>,
    ) -> Result<Written, Problem> {
        let picture = self.picture().await?;
        let mut rendered = lock(&picture.rendered);
        let is_good = |(at, _): &&(Instant, Written)| !picture.has_runs || at.elapsed() < TICK;
        if let Some((_, written)) = rendered.as_ref().filter(is_good) {
            return Ok(written.clone());
        }
        let written = Written::new(render(&picture.listings, (self.now)())?);
        *rendered = Some((Instant::now(), written.clone()));
        Ok(written)
    }

    /// Returns the picture.
    ///
    /// # Errors
    /// As [`Snapshot::listings`].
    pub(crate) async fn picture(&self) -> Result<Arc<Picture>, Problem> {
        let (arrived, wanted) = (Instant::now(), self.changes.load(Ordering::Acquire));
        if let Some(kept) = self.kept(wanted) {
            return Ok(kept);
        }
        let mut failed = self.taking.lock().await;
        // Somebody else may have taken it, or tried to, while this one waited.
        if let Some(kept) = self.kept(wanted) {
            return Ok(kept);
        }
        if let Some((_, problem)) = failed.as_ref().filter(|(at, _)| *at > arrived) {
            return Err(problem.clone());
        }
        let taken = timeout(LIMIT, self.take()).await;
        match taken.unwrap_or_else(|_| Err(Problem::busy("the services could not be read in time"))) {
            Ok(picture) => {
                let picture = Arc::new(picture);
                *lock(&self.kept) = Some(Arc::clone(&picture));
                Ok(picture)
            }
            Err(problem) => {
                *failed = Some((Instant::now(), problem.clone()));
                Err(problem)
            }
        }
    }

    /// Notes that something changed.
    pub(super) fn changed(&self) {
        *lock(&self.last_change) = Some(Instant::now());
        self.changes.fetch_add(1, Ordering::AcqRel);
    }

    /// Notes whether somebody tells of changes.
    pub(super) fn feed(&self, is_fed: bool) {
        self.is_fed.store(is_fed, Ordering::Release);
    }

    fn kept(&self, wanted: u64) -> Option<Arc<Picture>> {
        let kept = lock(&self.kept).clone()?;
        let oldest = match (self.is_fed.load(Ordering::Acquire), kept.is_settled) {
            (true, true) => OLDEST,
            (true, false) => OLDEST_UNSETTLED,
            (false, _) => OLDEST_UNFED,
        };
        (kept.changes >= wanted && kept.taken.elapsed() < oldest).then_some(kept)
    }

    async fn take(&self) -> Result<Picture, Problem> {
        // Before it is looked: what changes meanwhile may or may not be seen.
        let (changes, taken) = (self.changes.load(Ordering::Acquire), Instant::now());
        let mut listings = self.services.list(&[]).await?;
        self.complete(&mut listings).await;
        let is_under_way =
            |one: &Listing| one.last.as_ref().is_some_and(|run| run.outcome == Outcome::Running);
        let last_change = *lock(&self.last_change);
        Ok(Picture {
            has_runs: listings.iter().any(is_under_way),
            is_settled: last_change.is_none_or(|at| taken.saturating_duration_since(at) >= SETTLING),
            listings,
            changes,
            taken,
            rendered: Mutex::default(),
        })
    }

    /// Puts the last runs that are kept in place of those from the journal, where they are not older.
    async fn complete(&self, listings: &mut [Listing]) {
        let names: Vec<ServiceName> = listings.iter().map(|listing| listing.name.clone()).collect();
        match self.runs.latest(&names).await {
            Ok(kept) => Listing::complete(listings, kept),
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the list lacks what is kept of runs"
                );
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
