//! Runs and attempts as rows.

use std::error::Error;

use jiff::Timestamp;
use rusqlite::types::{FromSqlError, Type};
use rusqlite::{Row, ToSql};
use taskflows_core::task::{Attempt, ProcessMark, RunId, RunRecord, Trigger};
use taskflows_core::{ExitKind, Outcome, RunEnd};

/// The columns of a run, in the order in which [`run`] reads them.
pub(crate) const RUN: &str = "id, task, service, scheduled, started, ended, outcome, result, exit_code, \
    exit_signal, preparation, attempts, max_attempts, error, trigger, retry_of, command, options, directory, \
    boot, pid, pid_started, by_user";

/// The columns of an attempt, in the order in which [`attempt`] reads them.
pub(crate) const ATTEMPT: &str =
    "number, started, ended, error, tail, outcome, result, exit_code, exit_signal, preparation";

fn unread(column: usize, error: impl Into<Box<dyn Error + Send + Sync>>) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, error.into())
}

pub(crate) fn id(run: RunId) -> [u8; 16] {
    run.bits().to_be_bytes()
}

fn time(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    let micros: i64 = row.get(column)?;
    Timestamp::from_microsecond(micros).map_err(|error| unread(column, error))
}

fn some_time(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Timestamp>> {
    let micros: Option<i64> = row.get(column)?;
    micros.map(|_| time(row, column)).transpose()
}

/// Writes a list of texts, such as a command, in one column.
pub(crate) fn list(texts: &[String]) -> String {
    serde_json::Value::from(texts).to_string()
}

fn read_list(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Vec<String>>> {
    let text: Option<String> = row.get(column)?;
    text.map(|text| serde_json::from_str(&text).map_err(|error| unread(column, error))).transpose()
}

/// How something ended, as its five columns.
pub(crate) struct End<'a> {
    pub(crate) outcome: &'static str,
    pub(crate) result: Option<&'a str>,
    pub(crate) code: Option<i32>,
    pub(crate) signal: Option<i32>,
    pub(crate) preparation: bool,
}

impl<'a> From<&'a Outcome> for End<'a> {
    fn from(outcome: &'a Outcome) -> Self {
        let end = match outcome {
            Outcome::Failed(end) => Some(end),
            _ => None,
        };
        let exit = end.and_then(|end| end.exit);
        Self {
            outcome: outcome.word(),
            result: end.map(|end| end.result.as_str()),
            code: exit.and_then(|exit| if let ExitKind::Exited(code) = exit { Some(code) } else { None }),
            signal: exit
                .and_then(|exit| if let ExitKind::Killed(signal) = exit { Some(signal) } else { None }),
            preparation: end.is_some_and(|end| end.is_preparation),
        }
    }
}

impl End<'_> {
    pub(crate) fn values(&self) -> [&dyn ToSql; 5] {
        [&self.outcome, &self.result, &self.code, &self.signal, &self.preparation]
    }
}

/// Reads the outcome from five columns, of which `first` is the first.
fn outcome(row: &Row<'_>, first: usize) -> rusqlite::Result<Outcome> {
    let word: String = row.get(first)?;
    Ok(match word.as_str() {
        "running" => Outcome::Running,
        "ok" => Outcome::Succeeded,
        "skipped" => Outcome::Skipped,
        "interrupted" => Outcome::Interrupted,
        "failed" => {
            let (code, signal): (Option<i32>, Option<i32>) = (row.get(first + 2)?, row.get(first + 3)?);
            let exit = code.map(ExitKind::Exited).or(signal.map(ExitKind::Killed));
            let result = row.get::<_, Option<String>>(first + 1)?.unwrap_or_default();
            Outcome::Failed(RunEnd { result, exit, is_preparation: row.get(first + 4)? })
        }
        _ => Outcome::Unknown,
    })
}

/// Reads what started a run from its columns `trigger`, `retry_of` and `by_user`, wherever they stand.
pub(crate) fn read_trigger(row: &Row<'_>, columns: [usize; 3]) -> rusqlite::Result<Trigger> {
    let word: String = row.get(columns[0])?;
    let of: Option<[u8; 16]> = row.get(columns[1])?;
    let of = of.map(|bytes| RunId::from_bits(u128::from_be_bytes(bytes)));
    Ok(Trigger::from_parts(&word, row.get(columns[2])?, of))
}

pub(crate) fn run(row: &Row<'_>) -> rusqlite::Result<RunRecord> {
    let service: Option<String> = row.get(2)?;
    let service = service.map(|name| name.parse()).transpose().map_err(|error| unread(2, error))?;
    let boot: Option<String> = row.get(19)?;
    let process = match boot {
        Some(boot) => Some(ProcessMark { boot, pid: row.get(20)?, started: count(row, 21)? }),
        None => None,
    };
    Ok(RunRecord {
        id: RunId::from_bits(u128::from_be_bytes(row.get(0)?)),
        task: row.get(1)?,
        service,
        scheduled: some_time(row, 3)?,
        started: time(row, 4)?,
        ended: some_time(row, 5)?,
        outcome: outcome(row, 6)?,
        attempts: row.get(11)?,
        max_attempts: row.get(12)?,
        error: row.get(13)?,
        trigger: read_trigger(row, [14, 15, 22])?,
        command: read_list(row, 16)?,
        options: read_list(row, 17)?.unwrap_or_default(),
        directory: row.get(18)?,
        process,
    })
}

fn count(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let value: i64 = row.get(column)?;
    u64::try_from(value).map_err(|_| FromSqlError::OutOfRange(value).into())
}

pub(crate) fn attempt(row: &Row<'_>) -> rusqlite::Result<Attempt> {
    Ok(Attempt {
        number: row.get(0)?,
        started: time(row, 1)?,
        ended: time(row, 2)?,
        error: row.get(3)?,
        tail: row.get(4)?,
        outcome: outcome(row, 5)?,
    })
}
