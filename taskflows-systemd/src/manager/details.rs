use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use taskflows_core::effects::{Began, Depth, Details, Next, ServiceError};
use taskflows_core::task::RunId;
use taskflows_core::{NamePattern, Outcome, ServiceName};

use super::SystemdServiceManager;
use super::list::Overview;
use crate::bus::{Bus, Value, realtime};
use crate::directory::Glance;
use crate::unit::{TimerLines, UnitName};

/// systemd's word for "not set" in a number of 64 bits.
const UNSET: u64 = u64::MAX;

impl SystemdServiceManager {
    pub(super) async fn details_of(
        &self,
        patterns: &[NamePattern],
        depth: Depth,
    ) -> Result<Vec<Details>, ServiceError> {
        let overview = self.overview(patterns).await?;
        let bus = self.bus().await?;
        let asks = overview.services.iter().map(|service| self.details_one(&bus, &overview, service, depth));
        join_all(asks).await.into_iter().collect()
    }

    pub(super) async fn run_began(&self, name: &ServiceName) -> Result<Option<Began>, ServiceError> {
        let (bus, unit) = (self.bus().await?, UnitName::service(name).to_string());
        let (main, exited, left, restarts, invocation, prepared) = tokio::join!(
            bus.property(&unit, "Service", "ExecMainStartTimestamp"),
            bus.property(&unit, "Service", "ExecMainExitTimestamp"),
            bus.property(&unit, "Unit", "InactiveExitTimestamp"),
            bus.property(&unit, "Service", "NRestarts"),
            bus.property(&unit, "Unit", "InvocationID"),
            bus.preparation(&unit),
        );
        let (main, left) = (number(&main?).and_then(realtime), number(&left?).and_then(realtime));
        // The main process is started anew by a restart policy, which leaves the unit active in between; and not at all
        // where what prepares the run fails.
        let prepared = prepared.filter(|prepared| main.is_none_or(|main| main < prepared.began));
        let at = [main, left, prepared.map(|prepared| prepared.began)].into_iter().flatten().max();
        let is_restart = restarts?.downcast_ref::<u32>().is_ok_and(|count| count > 0);
        let preparation = prepared.and_then(|prepared| prepared.failure);
        let bytes: Option<[u8; 16]> =
            Vec::<u8>::try_from(invocation?).ok().and_then(|bytes| bytes.try_into().ok());
        let run = bytes.map(|bytes| RunId::from_bits(u128::from_be_bytes(bytes)));
        let ended = number(&exited?).and_then(realtime);
        let ended = |at| ended.filter(|ended| main == Some(at) && *ended >= at);
        Ok(at.map(|at| Began { ended: ended(at), at, run, is_restart, preparation }))
    }

    async fn details_one(
        &self,
        bus: &Bus,
        overview: &Overview,
        service: &Glance,
        depth: Depth,
    ) -> Result<Details, ServiceError> {
        let known = overview.of(service);
        let mut listing = known.listing(&self.directory, Self::now(), &self.settings.zones);
        let unit_state = known.main.map_or_else(
            || ("inactive".to_owned(), "dead".to_owned()),
            |unit| (unit.active_state.to_string(), unit.sub_state.to_string()),
        );
        let name = UnitName::service(&service.name).to_string();
        let ask = Ask { bus, unit: &name, loaded: known.main.is_some() };
        let runs = !matches!(unit_state.0.as_str(), "inactive" | "failed");
        let timer = UnitName::timer(&service.name);
        if let (Some(text), Some(_)) = (&service.timer, known.timer) {
            let lines = TimerLines::read(text);
            if let Some(next) = next_elapse(bus, &timer.to_string(), &lines).await? {
                listing.next = next;
            }
        }
        let failure = match listing.last.as_ref().map(|run| &run.outcome) {
            Some(Outcome::Failed(end)) => Some(end.clone()),
            _ => None,
        };
        let full = depth == Depth::Full;
        Ok(Details {
            main_pid: ask.number(runs, "Service", "MainPID").await?.and_then(|pid| u32::try_from(pid).ok()),
            memory: ask.number(runs, "Service", "MemoryCurrent").await?,
            cpu_nanos: ask.number(runs && full, "Service", "CPUUsageNSec").await?,
            restarts: ask
                .number(full, "Service", "NRestarts")
                .await?
                .and_then(|n| u32::try_from(n).ok())
                .unwrap_or(0),
            last_trigger: last_trigger(bus, &timer, known.timer.is_some() && full).await?,
            needs_reload: ask.flag(full, "Unit", "NeedDaemonReload").await?,
            listing,
            unit_state,
            failure,
        })
    }
}

/// Asks the manager for properties of one unit, where it is loaded.
struct Ask<'a> {
    bus: &'a Bus,
    unit: &'a str,
    loaded: bool,
}

impl Ask<'_> {
    async fn value(&self, wanted: bool, interface: &str, name: &str) -> Result<Option<Value>, ServiceError> {
        if !(wanted && self.loaded) {
            return Ok(None);
        }
        self.bus.property(self.unit, interface, name).await.map(Some)
    }

    /// Returns a number that is set and not zero.
    async fn number(&self, wanted: bool, interface: &str, name: &str) -> Result<Option<u64>, ServiceError> {
        let value = self.value(wanted, interface, name).await?;
        Ok(value.and_then(|value| number(&value)).filter(|&number| number != UNSET && number != 0))
    }

    async fn flag(&self, wanted: bool, interface: &str, name: &str) -> Result<bool, ServiceError> {
        let value = self.value(wanted, interface, name).await?;
        Ok(value.is_some_and(|value| bool::try_from(value).unwrap_or(false)))
    }
}

fn number(value: &Value) -> Option<u64> {
    value.downcast_ref::<u64>().ok().or_else(|| value.downcast_ref::<u32>().ok().map(u64::from))
}

/// Returns when a timer elapses next as the manager has it; `None` where it has no answer yet.
async fn next_elapse(bus: &Bus, timer: &str, lines: &TimerLines) -> Result<Option<Next>, ServiceError> {
    let mut times = Vec::new();
    if !lines.calendars.is_empty() {
        let value = bus.property(timer, "Timer", "NextElapseUSecRealtime").await?;
        times.extend(number(&value).and_then(realtime));
    }
    if lines.has_periods() {
        let value = bus.property(timer, "Timer", "NextElapseUSecMonotonic").await?;
        times.extend(number(&value).and_then(monotonic));
    }
    Ok(times.into_iter().min().map(Next::At))
}

async fn last_trigger(bus: &Bus, timer: &UnitName, wanted: bool) -> Result<Option<Timestamp>, ServiceError> {
    if !wanted {
        return Ok(None);
    }
    let value = bus.property(&timer.to_string(), "Timer", "LastTriggerUSec").await?;
    Ok(number(&value).and_then(realtime))
}

/// Reads microseconds of the monotonic clock.
pub(super) fn monotonic(micros: u64) -> Option<Timestamp> {
    if micros == 0 || micros == UNSET {
        return None;
    }
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let ahead = SignedDuration::from_micros(i64::try_from(micros).ok()?)
        - SignedDuration::new(now.tv_sec, now.tv_nsec as i32);
    SystemdServiceManager::now().checked_add(ahead).ok()
}
