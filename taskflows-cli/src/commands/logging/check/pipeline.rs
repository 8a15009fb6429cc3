//! The way of a line, stage by stage.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::json;
use taskflows_core::ServiceName;
use taskflows_core::effects::LogReader;
use taskflows_logging::loki::logql::Query;
use taskflows_logging::loki::{LokiProbe, LokiSettings, Readiness};
use taskflows_logging::{FluentBitHealth, fluent_bit_health};
use tokio::time::sleep;

use super::loki::fault;
use super::stage::{Fault, Stage, StageResult, shown};
use super::{forward, journal};
use crate::App;

/// The service that the marked line is of.
const SERVICE: &str = "logging-check";

/// A label with more values than this makes so many streams that Loki becomes slow.
const MANY_VALUES: usize = 100;

/// So many labels are looked at; Loki itself allows 15 a stream.
const MOST_LABELS: usize = 50;

/// Where Fluent Bit answers about itself. Source: its documentation, "Monitoring".
const HEALTH_PORT: u16 = 2020;

/// All that a line goes through.
pub(super) struct Pipeline {
    pub(super) journal: PathBuf,
    pub(super) logs: Arc<dyn LogReader>,
    /// The forward input, where one is configured.
    pub(super) fluent_bit: Option<String>,
    /// Where Fluent Bit says how it is.
    pub(super) health: String,
    pub(super) loki: Option<LokiSettings>,
    pub(super) host: String,
    /// How long the line may take to arrive.
    pub(super) timeout: Duration,
    /// How long each stage before Loki may take.
    pub(super) patience: Duration,
    pub(super) chance: u64,
}

/// A line that was sent on one way.
struct Sent {
    stage: &'static str,
    marker: String,
    at: Instant,
    /// Whether it must arrive: something is known to be there that passes it on.
    must_arrive: bool,
    hint: String,
}

impl Pipeline {
    pub(super) fn of(app: &App, timeout: Duration) -> Self {
        let host =
            app.fluent_bit.as_ref().map_or("127.0.0.1".to_owned(), |address| forward::place(address).0);
        let host = if host.contains(':') { format!("[{host}]") } else { host };
        Self {
            journal: PathBuf::from(journal::SOCKET),
            logs: Arc::clone(&app.logs),
            fluent_bit: app.fluent_bit.clone(),
            health: format!("http://{host}:{HEALTH_PORT}"),
            loki: app.loki.clone(),
            host: app.host_name.clone(),
            timeout,
            patience: Duration::from_secs(10),
            chance: fastrand::u64(..),
        }
    }

    fn marker(&self, way: &str) -> String {
        format!("tfcheck-{:016x}-{way}", self.chance)
    }

    /// Sends the lines, and returns how each stage went, in the order of the way.
    pub(super) async fn check(&self) -> Vec<Stage> {
        let since = Timestamp::now();
        // A clock that differs a little from Loki's must not hide the line.
        let since = since.checked_sub(Duration::from_secs(60)).unwrap_or(since);
        let (mut stages, mut sent) = (Vec::new(), Vec::new());
        let in_journal = self.through_journal(&mut stages, since).await;
        let fluent_bit = self.fluent_bit_health().await;
        let has_fluent_bit = fluent_bit.result != StageResult::Skipped || self.fluent_bit.is_some();
        stages.push(fluent_bit);
        sent.extend(in_journal.map(|at| Sent {
            stage: "journal to Loki",
            marker: self.marker("journal"),
            at,
            must_arrive: has_fluent_bit,
            hint: "look whether Fluent Bit reads the journal (its user must be in the group systemd-journal) and what its \
                   log says of the output to Loki"
                .to_owned(),
        }));
        sent.extend(self.through_forward(&mut stages).await);
        let Some(settings) = &self.loki else {
            let why = "TASKFLOWS_LOKI_URL is not set, so nobody knows where the lines should arrive";
            stages.push(Stage::skipped("Loki", why));
            return stages;
        };
        let (began, loki) = (Instant::now(), LokiProbe::new(settings.clone()));
        let readiness = loki.ready().await.map_err(|error| fault("say that it is ready", &error));
        let is_there = readiness.is_ok();
        stages.push(Stage::ended("Loki", began, readiness.map(|readiness| said(readiness).to_owned())));
        if is_there {
            self.within_loki(&loki, &mut stages, sent, since).await;
        } else {
            let why = || "Loki is not there to look into";
            stages.extend(sent.iter().map(|sent| Stage::skipped(sent.stage, why())));
        }
        stages
    }

    /// Returns when the line was written, where the journal took it.
    async fn through_journal(&self, stages: &mut Vec<Stage>, since: Timestamp) -> Option<Instant> {
        let (marker, began) = (self.marker("journal"), Instant::now());
        let Ok(service) = SERVICE.parse::<ServiceName>() else { return None };
        let written = journal::write(&self.journal, &service, &marker).await;
        let at = written.is_ok().then(Instant::now);
        let end = match written {
            Ok(()) => journal::read_back(self.logs.as_ref(), &service, &marker, since, self.patience).await,
            Err(fault) => Err(fault),
        };
        stages.push(Stage::ended(
            "journal",
            began,
            end.map(|()| "written, and read back with journalctl".to_owned()),
        ));
        at
    }

