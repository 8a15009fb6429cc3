//! The state of one subject: its incident, where it has one, and its notices.

use jiff::{SignedDuration, Timestamp};

use super::rules::{later, positive};
use super::state::{Ack, Incident, Recovering, Standing, SubjectState};
use super::step::{Context, Effect, Input, QUIET, host_name, queue, tell};
use super::topic::Topic;
use super::{Observation, ObservationKind, Subject, text};
use crate::outbox::NewEntry;
use crate::{Message, SendOn};

/// So many notices of a subject are told in a window; what is more is told in one.
const NOTICES: u32 = 10;
const NOTICE_WINDOW: SignedDuration = SignedDuration::from_secs(60);

impl SubjectState {
    pub(super) fn step(&mut self, input: Input, context: &Context<'_>) -> Vec<Effect> {
        match input {
            Input::Observed(seen) => self.observe(&seen, context),
            Input::Tick => self.tick(context),
            Input::Ack(ack) => self.ack(ack, context),
            Input::Close { by } => self.close(&by, context),
            Input::Speak { id } => self.with(&id, |incident| incident.speak(context)),
            Input::GroupedBy { id, bundle } => self.with(&id, |incident| {
                incident.standing = Standing::Grouped { bundle };
                Vec::new()
            }),
            Input::Hush { id } => self.with(&id, |incident| {
                incident.standing = Standing::Untold;
                Vec::new()
            }),
            Input::Join { .. } | Input::Update { .. } | Input::Note { .. } => Vec::new(),
            Input::Reply { .. } | Input::Become(_) => Vec::new(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.incident.is_none() && self.notices.since.is_none()
    }

    /// Returns when it wants the time to be looked at.
    pub(super) fn due(&self, context: &Context<'_>) -> Option<Timestamp> {
        let incident = self.incident.as_ref().and_then(|incident| incident.due(context));
        // A window that is over is forgotten, or the state of every subject that ever told something would stay.
        let notices = self.notices.since.map(|since| later(since, NOTICE_WINDOW));
        incident.into_iter().chain(notices).min()
    }

    fn with(&mut self, id: &str, act: impl FnOnce(&mut Incident) -> Vec<Effect>) -> Vec<Effect> {
        match &mut self.incident {
            Some(incident) if incident.id == id => act(incident),
            _ => Vec::new(),
        }
    }

    fn observe(&mut self, seen: &Observation, context: &Context<'_>) -> Vec<Effect> {
        match seen.kind {
            ObservationKind::Failed | ObservationKind::Missed => self.failed(seen, context),
            ObservationKind::Finished { .. } => self.finished(seen, context),
            ObservationKind::AttemptFailed { .. } => self.error(seen, context),
            _ => self.notice(seen, context),
        }
    }

    fn failed(&mut self, seen: &Observation, context: &Context<'_>) -> Vec<Effect> {
        if let Some(incident) = &mut self.incident {
            return incident.again(seen, context);
        }
        if !context.rules.sends_on(seen.kind.word()) {
            // A task that is only told of at its end is told of it however it ended.
            let ended = seen.kind == ObservationKind::Failed && context.rules.sends_on(SendOn::Finish);
            return if ended { self.tell_notice(seen, context) } else { Vec::new() };
        }
        let mut incident = Incident::open(seen);
        let effects = incident.announce(context);
        self.incident = Some(incident);
        effects
    }

    fn finished(&mut self, seen: &Observation, context: &Context<'_>) -> Vec<Effect> {
        // A run that was over before the last failure says nothing of what came after.
        let Some(incident) =
            self.incident.as_mut().filter(|incident| seen.at >= incident.last_at.min(context.now))
        else {
            return self.notice(seen, context);
        };
        if positive(context.rules.keep_firing_for).is_some() {
            let begun = Recovering { since: seen.at, message: seen.message.clone() };
            incident.recovering.get_or_insert(begun);
            // Its recovery is told later, and is not what was asked for here.
            return self.notice(seen, context);
        }
        let mut effects = self.resolve(seen.at, &seen.message, context);
        if !context.rules.sends_on(SendOn::Recovered) {
            effects.extend(self.notice(seen, context));
        }
        effects
    }

    fn resolve(&mut self, at: Timestamp, well: &Message, context: &Context<'_>) -> Vec<Effect> {
        self.incident.take().map_or_else(Vec::new, |incident| incident.resolve(at, well, context))
    }

    fn error(&mut self, seen: &Observation, context: &Context<'_>) -> Vec<Effect> {
        let Some(incident) = &mut self.incident else { return self.notice(seen, context) };
        incident.recovering = None;
        incident.last_at = incident.last_at.max(seen.at);
        self.notice(seen, context)
    }

    fn notice(&mut self, seen: &Observation, context: &Context<'_>) -> Vec<Effect> {
        if context.rules.sends_on(seen.kind.word()) { self.tell_notice(seen, context) } else { Vec::new() }
    }

    fn tell_notice(&mut self, seen: &Observation, context: &Context<'_>) -> Vec<Effect> {
        if context.silenced_until(&seen.subject, seen.kind.word()).is_some() {
            return Vec::new();
        }
        if let Some(flush_at) = context.quiet_until(seen.message.severity) {
            let title = seen.message.title.clone();
            return vec![tell(QUIET, Input::Note { at: seen.at, title, flush_at })];
        }
        let mut effects: Vec<Effect> = self.notice_window(context).collect();
        self.notices.since.get_or_insert(context.now);
        if self.notices.told >= NOTICES {
            self.notices.held += 1;
            self.notices.last = Some((seen.subject.name.clone(), seen.message.title.clone()));
            return effects;
        }
        self.notices.told += 1;
        effects.extend(self.place_notice(seen, context));
        effects
    }

    /// Tells a notice: an error below the open incident, anything else by itself.
    fn place_notice(&mut self, seen: &Observation, context: &Context<'_>) -> Vec<Effect> {
        let error = matches!(seen.kind, ObservationKind::AttemptFailed { .. });
        let open = self.incident.as_mut().filter(|_| error);
        if let Some(effects) = open.and_then(|incident| incident.below(&seen.message, context)) {
            return effects;
        }
        let key = format!("{}/{}", context.group, seen.id);
        let entry = |channel| NewEntry::send(channel, &key, seen.message.clone(), context.now);
        queue(context.rules.channels.iter().map(|channel| entry(channel)).collect()).collect()
    }

    /// Ends the window of notices that is over, and tells how many it held back.
    fn notice_window(&mut self, context: &Context<'_>) -> impl Iterator<Item = Effect> + use<> {
        let over = self.notices.since.filter(|since| later(*since, NOTICE_WINDOW) <= context.now);
        let ended = over.map(|since| (since, std::mem::take(&mut self.notices)));
        let entries = ended.and_then(|(since, notices)| {
            let (name, title) = notices.last?;
            let message = text::held_notices(&name, notices.held, &title, context.now);
            let key = format!("{}/{name}/notices/{since}", context.group);
            let entry = |channel: &String| NewEntry::send(channel, &key, message.clone(), context.now);
            Some(context.rules.channels.iter().map(entry).collect::<Vec<_>>())
        });
        queue(entries.unwrap_or_default())
    }

    fn tick(&mut self, context: &Context<'_>) -> Vec<Effect> {
        let mut effects: Vec<Effect> = self.notice_window(context).collect();
        let Some(incident) = &mut self.incident else { return effects };
        let lasts = positive(context.rules.keep_firing_for).unwrap_or_default();
        let well = incident.recovering.as_ref().filter(|well| later(well.since, lasts) <= context.now);
        if let Some(well) = well.cloned() {
            effects.extend(self.resolve(well.since, &well.message, context));
        } else {
            effects.extend(incident.tick(context));
        }
        effects
    }

    fn ack(&mut self, ack: Ack, context: &Context<'_>) -> Vec<Effect> {
        self.incident.as_mut().map_or_else(Vec::new, |incident| incident.ack(ack, context))
    }

    fn close(&mut self, by: &str, context: &Context<'_>) -> Vec<Effect> {
        let Some(incident) = &self.incident else { return Vec::new() };
        let title = format!("Closed by {by}: {}", incident.message.title);
        let message = Message { title, at: Some(context.now), ..Message::default() };
        self.resolve(context.now, &message, context)
    }
}

impl Incident {
    fn open(seen: &Observation) -> Self {
        let missed = seen.kind == ObservationKind::Missed;
        Self {
            id: format!("{}#{}", seen.subject.key, seen.id),
            subject: seen.subject.clone(),
            kind: seen.kind.word(),
            opened_at: seen.at,
            last_at: seen.at,
            failures: u64::from(!missed),
            missed: u64::from(missed),
            message: seen.message.clone(),
            recovering: None,
            acked: None,
            standing: Standing::Untold,
        }
    }

    /// Tells it, or decides when and with what it is told.
    fn announce(&mut self, context: &Context<'_>) -> Vec<Effect> {
        if context.silenced_until(&self.subject, self.kind).is_some() {
            return Vec::new();
        }
        let wait = positive(context.rules.group_wait);
        let flush_at = wait.map_or(context.now, |wait| later(context.now, wait));
        // What would be told within the quiet hours waits for their end, also where they are yet to begin.
        if let Some(end) = context.rules.quiet_until(self.message.severity, flush_at) {
            return self.wait(QUIET.to_owned(), end);
        }
        match wait {
            Some(_) => self.wait(host_name(&self.subject.host), flush_at),
            None => self.speak(context),
        }
    }

    fn wait(&mut self, bundle: String, flush_at: Timestamp) -> Vec<Effect> {
        let join = tell(&bundle, Input::Join { member: self.member(None), flush_at });
        self.standing = Standing::Waiting { bundle };
        vec![join]
    }

    fn speak(&mut self, context: &Context<'_>) -> Vec<Effect> {
        let key = format!("{}/{}", context.group, self.id);
        let (mut topic, entries) = Topic::open(key, &text::standing(self), context.rules, context.now);
        if self.acked.is_some() {
            topic.rest();
        }
        self.standing = Standing::Told { topic };
        queue(entries).collect()
    }

    /// Counts another failure.
    fn again(&mut self, seen: &Observation, context: &Context<'_>) -> Vec<Effect> {
        let missed = seen.kind == ObservationKind::Missed;
        self.missed += u64::from(missed);
        self.failures += u64::from(!missed);
        self.last_at = self.last_at.max(seen.at);
        self.recovering = None;
        self.message.severity = self.message.severity.max(seen.message.severity);
        let silent = context.silenced_until(&self.subject, self.kind).is_some();
        let quiet = context.quiet_until(seen.message.severity).is_some();
        let member = self.member(None);
        match &mut self.standing {
            Standing::Untold => Vec::new(),
            Standing::Told { topic } => {
                topic.changed(context.now);
                let told = context.rules.sends_on(seen.kind.word()) && !silent && !quiet;
                queue(if told { topic.detail(&seen.message, context.now) } else { Vec::new() }).collect()
            }
            Standing::Waiting { bundle } | Standing::Grouped { bundle } => {
                vec![tell(bundle, Input::Update { member, silent })]
            }
        }
    }

    /// Puts a message below this one's, where it stands somewhere.
    fn below(&mut self, message: &Message, context: &Context<'_>) -> Option<Vec<Effect>> {
        match &mut self.standing {
            Standing::Told { topic } => Some(queue(topic.reply(message, false, context.now)).collect()),
            Standing::Grouped { bundle } => {
                Some(vec![tell(bundle, Input::Reply { message: message.clone(), detail: false })])
            }
            Standing::Untold | Standing::Waiting { .. } => None,
        }
    }

    fn tick(&mut self, context: &Context<'_>) -> Vec<Effect> {
        let silenced = context.silenced_until(&self.subject, self.kind);
        if self.standing == Standing::Untold {
            // The silence is over, and it is not.
            return if silenced.is_none() { self.announce(context) } else { Vec::new() };
        }
        let held = silenced.max(context.quiet_until(self.message.severity));
        let (standing, reminder) = (text::standing(self), text::reminder(self, context.now));
        let Standing::Told { topic } = &mut self.standing else { return Vec::new() };
        let mut entries = Vec::new();
        if topic.wants_amendment(context.now) {
            entries.extend(topic.amend(&standing, context.now));
        }
        entries.extend(topic.press(&reminder, context.rules, held, context.now));
        queue(entries).collect()
    }

    fn ack(&mut self, ack: Ack, context: &Context<'_>) -> Vec<Effect> {
        self.acked.get_or_insert(ack);
        let (standing, member) = (text::standing(self), self.member(None));
        match &mut self.standing {
            Standing::Untold => Vec::new(),
            Standing::Told { topic } => {
                topic.rest();
                queue(topic.amend(&standing, context.now)).collect()
            }
            Standing::Waiting { bundle } | Standing::Grouped { bundle } => {
                vec![tell(bundle, Input::Update { member, silent: true })]
            }
        }
    }

    fn resolve(mut self, at: Timestamp, well: &Message, context: &Context<'_>) -> Vec<Effect> {
        let silent = context.silenced_until(&self.subject, self.kind).is_some();
        let (resolved, recovered) = (text::resolved(&self, at), text::recovered(&self, well, at));
        let member = self.member(Some(at));
        match &mut self.standing {
            Standing::Untold => Vec::new(),
            Standing::Waiting { bundle } | Standing::Grouped { bundle } => {
                vec![tell(bundle, Input::Update { member, silent })]
            }
            Standing::Told { topic } => {
                let mut effects: Vec<Effect> = queue(topic.amend(&resolved, context.now)).collect();
                if silent || !context.rules.sends_on(SendOn::Recovered) {
                    return effects;
                }
                match context.quiet_until(self.message.severity) {
                    Some(flush_at) => {
                        let title = recovered.title;
                        effects.push(tell(QUIET, Input::Note { at, title, flush_at }));
                    }
                    None => effects.extend(queue(topic.reply(&recovered, true, context.now))),
                }
                effects
            }
        }
    }

    fn due(&self, context: &Context<'_>) -> Option<Timestamp> {
        let lasts = positive(context.rules.keep_firing_for).unwrap_or_default();
        let well = self.recovering.as_ref().map(|well| later(well.since, lasts));
        let told = match &self.standing {
            Standing::Untold => Some(silence_end(&self.subject, self.kind, context)),
            Standing::Told { topic } => topic.due(),
            Standing::Waiting { .. } | Standing::Grouped { .. } => None,
        };
        well.into_iter().chain(told).min()
    }
}

fn silence_end(subject: &Subject, kind: SendOn, context: &Context<'_>) -> Timestamp {
    context.silenced_until(subject, kind).unwrap_or(context.now)
}
