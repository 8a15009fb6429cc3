use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use taskflows_core::ServiceName;
use taskflows_core::effects::{LogQuery, LogReader};
use taskflows_journal::{Journal, JournalEntry};
use tokio::time::{Instant, sleep, timeout};

use super::stage::{Fault, shown};

/// Where the journal listens.
pub(super) const SOCKET: &str = "/run/systemd/journal/socket";

/// How long to wait before looking again.
const PAUSE: Duration = Duration::from_millis(100);

/// Writes the marked line to the journal by its own protocol. The identifier is that by which lines of a service are known
/// whose process is gone, so that journal readers and Fluent Bit's configuration find it as one of ours.
pub(super) async fn write(socket: &Path, service: &ServiceName, marker: &str) -> Result<(), Fault> {
    let socket: PathBuf = socket.to_owned();
    let entry = JournalEntry::default()
        .with("MESSAGE", format!("taskflows logging check {marker}"))
        .with("PRIORITY", "6")
        .with("SYSLOG_IDENTIFIER", format!("taskflows-{service}"))
        .with("TASKFLOWS_CHECK", marker);
    let shown = socket.display().to_string();
    let sent =
        tokio::task::spawn_blocking(move || Journal::at(&socket, Duration::from_secs(1))?.send(&entry));
    let error = match sent.await {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(error)) => error.to_string(),
        Err(error) => error.to_string(),
    };
    Err(Fault::new(format!("could not write to the journal at {shown}: {error}"))
        .hint("look whether systemd-journald runs: `systemctl status systemd-journald`"))
}

/// Looks for the marked line in the journal until it is there.
pub(super) async fn read_back(
    logs: &dyn LogReader,
    service: &ServiceName,
    marker: &str,
    since: Timestamp,
    patience: Duration,
) -> Result<(), Fault> {
    let query = LogQuery {
        services: vec![service.clone()],
        since: Some(since),
        lines: Some(50),
        ..LogQuery::default()
    };
    let until = Instant::now() + patience;
    loop {
        let entries = match timeout(patience, logs.read(&query)).await {
            Ok(Ok(entries)) => entries,
            Ok(Err(error)) => {
                return Err(Fault::new(crate::error::chain(&error))
                    .hint("who reads the journal must be in the group systemd-journal, or root"));
            }
            Err(_) => return Err(Fault::new(format!("journalctl does not end within {}", shown(patience)))),
        };
        if entries.iter().any(|entry| entry.message.contains(marker)) {
            return Ok(());
        }
        if Instant::now() >= until {
            return Err(Fault::new(format!(
                "the entry was taken, and journalctl does not show it after {}",
                shown(patience)
            ))
            .hint(
                "the journal may drop it (Storage=none, a rate limit), or this user may not read it: \
                 `journalctl -n 5` shows what it takes",
            ));
        }
        sleep(PAUSE).await;
    }
}
