//! What Fluent Bit does between the journal and Loki, with its own script: `lua5.1` runs it here.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use taskflows_tests::{LiveManager, LokiStandIn};

use super::lua::{Record, Sent, sent};

/// Reads all of a manager's journal, the oldest entry first.
pub fn entries(manager: &LiveManager) -> Vec<Value> {
    let mut command = manager.command("journalctl");
    command.arg(format!("--directory={}", manager.journal_directory().display()));
    let output = command.args(["--quiet", "--all", "--no-pager", "--output=json"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Makes of an entry what Fluent Bit's input makes of it with `lowercase: on` and `strip_underscores: off`. What
/// `journalctl` adds of itself begins with two underscores.
fn record(entry: &Value) -> Record {
    let fields = entry.as_object().unwrap().iter().filter(|(key, _)| !key.starts_with("__"));
    let record: Map<String, Value> =
        fields.map(|(key, value)| (key.to_lowercase(), last(value).clone())).collect();
    let time: i64 = entry["__REALTIME_TIMESTAMP"].as_str().unwrap().parse().unwrap();
    Record::recorded(&json!({ "time_us": time, "record": record }))
}

/// Of a field that stands in an entry several times, the last one; bytes that are no UTF-8 are a list of numbers.
fn last(value: &Value) -> &Value {
    match value {
        Value::Array(values) if values.iter().all(|one| !one.is_number()) => values.last().unwrap_or(value),
        other => other,
    }
}

/// Brings what the manager's journal has of services to the server.
pub fn bring(manager: &LiveManager, server: &LokiStandIn) -> usize {
    let records: Vec<Record> = entries(manager).iter().map(record).collect();
    let sent: Vec<Sent> = sent(&records).into_iter().flatten().collect();
    push(server, &sent);
    sent.len()
}

/// Pushes as Fluent Bit's output does, but for one thing: the stand-in lets structured metadata go, so `run_id` and
/// `attempt` are labels here. Whoever reads it sees both alike.
pub fn push(server: &LokiStandIn, sent: &[Sent]) {
    let mut streams: BTreeMap<_, Vec<[String; 2]>> = BTreeMap::new();
    for one in sent {
        let time = format!("{}{:09}", one.sec, one.nsec);
        streams.entry(&one.labels).or_default().push([time, one.line.clone()]);
    }
    let streams: Vec<_> =
        streams.iter().map(|(stream, values)| json!({ "stream": stream, "values": values })).collect();
    for some in streams.chunks(50) {
        let body = json!({ "streams": some }).to_string();
        let answer = server.ask("POST", "/loki/api/v1/push", &body);
        assert_eq!(answer.as_ref().map(|(status, _)| *status), Some(204), "{answer:?}");
    }
}
