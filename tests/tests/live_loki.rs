//! Logs and runs read back from a server with Loki's API.

use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, TryStreamExt as _};
use jiff::{SignedDuration, Timestamp};
use taskflows_core::Outcome;
use taskflows_core::effects::{LogEntry, LogOrigin, LogQuery, LogReader as _, RunHistory as _};
use taskflows_core::task::{RunId, RunNote, RunQuery, RunRecord, Trigger};
use taskflows_core::testing::contract;
use taskflows_logging::loki::logql::Query;
use taskflows_logging::loki::{LokiProbe, LokiReader, LokiRuns, LokiSettings};
use taskflows_tests::LokiStandIn;

const RUN: &str = "0123456789abcdef0123456789abcdef";

fn now() -> i64 {
    i64::try_from(Timestamp::now().as_nanosecond()).unwrap()
}

fn of(service: &str) -> LogQuery {
    LogQuery { services: vec![service.parse().unwrap()], ..LogQuery::default() }
}

fn messages(entries: &[LogEntry]) -> Vec<&str> {
    entries.iter().map(|entry| entry.message.as_str()).collect()
}

/// What was pushed is not there at once.
async fn until_there(reader: &LokiReader, query: &LogQuery, count: usize) -> Vec<LogEntry> {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        let found = reader.read(query).await.unwrap();
        if found.len() >= count {
            return found;
        }
        assert!(Instant::now() < end, "{} of {count}", found.len());
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test]
async fn what_was_pushed_is_read_back() {
    let server = LokiStandIn::start();
    let reader = LokiReader::new(LokiSettings::new(&server.url()));
    contract_is_kept(&server, &reader).await;
    filters_select(&server, &reader).await;
    runs_are_told(&server).await;
    ten_thousand_lines_are_whole(&server, &reader).await;
    the_probe_answers(&server).await;
}

async fn contract_is_kept(server: &LokiStandIn, reader: &LokiReader) {
    let from = now() - 60_000_000_000;
    let lines = ["one", "two", "three"].into_iter().zip(0..);
    let lines: Vec<_> = lines.map(|(line, n)| (from + n * 1_000_000, line.to_owned())).collect();
    server.push("contract-web", &lines);
    server.push("contract-web-2", &lines);
    until_there(reader, &of("contract-web"), 3).await;
    contract::log_reader(reader, &"contract-web".parse().unwrap()).await;
    let services = vec!["contract-web".parse().unwrap(), "contract-web-2".parse().unwrap()];
    let both = until_there(reader, &LogQuery { services, ..LogQuery::default() }, 6).await;
    assert!(both.is_sorted_by_key(|entry| entry.time) && both.len() == 6);
}

