use std::collections::{BTreeMap, VecDeque};

use jiff::{SignedDuration, Timestamp};

use super::rules::Rules;
use super::state::{Ack, Bundle, Kind, State, StateKey, SubjectState, Together};
use super::step::{Context, Effect, Input, QUIET, subject_name};
use super::{Observation, Silence};
use crate::outbox::{AlertStore, AlertStoreError, Ledger, NewEntry};

/// An observation is known again for this long.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(24 * 14);

/// Looked at in one transaction, so that none keeps others waiting for long.
const AT_ONCE: usize = 200;

/// So many transactions are made before others have their turn.
const ROUNDS: usize = 1_000;

/// Decides what one group of alerts tells, and when.
///
/// A decision is made from what is kept, what was seen and the moment, and from nothing else: the same of these brings
/// the same, in whichever process.
#[derive(Clone, Copy, Debug)]
pub struct Engine<'a> {
    group: &'a str,
    rules: &'a Rules,
}

impl<'a> Engine<'a> {
    /// Returns the engine of a group.
    pub fn new(group: &'a str, rules: &'a Rules) -> Self {
        Self { group, rules }
    }

    /// Takes in an observation, and tells whether it was a new one.
    ///
    /// # Errors
    /// When the ledger fails.
    pub fn observe(
        &self,
        ledger: &mut dyn Ledger,
        seen: &Observation,
        now: Timestamp,
    ) -> Result<bool, AlertStoreError> {
        if !ledger.is_new(&format!("{}/{}", self.group, seen.id), now)? {
            return Ok(false);
        }
        let name = subject_name(&seen.subject.key);
        self.run(ledger, &name, Input::Observed(Box::new(seen.clone())), now)?;
        Ok(true)
    }

    /// Notes that somebody took on the incident of the subject of this key: it is told to nobody else and not again.
    ///
    /// # Errors
    /// When the ledger fails.
    pub fn ack(
        &self,
        ledger: &mut dyn Ledger,
        subject: &str,
        by: &str,
        now: Timestamp,
    ) -> Result<(), AlertStoreError> {
        self.run(ledger, &subject_name(subject), Input::Ack(Ack { by: by.to_owned(), at: now }), now)
    }

    /// Ends the incident of the subject of this key, which will not be seen to be well: it was removed, or somebody says so.
    ///
    /// # Errors
    /// When the ledger fails.
    pub fn close(
        &self,
        ledger: &mut dyn Ledger,
        subject: &str,
        by: &str,
        now: Timestamp,
    ) -> Result<(), AlertStoreError> {
        self.run(ledger, &subject_name(subject), Input::Close { by: by.to_owned() }, now)
    }

    /// Brings what time alone brings to one state.
    ///
    /// # Errors
    /// When the ledger fails.
    pub fn tick(&self, ledger: &mut dyn Ledger, name: &str, now: Timestamp) -> Result<(), AlertStoreError> {
        self.run(ledger, name, Input::Tick, now)
    }

    fn run(
        &self,
        ledger: &mut dyn Ledger,
        name: &str,
        input: Input,
        now: Timestamp,
    ) -> Result<(), AlertStoreError> {
        let silences: Vec<Silence> = ledger.silences()?.into_iter().map(|(_, silence)| silence).collect();
        let context = Context { group: self.group, rules: self.rules, silences: &silences, now };
        let mut inputs = VecDeque::from([(name.to_owned(), input)]);
        while let Some((name, input)) = inputs.pop_front() {
            let key = StateKey { group: self.group.to_owned(), name };
            let before = ledger.load(&key)?;
            let (after, effects) = step(&key.name, before, input, &context);
            let due = after.as_ref().and_then(|state| due(state, &context));
            ledger.save(&key, after.as_ref(), due)?;
            for effect in effects {
                match effect {
                    Effect::Queue(entry) => push(ledger, &entry, now)?,
                    Effect::Tell { name, input } => inputs.push_back((name, input)),
                }
            }
        }
        Ok(())
    }
}

fn push(ledger: &mut dyn Ledger, entry: &NewEntry, now: Timestamp) -> Result<(), AlertStoreError> {
    ledger.push(entry, now).map(|_| ())
}

