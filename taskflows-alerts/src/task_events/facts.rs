use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use taskflows_core::task::RunId;
use taskflows_core::{Outcome, grafana::Explore};

/// What is known of a run when something is told of it. What is not known is left out of the message.
#[derive(Clone, Debug)]
pub struct RunFacts {
    /// The service, or the task.
    pub service: String,
    /// The host it runs on.
    pub host: String,
    /// Which run.
    pub run: Option<RunId>,
    /// Which attempt of how many.
    pub attempt: Option<(u32, u32)>,
    /// When it was to start.
    pub scheduled: Option<Timestamp>,
    /// When it started.
    pub started: Option<Timestamp>,
    /// When it was over.
    pub ended: Option<Timestamp>,
    /// How long such a run takes, by those before it.
    pub usual: Option<Duration>,
    /// How it ended.
    pub outcome: Outcome,
    /// What went wrong, where the outcome alone does not say it.
    pub error: Option<String>,
    /// What it returned, where that is known and wanted.
    pub result: Option<String>,
    /// What follows.
    pub next: Option<NextStep>,
    /// The last lines it wrote.
    pub log: Vec<String>,
    /// Where its log is looked at.
    pub explore: Option<Explore>,
    /// Who is to be called by name.
    pub mentions: Vec<String>,
    /// What must not be shown.
    pub secrets: Vec<String>,
    /// The zone in which times are shown.
    pub zone: TimeZone,
}

impl RunFacts {
    /// Begins with what is always known.
    pub fn new(service: impl Into<String>, host: impl Into<String>) -> Self {
        Self {
            service: service.into(),
            host: host.into(),
            run: None,
            attempt: None,
            scheduled: None,
            started: None,
            ended: None,
            usual: None,
            outcome: Outcome::Unknown,
            error: None,
            result: None,
            next: None,
            log: Vec::new(),
            explore: None,
            mentions: Vec::new(),
            secrets: Vec::new(),
            zone: TimeZone::UTC,
        }
    }

    /// Returns how long it took, as far as both ends are known.
    pub fn took(&self) -> Option<Duration> {
        self.ended?.duration_since(self.started?).try_into().ok()
    }
}

/// What follows a run, or an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextStep {
    /// Another attempt, after this wait.
    Attempt(Duration),
    /// The next run.
    Run(Timestamp),
    /// Nothing by itself.
    Nothing,
}

/// Why a run did not take place.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MissedReason {
    /// It was due then, and nothing ran.
    Overdue {
        /// When it was due.
        due: Timestamp,
    },
    /// The host was off then.
    HostWasOff {
        /// When it was due.
        due: Timestamp,
        /// When the host was back.
        back: Timestamp,
    },
    /// Its timer does not run.
    TimerIsDead,
    /// Its timer does not start with the manager.
    TimerIsDisabled,
    /// Its timer is not there.
    TimerIsGone,
    /// Its timer will never elapse again.
    NeverAgain,
}
