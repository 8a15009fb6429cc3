use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::super::line::tests::line;
use super::super::worker::Worker;
use super::super::{Line, Sink};
use super::*;

const MINUTE: Duration = Duration::from_secs(60);

/// MessagePack, read by its specification and nothing of `rmp`.
#[derive(Clone, Debug, PartialEq)]
enum Packed {
    Json(Value),
    Binary(Vec<u8>),
    Extension(i8, Vec<u8>),
    Array(Vec<Packed>),
    Map(Vec<(String, Packed)>),
}

impl Packed {
    fn json(self) -> Value {
        match self {
            Self::Json(value) => value,
            Self::Array(values) => values.into_iter().map(Self::json).collect(),
            Self::Map(entries) => {
                let entries = entries.into_iter().map(|(key, value)| (key, value.json()));
                Value::Object(entries.collect::<Map<_, _>>())
            }
            other => panic!("{other:?} is no JSON"),
        }
    }
}

fn take<'a>(bytes: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(count)?;
    *bytes = rest;
    Some(taken)
}

fn number(bytes: &mut &[u8], count: usize) -> Option<u64> {
    Some(take(bytes, count)?.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
}

/// Reads a value; `None` where there is more of it to come.
fn decode(bytes: &mut &[u8]) -> Option<Packed> {
    let first = take(bytes, 1)?[0];
    let signed = |bytes: &mut &[u8], count: usize| {
        let shift = 64 - 8 * count;
        Some(Packed::Json(json!((number(bytes, count)? << shift) as i64 >> shift)))
    };
    Some(match first {
        0x00..=0x7f => Packed::Json(json!(first)),
        0x80..=0x8f => map(bytes, u64::from(first & 0x0f))?,
        0x90..=0x9f => array(bytes, u64::from(first & 0x0f))?,
        0xa0..=0xbf => text(bytes, u64::from(first & 0x1f))?,
        0xc0 => Packed::Json(Value::Null),
        0xc2 | 0xc3 => Packed::Json(json!(first == 0xc3)),
        0xc4..=0xc6 => {
            let length = number(bytes, 1 << (first - 0xc4))?;
            Packed::Binary(take(bytes, length as usize)?.to_vec())
        }
        0xcb => Packed::Json(json!(f64::from_bits(number(bytes, 8)?))),
        0xcc..=0xcf => Packed::Json(json!(number(bytes, 1 << (first - 0xcc))?)),
        0xd0..=0xd3 => signed(bytes, 1 << (first - 0xd0))?,
        0xd7 => Packed::Extension(take(bytes, 1)?[0] as i8, take(bytes, 8)?.to_vec()),
        0xd9..=0xdb => {
            let length = number(bytes, 1 << (first - 0xd9))?;
            text(bytes, length)?
        }
        0xdc | 0xdd => {
            let length = number(bytes, 2 << (first - 0xdc))?;
            array(bytes, length)?
        }
        0xde | 0xdf => {
            let length = number(bytes, 2 << (first - 0xde))?;
            map(bytes, length)?
        }
        0xe0..=0xff => Packed::Json(json!(first as i8)),
        other => panic!("{other:#x} has no place in a message"),
    })
}

fn text(bytes: &mut &[u8], length: u64) -> Option<Packed> {
    let text = String::from_utf8(take(bytes, length as usize)?.to_vec()).unwrap();
    Some(Packed::Json(Value::String(text)))
}

fn array(bytes: &mut &[u8], length: u64) -> Option<Packed> {
    (0..length).map(|_| decode(bytes)).collect::<Option<_>>().map(Packed::Array)
}

fn map(bytes: &mut &[u8], length: u64) -> Option<Packed> {
    let entry = |bytes: &mut &[u8]| match decode(bytes)? {
        Packed::Json(Value::String(key)) => Some((key, decode(bytes)?)),
        other => panic!("{other:?} is no key"),
    };
    (0..length).map(|_| entry(bytes)).collect::<Option<_>>().map(Packed::Map)
}

/// A message in PackedForward mode.
#[derive(Clone, Debug, PartialEq)]
struct Message {
    tag: String,
    chunk: String,
    /// Seconds, nanoseconds, record.
    entries: Vec<(u32, u32, Value)>,
}

fn message(bytes: &mut &[u8]) -> Option<Message> {
    let Packed::Array(parts) = decode(bytes)? else { panic!("no array") };
    let Ok::<[Packed; 3], _>([tag, Packed::Binary(entries), option]) = parts.try_into() else {
        panic!("no entries")
    };
    let (mut rest, mut read) = (&entries[..], Vec::new());
    while !rest.is_empty() {
        let Packed::Array(entry) = decode(&mut rest).unwrap() else { panic!("no entry") };
        let Ok::<[Packed; 2], _>([Packed::Extension(0, time), record]) = entry.try_into() else {
            panic!("no time")
        };
        let half = |bytes: &[u8]| u32::from_be_bytes(bytes.try_into().unwrap());
        read.push((half(&time[..4]), half(&time[4..]), record.json()));
    }
    let option = option.json();
    assert_eq!(option["size"], read.len());
    assert_eq!(option.as_object().unwrap().len(), 2);
    let chunk = option["chunk"].as_str().unwrap().to_owned();
    assert_eq!(chunk.len(), 24);
    Some(Message { tag: tag.json().as_str().unwrap().to_owned(), chunk, entries: read })
}

/// Reads one message from a connection; `None` at its end.
fn receive(stream: &mut TcpStream) -> Option<Message> {
    let (mut bytes, mut part) = (Vec::new(), [0; 65536]);
    stream.set_read_timeout(Some(MINUTE)).unwrap();
    loop {
        let count = stream.read(&mut part).ok().filter(|count| *count > 0)?;
        bytes.extend_from_slice(&part[..count]);
        let mut rest = &bytes[..];
        if let Some(message) = message(&mut rest) {
            assert!(rest.is_empty(), "a chunk came before the one before it was acknowledged");
            return Some(message);
        }
    }
}

fn acknowledge(stream: &mut TcpStream, chunk: &str) {
    let mut bytes = vec![0x81, 0xa3, b'a', b'c', b'k', 0xd9, chunk.len() as u8];
    bytes.extend_from_slice(chunk.as_bytes());
    // The other end may have lost its patience.
    let _ = stream.write_all(&bytes);
}

fn receive_and_acknowledge(stream: &mut TcpStream) -> Message {
    let message = receive(stream).unwrap();
    acknowledge(stream, &message.chunk);
    message
}

fn listen() -> (TcpListener, String) {
    listen_on("127.0.0.1:0")
}

/// What shall be free for a while has an address of its own, so that no other test takes its port.
fn listen_on(address: &str) -> (TcpListener, String) {
    let listener = TcpListener::bind(address).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}

fn accept(listener: &TcpListener) -> TcpStream {
    listener.accept().unwrap().0
}

fn labels() -> Labels {
    Labels { app: "shop".to_owned(), ..Labels::default() }
}

/// The record of a line: its fields, and its text.
fn record(text: &str) -> Value {
    let mut record: Value = serde_json::from_str(text).unwrap();
    record["taskflows_line"] = text.into();
    record
}

/// A sink that waits for acknowledgements so long, and hardly between two tries.
fn sink(address: &str, chunk: Duration) -> Worker {
    let forward = Forward::new(address, "shop.test", &labels()).unwrap();
    let limits = Limits { chunk, ..forward.limits };
    let backoff = Backoff::new(Duration::from_millis(1), Duration::from_millis(20));
    Worker::start("fluent-bit", Forward { limits, backoff, ..forward }).unwrap()
}

fn write(sink: &Worker, numbers: std::ops::Range<u32>) {
    numbers.for_each(|number| sink.write(&line(format!("{{\"n\":{number}}}").as_bytes())));
}

fn numbers(messages: &[Message]) -> Vec<u32> {
    let records = messages.iter().flat_map(|message| &message.entries);
    records.map(|(_, _, record)| record["n"].as_u64().unwrap() as u32).collect()
}

#[test]
fn a_chunk_is_what_the_specification_says() {
    let (listener, address) = listen();
    let sink = sink(&address, MINUTE);
    let text = r#"{"event":"ä","n":-5,"big":18446744073709551615,"f":1.5,"context":{"a":[1,null,true]}}"#;
    sink.write(&line(text.as_bytes()));
    sink.write(&Line { timestamp_ns: -1, ..line(b"no \xff JSON") });
    let received = receive_and_acknowledge(&mut accept(&listener));
    assert!(sink.flush(MINUTE));
    assert_eq!(received.tag, "shop.test");
    let record = record(text);
    let broken = json!({"log": "no \u{fffd} JSON"});
    assert_eq!(received.entries, [(1_790_000_000, 123_456_789, record), (0, 999_999_999, broken)]);
    assert_eq!((sink.dropped(), sink.last_error()), (0, None));
}

#[test]
fn the_service_is_named_unless_the_line_names_one() {
    let sent = |text: &str| {
        let mut batch = Batch::default();
        batch.push(&line(text.as_bytes()));
        let bytes = message::packed_forward("t", Some("nightly"), &batch, "p8n9gmxTQVC8/nh2wlKKeQ==");
        message(&mut &bytes[..]).unwrap().entries.remove(0).2
    };
    assert_eq!(sent(r#"{"event":"x"}"#)["service_name"], "nightly");
    assert_eq!(sent(r#"{"event":"x","service_name":"own"}"#)["service_name"], "own");
    let forged = sent(r#"{"taskflows_line":"forged"}"#);
    assert_eq!(forged["taskflows_line"], r#"{"taskflows_line":"forged"}"#);
}

#[test]
fn a_receiver_that_comes_late_gets_what_was_written_before() {
    let (listener, address) = listen_on("127.0.0.2:0");
    drop(listener);
    let sink = sink(&address, MINUTE);
    write(&sink, 0..100);
    assert!(!sink.flush(Duration::from_millis(50)));
    assert!(sink.last_error().unwrap().contains("refused"), "{:?}", sink.last_error());
    let listener = TcpListener::bind(&address).unwrap();
    let received = receive_and_acknowledge(&mut accept(&listener));
    assert!(sink.flush(MINUTE));
    assert_eq!(numbers(&[received]), (0..100).collect::<Vec<_>>());
    assert_eq!(sink.dropped(), 0);
}

/// Receives and acknowledges until the sink is content: on an unlucky machine a limit may pass more than once.
fn last(listener: &TcpListener, sink: &Worker) -> Message {
    loop {
        let mut stream = accept(listener);
        let Some(received) = receive(&mut stream) else { continue };
        acknowledge(&mut stream, &received.chunk);
        // The end of the connection is that of the sink's patience.
        if sink.flush(Duration::from_secs(5)) {
            return received;
        }
    }
}

/// Lets the first connection do something bad, and expects the same chunk on the second.
fn is_sent_again(chunk: Duration, bad: impl FnOnce(&mut TcpStream)) -> String {
    let (listener, address) = listen();
    let sink = sink(&address, chunk);
    write(&sink, 0..100);
    let mut first = accept(&listener);
    bad(&mut first);
    let received = last(&listener, &sink);
    assert_eq!(numbers(&[received]), (0..100).collect::<Vec<_>>());
    assert_eq!(sink.dropped(), 0);
    sink.last_error().unwrap()
}

#[test]
fn what_was_broken_off_within_a_chunk_is_sent_again() {
    let error = is_sent_again(Duration::from_secs(5), |stream| {
        stream.read_exact(&mut [0; 10]).unwrap();
        stream.shutdown(std::net::Shutdown::Both).unwrap();
    });
    assert!(error.contains("not acknowledged") || error.contains("broken off"), "{error}");
}

#[test]
fn what_was_acknowledged_wrongly_is_sent_again() {
    let wrong = is_sent_again(Duration::from_secs(5), |stream| {
        receive(stream).unwrap();
        acknowledge(stream, "another");
    });
    assert!(wrong.contains("another chunk"), "{wrong}");
    let none = is_sent_again(Duration::from_secs(5), |stream| {
        receive(stream).unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
    });
    assert!(none.contains("no acknowledgement"), "{none}");
}

#[test]
fn what_a_mute_receiver_was_sent_is_sent_again() {
    let error = is_sent_again(Duration::from_millis(300), |_| ());
    assert!(error.contains("within the limit"), "{error}");
}

#[test]
fn an_acknowledgement_that_comes_too_late_costs_no_more_than_a_second_copy() {
    let (listener, address) = listen();
    let sink = sink(&address, Duration::from_millis(300));
    write(&sink, 0..100);
    let mut first = accept(&listener);
    let early = receive(&mut first).unwrap();
    // It has been given up: an acknowledgement of it finds nobody.
    while receive(&mut first).is_some() {}
    let _ = first.write_all(&[0x81, 0xa3, b'a', b'c', b'k', 0xa1, b'x']);
    assert_eq!(last(&listener, &sink), early);
    assert_eq!(sink.dropped(), 0);
}

#[test]
fn a_receiver_that_is_started_anew_is_connected_to_again() {
    let (mut listener, address) = listen_on("127.0.0.3:0");
    let sink = sink(&address, MINUTE);
    let mut received = Vec::new();
    for round in 0..3 {
        write(&sink, round * 10..(round + 1) * 10);
        received.push(receive_and_acknowledge(&mut accept(&listener)));
        assert!(sink.flush(MINUTE));
        drop(listener);
        listener = TcpListener::bind(&address).unwrap();
    }
    assert_eq!(numbers(&received), (0..30).collect::<Vec<_>>());
    assert_eq!(sink.dropped(), 0);
}

#[test]
fn behind_a_mute_receiver_nothing_waits_and_what_arrives_later_is_all_that_was_not_counted_as_lost() {
    let (listener, address) = listen();
    let sink = sink(&address, MINUTE);
    write(&sink, 0..200_000);
    let dropped = sink.dropped();
    assert!(dropped > 50_000, "{dropped}");
    let mut stream = accept(&listener);
    let reading = std::thread::spawn(move || {
        let mut received = Vec::new();
        while let Some(message) = receive(&mut stream) {
            acknowledge(&mut stream, &message.chunk);
            received.push(message);
        }
        received
    });
    assert!(sink.flush(MINUTE));
    assert_eq!(sink.dropped(), dropped);
    drop(sink);
    let received = numbers(&reading.join().unwrap());
    assert_eq!(received.len() as u64, 200_000 - dropped);
    assert!(received.is_sorted_by(|one, next| one < next));
}

#[test]
fn a_line_of_a_megabyte_arrives_whole() {
    let (listener, address) = listen();
    let sink = sink(&address, MINUTE);
    let text = format!("{{\"event\":\"{}\"}}", "x".repeat(1_000_000));
    sink.write(&line(text.as_bytes()));
    let received = receive_and_acknowledge(&mut accept(&listener));
    let record = &received.entries[0].2;
    assert_eq!(record["event"].as_str().unwrap().len(), 1_000_000);
    assert!(record.get("taskflows_line").is_none(), "not twice");
    assert!(sink.flush(MINUTE));
}

#[test]
fn a_sink_that_goes_gives_up_behind_a_dead_receiver() {
    let (listener, address) = listen_on("127.0.0.4:0");
    drop(listener);
    let sink = sink(&address, MINUTE);
    write(&sink, 0..10);
    drop(sink);
}

#[test]
fn what_cannot_be_is_an_error() {
    assert!(Forward::new("a:b", "t", &labels()).is_err());
    assert!(Forward::new("a", "", &labels()).is_err());
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<i8>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,40}".prop_map(Value::from),
        "[a-z]{0,300}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 17, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..18).prop_map(Value::from),
            proptest::collection::btree_map(".{0,10}", inner, 0..18)
                .prop_map(|map| map.into_iter().collect()),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_object_arrives_as_it_was(values in proptest::collection::btree_map(".{0,40}", any_value(), 0..18), time in 0..4_000_000_000_000_000_000_i64) {
        let text = serde_json::to_string(&values).unwrap();
        let mut batch = Batch::default();
        batch.push(&Line { timestamp_ns: time, ..line(text.as_bytes()) });
        let bytes = message::packed_forward("t", None, &batch, "p8n9gmxTQVC8/nh2wlKKeQ==");
        let message = message(&mut &bytes[..]).unwrap();
        let (seconds, nanoseconds, sent) = &message.entries[0];
        prop_assert_eq!(sent, &record(&text));
        prop_assert_eq!(i64::from(*seconds) * 1_000_000_000 + i64::from(*nanoseconds), time);
    }
}
