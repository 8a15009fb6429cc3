//! What goes over the line, as JSON. Times are RFC 3339 in UTC, lengths of time seconds, sizes bytes.

mod environments;
mod health;
mod logs;
mod misfit;
mod runs;

pub use environments::{EnvironmentToKeep, KeptEnvironment};
pub use health::Health;
pub use logs::{LineOrigin, LogLine, LogParameters, StreamedLine};
pub use misfit::Misfit;
pub use runs::{
    LatestParameters, RecordedAttempt, RecordedRun, RunOutcome, RunParameters, RunProcess, RunSource,
    RunTrigger, RunWithAttempts, SourceParameters,
};
