//! What those who watch over scheduled services need to know, in few calls.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use jiff::Timestamp;
use rustix::time::{ClockId, clock_gettime};
use taskflows_core::ServiceName;
use taskflows_core::effects::{ServiceError, ServiceWatch};
use taskflows_core::monitor::{
    Clocks, CloserLook, MonitorFacts, TimerState, TimerWatch, WatchRules, Watched,
};

use super::SystemdServiceManager;
use super::details::monotonic;
use super::inspect::timer_slack;
use crate::bus::{Bus, Units, Value, realtime};
use crate::directory::Scheduled;
use crate::unit::{TimerLines, UnitName};

/// base, expression, next elapse
type CalendarTuple = (String, String, u64);

#[async_trait]
impl ServiceWatch for SystemdServiceManager {
    async fn glance(&self) -> Result<MonitorFacts, ServiceError> {
        let (directory, stamps) = (self.directory.clone(), self.settings.timer_stamps.clone());
        let files = async {
            let read = tokio::task::spawn_blocking(move || {
                let mut found = directory.scheduled()?;
                found.iter_mut().for_each(|one| one.stamp = stamp(stamps.as_deref(), &one.name));
                Ok::<_, ServiceError>(found)
            });
            // The scan does not panic; should it be cancelled, the runtime is ending.
            read.await.unwrap_or_else(|_| Ok(Vec::new()))
        };
        let ask = async {
            let bus = self.bus().await?;
            let (units, began) = tokio::join!(bus.units(), bus.began());
            Ok::<_, ServiceError>((units?, began?))
        };
        let (scheduled, known) = tokio::join!(files, ask);
        let (units, manager_began) = known?;
        let watched = scheduled?.into_iter().filter_map(|one| watched(one, &units));
        Ok(MonitorFacts { manager_began, clocks: clocks(), services: watched.collect() })
    }

    async fn look_closer(&self, names: &[ServiceName]) -> Result<Vec<CloserLook>, ServiceError> {
        let bus = self.bus().await?;
        // Loaded are those alone of which anything is to be told, and to ask about another would load it.
        let units = bus.units().await?;
        join_all(names.iter().map(|name| closer_look(&bus, &units, name))).await.into_iter().collect()
    }
}

/// Puts together what files and the list of units tell; `None` where the service has no start timer at all.
fn watched(one: Scheduled, units: &Units) -> Option<Watched> {
    let timer = units.get(&UnitName::timer(&one.name).to_string());
    let state =
        timer.map_or(TimerState::Dead, |unit| match (unit.active_state.as_ref(), unit.sub_state.as_ref()) {
            ("active", "elapsed") => TimerState::Elapsed,
            ("active", "running") => TimerState::Running,
            ("active" | "activating" | "reloading", _) => TimerState::Waiting,
            _ => TimerState::Dead,
        });
    // One that only the manager still has is of a file that was taken away.
    if !one.has_timer && state == TimerState::Dead {
        return None;
    }
    let main = units.get(&UnitName::service(&one.name).to_string());
    let is_running = main.is_some_and(|unit| {
        matches!(
            unit.active_state.as_ref(),
            "active" | "activating" | "reloading" | "deactivating" | "refreshing"
        )
    });
    let text = one.timer.as_deref().unwrap_or_default();
    let lines = TimerLines::read(text);
    Some(Watched {
        service: one.name,
        groups: one.groups,
        rules: WatchRules::default(),
        timer: TimerWatch {
            has_file: one.timer.is_some(),
            is_linked: one.is_linked,
            state,
            changed: one.changed,
            has_periods: counts_periods(text),
            calendars: lines.calendars,
            is_persistent: is_persistent(text),
            slack: timer_slack(text),
            stamp: one.stamp.filter(|_| is_persistent(text)),
        },
        is_running,
        closer: None,
        runs: Vec::new(),
    })
}

fn is_persistent(text: &str) -> bool {
    let last = text.lines().rev().find_map(|line| line.strip_prefix("Persistent="));
    last.is_some_and(|value| matches!(value, "true" | "yes" | "1" | "on"))
}

fn counts_periods(text: &str) -> bool {
    let counts = |line: &str| {
        let key = line.split_once('=').map_or("", |(key, _)| key);
        key.starts_with("On") && key.ends_with("Sec")
    };
    text.lines().any(counts)
}

async fn closer_look(bus: &Bus, units: &Units, name: &ServiceName) -> Result<CloserLook, ServiceError> {
    let (timer, service) = (UnitName::timer(name).to_string(), UnitName::service(name).to_string());
    let mut look = CloserLook::default();
    if units.contains_key(&timer) {
        let (properties, active) =
            tokio::join!(bus.timer_properties(&timer), bus.property(&timer, "Unit", "ActiveEnterTimestamp"));
        add_timer(&mut look, &properties?);
        look.active_since = time(&active?);
    }
    if units.contains_key(&service) {
        let (started, ended) = tokio::join!(
            bus.property(&service, "Unit", "InactiveExitTimestamp"),
            bus.property(&service, "Unit", "InactiveEnterTimestamp")
        );
        let (started, ended) = (time(&started?), time(&ended?));
        // The end of the run before is none of this one's.
        (look.run_started, look.run_ended) =
            (started, ended.filter(|ended| started.is_none_or(|it| it <= *ended)));
    }
    Ok(look)
}

fn add_timer(look: &mut CloserLook, properties: &HashMap<String, Value>) {
    let number = |name: &str| properties.get(name).and_then(|value| value.downcast_ref::<u64>().ok());
    look.last_trigger = number("LastTriggerUSec").and_then(realtime);
    look.next_period = number("NextElapseUSecMonotonic").and_then(monotonic);
    let delays = number("AccuracyUSec").zip(number("RandomizedDelayUSec"));
    look.slack = delays.map(|(one, other)| Duration::from_micros(one.saturating_add(other)));
    let calendars = properties.get("TimersCalendar").cloned();
    let calendars: Option<Vec<CalendarTuple>> = calendars.and_then(|value| value.try_into().ok());
    look.calendars = calendars.and_then(|all| all.iter().map(|(_, text, _)| text.parse().ok()).collect());
}

fn time(value: &Value) -> Option<Timestamp> {
    value.downcast_ref::<u64>().ok().and_then(realtime)
}

/// Returns when a persistent timer last elapsed. Source: systemd.timer(5), `Persistent=`.
fn stamp(directory: Option<&Path>, name: &ServiceName) -> Option<Timestamp> {
    let path: PathBuf = directory?.join(format!("stamp-{}", UnitName::timer(name)));
    path.metadata().ok()?.modified().ok()?.try_into().ok()
}

fn clocks() -> Clocks {
    let micros = |clock| {
        let time = clock_gettime(clock);
        time.tv_sec.saturating_mul(1_000_000).saturating_add(time.tv_nsec / 1_000)
    };
    let (awake, booted, real) =
        (micros(ClockId::Monotonic), micros(ClockId::Boottime), micros(ClockId::Realtime));
    Clocks { slept_micros: booted - awake, booted_micros: real - booted }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lines_that_count_are_periods() {
        assert!(counts_periods("[Timer]\nOnUnitActiveSec=5min\n"));
        assert!(!counts_periods("[Timer]\nOnCalendar=daily\nAccuracySec=1ms\nRandomizedDelaySec=5s\n"));
    }

    #[test]
    fn clocks_stand_to_each_other_as_they_did() {
        let (one, other) = (clocks(), clocks());
        assert!((one.booted_micros - other.booted_micros).abs() < 1_000_000);
        assert!(one.slept_micros >= -1_000);
    }
}
