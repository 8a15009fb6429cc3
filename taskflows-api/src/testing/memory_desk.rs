use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use taskflows_core::effects::{ServiceError, ServiceManager};
use taskflows_core::testing::FakeServiceManager;
use taskflows_core::{NamePattern, ServiceName};

use crate::ports::{Desk, DeskError};
use crate::wire::{
    AlertChannel, AlertSilence, AlertTestBody, ChannelTest, DoctorFinding, Incident, IncidentsBody,
    KnownServer, SilenceBody, WhyAnswer,
};

/// Keeps incidents and silences in memory; all else is as it was told.
#[derive(Clone, Debug)]
pub struct MemoryDesk {
    services: Arc<FakeServiceManager>,
    state: Arc<Mutex<State>>,
}

/// What a [`MemoryDesk`] knows.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// Incidents that are open.
    pub incidents: Vec<Incident>,
    /// Silences in force.
    pub silences: Vec<AlertSilence>,
    /// Channels.
    pub channels: Vec<AlertChannel>,
    /// What a look at everything finds.
    pub findings: Vec<DoctorFinding>,
    /// Servers that are registered.
    pub servers: Vec<KnownServer>,
}

impl MemoryDesk {
    /// Knows nothing but `services`.
    #[must_use]
    pub fn over(services: Arc<FakeServiceManager>) -> Self {
        Self { services, state: Arc::default() }
    }

    /// Returns what it knows, which may be changed.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn each(
        &self,
        which: &IncidentsBody,
        act: impl Fn(&mut Vec<Incident>, usize),
    ) -> Result<Vec<String>, DeskError> {
        let patterns: Result<Vec<NamePattern>, _> = which.names.iter().map(|name| name.parse()).collect();
        let patterns = patterns.map_err(|_| DeskError::Invalid { what: "a name is none".to_owned() })?;
        let meant = |incident: &Incident| {
            let name: Result<ServiceName, _> = incident.service.parse();
            name.is_ok_and(|name| patterns.iter().any(|pattern| pattern.matches(&name)))
        };
        let mut state = self.state();
        let mut names = Vec::new();
        for index in (0..state.incidents.len()).rev() {
            if meant(&state.incidents[index]) {
                names.push(state.incidents[index].service.clone());
                act(&mut state.incidents, index);
            }
        }
        names.sort();
        match names.is_empty() {
            true => Err(missing(format!("no open incident of {}", which.names.join(", ")))),
            false => Ok(names),
        }
    }
}

fn missing(what: String) -> DeskError {
    DeskError::NotFound { what, hint: None }
}

#[async_trait]
impl Desk for MemoryDesk {
    async fn incidents(&self) -> Result<Vec<Incident>, DeskError> {
        Ok(self.state().incidents.clone())
    }

    async fn channels(&self) -> Result<Vec<AlertChannel>, DeskError> {
        Ok(self.state().channels.clone())
    }

    async fn silences(&self) -> Result<Vec<AlertSilence>, DeskError> {
        Ok(self.state().silences.clone())
    }

    async fn ack(&self, which: &IncidentsBody) -> Result<Vec<String>, DeskError> {
        self.each(which, |incidents, index| incidents[index].acked_by = which.who.clone())
    }

    async fn close(&self, which: &IncidentsBody) -> Result<Vec<String>, DeskError> {
        self.each(which, |incidents, index| drop(incidents.remove(index)))
    }

    async fn silence(&self, what: &SilenceBody) -> Result<AlertSilence, DeskError> {
        let span = SignedDuration::try_from_secs_f64(what.seconds).ok();
        let until = span.and_then(|span| Timestamp::now().checked_add(span).ok());
        let until = until.ok_or(DeskError::Invalid { what: "it never ends".to_owned() })?;
        let mut state = self.state();
        let silence = AlertSilence {
            number: state.silences.last().map_or(1, |last| last.number + 1),
            name: what.name.clone(),
            kinds: what.kinds.clone(),
            until,
            by: what.who.clone().unwrap_or_default(),
            comment: what.comment.clone(),
        };
        state.silences.push(silence.clone());
        Ok(silence)
    }

    async fn unsilence(&self, number: i64) -> Result<(), DeskError> {
        let mut state = self.state();
        let index = state.silences.iter().position(|silence| silence.number == number);
        let index = index.ok_or_else(|| missing(format!("there is no silence {number}")))?;
        state.silences.remove(index);
        Ok(())
    }

    async fn test(&self, what: &AlertTestBody) -> Result<Vec<ChannelTest>, DeskError> {
        let state = self.state();
        let meant = |channel: &&AlertChannel| what.name.as_ref().is_none_or(|name| *name == channel.channel);
        let tests: Vec<ChannelTest> = state
            .channels
            .iter()
            .filter(meant)
            .map(|one| ChannelTest {
                channel: one.channel.clone(),
                arrived: one.last_error.is_none(),
                error: one.last_error.clone(),
            })
            .collect();
        match (&what.name, tests.is_empty()) {
            (Some(name), true) => {
                Err(missing(format!("no group or channel of alerts is called `{}`", name.escape_debug())))
            }
            _ => Ok(tests),
        }
    }

    async fn why(&self, name: &ServiceName, at: Option<Timestamp>) -> Result<WhyAnswer, DeskError> {
        if self.services.names(&[]).await?.contains(name) {
            let (name, verdict) = (name.to_string(), "idle".to_owned());
            return Ok(WhyAnswer { name, at, verdict, ..WhyAnswer::default() });
        }
        Err(ServiceError::NotFound { name: name.to_string() }.into())
    }

    async fn doctor(&self) -> Result<Vec<DoctorFinding>, DeskError> {
        Ok(self.state().findings.clone())
    }

    async fn servers(&self) -> Result<Vec<KnownServer>, DeskError> {
        Ok(self.state().servers.clone())
    }
}
