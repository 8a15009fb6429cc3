use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};

use super::{
    AlertStore, AlertStoreError, ChannelStatus, Claim, Entry, EntryKind, Ledger, Limits, NewEntry, Next,
    Outbox, Pushed, Settlement, Work, longest_wait,
};
use crate::incident::{Silence, State, StateKey};
use crate::{MessageState, Receipt, Severity};

/// Incidents and the queue of messages in memory, for tests and for programs that may forget.
///
/// It behaves as the store on disk does, but that it is gone with the process.
#[derive(Debug, Default)]
pub struct MemoryAlertStore {
    kept: Mutex<Kept>,
}

#[derive(Clone, Debug, Default)]
struct Kept {
    limits: Limits,
    states: BTreeMap<StateKey, (State, Option<Timestamp>)>,
    observed: BTreeMap<String, Timestamp>,
    /// What this transaction added to it and took from it.
    fresh: Vec<String>,
    forgotten: Vec<(String, Timestamp)>,
    silences: BTreeMap<i64, Silence>,
    last_silence: i64,
    rows: BTreeMap<i64, Row>,
    last_row: i64,
    settled: BTreeMap<(String, String), (Option<Receipt>, Timestamp)>,
    /// The channel and key of each message that was ever queued.
    known: BTreeSet<(String, String)>,
    /// No message is too old before.
    expires_from: Option<Timestamp>,
    /// No less than what waits has.
    most_bytes: u64,
    channels: BTreeMap<String, ChannelStatus>,
}

#[derive(Clone, Debug)]
struct Row {
    entry: Entry,
    bytes: u64,
    leased_until: Option<Timestamp>,
    given_up: bool,
}

impl MemoryAlertStore {
    /// Returns an empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns an empty store that holds so much.
    pub fn with_limits(limits: Limits) -> Self {
        Self { kept: Mutex::new(Kept { limits, ..Kept::default() }) }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        // Changes are made to a copy, or are whole: what panicked in between left nothing half done.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AlertStore for MemoryAlertStore {
    fn transact(&self, work: &mut Work<'_>) -> Result<(), AlertStoreError> {
        let mut kept = self.kept();
        // What is only ever added to or thinned out is moved, not copied: it may be large.
        let observed = std::mem::take(&mut kept.observed);
        let mut changed = Kept { observed, ..kept.clone() };
        let done = work(&mut changed);
        let (fresh, forgotten) = (std::mem::take(&mut changed.fresh), std::mem::take(&mut changed.forgotten));
        if done.is_ok() {
            *kept = changed;
        } else {
            kept.observed = changed.observed;
            kept.observed.retain(|id, _| !fresh.contains(id));
            kept.observed.extend(forgotten);
        }
        done
    }

    fn next_tick(&self, groups: &[&str]) -> Result<Option<Timestamp>, AlertStoreError> {
        let kept = self.kept();
        let own = kept.states.iter().filter(|(key, _)| groups.contains(&key.group.as_str()));
        Ok(own.filter_map(|(_, (_, due))| *due).min())
    }

    fn states(&self) -> Result<Vec<(StateKey, State)>, AlertStoreError> {
        Ok(self.kept().states.iter().map(|(key, (state, _))| (key.clone(), state.clone())).collect())
    }
}

impl Ledger for Kept {
    fn is_new(&mut self, id: &str, now: Timestamp) -> Result<bool, AlertStoreError> {
        if self.observed.contains_key(id) {
            return Ok(false);
        }
        self.fresh.push(id.to_owned());
        Ok(self.observed.insert(id.to_owned(), now).is_none())
    }

    fn load(&mut self, key: &StateKey) -> Result<Option<State>, AlertStoreError> {
        Ok(self.states.get(key).map(|(state, _)| state.clone()))
    }

    fn save(
        &mut self,
        key: &StateKey,
        state: Option<&State>,
        due: Option<Timestamp>,
    ) -> Result<(), AlertStoreError> {
        match state {
            Some(state) => self.states.insert(key.clone(), (state.clone(), due)),
            None => self.states.remove(key),
        };
        Ok(())
    }

