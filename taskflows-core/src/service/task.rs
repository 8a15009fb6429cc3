use std::time::Duration;

use crate::alerting::{AlertGroup, AlertMark, AlertUse};
use crate::service::{Service, ServiceBuilder};
use crate::task::TaskPolicy;

/// The runs of a service as a managed task: attempts, limits for each, and what is done when one does not end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceTask {
    /// How it is tried. Its `timeout` is for one attempt; that of the service (`RuntimeMaxSec=`) for a run of the
    /// unit, with all attempts and the waits between them.
    pub policy: TaskPolicy,
    /// How long an attempt that was asked to end may take to do so before it is killed.
    pub kill_after: Option<Duration>,
}

impl From<TaskPolicy> for ServiceTask {
    fn from(policy: TaskPolicy) -> Self {
        Self { policy, kill_after: None }
    }
}

impl Service {
    /// Returns the groups that are this service's alone, under the keys by which a host keeps them: `web/1`, `web/2`.
    pub fn own_alert_groups(&self) -> impl Iterator<Item = (String, &AlertGroup)> {
        let own = self.alerts.iter().filter_map(|one| match one {
            AlertUse::Inline(group) => Some(group.as_ref()),
            AlertUse::Named(_) => None,
        });
        own.enumerate().map(|(index, group)| (format!("{}/{}", self.name, index + 1), group))
    }

    /// Returns what its unit says of its alerts; `None` where it has none.
    pub fn alert_mark(&self) -> Option<AlertMark> {
        let mut own = self.own_alert_groups().map(|(key, _)| key);
        let key = |one: &AlertUse| match one {
            AlertUse::Named(name) => Some(name.as_str().to_owned()),
            AlertUse::Inline(_) => own.next(),
        };
        let groups: Vec<String> = self.alerts.iter().filter_map(key).collect();
        (!groups.is_empty()).then_some(AlertMark { groups })
    }
}

impl ServiceBuilder {
    /// Makes its runs a managed task.
    ///
    /// ```
    /// use taskflows_core::Service;
    /// use taskflows_core::task::TaskPolicy;
    ///
    /// let policy = TaskPolicy { retries: 3, ..TaskPolicy::default() };
    /// let sync = Service::builder("sync").start_command("rsync").task(policy).build()?;
    /// assert_eq!(sync.task.unwrap().policy.retries, 3);
    /// # Ok::<(), taskflows_core::BuildServiceError>(())
    /// ```
    pub fn task(mut self, task: impl Into<ServiceTask>) -> Self {
        self.task = Some(task.into());
        self
    }

    /// Adds who is told of its runs: a group by its name, or one of its own.
    pub fn alerts(mut self, alerts: impl Into<AlertUse>) -> Self {
        self.alerts.push(alerts.into());
        self
    }
}
