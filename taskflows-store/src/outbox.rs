//! The queue of messages, kept.

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row, params};
use taskflows_alerts::outbox::{
    AlertStoreError, ChannelStatus, Claim, Entry, EntryKind, Limits, NewEntry, Next, Outbox, Pushed,
    Settlement, longest_wait,
};
use taskflows_alerts::{Message, MessageState, Receipt, Severity};

use crate::Store;
use crate::incidents::{Place, ceil};
use crate::outbox_row::{COLUMNS, Raw, signed, unsigned, written};

/// The queue within one transaction.
#[derive(Clone, Copy)]
pub(crate) struct Queue<'a> {
    pub(crate) connection: &'a Connection,
    pub(crate) place: Place<'a>,
}

impl Queue<'_> {
    pub(crate) fn push(
        self,
        entry: &NewEntry,
        now: Timestamp,
        limits: Limits,
    ) -> Result<Pushed, AlertStoreError> {
        let known = "SELECT 1 FROM outbox_settled WHERE channel = ?1 AND key = ?2
            UNION ALL SELECT 1 FROM outbox WHERE channel = ?1 AND key = ?2";
        if self.one::<i64>(known, params![entry.channel, entry.key])?.is_some() {
            return Ok(Pushed::Known);
        }
        if self.fold(entry, now)? {
            self.settled(&entry.channel, &entry.key, None, now)?;
            return Ok(Pushed::Folded);
        }
        self.change(
            "INSERT INTO outbox_channel (channel) VALUES (?1) ON CONFLICT DO NOTHING",
            [&entry.channel],
        )?;
        let message = self.place.encode(&entry.message)?;
        let bytes = message.len() as u64;
        if self.is_full(&entry.channel, bytes, limits)? && !self.make_room(entry, bytes, now, limits)? {
            self.drop_one(&entry.channel, &entry.key, now)?;
            return Ok(Pushed::Dropped);
        }
        let (kind, target) = written(&entry.kind);
        let critical = entry.message.severity >= Severity::Critical;
        self.change(
            "INSERT INTO outbox (channel, key, kind, target, critical, message, bytes, queued_at, not_before, expires_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8, ?9)",
            params![
                entry.channel,
                entry.key,
                kind,
                target,
                critical,
                message,
                signed(bytes),
                now.as_microsecond(),
                entry.expires_at.as_microsecond()
            ],
        )?;
        self.count(&entry.channel, 1, signed(bytes))?;
        Ok(Pushed::Queued)
    }

    /// Puts an amendment where the message it amends still waits, and tells whether that says it all.
    fn fold(self, entry: &NewEntry, now: Timestamp) -> Result<bool, AlertStoreError> {
        let (target, amends) = match &entry.kind {
            EntryKind::Amend { of } => (of, true),
            EntryKind::Reply { to, fold: true } => (to, false),
            _ => return Ok(false),
        };
        let sql = "SELECT id, kind, message, bytes FROM outbox
            WHERE channel = ?1 AND given_up = 0 AND (leased_until IS NULL OR leased_until <= ?3)
            AND (key = ?2 OR (?4 AND kind = 'amend' AND target = ?2)) ORDER BY id LIMIT 1";
        let mut statement = self.connection.prepare_cached(sql).map_err(self.failed())?;
        let row = |row: &Row<'_>| {
            Ok((
                row.get::<_, i64>(0)?,
                row.get::<_, String>(1)?,
                row.get::<_, String>(2)?,
                row.get::<_, i64>(3)?,
            ))
        };
        let values = params![entry.channel, target, now.as_microsecond(), amends];
        let Some((id, kind, waits, had)) =
            statement.query_row(values, row).optional().map_err(self.failed())?
        else {
            return Ok(false);
        };
        if !amends {
            return Ok(true);
        }
        let mut message = entry.message.clone();
        if kind == "send" && message.state != MessageState::Resolved {
            // Those who are called by the message that waits are still to be called.
            message.mentions = self.place.decode::<Message>(&waits)?.mentions;
        }
        let text = self.place.encode(&message)?;
        let bytes = signed(text.len() as u64);
        self.change("UPDATE outbox SET message = ?2, bytes = ?3 WHERE id = ?1", params![id, text, bytes])?;
        self.count(&entry.channel, 0, bytes - had)?;
        Ok(true)
    }

    fn is_full(self, channel: &str, bytes: u64, limits: Limits) -> Result<bool, AlertStoreError> {
        let sql = "SELECT coalesce(sum(queued), 0), coalesce(sum(bytes), 0),
            coalesce(max(queued) FILTER (WHERE channel = ?1), 0) FROM outbox_channel";
        let mut statement = self.connection.prepare_cached(sql).map_err(self.failed())?;
        let counts =
            |row: &Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?));
        let (entries, sum, own) = statement.query_row([channel], counts).map_err(self.failed())?;
        Ok(unsigned(entries) >= limits.entries
            || unsigned(sum).saturating_add(bytes) > limits.bytes
            || unsigned(own) >= limits.per_channel)
    }

    /// Drops the oldest messages of the channel that are less than critical for one that is critical.
    fn make_room(
        self,
        entry: &NewEntry,
        bytes: u64,
        now: Timestamp,
        limits: Limits,
    ) -> Result<bool, AlertStoreError> {
        if entry.message.severity < Severity::Critical {
            return Ok(false);
        }
        while self.is_full(&entry.channel, bytes, limits)? {
            let sql = "SELECT id FROM outbox WHERE channel = ?1 AND given_up = 0 AND critical = 0
                AND (leased_until IS NULL OR leased_until <= ?2) ORDER BY id LIMIT 1";
            match self.one::<i64>(sql, params![entry.channel, now.as_microsecond()])? {
                Some(id) => self.drop_row(id, now)?,
                None => return Ok(false),
            }
        }
        Ok(true)
    }

    fn drop_row(self, id: i64, now: Timestamp) -> Result<(), AlertStoreError> {
        let (channel, key) = self.remove(id)?;
        self.drop_one(&channel, &key, now)
    }

    fn drop_one(self, channel: &str, key: &str, now: Timestamp) -> Result<(), AlertStoreError> {
        self.settled(channel, key, None, now)?;
        let sql =
            "UPDATE outbox_channel SET dropped = dropped + 1, unreported = unreported + 1 WHERE channel = ?1";
        self.change(sql, [channel]).map(|_| ())
    }

    /// Takes a message that waits out of the queue.
    fn remove(self, id: i64) -> Result<(String, String), AlertStoreError> {
        let sql = "DELETE FROM outbox WHERE id = ?1 RETURNING channel, key, bytes";
        let mut statement = self.connection.prepare_cached(sql).map_err(self.failed())?;
        let row =
            |row: &Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, i64>(2)?));
        let (channel, key, bytes) = statement.query_row([id], row).map_err(self.failed())?;
        self.count(&channel, -1, -bytes)?;
        Ok((channel, key))
    }

    fn count(self, channel: &str, messages: i64, bytes: i64) -> Result<(), AlertStoreError> {
        let sql = "UPDATE outbox_channel SET queued = queued + ?2, bytes = bytes + ?3 WHERE channel = ?1";
        self.change(sql, params![channel, messages, bytes]).map(|_| ())
    }

    fn settled(
        self,
        channel: &str,
        key: &str,
        receipt: Option<&Receipt>,
        now: Timestamp,
    ) -> Result<(), AlertStoreError> {
        let receipt = receipt.map(|receipt| self.place.encode(receipt)).transpose()?;
        let sql = "INSERT INTO outbox_settled (channel, key, receipt, at) VALUES (?1, ?2, ?3, ?4)
            ON CONFLICT DO UPDATE SET receipt = excluded.receipt, at = excluded.at";
        self.change(sql, params![channel, key, receipt, now.as_microsecond()]).map(|_| ())
    }

    fn claim(self, channel: &str, now: Timestamp, lease: SignedDuration) -> Result<Next, AlertStoreError> {
        self.drop_expired(channel, now)?;
        let sql = "SELECT id, leased_until, not_before FROM outbox WHERE channel = ?1 AND given_up = 0
            ORDER BY id LIMIT 1";
        let mut statement = self.connection.prepare_cached(sql).map_err(self.failed())?;
        let row =
            |row: &Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, Option<i64>>(1)?, row.get::<_, i64>(2)?));
        let first = statement.query_row([channel], row).optional().map_err(self.failed())?;
        let Some((id, leased_until, not_before)) = first else {
            return self.check_count(channel, 0).map(|()| Next::Nothing);
        };
        let until = leased_until.unwrap_or(not_before).max(not_before);
        // What lies further ahead than any wait was written while the clock was ahead.
        let ahead = |at: i64| at > now.as_microsecond() && at <= ceil(longest_wait(now));
        let still = leased_until.is_some_and(ahead);
        if still || ahead(not_before) {
            let until = if still { leased_until.unwrap_or(until) } else { not_before };
            return Ok(Next::Wait(self.place.moment(until)?));
        }
        let until = now.checked_add(lease).unwrap_or(Timestamp::MAX);
        let sql = "UPDATE outbox SET attempts = attempts + 1, leased_until = ?2 WHERE id = ?1";
        self.change(sql, params![id, until.as_microsecond()])?;
        let entry = self.entry(id)?;
        let receipt = self.receipt_for(&entry.new)?;
        Ok(Next::Send(Claim { entry, receipt }))
    }

    /// An index that lost rows must not look like a queue in which nothing waits.
    fn check_count(self, channel: &str, found: usize) -> Result<(), AlertStoreError> {
        let counted = self.one::<i64>("SELECT queued FROM outbox_channel WHERE channel = ?1", [channel])?;
        self.place.check_count(&format!("alerts for {channel}"), counted.unwrap_or(0), found)
    }

    fn is_empty(self, channel: &str) -> Result<bool, AlertStoreError> {
        let sql = "SELECT 1 FROM outbox WHERE channel = ?1 AND given_up = 0 LIMIT 1";
        if self.one::<i64>(sql, [channel])?.is_some() {
            return Ok(false);
        }
        self.check_count(channel, 0).map(|()| true)
    }

    fn drop_expired(self, channel: &str, now: Timestamp) -> Result<(), AlertStoreError> {
        let sql = "SELECT id FROM outbox WHERE channel = ?1 AND given_up = 0 AND expires_at <= ?2
            AND (leased_until IS NULL OR leased_until <= ?2)";
        let mut statement = self.connection.prepare_cached(sql).map_err(self.failed())?;
        let values = params![channel, now.as_microsecond()];
        let old = statement.query_map(values, |row| row.get::<_, i64>(0)).map_err(self.failed())?;
        let old: Vec<i64> = old.collect::<Result<_, _>>().map_err(self.failed())?;
        old.into_iter().try_for_each(|id| self.drop_row(id, now))
    }

    fn receipt_for(self, entry: &NewEntry) -> Result<Option<Receipt>, AlertStoreError> {
        let Some(target) = entry.kind.target() else { return Ok(None) };
        let sql =
            "SELECT receipt FROM outbox_settled WHERE channel = ?1 AND key = ?2 AND receipt IS NOT NULL";
        let receipt = self.one::<String>(sql, params![entry.channel, target])?;
        receipt.map(|receipt| self.place.decode(&receipt)).transpose()
    }

    fn settle(self, entry: &Entry, how: &Settlement, now: Timestamp) -> Result<(), AlertStoreError> {
        let sql = "UPDATE outbox SET leased_until = NULL
            WHERE id = ?1 AND attempts = ?2 AND leased_until IS NOT NULL AND given_up = 0";
        if self.change(sql, params![entry.id, entry.attempts])? == 0 {
            return Err(AlertStoreError::LeaseLost { id: entry.id });
        }
        let (channel, key) = (entry.new.channel.as_str(), entry.new.key.as_str());
        match how {
            Settlement::Sent(receipt) => {
                self.remove(entry.id)?;
                // A place may give a changed message another receipt: what follows goes by that.
                if let EntryKind::Amend { of } = &entry.new.kind {
                    self.settled(channel, of, Some(receipt), now)?;
                }
                self.settled(channel, key, Some(receipt), now)?;
                let sql = "UPDATE outbox_channel SET last_success = ?2, last_error = NULL WHERE channel = ?1";
                self.change(sql, params![channel, now.as_microsecond()]).map(|_| ())
            }
            Settlement::Skipped => {
                self.remove(entry.id)?;
                self.settled(channel, key, None, now)
            }
            Settlement::Retry { at, error } => {
                let sql = "UPDATE outbox SET not_before = ?2, error = ?3 WHERE id = ?1";
                self.change(sql, params![entry.id, ceil(*at), error])?;
                self.change("UPDATE outbox_channel SET last_error = ?2 WHERE channel = ?1", [channel, error])
                    .map(|_| ())
            }
            Settlement::GiveUp { error } => self.give_up(entry, error),
        }
    }

    fn give_up(self, entry: &Entry, error: &str) -> Result<(), AlertStoreError> {
        let sql = "UPDATE outbox SET given_up = 1, error = ?2 WHERE id = ?1 RETURNING bytes";
        let bytes = self.one::<i64>(sql, params![entry.id, error])?.unwrap_or_default();
        self.count(&entry.new.channel, -1, -bytes)?;
        let sql = "UPDATE outbox_channel SET undelivered = undelivered + 1, unreported = unreported + 1,
            last_error = ?2 WHERE channel = ?1";
        self.change(sql, params![entry.new.channel, error]).map(|_| ())
    }

    fn entry(self, id: i64) -> Result<Entry, AlertStoreError> {
        let sql = format!("SELECT {COLUMNS} FROM outbox WHERE id = ?1");
        let mut statement = self.connection.prepare_cached(&sql).map_err(self.failed())?;
        let raw = statement.query_row([id], Raw::read).map_err(self.failed())?;
        raw.entry(self.place)
    }

    fn entries(self, channel: &str, given_up: bool) -> Result<Vec<Entry>, AlertStoreError> {
        let sql = format!("SELECT {COLUMNS} FROM outbox WHERE channel = ?1 AND given_up = ?2 ORDER BY id");
        let mut statement = self.connection.prepare_cached(&sql).map_err(self.failed())?;
        let rows = statement.query_map(params![channel, given_up], Raw::read).map_err(self.failed())?;
        let entries = rows.map(|raw| raw.map_err(self.failed())?.entry(self.place));
        let entries: Vec<Entry> = entries.collect::<Result<_, AlertStoreError>>()?;
        if !given_up {
            self.check_count(channel, entries.len())?;
        }
        Ok(entries)
    }

    fn channels(self) -> Result<Vec<ChannelStatus>, AlertStoreError> {
        let sql = "SELECT channel, queued, bytes, dropped, undelivered, unreported, reported_at, last_success, last_error,
            (SELECT queued_at FROM outbox o WHERE o.channel = c.channel AND given_up = 0 ORDER BY id LIMIT 1),
            (SELECT coalesce(leased_until, not_before) FROM outbox o WHERE o.channel = c.channel AND given_up = 0
             ORDER BY id LIMIT 1)
            FROM outbox_channel c ORDER BY channel";
        let mut statement = self.connection.prepare_cached(sql).map_err(self.failed())?;
        let mut rows = statement.query([]).map_err(self.failed())?;
        let mut channels = Vec::new();
        while let Some(row) = rows.next().map_err(self.failed())? {
            channels.push(self.status(row)?);
        }
        Ok(channels)
    }

    fn status(self, row: &Row<'_>) -> Result<ChannelStatus, AlertStoreError> {
        let number = |at| row.get::<_, i64>(at).map(unsigned).map_err(self.failed());
        let moment = |at| {
            let micros: Option<i64> = row.get(at).map_err(self.failed())?;
            micros.map(|micros| self.place.moment(micros)).transpose()
        };
        Ok(ChannelStatus {
            channel: row.get(0).map_err(self.failed())?,
            queued: number(1)?,
            bytes: number(2)?,
            dropped: number(3)?,
            undelivered: number(4)?,
            unreported: number(5)?,
            reported_at: moment(6)?,
            last_success: moment(7)?,
            last_error: row.get(8).map_err(self.failed())?,
            oldest: moment(9)?,
            next_attempt: moment(10)?,
        })
    }

    fn failed(self) -> impl FnOnce(rusqlite::Error) -> AlertStoreError {
        self.place.failed("use the queue of alerts in")
    }

    fn change(self, sql: &str, values: impl rusqlite::Params) -> Result<usize, AlertStoreError> {
        self.connection.prepare_cached(sql).map_err(self.failed())?.execute(values).map_err(self.failed())
    }

    fn one<T: rusqlite::types::FromSql>(
        self,
        sql: &str,
        values: impl rusqlite::Params,
    ) -> Result<Option<T>, AlertStoreError> {
        let mut statement = self.connection.prepare_cached(sql).map_err(self.failed())?;
        statement.query_row(values, |row| row.get(0)).optional().map_err(self.failed())
    }
}

