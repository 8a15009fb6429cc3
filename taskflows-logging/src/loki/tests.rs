//! Reading over HTTP, against a server with state and faults.

use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;
use taskflows_core::effects::{LogEntry, LogError, LogQuery, LogReader as _};
use taskflows_core::testing::contract;

use super::fake::{FakeLoki, Fault};
use super::{LokiError, LokiProbe, LokiReader, LokiSettings, Readiness};

const RUN: &str = "0123456789abcdef0123456789abcdef";
const OTHER: &str = "fedcba9876543210fedcba9876543210";

fn reader(server: &FakeLoki) -> LokiReader {
    LokiReader::new(server.settings())
}

fn of(service: &str) -> LogQuery {
    LogQuery { services: vec![service.parse().unwrap()], ..LogQuery::default() }
}

fn now() -> i64 {
    i64::try_from(Timestamp::now().as_nanosecond()).unwrap()
}

fn messages(entries: &[LogEntry]) -> Vec<&str> {
    entries.iter().map(|entry| entry.message.as_str()).collect()
}

/// Runs one test on a runtime with threads, since the server has its own.
fn run(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test);
}

#[test]
fn the_contract_is_kept() {
    run(async {
        for rounds in [false, true] {
            let server = FakeLoki::start();
            if rounds {
                server.round();
            }
            let from = now() - 60_000_000_000;
            for (n, line) in ["one", "two", "three"].into_iter().enumerate() {
                server.write("contract-web", &[], from + n as i64 * 1_000_000, line);
                server.write("contract-other", &[], from + n as i64 * 1_000_000, line);
            }
            contract::log_reader(&reader(&server), &"contract-web".parse().unwrap()).await;
        }
    });
}

/// A line as the kit's script keeps it: what is no JSON is wrapped.
fn kept(line: &contract::WrittenLine) -> String {
    if line.message.starts_with('{') {
        return line.message.clone();
    }
    let level = if line.priority == 3 { "error" } else { "info" };
    serde_json::json!({ "event": line.message, "level_name": level, "format": "text" }).to_string()
}

/// With the run and its attempt beside the entry, as Loki has them, and with answers of a few entries at a time.
#[test]
fn the_contract_of_a_log_with_runs_is_kept() {
    run(async {
        for most in [5000, 7] {
            let server = FakeLoki::start();
            server.allow(most);
            let (first, second) = ("contract-first".parse().unwrap(), "contract-second".parse().unwrap());
            let written = contract::Written { first, second, run: RUN.parse().unwrap() };
            let mut at = now() - 60_000_000_000;
            for line in written.lines() {
                // What is written at once is a nanosecond apart.
                at += if line.message.contains("burst") { 1 } else { 1_000_000 };
                let id = line.run.map_or_else(|| OTHER.to_owned(), |run| run.to_string());
                let attempt = line.attempt.unwrap_or(1).to_string();
                let metadata = [("run_id", id.as_str()), ("attempt", attempt.as_str())];
                server.write(line.service.as_str(), &metadata, at, &kept(&line));
            }
            contract::log_reader_rich(&reader(&server), &written).await;
        }
    });
}

#[test]
fn entries_of_one_instant_at_the_edge_of_a_page_are_neither_lost_nor_doubled() {
    run(async {
        for (most, apart, rounds) in
            [(4, 10_000, false), (9, 10_000, false), (5000, 1, false), (9, 1_000_000, true)]
        {
            let server = FakeLoki::start();
            server.allow(most);
            if rounds {
                server.round();
            }
            let from = now() - 60_000_000_000;
            let mut expected = Vec::new();
            for n in 0..60 {
                // Two at a time are of one instant, and every sixth line is there twice.
                let line = format!("line {}", if n % 6 == 1 { n - 1 } else { n });
                server.write("web", &[], from + n / 2 * apart, &line);
                expected.push(line);
            }
            let all = reader(&server).read(&of("web")).await.unwrap();
            assert_eq!(messages(&all), expected, "{most} at once");
            let some = LogQuery { lines: Some(17), ..of("web") };
            assert_eq!(reader(&server).read(&some).await.unwrap(), all[43..], "{most} at once");
            let followed: Vec<_> = reader(&server).follow(&of("web")).take(60).try_collect().await.unwrap();
            assert_eq!(followed, all, "{most} at once");
        }
    });
}

