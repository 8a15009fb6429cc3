//! The script of the kit over recorded and generated records: what Loki gets of them.

#[path = "kit/lua.rs"]
mod lua;
mod oracle;

use std::time::{Duration, Instant};

use lua::{Record, Sent, one, sent, sent_by};
use oracle::{Draw, cases};
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use taskflows_core::log::StructuredLine;
use taskflows_logging::kit::{JournalSources, Pipeline};
use taskflows_logging::{
    LokiLogging, RequestContext, SinkConfig, configure_loki_logging, fields, get_struct_logger,
    set_request_context,
};
use taskflows_tests::{ForwardReceiver, Forwarding};

fn recorded() -> Vec<(Value, Option<Sent>)> {
    let entries: Vec<Value> = serde_json::from_str(include_str!("kit/records.json")).unwrap();
    let records: Vec<Record> = entries.iter().map(Record::recorded).collect();
    let sent = sent(&records);
    entries.into_iter().map(|entry| entry["record"].clone()).zip(sent).collect()
}

/// Recorded from a private manager; what was not ours there is passed over.
#[test]
fn recorded_entries_become_lines_of_their_services() {
    let all = recorded();
    let ours = |record: &Value| record.to_string().contains("taskflows-");
    for (record, sent) in &all {
        assert_eq!(sent.is_some(), ours(record), "{record}");
        let Some(sent) = sent else { continue };
        assert!(["report", "nightly"].contains(&sent.label("service_name")), "{sent:?}");
        assert!(StructuredLine::read(&sent.line).is_some(), "{}", sent.line);
    }
    let of = |text: &str| {
        let mut found = all.iter().filter_map(|(_, sent)| sent.as_ref());
        found.find(|sent| sent.line.contains(text)).unwrap_or_else(|| panic!("{text}"))
    };
    let plain = of("plain words");
    assert_eq!(plain.json()["event"], "plain words");
    assert_eq!(plain.json()["format"], "text");
    assert_eq!(plain.label("logger"), "taskflows-report");
    assert_eq!((plain.label("severity"), plain.label("level_name")), ("INFO", "info"));
    let error = of("an error by its prefix");
    assert_eq!((error.label("severity"), error.json()["severity"].as_str()), ("ERROR", Some("ERROR")));
    assert_eq!(StructuredLine::read(&error.line).unwrap().priority(), Some(3));
    assert_eq!(of("bad ").json()["event"], "bad \u{fffd} byte");
    let manager = of("Failed with result");
    assert_eq!((manager.json()["origin"].as_str(), manager.label("logger")), (Some("systemd"), "systemd"));
    assert_eq!(manager.label("run_id").len(), 32);
}

#[test]
fn a_line_that_is_json_stays_byte_for_byte_and_names_its_labels() {
    let all = recorded();
    let (record, sent) =
        all.iter().find(|(record, _)| record["message"].to_string().contains("user_login")).unwrap();
    let sent = sent.as_ref().unwrap();
    assert_eq!(sent.line, record["message"].as_str().unwrap());
    let labels: Vec<(&str, &str)> = sent.labels.iter().map(|(key, value)| (&**key, &**value)).collect();
    let expected = [
        ("app", "shop"),
        ("environment", "staging"),
        ("hostname", "box"),
        ("level_name", "error"),
        ("logger", "my.mod"),
        ("request_id", "abc-123"),
        ("service_name", "report"),
        ("severity", "ERROR"),
        ("trace_id", "trace-abc123"),
    ];
    assert_eq!(labels, expected);
}

#[test]
fn the_notes_of_a_run_keep_their_fields_at_the_top() {
    let all = recorded();
    let notes = all.iter().filter(|(record, _)| record["taskflows_event"].is_string());
    let notes: Vec<_> = notes.map(|(record, sent)| (record, sent.as_ref().unwrap())).collect();
    assert!(notes.iter().any(|(record, _)| record["taskflows_event"] == "finished"));
    for (record, sent) in notes {
        let line = sent.json();
        let fields = record.as_object().unwrap();
        for (key, value) in fields.iter().filter(|(key, _)| key.starts_with("taskflows_")) {
            assert_eq!(line[key], *value, "{key}");
        }
        assert_eq!(sent.label("run_id"), record["taskflows_run_id"].as_str().unwrap());
        assert_eq!(sent.label("attempt"), record["taskflows_attempt"].as_str().unwrap_or_default());
    }
}

