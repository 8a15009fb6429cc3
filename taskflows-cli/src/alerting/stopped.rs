use std::time::Duration;

use jiff::Timestamp;
use taskflows_alerts::incident::{Observation, ObservationKind, Subject};
use taskflows_alerts::task_events::{NextStep, RunFacts, failed, finished};
use taskflows_core::alerting::AlertMark;
use taskflows_core::effects::{Began, RunStore};
use taskflows_core::task::{RunFinish, RunId, RunNote, RunQuery, RunRecord, Trigger};
use taskflows_core::{ExitKind, Outcome, RunEnd, ServiceName, Signal};
use taskflows_runtime::process::JournalRecords;

use super::AlertDesk;
use crate::{App, CliError, Variable};

/// How many runs the usual length is taken of.
const USUAL_OF: usize = 20;

/// How few of them say nothing yet.
const USUAL_FROM: usize = 5;

/// How long the manager may take to say when a run began, and when the next one does.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long the journal may take to look up whose note it was given.
const SETTLED: Duration = Duration::from_millis(100);

/// What systemd tells a command of `ExecStopPost=`.
///
/// Source: systemd.exec(5), "Environment Variables Set or Propagated by the Service Manager".
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stopped {
    result: String,
    exit: Option<ExitKind>,
    invocation: Option<RunId>,
}

impl Stopped {
    /// Reads the variables; `None` where this is no command of `ExecStopPost=`.
    pub(crate) fn from_variables(variable: &Variable) -> Option<Self> {
        let number = |text: &str| text.parse::<i32>().ok();
        let signal =
            |text: &str| format!("SIG{text}").parse::<Signal>().ok().map(|signal| i32::from(signal.number()));
        let status = variable("EXIT_STATUS");
        let status = status.as_deref();
        let exit = match variable("EXIT_CODE").as_deref() {
            Some("exited") => status.and_then(number).map(ExitKind::Exited),
            Some("killed" | "dumped") => {
                status.and_then(|text| signal(text).or_else(|| number(text))).map(ExitKind::Killed)
            }
            _ => None,
        };
        let invocation = variable("INVOCATION_ID").and_then(|id| id.parse().ok());
        Some(Self { result: variable("SERVICE_RESULT")?, exit, invocation })
    }

    fn outcome(&self) -> Outcome {
        match self.result.as_str() {
            "success" => Outcome::Succeeded,
            "exec-condition" => Outcome::Skipped,
            result => {
                Outcome::Failed(RunEnd { result: result.to_owned(), exit: self.exit, is_preparation: false })
            }
        }
    }

    /// Tells whether somebody stopped it, which is neither a good end nor a bad one.
    fn was_asked_to_stop(&self) -> bool {
        self.result == "success" && matches!(self.exit, Some(ExitKind::Killed(_)))
    }

    /// Says which signal that was.
    fn stopped_by(&self) -> Option<String> {
        let Some(ExitKind::Killed(number)) = self.exit.filter(|_| self.was_asked_to_stop()) else {
            return None;
        };
        let signal =
            Signal::from_number(number).map_or_else(|| number.to_string(), |signal| signal.to_string());
        Some(format!("stopped by {signal}"))
    }
}

/// Keeps how a run of a service ended, and has it told.
///
/// # Errors
/// When the end could not be kept, or not be told; each is tried whatever became of the other.
pub(crate) async fn stopped(app: &App, name: &ServiceName, end: &Stopped) -> Result<(), CliError> {
    let now = (app.now)();
    let run = keep(app, name, end, now).await;
    let told = tell(app, name, end, run.as_ref().ok(), now).await;
    run?;
    told
}

/// Tells whether the runs of a service are driven by `tf exec`.
async fn is_driven(app: &App, name: &ServiceName) -> bool {
    let files = app.services.files(name).await;
    let runs_exec = |text: &String| {
        text.lines().any(|line| line.starts_with("ExecStart=") && line.contains(" exec --service "))
    };
    files.is_ok_and(|files| files.files.values().any(runs_exec))
}

