//! Functions as tasks: the machine of core, driven by tokio or by the calling thread.

mod blocking;
mod context;
mod driver;
mod error;
mod id;
mod notices;
mod run;
mod spec;
mod told;

pub use blocking::block_on;
pub use context::{CurrentTask, current_task, current_task_id};
pub use driver::run_task;
pub use error::{ErrorView, TaskError, TaskFailure};
pub use id::new_run_id;
pub use notices::flush_observers;
pub use spec::Task;
