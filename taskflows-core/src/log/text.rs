//! A structured line as people read it.

use std::fmt::Write;

use serde_json::{Map, Value};

use super::structured::{EVENT, LEVEL, PYTHON_LEVEL, StructuredLine};

/// What stands beside a line already, or is there to be searched by.
const LEFT_OUT: [&str; 16] = [
    "timestamp",
    "timestamp_ns",
    "time",
    "ts",
    "@timestamp",
    "asctime",
    "event_fingerprint",
    "logger",
    "logger_name",
    "app",
    "environment",
    "hostname",
    "run_id",
    "attempt",
    "pid",
    "@version",
];

/// Objects whose fields are those of the line.
const TRANSPARENT: [&str; 2] = ["context", "fields"];

/// How the names of lists end whose texts each say why the one before came to be.
const CHAINS: [&str; 3] = ["chain", "causes", "sources"];

/// How the names of lists end that say from where something was called.
const TRACES: [&str; 3] = ["backtrace", "stacktrace", "stack"];

pub(super) fn render(line: &StructuredLine) -> String {
    let mut parts = Parts { first: String::new(), below: String::new() };
    if let Some(event) = line.event() {
        let mut lines = event.lines();
        push_harmless(&mut parts.first, lines.next().unwrap_or_default());
        lines.for_each(|line| parts.line_below(line));
    }
    let is_beside = |key: &str| {
        // What some loggers write as the event is a field of others.
        let is_event = EVENT.contains(&key) && line.fields.get(key).and_then(Value::as_str) == line.event();
        let is_logger = key == "target" && line.fields.get("fields").is_some_and(Value::is_object);
        is_event || is_logger || LEVEL.contains(&key) || LEFT_OUT.contains(&key) || key == PYTHON_LEVEL
    };
    for (key, value) in &line.fields {
        match value {
            Value::Object(fields) if TRANSPARENT.contains(&key.as_str()) => {
                let is_event = |name: &str| {
                    name == "message" && fields.get(name).and_then(Value::as_str) == line.event()
                };
                fields
                    .iter()
                    .filter(|(name, _)| !is_event(name))
                    .for_each(|(key, value)| parts.add(key, value));
            }
            _ if is_beside(key) => {}
            _ => parts.add(key, value),
        }
    }
    parts.first + &parts.below
}

struct Parts {
    first: String,
    /// Each line with its line feed before it.
    below: String,
}

impl Parts {
    fn add(&mut self, key: &str, value: &Value) {
        match value {
            Value::Object(fields) if !fields.is_empty() => self.add_object(key, fields),
            Value::Array(causes) if is_list(key, causes, &CHAINS) => {
                causes
                    .iter()
                    .filter_map(Value::as_str)
                    .for_each(|cause| self.texts_below("caused by", cause));
            }
            Value::Array(frames) if is_list(key, frames, &TRACES) => {
                self.line_below(&format!("{key}:"));
                let lines = frames.iter().filter_map(Value::as_str).flat_map(str::lines);
                lines.for_each(|line| self.line_below(&format!("  {line}")));
            }
            Value::String(text) if text.trim_end().contains('\n') => self.texts_below(key, text),
            Value::String(text) => self.pair(key, text.trim_end_matches('\n')),
            _ => self.pair(key, &value.to_string()),
        }
    }

    fn add_object(&mut self, key: &str, fields: &Map<String, Value>) {
        for (name, value) in fields {
            self.add(&format!("{key}.{name}"), value);
        }
    }

    fn pair(&mut self, key: &str, value: &str) {
        if !self.first.is_empty() {
            self.first.push(' ');
        }
        push_harmless(&mut self.first, key);
        self.first.push('=');
        let is_plain = |c: char| !c.is_whitespace() && !c.is_control() && c != '"';
        // What is JSON already needs no quotes around it.
        let is_json = value.starts_with(['[', '{']);
        if is_json || (!value.is_empty() && value.chars().all(is_plain)) {
            push_harmless(&mut self.first, value);
        } else {
            self.first.push('"');
            push_harmless(&mut self.first, &value.replace('\\', "\\\\").replace('"', "\\\""));
            self.first.push('"');
        }
    }

    /// Puts a text below: beside its title where it has one line, else under it.
    fn texts_below(&mut self, title: &str, text: &str) {
        let text = text.trim_end();
        if !text.contains('\n') {
            return self.line_below(&format!("{title}: {text}"));
        }
        self.line_below(&format!("{title}:"));
        text.lines().for_each(|line| self.line_below(&format!("  {line}")));
    }

    fn line_below(&mut self, line: &str) {
        self.below.push_str("\n  ");
        push_harmless(&mut self.below, line);
    }
}

