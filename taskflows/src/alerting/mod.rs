//! Alerts of tasks: what becomes of a run is queued on disk, and sent by a thread of this process.

mod here;
mod observer;
mod sender;
mod told;

pub use sender::flush_alerts;
pub use told::TaskAlerts;
