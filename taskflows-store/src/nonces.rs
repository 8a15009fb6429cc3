//! Nonces that a restart does not forget.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use taskflows_security::{
    Keep, MOST_NONCES, MemoryNonceStore, NonceDigest, NonceError, NonceStore, counts_as_used, forgotten_until,
};
use tokio::sync::oneshot;

use crate::{Store, StoreError};

/// Nonces of requests that only read are kept together, this long after the first of them at most.
const SOON: Duration = Duration::from_millis(100);

/// So many wait to be kept at most; who comes then waits as well.
const MOST_WAITING: usize = 10_000;

/// What has expired is deleted this often, in seconds.
const SWEEP_SECONDS: u64 = 30;

/// Nonces in memory, and in `state.db` for those who come after us.
///
/// A request that changes something is answered when its nonce is on the disk. One that only reads does not wait: its nonce
/// is kept within a tenth of a second and when the server ends, so that no more than the reads of the last tenth of a
/// second before a `kill -9` could be sent once more. Those of the server before us are looked for in the file until the
/// last of them has expired, so that a start takes as long however many there are.
pub struct SqliteNonceStore {
    memory: MemoryNonceStore,
    /// Reads alone, so that no read waits for a write.
    earlier: Store,
    /// The last instant at which a nonce of those before us is good, in seconds.
    earlier_until: i64,
    /// What expires by this second may have been deleted, and counts as used: a clock can be set back, also while the server
    /// is down. Set before anything is deleted.
    forgotten: Arc<AtomicI64>,
    queue: Arc<Queue>,
    writer: Option<JoinHandle<()>>,
}

impl fmt::Debug for SqliteNonceStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteNonceStore").field("memory", &self.memory).finish_non_exhaustive()
    }
}

/// What waits to be kept.
#[derive(Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    came: Condvar,
    /// The last write failed: nobody may go on before the next succeeds.
    is_stuck: AtomicBool,
}

#[derive(Default)]
struct Waiting {
    claims: Vec<Claim>,
    is_urgent: bool,
    is_over: bool,
}

