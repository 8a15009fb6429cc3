use std::sync::Arc;

use taskflows_alerts::{
    Alertmanager, Alerts, Command, Destination, Discord, Email, PagerDuty, Slack, Webhook,
};
use taskflows_core::effects::RunObserver;

use super::observer::AlertedTask;

/// What `alerts = …` of a task may be: whoever is told of its runs.
///
/// [`Alerts`], a destination alone (which is told of the start, of errors and of the end), an observer of your own; or
/// several in an array, a `Vec` or an `Option`.
pub trait TaskAlerts {
    /// Returns those who are told each event of each run.
    fn into_observers(self) -> Vec<Arc<dyn RunObserver>>;
}

impl<O: RunObserver + 'static> TaskAlerts for Arc<O> {
    fn into_observers(self) -> Vec<Arc<dyn RunObserver>> {
        vec![self]
    }
}

impl TaskAlerts for Arc<dyn RunObserver> {
    fn into_observers(self) -> Vec<Arc<dyn RunObserver>> {
        vec![self]
    }
}

impl<A: TaskAlerts> TaskAlerts for Vec<A> {
    fn into_observers(self) -> Vec<Arc<dyn RunObserver>> {
        self.into_iter().flat_map(A::into_observers).collect()
    }
}

impl<A: TaskAlerts> TaskAlerts for Option<A> {
    fn into_observers(self) -> Vec<Arc<dyn RunObserver>> {
        self.into_iter().flat_map(A::into_observers).collect()
    }
}

impl<A: TaskAlerts, const N: usize> TaskAlerts for [A; N] {
    fn into_observers(self) -> Vec<Arc<dyn RunObserver>> {
        self.into_iter().flat_map(A::into_observers).collect()
    }
}

impl TaskAlerts for Alerts {
    fn into_observers(self) -> Vec<Arc<dyn RunObserver>> {
        vec![Arc::new(AlertedTask::new(self))]
    }
}

macro_rules! destinations {
    ($($kind:ident),*) => {$(
        impl TaskAlerts for $kind {
            fn into_observers(self) -> Vec<Arc<dyn RunObserver>> {
                Alerts::from(self).into_observers()
            }
        }
    )*};
}
destinations!(Alertmanager, Command, Destination, Discord, Email, PagerDuty, Slack, Webhook);