#[test]
fn a_wrapped_line_has_its_keys_in_order() {
    let record = Record::of_web(b"copied \"12\" files\n\x01\t")
        .with("taskflows_run_id", "0123456789abcdef0123456789abcdef")
        .with("taskflows_attempt", "2")
        .with("taskflows_task", "copy")
        .at(1_795_750_982, 5_000);
    let line = concat!(
        r#"{"timestamp":"2026-11-27T03:43:02.000005Z","timestamp_ns":1795750982000005000,"#,
        r#""event":"copied \"12\" files\n\u0001\t","severity":"INFO","level_name":"info","logger":"taskflows-web","#,
        r#""app":"web","environment":"production","hostname":"web1","run_id":"0123456789abcdef0123456789abcdef","#,
        r#""attempt":2,"format":"text","taskflows_attempt":"2","#,
        r#""taskflows_run_id":"0123456789abcdef0123456789abcdef","taskflows_task":"copy"}"#
    );
    assert_eq!(one(record).line, line);
}

#[test]
fn whose_line_it_is_can_be_seen() {
    let who = |record: Record| {
        let sent = sent(&[record.with("message", "x")]).remove(0);
        sent.map(|sent| sent.label("service_name").to_owned())
    };
    let trusted = |fields: &[(&str, &str)]| Record::journal(fields).with("_boot_id", "0");
    type Given<'a> = &'a [(&'a str, &'a str)];
    let table: [(Given<'_>, Option<&str>); 16] = [
        (&[("_systemd_user_unit", "taskflows-a.service")], Some("a")),
        (&[("_systemd_user_unit", "taskflows-a@1.service")], Some("a@1")),
        (&[("_systemd_unit", "taskflows-b.service")], Some("b")),
        (&[("_systemd_unit", "taskflows-b.timer")], None),
        (&[("_systemd_user_unit", "stop-taskflows-a.service")], None),
        (&[("_systemd_user_unit", "restart-taskflows-a.service")], None),
        (&[("_systemd_user_unit", "init.scope"), ("user_unit", "taskflows-a.service")], Some("a")),
        // A field that any program can write does not make its line another service's.
        (&[("_systemd_user_unit", "other.service"), ("user_unit", "taskflows-a.service")], None),
        (&[("_systemd_unit", "other.service"), ("systemd_unit", "taskflows-a.service")], None),
        (&[("_pid", "1"), ("unit", "taskflows-b.service")], Some("b")),
        (&[("_pid", "2"), ("unit", "taskflows-b.service")], None),
        (&[("syslog_identifier", "taskflows-c"), ("_transport", "stdout")], Some("c")),
        (&[("syslog_identifier", "taskflows-c"), ("_transport", "syslog")], None),
        (&[("container_name", "redis"), ("_systemd_unit", "docker.service"), ("_uid", "0")], Some("redis")),
        (&[("container_name", "redis"), ("_systemd_unit", "user@1000.service"), ("_uid", "1000")], None),
        (&[("_systemd_unit", "ssh.service")], None),
    ];
    for (fields, expected) in table {
        assert_eq!(who(trusted(fields)).as_deref(), expected, "{fields:?}");
    }
    // Without underscores, as Fluent Bit can be told to have it.
    let stripped = Record::journal(&[("systemd_user_unit", "taskflows-a.service"), ("boot_id", "0")]);
    assert_eq!(who(stripped).as_deref(), Some("a"));
}

/// It is typed into a terminal, whose unit is another, or runs as a service of its own.
#[test]
fn the_line_of_a_check_passes_from_wherever_it_comes() {
    let check = |fields: &[(&str, &str)]| {
        let record =
            Record::journal(fields).with("_boot_id", "0").with("message", "taskflows logging check x");
        record.with("_transport", "journal").with("syslog_identifier", "taskflows-logging-check")
    };
    let places: [&[(&str, &str)]; 5] = [
        &[],
        &[("_systemd_user_unit", "app-terminal-1.scope"), ("_uid", "1000")],
        &[("_systemd_unit", "session-3.scope"), ("_uid", "0")],
        &[("_systemd_user_unit", "taskflows-nightly.service"), ("_uid", "1000")],
        &[("_systemd_unit", "docker.service"), ("container_name", "web"), ("_uid", "0")],
    ];
    let records = places.map(|fields| check(fields).with("taskflows_check", "x"));
    let journal = JournalSources { user: Some(7), docker: false, system: false, ..Default::default() };
    let strict = Pipeline { journal, ..Pipeline::default() };
    for pipeline in [Pipeline::default(), strict] {
        for (sent, fields) in sent_by(&pipeline, &[], &records).into_iter().zip(places) {
            let sent = sent.unwrap_or_else(|| panic!("{fields:?}"));
            assert_eq!(sent.label("service_name"), "logging-check", "{fields:?}");
            assert_eq!(sent.json()["taskflows_check"], "x");
        }
    }
    // The name alone makes it nobody's, as before.
    assert_eq!(sent(&[check(places[1])]), [None]);
}

#[test]
fn only_what_is_an_id_of_a_run_is_kept_as_one() {
    let run = "0123456789abcdef0123456789abcdef";
    let label = |id: &str| one(Record::of_web(json!({ "run_id": id }).to_string().as_bytes()));
    assert_eq!(label(run).label("run_id"), run);
    for id in ["", "ab", "0123456789abcdef0123456789abcdeg", "01234567-89ab-cdef-0123-456789abcdef", "x y"] {
        assert_eq!(label(id).label("run_id"), "", "{id}");
    }
    let invoked = Record::of_web(br#"{"run_id":"batch 7"}"#).with("_systemd_invocation_id", run);
    assert_eq!(one(invoked).label("run_id"), run);
    let text = one(Record::of_web(b"x").with("taskflows_run_id", "no id"));
    assert_eq!((text.label("run_id"), text.json().get("run_id")), ("", None));
}

/// A map that no program of ours sent: its line is written anew, as far as numbers of Lua allow.
#[test]
fn a_plain_map_becomes_a_line_in_the_usual_order() {
    let map = json!({
        "context": { "z": 0.1, "a": [1, 2.5, "x"], "flag": false, "none": null, "big": 9_007_199_254_740_993_u64 },
        "team": "platform", "taskflows_b": 1, "taskflows_a": "x", "request_id": "r-1", "hostname": "web1",
        "event": "größer \"x\"", "timestamp_ns": 1_795_750_982_123_456_789_i64, "timestamp": "t", "app": "shop",
        "severity": "ERROR", "logger": "my.mod", "line": 42, "level_name": "error", "log": "no line of its own",
        "e": 1e300, "small": -5, "attempt": 2,
    });
    let sent = one(Record::of_map("taskflows", (1_795_750_982, 123_456_789), &map));
    let line = concat!(
        r#"{"timestamp":"t","timestamp_ns":1795750982123456789,"event":"größer \"x\"","severity":"ERROR","#,
        r#""level_name":"error","logger":"my.mod","app":"shop","hostname":"web1","e":1e+300,"line":42,"#,
        r#""log":"no line of its own","small":-5,"team":"platform","request_id":"r-1","attempt":2,"#,
        r#""taskflows_a":"x","taskflows_b":1,"#,
        r#""context":{"a":[1,2.5,"x"],"big":9007199254740992,"flag":false,"z":0.1}}"#
    );
    assert_eq!(sent.line, line);
    let labels =
        ["service_name", "app", "hostname", "severity", "level_name", "logger", "request_id", "attempt"];
    let expected = ["shop", "shop", "web1", "ERROR", "error", "my.mod", "r-1", "2"];
    assert_eq!(labels.map(|name| sent.label(name)), expected);
    // The time of another line is not its own.
    let other = one(Record::of_map("app", (1_795_750_000, 0), &map));
    assert_eq!(other.json()["timestamp_ns"], 1_795_750_982_123_456_768_i64);
}

/// As the journal's own sink writes a line: its fields are fields there, and texts.
#[test]
fn a_line_that_was_written_as_fields_keeps_its_labels_and_its_context() {
    let fields = [
        ("event_fingerprint", "874652ed"),
        ("severity", "CRITICAL"),
        ("logger", "my.mod"),
        ("app", "shop"),
        ("environment", "staging"),
        ("request_id", "r-1"),
        ("context_user_id", "7"),
        ("context_b", "x\"y"),
        ("context_none", ""),
    ];
    let record = fields.iter().fold(Record::of_web(b"paid"), |record, (key, value)| record.with(key, value));
    let sent = one(record);
    let labels = ["service_name", "app", "environment", "severity", "logger", "request_id"];
    let expected = ["web", "shop", "staging", "CRITICAL", "my.mod", "r-1"];
    assert_eq!(labels.map(|name| sent.label(name)), expected);
    assert_eq!(sent.json()["context"], json!({ "b": "x\"y", "user_id": "7" }));
    assert_eq!(sent.json()["event"], "paid");
    // Another program's fields of these names are its own affair.
    let other = one(Record::of_web(b"paid").with("app", "shop").with("context_b", "x"));
    assert_eq!((other.label("app"), other.json().get("context")), ("web", None));
}

#[test]
fn a_text_that_is_no_line_is_wrapped_and_stands_there_once() {
    let map = json!({ "taskflows_line": "no JSON", "app": "shop", "service_name": "nightly" });
    let sent = one(Record::of_map("taskflows", (7, 0), &map));
    assert_eq!((sent.json()["event"].as_str(), sent.label("service_name")), (Some("no JSON"), "nightly"));
    assert_eq!(sent.json().get("taskflows_line"), None);
}

/// From a program by the forward protocol to Loki's line: the bytes that the program wrote.
#[test]
fn a_program_that_forwards_has_its_lines_in_loki_byte_for_byte() {
    let receiver = ForwardReceiver::start([Forwarding::Acknowledge]);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("lines");
    let guard = configure_loki_logging(LokiLogging {
        app_name: "shop".to_owned(),
        environment: Some("staging".to_owned()),
        extra_labels: [("team".to_owned(), "größer".to_owned())].into(),
        sinks: vec![
            SinkConfig::File { path: path.clone(), max_bytes: 1 << 20, max_rotations: 1 },
            SinkConfig::FluentBit { address: receiver.address().to_owned(), tag: "taskflows".to_owned() },
        ],
        ..LokiLogging::default()
    })
    .unwrap();
    let logger = get_struct_logger("my.mod");
    set_request_context(RequestContext { request_id: Some("r-1".to_owned()), ..RequestContext::default() });
    let nested = json!({ "b": [null, 1, u64::MAX, i64::MIN, 0.1, 1e300, -0.0], "a": {}, "list": [] });
    logger.info("a \u{1f600}\n\"quoted\"", fields! { nested: nested, user_id: 9_007_199_254_740_993_u64 });
    logger.error("failed", fields! { taskflows_event: "finished", "http.method": "GET", log: "l", line: 3 });
    logger.debug("not written", fields! {});
    logger.critical("at last", fields! {});
    assert!(guard.flush(Duration::from_secs(60)));
    let written = std::fs::read_to_string(&path).unwrap();
    let messages = receiver.messages();
    let entries = messages.iter().flat_map(|message| &message.entries);
    let records: Vec<Record> =
        entries.map(|(sec, nsec, map)| Record::of_map("taskflows", (*sec, *nsec), map)).collect();
    let sent: Vec<Sent> = sent(&records).into_iter().map(Option::unwrap).collect();
    assert_eq!(
        sent.iter().map(|sent| sent.line.as_str()).collect::<Vec<_>>(),
        written.lines().collect::<Vec<_>>()
    );
    assert_eq!(sent.len(), 3);
    for (sent, severity) in sent.iter().zip(["INFO", "ERROR", "CRITICAL"]) {
        let labels = ["service_name", "app", "environment", "severity", "logger", "request_id"];
        let expected = ["shop", "shop", "staging", severity, "my.mod", "r-1"];
        assert_eq!(labels.map(|name| sent.label(name)), expected);
        assert_eq!(sent.json()["timestamp_ns"], sent.sec * 1_000_000_000 + i64::from(sent.nsec));
    }
}

#[test]
fn a_user_alone_can_be_read() {
    let journal = JournalSources { user: Some(1000), docker: false, system: false, ..Default::default() };
    let only = Pipeline { journal, ..Pipeline::default() };
    let of = |fields: &[(&str, &str)]| Record::journal(fields).with("_boot_id", "0").with("message", "x");
    let records = [
        of(&[("_systemd_user_unit", "taskflows-a.service"), ("_uid", "1000")]),
        of(&[("_systemd_user_unit", "taskflows-a.service"), ("_uid", "1001")]),
        of(&[("_systemd_unit", "taskflows-a.service"), ("_uid", "0")]),
        of(&[("container_name", "redis"), ("_uid", "0")]),
        of(&[("syslog_identifier", "taskflows-a"), ("_transport", "stdout"), ("_uid", "0")]),
    ];
    let taken: Vec<bool> = sent_by(&only, &[], &records).iter().map(Option::is_some).collect();
    assert_eq!(taken, [true, false, false, false, false]);
}

#[test]
fn what_was_noted_of_a_line_stands_against_what_it_says_of_its_run() {
    let (noted, own) = ("0".repeat(32), "1".repeat(32));
    let line = format!(r#"{{"event":"x","run_id":"{own}","attempt":3}}"#);
    let record = Record::of_web(line.as_bytes());
    let said = one(record.clone());
    assert_eq!((said.label("run_id"), said.label("attempt")), (own.as_str(), "3"));
    let of_exec = one(record.with("taskflows_run_id", &noted).with("taskflows_attempt", "1"));
    assert_eq!((of_exec.label("run_id"), of_exec.label("attempt")), (noted.as_str(), "1"));
    assert_eq!(of_exec.line, line);
}

#[test]
fn a_wrapped_line_keeps_a_priority_that_is_between_five_words() {
    let wrapped = |priority: &str| one(Record::of_web(b"x").with("priority", priority)).json();
    for (priority, level) in [(0, "critical"), (1, "critical"), (5, "info")] {
        let line = wrapped(&priority.to_string());
        assert_eq!((&line["priority"], &line["level_name"]), (&priority.into(), &level.into()));
    }
    for priority in ["2", "3", "4", "6", "7", "9", "x"] {
        assert!(wrapped(priority).get("priority").is_none(), "{priority}");
    }
}

#[test]
fn a_containers_line_belongs_to_no_invocation_of_the_engine() {
    let record = Record::journal(&[
        ("_boot_id", "0"),
        ("_uid", "0"),
        ("_systemd_unit", "docker.service"),
        ("_systemd_invocation_id", "0123456789abcdef0123456789abcdef"),
        ("container_name", "redis"),
        ("message", "Ready to accept connections"),
    ]);
    let sent = one(record.clone());
    assert_eq!((sent.label("service_name"), sent.label("run_id")), ("redis", ""));
    let service = record.with("_systemd_unit", "taskflows-a.service");
    let service = Record {
        fields: service.fields.into_iter().filter(|(key, _)| key != "container_name").collect(),
        ..service
    };
    assert_eq!(one(service).label("run_id"), "0123456789abcdef0123456789abcdef");
}

#[test]
fn programs_and_files_send_lines_of_their_own() {
    let line = concat!(
        r#"{"timestamp_ns":1795750980000000007,"event":"x","app":"shop","#,
        r#""run_id":"0123456789ABCDEF0123456789abcdef","attempt":3}"#
    );
    let forwarded = one(Record::tagged("taskflows", &[("log", line), ("service_name", "report")]));
    assert_eq!(forwarded.line, line);
    assert_eq!((forwarded.label("service_name"), forwarded.label("app")), ("report", "shop"));
    let run = "0123456789abcdef0123456789abcdef";
    assert_eq!((forwarded.label("run_id"), forwarded.label("attempt")), (run, "3"));
    assert_eq!((forwarded.sec, forwarded.nsec), (1_795_750_982, 123_456_789), "its own time");
    let of_file =
        |log: &str| one(Record::tagged("file", &[("log", log), ("file_path", "/var/log/x/shop.log")]));
    let file = of_file(line);
    assert_eq!((file.sec, file.nsec), (1_795_750_980, 7), "the line's time");
    assert_eq!(file.label("service_name"), "shop");
    let text = of_file("plain");
    assert_eq!((text.label("service_name"), text.json()["event"].as_str()), ("shop", Some("plain")));
    // A time that cannot be is not taken.
    let far = of_file(r#"{"timestamp_ns":1995750980000000007,"event":"x"}"#);
    assert_eq!((far.sec, far.nsec), (1_795_750_982, 123_456_789));
    let map = one(Record::tagged("app", &[("event", "a \u{1f600}"), ("severity", "error"), ("app", "shop")]));
    assert_eq!(map.json(), json!({ "app": "shop", "event": "a \u{1f600}", "severity": "error" }));
    assert_eq!((map.label("severity"), map.label("service_name")), ("ERROR", "shop"));
}

#[test]
fn levels_are_five_words() {
    let severity = |message: &str, priority: &str| {
        let sent = one(Record::of_web(message.as_bytes()).with("priority", priority));
        (sent.label("severity").to_owned(), sent.label("level_name").to_owned())
    };
    let both = |word: &str| (word.to_owned(), word.to_lowercase());
    for (name, word) in [
        ("emerg", "CRITICAL"),
        ("alert", "CRITICAL"),
        ("fatal", "CRITICAL"),
        ("Error", "ERROR"),
        ("warn", "WARNING"),
        ("notice", "INFO"),
        ("trace", "DEBUG"),
        ("verbose", "INFO"),
    ] {
        assert_eq!(severity(&json!({ "level": name }).to_string(), "6"), both(word), "{name}");
    }
    for (priority, word) in
        ["CRITICAL", "CRITICAL", "CRITICAL", "ERROR", "WARNING", "INFO", "INFO", "DEBUG"].iter().enumerate()
    {
        assert_eq!(severity("x", &priority.to_string()), both(word));
    }
    assert_eq!(severity("x", "9"), both("INFO"));
    // The names are looked for in the order in which `StructuredLine` looks for them.
    assert_eq!(
        severity(r#"{"level":"debug","severity":"ERROR","level_name":"warning"}"#, "6"),
        both("WARNING")
    );
}

#[test]
fn labels_are_short_and_stand_on_one_line() {
    let line = |key: &str, value: &str| one(Record::of_web(json!({ key: value }).to_string().as_bytes()));
    assert_eq!(line("logger", &"x".repeat(500)).label("logger").len(), 100);
    assert_eq!(line("logger", &"\u{e9}".repeat(500)).label("logger"), "\u{e9}".repeat(50));
    assert_eq!(line("logger", &"\u{1f600}".repeat(500)).label("logger"), "\u{1f600}".repeat(25));
    assert_eq!(line("logger", "a b{c}=\"d\"").label("logger"), "a_b_c___d_");
    assert_eq!(line("logger", "").label("logger"), "taskflows-web");
    assert_eq!(line("app", "a\nb\u{0}c").label("app"), "a b c");
    assert_eq!(line("environment", &"e".repeat(300)).label("environment").len(), 100);
    assert_eq!(line("request_id", &"r".repeat(300)).label("request_id").len(), 200);
    assert_eq!(line("app", "x").label("environment"), "production");
    let told =
        sent_by(&Pipeline::default(), &[("ENVIRONMENT", "staging")], &[Record::of_web(b"x")]).remove(0);
    assert_eq!(told.unwrap().label("environment"), "staging");
}

#[test]
fn lines_of_one_microsecond_stay_in_order_and_names_are_forgotten() {
    let mut records: Vec<Record> = (0..1500).map(|_| Record::of_web(b"x").at(7, 999_999_000)).collect();
    records.push(Record::of_web(b"x").at(8, 1_999));
    records.push(Record::of_web(b"back").at(7, 999_999_000));
    let sent = sent(&records);
    let times: Vec<(i64, u32)> =
        sent.into_iter().map(|sent| sent.unwrap()).map(|s| (s.sec, s.nsec)).collect();
    let first: Vec<(i64, u32)> = (0..1000).map(|more| (7, 999_999_000 + more)).collect();
    assert_eq!(times[..1000], first);
    assert_eq!(times[1499], (7, 999_999_999), "a microsecond has no more");
    assert_eq!(times[1500..], [(8, 1_000), (7, 999_999_000)]);
    // 5,000 services: the script keeps at most 1,024 of them, so the first is new again.
    let named =
        |n: u32| Record::of_web(b"x").with("_systemd_user_unit", &format!("taskflows-{n}.service")).at(7, 0);
    let many: Vec<Record> = [0, 0].into_iter().chain(1..1900).chain([0]).map(named).collect();
    let sent = lua::sent(&many);
    let nsec = |at: usize| sent[at].as_ref().unwrap().nsec;
    assert_eq!((nsec(0), nsec(1), nsec(many.len() - 1)), (0, 1, 0));
}

/// What is read back of a line is what was written.
#[track_caller]
fn check_faithful(message: &[u8], sent: &Sent) {
    let text = String::from_utf8_lossy(message);
    let line: Map<String, Value> = serde_json::from_str(&sent.line)
        .unwrap_or_else(|error| panic!("{error}\n{}\nof {text:?}", sent.line));
    // What is longer is no structured line to those who read it.
    assert_eq!(StructuredLine::read(&sent.line).is_some(), sent.line.len() <= 4 << 20);
    if serde_json::from_str::<Map<String, Value>>(&text).is_ok() {
        assert_eq!(sent.line, text, "a JSON object stays as it is");
    } else {
        assert_eq!(line["event"], *text, "another is the event");
        assert_eq!(line["format"], "text");
    }
}

fn faithful(messages: Vec<Vec<u8>>) {
    let messages: Vec<Vec<u8>> = messages.into_iter().filter(|message| !message.is_empty()).collect();
    let records: Vec<Record> = messages.iter().map(|message| Record::of_web(message)).collect();
    for (message, sent) in messages.iter().zip(sent(&records)) {
        check_faithful(message, &sent.unwrap());
    }
}

#[test]
fn any_bytes_become_a_line_of_json() {
    let mut draw = Draw::new();
    faithful(draw.many(&prop::collection::vec(any::<u8>(), 1..60), cases(3000)));
    faithful(draw.many(&any::<String>(), cases(2000)).into_iter().map(String::into_bytes).collect());
    // Around what is UTF-8 and what is not: every pair of bytes after one, and the ends of sequences.
    let leads: [&[u8]; 7] =
        [b"", b"\xc2", b"\xe0\xa0", b"\xed\x9f", b"\xf0\x90\x80", b"\xf4\x8f\xbf", b"\xef\xbf"];
    let pairs =
        leads.iter().flat_map(|lead| (0..=255_u8).map(move |byte| [b"a", *lead, &[byte], b"\x80z"].concat()));
    faithful(pairs.collect());
}

/// JSON, and JSON with a byte of it changed, left out or put in: the script takes for an object what serde_json does.
#[test]
fn what_is_json_is_seen_as_serde_sees_it() {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        Just(Value::Null),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    let value = leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::hash_map(".{0,6}", inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    });
    let object = prop::collection::vec((".{0,6}", value), 0..5)
        .prop_map(|pairs| Value::Object(pairs.into_iter().collect()).to_string().into_bytes());
    let byte =
        prop_oneof![any::<u8>(), prop::sample::select(b"{}[]\",:\\u0123456789eE+-. \n\ttfn/dD8c".to_vec())];
    let mutated = (object.clone(), prop::collection::vec((any::<prop::sample::Index>(), 0..3, byte), 1..3))
        .prop_map(|(mut text, changes)| {
            for (at, change, byte) in changes {
                let at = at.index(text.len());
                match change {
                    0 => text[at] = byte,
                    1 => text.insert(at, byte),
                    _ if text.len() > 1 => drop(text.remove(at)),
                    _ => {}
                }
            }
            text
        });
    let mut draw = Draw::new();
    faithful(draw.many(&object, cases(1500)));
    faithful(draw.many(&mutated, cases(6000)));
}

#[test]
fn what_is_nearly_json_is_text() {
    let deep = |levels: usize| format!("{}1{}", "{\"a\":".repeat(levels), "}".repeat(levels)).into_bytes();
    let texts = [
        r#"{}"#,
        r#" {"a":1} "#,
        "{\"a\":1}\r\n",
        r#"{"a":1}x"#,
        r#"{"a":1"#,
        r#"{"a":01}"#,
        r#"{"a":1.}"#,
        r#"{"a":.5}"#,
        r#"{"a":-}"#,
        r#"{"a":1e5}"#,
        r#"{"a":1e999}"#,
        r#"{"a":-0.0e-0}"#,
        r#"{"a":tru}"#,
        r#"{"a":"\x"}"#,
        r#"{"a":"\u12"}"#,
        r#"{"a":"\ud800"}"#,
        r#"{"a":"\ud83d\ude00"}"#,
        r#"{"a":"\udc00"}"#,
        r#"{"\ud800":1}"#,
        r#"{"a":1,}"#,
        r#"{,"a":1}"#,
        r#"{"a" 1}"#,
        r#"{a:1}"#,
        r#"[1]"#,
        r#""a""#,
        r#"{"a":[1,]}"#,
        r#"{"a":[1,{"b":[]}]}"#,
        r#"{"a":[}"#,
        r#"{"a":{]}"#,
        "{\"a\":\"\t\"}",
        "{\"a\":\"\u{7f}\"}",
        r#"{"app":"x","app":3}"#,
        r#"{"\u0061pp":"escaped"}"#,
        "{",
        "}",
        "{}{}",
        "{\"a\":NaN}",
        "{\"a\":+1}",
        "{\"a\":1e+}",
        "{\"a\":\"b\"\"c\"}",
    ];
    let mut all: Vec<Vec<u8>> = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    all.extend([deep(126), deep(127), deep(128), deep(5000)]);
    faithful(all);
    assert_eq!(
        one(Record::of_web(br#"{"\u0061pp":"esc\u0061ped \ud83d\ude00"}"#)).label("app"),
        "escaped \u{1f600}"
    );
    assert_eq!(one(Record::of_web(br#"{"app":"x","app":"y"}"#)).label("app"), "y");
    assert_eq!(one(Record::of_web(br#"{"context":{"app":"inner"}}"#)).label("app"), "web");
}

#[test]
fn a_line_of_a_megabyte_is_taken_in_time() {
    let text = "\u{436}\"\\ \n".repeat(200_000).into_bytes();
    let object = json!({ "event": "\u{436}\" ".repeat(250_000), "app": "shop" }).to_string().into_bytes();
    let broken = vec![0xff; 1 << 20];
    let began = Instant::now();
    for message in [&text, &object, &broken] {
        check_faithful(message, &one(Record::of_web(message)));
    }
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
}
