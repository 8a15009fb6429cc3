use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, ToSql, params, params_from_iter};
use taskflows_core::effects::{ANNOUNCED_FOR, RunHistory, RunStore, RunStoreError};
use taskflows_core::task::{Attempt, RunFinish, RunId, RunQuery, RunRecord, Trigger};
use taskflows_core::{Outcome, ServiceName};

use crate::process::Processes;
use crate::run_rows::{self, ATTEMPT, End, RUN};
use crate::{Store, StoreError};

/// How long and how many runs are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// What began longer ago goes.
    pub age: Duration,
    /// Of each task no more than this many stay, the newest.
    pub per_task: u32,
}

impl Default for Retention {
    /// 90 days, 500 of each.
    fn default() -> Self {
        Self { age: Duration::from_secs(90 * 24 * 3600), per_task: 500 }
    }
}

/// At so many ends on average is looked for runs that are kept no longer.
const PRUNED_EVERY: u128 = 32;

/// So many runs are dropped at once, so that no run waits long for the end of one before it.
const PRUNED_AT_ONCE: u32 = 2_000;

/// The longest tail that is kept of an attempt that ended well, and of another, in bytes.
const TAIL_OF_SUCCESS: usize = 4 << 10;
const TAIL_OF_FAILURE: usize = 16 << 10;

/// The runs of this host in `state.db`.
///
/// The file is opened at the first call that needs it, and only made by one that writes. What is written survives the
/// end of every process, though not for certain a loss of power: it is not waited for the disk.
#[derive(Debug)]
pub struct SqliteRunStore {
    directory: PathBuf,
    retention: Retention,
    store: Mutex<Option<Store>>,
}

impl SqliteRunStore {
    /// Keeps runs in `state.db` of a data directory.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into(), retention: Retention::default(), store: Mutex::default() }
    }

    /// Keeps runs longer or shorter than usual.
    #[must_use]
    pub fn with_retention(mut self, retention: Retention) -> Self {
        self.retention = retention;
        self
    }

    /// Drops runs that are kept no longer at `now`: of all that are too old, and of `task` those beyond its number.
    ///
    /// # Errors
    /// When they could not be dropped.
    pub fn prune(&self, task: &str, now: Timestamp) -> Result<(), RunStoreError> {
        self.write("drop old runs from", |connection| prune(connection, task, self.retention, now))
    }

    /// Returns the store, which is made where there is none.
    fn made(&self) -> Result<Store, StoreError> {
        let mut kept = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(store) = &*kept {
            return Ok(store.clone());
        }
        Ok(kept.insert(Store::open(&self.directory)?).clone())
    }

    /// Returns the store; `None` where there is none.
    fn existing(&self) -> Result<Option<Store>, StoreError> {
        let mut kept = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.is_none() {
            *kept = Store::open_existing(&self.directory)?;
        }
        Ok(kept.clone())
    }

    fn write<T>(
        &self,
        operation: &'static str,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, RunStoreError> {
        let store = self.made().map_err(failed)?;
        store.write_quickly(operation, work).map_err(failed)
    }

    fn read<T: Default>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, RunStoreError> {
        let Some(store) = self.existing().map_err(failed)? else { return Ok(T::default()) };
        let connection = store.connection();
        work(&connection).map_err(|source| failed(store.failure("read", source)))
    }
}

fn failed(error: StoreError) -> RunStoreError {
    RunStoreError::Failed { operation: "keep or read runs".to_owned(), source: Box::new(error) }
}

fn prune(connection: &Connection, task: &str, keep: Retention, now: Timestamp) -> rusqlite::Result<()> {
    let oldest = now.checked_sub(keep.age).unwrap_or(Timestamp::MIN).as_microsecond();
    let mut doomed = connection.prepare_cached(
        "SELECT id FROM runs WHERE started < ?1 UNION \
         SELECT id FROM (SELECT id FROM runs WHERE task = ?2 ORDER BY started DESC LIMIT -1 OFFSET ?3) LIMIT ?4",
    )?;
    let ids = doomed
        .query_map(params![oldest, task, keep.per_task, PRUNED_AT_ONCE], |row| row.get::<_, [u8; 16]>(0))?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    for id in ids {
        connection.prepare_cached("DELETE FROM attempts WHERE run = ?1")?.execute([id])?;
        connection.prepare_cached("DELETE FROM runs WHERE id = ?1")?.execute([id])?;
    }
    connection.prepare_cached("DELETE FROM announced_starts WHERE at < ?1")?.execute([oldest])?;
    Ok(())
}

