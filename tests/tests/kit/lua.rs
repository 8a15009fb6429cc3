//! The script of the kit, run by Lua over records.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::Command;

use serde_json::{Map, Value};
use taskflows_logging::kit::{Part, Pipeline};

/// A field of a record: bytes, as the journal has them.
pub type Fields = Vec<(String, Vec<u8>)>;

/// A record as Fluent Bit hands it over.
#[derive(Clone, Debug)]
pub struct Record {
    pub tag: &'static str,
    pub sec: i64,
    pub nsec: u32,
    pub fields: Fields,
    /// Values that are no texts.
    pub values: Map<String, Value>,
}

impl Record {
    /// An entry of the journal.
    pub fn journal(fields: &[(&str, &str)]) -> Self {
        Self::tagged("journal", fields)
    }

    /// An entry of the journal that a process of `taskflows-web.service` wrote.
    pub fn of_web(message: &[u8]) -> Self {
        let mut record = Self::journal(&[
            ("_boot_id", "0"),
            ("_systemd_user_unit", "taskflows-web.service"),
            ("_hostname", "web1"),
            ("syslog_identifier", "taskflows-web"),
            ("priority", "6"),
        ]);
        record.fields.push(("message".to_owned(), message.to_vec()));
        record
    }

    pub fn tagged(tag: &'static str, fields: &[(&str, &str)]) -> Self {
        let fields = fields.iter().map(|(key, value)| ((*key).to_owned(), value.as_bytes().to_vec()));
        Self { tag, sec: 1_795_750_982, nsec: 123_456_789, fields: fields.collect(), values: Map::new() }
    }

    /// The same with one field more, or another value of it.
    pub fn with(mut self, key: &str, value: &str) -> Self {
        self.fields.retain(|(own, _)| own != key);
        self.fields.push((key.to_owned(), value.as_bytes().to_vec()));
        self
    }

    /// A record that a program sent, as its map.
    pub fn of_map(tag: &'static str, (sec, nsec): (u32, u32), map: &Value) -> Self {
        let values = map.as_object().unwrap().clone();
        Self { tag, sec: sec.into(), nsec, fields: Fields::new(), values }
    }

    pub fn at(self, sec: i64, nsec: u32) -> Self {
        Self { sec, nsec, ..self }
    }

    /// A recorded entry: a value that is no UTF-8 is a list of bytes, as `journalctl -o json` has it.
    pub fn recorded(entry: &Value) -> Self {
        let micros = entry["time_us"].as_i64().unwrap();
        let bytes = |value: &Value| match value {
            Value::String(text) => text.as_bytes().to_vec(),
            Value::Array(bytes) => {
                bytes.iter().map(|byte| u8::try_from(byte.as_u64().unwrap()).unwrap()).collect()
            }
            other => panic!("{other}"),
        };
        let fields = entry["record"].as_object().unwrap();
        Self {
            tag: "journal",
            sec: micros / 1_000_000,
            nsec: u32::try_from(micros % 1_000_000).unwrap() * 1000,
            fields: fields.iter().map(|(key, value)| (key.clone(), bytes(value))).collect(),
            values: Map::new(),
        }
    }
}

/// What became of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    pub sec: i64,
    pub nsec: u32,
    /// The line, and the labels and the structured metadata.
    pub line: String,
    pub labels: BTreeMap<String, String>,
}

impl Sent {
    pub fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", String::as_str)
    }

    /// The line as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.line).unwrap_or_else(|error| panic!("{error}: {}", self.line))
    }
}

fn literal(bytes: &[u8], into: &mut String) {
    into.push('"');
    for byte in bytes {
        match byte {
            b' '..=b'~' if !b"\"\\".contains(byte) => into.push(char::from(*byte)),
            other => write!(into, "\\{other:03}").unwrap(),
        }
    }
    into.push('"');
}

