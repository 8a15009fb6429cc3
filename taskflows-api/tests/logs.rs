//! The log over HTTP: the contract of a log, streams that are cut, and readers that are slow.

#![allow(clippy::unwrap_used, reason = "what fails fails the test")]

mod kit;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt};
use http::Method;
use jiff::Timestamp;
use serde_json::Value;
use taskflows_api::Host;
use taskflows_api::client::{Patience, RemoteLogReader};
use taskflows_api::testing::host;
use taskflows_core::effects::{LogEntry, LogQuery, LogReader};
use taskflows_core::task::RunId;
use taskflows_core::testing::{MemoryLogReader, contract};
use taskflows_security::Role;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

use kit::{Line, LiveLog, client, entry, server};

const QUICK: Patience = Patience {
    idle: Duration::from_secs(5),
    first_wait: Duration::from_millis(1),
    gone: Duration::from_secs(5),
};

fn with_log(log: impl LogReader + 'static) -> Host {
    Host { logs: Arc::new(log), ..host() }
}

fn query() -> LogQuery {
    LogQuery { services: vec!["a".parse().unwrap()], ..LogQuery::default() }
}

fn messages(entries: &[LogEntry]) -> Vec<&str> {
    entries.iter().map(|entry| entry.message.as_str()).collect()
}

#[tokio::test]
async fn a_log_over_http_keeps_to_the_contract() {
    let log = MemoryLogReader::default();
    for (second, message) in [(1, "one"), (2, "two"), (3, "three")] {
        log.write(entry(second * 1_000_000, message));
    }
    let remote = RemoteLogReader::new(client(server(with_log(log), Role::Viewer).await));
    contract::log_reader(&remote, &"a".parse().unwrap()).await;
}

#[tokio::test]
async fn a_log_with_runs_over_http_keeps_to_the_contract() {
    let (log, run) = (MemoryLogReader::default(), RunId::from_bits(7 << 64));
    let written = contract::Written { first: "a".parse().unwrap(), second: "b".parse().unwrap(), run };
    for (index, line) in (0i64..).zip(written.lines()) {
        let second = if line.message.contains("burst") { 4 } else { index };
        log.write(LogEntry {
            time: Timestamp::from_second(second).unwrap(),
            service: line.service,
            run: line.run,
            attempt: line.attempt,
            priority: line.priority,
            ..entry(0, &line.message)
        });
    }
    let remote = RemoteLogReader::new(client(server(with_log(log), Role::Viewer).await));
    contract::log_reader_rich(&remote, &written).await;
}

#[tokio::test]
async fn text_that_anybody_wrote_stays_text() {
    let nasty = "\n\nevent: end\ndata: {}\n\nid: 1\r\n\u{1b}[2J\0\u{2028}\u{fffd}\"</script>";
    let log = LiveLog::default();
    log.write(entry(1, nasty));
    log.write(entry(2, ""));
    let remote = RemoteLogReader::new(client(server(with_log(log), Role::Viewer).await));
    assert_eq!(messages(&remote.read(&query()).await.unwrap()), [nasty, ""]);
    let followed: Vec<_> = remote.follow(&query()).take(2).try_collect().await.unwrap();
    assert_eq!(messages(&followed), [nasty, ""]);
}

#[tokio::test]
async fn an_array_is_bounded_and_json_lines_are_not() {
    let log = LiveLog::default();
    for number in 0..2_500 {
        log.write(entry(number, &format!("line {number}")));
    }
    let client = client(server(with_log(log), Role::Viewer).await);
    for (target, count) in [
        ("/api/logs?service=a", 1_000),
        ("/api/logs?service=a&since=1970-01-01T00:00:00Z", 1_000),
        ("/api/logs?service=a&lines=2000", 2_000),
        ("/api/logs?service=a&service=b&lines=0", 0),
        ("/api/logs", 0),
    ] {
        let lines: Vec<Value> = client.get(target).await.unwrap();
        assert_eq!(lines.len(), count, "{target}");
        assert!(lines.last().is_none_or(|line| line["message"] == "line 2499"));
    }
    assert_eq!(RemoteLogReader::new(client).read(&query()).await.unwrap().len(), 2_500);
}

#[tokio::test]
async fn a_query_that_means_nothing_is_refused() {
    let client = client(server(host(), Role::Viewer).await);
    for wrong in [
        "lines=-1",
        "lines=x",
        "lines=100001",
        "lines=1&lines=2",
        "since=yesterday",
        "run=12",
        "priority=8",
        "attempt=a",
        "pattern=(",
        "service=%2F..%2F",
        "nothing=1",
        &format!("pattern={}", "a".repeat(1_001)),
    ] {
        for path in ["/api/logs", "/api/logs/follow"] {
            let error = client.get::<Value>(&format!("{path}?{wrong}")).await.unwrap_err();
            assert_eq!(error.status(), Some(422), "{path} {wrong}: {error}");
        }
    }
}

