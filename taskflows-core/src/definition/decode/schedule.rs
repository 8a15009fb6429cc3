use std::ops::Range;

use super::fields::{Fields, Reader};
use super::service::length;
use crate::definition::node::{Node, Value};
use crate::definition::problem::Problem;
use crate::definition::shape::{Field, Object, Shape, field, required};
use crate::definition::source::Source;
use crate::nearest;
use crate::schedule::{
    Calendar, ParseScheduleError, Periodic, RelativeTo, Schedule, StartOn, Zones, parse_instant,
};

const ACCURACY: Field = field("accuracy", Shape::Span, "how late the timer may fire (AccuracySec=)");
const RANDOMIZED_DELAY: Field =
    field("randomized_delay", Shape::Span, "wait up to so long, by chance (RandomizedDelaySec=)");

static CALENDAR: Object = Object {
    what: "a calendar schedule",
    fields: &[
        field("type", Shape::Words(&["Calendar"]), "which schedule it is"),
        field("schedule", Shape::Text, "an expression of systemd.time(7): `Mon..Fri 09:00 Europe/Berlin`"),
        field("at", Shape::Instant, "one instant, instead of an expression"),
        field("persistent", Shape::Flag, "make up once for starts missed while the machine was off"),
        ACCURACY,
        RANDOMIZED_DELAY,
    ],
    refused: &[],
};
static PERIODIC: Object = Object {
    what: "a periodic schedule",
    fields: &[
        field("type", Shape::Words(&["Periodic"]), "which schedule it is"),
        required("start_on", Shape::Words(&StartOn::TEXTS), "what sets it off"),
        required("period", Shape::Span, "the length of time between runs"),
        required("relative_to", Shape::Words(&RelativeTo::TEXTS), "what the period is counted from"),
        ACCURACY,
        RANDOMIZED_DELAY,
    ],
    refused: &[],
};

pub(super) const SHAPE: Shape = Shape::OneOrMany(&Shape::Any(&[
    Shape::Text,
    Shape::Instant,
    Shape::Table(&CALENDAR),
    Shape::Table(&PERIODIC),
]));

/// Reads one schedule or a list of them; none where there is no such key.
pub(super) fn schedules<'a>(
    reader: &mut Reader<'a>,
    fields: &Fields<'a>,
    key: &str,
    zones: &Zones,
) -> Vec<Schedule> {
    let Some(node) = fields.get(key) else { return Vec::new() };
    Reader::one_or_many(node).iter().filter_map(|item| schedule(reader, item, zones)).collect()
}

fn schedule<'a>(reader: &mut Reader<'a>, node: &'a Node, zones: &Zones) -> Option<Schedule> {
    let Value::Table(entries) = &node.value else {
        return calendar(reader, node, zones).map(Schedule::from);
    };
    let meant = |key: &str| own_or_near(entries.iter().map(|(own, _)| own.text.as_str()), key);
    let kind = entries.iter().find(|(key, _)| key.text == "type").map(|(_, node)| node);
    match kind.map(|node| (node, reader.string(node))) {
        Some((_, Some("Calendar"))) => calendar_table(reader, node, zones),
        Some((_, Some("Periodic"))) => periodic(reader, node),
        Some((kind, Some(text))) => {
            let message = format!("unknown type of schedule `{}`", text.escape_debug());
            reader.error(Problem::error(message, kind.span.clone(), "").help("it is Calendar or Periodic"));
            None
        }
        Some((_, None)) => None,
        None if ["period", "start_on", "relative_to"].into_iter().any(meant) => periodic(reader, node),
        None => calendar_table(reader, node, zones),
    }
}

/// Tells whether one of `keys` is `key`, or a slip for it.
fn own_or_near<'a>(mut keys: impl Iterator<Item = &'a str>, key: &str) -> bool {
    keys.any(|own| own == key || nearest(own, [key]).is_some())
}

