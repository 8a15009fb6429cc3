use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use taskflows_core::task::{Attempt, ProcessMark, RunQuery, RunRecord, Trigger};
use utoipa::{IntoParams, ToSchema};

use super::{Misfit, RunOutcome};

/// Which runs are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct RunParameters {
    /// Of this task or service; may be repeated. Of all where none is named.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub task: Vec<String>,
    /// Whose id begins with these digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_prefix: Option<String>,
    /// Only those that ended badly or were cut off.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub failed: bool,
    /// That started not before this.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>, format = DateTime)]
    pub since: Option<Timestamp>,
    /// That started not after this.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>, format = DateTime)]
    pub until: Option<Timestamp>,
    /// At most this many, the newest; 100 where it is not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
    /// Who tells of them.
    #[param(inline)]
    pub source: RunSource,
}

/// Of which services the newest run is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct LatestParameters {
    /// Of this service; may be repeated. Of none there are no runs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub name: Vec<String>,
    /// Who tells of them.
    #[param(inline)]
    pub source: RunSource,
}

/// Who tells of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct SourceParameters {
    /// Who tells of it.
    #[param(inline)]
    pub source: RunSource,
}

/// Who tells of runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum RunSource {
    /// What the host keeps of them.
    #[default]
    Store,
    /// What its journal says of them.
    Journal,
}

impl RunParameters {
    /// Says `query` to `source`.
    #[must_use]
    pub fn new(query: &RunQuery, source: RunSource) -> Self {
        Self {
            task: query.tasks.clone(),
            id_prefix: query.id_prefix.clone(),
            failed: query.failed,
            since: query.since,
            until: query.until,
            limit: query.limit,
            source,
        }
    }
}

impl From<RunParameters> for RunQuery {
    fn from(sent: RunParameters) -> Self {
        Self {
            tasks: sent.task,
            id_prefix: sent.id_prefix,
            failed: sent.failed,
            since: sent.since,
            until: sent.until,
            limit: sent.limit,
        }
    }
}

/// What is known of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RecordedRun {
    /// Which run: 32 hexadecimal digits.
    pub id: String,
    /// The name of its task; that of the service where it runs for one.
    pub task: String,
    /// The service it ran for.
    #[serde(default)]
    pub service: Option<String>,
    /// When it was to start.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub scheduled: Option<Timestamp>,
    /// When its first attempt began.
    #[schema(value_type = String, format = DateTime)]
    pub started: Timestamp,
    /// When it was over.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended: Option<Timestamp>,
    /// How it ended, or that it has not.
    pub outcome: RunOutcome,
    /// How many attempts it took so far.
    pub attempts: u32,
    /// How many it may take.
    pub max_attempts: u32,
    /// What went wrong, where the outcome alone does not say it.
    #[serde(default)]
    pub error: Option<String>,
    /// What started it.
    pub trigger: RunTrigger,
    /// The command, where it was one that nothing else knows how to run again.
    #[serde(default)]
    pub command: Option<Vec<String>>,
    /// The options of `tf exec` that go with the command.
    #[serde(default)]
    pub options: Vec<String>,
    /// The directory the command ran in.
    #[serde(default)]
    pub directory: Option<String>,
    /// The process that drives it.
    #[serde(default)]
    pub process: Option<RunProcess>,
}

/// A run with its attempts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunWithAttempts {
    /// The run.
    pub run: RecordedRun,
    /// Its attempts, the first one first.
    pub attempts: Vec<RecordedAttempt>,
}

/// One try of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RecordedAttempt {
    /// Which, from 1.
    pub number: u32,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    pub started: Timestamp,
    /// When it was over.
    #[schema(value_type = String, format = DateTime)]
    pub ended: Timestamp,
    /// How it ended.
    pub outcome: RunOutcome,
    /// What went wrong, where the outcome alone does not say it.
    #[serde(default)]
    pub error: Option<String>,
    /// The last lines that it wrote, where they were kept.
    pub tail: String,
}

/// What started a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunTrigger {
    /// `unknown`, `timer`, `manual`, `retry`, `restart`.
    pub word: String,
    /// The user, where a person or a program started it and said who they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// The run that was wanted once more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_of: Option<String>,
}

/// A process that no later one is mistaken for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunProcess {
    /// The boot it lives in.
    pub boot: String,
    /// Its number.
    pub pid: u32,
    /// When it started, in clock ticks since the boot.
    pub started: u64,
}

impl From<&Trigger> for RunTrigger {
    fn from(trigger: &Trigger) -> Self {
        Self {
            word: trigger.word().to_owned(),
            by: trigger.by().map(str::to_owned),
            retry_of: trigger.retry_of().map(|of| of.to_string()),
        }
    }
}

impl TryFrom<RunTrigger> for Trigger {
    type Error = Misfit;

    fn try_from(sent: RunTrigger) -> Result<Self, Misfit> {
        let retry_of = sent.retry_of.map(|of| of.parse().map_err(Misfit::of("retry_of"))).transpose()?;
        Ok(Self::from_parts(&sent.word, sent.by, retry_of))
    }
}

impl From<RunRecord> for RecordedRun {
    fn from(run: RunRecord) -> Self {
        Self {
            id: run.id.to_string(),
            task: run.task,
            service: run.service.map(|service| service.to_string()),
            scheduled: run.scheduled,
            started: run.started,
            ended: run.ended,
            outcome: run.outcome.into(),
            attempts: run.attempts,
            max_attempts: run.max_attempts,
            error: run.error,
            trigger: (&run.trigger).into(),
            command: run.command,
            options: run.options,
            directory: run.directory,
            process: run.process.map(|ProcessMark { boot, pid, started }| RunProcess { boot, pid, started }),
        }
    }
}

impl TryFrom<RecordedRun> for RunRecord {
    type Error = Misfit;

    fn try_from(sent: RecordedRun) -> Result<Self, Misfit> {
        let service = sent.service.map(|name| name.parse().map_err(Misfit::of("service")));
        Ok(Self {
            id: sent.id.parse().map_err(Misfit::of("id"))?,
            task: sent.task,
            service: service.transpose()?,
            scheduled: sent.scheduled,
            started: sent.started,
            ended: sent.ended,
            outcome: sent.outcome.try_into()?,
            attempts: sent.attempts,
            max_attempts: sent.max_attempts,
            error: sent.error,
            trigger: sent.trigger.try_into()?,
            command: sent.command,
            options: sent.options,
            directory: sent.directory,
            process: sent.process.map(|RunProcess { boot, pid, started }| ProcessMark { boot, pid, started }),
        })
    }
}

impl From<Attempt> for RecordedAttempt {
    fn from(attempt: Attempt) -> Self {
        let Attempt { number, started, ended, outcome, error, tail } = attempt;
        Self { number, started, ended, outcome: outcome.into(), error, tail }
    }
}

impl TryFrom<RecordedAttempt> for Attempt {
    type Error = Misfit;

    fn try_from(sent: RecordedAttempt) -> Result<Self, Misfit> {
        let RecordedAttempt { number, started, ended, outcome, error, tail } = sent;
        Ok(Self { number, started, ended, outcome: outcome.try_into()?, error, tail })
    }
}
