use std::collections::{BTreeSet, HashSet};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use taskflows_core::effects::{JobResult, ServiceError};

use super::SystemdServiceManager;
use crate::bus::{Bus, Units, Watch};
use crate::directory::{Changes, Recovery, Transaction};

/// How often the manager is asked whether the timers that it was told to start run.
const POLL: Duration = Duration::from_millis(20);

impl SystemdServiceManager {
    /// Finishes what an earlier process left unfinished.
    pub(super) async fn recover(&self, transaction: &Transaction, bus: &Bus) -> Result<(), ServiceError> {
        match transaction.leftover()? {
            None => Ok(()),
            Some(Recovery::Undo(changes)) => self.take_back(transaction, bus, &changes).await,
            Some(Recovery::Redo(changes)) => match self.enforce(transaction, bus, &changes).await {
                Ok(()) => transaction.finish(),
                // What was decided then is refused now; the definitions are tried again by this command.
                Err(error) if !is_lost(&error) => self.take_back(transaction, bus, &changes).await,
                Err(error) => Err(error),
            },
        }
    }

    /// Makes a change as a whole: on disk and in the manager, or not at all.
    pub(super) async fn carry_out(
        &self,
        transaction: &Transaction,
        bus: &Bus,
        changes: &Changes,
    ) -> Result<(), ServiceError> {
        transaction.decide(changes)?;
        match self.enforce(transaction, bus, changes).await {
            Ok(()) => {
                // It is in force. What cannot be cleared away now, the next command clears.
                let _ = transaction.finish();
                Ok(())
            }
            Err(error) => {
                // Where even this fails, the transaction stays and the next command takes it back.
                let _ = self.take_back(transaction, bus, changes).await;
                Err(error)
            }
        }
    }

    async fn enforce(
        &self,
        transaction: &Transaction,
        bus: &Bus,
        changes: &Changes,
    ) -> Result<(), ServiceError> {
        // First what fails most often and is taken back most easily: the disk.
        transaction.apply(changes)?;
        stop_all(bus, &changes.stops).await?;
        stop_all(bus, &changes.resets).await?;
        self.forget(transaction, bus, changes).await?;
        if changes.touches_files() {
            bus.reload().await?;
        }
        // Nor does a new timer make up for the runs of another of its name that somebody took away.
        let fresh: HashSet<&String> = changes.fresh.iter().collect();
        let fresh_timers = changes.starts.iter().filter(|name| fresh.contains(name));
        lost(join_all(fresh_timers.map(|timer| bus.clean_state(timer))).await)?;
        let starts: Vec<String> = changes.starts.iter().chain(&changes.resets).cloned().collect();
        start_all(bus, &starts).await?;
        verify(bus, changes, &starts).await?;
        forget_failures(bus, &changes.deletes).await
    }

    /// Makes the manager forget when timers last elapsed: it would make up for runs that a new schedule, or
    /// a new timer of the same name, never had to make.
    ///
    /// The stamp on disk is cleaned, and a timer that stays is unloaded for a moment, since in its memory the
    /// manager keeps the time as well. It does so while a target wants the timer.
    async fn forget(
        &self,
        transaction: &Transaction,
        bus: &Bus,
        changes: &Changes,
    ) -> Result<(), ServiceError> {
        if !changes.forgets.is_empty() {
            transaction.let_go(changes)?;
            bus.reload().await?;
        }
        let timers: BTreeSet<&String> = changes
            .resets
            .iter()
            .chain(&changes.stops)
            .chain(&changes.forgets)
            .filter(|name| name.ends_with(".timer"))
            .collect();
        lost(join_all(timers.into_iter().map(|timer| bus.clean_state(timer))).await)?;
        transaction.take_hold(changes)
    }

    /// Makes disk and manager what they were before the change.
    async fn take_back(
        &self,
        transaction: &Transaction,
        bus: &Bus,
        changes: &Changes,
    ) -> Result<(), ServiceError> {
        transaction.undo(changes)?;
        let bus = if bus.is_closed() { self.bus().await? } else { bus.clone() };
        stop_all(&bus, &changes.starts).await?;
        bus.reload().await?;
        let restarts: Vec<String> = changes
            .stops
            .iter()
            .chain(&changes.resets)
            .filter(|name| {
                name.ends_with(".timer") || name.ends_with(".path") || is_unscheduled(name, changes)
            })
            .cloned()
            .collect();
        match start_all(&bus, &restarts).await {
            Err(error) if is_lost(&error) => return Err(error),
            // What cannot be started again now was not running well before.
            _ => {}
        }
        forget_failures(&bus, &changes.starts).await?;
        transaction.finish()
    }
}

