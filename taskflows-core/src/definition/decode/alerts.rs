use std::collections::BTreeMap;

use super::destination::{self, DESTINATIONS};
use super::fields::Reader;
use super::reading;
use super::service::length;
use crate::Service;
use crate::alerting::{AlertGroup, AlertOn, AlertUse, Escalation, GroupName, QuietHours};
use crate::definition::node::{Node, Value};
use crate::definition::problem::Problem;
use crate::definition::shape::{Field, Object, Shape, field, required};
use crate::definition::source::Source;
use crate::schedule::Zones;

const TEXTS: Shape = Shape::OneOrMany(&Shape::Text);
const SEND_TO: Field = required("send_to", Shape::OneOrMany(&DESTINATIONS), "who is told");

static ESCALATION: Object = Object {
    what: "an escalation",
    fields: &[required("after", Shape::Span, "how long an alert is open by then"), SEND_TO],
    refused: &[],
};

/// The rule of [`QuietHours`].
const QUIET: &str = "^\\s*[0-9]{1,2}:[0-9]{2}-[0-9]{1,2}:[0-9]{2}(\\s+\\S+)?\\s*$";

pub(super) static GROUP: Object = Object {
    what: "an alert group",
    fields: &[
        SEND_TO,
        field(
            "send_on",
            Shape::OneOrMany(&Shape::Words(&AlertOn::TEXTS)),
            "what is told; failed, missed and recovered where nothing is said",
        ),
        field("remind_every", Shape::Span, "after how long what is still wrong is told again"),
        field("group_wait", Shape::Span, "how long a first alert waits for others to be told with it"),
        field("keep_firing_for", Shape::Span, "for how long all must be well before that is told"),
        field(
            "quiet_hours",
            Shape::OneOrMany(&Shape::Pattern(QUIET)),
            "when only what is critical is told, the rest at the end: \"22:00-07:00 Europe/Berlin\"",
        ),
        field("mention", TEXTS, "whom a message calls by name"),
        field("escalate", Shape::List(&Shape::Table(&ESCALATION)), "who is told when nobody reacts"),
        field("fallback", Shape::Text, "the group that is told what this one could not be"),
        field("missed_after", Shape::Span, "how late a run may be before it is missed; 5min unless told"),
        field(
            "slow_after",
            Shape::Span,
            "how long a run may take before it is slow; else its usual time tells",
        ),
    ],
    refused: &[],
};

/// The groups of a definition by their names.
pub(super) const NAMED: Shape = Shape::Map(&Shape::Table(&GROUP));

/// What a service says of who is told: names of groups, and groups of its own.
pub(super) const USES: Shape = Shape::OneOrMany(&Shape::Any(&[Shape::Text, Shape::Table(&GROUP)]));

/// The groups of a definition and of all files that it includes.
#[derive(Default)]
pub(super) struct Groups<'a> {
    pub(super) known: BTreeMap<GroupName, AlertGroup>,
    /// Where each stands, those too that are wrong.
    pub(super) places: BTreeMap<GroupName, (&'a Source, usize)>,
    /// The groups that other groups name, with what names them.
    pub(super) fallbacks: Vec<Fallback<'a>>,
}

/// The name of a group in another group.
pub(super) struct Fallback<'a> {
    pub(super) name: GroupName,
    pub(super) node: &'a Node,
}

/// Reads the table of groups of a file.
pub(super) fn named<'a>(reader: &mut Reader<'a>, node: &'a Node, zones: &Zones, all: &mut Groups<'a>) {
    let Value::Table(entries) = &node.value else {
        return reader.wrong(node, "`alerts` is a table of names and groups: `[alerts.ops]` in TOML");
    };
    for (key, node) in entries {
        let (name, group) = (reader.key::<GroupName>(key), group(reader, node, Some(zones)));
        let Some(name) = name else { continue };
        if let Some(earlier) = all.places.insert(name.clone(), (reader.source, key.span.start)) {
            let first = reading::place(earlier);
            let message = format!("the alert group `{name}` is defined twice, first at {first}");
            reader.error(Problem::error(message, key.span.clone(), ""));
        }
        let Some(group) = group else { continue };
        if let Some(fallback) = group.fallback.clone() {
            let node = super::service::part_of(node, "fallback").unwrap_or(node);
            if fallback == name {
                reader.wrong(node, format!("`{name}` cannot stand in for itself"));
            }
            all.fallbacks.push(Fallback { name: fallback, node });
        }
        all.known.insert(name, group);
    }
}

/// Reads who is told of a service.
pub(super) fn uses<'a>(reader: &mut Reader<'a>, node: &'a Node, zones: &Zones) -> Vec<AlertUse> {
    let mut uses: Vec<AlertUse> = Vec::new();
    for item in Reader::one_or_many(node) {
        let one = match &item.value {
            Value::Table(_) => group(reader, item, Some(zones)).map(AlertUse::from),
            Value::String { .. } => reader.parsed::<GroupName>(item).map(AlertUse::from),
            _ => {
                reader.wrong(
                    item,
                    "alerts are the name of a group, a table with `send_to`, or a list of these",
                );
                None
            }
        };
        if let Some(AlertUse::Named(name)) = &one
            && uses.iter().any(|earlier| matches!(earlier, AlertUse::Named(own) if own == name))
        {
            reader.wrong(item, format!("the alert group `{name}` is named twice"));
            continue;
        }
        uses.extend(one);
    }
    uses
}