/// Takes what was announced of a service not long before it started, and all that was announced before that.
fn claim(
    connection: &Connection,
    service: &ServiceName,
    started: Timestamp,
) -> rusqlite::Result<Option<Trigger>> {
    let until = started.as_microsecond();
    let announced = connection
        .prepare_cached(
            "SELECT trigger, retry_of, by_user, at FROM announced_starts WHERE service = ?1 AND at <= ?2 \
             ORDER BY at DESC LIMIT 1",
        )?
        .query_row(params![service.as_str(), until], |row| {
            Ok((run_rows::read_trigger(row, [0, 1, 2])?, row.get::<_, i64>(3)?))
        })
        .optional()?;
    let Some((trigger, at)) = announced else { return Ok(None) };
    connection
        .prepare_cached("DELETE FROM announced_starts WHERE service = ?1 AND at <= ?2")?
        .execute(params![service.as_str(), until])?;
    let is_fresh = until - at <= i64::try_from(ANNOUNCED_FOR.as_micros()).unwrap_or(i64::MAX);
    Ok(is_fresh.then_some(trigger))
}

/// Keeps a run, and returns what started it.
fn begin(connection: &Connection, run: &RunRecord) -> rusqlite::Result<Trigger> {
    let claimed = match &run.service {
        Some(service) => claim(connection, service, run.started)?,
        None => None,
    };
    let trigger = claimed.as_ref().unwrap_or(&run.trigger);
    if insert(connection, run, trigger)? {
        return Ok(trigger.clone());
    }
    connection
        .prepare_cached("SELECT trigger, retry_of, by_user FROM runs WHERE id = ?1")?
        .query_row([run_rows::id(run.id)], |row| run_rows::read_trigger(row, [0, 1, 2]))
}

/// Adds a row; false where the run has one.
fn insert(connection: &Connection, run: &RunRecord, trigger: &Trigger) -> rusqlite::Result<bool> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO runs (id, task, service, scheduled, started, ended, attempts, max_attempts, error, trigger, \
         retry_of, by_user, command, options, directory, boot, pid, pid_started, outcome, result, exit_code, \
         exit_signal, preparation) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, \
         ?17, ?18, ?19, ?20, ?21, ?22, ?23) ON CONFLICT DO NOTHING",
    )?;
    let micros = |time: Option<Timestamp>| time.map(Timestamp::as_microsecond);
    let end = End::from(&run.outcome);
    let process = run.process.as_ref();
    let own: [&dyn ToSql; 18] = [
        &run_rows::id(run.id),
        &run.task,
        &run.service.as_ref().map(ServiceName::as_str),
        &micros(run.scheduled),
        &run.started.as_microsecond(),
        &micros(run.ended),
        &run.attempts,
        &run.max_attempts,
        &run.error,
        &trigger.word(),
        &trigger.retry_of().map(run_rows::id),
        &trigger.by(),
        &run.command.as_deref().map(run_rows::list),
        &(!run.options.is_empty()).then(|| run_rows::list(&run.options)),
        &run.directory,
        &process.map(|mark| mark.boot.as_str()),
        &process.map(|mark| mark.pid),
        &process.map(|mark| i64::try_from(mark.started).unwrap_or(i64::MAX)),
    ];
    Ok(insert.execute(params_from_iter(own.into_iter().chain(end.values())))? > 0)
}

/// Adds runs that are not there with their attempts, and returns how many that were.
fn restore(connection: &Connection, runs: &[(RunRecord, Vec<Attempt>)]) -> rusqlite::Result<usize> {
    let mut added = 0;
    for (run, attempts) in runs {
        if insert(connection, run, &run.trigger)? {
            added += 1;
            for one in attempts {
                insert_attempt(connection, run.id, one)?;
            }
        }
    }
    Ok(added)
}

/// Cuts a tail to its last whole lines that fit, or to its last characters where one line is longer.
fn cut<'a>(tail: &'a str, outcome: &Outcome) -> &'a str {
    let most = if *outcome == Outcome::Succeeded { TAIL_OF_SUCCESS } else { TAIL_OF_FAILURE };
    if tail.len() <= most {
        return tail;
    }
    let mut from = tail.len() - most;
    while !tail.is_char_boundary(from) {
        from += 1;
    }
    let rest = &tail[from..];
    match rest.split_once('\n') {
        Some((_, lines)) if !lines.is_empty() => lines,
        _ => rest,
    }
}

