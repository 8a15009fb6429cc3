use std::sync::Arc;

use taskflows_core::effects::RunObserver;

/// What `alerts = …` of a task may be: whoever is told of its runs.
///
/// An observer of your own, or several in an array, a `Vec` or an `Option`.
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