    fn due(
        &mut self,
        groups: &[&str],
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<StateKey>, AlertStoreError> {
        let due = |(key, (_, due)): (&StateKey, &(State, Option<Timestamp>))| {
            due.filter(|_| groups.contains(&key.group.as_str()))
                .filter(|due| *due <= now)
                .map(|due| (due, key.clone()))
        };
        let due: BTreeSet<_> = self.states.iter().filter_map(due).collect();
        Ok(due.into_iter().take(limit).map(|(_, key)| key).collect())
    }

    fn make_due(&mut self, now: Timestamp) -> Result<(), AlertStoreError> {
        self.states.values_mut().for_each(|(_, due)| *due = Some(now));
        Ok(())
    }

    fn silences(&mut self) -> Result<Vec<(i64, Silence)>, AlertStoreError> {
        Ok(self.silences.iter().map(|(id, silence)| (*id, silence.clone())).collect())
    }

    fn add_silence(&mut self, silence: &Silence) -> Result<i64, AlertStoreError> {
        self.last_silence += 1;
        self.silences.insert(self.last_silence, silence.clone());
        Ok(self.last_silence)
    }

    fn remove_silence(&mut self, id: i64) -> Result<bool, AlertStoreError> {
        Ok(self.silences.remove(&id).is_some())
    }

    fn push(&mut self, entry: &NewEntry, now: Timestamp) -> Result<Pushed, AlertStoreError> {
        let key = (entry.channel.clone(), entry.key.clone());
        if !self.known.insert(key.clone()) {
            return Ok(Pushed::Known);
        }
        if self.fold(entry, now) {
            self.settled.insert(key, (None, now));
            return Ok(Pushed::Folded);
        }
        let bytes = size(entry);
        if self.is_full(&entry.channel, bytes) && !self.make_room(entry, bytes, now) {
            self.drop_one(entry, now);
            return Ok(Pushed::Dropped);
        }
        self.last_row += 1;
        let entry = Entry {
            id: self.last_row,
            new: entry.clone(),
            queued_at: now,
            not_before: now,
            attempts: 0,
            error: None,
        };
        self.channel(&entry.new.channel);
        let expires_at = entry.new.expires_at;
        self.expires_from = Some(self.expires_from.map_or(expires_at, |from| from.min(expires_at)));
        self.most_bytes += bytes;
        self.rows.insert(entry.id, Row { entry, bytes, leased_until: None, given_up: false });
        Ok(Pushed::Queued)
    }

    fn forget(&mut self, before: Timestamp) -> Result<(), AlertStoreError> {
        let old: Vec<_> = self.observed.extract_if(.., |_, at| *at < before).collect();
        self.forgotten.extend(old);
        let long_before = before.checked_sub(KEPT_LONGER).unwrap_or(Timestamp::MIN);
        for (key, _) in self.settled.extract_if(.., |_, (_, at)| *at < long_before) {
            self.known.remove(&key);
        }
        self.rows.retain(|_, row| !row.given_up || row.entry.queued_at >= before);
        Ok(())
    }
}

/// Receipts are kept this much longer than observations: an incident may last.
const KEPT_LONGER: SignedDuration = SignedDuration::from_hours(24 * 76);

fn size(entry: &NewEntry) -> u64 {
    serde_json::to_string(&entry.message).map_or(0, |text| text.len() as u64)
}

impl Kept {
    fn channel(&mut self, channel: &str) -> &mut ChannelStatus {
        let new = || ChannelStatus { channel: channel.to_owned(), ..ChannelStatus::default() };
        self.channels.entry(channel.to_owned()).or_insert_with(new)
    }

    fn waiting(&self, channel: &str) -> impl Iterator<Item = &Row> {
        self.rows.values().filter(move |row| !row.given_up && row.entry.new.channel == channel)
    }

    /// Puts an amendment where the message it amends still waits, and tells whether that says it all.
    fn fold(&mut self, entry: &NewEntry, now: Timestamp) -> bool {
        let free = |row: &Row| row.leased_until.is_none_or(|until| until <= now);
        let EntryKind::Amend { of } = &entry.kind else {
            let EntryKind::Reply { to, fold: true } = &entry.kind else { return false };
            return self.waiting(&entry.channel).any(|row| free(row) && row.entry.new.key == *to);
        };
        let stands = |kind: &EntryKind, key: &str| key == of || *kind == EntryKind::Amend { of: of.clone() };
        let mut rows = self.rows.values_mut().filter(|row| {
            let queued = &row.entry.new;
            !row.given_up && queued.channel == entry.channel && free(row) && stands(&queued.kind, &queued.key)
        });
        let Some(row) = rows.next() else { return false };
        // Those who are called by the message that waits are still to be called.
        let mentions = std::mem::take(&mut row.entry.new.message.mentions);
        row.entry.new.message = entry.message.clone();
        if row.entry.new.kind == EntryKind::Send && entry.message.state != MessageState::Resolved {
            row.entry.new.message.mentions = mentions;
        }
        row.bytes = size(&row.entry.new);
        self.most_bytes += row.bytes;
        true
    }

