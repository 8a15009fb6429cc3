use std::collections::BTreeMap;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use tracing::Level;

use super::super::line::tests::line;
use super::super::worker::Worker;
use super::super::{Line, Sink};
use super::*;

const LINE: &str = r#"{"timestamp":"2026-11-27T00:00:00.000000Z","timestamp_ns":1,"event":"two\nlines","event_fingerprint":"874652ed","severity":"ERROR","level_name":"error","logger":"my.mod","app":"shop","environment":"test","team":"platform","message":"forged","priority":0,"request_id":"r-1","run_id":"0123","attempt":2,"taskflows_event":"finished","context":{"user id":7,"items":[{"sku":"A"}],"ok":true,"none":null,"filename":"a.pdf","code_line":3},"code_file":"forged"}"#;

/// Reads an entry as the journal does.
fn fields(mut bytes: &[u8]) -> BTreeMap<String, String> {
    let mut fields = BTreeMap::new();
    while !bytes.is_empty() {
        let end = bytes.iter().position(|it| matches!(it, b'=' | b'\n')).unwrap();
        let name = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let (value, rest) = if bytes[end] == b'=' {
            let rest = &bytes[end + 1..];
            rest.split_at(rest.iter().position(|it| *it == b'\n').unwrap())
        } else {
            let (length, rest) = bytes[end + 1..].split_at(8);
            rest.split_at(u64::from_le_bytes(length.try_into().unwrap()) as usize)
        };
        assert_eq!(rest[0], b'\n');
        fields.insert(name, String::from_utf8(value.to_vec()).unwrap());
        bytes = &rest[1..];
    }
    fields
}

fn receive(listener: &UnixDatagram) -> BTreeMap<String, String> {
    listener.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let mut bytes = vec![0; 1 << 20];
    let length = listener.recv(&mut bytes).unwrap();
    fields(&bytes[..length])
}

fn sink(path: &std::path::Path) -> Worker {
    let labels = Labels { app: "shop".to_owned(), ..Labels::default() };
    let delivery = Journald { path: Some(path.to_owned()), ..Journald::new(&labels) };
    Worker::start("journald", delivery).unwrap()
}

fn whole() -> Line<'static> {
    let place = Line { file: "src/shop.rs", file_line: 12, ..line(LINE.as_bytes()) };
    Line { level: Level::ERROR, run_id: Some("0123"), attempt: Some(2), ..place }
}

#[test]
fn a_line_becomes_fields() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    let listener = UnixDatagram::bind(&path).unwrap();
    let sink = sink(&path);
    sink.write(&whole());
    assert!(sink.flush(Duration::from_secs(60)));
    let expected = [
        ("MESSAGE", "two\nlines"),
        ("PRIORITY", "3"),
        ("SYSLOG_IDENTIFIER", "shop"),
        ("TASKFLOWS_RUN_ID", "0123"),
        ("TASKFLOWS_ATTEMPT", "2"),
        ("TIMESTAMP_NS", "1"),
        ("EVENT_FINGERPRINT", "874652ed"),
        ("SEVERITY", "ERROR"),
        ("LOGGER", "my.mod"),
        ("APP", "shop"),
        ("ENVIRONMENT", "test"),
        ("TEAM", "platform"),
        ("REQUEST_ID", "r-1"),
        ("TASKFLOWS_EVENT", "finished"),
        ("CONTEXT_USER_ID", "7"),
        ("CONTEXT_ITEMS", r#"[{"sku":"A"}]"#),
        ("CONTEXT_OK", "true"),
        ("CONTEXT_NONE", ""),
        ("CONTEXT_FILENAME", "a.pdf"),
        ("CONTEXT_CODE_LINE", "3"),
        ("CODE_FILE", "src/shop.rs"),
        ("CODE_LINE", "12"),
    ];
    let expected: BTreeMap<_, _> = expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    assert_eq!(receive(&listener), expected);
    let critical = LINE.replace("\"ERROR\"", "\"CRITICAL\"");
    sink.write(&Line { json: critical.as_bytes(), ..whole() });
    assert_eq!(receive(&listener)["PRIORITY"], "2");
    sink.write(&line(b"no JSON"));
    let bare = receive(&listener);
    assert_eq!((bare["MESSAGE"].as_str(), bare["PRIORITY"].as_str()), ("no JSON", "6"));
}

#[test]
fn a_journal_that_is_not_there_yet_gets_its_lines_when_it_is_and_in_order() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    let sink = sink(&path);
    let lines: Vec<_> = (0..20).map(|number| format!("{{\"event\":\"{number}\"}}")).collect();
    lines.iter().for_each(|json| sink.write(&line(json.as_bytes())));
    assert!(!sink.flush(Duration::from_millis(1)));
    let listener = UnixDatagram::bind(&path).unwrap();
    for number in 0..20 {
        assert_eq!(receive(&listener)["MESSAGE"], number.to_string());
    }
    assert!(sink.flush(Duration::from_secs(60)));
    assert_eq!(sink.dropped(), 0);
}

#[test]
fn a_journal_that_does_not_read_costs_the_caller_nothing_and_what_is_lost_is_counted() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    let listener = UnixDatagram::bind(&path).unwrap();
    let sink = sink(&path);
    let json = format!("{{\"event\":\"{}\"}}", "x".repeat(10_000));
    (0..2_000).for_each(|_| sink.write(&line(json.as_bytes())));
    assert!(!sink.flush(Duration::from_millis(1)));
    let refused = sink.dropped();
    assert!(refused > 1_000, "{refused}");
    (0..2_000 - refused).for_each(|_| assert_eq!(receive(&listener)["MESSAGE"].len(), 10_000));
    assert!(sink.flush(Duration::from_secs(60)));
    assert_eq!(sink.dropped(), refused);
}
