use std::str::FromStr;

use jiff::Timestamp;
use serde_json::{Map, Value};
use taskflows_core::effects::{LogEntry, LogOrigin, LogQuery};
use taskflows_core::log::StructuredLine;
use taskflows_core::task::RunId;

use super::answer::Row;

/// Of what says nothing about its level: info.
const PRIORITY: u8 = 6;

/// Returns what a row says, where it is of one of `services`.
///
/// The run is that of the entry's structured metadata; only where there is none, that of the line. Where `query` asks for
/// the run that the line says, it is that: a task within the run of `tf exec` has one of its own.
pub(super) fn entry(row: &Row, query: &LogQuery) -> Option<LogEntry> {
    let name = row.label("service_name")?;
    let service = query.services.iter().find(|service| service.as_str() == name)?.clone();
    let line = StructuredLine::read(&row.line);
    let fields = line.as_ref().map(|line| &line.fields);
    let wrapped = fields.and_then(wrapped);
    let of_manager = wrapped.is_some()
        && fields.is_some_and(|fields| text(fields, "origin").as_deref() == Some("systemd"));
    let exact = wrapped.and(fields).and_then(exact_priority);
    let said = || line.as_ref().and_then(StructuredLine::priority);
    let priority = exact.or_else(said).or_else(|| label_priority(row));
    let run_of_line = || of_line(fields, "run_id", exact_run);
    let is_of_line = query.run.is_some() && query.run == run_of_line();
    let row_of_run = Some(row).filter(|_| !is_of_line);
    Some(LogEntry {
        time: Timestamp::from_nanosecond(row.at.into()).ok()?,
        service,
        origin: if of_manager { LogOrigin::Manager } else { LogOrigin::Process },
        run: value(row_of_run, fields, "run_id", exact_run),
        attempt: value(row_of_run, fields, "attempt", |text| text.parse().ok()),
        priority: priority.unwrap_or(PRIORITY),
        message: wrapped.map_or_else(|| row.line.clone(), str::to_owned),
    })
}

/// Returns the message of a line that was no JSON where it was written.
fn wrapped(fields: &Map<String, Value>) -> Option<&str> {
    (fields.get("format")?.as_str()? == "text").then(|| fields.get("event")?.as_str()).flatten()
}

/// Returns the priority that five words for a level cannot tell, such as that of a notice.
fn exact_priority(fields: &Map<String, Value>) -> Option<u8> {
    u8::try_from(fields.get("priority")?.as_u64()?).ok().filter(|priority| *priority < 8)
}

fn label_priority(row: &Row) -> Option<u8> {
    let names = ["level_name", "severity"];
    let labels =
        names.iter().filter_map(|name| Some(((*name).to_owned(), row.label(name)?.into()))).collect();
    StructuredLine { fields: labels }.priority()
}

/// Returns what is said of the entry by `name`: by Loki, else by the line.
fn value<T>(
    row: Option<&Row>,
    fields: Option<&Map<String, Value>>,
    name: &str,
    read: impl Fn(&str) -> Option<T>,
) -> Option<T> {
    match row.and_then(|row| row.label(name)) {
        Some(own) => read(own),
        None => of_line(fields, name, read),
    }
}

/// Returns what the line says by `name`, `taskflows_` before it or not.
fn of_line<T>(
    fields: Option<&Map<String, Value>>,
    name: &str,
    read: impl Fn(&str) -> Option<T>,
) -> Option<T> {
    let names = [format!("taskflows_{name}"), name.to_owned()];
    names.iter().find_map(|name| read(&text(fields?, name)?))
}

/// Reads a run as Loki is asked for it, letter by letter.
fn exact_run(text: &str) -> Option<RunId> {
    RunId::from_str(text).ok().filter(|run| run.to_string() == text)
}

/// Returns a field as text.
pub(super) fn text(fields: &Map<String, Value>, name: &str) -> Option<String> {
    match fields.get(name)? {
        Value::String(text) => Some(text.clone()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
        other => Some(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    const RUN: &str = "0123456789abcdef0123456789abcdef";

    fn row(labels: &[(&str, &str)], line: &str) -> Row {
        let mut all = vec![("service_name", "web")];
        all.extend(labels);
        let labels = all.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Row { at: 1, slack: 0, labels: Arc::new(labels), line: line.to_owned(), key: 0 }
    }

    fn read(labels: &[(&str, &str)], line: &str) -> LogEntry {
        entry(&row(labels, line), &of_web()).unwrap()
    }

    fn of_web() -> LogQuery {
        LogQuery { services: vec!["web".parse().unwrap()], ..LogQuery::default() }
    }

    #[test]
    fn a_wrapped_message_is_unwrapped() {
        let line = format!(
            r#"{{"event":"it \"is\"","format":"text","origin":"systemd","level_name":"error","run_id":"{RUN}","attempt":2}}"#
        );
        let read = read(&[], &line);
        assert_eq!((read.message.as_str(), read.priority, read.attempt), ("it \"is\"", 3, Some(2)));
        assert_eq!((read.origin, read.run), (LogOrigin::Manager, RUN.parse().ok()));
    }

    #[test]
    fn a_wrapped_notice_is_one() {
        let line =
            |format: &str| format!(r#"{{"event":"x","level_name":"info","format":"{format}","priority":5}}"#);
        assert_eq!(read(&[], &line("text")).priority, 5);
        assert_eq!(read(&[], &line("other")).priority, 6, "a program's own word comes first");
        assert_eq!(read(&[], &line("text").replace('5', "8")).priority, 6);
    }

    #[test]
    fn a_structured_message_stays_as_it_is() {
        let line = r#"{"event":"x","level":"warn","origin":"systemd"}"#;
        let entry = read(&[("run_id", RUN), ("attempt", "3"), ("severity", "DEBUG")], line);
        assert_eq!((entry.message.as_str(), entry.priority, entry.attempt), (line, 4, Some(3)));
        assert_eq!((entry.origin, entry.run), (LogOrigin::Process, RUN.parse().ok()));
        assert_eq!(read(&[("severity", "DEBUG")], "plain").priority, 7);
        assert_eq!(read(&[], "plain").priority, 6);
    }

    #[test]
    fn what_loki_says_of_the_run_stands_against_the_line() {
        let line = format!(r#"{{"run_id":"{RUN}","taskflows_attempt":"4"}}"#);
        assert_eq!(read(&[("run_id", "other")], &line).run, None);
        assert_eq!(read(&[], &line).run, RUN.parse().ok());
        assert_eq!(read(&[], &line).attempt, Some(4));
    }

    #[test]
    fn a_task_within_a_run_is_found_by_its_own() {
        let outer = "f".repeat(32);
        let row =
            row(&[("run_id", &outer), ("attempt", "1")], &format!(r#"{{"run_id":"{RUN}","attempt":2}}"#));
        let asked = |run: Option<&str>| {
            let query = LogQuery { run: run.and_then(|run| run.parse().ok()), ..of_web() };
            let entry = entry(&row, &query).unwrap();
            (entry.run.unwrap().to_string(), entry.attempt)
        };
        assert_eq!(asked(None), (outer.clone(), Some(1)));
        assert_eq!(asked(Some(&outer)), (outer.clone(), Some(1)));
        assert_eq!(asked(Some(RUN)), (RUN.to_owned(), Some(2)));
    }

    #[test]
    fn another_service_is_none_of_these() {
        assert_eq!(entry(&row(&[("service_name", "web-2")], "x"), &of_web()), None);
    }
}