/// Keeps the end in the store and in the journal, each whatever becomes of the other, and returns all that is known of
/// the run.
///
/// What drove the run knows more of its end, which then stands; this is for runs that nobody drove but systemd, and for
/// those whose driver was killed. A service that was stopped on request ended well, as systemd has it; a task that was cut
/// off on request before its end was interrupted, as its driver has it.
async fn keep(app: &App, name: &ServiceName, end: &Stopped, now: Timestamp) -> Result<RunRecord, CliError> {
    let id = end.invocation.unwrap_or_else(taskflows_runtime::process::new_run_id);
    let query = RunQuery { id_prefix: Some(id.to_string()), limit: Some(1), ..RunQuery::default() };
    let mut lost = None;
    let known = app.runs.recent(&query).await.unwrap_or_else(|error| {
        lost = Some(error);
        Vec::new()
    });
    let (mut run, began) = match known.into_iter().next() {
        Some(run) => (run, None),
        None => begun(app, name, id, now).await,
    };
    let preparation = began.and_then(|began| began.preparation);
    let ended = began.and_then(|began| began.ended).filter(|ended| *ended <= now).unwrap_or(now);
    let outcome = match (end.outcome(), &run.outcome) {
        (Outcome::Failed(_), Outcome::Failed(known)) => Outcome::Failed(known.clone()),
        (Outcome::Failed(end), _) if preparation.is_some() => {
            Outcome::Failed(RunEnd { exit: preparation, is_preparation: true, ..end })
        }
        (outcome, _) => outcome,
    };
    let is_told = match &run.outcome {
        Outcome::Failed(_) | Outcome::Succeeded => true,
        Outcome::Interrupted => run.ended.is_some() && outcome == Outcome::Succeeded,
        _ => false,
    };
    if is_told {
        return Ok(run);
    }
    if lost.is_none() {
        match app.runs.begin(&run).await {
            Ok(trigger) => run.trigger = trigger,
            Err(error) => lost = Some(error),
        }
    }
    run.ended = Some(ended);
    run.outcome = outcome;
    run.attempts = run.attempts.max(1);
    run.error = run.error.or_else(|| end.stopped_by());
    run.process = None;
    if lost.is_none() {
        let (outcome, error) = (run.outcome.clone(), run.error.clone());
        let finish = RunFinish { ended, outcome, attempts: run.attempts, error };
        lost = app.runs.finish(id, &finish).await.err();
    }
    // Where the store cannot be read, what drove the run has told of it better than this could.
    if lost.is_none() || !is_driven(app, name).await {
        let records = JournalRecords::default();
        records.write(&RunNote::Finished(&run, None), None);
        records.settle(SETTLED);
    }
    lost.map_or(Ok(run), |error| Err(error.into()))
}

/// Returns what is known of a run that nobody drove but systemd, and what the manager says of it.
async fn begun(app: &App, name: &ServiceName, id: RunId, now: Timestamp) -> (RunRecord, Option<Began>) {
    let asked = tokio::time::timeout(PATIENCE, app.services.began(name)).await;
    let began = asked.ok().and_then(Result::ok).flatten().filter(|began| began.at <= now);
    let is_restart = began.is_some_and(|began| began.is_restart);
    // What elapsed before the first start is told at another as well.
    let elapsed = (app.variable)("TRIGGER_TIMER_REALTIME_USEC").filter(|_| !is_restart);
    let scheduled = elapsed.and_then(|micros| Timestamp::from_microsecond(micros.parse().ok()?).ok());
    let run = RunRecord {
        id,
        task: name.to_string(),
        service: Some(name.clone()),
        scheduled,
        started: began.map_or(now, |began| began.at),
        ended: None,
        outcome: Outcome::Running,
        attempts: 1,
        max_attempts: 1,
        error: None,
        trigger: match (scheduled, is_restart) {
            (_, true) => Trigger::Restart,
            (Some(_), _) => Trigger::Timer,
            (None, _) => Trigger::Unknown,
        },
        command: None,
        options: Vec::new(),
        directory: None,
        process: None,
    };
    (run, began)
}