/// Warns of what nobody sees of a service: without a task that a run begins or that an attempt failed, and of any that
/// a condition kept it from starting.
pub(super) fn warn_of_untold(
    reader: &mut Reader<'_>,
    said: Option<&Node>,
    service: &Service,
    known: &BTreeMap<GroupName, AlertGroup>,
) {
    let Some(said) = said else { return };
    for (one, item) in service.alerts.iter().zip(Reader::one_or_many(said)) {
        let (group, whose) = match one {
            AlertUse::Named(name) => (known.get(name), format!(" of the alert group `{name}`")),
            AlertUse::Inline(group) => (Some(group.as_ref()), String::new()),
        };
        let words = group.map(|group| group.send_on.as_slice()).unwrap_or_default();
        let mut warn = |message: String, help: &str| {
            reader.warn(Problem::warning(message, item.span.clone(), "").help(help));
        };
        let of_tasks = words.iter().filter(|word| matches!(word, AlertOn::Start | AlertOn::Error));
        let of_tasks: Vec<String> = of_tasks.map(|word| format!("`{}`", word.as_str())).collect();
        if !of_tasks.is_empty() && service.task.is_none() {
            let verb = if of_tasks.len() == 1 { "is" } else { "are" };
            let message =
                format!("{}{whose} {verb} told only of services with `task`", of_tasks.join(" and "));
            warn(message, "add `task = {}` to have its runs driven by `tf exec`");
        }
        if words.contains(&AlertOn::Skipped) {
            let message = format!("`skipped`{whose} is not told yet");
            warn(message, "a condition that keeps a service from starting is shown by `tf why`");
        }
    }
}

/// Reads one group. Without zones that of its quiet hours is taken as it stands.
pub(super) fn group<'a>(
    reader: &mut Reader<'a>,
    node: &'a Node,
    zones: Option<&Zones>,
) -> Option<AlertGroup> {
    let fields = reader.table(node, &GROUP)?;
    let span = |reader: &mut Reader<'a>, key: &str| fields.get(key).and_then(|node| length(reader, node));
    let many = |key: &str| fields.get(key).map(Reader::one_or_many).unwrap_or_default();
    let send_to = send_to(reader, fields.get("send_to"));
    let group = AlertGroup {
        send_on: send_on(reader, fields.get("send_on")),
        remind_every: span(reader, "remind_every"),
        group_wait: span(reader, "group_wait"),
        keep_firing_for: span(reader, "keep_firing_for"),
        missed_after: span(reader, "missed_after"),
        slow_after: span(reader, "slow_after"),
        quiet_hours: many("quiet_hours").iter().filter_map(|node| quiet(reader, node, zones)).collect(),
        mention: many("mention").iter().filter_map(|node| destination::text(reader, node)).collect(),
        escalate: fields.get("escalate").map(|node| escalations(reader, node)).unwrap_or_default(),
        fallback: fields.get("fallback").and_then(|node| reader.parsed(node)),
        send_to: send_to?,
    };
    Some(group)
}

fn send_to<'a>(reader: &mut Reader<'a>, node: Option<&'a Node>) -> Option<Vec<crate::alerting::Destination>> {
    let node = node?;
    let items = Reader::one_or_many(node);
    if items.is_empty() {
        reader.wrong(node, "nobody would be told: `send_to` is empty");
    }
    // Each is read before one that is wrong ends it.
    let all: Vec<_> = items.iter().map(|item| destination::destination(reader, item)).collect();
    all.into_iter().collect()
}

fn send_on<'a>(reader: &mut Reader<'a>, node: Option<&'a Node>) -> Vec<AlertOn> {
    let Some(node) = node else { return Vec::new() };
    let items = Reader::one_or_many(node);
    if items.is_empty() {
        reader.wrong(node, "nothing would be told: `send_on` is empty");
    }
    let mut words: Vec<AlertOn> =
        items.iter().filter_map(|item| reader.word(item, &AlertOn::TEXTS)).collect();
    words.sort_unstable();
    words.dedup();
    words
}

fn quiet<'a>(reader: &mut Reader<'a>, node: &'a Node, zones: Option<&Zones>) -> Option<QuietHours> {
    let hours: QuietHours = reader.parsed(node)?;
    if let Some((zones, zone)) = zones.zip(hours.zone())
        && let Err(error) = zones.named(zone)
    {
        reader.wrong(node, error.to_string());
        return None;
    }
    Some(hours)
}

fn escalations<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Vec<Escalation> {
    let Value::List(items) = &node.value else {
        reader.wrong(node, "`escalate` is a list: [{ after = \"15min\", send_to = … }]");
        return Vec::new();
    };
    let mut steps: Vec<Escalation> = Vec::new();
    for item in items {
        let Some(fields) = reader.table(item, &ESCALATION) else { continue };
        let after = fields.get("after").and_then(|node| length(reader, node));
        let send_to = send_to(reader, fields.get("send_to"));
        steps.extend(after.zip(send_to).map(|(after, send_to)| Escalation { after, send_to }));
    }
    steps.sort_by_key(|step| step.after);
    steps
}