/// Reads an expression of the calendar, or an instant.
fn calendar<'a>(reader: &mut Reader<'a>, node: &'a Node, zones: &Zones) -> Option<Calendar> {
    if let Value::DateTime(text) = &node.value {
        return instant(reader, node, text, zones);
    }
    let text = reader.string(node)?;
    match text.parse::<Calendar>() {
        Ok(calendar) => match zones.resolve(calendar.spec()) {
            Ok(_) => Some(calendar),
            Err(error) => {
                let zone = calendar.spec().zone_name().unwrap_or_default();
                reader.error(Problem::error(error.to_string(), place(reader.source, node, zone), ""));
                None
            }
        },
        // `2026-05-05T16:50:08Z` is no expression of systemd's, and says exactly what it means.
        Err(_) if text.contains('T') && parse_instant(text, zones).is_ok() => {
            instant(reader, node, text, zones)
        }
        Err(error) => {
            wrong_calendar(reader, node, text, &error);
            None
        }
    }
}

/// Returns where `part`, which a text ends with, stands in it, if it stands in the source as it is.
fn place(source: &Source, node: &Node, part: &str) -> Range<usize> {
    let written = source.text.get(node.span.clone()).and_then(|slice| slice.rfind(part));
    written.map_or(node.span.clone(), |begin| node.span.start + begin..node.span.start + begin + part.len())
}

/// Points into the text where reading stopped, if it stands in the source as it is.
fn wrong_calendar(reader: &mut Reader<'_>, node: &Node, text: &str, error: &ParseScheduleError) {
    let written = reader.source.text.get(node.span.clone()).and_then(|slice| slice.find(text));
    let problem = match (error, written) {
        (ParseScheduleError::Calendar(parse), Some(begin)) => {
            let at = node.span.start + begin + parse.offset();
            let end = (at + 1).min(node.span.start + begin + text.len()).max(at);
            Problem::error(error.to_string(), at..end, parse.message())
        }
        _ => Problem::error(error.to_string(), node.span.clone(), ""),
    };
    reader.error(
        problem.help("such as `Mon..Fri 09:00`, `*-*-01 04:00 Europe/Berlin`, `hourly`: systemd.time(7)"),
    );
}

fn instant(reader: &mut Reader<'_>, node: &Node, text: &str, zones: &Zones) -> Option<Calendar> {
    match parse_instant(text, zones) {
        Ok(instant) => Some(Calendar::from_datetime(instant)),
        Err(error) => {
            reader.wrong(node, error.to_string());
            None
        }
    }
}

fn calendar_table<'a>(reader: &mut Reader<'a>, node: &'a Node, zones: &Zones) -> Option<Schedule> {
    let fields = reader.table(node, &CALENDAR)?;
    let mut calendar = match (fields.get("schedule"), fields.get("at")) {
        (Some(text), None) => calendar(reader, text, zones)?,
        (None, Some(at)) => {
            let text = match &at.value {
                Value::DateTime(text) => text,
                _ => reader.string(at)?,
            };
            instant(reader, at, text, zones)?
        }
        (Some(_), Some(at)) => {
            reader.wrong(at, "a schedule has either `schedule` or `at`");
            return None;
        }
        (None, None) => {
            reader.missing(&fields, "schedule");
            return None;
        }
    };
    if let Some(persistent) = fields.get("persistent") {
        calendar.persistent = reader.boolean(persistent)?;
    }
    if let Some(accuracy) = fields.get("accuracy") {
        calendar.accuracy = length(reader, accuracy)?;
    }
    if let Some(delay) = fields.get("randomized_delay") {
        calendar.randomized_delay = Some(length(reader, delay)?);
    }
    Some(calendar.into())
}

fn periodic<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<Schedule> {
    let fields = reader.table(node, &PERIODIC)?;
    let start_on = reader.word(fields.get("start_on")?, &StartOn::TEXTS)?;
    let period = length(reader, fields.get("period")?)?;
    let relative_to = reader.word(fields.get("relative_to")?, &RelativeTo::TEXTS)?;
    let mut periodic = Periodic::new(start_on, period, relative_to)?;
    if let Some(accuracy) = fields.get("accuracy") {
        periodic.accuracy = length(reader, accuracy)?;
    }
    if let Some(delay) = fields.get("randomized_delay") {
        periodic.randomized_delay = Some(length(reader, delay)?);
    }
    Some(periodic.into())
}
