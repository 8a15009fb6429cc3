use super::fields::{Fields, Reader};
use crate::definition::node::Node;
use crate::definition::problem::Problem;
use crate::nearest;
use crate::service::{Comparison, LoadConstraint, Pressure, PressureSpan, Requirement};

const TYPES: [&str; 5] = ["Memory", "CPUs", "MemoryPressure", "CPUPressure", "IOPressure"];
const AMOUNT_KEYS: [&str; 4] = ["type", "amount", "constraint", "silent"];
const PRESSURE_KEYS: [&str; 4] = ["type", "max_percent", "timespan", "silent"];
const KEYS: [&str; 6] = ["type", "amount", "constraint", "max_percent", "timespan", "silent"];

pub(super) fn constraint<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<LoadConstraint> {
    let kind = kind(reader, node)?;
    let is_amount = matches!(kind, "Memory" | "CPUs");
    let keys = if is_amount { AMOUNT_KEYS } else { PRESSURE_KEYS };
    let fields = reader.table(node, &format!("a constraint of type {kind}"), &keys, &[])?;
    let silent = match fields.get("silent") {
        Some(node) => reader.boolean(node)?,
        None => false,
    };
    let requirement =
        if is_amount { amount(reader, &fields, kind)? } else { pressure(reader, &fields, kind)? };
    Some(LoadConstraint { requirement, silent })
}

/// Returns the type, which its keys tell where it is not written.
fn kind<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<&'static str> {
    let mut quiet = Reader { source: reader.source, errors: Vec::new(), warnings: Vec::new() };
    let Some(fields) = quiet.table(node, "a constraint", &KEYS, &[]) else {
        reader.wrong(node, "a constraint is a table such as { type = \"CPUPressure\", max_percent = 80 }");
        return None;
    };
    let Some(written) = fields.get("type") else {
        let guessed = [("max_percent", "CPUPressure"), ("amount", "Memory")];
        let guess = guessed.iter().find(|(key, _)| fields.get(key).is_some()).map(|(_, kind)| *kind);
        if guess.is_none() {
            reader.missing(&fields, "type", "a constraint");
        }
        return guess;
    };
    let text = reader.string(written)?;
    let found = TYPES.into_iter().find(|kind| *kind == text);
    if found.is_none() {
        let problem = Problem::error(
            format!("unknown type of constraint `{}`", text.escape_debug()),
            written.span.clone(),
            "",
        );
        reader.error(match nearest(text, TYPES) {
            Some(near) => problem.help(format!("did you mean `{near}`?")),
            None => problem.help(format!("known types: {}", TYPES.join(", "))),
        });
    }
    found
}

fn amount<'a>(reader: &mut Reader<'a>, fields: &Fields<'a>, kind: &str) -> Option<Requirement> {
    let Some(node) = fields.get("amount") else {
        reader.missing(fields, "amount", &format!("a constraint of type {kind}"));
        return None;
    };
    let comparison = match fields.get("constraint") {
        Some(node) => reader.word(node, &Comparison::TEXTS)?,
        None => Comparison::default(),
    };
    if kind == "CPUs" {
        return Some(Requirement::Cpus { comparison, amount: reader.number(node, "a whole number")? });
    }
    let text = reader.amount(node)?;
    Some(Requirement::Memory { comparison, amount: reader.parse(node, text)? })
}

fn pressure<'a>(reader: &mut Reader<'a>, fields: &Fields<'a>, kind: &str) -> Option<Requirement> {
    let Some(node) = fields.get("max_percent") else {
        reader.missing(fields, "max_percent", &format!("a constraint of type {kind}"));
        return None;
    };
    let percent = reader.number(node, "a percentage")?;
    let timespan = match fields.get("timespan") {
        Some(node) => reader.word(node, &PressureSpan::TEXTS)?,
        None => PressureSpan::default(),
    };
    let pressure = match Pressure::new(percent, timespan) {
        Ok(pressure) => pressure,
        Err(error) => {
            reader.wrong(node, error.to_string());
            return None;
        }
    };
    Some(match kind {
        "MemoryPressure" => Requirement::MemoryPressure(pressure),
        "IOPressure" => Requirement::IoPressure(pressure),
        _ => Requirement::CpuPressure(pressure),
    })
}