/// Tells whether a service that was stopped has no timer that would start it again.
fn is_unscheduled(unit: &str, changes: &Changes) -> bool {
    let timer = unit.strip_suffix(".service").map(|stem| format!("{stem}.timer"));
    timer.is_some_and(|timer| !changes.deletes.contains(&timer) && !changes.writes.contains(&timer))
}

/// Passes on that the manager is gone; what it refused has been looked at elsewhere or does not matter.
fn lost<T>(results: Vec<Result<T, ServiceError>>) -> Result<(), ServiceError> {
    results.into_iter().filter_map(Result::err).find(is_lost).map_or(Ok(()), Err)
}

fn is_lost(error: &ServiceError) -> bool {
    error.is_unreachable() || error.is_timed_out()
}

/// Stops units and waits until they are; a unit that is not loaded is stopped.
pub(super) async fn stop_all(bus: &Bus, units: &[String]) -> Result<(), ServiceError> {
    if units.is_empty() {
        return Ok(());
    }
    let watch = Watch::begin_jobs(bus).await?;
    for (unit, queued) in units.iter().zip(bus.queue_all("StopUnit", units).await) {
        let operation = format!("stop {unit}");
        match queued {
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(error),
            Ok(job) => match watch.job(bus, &operation, &job, bus.job_limit()).await? {
                JobResult::Done => {}
                result => return Err(ServiceError::Job { operation, result }),
            },
        }
    }
    Ok(())
}

/// Starts timers and waits until no job is left for any of them.
pub(super) async fn start_all(bus: &Bus, units: &[String]) -> Result<(), ServiceError> {
    if units.is_empty() {
        return Ok(());
    }
    for queued in bus.queue_all("StartUnit", units).await {
        queued?;
    }
    let began = Instant::now();
    while has_jobs(&bus.units().await?, units) {
        let limit = bus.job_limit();
        if began.elapsed() > limit {
            return Err(ServiceError::TimedOut { operation: "start the timers".into(), limit });
        }
        tokio::time::sleep(POLL).await;
    }
    Ok(())
}

fn has_jobs(units: &Units, ours: &[String]) -> bool {
    ours.iter().any(|name| units.get(name).is_some_and(|unit| unit.has_job))
}

/// Sees that the manager accepted every unit that was written and runs every timer that was started.
async fn verify(bus: &Bus, changes: &Changes, started: &[String]) -> Result<(), ServiceError> {
    if changes.writes.is_empty() && started.is_empty() {
        return Ok(());
    }
    let loaded = bus.units().await?;
    let idle = |name: &&String| loaded.get(*name).is_none_or(|unit| unit.active_state != "active");
    if let Some(name) = started.iter().find(idle) {
        let reason = load_error(bus, name).await.unwrap_or_else(|| "it does not run".into());
        return Err(ServiceError::Refused { operation: format!("start {name}"), reason });
    }
    let unseen =
        changes.writes.iter().filter(|name| loaded.get(*name).is_none_or(|unit| unit.load_state != "loaded"));
    let states = join_all(unseen.map(|name| async move { (name, load_state(bus, name).await) })).await;
    for (name, state) in states {
        if state? != "loaded" {
            let reason = load_error(bus, name).await.unwrap_or_else(|| "it could not be loaded".into());
            return Err(ServiceError::Refused { operation: format!("load {name}"), reason });
        }
    }
    Ok(())
}

async fn load_state(bus: &Bus, unit: &str) -> Result<String, ServiceError> {
    Ok(String::try_from(bus.property(unit, "Unit", "LoadState").await?).unwrap_or_default())
}

async fn load_error(bus: &Bus, unit: &str) -> Option<String> {
    let value = bus.property(unit, "Unit", "LoadError").await.ok()?;
    let (_, message) = value.downcast_ref::<(String, String)>().ok()?;
    (!message.is_empty()).then_some(message)
}

/// Leaves nothing behind in the manager for units that are gone.
async fn forget_failures(bus: &Bus, units: &[String]) -> Result<(), ServiceError> {
    if units.is_empty() {
        return Ok(());
    }
    let loaded = bus.units().await?;
    let failed =
        units.iter().filter(|name| loaded.get(*name).is_some_and(|unit| unit.active_state == "failed"));
    lost(join_all(failed.map(|name| bus.reset_failed(name))).await)
}