/// Makes one step of one state, and returns what is left of it and what it wants done.
fn step(
    name: &str,
    state: Option<State>,
    input: Input,
    context: &Context<'_>,
) -> (Option<State>, Vec<Effect>) {
    match state.map(|state| state.0).or_else(|| fresh(name, &input, context)) {
        None => (None, Vec::new()),
        Some(Kind::Subject(mut state)) => {
            let effects = state.step(input, context);
            ((!state.is_empty()).then_some(State(Kind::Subject(state))), effects)
        }
        Some(Kind::Bundle(mut state)) => {
            let effects = state.step(name, input, context);
            ((!state.is_over()).then_some(State(Kind::Bundle(state))), effects)
        }
    }
}

/// Returns the state that an input begins.
fn fresh(name: &str, input: &Input, context: &Context<'_>) -> Option<Kind> {
    let bundle = |flush_at| {
        let quiet = Together::Quiet { since: context.now };
        let host = |host: &str| Together::Host { host: host.to_owned() };
        let what = name.strip_prefix("host/").filter(|_| name != QUIET).map_or(quiet, host);
        Kind::Bundle(Bundle::new(what, flush_at))
    };
    match input {
        Input::Observed(_) => Some(Kind::Subject(SubjectState::default())),
        Input::Join { flush_at, .. } | Input::Note { flush_at, .. } => Some(bundle(*flush_at)),
        Input::Become(_) => Some(bundle(context.now)),
        _ => None,
    }
}

fn due(state: &State, context: &Context<'_>) -> Option<Timestamp> {
    match &state.0 {
        Kind::Subject(state) => state.due(context),
        Kind::Bundle(state) => state.due(),
    }
}

/// Brings what time alone brings to every state that is due, and returns when the next one is.
///
/// A state whose group is not among these is left to who knows its rules.
///
/// # Errors
/// When the store fails.
pub fn tick(
    store: &dyn AlertStore,
    groups: &BTreeMap<String, Rules>,
    now: Timestamp,
) -> Result<Option<Timestamp>, AlertStoreError> {
    let names: Vec<&str> = groups.keys().map(String::as_str).collect();
    // One state may make another due at once; it ends when none is, and in any case.
    for _ in 0..ROUNDS {
        store.transact(&mut |ledger| {
            let due = ledger.due(&names, now, AT_ONCE)?;
            due.iter().try_for_each(|key| tick_one(ledger, groups, key, now))
        })?;
        let next = store.next_tick(&names)?;
        if next.is_none_or(|next| next > now) {
            store.transact(&mut |ledger| forget(ledger, now))?;
            return Ok(next);
        }
    }
    Ok(Some(now))
}

fn tick_one(
    ledger: &mut dyn Ledger,
    groups: &BTreeMap<String, Rules>,
    key: &StateKey,
    now: Timestamp,
) -> Result<(), AlertStoreError> {
    match groups.get(&key.group) {
        Some(rules) => Engine::new(&key.group, rules).tick(ledger, &key.name, now),
        None => Ok(()),
    }
}

fn forget(ledger: &mut dyn Ledger, now: Timestamp) -> Result<(), AlertStoreError> {
    ledger.forget(now.checked_sub(REMEMBERED).unwrap_or(Timestamp::MIN))?;
    for (id, silence) in ledger.silences()? {
        if silence.until <= now {
            ledger.remove_silence(id)?;
        }
    }
    Ok(())
}

/// Keeps a silence and returns its number.
///
/// # Errors
/// When the store fails.
pub fn silence(store: &dyn AlertStore, silence: &Silence) -> Result<i64, AlertStoreError> {
    let mut id = 0;
    store.transact(&mut |ledger| {
        id = ledger.add_silence(silence)?;
        Ok(())
    })?;
    Ok(id)
}

/// Ends a silence before its time, and tells whether there was one of this number. What it held back is due.
///
/// # Errors
/// When the store fails.
pub fn unsilence(store: &dyn AlertStore, id: i64, now: Timestamp) -> Result<bool, AlertStoreError> {
    let mut there_was = false;
    store.transact(&mut |ledger| {
        there_was = ledger.remove_silence(id)?;
        if there_was { ledger.make_due(now) } else { Ok(()) }
    })?;
    Ok(there_was)
}