impl Outbox for Store {
    fn push(&self, entries: &[NewEntry], now: Timestamp) -> Result<Vec<Pushed>, AlertStoreError> {
        self.queue(|queue| entries.iter().map(|entry| queue.push(entry, now, self.limits())).collect())
    }

    fn claim(&self, channel: &str, now: Timestamp, lease: SignedDuration) -> Result<Next, AlertStoreError> {
        // Most looks find nothing: they take nobody's turn to write.
        if self.viewing(|queue| queue.is_empty(channel))? {
            return Ok(Next::Nothing);
        }
        self.queue(|queue| queue.claim(channel, now, lease))
    }

    fn settle(&self, entry: &Entry, how: &Settlement, now: Timestamp) -> Result<(), AlertStoreError> {
        self.queue(|queue| queue.settle(entry, how, now))
    }

    fn channels(&self) -> Result<Vec<ChannelStatus>, AlertStoreError> {
        self.viewing(|queue| queue.channels())
    }

    fn report(
        &self,
        channel: &str,
        told: u64,
        entries: &[NewEntry],
        now: Timestamp,
    ) -> Result<(), AlertStoreError> {
        self.queue(|queue| {
            let sql = "UPDATE outbox_channel SET unreported = max(0, unreported - ?2), reported_at = ?3
                WHERE channel = ?1";
            queue.change(sql, params![channel, signed(told), now.as_microsecond()])?;
            entries.iter().try_for_each(|entry| queue.push(entry, now, self.limits()).map(|_| ()))
        })
    }