    fn is_full(&self, channel: &str, bytes: u64) -> bool {
        let few = (self.rows.len() as u64) < self.limits.entries.min(self.limits.per_channel);
        if few && self.most_bytes.saturating_add(bytes) <= self.limits.bytes {
            return false;
        }
        let queued = self.rows.values().filter(|row| !row.given_up);
        let (count, sum) = queued.fold((0, 0), |(count, sum), row| (count + 1, sum + row.bytes));
        count >= self.limits.entries
            || sum + bytes > self.limits.bytes
            || self.waiting(channel).count() as u64 >= self.limits.per_channel
    }

    /// Drops the oldest message of the channel that is less than critical for one that is critical.
    fn make_room(&mut self, entry: &NewEntry, bytes: u64, now: Timestamp) -> bool {
        if entry.message.severity < Severity::Critical {
            return false;
        }
        let less = |row: &&Row| {
            row.entry.new.message.severity < Severity::Critical
                && row.leased_until.is_none_or(|until| until <= now)
        };
        while self.is_full(&entry.channel, bytes) {
            let Some(row) = self.waiting(&entry.channel).find(less).cloned() else { return false };
            self.rows.remove(&row.entry.id);
            self.drop_one(&row.entry.new, now);
        }
        true
    }

    fn drop_one(&mut self, entry: &NewEntry, now: Timestamp) {
        self.settled.insert((entry.channel.clone(), entry.key.clone()), (None, now));
        let channel = self.channel(&entry.channel);
        channel.dropped += 1;
        channel.unreported += 1;
    }

    fn drop_expired(&mut self, channel: &str, now: Timestamp) {
        if self.expires_from.is_none_or(|from| from > now) {
            return;
        }
        let old =
            |row: &&Row| row.entry.new.expires_at <= now && row.leased_until.is_none_or(|until| until <= now);
        let old: Vec<Entry> = self.waiting(channel).filter(old).map(|row| row.entry.clone()).collect();
        for entry in old {
            self.rows.remove(&entry.id);
            self.drop_one(&entry.new, now);
        }
    }

    fn receipt_for(&self, entry: &NewEntry) -> Option<Receipt> {
        let target = entry.kind.target()?;
        self.settled.get(&(entry.channel.clone(), target.to_owned())).and_then(|(receipt, _)| receipt.clone())
    }

    fn settle(&mut self, entry: &Entry, how: &Settlement, now: Timestamp) -> Result<(), AlertStoreError> {
        let held = |row: &&mut Row| row.entry.attempts == entry.attempts && row.leased_until.is_some();
        let Some(row) = self.rows.get_mut(&entry.id).filter(held) else {
            return Err(AlertStoreError::LeaseLost { id: entry.id });
        };
        row.leased_until = None;
        let (name, key) = (entry.new.channel.clone(), entry.new.key.clone());
        match how {
            Settlement::Sent(receipt) => {
                self.rows.remove(&entry.id);
                // A place may give a changed message another receipt: what follows goes by that.
                if let EntryKind::Amend { of } = &entry.new.kind {
                    self.settled.insert((name.clone(), of.clone()), (Some(receipt.clone()), now));
                }
                self.settled.insert((name.clone(), key), (Some(receipt.clone()), now));
                let channel = self.channel(&name);
                channel.last_success = Some(now);
                channel.last_error = None;
            }
            Settlement::Skipped => {
                self.rows.remove(&entry.id);
                self.settled.insert((name, key), (None, now));
            }
            Settlement::Retry { at, error } => {
                row.entry.not_before = *at;
                row.entry.error = Some(error.clone());
                self.channel(&name).last_error = Some(error.clone());
            }
            Settlement::GiveUp { error } => {
                row.given_up = true;
                row.entry.error = Some(error.clone());
                let channel = self.channel(&name);
                channel.undelivered += 1;
                channel.unreported += 1;
                channel.last_error = Some(error.clone());
            }
        }
        Ok(())
    }

