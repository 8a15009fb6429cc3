use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use taskflows_core::effects::RunObserver;
use taskflows_core::task::TaskPolicy;

/// A task: its name, how it is tried, and who is told of its runs. Each call of its `run…` is one run.
///
/// ```
/// use std::convert::Infallible;
/// use taskflows_core::task::TaskPolicy;
/// use taskflows_runtime::{ErrorView, Task};
///
/// # taskflows_runtime::block_on(async {
/// let task = Task::new("greet", TaskPolicy { retries: 1, ..TaskPolicy::default() });
/// let greeting = task.run(ErrorView::of_error(), || async { Ok::<_, Infallible>("Hi.") }).await;
/// assert_eq!(greeting.unwrap(), "Hi.");
/// # });
/// ```
#[derive(Clone)]
pub struct Task {
    pub(crate) name: Cow<'static, str>,
    pub(crate) policy: TaskPolicy,
    pub(crate) observers: Arc<[Arc<dyn RunObserver>]>,
}

impl Task {
    /// A task that nobody is told of. A policy that cannot be kept ([`TaskPolicy::check`]) is followed as far as it
    /// can be: without time, each attempt times out.
    pub fn new(name: impl Into<Cow<'static, str>>, policy: TaskPolicy) -> Self {
        Self { name: name.into(), policy, observers: Arc::new([]) }
    }

    /// Adds an observer, which is told each event of each run, in order.
    ///
    /// It is told on a thread apart, so that neither its slowness nor its panic changes or delays a run; where the
    /// events of 1024 wait, later ones are dropped and their number is logged. The end of a run waits 5 ms at most for it
    /// to be told, so that what it keeps on a disk is there also where the program ends then.
    #[must_use]
    pub fn observed_by(mut self, observer: Arc<dyn RunObserver>) -> Self {
        self.observers = self.observers.iter().cloned().chain([observer]).collect();
        self
    }

    /// Returns its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns how it is tried.
    pub fn policy(&self) -> &TaskPolicy {
        &self.policy
    }
}

impl fmt::Debug for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let observers = self.observers.len();
        f.debug_struct("Task")
            .field("name", &self.name)
            .field("policy", &self.policy)
            .field("observers", &observers)
            .finish()
    }
}
