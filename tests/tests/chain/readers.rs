//! The reader of Loki keeps to the contracts of logs, over lines that the kit's script made.

use std::time::Instant;

use jiff::Timestamp;
use taskflows_core::effects::{LogQuery, LogReader as _};
use taskflows_core::task::RunId;
use taskflows_core::testing::contract::{Written, WrittenLine, log_reader, log_reader_rich};
use taskflows_logging::loki::{LokiReader, LokiSettings};
use taskflows_tests::LokiStandIn;

use super::lua::{Record, sent};
use super::{SOON, bridge};

/// A line as journald has it of a process of a service. Nothing but the script says what becomes of it.
fn record(line: &WrittenLine, other: RunId, time: i64) -> Record {
    // This one says itself what it is, so that it was received as any other.
    let priority = if line.message.starts_with('{') { 6 } else { line.priority };
    Record::journal(&[
        ("_boot_id", "0"),
        ("_transport", "stdout"),
        ("_systemd_user_unit", &format!("taskflows-{}.service", line.service)),
        ("_hostname", "web1"),
        ("syslog_identifier", &format!("taskflows-{}", line.service)),
        ("priority", &priority.to_string()),
        ("message", &line.message),
        ("taskflows_run_id", &line.run.unwrap_or(other).to_string()),
        ("taskflows_attempt", &line.attempt.unwrap_or(1).to_string()),
    ])
    .at(time / 1_000_000_000, u32::try_from(time % 1_000_000_000).unwrap())
}

async fn until_there(reader: &LokiReader, services: &[&str], count: usize) {
    let services = services.iter().map(|name| name.parse().unwrap()).collect();
    let query = LogQuery { services, ..LogQuery::default() };
    let end = Instant::now() + SOON;
    while reader.read(&query).await.unwrap().len() < count {
        assert!(Instant::now() < end);
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
}

/// The stand-in keeps no structured metadata: `run_id` and `attempt` are labels in it (`bridge::push`), and the crate's own
/// tests have them beside the entry, as Loki has. It rounds times, so that lines are a few milliseconds apart.
#[tokio::test]
async fn the_reader_of_loki_keeps_to_the_contracts_of_a_log() {
    let server = LokiStandIn::start();
    let reader = LokiReader::new(LokiSettings::new(&server.url()));
    let from = i64::try_from(Timestamp::now().as_nanosecond()).unwrap() - 60_000_000_000;
    let run = RunId::from_bits(7 << 64 | 1);
    let other = RunId::from_bits(9 << 64 | 5);
    let written =
        Written { first: "contract-first".parse().unwrap(), second: "contract-second".parse().unwrap(), run };
    let lines = written.lines();
    let mut records: Vec<Record> =
        lines.iter().zip(0..).map(|(line, n)| record(line, other, from + n * 5_000_000)).collect();
    let plain = ["one", "two", "three"].map(|message| WrittenLine {
        service: "contract-plain".parse().unwrap(),
        run: None,
        attempt: None,
        priority: 6,
        message: message.to_owned(),
    });
    records.extend(plain.iter().zip(0..).map(|(line, n)| record(line, other, from + n * 5_000_000)));
    let sent: Vec<_> = sent(&records).into_iter().flatten().collect();
    assert_eq!(sent.len(), records.len());
    bridge::push(&server, &sent);
    until_there(&reader, &["contract-first", "contract-second"], lines.len()).await;
    until_there(&reader, &["contract-plain"], 3).await;
    log_reader(&reader, &"contract-plain".parse().unwrap()).await;
    log_reader_rich(&reader, &written).await;
}