    fn status(&self, channel: &ChannelStatus) -> ChannelStatus {
        let mut waiting = self.waiting(&channel.channel);
        let first = waiting.next();
        let (count, bytes) =
            self.waiting(&channel.channel).fold((0, 0), |(count, sum), row| (count + 1, sum + row.bytes));
        ChannelStatus {
            queued: count,
            bytes,
            oldest: first.map(|row| row.entry.queued_at),
            next_attempt: first.map(|row| row.leased_until.unwrap_or(row.entry.not_before)),
            ..channel.clone()
        }
    }
}

impl Outbox for MemoryAlertStore {
    fn push(&self, entries: &[NewEntry], now: Timestamp) -> Result<Vec<Pushed>, AlertStoreError> {
        let mut kept = self.kept();
        entries.iter().map(|entry| kept.push(entry, now)).collect()
    }

    fn claim(&self, channel: &str, now: Timestamp, lease: SignedDuration) -> Result<Next, AlertStoreError> {
        let mut kept = self.kept();
        kept.drop_expired(channel, now);
        let Some(first) = kept.waiting(channel).next().cloned() else { return Ok(Next::Nothing) };
        // What lies further ahead than any wait was written while the clock was ahead.
        let ahead = |at: &Timestamp| *at > now && *at <= longest_wait(now);
        if let Some(until) = first.leased_until.filter(ahead) {
            return Ok(Next::Wait(until));
        }
        if ahead(&first.entry.not_before) {
            return Ok(Next::Wait(first.entry.not_before));
        }
        let receipt = kept.receipt_for(&first.entry.new);
        let mut entry = first.entry;
        entry.attempts += 1;
        if let Some(row) = kept.rows.get_mut(&entry.id) {
            row.entry.attempts = entry.attempts;
            row.leased_until = Some(now.checked_add(lease).unwrap_or(Timestamp::MAX));
        }
        Ok(Next::Send(Claim { entry, receipt }))
    }

    fn settle(&self, entry: &Entry, how: &Settlement, now: Timestamp) -> Result<(), AlertStoreError> {
        self.kept().settle(entry, how, now)
    }

    fn channels(&self) -> Result<Vec<ChannelStatus>, AlertStoreError> {
        let kept = self.kept();
        Ok(kept.channels.values().map(|channel| kept.status(channel)).collect())
    }

    fn report(
        &self,
        channel: &str,
        told: u64,
        entries: &[NewEntry],
        now: Timestamp,
    ) -> Result<(), AlertStoreError> {
        let mut kept = self.kept();
        let status = kept.channel(channel);
        status.unreported = status.unreported.saturating_sub(told);
        status.reported_at = Some(now);
        entries.iter().try_for_each(|entry| kept.push(entry, now).map(|_| ()))
    }

    fn queued(&self, channel: &str) -> Result<Vec<Entry>, AlertStoreError> {
        Ok(self.kept().waiting(channel).map(|row| row.entry.clone()).collect())
    }

    fn undelivered(&self, channel: &str) -> Result<Vec<Entry>, AlertStoreError> {
        let kept = self.kept();
        let given_up = kept.rows.values().filter(|row| row.given_up && row.entry.new.channel == channel);
        Ok(given_up.map(|row| row.entry.clone()).collect())
    }

    fn requeue(&self, channel: &str, now: Timestamp) -> Result<u64, AlertStoreError> {
        let mut kept = self.kept();
        let mut again = 0;
        for row in kept.rows.values_mut().filter(|row| row.given_up && row.entry.new.channel == channel) {
            row.given_up = false;
            row.entry.not_before = now;
            row.entry.new.expires_at = now.checked_add(NewEntry::LIFE).unwrap_or(Timestamp::MAX);
            again += 1;
        }
        Ok(again)
    }
}

#[cfg(test)]
mod tests {
    use super::super::contract;
    use super::*;

    #[test]
    fn memory_keeps_to_the_contract() {
        for (fact, check) in contract::QUEUE {
            println!("{fact}");
            check(&MemoryAlertStore::new());
        }
        for (fact, check) in contract::FULL {
            println!("{fact}");
            check(&MemoryAlertStore::with_limits(contract::SMALL));
        }
        for (fact, check) in contract::INCIDENTS {
            println!("{fact}");
            let store = MemoryAlertStore::new();
            check(&store, &store);
        }
    }
}
