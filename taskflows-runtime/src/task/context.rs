use taskflows_core::task::RunId;

tokio::task_local! {
    pub(crate) static CURRENT: CurrentTask;
}

/// The run that the code asking for it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CurrentTask {
    /// Which run.
    pub run: RunId,
    /// Which of its attempts, from 1.
    pub attempt: u32,
}

/// Returns the run that the calling code belongs to; `None` outside of any.
///
/// It follows the body of the task through every `.await` and into a task called from it, which has a run of its own.
/// It does not follow into what the body spawns (`tokio::spawn`, a thread): hand it over where it is needed there.
pub fn current_task() -> Option<CurrentTask> {
    CURRENT.try_with(|current| *current).ok()
}

/// Returns the id of the run that the calling code belongs to; `None` outside of any. See [`current_task`].
pub fn current_task_id() -> Option<RunId> {
    current_task().map(|current| current.run)
}