    fn queued(&self, channel: &str) -> Result<Vec<Entry>, AlertStoreError> {
        self.viewing(|queue| queue.entries(channel, false))
    }

    fn undelivered(&self, channel: &str) -> Result<Vec<Entry>, AlertStoreError> {
        self.viewing(|queue| queue.entries(channel, true))
    }

    fn requeue(&self, channel: &str, now: Timestamp) -> Result<u64, AlertStoreError> {
        self.queue(|queue| {
            let entries = queue.entries(channel, true)?;
            let until = now.checked_add(NewEntry::LIFE).unwrap_or(Timestamp::MAX);
            let sql = "UPDATE outbox SET given_up = 0, not_before = ?2, expires_at = ?3 WHERE id = ?1
                RETURNING bytes";
            for entry in &entries {
                let values = params![entry.id, now.as_microsecond(), until.as_microsecond()];
                let bytes = queue.one::<i64>(sql, values)?.unwrap_or_default();
                queue.count(channel, 1, bytes)?;
            }
            Ok(entries.len() as u64)
        })
    }
}

impl Store {
    fn queue<T>(
        &self,
        work: impl FnOnce(Queue<'_>) -> Result<T, AlertStoreError>,
    ) -> Result<T, AlertStoreError> {
        self.durably("use the queue of alerts in", |connection, place| work(Queue { connection, place }))
    }
}

impl Store {
    /// Reads the queue as it was at one moment, whoever writes meanwhile.
    fn viewing<T>(
        &self,
        work: impl FnOnce(Queue<'_>) -> Result<T, AlertStoreError>,
    ) -> Result<T, AlertStoreError> {
        self.reading(|connection, place| {
            let failed = place.failed("read the queue of alerts in");
            let connection = &connection.unchecked_transaction().map_err(failed)?;
            work(Queue { connection, place })
        })
    }
}
