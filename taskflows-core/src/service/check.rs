use std::collections::HashMap;

use thiserror::Error;

use super::{CgroupError, Environment, Service};
use crate::Signal;
use crate::effects::ServiceError;

impl Service {
    /// Looks for fields that are right each by itself and cannot be together.
    ///
    /// # Errors
    /// Names the first such field.
    pub fn check(&self) -> Result<(), ConflictError> {
        let error = |field, reason: &str| Err(ConflictError { field, reason: reason.to_owned() });
        let is_known = self.environment.as_ref().is_none_or(|choice| choice.environment().is_some());
        let limits =
            |limits: &super::CgroupConfig, inside| limits.check(inside).map_err(ConflictError::limits);
        if let Some(Environment::Venv(venv)) =
            self.environment.as_ref().and_then(|choice| choice.environment())
            && venv.path.as_str().contains([':', '\\'])
        {
            return error("environment", "has a `path` with `:` or `\\`, which no search path can hold");
        }
        self.check_task()?;
        let Some(container) = self.container() else {
            if self.start_command.is_none() && is_known {
                return error("start_command", "is missing");
            }
            // What limits mean is seen when the environment is.
            return self.cgroup_config.iter().filter(|_| is_known).try_for_each(|own| limits(own, false));
        };
        match (&container.cgroup_config, &self.cgroup_config) {
            (Some(_), Some(_)) => {
                return error("cgroup_config", "stands in the service and in its container: leave one out");
            }
            (Some(own), None) | (None, Some(own)) => limits(own, true)?,
            (None, None) => {}
        }
        match container.told("stop_signal").map(str::parse::<Signal>) {
            Some(_) if self.kill_signal.is_some() => {
                return error("kill_signal", "says what the container's `stop_signal` says: leave one out");
            }
            Some(Err(_)) => {
                return error("environment", "has a `stop_signal` that is no signal such as SIGINT");
            }
            _ => {}
        }
        if self.watchdog.is_some() {
            return error("watchdog", "cannot be told from within a container that it is alive");
        }
        if !self.credentials.is_empty() {
            return error(
                "credentials",
                "are not handed to a container: mount the file as a read-only volume",
            );
        }
        Ok(())
    }

    /// A stop that is shorter than the task's own would kill the task before it has ended its process.
    fn check_task(&self) -> Result<(), ConflictError> {
        let own = self.container().and_then(|container| container.cgroup_config.as_ref());
        let stop = own.or(self.cgroup_config.as_ref()).and_then(|limits| limits.timeout_stop);
        let kill_after = self.task.as_ref().and_then(|task| task.kill_after);
        match kill_after.zip(stop) {
            Some((kill_after, stop)) if kill_after >= stop.duration() => Err(ConflictError {
                field: "task",
                reason: format!("has a `kill_after` that is not shorter than `timeout_stop`, {stop}"),
            }),
            _ => Ok(()),
        }
    }

    /// Looks for services that would take each other's container away.
    ///
    /// # Errors
    /// Tells of the first one whose container has the name of another's, of the same engine.
    pub fn check_together(services: &[Self]) -> Result<(), ServiceError> {
        let mut owners = HashMap::new();
        for service in services {
            let (Some(name), Some(container)) = (service.container_name(), service.container()) else {
                continue;
            };
            let place = (name.clone(), &container.engine, &container.engine_host);
            if let Some(other) = owners.insert(place, &service.name) {
                let reason =
                    format!("its container `{name}` is that of `{other}` too: give it a `name` of its own");
                return Err(ServiceError::Render { name: service.name.clone(), reason });
            }
        }
        Ok(())
    }
}

/// A field that cannot stand beside another one.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{field}` {reason}")]
pub struct ConflictError {
    field: &'static str,
    reason: String,
}

impl ConflictError {
    /// Returns the field of the service.
    pub fn field(&self) -> &'static str {
        self.field
    }

    /// Returns what is wrong, without the field's name.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    fn limits(error: CgroupError) -> Self {
        Self { field: "cgroup_config", reason: format!("cannot be: {error}") }
    }
}