fn is_list(key: &str, texts: &[Value], endings: &[&str]) -> bool {
    endings.iter().any(|end| key.ends_with(end)) && !texts.is_empty() && texts.iter().all(Value::is_string)
}

/// Escapes control characters but the tab, so that a line cannot steer a terminal.
fn push_harmless(out: &mut String, text: &str) {
    for c in text.chars() {
        if c.is_control() && c != '\t' {
            // To write to a text cannot fail.
            let _ = write!(out, "{}", c.escape_default());
        } else {
            out.push(c);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(line: &str, text: &str) {
        assert_eq!(StructuredLine::read(line).unwrap().to_text(), text);
    }

    #[test]
    fn what_happened_comes_first_and_then_the_context() {
        check(
            r#"{"timestamp":"2026-11-24T12:00:00.000000Z","timestamp_ns":1,"event":"user logged in","event_fingerprint":"874652ed",
                "severity":"INFO","level_name":"info","logger":"a.b","app":"web","environment":"prod","hostname":"h",
                "request_id":"r-1","run_id":"00","attempt":1,"taskflows_task":"nightly",
                "context":{"user":"ann lee","n":3,"ok":true,"none":null,"tags":["a","b"],"geo":{"city":"Ulm","at":{"x":1.5}}}}"#,
            r#"user logged in request_id=r-1 taskflows_task=nightly user="ann lee" n=3 ok=true none=null tags=["a","b"] geo.city=Ulm geo.at.x=1.5"#,
        );
    }

    #[test]
    fn the_lines_of_other_loggers_read_alike() {
        check(
            r#"{"level":30,"time":1700000000000,"pid":7,"hostname":"h","msg":"GET /","ms":5}"#,
            "GET / ms=5",
        );
        check(
            r#"{"time":"x","level":"INFO","msg":"done","n":1,"err":"no \"x\""}"#,
            r#"done n=1 err="no \"x\"""#,
        );
        check(
            r#"{"timestamp":"x","level":"INFO","fields":{"message":"ready","port":80},"target":"web","span":{"id":7}}"#,
            "ready port=80 span.id=7",
        );
        check(r#"{"event":"login","message":"by ann"}"#, r#"login message="by ann""#);
        check(r#"{"user":"ann","empty":"","o":{}}"#, r#"user=ann empty="" o={}"#);
        check("{}", "");
    }

    #[test]
    fn the_causes_of_an_error_follow_on_lines_of_their_own() {
        check(
            r#"{"event":"failed","context":{"error":{"message":"no file","chain":["could not open a","not found"]},"n":1}}"#,
            "failed error.message=\"no file\" n=1\n  caused by: could not open a\n  caused by: not found",
        );
        check(
            r#"{"event":"failed","context":{"error":"no sale","error_chain":["card refused"],"error_backtrace":["shop::pay at ./pay.rs:7:9","shop::main"]}}"#,
            "failed error=\"no sale\"\n  caused by: card refused\n  error_backtrace:\n    shop::pay at ./pay.rs:7:9\n    shop::main",
        );
        check(r#"{"msg":"x","chain":[1],"stack":[],"tags_stack":"a"}"#, "x chain=[1] stack=[] tags_stack=a");
        check(
            r#"{"event":"failed","exception":"Traceback:\n  File \"a.py\"\nValueError: x\n","n":1}"#,
            "failed n=1\n  exception:\n    Traceback:\n      File \"a.py\"\n    ValueError: x",
        );
        check(r#"{"msg":"two\nlines","a":1}"#, "two a=1\n  lines");
    }

    #[test]
    fn a_line_cannot_steer_the_terminal() {
        check(
            r#"{"event":"\u001b[2Jx\u0007","k\u0085":"\u001b]0;t\u0007","m":"a\n\u001bb"}"#,
            "\\u{1b}[2Jx\\u{7} k\\u{85}=\"\\u{1b}]0;t\\u{7}\"\n  m:\n    a\n    \\u{1b}b",
        );
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            ".{0,12}".prop_map(Value::from),
            "(\n|\r|\u{1b}|x){0,6}".prop_map(Value::from)
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec((".{0,6}|chain|context|event", inner), 0..4)
                    .prop_map(|pairs| Value::from(pairs.into_iter().collect::<Map<_, _>>())),
            ]
        })
    }

    proptest! {
        #[test]
        fn whatever_the_fields_hold_the_text_is_harmless(fields in prop::collection::vec(("event|msg|error|context|.{0,6}", value()), 0..6)) {
            let line = StructuredLine { fields: fields.into_iter().collect() };
            let text = line.to_text();
            prop_assert!(text.chars().all(|c| !c.is_control() || c == '\t' || c == '\n'), "{text:?}");
            prop_assert!(text.lines().skip(1).all(|line| line.starts_with("  ")), "{text:?}");
        }
    }
}