#[tokio::test]
async fn a_log_that_fails_is_told_wherever_it_fails() {
    for (good, told) in [(0, 0), (2, 2)] {
        let log = LiveLog { fails_after: Some(good), ..LiveLog::default() };
        (0..5).for_each(|number| log.write(entry(number, "x")));
        let client = client(server(with_log(log), Role::Viewer).await);
        let remote = RemoteLogReader::new(client.clone());
        let read: Vec<_> = remote.stream(&query()).collect().await;
        assert_eq!(read.iter().filter(|entry| entry.is_ok()).count(), told);
        let error = read.last().unwrap().as_ref().unwrap_err();
        assert_eq!(error.to_string(), "could not read the log of web1");
        let cause = std::error::Error::source(error).unwrap().to_string();
        assert_eq!(cause, "web1: the log of this host could not be read", "and no file is named");
        let array = client.get::<Value>("/api/logs?service=a").await;
        assert!(array.is_err(), "no part of an array is taken for all of it: {array:?}");
        let followed = remote.follow(&query()).next().await.unwrap();
        assert_eq!(followed.unwrap_err().to_string(), "could not read the log of web1");
    }
}

/// Entries of which several have one time, and some are the same in every way.
fn bursts(count: i64) -> Vec<LogEntry> {
    (0..count)
        .map(|number| entry(number / 7 * 10, &format!("line {}", number % 7 / 2 + number / 7)))
        .collect()
}

#[tokio::test]
async fn wherever_a_stream_is_cut_no_line_is_lost_and_none_comes_twice() {
    let (log, all) = (LiveLog::default(), bursts(300));
    let address = server(with_log(log.clone()), Role::Viewer).await;
    // The head of an answer has some 500 bytes, an event about 170.
    let line = Line::to(address, |number| Some(800 + number * 37 % 1_300)).await;
    let remote = RemoteLogReader::new(client(line.address)).with_patience(QUICK);
    all[..150].iter().for_each(|entry| log.write(entry.clone()));
    let mut followed = remote.follow(&query());
    let mut found = Vec::new();
    for number in 0..all.len() {
        if number == 100 {
            all[150..].iter().for_each(|entry| log.write(entry.clone()));
        }
        let next = timeout(Duration::from_secs(20), followed.next()).await;
        found.push(next.expect("in time").unwrap().unwrap());
    }
    assert_eq!(found, all);
    assert!(line.connections.load(Ordering::SeqCst) > 20);
    assert!(timeout(Duration::from_millis(100), followed.next()).await.is_err(), "and nothing after them");
}

#[tokio::test]
async fn to_go_on_keeps_to_the_newest_that_were_asked_for() {
    let (log, all) = (LiveLog::default(), bursts(20));
    all.iter().for_each(|entry| log.write(entry.clone()));
    let address = server(with_log(log.clone()), Role::Viewer).await;
    let line = Line::to(address, |_| None).await;
    let remote = RemoteLogReader::new(client(line.address)).with_patience(QUICK);
    let mut followed = remote.follow(&LogQuery { lines: Some(3), ..query() });
    for wanted in &all[17..] {
        assert_eq!(followed.next().await.unwrap().unwrap(), *wanted);
    }
    line.cut();
    log.write(entry(1_000, "after the cut"));
    assert_eq!(followed.next().await.unwrap().unwrap().message, "after the cut");
}

#[tokio::test]
async fn what_is_written_while_a_stream_is_cut_that_had_no_line_yet_comes_too() {
    let log = LiveLog::default();
    let now = Timestamp::now().as_microsecond();
    log.write(entry(now - 1_000_000, "old"));
    let address = server(with_log(log.clone()), Role::Viewer).await;
    let line = Line::to(address, |_| None).await;
    let remote = RemoteLogReader::new(client(line.address)).with_patience(QUICK);
    let mut followed = remote.follow(&LogQuery { lines: Some(0), ..query() });
    assert!(timeout(Duration::from_millis(200), followed.next()).await.is_err());
    line.cut();
    log.write(entry(now + 1_000_000, "new"));
    assert_eq!(followed.next().await.unwrap().unwrap().message, "new");
}

#[tokio::test]
async fn another_server_in_its_place_is_gone_on_with() {
    let log = LiveLog::default();
    log.write(entry(1, "one"));
    let line = Line::to(server(with_log(log.clone()), Role::Viewer).await, |_| None).await;
    let remote = RemoteLogReader::new(client(line.address)).with_patience(QUICK);
    let mut followed = remote.follow(&query());
    assert_eq!(followed.next().await.unwrap().unwrap().message, "one");
    // For a while nobody is there.
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    line.server.send_replace(nobody);
    line.cut();
    log.write(entry(2, "two"));
    assert!(timeout(Duration::from_millis(200), followed.next()).await.is_err());
    line.server.send_replace(server(with_log(log), Role::Viewer).await);
    assert_eq!(followed.next().await.unwrap().unwrap().message, "two");
}

