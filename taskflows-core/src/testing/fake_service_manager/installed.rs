use std::collections::BTreeMap;

use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Timestamp};

use crate::alerting::AlertMark;
use crate::effects::{Details, Effect, Listing, Next, State};
use crate::schedule::{Schedule, Zones};
use crate::{Consequence, Outcome, RelativeTo, RestartCondition, Run, Service, UnitFiles};

/// A service as it is installed in memory.
#[derive(Clone, Debug)]
pub(super) struct Installed {
    pub(super) service: Service,
    pub(super) timers_run: bool,
    pub(super) enabled: bool,
    pub(super) runs: bool,
    pub(super) last: Option<Run>,
    pub(super) edited: bool,
}

/// What an edit by hand adds.
pub(super) const EDIT: &str = "# by hand\n";

impl Installed {
    pub(super) fn files(&self) -> UnitFiles {
        let mut units = files(&self.service);
        if self.edited {
            units.files.values_mut().for_each(|text| text.push_str(EDIT));
        }
        units
    }

    pub(super) fn source(&self) -> Option<String> {
        self.service.source.as_ref().map(|source| source.as_str().to_owned())
    }

    pub(super) fn new(service: Service, before: Option<&Self>) -> Self {
        let scheduled = service.is_scheduled();
        match before {
            // Its first timers are started as those of a new service.
            Some(before) if scheduled && !before.service.is_scheduled() => {
                Self { service, edited: false, enabled: true, timers_run: true, ..before.clone() }
            }
            // What was disabled stays so.
            Some(before) => Self { service, edited: false, ..before.clone() },
            None => {
                let enabled = scheduled || service.enabled;
                Self { service, timers_run: scheduled, enabled, runs: false, last: None, edited: false }
            }
        }
    }

    /// Tells whether it does not start by itself although it is defined to.
    pub(super) fn switched_off(&self) -> Option<Consequence> {
        let by_itself = self.service.is_scheduled() || self.service.enabled;
        match self.enabled {
            false => by_itself.then_some(Consequence::StaysDisabled),
            true => {
                (self.service.is_scheduled() && !self.timers_run).then_some(Consequence::TimersStayStopped)
            }
        }
    }

    pub(super) fn switch(&mut self, on: bool) -> Effect {
        let changes = self.enabled != on;
        self.enabled = on;
        self.timers_run = on && self.service.is_scheduled();
        match (changes, on) {
            (false, _) => Effect::Unchanged,
            (true, true) => Effect::Enabled,
            (true, false) => Effect::Disabled,
        }
    }

    pub(super) fn stop(&mut self, now: Timestamp) -> Effect {
        if !std::mem::take(&mut self.runs) {
            return Effect::AlreadyStopped;
        }
        if let Some(run) = &mut self.last {
            run.ended = Some(now);
            run.outcome = Outcome::Succeeded;
        }
        Effect::Stopped
    }

    pub(super) fn state(&self) -> State {
        match &self.last {
            _ if self.runs => State::Running,
            Some(Run { outcome: Outcome::Failed(_), .. }) => State::Failed,
            _ if self.timers_run && !self.service.start_schedule.is_empty() => State::Waiting,
            _ => State::Stopped,
        }
    }

    pub(super) fn next(&self, now: Timestamp) -> Next {
        if self.service.start_schedule.is_empty() {
            return Next::Unscheduled;
        }
        if !self.timers_run {
            return Next::Off;
        }
        let zones = Zones::new(TimeZoneDatabase::bundled(), TimeZone::UTC);
        let times = self.service.start_schedule.iter().filter_map(|schedule| match schedule {
            Schedule::Calendar(calendar) => {
                calendar.spec().next_after(now, &zones.resolve(calendar.spec()).ok()?)
            }
            Schedule::Periodic(periodic) => {
                let last = self.last.as_ref()?;
                let from = match periodic.relative_to {
                    RelativeTo::Start => last.started,
                    RelativeTo::Finish => last.ended,
                };
                from?.checked_add(SignedDuration::try_from(periodic.period().duration()).ok()?).ok()
            }
        });
        times.min().map_or(Next::Unknown, Next::At)
    }

    pub(super) fn listing(&self, now: Timestamp) -> Listing {
        let service = &self.service;
        Listing {
            name: service.name.clone(),
            description: service
                .description
                .as_ref()
                .map_or_else(|| format!("Service for {}", service.name), |text| text.as_str().to_owned()),
            state: self.state(),
            enabled: self.enabled,
            last: self.last.clone(),
            removed: None,
            next: self.next(now),
            source: service.source.as_ref().map(|source| source.as_str().to_owned()),
        }
    }

    pub(super) fn details(&self, now: Timestamp) -> Details {
        let unit_state = match self.state() {
            State::Running => ("active", "running"),
            State::Failed => ("failed", "failed"),
            _ => ("inactive", "dead"),
        };
        Details {
            listing: self.listing(now),
            unit_state: (unit_state.0.to_owned(), unit_state.1.to_owned()),
            main_pid: self.runs.then_some(4242),
            memory: self.runs.then_some(3 << 20),
            cpu_nanos: self.runs.then_some(1_500_000_000),
            restarts: 0,
            last_trigger: None,
            needs_reload: false,
            failure: match &self.last {
                Some(Run { outcome: Outcome::Failed(end), .. }) => Some(end.clone()),
                _ => None,
            },
        }
    }
}

/// Stands for the text of units: it differs wherever the services do.
pub(super) fn files(service: &Service) -> UnitFiles {
    let file = |suffix: &str| format!("taskflows-{}.{suffix}", service.name);
    let mut bare = service.clone();
    bare.start_schedule.clear();
    let mut text = format!("{bare:#?}\n");
    if let Some(alerts) = service.alert_mark() {
        text.push_str(&format!("{}={alerts}\n", AlertMark::KEY));
    }
    if service.restart_policy.condition != RestartCondition::No {
        text.push_str(&format!("Restart={}\n", service.restart_policy.condition.as_str()));
    }
    let mut files = BTreeMap::from([(file("service"), text)]);
    if !service.start_schedule.is_empty() {
        files.insert(file("timer"), format!("{:#?}\n", service.start_schedule));
    }
    UnitFiles { name: service.name.clone(), files }
}
