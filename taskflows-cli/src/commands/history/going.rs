//! Runs that go on and that nothing but systemd drives: they are kept at their end alone.

use taskflows_core::effects::State;
use taskflows_core::task::{RunId, RunQuery, RunRecord, Trigger};
use taskflows_core::{NamePattern, Outcome, ServiceName};

use crate::App;

/// Stands for the id of a run that the manager names none of.
const NO_ID: RunId = RunId::from_bits(0);

/// Adds those that are wanted to what the store has, the newest first. Where the manager cannot be asked, what is kept is
/// all there is.
pub(super) async fn add(app: &App, query: &RunQuery, runs: &mut Vec<RunRecord>) {
    if query.failed {
        return;
    }
    let names: Vec<NamePattern> = query.tasks.iter().filter_map(|task| task.parse().ok()).collect();
    if names.is_empty() && !query.tasks.is_empty() {
        return;
    }
    let known = |run: &RunRecord, runs: &[RunRecord]| {
        runs.iter().any(|kept| {
            kept.id == run.id && run.id != NO_ID
                || kept.outcome == Outcome::Running && kept.service == run.service
        })
    };
    for run in all(app, &names).await {
        if query.selects(&run) && !known(&run, runs) {
            runs.push(run);
        }
    }
    runs.sort_by_key(|run| std::cmp::Reverse((run.started, run.id)));
    runs.truncate(query.limit.unwrap_or(usize::MAX));
}

/// Returns the one whose id begins with some digits.
pub(in crate::commands) async fn by_digits(app: &App, digits: &str) -> Option<RunRecord> {
    let digits = digits.to_lowercase();
    let mut found = all(app, &[]).await.into_iter().filter(|run| run.id.to_string().starts_with(&digits));
    found.next().filter(|_| found.next().is_none())
}

async fn all(app: &App, patterns: &[NamePattern]) -> Vec<RunRecord> {
    let listings = app.services.list(patterns).await.unwrap_or_default();
    let mut runs = Vec::new();
    for listing in listings {
        if matches!(listing.state, State::Running | State::Starting | State::Stopping) {
            runs.extend(run(app, &listing.name).await);
        }
    }
    runs
}

async fn run(app: &App, name: &ServiceName) -> Option<RunRecord> {
    let began = app.services.began(name).await.ok()??;
    Some(RunRecord {
        id: began.run.unwrap_or(NO_ID),
        task: name.to_string(),
        service: Some(name.clone()),
        scheduled: None,
        started: began.at,
        ended: None,
        outcome: Outcome::Running,
        attempts: 1,
        max_attempts: 1,
        error: None,
        trigger: if began.is_restart { Trigger::Restart } else { Trigger::Unknown },
        command: None,
        options: Vec::new(),
        directory: None,
        process: None,
    })
}
