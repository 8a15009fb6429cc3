//! The state of incidents that are told together: those of a host that open at once, and what quiet hours hold back.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::state::{Bundle, Member, Note, Stage, Together};
use super::step::{Context, Effect, Input, queue, subject_name, tell};
use super::text;
use super::topic::Topic;
use crate::outbox::NewEntry;
use crate::{Message, SendOn};

/// So many notices are kept through quiet hours; the rest is only counted.
const NOTES: usize = 40;

impl Bundle {
    pub(super) fn new(what: Together, flush_at: Timestamp) -> Self {
        let stage = Stage::Collecting { flush_at };
        Self { what, members: BTreeMap::new(), notes: Vec::new(), more: 0, stage }
    }

    pub(super) fn step(&mut self, name: &str, input: Input, context: &Context<'_>) -> Vec<Effect> {
        match input {
            Input::Join { member, .. } => {
                self.members.insert(member.id.clone(), member);
                Vec::new()
            }
            Input::Update { member, silent } => self.update(member, silent, context),
            Input::Note { at, title, .. } => {
                self.note(at, title);
                Vec::new()
            }
            Input::Reply { message, detail } => self.reply(&message, detail, context),
            Input::Become(bundle) => {
                *self = *bundle;
                Vec::new()
            }
            Input::Tick => self.tick(name, context),
            _ => Vec::new(),
        }
    }

    /// Tells whether all that it is about is over and told.
    pub(super) fn is_over(&self) -> bool {
        match self.stage {
            Stage::Collecting { .. } => self.members.is_empty() && self.notes.is_empty() && self.more == 0,
            Stage::Told { .. } => self.open().next().is_none(),
        }
    }

    pub(super) fn due(&self) -> Option<Timestamp> {
        match &self.stage {
            Stage::Collecting { flush_at } => Some(*flush_at),
            Stage::Told { topic } => topic.due(),
        }
    }

    fn open(&self) -> impl Iterator<Item = &Member> {
        self.members.values().filter(|member| member.resolved_at.is_none())
    }

    fn note(&mut self, at: Timestamp, title: String) {
        if self.notes.len() < NOTES { self.notes.push(Note { at, title }) } else { self.more += 1 }
    }

    fn update(&mut self, member: Member, silent: bool, context: &Context<'_>) -> Vec<Effect> {
        // A member that is not known was silenced as this was told; it speaks for itself.
        let Some(known) = self.members.get_mut(&member.id) else { return Vec::new() };
        let ended = member.resolved_at.filter(|_| known.resolved_at.is_none());
        *known = member;
        let over = self.open().next().is_none();
        let acked = self.open().all(|member| member.acked);
        let message = text::bundle(self, context.now);
        let severity = message.severity;
        let Stage::Told { topic } = &mut self.stage else { return Vec::new() };
        if !over {
            if acked {
                topic.rest();
            }
            topic.changed(context.now);
            return Vec::new();
        }
        let Some(at) = ended else { return Vec::new() };
        let mut effects: Vec<Effect> = queue(topic.amend(&message, context.now)).collect();
        if silent || !context.rules.sends_on(SendOn::Recovered) {
            return effects;
        }
        match context.quiet_until(severity) {
            Some(flush_at) => {
                let title = message.title;
                effects.push(tell(super::step::QUIET, Input::Note { at, title, flush_at }));
            }
            None => effects.extend(queue(topic.reply(&message, true, context.now))),
        }
        effects
    }

    fn reply(&mut self, message: &Message, detail: bool, context: &Context<'_>) -> Vec<Effect> {
        let Stage::Told { topic } = &mut self.stage else { return Vec::new() };
        let now = context.now;
        let entries = if detail { topic.detail(message, now) } else { topic.reply(message, false, now) };
        queue(entries).collect()
    }

    fn tick(&mut self, name: &str, context: &Context<'_>) -> Vec<Effect> {
        match self.stage {
            Stage::Collecting { flush_at } if flush_at <= context.now => self.flush(name, context),
            Stage::Collecting { .. } => Vec::new(),
            Stage::Told { .. } => self.press(context),
        }
    }

    fn press(&mut self, context: &Context<'_>) -> Vec<Effect> {
        let silenced = |member: &Member| context.silenced_until(&member.subject, member.kind);
        // As long as one of them is not silenced, all are told.
        let silenced = self.open().map(silenced).min().flatten();
        let message = text::bundle(self, context.now);
        let held = silenced.max(context.quiet_until(message.severity));
        let reminder = text::bundle_reminder(self, context.rules, context.now);
        let Stage::Told { topic } = &mut self.stage else { return Vec::new() };
        let mut entries = Vec::new();
        if topic.wants_amendment(context.now) {
            entries.extend(topic.amend(&message, context.now));
        }
        entries.extend(topic.press(&reminder, context.rules, held, context.now));
        queue(entries).collect()
    }

    /// Tells what was collected. What is left of this afterwards is nothing.
    fn flush(&mut self, name: &str, context: &Context<'_>) -> Vec<Effect> {
        let (mut effects, left) = self.leave_out_silenced(context);
        self.members = left;
        let alone = self.members.values().next().filter(|_| self.members.len() == 1);
        match alone.filter(|_| self.notes.is_empty() && self.more == 0) {
            Some(member) if member.resolved_at.is_none() => {
                effects.push(to_member(member, Input::Speak { id: member.id.clone() }));
            }
            _ if self.is_over() => {}
            _ => effects.extend(self.tell_all(name, context)),
        }
        *self = Self::new(self.what.clone(), context.now);
        effects
    }

    /// Returns what those are told that were silenced as they waited, and those that were not.
    fn leave_out_silenced(&mut self, context: &Context<'_>) -> (Vec<Effect>, BTreeMap<String, Member>) {
        let silenced = |member: &Member| context.silenced_until(&member.subject, member.kind).is_some();
        let (out, left): (BTreeMap<_, _>, BTreeMap<_, _>) =
            std::mem::take(&mut self.members).into_iter().partition(|(_, member)| silenced(member));
        let hush = |member: &Member| to_member(member, Input::Hush { id: member.id.clone() });
        (out.values().map(hush).collect(), left)
    }

    fn tell_all(&self, name: &str, context: &Context<'_>) -> Vec<Effect> {
        // A state of its own: under this name the next ones are collected.
        let told = format!("told/{name}/{}", context.now);
        let key = format!("{}/{told}", context.group);
        let message = text::bundle(self, context.now);
        if self.open().next().is_none() {
            let entry = |channel: &String| NewEntry::send(channel, &key, message.clone(), context.now);
            return queue(context.rules.channels.iter().map(entry).collect()).collect();
        }
        let (mut topic, entries) = Topic::open(key, &message, context.rules, context.now);
        if self.open().all(|member| member.acked) {
            topic.rest();
        }
        let mut effects: Vec<Effect> = queue(entries).collect();
        for member in self.open() {
            let input = Input::GroupedBy { id: member.id.clone(), bundle: told.clone() };
            effects.push(to_member(member, input));
        }
        let bundle = Self { stage: Stage::Told { topic }, ..self.clone() };
        effects.push(tell(&told, Input::Become(Box::new(bundle))));
        effects
    }
}

fn to_member(member: &Member, input: Input) -> Effect {
    tell(&subject_name(&member.subject.key), input)
}