/// Keeps an attempt; false where there is no such run.
fn attempt(connection: &Connection, run: RunId, attempt: &Attempt) -> rusqlite::Result<bool> {
    let known = connection
        .prepare_cached("UPDATE runs SET attempts = max(attempts, ?2) WHERE id = ?1")?
        .execute(params![run_rows::id(run), attempt.number])?;
    if known > 0 {
        insert_attempt(connection, run, attempt)?;
    }
    Ok(known > 0)
}

fn insert_attempt(connection: &Connection, run: RunId, attempt: &Attempt) -> rusqlite::Result<()> {
    let end = End::from(&attempt.outcome);
    let (id, tail) = (run_rows::id(run), cut(&attempt.tail, &attempt.outcome));
    let (started, ended) = (attempt.started.as_microsecond(), attempt.ended.as_microsecond());
    let own: [&dyn ToSql; 6] = [&id, &attempt.number, &started, &ended, &attempt.error, &tail];
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO attempts (run, number, started, ended, error, tail, outcome, result, exit_code, \
             exit_signal, preparation) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )?
        .execute(params_from_iter(own.into_iter().chain(end.values())))?;
    Ok(())
}

/// Keeps an end and returns the task; `None` where there is no such run.
fn finish(connection: &Connection, run: RunId, end: &RunFinish) -> rusqlite::Result<Option<String>> {
    let id = run_rows::id(run);
    let columns = End::from(&end.outcome);
    let own: [&dyn ToSql; 4] = [&id, &end.ended.as_microsecond(), &end.attempts, &end.error];
    connection
        .prepare_cached(
            "UPDATE runs SET ended = ?2, attempts = ?3, error = ?4, outcome = ?5, result = ?6, exit_code = ?7, \
             exit_signal = ?8, preparation = ?9 WHERE id = ?1 AND outcome IN ('running', 'interrupted')",
        )?
        .execute(params_from_iter(own.into_iter().chain(columns.values())))?;
    let mut task = connection.prepare_cached("SELECT task FROM runs WHERE id = ?1")?;
    task.query_row([id], |row| row.get(0)).optional()
}

/// Returns the least and the greatest id that begin with some digits.
fn bounds(prefix: &str) -> Option<([u8; 16], [u8; 16])> {
    if prefix.len() > 32 || !prefix.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let bound =
        |fill: &str| u128::from_str_radix(&format!("{prefix}{}", fill.repeat(32 - prefix.len())), 16).ok();
    Some((bound("0")?.to_be_bytes(), bound("f")?.to_be_bytes()))
}

fn recent(
    connection: &Connection,
    query: &RunQuery,
    ids: ([u8; 16], [u8; 16]),
) -> rusqlite::Result<Vec<RunRecord>> {
    let mut text = format!("SELECT {RUN} FROM runs WHERE started BETWEEN ?1 AND ?2");
    let since = query.since.map_or(i64::MIN, Timestamp::as_microsecond);
    let until = query.until.map_or(i64::MAX, Timestamp::as_microsecond);
    let tasks = run_rows::list(&query.tasks);
    let mut values: Vec<&dyn ToSql> = vec![&since, &until];
    if query.id_prefix.is_some() {
        text.push_str(" AND id BETWEEN ?3 AND ?4");
        values.extend([&ids.0 as &dyn ToSql, &ids.1]);
    } else {
        // Named all the same, so that what follows has its number.
        text.push_str(" AND ?3 IS NOT NULL AND ?4 IS NOT NULL");
        values.extend([&since as &dyn ToSql, &until]);
    }
    if !query.tasks.is_empty() {
        text.push_str(
            " AND (task IN (SELECT value FROM json_each(?5)) OR service IN (SELECT value FROM json_each(?5)))",
        );
        values.push(&tasks);
    }
    if query.failed {
        // Of what is open it is seen below whether it was cut off.
        text.push_str(" AND outcome IN ('failed', 'interrupted', 'running')");
    }
    text.push_str(" ORDER BY started DESC, id DESC");
    let mut statement = connection.prepare(&text)?;
    let (mut rows, mut found) = (statement.query(values.as_slice())?, Vec::new());
    let mut processes = Processes::default();
    while query.limit.is_none_or(|limit| found.len() < limit)
        && let Some(row) = rows.next()?
    {
        let run = seen(run_rows::run(row)?, &mut processes);
        if !query.failed || run.outcome != Outcome::Running {
            found.push(run);
        }
    }
    Ok(found)
}