    async fn fluent_bit_health(&self) -> Stage {
        const STAGE: &str = "Fluent Bit";
        let began = Instant::now();
        let health = &self.health;
        match fluent_bit_health(health, self.patience).await {
            FluentBitHealth::Well => Stage::ended(STAGE, began, Ok("it says that it is well".to_owned())),
            FluentBitHealth::Untold => Stage::ended(
                STAGE,
                began,
                Ok("it runs; set `health_check: on` to have it say more".to_owned()),
            ),
            FluentBitHealth::Ill { status, said } => {
                let fault = Fault::new(format!("it is not well ({status} {said})"));
                let hint =
                    "its outputs fail or are tried again: look at its log, and at /api/v1/metrics there";
                Stage::ended(STAGE, began, Err(fault.hint(hint)))
            }
            _ => Stage::skipped(
                STAGE,
                format!("nothing answers at {health} (`http_server: on` has it say how it is)"),
            ),
        }
    }

    async fn through_forward(&self, stages: &mut Vec<Stage>) -> Option<Sent> {
        let address = self.fluent_bit.as_ref()?;
        let (marker, began, now) = (self.marker("forward"), Instant::now(), Timestamp::now());
        let seconds = u64::try_from(now.as_second()).unwrap_or_default();
        let chunk = format!("{:016x}", self.chance);
        let message = forward::message(SERVICE, seconds, &self.line(&marker, now), &chunk);
        let end = forward::send(address, &message, &chunk, self.patience).await;
        let is_sent = end.is_ok();
        stages.push(Stage::ended("forward", began, end.map(|()| format!("{address} acknowledged the line"))));
        is_sent.then(|| Sent {
            stage: "forward to Loki",
            marker,
            at: Instant::now(),
            must_arrive: true,
            hint: "Fluent Bit took the line: look at its output to Loki, and at what its log says of it"
                .to_owned(),
        })
    }

    /// Sends a line to Loki itself where there is no Fluent Bit, and looks what arrived.
    async fn within_loki(
        &self,
        loki: &LokiProbe,
        stages: &mut Vec<Stage>,
        mut sent: Vec<Sent>,
        since: Timestamp,
    ) {
        let before = loki.discarded().await.ok();
        if self.fluent_bit.is_none() {
            sent.extend(self.push(loki, stages).await);
        }
        let arrived = self.arrive(loki, sent, since).await;
        let has_lost = arrived.iter().any(|stage| stage.result == StageResult::Failed);
        stages.extend(arrived);
        stages.push(labels(loki).await);
        let after = loki.discarded().await.ok();
        stages.push(refused(before, after, has_lost));
    }

    async fn push(&self, loki: &LokiProbe, stages: &mut Vec<Stage>) -> Option<Sent> {
        let (marker, began, now) = (self.marker("push"), Instant::now(), Timestamp::now());
        let labels =
            [("service_name", SERVICE), ("app", SERVICE), ("severity", "INFO"), ("level_name", "info")];
        let end = loki.push(&labels, nanoseconds(now), &self.line(&marker, now)).await;
        let end = end.map_err(|error| fault("take the line", &error));
        let is_sent = end.is_ok();
        stages.push(Stage::ended(
            "push",
            began,
            end.map(|()| "Loki took a line that was sent to it".to_owned()),
        ));
        is_sent.then(|| Sent {
            stage: "push to Loki",
            marker,
            at: Instant::now(),
            must_arrive: true,
            hint: "Loki took the line and does not find it: look at its clock, and at its own log".to_owned(),
        })
    }

    /// Looks for the lines until all that must arrive have, or the time is over.
    async fn arrive(&self, loki: &LokiProbe, sent: Vec<Sent>, since: Timestamp) -> Vec<Stage> {
        let began = Instant::now();
        let mut pause = Duration::from_millis(100);
        let query = Query::of_services::<&str>(&[]).contains(&format!("tfcheck-{:016x}", self.chance));
        let mut lags: BTreeMap<&'static str, Duration> = BTreeMap::new();
        let trouble = loop {
            let mut trouble = None;
            let until = Timestamp::now().checked_add(Duration::from_secs(60)).unwrap_or(Timestamp::MAX);
            match loki.find(&query, nanoseconds(since), nanoseconds(until)).await {
                Ok(lines) => {
                    for one in sent.iter().filter(|one| lines.iter().any(|line| line.contains(&one.marker))) {
                        lags.entry(one.stage).or_insert_with(|| one.at.elapsed());
                    }
                }
                Err(error) => trouble = Some(fault("look for the line", &error)),
            }
            let is_missing = sent.iter().any(|one| one.must_arrive && !lags.contains_key(one.stage));
            if !is_missing || began.elapsed() >= self.timeout {
                break trouble;
            }
            sleep(pause.min(self.timeout.saturating_sub(began.elapsed()))).await;
            pause = (pause * 2).min(Duration::from_secs(2));
        };
        sent.into_iter()
            .map(|one| {
                let lag = lags.get(one.stage).copied();
                one.ended(lag, trouble.clone(), self.timeout)
            })
            .collect()
    }

