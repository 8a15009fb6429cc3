use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use taskflows_core::Outcome;
use taskflows_core::effects::RunStore;
use taskflows_core::task::{RunId, RunQuery, RunRecord};

/// The upper ends of classes of durations, in seconds, as the predecessor has them.
const CLASSES: [f64; 9] = [0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0, 600.0];
/// A run that began longer ago than this is not looked for any more.
const LOOK_BACK: SignedDuration = SignedDuration::from_hours(24);
/// So many runs are looked at in one go, the newest.
const MOST_RUNS: usize = 2_000;
/// So many tasks have series of their own; the others together are `other`.
const MOST_TASKS: usize = 500;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Ended {
    task_name: String,
    status: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Failed {
    task_name: String,
    error_type: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Retried {
    task_name: String,
}

/// What is counted of the runs of tasks that ended since the server began, as the store has them.
pub(super) struct Runs {
    ended: Family<Ended, Counter>,
    durations: Family<Ended, Histogram, fn() -> Histogram>,
    failed: Family<Failed, Counter>,
    retried: Family<Retried, Counter>,
    seen: Mutex<Option<Seen>>,
}

/// What has been counted.
struct Seen {
    /// All that ended before.
    until: Timestamp,
    /// And of those that ended since, these.
    runs: BTreeSet<RunId>,
    tasks: BTreeSet<String>,
}

impl Default for Runs {
    fn default() -> Self {
        Self {
            ended: Family::default(),
            durations: Family::new_with_constructor(|| Histogram::new(CLASSES)),
            failed: Family::default(),
            retried: Family::default(),
            seen: Mutex::default(),
        }
    }
}

impl Runs {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register("taskflows_task", "Runs of tasks that are over", self.ended.clone());
        let help = "Seconds that runs of tasks took";
        registry.register("taskflows_task_duration_seconds", help, self.durations.clone());
        registry.register("taskflows_task_errors", "Runs of tasks that failed", self.failed.clone());
        let help = "Attempts after the first of runs of tasks";
        registry.register("taskflows_task_retries", help, self.retried.clone());
    }

    /// Counts the runs that ended since it was last asked; the first time from now on.
    pub(super) async fn count(&self, store: &dyn RunStore, now: Timestamp) {
        let since = now.checked_sub(LOOK_BACK).ok();
        let query = RunQuery { since, limit: Some(MOST_RUNS), ..RunQuery::default() };
        let runs = match store.recent(&query).await {
            Ok(runs) => runs,
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "runs are not counted");
                return;
            }
        };
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let is_first = seen.is_none();
        let seen =
            seen.get_or_insert_with(|| Seen { until: now, runs: BTreeSet::new(), tasks: BTreeSet::new() });
        let over = runs.iter().filter(|run| run.outcome != Outcome::Running && run.ended.is_some());
        let before = std::mem::take(&mut seen.runs);
        for run in over {
            seen.runs.insert(run.id);
            if !is_first && !before.contains(&run.id) && run.ended >= Some(seen.until) {
                self.add(run, &mut seen.tasks);
            }
        }
    }

    fn add(&self, run: &RunRecord, tasks: &mut BTreeSet<String>) {
        let is_known = tasks.contains(&run.task) || tasks.len() < MOST_TASKS;
        let task_name = if is_known { run.task.clone() } else { "other".to_owned() };
        tasks.extend(is_known.then(|| run.task.clone()));
        let (status, error_type) = match &run.outcome {
            Outcome::Succeeded | Outcome::Skipped => ("success", None),
            Outcome::Failed(end) if end.result == "timeout" => ("timeout", Some("timeout")),
            Outcome::Failed(end) => ("failure", Some(error_type(&end.result))),
            _ => ("failure", Some("interrupted")),
        };
        let ended = Ended { task_name: task_name.clone(), status };
        self.ended.get_or_create(&ended).inc();
        let took = run.ended.map(|at| at.duration_since(run.started).as_secs_f64());
        self.durations.get_or_create(&ended).observe(took.unwrap_or_default().max(0.0));
        if let Some(error_type) = error_type {
            self.failed.get_or_create(&Failed { task_name: task_name.clone(), error_type }).inc();
        }
        let again = u64::from(run.attempts.saturating_sub(1));
        self.retried.get_or_create(&Retried { task_name }).inc_by(again);
    }
}

/// Returns systemd's word, of those that there are. Source: systemd.exec(5), `$SERVICE_RESULT`.
fn error_type(result: &str) -> &'static str {
    const KNOWN: [&str; 8] = [
        "exit-code",
        "signal",
        "core-dump",
        "watchdog",
        "oom-kill",
        "start-limit-hit",
        "resources",
        "protocol",
    ];
    KNOWN.into_iter().find(|known| *known == result).unwrap_or("other")
}
