use std::time::Duration;

use futures_util::future::join_all;
use taskflows_core::effects::{Action, Effect, JobResult, Performed, ServiceError, Target};
use taskflows_core::{ExitKind, Outcome, Run, RunEnd, ServiceName};

use super::changes::is_active;
use super::{SystemdServiceManager, not_found};
use crate::bus::{Bus, Properties, Units, Watch, realtime};
use crate::directory::Installed;
use crate::unit::UnitName;

/// A run may take as long as it likes; whoever waits for it can leave.
const NO_LIMIT: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// `CLD_EXITED`: the process exited by itself. Source: sigaction(2).
const CLD_EXITED: i32 = 1;

/// One action on one service, with what it needs.
struct Act<'a> {
    bus: &'a Bus,
    watch: &'a Watch,
    units: &'a Units,
    service: &'a Installed,
    action: Action,
}

impl SystemdServiceManager {
    pub(super) async fn act(
        &self,
        names: &[ServiceName],
        action: Action,
        target: Target,
    ) -> Result<Vec<Performed>, ServiceError> {
        let bus = self.bus().await?;
        // What is told from here on cannot be missed, the end of a run that the list still shows included.
        let watch = Watch::begin(&bus).await?;
        let units = bus.units().await?;
        let found = self.directory.read_apart(names)?;
        let each = names.iter().zip(found).map(|(name, found)| async {
            let result = match found {
                Err(error) => Err(error),
                Ok(None) => Err(not_found(name)),
                Ok(Some(service)) => {
                    let act = Act { bus: &bus, watch: &watch, units: &units, service: &service, action };
                    act.perform(target).await
                }
            };
            Performed { name: name.clone(), result }
        });
        Ok(join_all(each).await)
    }
}

impl Act<'_> {
    async fn perform(&self, target: Target) -> Result<Effect, ServiceError> {
        let unit = UnitName::service(&self.service.name).to_string();
        match (target, self.action) {
            (Target::Timers, _) => self.timers().await,
            (Target::Service, Action::Stop) => self.stop(&unit).await,
            (Target::Service, Action::Restart) => {
                self.start(&unit, "ReloadOrRestartUnit").await.map(|effect| match effect {
                    Effect::Started => Effect::Restarted,
                    other => other,
                })
            }
            (Target::Service, Action::StartAndWait) if is_active(self.units, &unit) => {
                self.settle(&unit).await
            }
            (Target::Service, _) if is_active(self.units, &unit) => Ok(Effect::AlreadyRunning),
            (Target::Service, _) => self.start(&unit, "StartUnit").await,
        }
    }

    async fn job(&self, method: &str, unit: &str) -> Result<(String, JobResult), ServiceError> {
        let verb = if method == "StopUnit" { "stop" } else { "start" };
        let operation = format!("{verb} {unit}");
        let job = self.bus.queue(method, unit).await?;
        // The start of a oneshot is its whole run.
        let limit = if self.action == Action::StartAndWait { NO_LIMIT } else { self.bus.job_limit() };
        let result = self.watch.job(self.bus, &operation, &job, limit).await?;
        Ok((operation, result))
    }

    async fn stop(&self, unit: &str) -> Result<Effect, ServiceError> {
        if !is_active(self.units, unit) {
            return Ok(Effect::AlreadyStopped);
        }
        match self.job("StopUnit", unit).await? {
            (_, JobResult::Done) => Ok(Effect::Stopped),
            (operation, result) => Err(ServiceError::Job { operation, result }),
        }
    }

    /// Starts or stops the timers, all of them.
    async fn timers(&self) -> Result<Effect, ServiceError> {
        let timers: Vec<String> =
            self.service.units.keys().filter(|unit| unit.timer).map(UnitName::to_string).collect();
        if timers.is_empty() {
            return Ok(Effect::Unchanged);
        }
        let (method, effect) = match self.action {
            Action::Stop => ("StopUnit", Effect::Stopped),
            Action::Restart => ("RestartUnit", Effect::TimersStarted),
            _ => ("StartUnit", Effect::TimersStarted),
        };
        for timer in timers.iter().filter(|timer| method != "StopUnit" || is_active(self.units, timer)) {
            let (operation, result) = self.job(method, timer).await?;
            if result != JobResult::Done {
                return Err(ServiceError::Job { operation, result });
            }
        }
        Ok(effect)
    }

    async fn start(&self, unit: &str, method: &str) -> Result<Effect, ServiceError> {
        let (operation, result) = self.job(method, unit).await?;
        match result {
            JobResult::Done => self.settle(unit).await,
            JobResult::Failed | JobResult::Timeout => {
                let told = self.watch.unit(unit, self.bus.settle(), |seen| failure(seen).is_some()).await;
                match told.as_ref().and_then(failure) {
                    Some(end) => Err(self.failed(unit, end).await),
                    None => Err(ServiceError::Job { operation, result }),
                }
            }
            result => Err(ServiceError::Job { operation, result }),
        }
    }

    /// Looks whether the run that began ends at once, or waits for its end where that is wanted.
    async fn settle(&self, unit: &str) -> Result<Effect, ServiceError> {
        let limit = if self.action == Action::StartAndWait { NO_LIMIT } else { self.bus.settle() };
        if is_skipped(&self.watch.seen(unit)) {
            return Ok(Effect::Skipped);
        }
        let over = self.watch.unit(unit, limit, |seen| is_over(seen) || is_skipped(seen)).await;
        match over {
            None if self.action == Action::StartAndWait => {
                Err(self.watch.silence(self.bus, &format!("wait for {unit}"), limit))
            }
            None => Ok(Effect::Started),
            Some(seen) if is_skipped(&seen) => Ok(Effect::Skipped),
            Some(seen) => match failure(&seen) {
                Some(end) => Err(self.failed(unit, end).await),
                None => Ok(Effect::Finished(run(&seen))),
            },
        }
    }

    async fn failed(&self, unit: &str, end: RunEnd) -> ServiceError {
        let end = self.bus.told_by_preparation(unit, end).await;
        ServiceError::RunFailed { name: self.service.name.clone(), end }
    }
}

