use super::fields::{Fields, Reader};
use crate::definition::node::{Node, Value};
use crate::definition::problem::Problem;
use crate::definition::shape::{Field, Object, Shape, field, required};
use crate::nearest;
use crate::service::{Comparison, LoadConstraint, Pressure, PressureSpan, Requirement};

const SILENT: Field = field(
    "silent",
    Shape::Flag,
    "skip the run without an error where it is not met (Condition…=, not Assert…=)",
);
const COMPARISON: Field =
    field("constraint", Shape::Words(&Comparison::SPELLINGS), "how the machine's is compared with it");
const PERCENT: Field =
    required("max_percent", Shape::Number, "the most that tasks may have waited, 0 to 100");
const TIMESPAN: Field =
    field("timespan", Shape::Words(&PressureSpan::SPELLINGS), "the time over which it is averaged");

const fn kind(words: &'static [&'static str]) -> Field {
    required("type", Shape::Words(words), "which constraint it is")
}

static MEMORY: Object = Object {
    what: "a constraint of type Memory",
    fields: &[
        field("type", Shape::Words(&["Memory"]), "which constraint it is"),
        required("amount", Shape::Size, "memory of the machine"),
        COMPARISON,
        SILENT,
    ],
    refused: &[],
};
static CPUS: Object = Object {
    what: "a constraint of type CPUs",
    fields: &[
        kind(&["CPUs"]),
        required("amount", Shape::Whole(0, i64::MAX), "processors of the machine"),
        COMPARISON,
        SILENT,
    ],
    refused: &[],
};
static CPU_PRESSURE: Object = Object {
    what: "a constraint of type CPUPressure",
    fields: &[
        field("type", Shape::Words(&["CPUPressure"]), "which constraint it is"),
        PERCENT,
        TIMESPAN,
        SILENT,
    ],
    refused: &[],
};
static MEMORY_PRESSURE: Object = Object {
    what: "a constraint of type MemoryPressure",
    fields: &[kind(&["MemoryPressure"]), PERCENT, TIMESPAN, SILENT],
    refused: &[],
};
static IO_PRESSURE: Object = Object {
    what: "a constraint of type IOPressure",
    fields: &[kind(&["IOPressure"]), PERCENT, TIMESPAN, SILENT],
    refused: &[],
};

/// Every type by its name, with the key that tells it where the type is not written.
static TYPES: [(&str, &Object, &str); 5] = [
    ("Memory", &MEMORY, "amount"),
    ("CPUs", &CPUS, ""),
    ("CPUPressure", &CPU_PRESSURE, "max_percent"),
    ("MemoryPressure", &MEMORY_PRESSURE, ""),
    ("IOPressure", &IO_PRESSURE, ""),
];

pub(super) const SHAPE: Shape = Shape::Any(&[
    Shape::Table(&MEMORY),
    Shape::Table(&CPUS),
    Shape::Table(&CPU_PRESSURE),
    Shape::Table(&MEMORY_PRESSURE),
    Shape::Table(&IO_PRESSURE),
]);

pub(super) fn constraint<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<LoadConstraint> {
    let (kind, object) = type_of(reader, node)?;
    let fields = reader.table(node, object)?;
    let silent = match fields.get("silent") {
        Some(node) => reader.boolean(node)?,
        None => false,
    };
    let requirement = match kind {
        "Memory" | "CPUs" => amount(reader, &fields, kind)?,
        _ => pressure(reader, &fields, kind)?,
    };
    Some(LoadConstraint { requirement, silent })
}

/// Returns the type, which its keys tell where it is not written.
fn type_of<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<(&'static str, &'static Object)> {
    let Value::Table(entries) = &node.value else {
        reader.wrong(node, "a constraint is a table such as { type = \"CPUPressure\", max_percent = 80 }");
        return None;
    };
    let Some((_, written)) = entries.iter().find(|(key, _)| key.text == "type") else {
        let tells = |sign: &str| entries.iter().any(|(key, _)| key.text == sign);
        let told = TYPES.iter().find(|(_, _, sign)| tells(sign));
        if told.is_none() {
            reader.wrong(node, "a constraint needs `type`");
        }
        return told.map(|(kind, object, _)| (*kind, *object));
    };
    let text = reader.string(written)?;
    let found = TYPES.iter().find(|(kind, ..)| *kind == text);
    if found.is_none() {
        let kinds = TYPES.map(|(kind, ..)| kind);
        let message = format!("unknown type of constraint `{}`", text.escape_debug());
        let problem = Problem::error(message, written.span.clone(), "");
        reader.error(match nearest(text, kinds) {
            Some(near) => problem.help(format!("did you mean `{near}`?")),
            None => problem.help(format!("known types: {}", kinds.join(", "))),
        });
    }
    found.map(|(kind, object, _)| (*kind, *object))
}

fn amount<'a>(reader: &mut Reader<'a>, fields: &Fields<'a>, kind: &str) -> Option<Requirement> {
    let node = fields.get("amount")?;
    let comparison = match fields.get("constraint") {
        Some(node) => reader.word(node, &Comparison::TEXTS)?,
        None => Comparison::default(),
    };
    if kind == "CPUs" {
        return Some(Requirement::Cpus { comparison, amount: reader.number(node, "a whole number")? });
    }
    Some(Requirement::Memory { comparison, amount: reader.scalar(node)? })
}

fn pressure<'a>(reader: &mut Reader<'a>, fields: &Fields<'a>, kind: &str) -> Option<Requirement> {
    let node = fields.get("max_percent")?;
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