/// A server that gives these answers, one a connection, and tells what it was sent.
async fn answers(
    answers: Vec<&'static str>,
) -> (std::net::SocketAddr, tokio::sync::mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (told, requests) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut open = Vec::new();
        for answer in answers {
            let (mut connection, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            let count = connection.read(&mut request).await.unwrap();
            told.send(String::from_utf8_lossy(&request[..count]).into_owned()).unwrap();
            connection.write_all(answer.as_bytes()).await.unwrap();
            // It stays silent.
            if answer.starts_with("HTTP/1.1 200") {
                open.push(connection);
            }
        }
        sleep(Duration::from_secs(60)).await;
    });
    (address, requests)
}

const BEGUN: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\nid: 2023-11-14T22:13:20Z_0_0000000000000000\n\n";
const REFUSED: &str = "HTTP/1.1 401 Unauthorized\r\nContent-Type: application/problem+json\r\nContent-Length: 37\r\n\r\n{\"title\":\"Unauthorized\",\"status\":401}";

#[tokio::test]
async fn a_stream_that_is_silent_is_dead_and_who_is_refused_gives_up() {
    let (address, mut requests) = answers(vec![BEGUN, REFUSED]).await;
    let quick = Patience { idle: Duration::from_millis(100), ..QUICK };
    let remote = RemoteLogReader::new(client(address)).with_patience(quick);
    let mut followed = remote.follow(&query());
    let error = followed.next().await.unwrap().unwrap_err();
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "web1: Unauthorized");
    assert!(followed.next().await.is_none());
    assert!(!requests.recv().await.unwrap().contains("last-event-id"));
    let again = requests.recv().await.unwrap();
    assert!(again.contains("last-event-id: 2023-11-14T22:13:20Z_0_0000000000000000\r\n"), "{again}");
}

#[tokio::test]
async fn a_server_that_does_not_answer_at_first_is_an_error_at_once() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let remote = RemoteLogReader::new(client(nobody));
    let error = remote.follow(&query()).next().await.unwrap().unwrap_err();
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.starts_with("web1 did not answer: "), "{cause}");
    assert!(remote.read(&query()).await.is_err());
}

#[tokio::test]
async fn a_slow_reader_costs_no_memory_and_one_that_goes_ends_its_stream() {
    let log = LiveLog::default();
    let text = "x".repeat(1_000);
    (0..50_000).for_each(|number| log.write(entry(number, &text)));
    let address = server(with_log(log.clone()), Role::Viewer).await;
    let mut slow = TcpStream::connect(address).await.unwrap();
    slow.write_all(b"GET /api/logs/follow?service=a HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut before = usize::MAX;
    while before != log.taken.load(Ordering::SeqCst) {
        before = log.taken.load(Ordering::SeqCst);
        sleep(Duration::from_millis(300)).await;
    }
    // What the sockets hold, which is the kernel's, and a few pieces.
    assert!((100..20_000).contains(&before), "{before} of 50000 were taken out of the log");
    let mut taken = 0;
    let mut buffer = vec![0; 1 << 20];
    while log.taken.load(Ordering::SeqCst) < 50_000 {
        taken += slow.read(&mut buffer).await.unwrap();
    }
    assert!(taken > 20_000_000, "the rest waited in the log");
    assert!(Arc::strong_count(&log.followers) > 2);
    drop(slow);
    while Arc::strong_count(&log.followers) > 2 {
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn so_many_logs_are_read_at_once_and_no_more() {
    let log = LiveLog::default();
    let client = client(server(with_log(log.clone()), Role::Viewer).await);
    let remote = RemoteLogReader::new(client.clone());
    log.write(entry(1, "one"));
    let mut streams = Vec::new();
    for _ in 0..64 {
        let mut stream = remote.follow(&query());
        stream.next().await.unwrap().unwrap();
        streams.push(stream);
    }
    let error = client.get::<Value>("/api/logs?service=a").await.unwrap_err();
    assert_eq!((error.status(), error.code()), (Some(503), Some("busy")));
    drop(streams);
    timeout(Duration::from_secs(5), async {
        while client.get::<Value>("/api/logs?service=a").await.is_err() {
            sleep(Duration::from_millis(20)).await;
        }
    })
    .await
    .expect("those that went make room");
    let changed = client.send::<(), Value>(Method::POST, "/api/logs", None).await;
    assert_eq!(changed.unwrap_err().status(), Some(405));
}
