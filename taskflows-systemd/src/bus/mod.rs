//! The manager's D-Bus interface. Source: org.freedesktop.systemd1(5).

mod connect;
mod error;
mod manager;
mod path;
mod signals;
mod watch;

use std::time::Duration;

pub(crate) use connect::Bus;
pub(crate) use manager::{Unit, Units, Value, Word, realtime};
pub(crate) use path::unit_path;
pub(crate) use signals::{Heard, Signal, Signals};
pub(crate) use watch::{Properties, Watch};

/// How long each kind of call may take. zbus itself would wait for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// To connect, and for a call that reads.
    pub read: Duration,
    /// For a reload, which takes a second at a thousand timers.
    pub reload: Duration,
    /// For a job: systemd's own limits of 90 s for a start and 120 s for our stops, and a little.
    pub job: Duration,
    /// For the lock that another taskflows command holds.
    pub lock: Duration,
    /// How long a service that was started is watched for a failure at once.
    pub settle: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            read: Duration::from_secs(5),
            reload: Duration::from_secs(30),
            job: Duration::from_secs(150),
            lock: Duration::from_secs(10),
            settle: Duration::from_millis(250),
        }
    }
}
