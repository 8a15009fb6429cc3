//! A message that lasts: where it stands, and when it is brought up to date, told again or told to others.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::rules::{Rules, later, positive};
use crate::Message;
use crate::outbox::{EntryKind, NewEntry};

/// A message is brought up to date no more often than this.
const AMEND_EVERY: SignedDuration = SignedDuration::from_secs(60);

/// So many further failures are told below a message; the rest is only counted.
const DETAILS: u32 = 5;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Topic {
    /// Where it stands, the first message before those of escalations.
    places: Vec<Place>,
    told_at: Timestamp,
    /// When it was last sent, brought up to date or added to.
    touched_at: Timestamp,
    /// When it is to be brought up to date.
    amend_at: Option<Timestamp>,
    remind_at: Option<Timestamp>,
    escalate_at: Option<Timestamp>,
    escalated: usize,
    /// Numbers what follows the first message, so that each has a key of its own.
    sequence: u32,
    details: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Place {
    key: String,
    channels: Vec<String>,
}

impl Topic {
    /// Tells a message for the first time.
    pub(super) fn open(
        key: String,
        message: &Message,
        rules: &Rules,
        now: Timestamp,
    ) -> (Self, Vec<NewEntry>) {
        let mut topic = Self {
            places: Vec::new(),
            told_at: now,
            touched_at: now,
            amend_at: None,
            remind_at: positive(rules.remind_every).map(|every| later(now, every)),
            escalate_at: rules.escalate.first().map(|step| later(now, step.after)),
            escalated: 0,
            sequence: 0,
            details: 0,
        };
        let entries = topic.tell(key, &rules.channels, message, rules, now);
        (topic, entries)
    }

    fn tell(
        &mut self,
        key: String,
        channels: &[String],
        message: &Message,
        rules: &Rules,
        now: Timestamp,
    ) -> Vec<NewEntry> {
        let message = self.called(message, &key, rules);
        let entries = channels.iter().map(|channel| NewEntry::send(channel, &key, message.clone(), now));
        let entries = entries.collect();
        self.places.push(Place { key, channels: channels.to_vec() });
        entries
    }

    /// Returns the message with what threads go by and who is called.
    fn called(&self, message: &Message, key: &str, rules: &Rules) -> Message {
        let mut message = self.threaded(message, key);
        for mention in &rules.mention {
            if !message.mentions.contains(mention) {
                message.mentions.push(mention.clone());
            }
        }
        message
    }

    fn threaded(&self, message: &Message, key: &str) -> Message {
        let mut message = message.clone();
        let first = self.places.first().map_or(key, |place| place.key.as_str());
        message.dedup_key.get_or_insert_with(|| first.to_owned());
        message
    }

    /// Notes that more happened: the message is brought up to date in time.
    pub(super) fn changed(&mut self, now: Timestamp) {
        self.amend_at.get_or_insert(later(self.touched_at, AMEND_EVERY).max(now));
    }

    /// Puts a message in place of the one that stands, everywhere.
    pub(super) fn amend(&mut self, message: &Message, now: Timestamp) -> Vec<NewEntry> {
        self.amend_at = None;
        self.touched_at = now;
        self.sequence += 1;
        let entry = |place: &Place, channel: &String| NewEntry {
            key: format!("{}/amend/{}", place.key, self.sequence),
            kind: EntryKind::Amend { of: place.key.clone() },
            ..NewEntry::send(channel, "", self.threaded(message, &place.key), now)
        };
        self.everywhere(entry)
    }

    /// Puts a message below the one that stands, everywhere.
    pub(super) fn reply(&mut self, message: &Message, fold: bool, now: Timestamp) -> Vec<NewEntry> {
        self.sequence += 1;
        let entry = |place: &Place, channel: &String| NewEntry {
            key: format!("{}/reply/{}", place.key, self.sequence),
            kind: EntryKind::Reply { to: place.key.clone(), fold },
            ..NewEntry::send(channel, "", self.threaded(message, &place.key), now)
        };
        self.everywhere(entry)
    }

    fn everywhere(&self, entry: impl Fn(&Place, &String) -> NewEntry) -> Vec<NewEntry> {
        let entry = &entry;
        let places = self.places.iter();
        places.flat_map(|place| place.channels.iter().map(move |channel| entry(place, channel))).collect()
    }

    /// Tells a further failure, as long as there were few and the last one is some time ago.
    pub(super) fn detail(&mut self, message: &Message, now: Timestamp) -> Vec<NewEntry> {
        if self.details >= DETAILS || now < later(self.touched_at, AMEND_EVERY) {
            return Vec::new();
        }
        self.details += 1;
        self.touched_at = now;
        self.reply(message, true, now)
    }

    /// Tells whether it is time to bring the message up to date.
    pub(super) fn wants_amendment(&self, now: Timestamp) -> bool {
        self.amend_at.is_some_and(|at| at <= now)
    }

    /// Tells it again and tells it to others, as the time has come for. While it must not be told (`held` says until
    /// when) it waits for that.
    pub(super) fn press(
        &mut self,
        message: &Message,
        rules: &Rules,
        held: Option<Timestamp>,
        now: Timestamp,
    ) -> Vec<NewEntry> {
        let due = |at: Option<Timestamp>| at.is_some_and(|at| at <= now);
        if let Some(until) = held {
            for at in [&mut self.remind_at, &mut self.escalate_at] {
                if due(*at) {
                    *at = Some(until);
                }
            }
            return Vec::new();
        }
        let mut entries = Vec::new();
        while due(self.escalate_at) {
            entries.extend(self.escalate(message, rules, now));
        }
        if due(self.remind_at) {
            let message = self.called(message, "", rules);
            entries.extend(self.reply(&message, true, now));
            // From now on, not from when it was due: after a day asleep it is told once.
            self.remind_at = positive(rules.remind_every).map(|every| later(now, every));
        }
        entries
    }

    fn escalate(&mut self, message: &Message, rules: &Rules, now: Timestamp) -> Vec<NewEntry> {
        let step = rules.escalate.get(self.escalated);
        self.escalated += 1;
        let next = rules.escalate.get(self.escalated);
        self.escalate_at = next.map(|step| later(self.told_at, step.after));
        let (Some(step), Some(first)) = (step, self.places.first()) else { return Vec::new() };
        let key = format!("{}/escalation/{}", first.key, self.escalated);
        self.tell(key, &step.channels, message, rules, now)
    }

    /// Ends reminders and escalation: somebody took it on.
    pub(super) fn rest(&mut self) {
        self.remind_at = None;
        self.escalate_at = None;
    }

    /// Returns when it next wants the time to be looked at.
    pub(super) fn due(&self) -> Option<Timestamp> {
        [self.amend_at, self.remind_at, self.escalate_at].into_iter().flatten().min()
    }
}
