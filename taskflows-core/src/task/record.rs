use jiff::Timestamp;

use super::RunId;
use crate::{Outcome, ServiceName};

/// What is kept of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunRecord {
    /// Which run.
    pub id: RunId,
    /// The name of its task; that of the service where it runs for one.
    pub task: String,
    /// The service it ran for.
    pub service: Option<ServiceName>,
    /// When it was to start.
    pub scheduled: Option<Timestamp>,
    /// When its first attempt began.
    pub started: Timestamp,
    /// When it was over.
    pub ended: Option<Timestamp>,
    /// How it ended; [`Outcome::Running`] while it runs.
    pub outcome: Outcome,
    /// How many attempts it took so far.
    pub attempts: u32,
    /// How many it may take.
    pub max_attempts: u32,
    /// What went wrong, where the outcome alone does not say it.
    pub error: Option<String>,
    /// What started it.
    pub trigger: Trigger,
    /// The command, where it was one that nothing else knows how to run again.
    pub command: Option<Vec<String>>,
    /// The options of `tf exec` that go with the command, such as `--retries`, `3`; none where it is not set.
    pub options: Vec<String>,
    /// The directory the command ran in.
    pub directory: Option<String>,
    /// The process that drives it, by which a run that was cut off is known.
    pub process: Option<ProcessMark>,
}

/// What started a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trigger {
    /// Nobody knows.
    #[default]
    Unknown,
    /// Its timer.
    Timer,
    /// A person or a program: the name of the user, where it is known.
    Manual(Option<String>),
    /// Somebody who wanted this run once more.
    Retry(RunId),
    /// systemd, since the run before had ended so that another was to follow (`Restart=`).
    Restart,
}

impl Trigger {
    /// Returns one word for it: `unknown`, `timer`, `manual`, `retry`, `restart`.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Timer => "timer",
            Self::Manual(_) => "manual",
            Self::Retry(_) => "retry",
            Self::Restart => "restart",
        }
    }

    /// Returns the user, where a person or a program started it and said who they are.
    pub fn by(&self) -> Option<&str> {
        match self {
            Self::Manual(by) => by.as_deref(),
            _ => None,
        }
    }

    /// Returns the run that was wanted once more.
    pub const fn retry_of(&self) -> Option<RunId> {
        match self {
            Self::Retry(of) => Some(*of),
            _ => None,
        }
    }

    /// Puts together what [`word`](Self::word), [`by`](Self::by) and [`retry_of`](Self::retry_of) took apart;
    /// [`Trigger::Unknown`] where it is none of ours.
    pub fn from_parts(word: &str, by: Option<String>, retry_of: Option<RunId>) -> Self {
        match (word, retry_of) {
            ("timer", _) => Self::Timer,
            ("manual", _) => Self::Manual(by),
            ("retry", Some(of)) => Self::Retry(of),
            ("restart", _) => Self::Restart,
            _ => Self::Unknown,
        }
    }
}

/// A process that no later one is mistaken for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessMark {
    /// The boot it lives in (`/proc/sys/kernel/random/boot_id`).
    pub boot: String,
    /// Its number.
    pub pid: u32,
    /// When it started, in clock ticks since the boot. Source: proc_pid_stat(5), field 22.
    pub started: u64,
}

/// One try of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Which, from 1.
    pub number: u32,
    /// When it began.
    pub started: Timestamp,
    /// When it was over.
    pub ended: Timestamp,
    /// How it ended.
    pub outcome: Outcome,
    /// What went wrong, where the outcome alone does not say it.
    pub error: Option<String>,
    /// The last lines that it wrote, where they were kept; what is not UTF-8 is replaced by U+FFFD.
    pub tail: String,
}

/// The end of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunFinish {
    /// When it was over.
    pub ended: Timestamp,
    /// How it ended.
    pub outcome: Outcome,
    /// How many attempts it took.
    pub attempts: u32,
    /// What went wrong, where the outcome alone does not say it.
    pub error: Option<String>,
}

/// Which runs are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunQuery {
    /// Of these tasks or services; of all where none is named.
    pub tasks: Vec<String>,
    /// The run whose id begins with this.
    pub id_prefix: Option<String>,
    /// Only those that ended badly or were cut off.
    pub failed: bool,
    /// That started not before this.
    pub since: Option<Timestamp>,
    /// That started not after this.
    pub until: Option<Timestamp>,
    /// At most this many, the newest.
    pub limit: Option<usize>,
}

impl RunQuery {
    /// Tells whether `run` is wanted, as it stands; how many there are at most is not looked at.
    pub fn selects(&self, run: &RunRecord) -> bool {
        let is_of =
            |task: &String| *task == run.task || run.service.as_ref().is_some_and(|own| own.as_str() == task);
        let is_bad = matches!(run.outcome, Outcome::Failed(_) | Outcome::Interrupted);
        let begins = |prefix: &String| run.id.to_string().starts_with(&prefix.to_lowercase());
        (self.tasks.is_empty() || self.tasks.iter().any(is_of))
            && self.id_prefix.as_ref().is_none_or(begins)
            && (!self.failed || is_bad)
            && self.since.is_none_or(|since| since <= run.started)
            && self.until.is_none_or(|until| run.started <= until)
    }
}
