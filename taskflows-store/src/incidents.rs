//! What is known of incidents, kept.

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use taskflows_alerts::incident::{Silence, State, StateKey};
use taskflows_alerts::outbox::{AlertStore, AlertStoreError, Ledger, Limits, NewEntry, Pushed, Work};

use crate::Store;
use crate::outbox::Queue;

/// Receipts are kept this much longer than observations: an incident may last.
const KEPT_LONGER: SignedDuration = SignedDuration::from_hours(24 * 76);

impl AlertStore for Store {
    fn transact(&self, work: &mut Work<'_>) -> Result<(), AlertStoreError> {
        self.durably("keep alerts in", |connection, place| {
            work(&mut SqliteLedger { connection, place, limits: self.limits() })
        })
    }

    fn next_tick(&self, groups: &[&str]) -> Result<Option<Timestamp>, AlertStoreError> {
        self.reading(|connection, place| {
            let sql = "SELECT min(due) FROM alert_state WHERE due IS NOT NULL
                AND alert_group IN (SELECT value FROM json_each(?1))";
            let due: Option<i64> = connection
                .query_row(sql, [place.encode(&groups)?], |row| row.get(0))
                .map_err(place.failed("read alerts of"))?;
            due.map(|due| place.moment(due)).transpose()
        })
    }

    fn states(&self) -> Result<Vec<(StateKey, State)>, AlertStoreError> {
        self.reading(|connection, place| {
            let failed = || place.failed("read alerts of");
            // One view of both tables, whoever writes meanwhile.
            let transaction = connection.unchecked_transaction().map_err(failed())?;
            let sql = "SELECT alert_group, name, state FROM alert_state ORDER BY alert_group, name";
            let mut statement = transaction.prepare_cached(sql).map_err(failed())?;
            let row = |row: &rusqlite::Row<'_>| {
                let key = StateKey { group: row.get(0)?, name: row.get(1)? };
                Ok((key, row.get::<_, String>(2)?))
            };
            let rows = statement.query_map([], row).map_err(failed())?;
            let states: Vec<_> = rows
                .map(|row| {
                    let (key, state) = row.map_err(failed())?;
                    Ok((key, place.decode(&state)?))
                })
                .collect::<Result<_, AlertStoreError>>()?;
            let total: i64 = transaction
                .query_row("SELECT states FROM alert_total", [], |row| row.get(0))
                .map_err(failed())?;
            place.check_count("states of alerts", total, states.len())?;
            Ok(states)
        })
    }
}

/// Where the store is, for errors.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    path: &'a std::path::Path,
}

impl Place<'_> {
    pub(crate) fn failed(self, operation: &str) -> impl FnOnce(rusqlite::Error) -> AlertStoreError + use<> {
        let operation = format!("{operation} `{}`", self.path.display());
        |source| AlertStoreError::Failed { operation, source: Box::new(source) }
    }

    pub(crate) fn damaged(self, what: impl Into<String>) -> AlertStoreError {
        AlertStoreError::Damaged { place: self.path.display().to_string(), what: what.into() }
    }

    /// Fails where rows are hidden by damage.
    pub(crate) fn check_count(self, what: &str, counted: i64, found: usize) -> Result<(), AlertStoreError> {
        if i64::try_from(found) == Ok(counted) {
            return Ok(());
        }
        Err(self.damaged(format!("{counted} {what} are counted, {found} are found")))
    }

    pub(crate) fn decode<T: serde::de::DeserializeOwned>(self, text: &str) -> Result<T, AlertStoreError> {
        serde_json::from_str(text).map_err(|error| self.damaged(format!("a value cannot be read: {error}")))
    }

    pub(crate) fn moment(self, micros: i64) -> Result<Timestamp, AlertStoreError> {
        Timestamp::from_microsecond(micros).map_err(|_| self.damaged(format!("{micros} is no moment")))
    }

    pub(crate) fn encode<T: serde::Serialize>(self, value: &T) -> Result<String, AlertStoreError> {
        serde_json::to_string(value).map_err(|source| AlertStoreError::Failed {
            operation: format!("write a value for `{}`", self.path.display()),
            source: Box::new(source),
        })
    }
}

impl Store {
    /// Does something in a transaction that survives the loss of power.
    pub(crate) fn durably<T>(
        &self,
        operation: &str,
        work: impl FnOnce(&Connection, Place<'_>) -> Result<T, AlertStoreError>,
    ) -> Result<T, AlertStoreError> {
        let mut connection = self.connection();
        let place = Place { path: self.path() };
        let failed = || place.failed(operation);
        // Others of this connection may be content with less.
        let before: i64 =
            connection.pragma_query_value(None, "synchronous", |row| row.get(0)).map_err(failed())?;
        connection.pragma_update(None, "synchronous", "FULL").map_err(failed())?;
        let done = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(failed())
            .and_then(|transaction| {
                let done = work(&transaction, place)?;
                transaction.commit().map_err(failed())?;
                Ok(done)
            });
        connection.pragma_update(None, "synchronous", before).map_err(failed())?;
        done
    }

    pub(crate) fn reading<T>(
        &self,
        work: impl FnOnce(&Connection, Place<'_>) -> Result<T, AlertStoreError>,
    ) -> Result<T, AlertStoreError> {
        work(&self.connection(), Place { path: self.path() })
    }
}

struct SqliteLedger<'a> {
    connection: &'a Connection,
    place: Place<'a>,
    limits: Limits,
}

impl SqliteLedger<'_> {
    fn change(&self, sql: &str, values: impl rusqlite::Params) -> Result<usize, AlertStoreError> {
        let failed = || self.place.failed("keep alerts in");
        self.connection.prepare_cached(sql).map_err(failed())?.execute(values).map_err(failed())
    }
}