#[test]
fn more_of_one_instant_than_can_be_had_is_an_error_and_no_loop() {
    run(async {
        let server = FakeLoki::start();
        server.allow(4);
        let at = now() - 1_000_000_000;
        (0..5).for_each(|n| server.write("web", &[], at, &format!("line {n}")));
        let error = reader(&server).read(&of("web")).await.unwrap_err();
        assert!(error.to_string().contains("more entries are of the instant"), "{error}");
    });
}

#[test]
fn several_services_are_merged_in_the_order_of_time() {
    run(async {
        let server = FakeLoki::start();
        let from = now() - 60_000_000_000;
        server.write("b", &[], from + 2000, "two");
        server.write("a", &[], from + 1000, "one");
        server.write("a", &[], from + 3000, "three");
        server.write("ab", &[], from + 1500, "another's");
        let both = LogQuery { services: vec!["a".parse().unwrap(), "b".parse().unwrap()], ..of("a") };
        assert_eq!(messages(&reader(&server).read(&both).await.unwrap()), ["one", "two", "three"]);
    });
}

#[test]
fn the_lines_of_a_run_are_found_by_metadata_or_by_the_line() {
    run(async {
        let server = FakeLoki::start();
        let from = now() - 60_000_000_000;
        let wrapped = format!(r#"{{"event":"wrapped","format":"text","run_id":"{RUN}","attempt":1}}"#);
        server.write("web", &[("run_id", RUN), ("attempt", "2")], from, r#"{"event":"by metadata"}"#);
        server.write("web", &[], from + 1000, &wrapped);
        server.write("web", &[("run_id", OTHER)], from + 2000, &format!("it names {RUN}"));
        server.write("web", &[], from + 3000, "of none");
        server.write("web", &[("run_id", RUN)], from + 4000, &wrapped);
        let query = LogQuery { run: RUN.parse().ok(), ..of("web") };
        let found = reader(&server).read(&query).await.unwrap();
        assert_eq!(messages(&found), [r#"{"event":"by metadata"}"#, "wrapped", "wrapped"]);
        let second = LogQuery { attempt: Some(2), ..query.clone() };
        assert_eq!(messages(&reader(&server).read(&second).await.unwrap()), [r#"{"event":"by metadata"}"#]);
        let last = LogQuery { lines: Some(1), ..query };
        assert_eq!(reader(&server).read(&last).await.unwrap(), found[2..]);
    });
}

#[test]
fn what_is_asked_of_loki_never_changes_what_is_found() {
    run(async {
        let server = FakeLoki::start();
        let from = now() - 60_000_000_000;
        let lines = [
            r#"{"event":"disk \"sda\" is full","format":"text","level_name":"error"}"#,
            r#"{"event":"disk is fine","level":"info"}"#,
            "a disk of plain text",
        ];
        lines.iter().zip(0..).for_each(|(line, n)| server.write("web", &[], from + n * 1000, line));
        let read = async |pattern: &str, priority| {
            let query = LogQuery { pattern: Some(pattern.parse().unwrap()), priority, ..of("web") };
            reader(&server).read(&query).await.unwrap().len()
        };
        assert_eq!(read("disk", None).await, 3);
        assert_eq!(read("disk \"sda\" is", None).await, 1, "as it was written, not as JSON has it");
        assert_eq!(read("(?i)DISK|x", None).await, 3);
        assert_eq!(read("^disk", None).await, 1);
        assert_eq!(read("disk", Some(3)).await, 1);
        let asked = server.asked();
        assert!(asked[0].parameters["query"].ends_with(r#"|= "disk""#), "{asked:?}");
        assert!(asked[2].parameters["query"].ends_with('}'), "{asked:?}");
    });
}

#[test]
fn a_long_time_is_read_in_pieces() {
    run(async {
        let server = FakeLoki::start();
        let day = 24 * 3600 * 1_000_000_000;
        for days in [100, 61, 31, 30, 29, 1] {
            server.write("web", &[], now() - days * day, &days.to_string());
        }
        let month = reader(&server).read(&of("web")).await.unwrap();
        assert_eq!(messages(&month), ["29", "1"]);
        let since = Timestamp::from_nanosecond((now() - 90 * day).into()).ok();
        let quarter = LogQuery { since, ..of("web") };
        let expected = ["61", "31", "30", "29", "1"];
        assert_eq!(messages(&reader(&server).read(&quarter).await.unwrap()), expected);
        let followed: Vec<_> = reader(&server).follow(&quarter).take(5).try_collect().await.unwrap();
        assert_eq!(messages(&followed), expected);
    });
}

#[test]
fn what_comes_late_is_followed_and_what_was_there_is_not_repeated() {
    run(async {
        let server = FakeLoki::start();
        (0..4).for_each(|n| server.write("web", &[], now() - 2_000_000_000 + n * 1000, &format!("old {n}")));
        let mut followed = reader(&server).follow(&LogQuery { lines: Some(2), ..of("web") });
        let mut next = async || followed.next().await.unwrap().unwrap().message;
        assert_eq!((next().await, next().await), ("old 2".to_owned(), "old 3".to_owned()));
        server.write("web", &[], now(), "new");
        assert_eq!(next().await, "new");
        server.write("web", &[], now() - 5_000_000_000, "late");
        server.write("web", &[], now(), "newer");
        assert_eq!((next().await, next().await), ("late".to_owned(), "newer".to_owned()));
    });
}

#[test]
fn following_survives_a_server_that_goes_and_comes_back() {
    run(async {
        let mut server = FakeLoki::start();
        server.write("web", &[], now(), "before");
        let mut followed = reader(&server).follow(&of("web"));
        assert_eq!(followed.next().await.unwrap().unwrap().message, "before");
        server.stop();
        let waiting = tokio::time::timeout(Duration::from_millis(1500), followed.next()).await;
        assert!(waiting.is_err(), "it goes on asking");
        server.write("web", &[], now(), "meanwhile");
        server.resume();
        let next = tokio::time::timeout(Duration::from_secs(30), followed.next()).await.unwrap();
        assert_eq!(next.unwrap().unwrap().message, "meanwhile");
        server.write("web", &[], now(), "after");
        assert_eq!(followed.next().await.unwrap().unwrap().message, "after");
    });
}

#[test]
fn following_ends_where_it_was_told_to() {
    run(async {
        let server = FakeLoki::start();
        server.write("web", &[], now() - 60_000_000_000, "one");
        let until = Timestamp::from_nanosecond((now() - 30_000_000_000).into()).ok();
        let followed = reader(&server).follow(&LogQuery { until, ..of("web") }).try_collect::<Vec<_>>();
        let followed = tokio::time::timeout(Duration::from_secs(20), followed).await.unwrap().unwrap();
        assert_eq!(messages(&followed), ["one"]);
    });
}

#[test]
fn following_survives_each_fault() {
    run(async {
        let server = FakeLoki::start();
        server.write("web", &[], now(), "before");
        let mut followed = reader(&server).follow(&of("web"));
        assert_eq!(followed.next().await.unwrap().unwrap().message, "before");
        server.fail([Fault::Status(500, "", "not yet".to_owned()), Fault::Nonsense, Fault::CutOff]);
        server.write("web", &[], now(), "after");
        assert_eq!(followed.next().await.unwrap().unwrap().message, "after");
        assert!(server.asked().len() >= 5);
    });
}

#[test]
fn a_server_that_is_not_there_at_first_is_the_only_item() {
    run(async {
        let mut server = FakeLoki::start();
        server.stop();
        let query = LogQuery { lines: Some(3), ..of("web") };
        for query in [query, of("web")] {
            let items: Vec<_> = reader(&server).follow(&query).collect().await;
            assert!(matches!(items.as_slice(), [Err(LogError::Unavailable { .. })]), "{items:?}");
        }
        let error = reader(&server).read(&of("web")).await.unwrap_err();
        let expected = format!("could not ask Loki at {}", server.settings().url);
        assert_eq!(error.to_string(), expected);
    });
}

#[test]
fn a_receiver_that_takes_its_time_lets_no_more_be_asked() {
    run(async {
        let server = FakeLoki::start();
        server.allow(10);
        (0..100).for_each(|n| server.write("web", &[], now() - 60_000_000_000 + n * 1000, "x"));
        let mut followed = reader(&server).follow(&of("web"));
        followed.next().await.unwrap().unwrap();
        let asked = server.asked().len();
        tokio::time::sleep(Duration::from_millis(1500)).await;
        assert_eq!(server.asked().len(), asked);
        // What is asked for at once was halved until it was allowed.
        assert!(asked <= 11, "{asked}");
    });
}

async fn fault(server: &FakeLoki, faults: impl IntoIterator<Item = Fault>) -> LogError {
    server.fail(faults);
    reader(server).read(&of("web")).await.unwrap_err()
}

#[test]
fn each_fault_is_said_in_words_and_in_time() {
    run(async {
        let server = FakeLoki::start();
        let said = async |status, words: &str| {
            let faults = [Fault::Status(status, "", words.to_owned())];
            fault(&server, faults).await.to_string()
        };
        assert!(said(500, "out of luck").await.ends_with("answered 500 Internal Server Error: out of luck"));
        assert!(said(401, "who?").await.contains("does not know the user or the password (401): who?"));
        assert!(said(403, "").await.ends_with("forbids it to this user or tenant (403)"));
        assert!(said(302, "").await.contains("not followed"));
        let long = said(400, &"é".repeat(5000)).await;
        assert!(long.len() < 1200 && long.ends_with("é…"), "{long}");
        assert!(!said(400, "a\u{1b}[31mb\nc").await.contains(['\u{1b}', '\n']));
        assert!(fault(&server, [Fault::Nonsense]).await.to_string().contains("not what Loki answers"));
        let cut = fault(&server, [Fault::CutOff]).await;
        assert!(matches!(cut, LogError::Unavailable { .. }), "{cut}");
    });
}

#[test]
fn a_slow_server_is_waited_for_as_long_as_is_allowed() {
    run(async {
        let server = FakeLoki::start();
        server.fail([Fault::Silence(Duration::from_secs(3))]);
        let settings = LokiSettings { timeout: Duration::from_millis(200), ..server.settings() };
        let start = Instant::now();
        let error = LokiReader::new(settings).read(&of("web")).await.unwrap_err();
        assert!(start.elapsed() < Duration::from_secs(2));
        let LogError::Unavailable { source, .. } = error else { panic!("{error}") };
        assert_eq!(source.to_string(), "no answer within the limit");
    });
}

#[test]
fn a_busy_server_is_asked_again_when_it_says_so() {
    run(async {
        let server = FakeLoki::start();
        server.write("web", &[], now() - 1_000_000_000, "here");
        let busy = |head| Fault::Status(429, head, "too many requests".to_owned());
        server.fail([busy("Retry-After: 1\r\n"), busy("")]);
        let start = Instant::now();
        assert_eq!(messages(&reader(&server).read(&of("web")).await.unwrap()), ["here"]);
        assert!(start.elapsed() >= Duration::from_millis(1500));
        // More seconds than any clock has.
        let long = fault(&server, [busy("Retry-After: 18446744073709551615\r\n")]).await;
        assert!(long.to_string().contains("429"), "{long}");
        let error = fault(&server, [busy("Retry-After: 60\r\n")]).await.to_string();
        assert!(error.contains("429 Too Many Requests: too many requests"), "{error}");
    });
}

#[test]
fn an_answer_that_is_too_large_is_asked_for_in_parts_and_then_an_error() {
    run(async {
        let server = FakeLoki::start();
        server.write("web", &[], now() - 1_000_000_000, "here");
        server.fail([Fault::Announced(65 << 20), Fault::Endless(80 << 20)]);
        assert_eq!(messages(&reader(&server).read(&of("web")).await.unwrap()), ["here"]);
        let error = fault(&server, vec![Fault::Announced(1 << 40); 6]).await;
        assert!(error.to_string().contains("more than 64 MiB"), "{error}");
        assert_eq!(server.asked().last().unwrap().parameters["limit"], "1");
    });
}

#[test]
fn the_password_is_in_no_error_and_no_debug() {
    run(async {
        let server = FakeLoki::start();
        server.fail([Fault::Status(401, "", "bad password hunter2".to_owned())]);
        let basic_auth = Some(("me".to_owned(), "hunter2".to_owned()));
        let settings = LokiSettings { basic_auth, tenant: Some("team".to_owned()), ..server.settings() };
        let reader = LokiReader::new(settings);
        let error = reader.read(&of("web")).await.unwrap_err();
        assert!(!format!("{error:?} {error} {reader:?}").contains("hunter2"), "{error:?} {reader:?}");
        let head = server.asked()[0].head.to_lowercase();
        assert!(
            head.contains("x-scope-orgid: team") && head.contains("authorization: basic bwu6ahvudgvymg==")
        );
        let in_url = LokiSettings::new("http://me:hunter2@localhost:1/loki");
        assert!(!format!("{in_url:?}").contains("hunter2"));
        let error = LokiReader::new(in_url).read(&of("web")).await.unwrap_err();
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    });
}

#[test]
fn the_probe_asks_what_there_is() {
    run(async {
        let server = FakeLoki::start();
        let probe = LokiProbe::new(server.settings());
        assert_eq!(probe.ready().await.unwrap(), Readiness::Ready);
        assert_eq!(probe.version().await.unwrap(), "3.5.1");
        assert_eq!(probe.labels().await.unwrap(), ["service_name"]);
        assert_eq!(probe.label_values("service_name").await.unwrap(), ["web"]);
        assert_eq!(probe.series(&super::logql::Query::of_services(&["web"])).await.unwrap(), 1);
        assert_eq!(probe.discarded().await.unwrap()["rate_limited"], 2);
        probe.push(&[("service_name", "probe")], now(), "a \"marked\" line").await.unwrap();
        let found = reader(&server).read(&of("probe")).await.unwrap();
        assert_eq!(messages(&found), ["a \"marked\" line"]);
        let marked = super::logql::Query::of_services::<&str>(&[]).contains("\"marked\"");
        assert_eq!(probe.find(&marked, now() - 60_000_000_000, now()).await.unwrap(), ["a \"marked\" line"]);
        assert_eq!(probe.find(&marked, 0, 1_000_000_000).await.unwrap(), Vec::<String>::new());
        // It is asked once, whatever it says of another time.
        server.fail([Fault::Status(503, "Retry-After: 1\r\n", "Ingester not ready".to_owned())]);
        let error = probe.ready().await.unwrap_err().to_string();
        assert!(error.ends_with("503 Service Unavailable: Ingester not ready"), "{error}");
        server.fail([Fault::Status(404, "", String::new())]);
        assert_eq!(probe.ready().await.unwrap(), Readiness::Untold);
        server.fail([Fault::Nonsense, Fault::Status(200, "", "<html>".to_owned())]);
        assert!(matches!(probe.find(&marked, 0, 1).await, Err(LokiError::Stranger { .. })));
        assert!(matches!(probe.labels().await, Err(LokiError::Stranger { .. })));
    });
}