async fn tell(
    app: &App,
    name: &ServiceName,
    end: &Stopped,
    run: Option<&RunRecord>,
    now: Timestamp,
) -> Result<(), CliError> {
    let files = app.services.files(name).await?;
    let Some(mark) = files.files.values().find_map(|text| AlertMark::of_unit(text)) else { return Ok(()) };
    if mark.groups.is_empty() || end.was_asked_to_stop() {
        return Ok(());
    }
    let desk = AlertDesk::open(&app.data_directory)?;
    let outcome = run.map_or_else(|| end.outcome(), |run| run.outcome.clone());
    let facts = facts(app, name, run, &outcome, now).await;
    let id = facts.run.map_or_else(|| now.to_string(), |run| run.to_string());
    let (word, kind, message) = match &outcome {
        Outcome::Succeeded => {
            let duration = facts.took().unwrap_or_default();
            ("finished", ObservationKind::Finished { duration }, finished(&facts))
        }
        _ => ("failed", ObservationKind::Failed, failed(&facts)),
    };
    let subject = Subject::new(name.as_str(), &facts.host);
    let seen = Observation { id: format!("{id}/{word}"), subject, at: now, kind, message };
    desk.observe(&mark.groups, &[seen], now)
}

async fn facts(
    app: &App,
    name: &ServiceName,
    run: Option<&RunRecord>,
    outcome: &Outcome,
    now: Timestamp,
) -> RunFacts {
    let mut facts = app.facts(name.as_str());
    facts.outcome = outcome.clone();
    facts.ended = Some(now);
    if let Some(run) = run {
        facts.run = Some(run.id);
        facts.attempt = Some((run.attempts, run.max_attempts));
        facts.scheduled = run.scheduled;
        facts.started = Some(run.started);
        facts.ended = run.ended.or(facts.ended);
        facts.error = run.error.clone();
    }
    if *outcome != Outcome::Succeeded {
        let patterns = [name.into()];
        let next = tokio::time::timeout(PATIENCE, app.services.upcoming(&patterns, 1)).await;
        facts.next = next
            .ok()
            .and_then(Result::ok)
            .map(|starts| starts.first().map_or(NextStep::Nothing, |start| NextStep::Run(start.at)));
        facts.usual = usual(app.runs.as_ref(), name).await;
    }
    facts
}

/// Returns how long the runs of a service take that end well: the median of the last ones.
pub(super) async fn usual(runs: &dyn RunStore, name: &ServiceName) -> Option<Duration> {
    let query = RunQuery { tasks: vec![name.to_string()], limit: Some(USUAL_OF), ..RunQuery::default() };
    let good = runs.recent(&query).await.ok()?.into_iter().filter(|run| run.outcome == Outcome::Succeeded);
    let took = good.filter_map(|run| Duration::try_from(run.ended?.duration_since(run.started)).ok());
    let mut took: Vec<Duration> = took.collect();
    took.sort_unstable();
    (took.len() >= USUAL_FROM).then(|| took[took.len() / 2])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(variables: &'static [(&str, &str)], outcome: &Outcome, asked: bool) {
        let variable = move |name: &str| {
            variables.iter().find(|(own, _)| *own == name).map(|(_, value)| (*value).to_owned())
        };
        let stopped = Stopped::from_variables(&variable).unwrap();
        assert_eq!((&stopped.outcome(), stopped.was_asked_to_stop()), (outcome, asked));
    }

    fn failed(result: &str, exit: ExitKind) -> Outcome {
        Outcome::Failed(RunEnd { result: result.into(), exit: Some(exit), is_preparation: false })
    }

    #[test]
    fn the_variables_of_systemd_tell_the_end() {
        let good = [("SERVICE_RESULT", "success"), ("EXIT_CODE", "exited"), ("EXIT_STATUS", "0")];
        check(Box::leak(Box::new(good)), &Outcome::Succeeded, false);
        let bad = [("SERVICE_RESULT", "exit-code"), ("EXIT_CODE", "exited"), ("EXIT_STATUS", "3")];
        check(Box::leak(Box::new(bad)), &failed("exit-code", ExitKind::Exited(3)), false);
        let killed = [("SERVICE_RESULT", "signal"), ("EXIT_CODE", "killed"), ("EXIT_STATUS", "KILL")];
        check(Box::leak(Box::new(killed)), &failed("signal", ExitKind::Killed(9)), false);
        let stopped = [("SERVICE_RESULT", "success"), ("EXIT_CODE", "killed"), ("EXIT_STATUS", "TERM")];
        check(Box::leak(Box::new(stopped)), &Outcome::Succeeded, true);
        assert_eq!(Stopped::from_variables(&|_: &str| None), None);
    }
}