impl Ledger for SqliteLedger<'_> {
    fn is_new(&mut self, id: &str, now: Timestamp) -> Result<bool, AlertStoreError> {
        let sql = "INSERT INTO alert_observed (id, at) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
        Ok(self.change(sql, params![id, now.as_microsecond()])? > 0)
    }

    fn load(&mut self, key: &StateKey) -> Result<Option<State>, AlertStoreError> {
        let failed = || self.place.failed("read alerts of");
        let sql = "SELECT state FROM alert_state WHERE alert_group = ?1 AND name = ?2";
        let mut statement = self.connection.prepare_cached(sql).map_err(failed())?;
        let text: Option<String> =
            statement.query_row([&key.group, &key.name], |row| row.get(0)).optional().map_err(failed())?;
        text.map(|text| self.place.decode(&text)).transpose()
    }

    fn save(
        &mut self,
        key: &StateKey,
        state: Option<&State>,
        due: Option<Timestamp>,
    ) -> Result<(), AlertStoreError> {
        match state {
            Some(state) => {
                let text = self.place.encode(state)?;
                let sql = "INSERT INTO alert_state (alert_group, name, state, due) VALUES (?1, ?2, ?3, ?4)
                    ON CONFLICT DO UPDATE SET state = excluded.state, due = excluded.due";
                self.change(sql, params![key.group, key.name, text, due.map(ceil)])
            }
            None => {
                let sql = "DELETE FROM alert_state WHERE alert_group = ?1 AND name = ?2";
                self.change(sql, params![key.group, key.name])
            }
        }
        .map(|_| ())
    }

    fn due(
        &mut self,
        groups: &[&str],
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<StateKey>, AlertStoreError> {
        let failed = || self.place.failed("read alerts of");
        let sql = "SELECT alert_group, name FROM alert_state WHERE due <= ?1
            AND alert_group IN (SELECT value FROM json_each(?3))
            ORDER BY due, alert_group, name LIMIT ?2";
        let mut statement = self.connection.prepare_cached(sql).map_err(failed())?;
        let key = |row: &rusqlite::Row<'_>| Ok(StateKey { group: row.get(0)?, name: row.get(1)? });
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let groups = self.place.encode(&groups)?;
        let keys = statement.query_map(params![now.as_microsecond(), limit, groups], key).map_err(failed())?;
        keys.collect::<Result<_, _>>().map_err(failed())
    }

    fn make_due(&mut self, now: Timestamp) -> Result<(), AlertStoreError> {
        self.change("UPDATE alert_state SET due = ?1", [now.as_microsecond()]).map(|_| ())
    }

    fn silences(&mut self) -> Result<Vec<(i64, Silence)>, AlertStoreError> {
        let failed = || self.place.failed("read silences of");
        let sql = "SELECT id, silence FROM alert_silence ORDER BY id";
        let mut statement = self.connection.prepare_cached(sql).map_err(failed())?;
        let row = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?));
        let rows = statement.query_map([], row).map_err(failed())?;
        rows.map(|row| {
            let (id, silence) = row.map_err(failed())?;
            Ok((id, self.place.decode(&silence)?))
        })
        .collect()
    }

    fn add_silence(&mut self, silence: &Silence) -> Result<i64, AlertStoreError> {
        let text = self.place.encode(silence)?;
        self.change("INSERT INTO alert_silence (silence) VALUES (?1)", [text])?;
        Ok(self.connection.last_insert_rowid())
    }

    fn remove_silence(&mut self, id: i64) -> Result<bool, AlertStoreError> {
        Ok(self.change("DELETE FROM alert_silence WHERE id = ?1", [id])? > 0)
    }

    fn push(&mut self, entry: &NewEntry, now: Timestamp) -> Result<Pushed, AlertStoreError> {
        Queue { connection: self.connection, place: self.place }.push(entry, now, self.limits)
    }

    fn forget(&mut self, before: Timestamp) -> Result<(), AlertStoreError> {
        self.change("DELETE FROM alert_observed WHERE at < ?1", [before.as_microsecond()])?;
        let long_before = before.checked_sub(KEPT_LONGER).unwrap_or(Timestamp::MIN);
        self.change("DELETE FROM outbox_settled WHERE at < ?1", [long_before.as_microsecond()])?;
        let sql = "DELETE FROM outbox WHERE given_up = 1 AND queued_at < ?1";
        self.change(sql, [before.as_microsecond()])?;
        Ok(())
    }
}

/// Returns a moment in microseconds, no earlier than it is: what is due then is due.
pub(crate) fn ceil(at: Timestamp) -> i64 {
    at.as_microsecond() + i64::from(at.subsec_nanosecond() % 1_000 > 0)
}
