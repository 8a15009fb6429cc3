use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, Mode, OFlags, flock, open};
use taskflows_core::effects::ServiceError;

use super::file_error;

/// How often a lock that another process holds is tried again.
const RETRY: Duration = Duration::from_millis(25);

/// Keeps every other taskflows process from changing the units; the kernel frees it with the process.
#[derive(Debug)]
pub(super) struct Lock {
    _descriptor: OwnedFd,
}

impl Lock {
    /// Takes the lock, waiting at most `limit` for whoever holds it.
    pub(super) async fn take(path: &Path, limit: Duration) -> Result<Self, ServiceError> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let descriptor = open(path, flags, Mode::RUSR | Mode::WUSR)
            .map_err(|error| file_error("open the lock", path)(error.into()))?;
        let began = Instant::now();
        loop {
            match flock(&descriptor, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Self { _descriptor: descriptor }),
                Err(rustix::io::Errno::WOULDBLOCK) if began.elapsed() < limit => {
                    tokio::time::sleep(RETRY).await
                }
                Err(rustix::io::Errno::WOULDBLOCK) => {
                    return Err(ServiceError::Busy { path: path.to_owned(), waited: limit });
                }
                Err(error) => return Err(file_error("lock", path)(error.into())),
            }
        }
    }
}
