use serde_json::Value;
use taskflows_core::task::RunId;

use super::members::Members;
use super::text;

/// Fields with this in front stand at the top level of a line.
const OURS: &str = "taskflows_";

/// What an event, a span or a request context adds to a line, already rendered.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parts {
    /// What goes into `context`.
    pub(crate) context: Members,
    /// What stands at the top level.
    pub(crate) top: Members,
    pub(crate) ids: Ids,
}

/// By what lines are found together. Empty texts are none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ids {
    pub(crate) request_id: String,
    pub(crate) trace_id: String,
    pub(crate) run_id: String,
    pub(crate) attempt: Option<u32>,
}

/// Where the value of a field goes.
pub(crate) enum Slot<'a> {
    /// A text of its own, which the first value fills.
    Text(&'a mut String),
    Number(&'a mut Option<u32>),
    Member(&'a mut Members),
}

impl Slot<'_> {
    /// Puts a text where none is yet.
    pub(crate) fn set(self, name: &str, value: &str, limit: usize) {
        match self {
            Self::Text(place) if place.is_empty() => {
                place.push_str(value);
                text::cut(place, limit);
            }
            Self::Text(_) => {}
            Self::Number(place) => *place = place.or(value.parse().ok()),
            Self::Member(members) => members.add(name, |json| text::cut_string(json, value, limit)),
        }
    }
}

impl Parts {
    pub(crate) fn clear(&mut self) {
        self.context.clear();
        self.top.clear();
        self.ids.clear();
    }

    /// Returns where a field goes by its name. In the span of a task, `run_id` and `attempt` say which run it is.
    pub(crate) fn slot(&mut self, name: &str, is_task: bool) -> Slot<'_> {
        match name {
            "request_id" => Slot::Text(&mut self.ids.request_id),
            "trace_id" => Slot::Text(&mut self.ids.trace_id),
            "run_id" if is_task => Slot::Text(&mut self.ids.run_id),
            "attempt" if is_task => Slot::Number(&mut self.ids.attempt),
            _ if name.starts_with(OURS) => Slot::Member(&mut self.top),
            _ => Slot::Member(&mut self.context),
        }
    }

    /// Adds a field, unless there is one of that name.
    pub(crate) fn add(&mut self, name: &str, value: &Value, limit: usize) {
        match (self.slot(name, false), value) {
            (Slot::Member(members), value) => members.add(name, |json| text::value(json, value, limit)),
            (slot, Value::String(value)) => slot.set(name, value, limit),
            (_, Value::Null) => {}
            (slot, value) => slot.set(name, &value.to_string(), limit),
        }
    }

    /// Makes the line one of the run that it is a note of, whatever span it was written in: what is told of a task's run
    /// is told outside of its span, and perhaps within another's.
    pub(crate) fn follow_note(&mut self) {
        let (mut run, mut attempt) = (None, None);
        for (key, value) in self.top.iter() {
            let text = || std::str::from_utf8(value).unwrap_or_default().trim_matches('"');
            match key {
                b"taskflows_run_id" => run = Some(text()).filter(|id| id.parse::<RunId>().is_ok()),
                b"taskflows_attempt" => attempt = text().parse().ok(),
                _ => {}
            }
        }
        if let Some(run) = run {
            self.ids.run_id.clear();
            self.ids.run_id.push_str(run);
            self.ids.attempt = attempt;
        }
    }

    /// Adds what another has and this has not.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.context.merge(&other.context);
        self.top.merge(&other.top);
        self.ids.merge(&other.ids);
    }
}

impl Ids {
    fn clear(&mut self) {
        for text in [&mut self.request_id, &mut self.trace_id, &mut self.run_id] {
            text.clear();
        }
        self.attempt = None;
    }

    /// Returns whether these are the ids of a run, which has an id of 32 hexadecimal digits.
    pub(crate) fn is_run(&self) -> bool {
        self.run_id.parse::<RunId>().is_ok()
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        fill(&mut self.request_id, &other.request_id);
        fill(&mut self.trace_id, &other.trace_id);
        // A run and its attempt belong together.
        if self.run_id.is_empty() {
            self.run_id.push_str(&other.run_id);
            self.attempt = other.attempt;
        }
    }
}

fn fill(text: &mut String, other: &str) {
    if text.is_empty() {
        text.push_str(other);
    }
}

/// Returns a text where there is one.
pub(crate) fn some(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_a_line_of_its_run_and_of_no_other() {
        let mut parts = Parts::default();
        let outer = Ids { run_id: "f".repeat(32), attempt: Some(7), ..Ids::default() };
        parts.ids.merge(&outer);
        parts.add("taskflows_event", &"finished".into(), 1000);
        parts.follow_note();
        assert_eq!((parts.ids.run_id.as_str(), parts.ids.attempt), ("f".repeat(32).as_str(), Some(7)));
        parts.add("taskflows_run_id", &"0".repeat(32).into(), 1000);
        parts.follow_note();
        assert_eq!((parts.ids.run_id.as_str(), parts.ids.attempt), ("0".repeat(32).as_str(), None));
        parts.add("taskflows_attempt", &"2".into(), 1000);
        parts.follow_note();
        assert_eq!(parts.ids.attempt, Some(2));
    }
}