/// Returns a run as it is seen now.
fn seen(mut run: RunRecord, processes: &mut Processes) -> RunRecord {
    if run.outcome == Outcome::Running && run.process.as_ref().is_some_and(|mark| processes.is_gone(mark)) {
        run.outcome = Outcome::Interrupted;
    }
    run
}

#[async_trait]
impl RunStore for SqliteRunStore {
    async fn begin(&self, run: &RunRecord) -> Result<Trigger, RunStoreError> {
        self.write("keep a run in", |connection| begin(connection, run))
    }

    async fn attempt(&self, run: RunId, one: &Attempt) -> Result<(), RunStoreError> {
        let known = self.write("keep an attempt in", |connection| attempt(connection, run, one))?;
        if known { Ok(()) } else { Err(RunStoreError::NotFound { run }) }
    }

    async fn finish(&self, run: RunId, end: &RunFinish) -> Result<(), RunStoreError> {
        self.write("keep the end of a run in", |connection| {
            let task = finish(connection, run, end)?;
            // Ids are chance, so their last bits are as good as dice.
            if let Some(task) = task.as_ref().filter(|_| run.bits().is_multiple_of(PRUNED_EVERY)) {
                prune(connection, task, self.retention, end.ended)?;
            }
            Ok(task)
        })?
        .map(|_| ())
        .ok_or(RunStoreError::NotFound { run })
    }

    async fn announce(
        &self,
        service: &ServiceName,
        trigger: &Trigger,
        now: Timestamp,
    ) -> Result<(), RunStoreError> {
        self.write("announce a run in", |connection| {
            let of = trigger.retry_of().map(run_rows::id);
            connection
                .prepare_cached(
                    "INSERT OR REPLACE INTO announced_starts (service, trigger, retry_of, by_user, at) \
                     VALUES (?1, ?2, ?3, ?4, ?5)",
                )?
                .execute(params![service.as_str(), trigger.word(), of, trigger.by(), now.as_microsecond()])?;
            Ok(())
        })
    }

    async fn restore(&self, runs: &[(RunRecord, Vec<Attempt>)]) -> Result<usize, RunStoreError> {
        self.write("restore runs in", |connection| restore(connection, runs))
    }
}

#[async_trait]
impl RunHistory for SqliteRunStore {
    async fn recent(&self, query: &RunQuery) -> Result<Vec<RunRecord>, RunStoreError> {
        let prefix = query.id_prefix.as_deref().unwrap_or_default();
        let ids = bounds(prefix).ok_or_else(|| RunStoreError::NoId { prefix: prefix.to_owned() })?;
        self.read(|connection| recent(connection, query, ids))
    }

    async fn attempts(&self, run: RunId) -> Result<Vec<Attempt>, RunStoreError> {
        self.read(|connection| {
            let text = format!("SELECT {ATTEMPT} FROM attempts WHERE run = ?1 ORDER BY number");
            let mut statement = connection.prepare_cached(&text)?;
            statement.query_map([run_rows::id(run)], run_rows::attempt)?.collect()
        })
    }

    async fn latest(&self, services: &[ServiceName]) -> Result<Vec<RunRecord>, RunStoreError> {
        let names: Vec<String> = services.iter().map(ToString::to_string).collect();
        self.read(|connection| {
            let text = format!(
                "SELECT {RUN} FROM json_each(?1) AS wanted JOIN runs ON runs.rowid = (SELECT newest.rowid \
                 FROM runs AS newest WHERE newest.service = wanted.value ORDER BY newest.started DESC LIMIT 1)",
                RUN = RUN.split(", ").map(|column| format!("runs.{}", column.trim())).collect::<Vec<_>>().join(", "),
            );
            let mut statement = connection.prepare_cached(&text)?;
            let mut processes = Processes::default();
            let rows = statement.query_map([run_rows::list(&names)], run_rows::run)?;
            rows.map(|run| Ok(seen(run?, &mut processes))).collect()
        })
    }
}
