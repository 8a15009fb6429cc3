use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use taskflows_core::Run;
use taskflows_core::effects::{self, Action, Effect, Target};
use utoipa::ToSchema;

use super::listing::name;
use super::{LastRun, ServiceFailure};
use crate::wire::Misfit;

/// What to do with services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ServiceAction {
    /// Start it; with `wait`, until its run is over.
    Start,
    /// Stop it.
    Stop,
    /// Refresh it by its restart command while it runs, else stop and start it.
    Restart,
    /// Let it start by itself from now on and after a reboot.
    Enable,
    /// Let it start by itself no longer.
    Disable,
}

/// Which units of a service an action is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ServiceTarget {
    /// The service itself.
    #[default]
    Service,
    /// Its timers.
    Timers,
}

/// How to act on one service; all may be left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ActBody {
    /// Whether to wait for the end of the run that is started.
    pub wait: bool,
    /// Whether its timers are meant, and not the service.
    pub timers: bool,
    /// How long the request may last, in seconds: at most 25, which is also what holds where nothing is said.
    pub timeout: Option<f64>,
    /// Who asks, for the history, where the credentials do not say it: at most 64 characters.
    pub who: Option<String>,
}

/// What to do with several services at once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BatchBody {
    /// At most 500.
    #[schema(max_items = 500)]
    pub names: Vec<String>,
    /// What to do.
    pub action: ServiceAction,
    /// With which of their units.
    #[serde(default)]
    pub target: ServiceTarget,
    /// Whether to wait for the end of the runs that are started.
    #[serde(default)]
    pub wait: bool,
    /// How long the request may last, in seconds: at most 25, which is also what holds where nothing is said.
    #[serde(default)]
    pub timeout: Option<f64>,
    /// Who asks, for the history, where the credentials do not say it: at most 64 characters.
    #[serde(default)]
    pub who: Option<String>,
}

/// What became of an action on several services.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Batch {
    /// Whether it is over.
    pub done: bool,
    /// While it is not: the id under `/api/waits/` by which its end can be waited for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait: Option<String>,
    /// One for each name, in the same order; none before it is over.
    pub results: Vec<Performed>,
}

/// An action that is not over yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Pending {
    /// The service.
    pub name: String,
    /// The id under `/api/waits/` by which its end can be waited for.
    pub wait: String,
}

/// What became of an action on one service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Performed {
    /// The service.
    pub name: String,
    /// Whether it went as wished.
    pub ok: bool,
    /// What happened, where it went as wished.
    pub effect: Option<EffectWord>,
    /// The run, where it is `finished`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<LastRun>,
    /// What went wrong, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What went wrong, as a problem has it: `no-such-service`, `own-service`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What went wrong, for programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ServiceFailure>,
}

/// What an action that did not fail brought about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EffectWord {
    /// It runs.
    Started,
    /// It ran and ended well.
    Finished,
    /// A condition of its definition was not met, so it did not start.
    Skipped,
    /// It was running already.
    AlreadyRunning,
    /// It was stopped, or its timers were.
    Stopped,
    /// It was not running.
    AlreadyStopped,
    /// It was stopped and started.
    Restarted,
    /// Its timers run.
    TimersStarted,
    /// It starts by itself from now on.
    Enabled,
    /// It starts by itself no longer.
    Disabled,
    /// There was nothing to change.
    Unchanged,
}

impl Performed {
    /// Writes what became of an action as it stands at `now`.
    #[must_use]
    pub fn new(performed: effects::Performed, now: Timestamp) -> Self {
        let name = performed.name.to_string();
        match performed.result {
            Ok(effect) => {
                let word = EffectWord::from(&effect);
                let run = match effect {
                    Effect::Finished(run) => Some(LastRun::new(run, now)),
                    _ => None,
                };
                Self { name, ok: true, effect: Some(word), run, message: None, code: None, error: None }
            }
            Err(error) => Self::failed(name, ServiceFailure::from(&error)),
        }
    }

