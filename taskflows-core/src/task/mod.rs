//! Tasks: one execution is a run, one try an attempt, its end an outcome.

mod backoff;
mod event;
mod id;
mod machine;
mod notes;
mod policy;
mod record;

pub use backoff::{Backoff, BackoffError, ParseBackoffError};
pub use event::{RunEvent, RunEventKind};
pub use id::{ParseRunIdError, RunId};
pub use machine::{Failure, Finish, Last, Machine, Step};
pub use notes::{RunNote, RunNotes};
pub use policy::{TaskPolicy, TaskPolicyError};
pub use record::{Attempt, ProcessMark, RunFinish, RunQuery, RunRecord, Trigger};