/// Writes a value as Fluent Bit makes it one of Lua: each number is a double, and null is nothing.
/// Source: `flb_lua_pushmsgpack` of Fluent Bit.
fn value_literal(value: &Value, into: &mut String) {
    match value {
        Value::Null => into.push_str("nil"),
        Value::Bool(value) => write!(into, "{value}").unwrap(),
        Value::Number(number) => write!(into, "{:e}", number.as_f64().unwrap()).unwrap(),
        Value::String(text) => literal(text.as_bytes(), into),
        Value::Array(values) => {
            into.push('{');
            for value in values {
                value_literal(value, into);
                into.push(',');
            }
            into.push('}');
        }
        Value::Object(map) => {
            into.push('{');
            for (key, value) in map {
                into.push('[');
                literal(key.as_bytes(), into);
                into.push_str("]=");
                value_literal(value, into);
                into.push(',');
            }
            into.push('}');
        }
    }
}

fn table(records: &[Record]) -> String {
    let mut text = "return {\n".to_owned();
    for record in records {
        write!(text, "{{\"{}\",{},{},{{", record.tag, record.sec, record.nsec).unwrap();
        for (key, value) in &record.fields {
            text.push('[');
            literal(key.as_bytes(), &mut text);
            text.push_str("]=");
            literal(value, &mut text);
            text.push(',');
        }
        for (key, value) in &record.values {
            text.push('[');
            literal(key.as_bytes(), &mut text);
            text.push_str("]=");
            value_literal(value, &mut text);
            text.push(',');
        }
        text.push_str("}},\n");
    }
    text + "}\n"
}

/// Runs the script of `pipeline` over records; `None` is one that it dropped.
pub fn sent_by(pipeline: &Pipeline, variables: &[(&str, &str)], records: &[Record]) -> Vec<Option<Sent>> {
    let directory = tempfile::tempdir().unwrap();
    let (script, input) = (directory.path().join("extract_labels.lua"), directory.path().join("records.lua"));
    let files = pipeline.files(Part::FluentBit);
    let text = &files.iter().find(|file| file.path.ends_with(".lua")).unwrap().text;
    std::fs::write(&script, text).unwrap();
    let mut sent = Vec::new();
    // A table of constants has a limit in Lua, so a few at a time; each run starts afresh.
    for some in records.chunks(2000) {
        std::fs::write(&input, table(some)).unwrap();
        let mut command = Command::new("lua5.1");
        command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/kit/driver.lua")).args([&script, &input]);
        command.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command.envs(variables.iter().copied());
        let output = command.output().expect("lua5.1 is installed: scripts/test sees to it");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let mut rest = output.stdout.as_slice();
        while !rest.is_empty() {
            sent.push(next(&mut rest));
        }
    }
    assert_eq!(sent.len(), records.len());
    sent
}

/// Runs the usual script.
pub fn sent(records: &[Record]) -> Vec<Option<Sent>> {
    sent_by(&Pipeline::default(), &[], records)
}

/// Runs it over one record, which it does not drop.
#[track_caller]
pub fn one(record: Record) -> Sent {
    sent(&[record]).remove(0).expect("it is dropped")
}

fn line(rest: &mut &[u8]) -> String {
    let end = rest.iter().position(|byte| *byte == b'\n').unwrap();
    let line = String::from_utf8(rest[..end].to_vec()).unwrap();
    *rest = &rest[end + 1..];
    line
}

fn next(rest: &mut &[u8]) -> Option<Sent> {
    let head = line(rest);
    let numbers: Vec<i64> = head.split(' ').map(|word| word.parse().unwrap()).collect();
    let mut labels = BTreeMap::new();
    loop {
        let head = line(rest);
        let (key, length) = head.split_once(' ').unwrap();
        let length: usize = length.parse().unwrap();
        let value = String::from_utf8(rest[..length].to_vec()).expect("what is sent is UTF-8");
        *rest = &rest[length + 1..];
        if key == "end" {
            break;
        }
        labels.insert(key.to_owned(), value);
    }
    let line = labels.remove("line");
    line.map(|line| Sent { sec: numbers[1], nsec: u32::try_from(numbers[2]).unwrap(), line, labels })
        .inspect(|_| assert_eq!(numbers[0], 1))
}