async fn filters_select(server: &LokiStandIn, reader: &LokiReader) {
    let from = now() - 60_000_000_000;
    let lines = [
        format!(
            r#"{{"event":"disk \"sda\" full","format":"text","level_name":"error","run_id":"{RUN}","attempt":2}}"#
        ),
        r#"{"event":"Started.","format":"text","origin":"systemd","level_name":"info"}"#.to_owned(),
        r#"{"event":"disk is fine","level":"info"}"#.to_owned(),
        "plain \\ text, 100% of it".to_owned(),
    ];
    server.push(
        "filters",
        &lines.iter().zip(0..).map(|(line, n)| (from + n * 1000, line.clone())).collect::<Vec<_>>(),
    );
    let all = until_there(reader, &of("filters"), 4).await;
    let expected = [r#"disk "sda" full"#, "Started.", &lines[2], &lines[3]];
    assert_eq!(messages(&all), expected);
    assert_eq!(all.iter().map(|entry| entry.priority).collect::<Vec<_>>(), [3, 6, 6, 6]);
    assert_eq!((all[1].origin, all[2].origin), (LogOrigin::Manager, LogOrigin::Process));
    let found = async |change: &dyn Fn(&mut LogQuery)| {
        let mut query = of("filters");
        change(&mut query);
        reader.read(&query).await.unwrap()
    };
    assert_eq!(found(&|query| query.run = RUN.parse().ok()).await, all[..1]);
    assert_eq!(found(&|query| query.attempt = Some(1)).await, []);
    assert_eq!(found(&|query| query.priority = Some(4)).await, all[..1]);
    assert_eq!(found(&|query| query.pattern = "disk".parse().ok()).await, [all[0].clone(), all[2].clone()]);
    assert_eq!(found(&|query| query.pattern = "\"sda\" fu+ll$".parse().ok()).await, all[..1]);
    assert_eq!(found(&|query| query.pattern = "100% of".parse().ok()).await, all[3..]);
    assert_eq!(found(&|query| query.pattern = r"plain \\ text".parse().ok()).await, all[3..]);
}

async fn runs_are_told(server: &LokiStandIn) {
    let run = |n: u32| {
        let first = Timestamp::from_second(Timestamp::now().as_second() - 3600).unwrap();
        let started = first + SignedDuration::from_secs(n.into());
        RunRecord {
            id: RunId::from_bits(n.into()),
            task: "noted".to_owned(),
            service: "noted".parse().ok(),
            scheduled: None,
            started,
            ended: Some(started + SignedDuration::from_millis(500)),
            outcome: Outcome::Succeeded,
            attempts: 1,
            max_attempts: 1,
            error: None,
            trigger: Trigger::Timer,
            command: None,
            options: Vec::new(),
            directory: None,
            process: None,
        }
    };
    let expected: Vec<_> = (1..=300).rev().map(run).collect();
    let note = |at: Timestamp, note: RunNote<'_>| {
        let fields = note.fields().into_iter().map(|(name, value)| (name.to_lowercase(), value.into()));
        let line = serde_json::Value::Object(fields.collect()).to_string();
        (i64::try_from(at.as_nanosecond()).unwrap(), line)
    };
    let notes = |run: &RunRecord| {
        [note(run.started, RunNote::Started(run)), note(run.ended.unwrap(), RunNote::Finished(run, None))]
    };
    server.push("an-app", &expected.iter().flat_map(notes).collect::<Vec<_>>());
    let runs = LokiRuns::new(LokiSettings::new(&server.url()));
    let of_task = RunQuery { tasks: vec!["noted".to_owned()], ..RunQuery::default() };
    let end = Instant::now() + Duration::from_secs(60);
    while runs.recent(&of_task).await.unwrap() != expected {
        assert!(Instant::now() < end, "{:?}", runs.recent(&of_task).await);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let newest = runs.recent(&RunQuery { limit: Some(5), ..of_task }).await.unwrap();
    assert_eq!(newest, expected[..5]);
}

async fn ten_thousand_lines_are_whole(server: &LokiStandIn, reader: &LokiReader) {
    let from = now() - 600_000_000_000;
    // Two at a time are of one instant.
    let line = |n: i64| {
        let text = format!(
            r#"{{"event":"line {n}","level_name":"info","context":{{"padding":"{}"}}}}"#,
            "x".repeat(300)
        );
        (from + n / 2 * 10_000, text)
    };
    let lines: Vec<_> = (0..10_000).map(line).collect();
    lines.chunks(1000).for_each(|lines| server.push("many", lines));
    until_there(reader, &of("many"), 10_000).await;
    let start = Instant::now();
    let all = reader.read(&of("many")).await.unwrap();
    let took = start.elapsed();
    println!("10,000 lines of {} bytes: {took:?}", lines[0].1.len());
    assert!(took < Duration::from_secs(20), "{took:?}");
    let sorted = |mut texts: Vec<String>| {
        texts.sort();
        texts
    };
    let expected = sorted(lines.into_iter().map(|(_, line)| line).collect());
    assert_eq!(sorted(all.iter().map(|entry| entry.message.clone()).collect()), expected);
    let followed: Vec<_> = reader.follow(&of("many")).take(10_000).try_collect().await.unwrap();
    assert_eq!(sorted(followed.into_iter().map(|entry| entry.message).collect()), expected);
    let newest = reader.read(&LogQuery { lines: Some(10), ..of("many") }).await.unwrap();
    assert_eq!(newest.len(), 10);
    assert_eq!(newest[9].time, all[9999].time);
}

async fn the_probe_answers(server: &LokiStandIn) {
    let probe = LokiProbe::new(LokiSettings::new(&server.url()));
    probe.ready().await.unwrap();
    assert_eq!(probe.labels().await.unwrap(), ["service_name"]);
    assert!(probe.label_values("service_name").await.unwrap().contains(&"filters".to_owned()));
    assert_eq!(probe.series(&Query::of_services(&["filters"])).await.unwrap(), 1);
    probe.push(&[("service_name", "probe")], now(), "marked").await.unwrap();
    let reader = LokiReader::new(LokiSettings::new(&server.url()));
    assert_eq!(messages(&until_there(&reader, &of("probe"), 1).await), ["marked"]);
    // The stand-in has neither; what it says instead is an error and no panic.
    assert!(probe.version().await.is_err() && probe.discarded().await.is_err());
}

#[tokio::test]
async fn following_survives_a_restart() {
    let mut server = LokiStandIn::start();
    let reader = LokiReader::new(LokiSettings::new(&server.url()));
    let first = now() - 3_000_000_000;
    let old: Vec<_> = (0..5).map(|n| (first + n * 1000, format!("old {n}"))).collect();
    server.push("followed", &old);
    until_there(&reader, &of("followed"), 5).await;
    let mut followed = reader.follow(&LogQuery { lines: Some(2), ..of("followed") });
    let mut next = async || {
        let item =
            tokio::time::timeout(Duration::from_secs(90), followed.next()).await.expect("an entry in time");
        item.unwrap().unwrap().message
    };
    assert_eq!((next().await, next().await), ("old 3".to_owned(), "old 4".to_owned()));
    server.push("followed", &[(now(), "before".to_owned())]);
    assert_eq!(next().await, "before");
    server.stop();
    // It is asked while it is away.
    let asked = tokio::time::timeout(Duration::from_secs(3), next()).await;
    assert!(asked.is_err(), "{asked:?}");
    server.resume();
    server.push("followed", &[(now(), "after".to_owned())]);
    assert_eq!(next().await, "after", "nothing is shown twice");
    server.push("followed", &[(now(), "later".to_owned())]);
    assert_eq!(next().await, "later");
}
