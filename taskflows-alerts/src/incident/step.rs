//! What passes between the states of a group: each is a machine of its own, and they speak by these.

use jiff::Timestamp;

use super::rules::Rules;
use super::silence::{self, Silence};
use super::state::{Ack, Bundle, Member};
use super::{Observation, Subject};
use crate::outbox::NewEntry;
use crate::{Message, SendOn, Severity};

/// What a state is told.
#[derive(Clone, Debug)]
pub(super) enum Input {
    Observed(Box<Observation>),
    Tick,
    Ack(Ack),
    Close {
        by: String,
    },
    /// To a bundle: an incident waits for being told with it.
    Join {
        member: Member,
        flush_at: Timestamp,
    },
    /// To a bundle: an incident of it changed.
    Update {
        member: Member,
        silent: bool,
    },
    /// To a bundle: something else is to be told with it.
    Note {
        at: Timestamp,
        title: String,
        flush_at: Timestamp,
    },
    /// To a bundle: below its message.
    Reply {
        message: Message,
        detail: bool,
    },
    /// To a bundle that is not there yet: this is what it is.
    Become(Box<Bundle>),
    /// To an incident: it tells itself.
    Speak {
        id: String,
    },
    /// To an incident: it is told by a bundle of this name.
    GroupedBy {
        id: String,
        bundle: String,
    },
    /// To an incident: it was silenced while it waited.
    Hush {
        id: String,
    },
}

/// What a state wants done.
#[derive(Debug)]
pub(super) enum Effect {
    Queue(NewEntry),
    Tell { name: String, input: Input },
}

/// What a decision is made from, beside the state.
pub(super) struct Context<'a> {
    pub(super) group: &'a str,
    pub(super) rules: &'a Rules,
    pub(super) silences: &'a [Silence],
    pub(super) now: Timestamp,
}

impl Context<'_> {
    pub(super) fn silenced_until(&self, subject: &Subject, kind: SendOn) -> Option<Timestamp> {
        silence::until(self.silences, subject, kind, self.now)
    }

    pub(super) fn quiet_until(&self, severity: Severity) -> Option<Timestamp> {
        self.rules.quiet_until(severity, self.now)
    }
}

/// The name of the state that collects what quiet hours hold back.
pub(super) const QUIET: &str = "quiet";

/// Returns the name of the state of a subject.
pub(super) fn subject_name(key: &str) -> String {
    format!("subject/{key}")
}

/// Returns the name of the state that collects the incidents of a host.
pub(super) fn host_name(host: &str) -> String {
    format!("host/{host}")
}

/// Queues all of these.
pub(super) fn queue(entries: Vec<NewEntry>) -> impl Iterator<Item = Effect> {
    entries.into_iter().map(Effect::Queue)
}

/// Tells a state something.
pub(super) fn tell(name: &str, input: Input) -> Effect {
    Effect::Tell { name: name.to_owned(), input }
}