    /// Says why an action on a service came to nothing.
    #[must_use]
    pub fn failed(name: String, failure: ServiceFailure) -> Self {
        let (message, code) = (Some(failure.to_string()), Some(failure.code().to_owned()));
        Self { name, ok: false, effect: None, run: None, message, code, error: Some(failure) }
    }

    /// Reads it again, as `server` has it.
    ///
    /// # Errors
    /// When it says neither what happened nor what went wrong, or a name in it is none.
    pub fn into_performed(self, server: &str) -> Result<effects::Performed, Misfit> {
        let result = match (self.effect, self.error) {
            (_, Some(error)) => Err(error.into_error(server)?),
            (Some(effect), None) => Ok(effect.with(self.run)?),
            (None, None) => return Err(Misfit::new("results", "one has neither `effect` nor `error`")),
        };
        Ok(effects::Performed { name: name(&self.name)?, result })
    }
}

impl From<&Effect> for EffectWord {
    fn from(effect: &Effect) -> Self {
        match effect {
            Effect::Started => Self::Started,
            Effect::Finished(_) => Self::Finished,
            Effect::Skipped => Self::Skipped,
            Effect::AlreadyRunning => Self::AlreadyRunning,
            Effect::Stopped => Self::Stopped,
            Effect::AlreadyStopped => Self::AlreadyStopped,
            Effect::Restarted => Self::Restarted,
            Effect::TimersStarted => Self::TimersStarted,
            Effect::Enabled => Self::Enabled,
            Effect::Disabled => Self::Disabled,
            _ => Self::Unchanged,
        }
    }
}

impl EffectWord {
    fn with(self, run: Option<LastRun>) -> Result<Effect, Misfit> {
        Ok(match (self, run) {
            (Self::Finished, Some(run)) => Effect::Finished(Run::try_from(run)?),
            (Self::Finished, None) => return Err(Misfit::new("run", "it is missing")),
            (Self::Started, _) => Effect::Started,
            (Self::Skipped, _) => Effect::Skipped,
            (Self::AlreadyRunning, _) => Effect::AlreadyRunning,
            (Self::Stopped, _) => Effect::Stopped,
            (Self::AlreadyStopped, _) => Effect::AlreadyStopped,
            (Self::Restarted, _) => Effect::Restarted,
            (Self::TimersStarted, _) => Effect::TimersStarted,
            (Self::Enabled, _) => Effect::Enabled,
            (Self::Disabled, _) => Effect::Disabled,
            (Self::Unchanged, _) => Effect::Unchanged,
        })
    }
}

impl ServiceAction {
    /// Returns core's action; whether its end is waited for is a part of that.
    #[must_use]
    pub fn action(self, wait: bool) -> Action {
        match self {
            Self::Start if wait => Action::StartAndWait,
            Self::Start => Action::Start,
            Self::Stop => Action::Stop,
            Self::Restart => Action::Restart,
            Self::Enable => Action::Enable,
            Self::Disable => Action::Disable,
        }
    }

    /// Takes core's action apart.
    #[must_use]
    pub fn of(action: Action) -> (Self, bool) {
        match action {
            Action::Start => (Self::Start, false),
            Action::StartAndWait => (Self::Start, true),
            Action::Stop => (Self::Stop, false),
            Action::Restart => (Self::Restart, false),
            Action::Enable => (Self::Enable, false),
            Action::Disable => (Self::Disable, false),
        }
    }
}

impl From<ServiceTarget> for Target {
    fn from(target: ServiceTarget) -> Self {
        match target {
            ServiceTarget::Service => Self::Service,
            ServiceTarget::Timers => Self::Timers,
        }
    }
}

impl From<Target> for ServiceTarget {
    fn from(target: Target) -> Self {
        match target {
            Target::Service => Self::Service,
            Target::Timers => Self::Timers,
        }
    }
}