struct Claim {
    digest: NonceDigest,
    expires: i64,
    now: i64,
    /// Is told whether it was free, by who waits for it.
    answer: Option<oneshot::Sender<Result<bool, NonceError>>>,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, claim: Claim) {
        let mut waiting = self.lock();
        waiting.is_urgent |= claim.answer.is_some();
        waiting.claims.push(claim);
        self.came.notify_one();
    }

    /// Waits for claims and takes them together; `None` when there will be none any more.
    fn take(&self) -> Option<Vec<Claim>> {
        let mut waiting = self.lock();
        while waiting.claims.is_empty() {
            if waiting.is_over {
                return None;
            }
            waiting = self.came.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        let end = Instant::now() + SOON;
        while !waiting.is_urgent && !waiting.is_over {
            let Some(left) = end.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) else {
                break;
            };
            waiting = self.came.wait_timeout(waiting, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        waiting.is_urgent = false;
        Some(std::mem::take(&mut waiting.claims))
    }
}

impl SqliteNonceStore {
    /// Keeps nonces in the file of `store`, by connections of its own.
    ///
    /// # Errors
    /// When the file cannot be opened or read, or no thread can be started.
    pub fn open(store: &Store) -> Result<Self, StoreError> {
        let directory = store.path().parent().unwrap_or(store.path());
        let (earlier, own) = (Store::open(directory)?, Store::open(directory)?);
        let sql = "SELECT max(expires) FROM nonces";
        let last = earlier.connection().query_row(sql, [], |row| row.get::<_, Option<i64>>(0));
        let last = last.map_err(|source| earlier.failure("read the nonces of", source))?;
        let sql = "SELECT max(until) FROM nonces_forgotten";
        let forgotten = earlier.connection().query_row(sql, [], |row| row.get::<_, Option<i64>>(0));
        let forgotten = forgotten.map_err(|source| earlier.failure("read the nonces of", source))?;
        let forgotten = Arc::new(AtomicI64::new(forgotten.unwrap_or(0)));
        let queue = Arc::new(Queue::default());
        let (of_writer, by_writer) = (Arc::clone(&queue), Arc::clone(&forgotten));
        let thread = std::thread::Builder::new().name("nonces".to_owned());
        let writer = thread.spawn(move || write_all(&own, &of_writer, &by_writer)).map_err(|source| {
            let path = earlier.path().to_owned();
            StoreError::File { path, source }
        })?;
        Ok(Self {
            memory: MemoryNonceStore::new(MOST_NONCES),
            earlier,
            earlier_until: last.unwrap_or(i64::MIN),
            forgotten,
            queue,
            writer: Some(writer),
        })
    }

    /// Tells whether the server before us took it, which a thread that may wait for the disk looks up.
    async fn was_taken_earlier(&self, digest: NonceDigest, now: i64) -> Result<bool, NonceError> {
        if now >= self.earlier_until {
            return Ok(false);
        }
        let earlier = self.earlier.clone();
        let looked = tokio::task::spawn_blocking(move || is_kept(&earlier, digest)).await;
        looked.map_err(|gone| NonceError::Failed(Box::new(gone)))?.map_err(failed)
    }
}

impl Drop for SqliteNonceStore {
    /// Keeps what waits.
    fn drop(&mut self) {
        self.queue.lock().is_over = true;
        self.queue.came.notify_one();
        if let Some(writer) = self.writer.take() {
            // It ends by itself when all is kept, or cannot be.
            let _ = writer.join();
        }
    }
}

fn failed(error: StoreError) -> NonceError {
    NonceError::Failed(Box::new(error))
}

#[async_trait]
impl NonceStore for SqliteNonceStore {
    async fn claim(
        &self,
        nonce: &str,
        expires: Timestamp,
        now: Timestamp,
        keep: Keep,
    ) -> Result<bool, NonceError> {
        let digest = NonceDigest::of(nonce);
        // In this order: what is deleted in between was not found, and is forgotten by then.
        if self.was_taken_earlier(digest, now.as_second()).await?
            || counts_as_used(expires.as_second(), now.as_second(), self.forgotten.load(Ordering::SeqCst))
            || !self.memory.claim(nonce, expires, now, keep).await?
        {
            return Ok(false);
        }
        let (expires, now) = (expires.as_second(), now.as_second());
        let must_wait = keep == Keep::Now
            || self.queue.is_stuck.load(Ordering::Relaxed)
            || self.queue.lock().claims.len() >= MOST_WAITING;
        if !must_wait {
            self.queue.push(Claim { digest, expires, now, answer: None });
            return Ok(true);
        }
        let (answer, kept) = oneshot::channel();
        self.queue.push(Claim { digest, expires, now, answer: Some(answer) });
        kept.await.unwrap_or_else(|gone| Err(NonceError::Failed(Box::new(gone))))
    }
}

fn is_kept(store: &Store, digest: NonceDigest) -> Result<bool, StoreError> {
    let find = |connection: &Connection| {
        let mut statement = connection.prepare_cached("SELECT 1 FROM nonces WHERE nonce = ?1")?;
        statement.query_row([digest.as_bytes().as_slice()], |_| Ok(())).optional()
    };
    let found = find(&store.connection());
    found.map(|row| row.is_some()).map_err(|source| store.failure("read a nonce of", source))
}

fn write_all(store: &Store, queue: &Queue, forgotten: &AtomicI64) {
    let mut swept = i64::MIN;
    while let Some(claims) = queue.take() {
        let now = claims.iter().map(|claim| claim.now).max().unwrap_or(swept);
        // Also where the clock was set back.
        let sweep = (now.abs_diff(swept) >= SWEEP_SECONDS).then_some(now);
        let written = write(store, &claims, sweep, forgotten);
        if written.is_ok() {
            swept = sweep.unwrap_or(swept);
        }
        queue.is_stuck.store(written.is_err(), Ordering::Relaxed);
        let cause = written.as_ref().err().map(ToString::to_string);
        let free = written.unwrap_or_default();
        for (number, claim) in claims.into_iter().enumerate() {
            let told = match &cause {
                Some(cause) => Err(NonceError::Failed(cause.clone().into())),
                None => Ok(free.get(number).copied().unwrap_or(false)),
            };
            // Who went away in the meantime does not need to know.
            let _ = claim.answer.map(|answer| answer.send(told));
        }
    }
}

/// Deletes what has expired, and keeps until when that was: no more is forgotten than was there.
fn delete_expired(connection: &Connection, now: i64, forgotten: &AtomicI64) -> rusqlite::Result<()> {
    let sql = "SELECT max(expires) FROM nonces WHERE expires <= ?1";
    let Some(last) = connection.query_row(sql, [now], |row| row.get::<_, Option<i64>>(0))? else {
        return Ok(());
    };
    let sql = "SELECT max(until) FROM nonces_forgotten";
    let before = connection.query_row(sql, [], |row| row.get::<_, Option<i64>>(0))?.unwrap_or(0);
    let until = forgotten_until(before, last, now);
    forgotten.store(until, Ordering::SeqCst);
    connection.execute("UPDATE nonces_forgotten SET until = ?1", [until])?;
    connection.execute("DELETE FROM nonces WHERE expires <= ?1", [now]).map(|_| ())
}

/// Keeps claims together, and tells of each whether it was free: another process may have taken it.
fn write(
    store: &Store,
    claims: &[Claim],
    sweep: Option<i64>,
    forgotten: &AtomicI64,
) -> Result<Vec<bool>, StoreError> {
    let work = |connection: &Connection| -> rusqlite::Result<Vec<bool>> {
        if let Some(now) = sweep {
            delete_expired(connection, now, forgotten)?;
        }
        // Another process may have deleted what expired.
        let sql = "SELECT max(until) FROM nonces_forgotten";
        let until = connection.query_row(sql, [], |row| row.get::<_, Option<i64>>(0))?.unwrap_or(0);
        let sql = "INSERT INTO nonces (nonce, expires) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
        let mut insert = connection.prepare_cached(sql)?;
        let mut one = |claim: &Claim| match counts_as_used(claim.expires, claim.now, until) {
            true => Ok(false),
            false => insert
                .execute(params![claim.digest.as_bytes().as_slice(), claim.expires])
                .map(|count| count == 1),
        };
        claims.iter().map(&mut one).collect()
    };
    let operation = "keep nonces in";
    match claims.iter().any(|claim| claim.answer.is_some()) {
        true => store.write_durably(operation, work),
        false => store.write_quickly(operation, work),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_slow_disk_keeps_nobody_waiting_who_does_not_need_it() {
        let directory = tempfile::tempdir().unwrap();
        let kept = Store::open(directory.path()).unwrap();
        let (now, expires) = (Timestamp::from_second(1_000).unwrap(), Timestamp::from_second(2_000).unwrap());
        let before = SqliteNonceStore::open(&kept).unwrap();
        assert!(before.claim("before", expires, now, Keep::Now).await.unwrap());
        drop(before);
        let store = SqliteNonceStore::open(&kept).unwrap();
        let earlier = store.earlier.clone();
        let (held, is_held) = std::sync::mpsc::channel();
        let disk = std::thread::spawn(move || {
            let _connection = earlier.connection();
            held.send(()).unwrap();
            std::thread::sleep(Duration::from_millis(600));
        });
        is_held.recv().unwrap();
        let claim = store.claim("before", expires, now, Keep::Soon);
        let mut claim = std::pin::pin!(claim);
        assert!(tokio::time::timeout(Duration::from_millis(100), claim.as_mut()).await.is_err());
        assert!(!claim.await.unwrap(), "it is found all the same");
        disk.join().unwrap();
    }
}
