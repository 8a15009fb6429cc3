use async_trait::async_trait;
use futures_util::stream::{self, BoxStream, Stream, StreamExt, TryStreamExt};
use taskflows_core::ServiceName;
use taskflows_core::effects::{LogEntry, LogError, LogOrigin, LogQuery, LogReader};
use tokio::process::Command;

use super::call::Call;
use super::entry::Entry;
use super::source::{JournalSource, matches};
use crate::{Scope, UnitName};

const FIELDS: [&str; 8] = [
    "MESSAGE",
    "PRIORITY",
    "_SYSTEMD_USER_UNIT",
    "USER_UNIT",
    "_SYSTEMD_UNIT",
    "UNIT",
    "SYSLOG_IDENTIFIER",
    "_TRANSPORT",
];

/// Reads what services wrote to the journal, through `journalctl -o json`.
///
/// A query for services alone starts one `journalctl`; to follow keeps one running, which survives a
/// rotation of the journal.
#[derive(Clone, Debug)]
pub struct JournalReader {
    scope: Scope,
    source: JournalSource,
}

impl JournalReader {
    /// Reads the entries of the services of `scope` from `source`.
    pub fn new(scope: Scope, source: JournalSource) -> Self {
        Self { scope, source }
    }

    fn command(&self, query: &LogQuery) -> Command {
        let mut command = self.source.command(&FIELDS);
        if let Some(since) = query.since {
            command.arg(format!("--since=@{}", seconds(since)));
        }
        if let Some(until) = query.until {
            command.arg(format!("--until=@{}", seconds(until)));
        }
        command.args(matches(self.scope, &query.services));
        command
    }

    /// Starts `command` when the stream is first asked for an entry, and ends it with the stream.
    fn stream(
        &self,
        command: Command,
        services: Vec<ServiceName>,
    ) -> impl Stream<Item = Result<LogEntry, LogError>> + Send + 'static {
        let program = self.source.program.display().to_string();
        let state = State::Asked(Box::new(command), program);
        stream::try_unfold((state, services), |(state, services)| async move {
            let mut call = match state {
                State::Asked(command, program) => Box::new(Call::begin(*command, &program)?),
                State::Begun(call) => call,
            };
            while let Some(entry) = call.next().await? {
                if let Some(entry) = log_entry(&entry, &services) {
                    return Ok(Some((entry, (State::Begun(call), services))));
                }
            }
            call.finish().await.map(|()| None)
        })
    }
}

enum State {
    Asked(Box<Command>, String),
    Begun(Box<Call>),
}

fn seconds(time: jiff::Timestamp) -> String {
    format!("{}.{:06}", time.as_second(), time.subsec_microsecond().max(0))
}

fn log_entry(entry: &Entry, services: &[ServiceName]) -> Option<LogEntry> {
    let unit = |field: &str| UnitName::parse(&entry.text(field)?).map(|unit| unit.service);
    let manager = unit("USER_UNIT").or_else(|| unit("UNIT"));
    let process = unit("_SYSTEMD_USER_UNIT").or_else(|| unit("_SYSTEMD_UNIT"));
    let identifier = || entry.text("SYSLOG_IDENTIFIER")?.strip_prefix("taskflows-")?.parse().ok();
    let origin = if manager.is_some() { LogOrigin::Manager } else { LogOrigin::Process };
    let service = manager.or(process).or_else(identifier)?;
    if !services.contains(&service) {
        return None;
    }
    Some(LogEntry {
        time: entry.time()?,
        service,
        origin,
        run: None,
        attempt: None,
        priority: entry.text("PRIORITY").and_then(|priority| priority.parse().ok()).unwrap_or(6),
        message: entry.text("MESSAGE").unwrap_or_default(),
    })
}

#[async_trait]
impl LogReader for JournalReader {
    async fn read(&self, query: &LogQuery) -> Result<Vec<LogEntry>, LogError> {
        let mut command = self.command(query);
        if let Some(lines) = query.lines {
            // Before systemd 254, --lines counts from --since on unless the newest come first.
            command.args(["--reverse".to_owned(), format!("--lines={lines}")]);
        }
        let mut entries: Vec<LogEntry> = self.stream(command, query.services.clone()).try_collect().await?;
        if query.lines.is_some() {
            entries.reverse();
        }
        Ok(entries)
    }

    fn follow(&self, query: &LogQuery) -> BoxStream<'static, Result<LogEntry, LogError>> {
        let mut command = self.command(query);
        command.arg("--follow");
        match query.lines.filter(|_| query.since.is_none()) {
            Some(lines) => command.arg(format!("--lines={lines}")),
            // journalctl shows ten lines when it follows and is not told how many; and it would count
            // those that --since allows from the oldest.
            None => command.arg("--no-tail"),
        };
        self.stream(command, query.services.clone()).boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Option<LogEntry> {
        log_entry(&Entry::read(json).unwrap(), &["web".parse().unwrap()])
    }

    #[test]
    fn entries_of_the_process_and_of_the_manager_are_told_apart() {
        let time = r#""__REALTIME_TIMESTAMP":"1700000000000001","MESSAGE":"x""#;
        let process =
            read(&format!(r#"{{{time},"_SYSTEMD_USER_UNIT":"taskflows-web.service","PRIORITY":"3"}}"#));
        let process = process.unwrap();
        assert_eq!((process.origin, process.priority), (LogOrigin::Process, 3));
        assert_eq!(process.time.as_microsecond(), 1_700_000_000_000_001);
        let manager = read(&format!(
            r#"{{{time},"USER_UNIT":"taskflows-web.service","_SYSTEMD_USER_UNIT":"init.scope"}}"#
        ));
        assert_eq!(manager.unwrap().origin, LogOrigin::Manager);
        let orphan = read(&format!(r#"{{{time},"SYSLOG_IDENTIFIER":"taskflows-web"}}"#)).unwrap();
        assert_eq!((orphan.origin, orphan.service.as_str()), (LogOrigin::Process, "web"));
    }

    #[test]
    fn entries_of_other_services_and_without_a_time_are_passed_over() {
        let time = r#""__REALTIME_TIMESTAMP":"1700000000000001""#;
        assert_eq!(read(&format!(r#"{{{time},"_SYSTEMD_USER_UNIT":"taskflows-other.service"}}"#)), None);
        assert_eq!(read(r#"{"_SYSTEMD_USER_UNIT":"taskflows-web.service"}"#), None);
    }
}