    /// A line of a program, as it is written everywhere.
    fn line(&self, marker: &str, now: Timestamp) -> String {
        json!({
            "timestamp": format!("{now:.6}"),
            "timestamp_ns": nanoseconds(now),
            "event": format!("taskflows logging check {marker}"),
            "severity": "INFO",
            "level_name": "info",
            "logger": "taskflows.check",
            "app": SERVICE,
            "hostname": self.host,
        })
        .to_string()
    }
}

const fn said(readiness: Readiness) -> &'static str {
    match readiness {
        Readiness::Ready => "it is ready",
        Readiness::Untold => "it answers, and does not say whether it is ready",
    }
}

impl Sent {
    fn ended(self, lag: Option<Duration>, trouble: Option<Fault>, timeout: Duration) -> Stage {
        let (result, took, detail, hint) = match (lag, trouble) {
            (Some(lag), _) => (StageResult::Ok, lag, format!("arrived after {}", shown(lag)), None),
            (None, _) if !self.must_arrive => {
                let why = "no Fluent Bit is known that would pass it on: TASKFLOWS_FLUENT_BIT is not set";
                return Stage::skipped(self.stage, why);
            }
            (None, Some(fault)) => (StageResult::Failed, self.at.elapsed(), fault.reason, fault.hint),
            (None, None) => {
                let detail = format!("the line did not arrive within {}", shown(timeout));
                (StageResult::Failed, self.at.elapsed(), detail, Some(self.hint))
            }
        };
        Stage { stage: self.stage, result, took, detail, hint }
    }
}

/// Nanoseconds since 1970, up to the year 2262.
fn nanoseconds(time: Timestamp) -> i64 {
    i64::try_from(time.as_nanosecond()).unwrap_or(i64::MAX)
}

/// Counts labels, their values and streams.
async fn labels(loki: &LokiProbe) -> Stage {
    const STAGE: &str = "labels";
    let began = Instant::now();
    let names = match loki.labels().await {
        Ok(names) => names,
        Err(error) => return Stage::ended(STAGE, began, Err(fault("list its labels", &error))),
    };
    let mut many = Vec::new();
    for name in names.iter().take(MOST_LABELS) {
        match loki.label_values(name).await.map(|values| values.len()) {
            Ok(values) if values > MANY_VALUES => many.push(format!("{name} ({values})")),
            Ok(_) => {}
            Err(error) => {
                return Stage::ended(STAGE, began, Err(fault("list the values of a label", &error)));
            }
        }
    }
    let streams = match loki.series(&Query::of_services::<&str>(&[])).await {
        Ok(1) => "1 stream".to_owned(),
        Ok(streams) => format!("{streams} streams"),
        // Loki refuses to list very many.
        Err(_) => "more streams than Loki lists".to_owned(),
    };
    let plural = if names.len() == 1 { "" } else { "s" };
    let detail = format!("{} label{plural}, {streams} in the last six hours", names.len());
    let mut stage = Stage::ended(STAGE, began, Ok(detail));
    stage.hint = (!many.is_empty()).then(|| {
        format!(
            "labels with more than {MANY_VALUES} values make Loki slow: {}; keep them in the line or as structured metadata",
            many.join(", ")
        )
    });
    stage
}

/// Tells what Loki refused, of whomever.
fn refused(
    before: Option<BTreeMap<String, u64>>,
    after: Option<BTreeMap<String, u64>>,
    has_lost: bool,
) -> Stage {
    const STAGE: &str = "refused";
    let Some((before, after)) = before.zip(after) else {
        return Stage::skipped(STAGE, "Loki does not show its figures (/metrics)");
    };
    let growth = |reason: &String, count: u64| count.saturating_sub(before.get(reason).copied().unwrap_or(0));
    let grown: Vec<&String> = after
        .iter()
        .filter(|(reason, count)| growth(reason, **count) > 0)
        .map(|(reason, _)| reason)
        .collect();
    let told: Vec<String> = after
        .iter()
        .filter(|(_, count)| **count > 0)
        .map(|(reason, count)| match growth(reason, *count) {
            0 => format!("{reason} {count}"),
            more => format!("{reason} {count}, {more} of them during this check"),
        })
        .collect();
    let detail = if told.is_empty() { "nothing since it started".to_owned() } else { told.join("; ") };
    let result = if has_lost && !grown.is_empty() { StageResult::Failed } else { StageResult::Ok };
    let hint = (!grown.is_empty()).then(|| {
        let reasons = grown.iter().map(|reason| reason.as_str()).collect::<Vec<_>>().join(", ");
        format!("Loki refuses lines now ({reasons}): see `limits_config` of its configuration")
    });
    Stage { stage: STAGE, result, took: Duration::ZERO, detail, hint }
}
