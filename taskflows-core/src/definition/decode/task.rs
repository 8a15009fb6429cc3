use super::alerts;
use super::fields::{Fields, Reader};
use super::service::length;
use crate::definition::node::{Node, Value};
use crate::definition::shape::{Object, Shape, field, required};
use crate::service::ServiceTask;
use crate::task::{Backoff, TaskPolicy};

static BACKOFF: Object = Object {
    what: "a backoff",
    fields: &[
        required("initial", Shape::Span, "the wait before the second attempt"),
        field("factor", Shape::Whole(1, u32::MAX as i64), "what each wait is multiplied by for the next"),
        field("max", Shape::Span, "no wait is longer"),
        field("jitter_percent", Shape::Whole(0, 100), "by how much chance changes a wait, at most"),
    ],
    refused: &[],
};

pub(super) static TASK: Object = Object {
    what: "a task",
    fields: &[
        field("retries", Shape::Whole(0, u32::MAX as i64), "how many attempts may follow the first"),
        field(
            "timeout",
            Shape::Span,
            "how long one attempt may take; the service's own `timeout` is for all of them",
        ),
        field("deadline", Shape::Span, "how long all attempts may take, with the waits between them"),
        field(
            "backoff",
            Shape::Any(&[Shape::Scalar, Shape::Table(&BACKOFF)]),
            "the waits between attempts: \"10s\", or \"10s..5min\" for waits that double",
        ),
        field("required", Shape::Flag, "whether its failure is one for whoever runs it by hand"),
        field("kill_after", Shape::Span, "how long an attempt that is to end may take before it is killed"),
        field("alerts", alerts::USES, "who is told: another place for the service's `alerts`"),
    ],
    refused: &[],
};

/// Reads how the runs of a service are tried.
pub(super) fn task<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<ServiceTask> {
    let fields = reader.table(node, &TASK)?;
    let span = |reader: &mut Reader<'a>, key: &str| {
        fields.get(key).and_then(|node| length(reader, node)).map(|span| span.duration())
    };
    let mut policy = TaskPolicy {
        timeout: span(reader, "timeout"),
        deadline: span(reader, "deadline"),
        ..TaskPolicy::default()
    };
    let kill_after = span(reader, "kill_after");
    if let Some(retries) = fields.get("retries") {
        policy.retries = reader.number(retries, "a whole number")?;
    }
    if let Some(required) = fields.get("required") {
        policy.required = reader.boolean(required)?;
    }
    if let Some(waits) = fields.get("backoff") {
        policy.backoff = backoff(reader, waits)?;
    }
    Some(ServiceTask { policy, kill_after })
}

fn backoff<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<Backoff> {
    if !matches!(node.value, Value::Table(_)) {
        return reader.scalar(node);
    }
    let fields = reader.table(node, &BACKOFF)?;
    let backoff = parts(reader, &fields)?;
    if let Err(error) = backoff.check() {
        reader.wrong(node, error.to_string());
        return None;
    }
    Some(backoff)
}

fn parts<'a>(reader: &mut Reader<'a>, fields: &Fields<'a>) -> Option<Backoff> {
    let mut backoff =
        Backoff { initial: length(reader, fields.get("initial")?)?.duration(), ..Backoff::default() };
    // A first wait beyond the usual longest one is the longest.
    backoff.max = backoff.max.max(backoff.initial);
    if let Some(max) = fields.get("max") {
        backoff.max = length(reader, max)?.duration();
    }
    if let Some(factor) = fields.get("factor") {
        backoff.factor = reader.number(factor, "a whole number")?;
    }
    if let Some(jitter) = fields.get("jitter_percent") {
        backoff.jitter_percent = reader.number(jitter, "a whole number from 0 to 100")?;
    }
    Some(backoff)
}