fn text<'a>(seen: &'a Properties, name: &str) -> Option<&'a str> {
    seen.get(name)?.downcast_ref::<&str>().ok()
}

fn is_over(seen: &Properties) -> bool {
    matches!(text(seen, "ActiveState"), Some("inactive" | "failed"))
        || text(seen, "SubState") == Some("auto-restart")
}

/// A start whose condition is not met is a job that is done and a unit that never left `inactive`.
fn is_skipped(seen: &Properties) -> bool {
    let unmet =
        seen.get("ConditionResult").and_then(|value| value.downcast_ref::<bool>().ok()) == Some(false);
    unmet && matches!(text(seen, "ActiveState"), None | Some("inactive"))
}

/// Returns how the run ended badly, if it did.
fn failure(seen: &Properties) -> Option<RunEnd> {
    let result = text(seen, "Result").filter(|result| *result != "success")?;
    is_over(seen).then(|| RunEnd { result: result.to_owned(), exit: exit(seen), is_preparation: false })
}

fn exit(seen: &Properties) -> Option<ExitKind> {
    let number = |name: &str| seen.get(name)?.downcast_ref::<i32>().ok();
    let status = number("ExecMainStatus")?;
    match number("ExecMainCode")? {
        0 => None,
        CLD_EXITED => Some(ExitKind::Exited(status)),
        _ => Some(ExitKind::Killed(status)),
    }
}

fn run(seen: &Properties) -> Run {
    let time =
        |name: &str| seen.get(name).and_then(|value| value.downcast_ref::<u64>().ok()).and_then(realtime);
    Run {
        started: time("ExecMainStartTimestamp"),
        ended: time("ExecMainExitTimestamp"),
        outcome: Outcome::Succeeded,
    }
}
