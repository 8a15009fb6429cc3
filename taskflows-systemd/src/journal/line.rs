//! From an entry of the journal to a line of a service.

use taskflows_core::ServiceName;
use taskflows_core::effects::{LogEntry, LogOrigin, LogQuery};
use taskflows_core::log::StructuredLine;
use taskflows_core::task::RunId;

use super::entry::Entry;
use crate::UnitName;

pub(super) const FIELDS: [&str; 14] = [
    "MESSAGE",
    "PRIORITY",
    "_SYSTEMD_USER_UNIT",
    "USER_UNIT",
    "_SYSTEMD_UNIT",
    "UNIT",
    "SYSLOG_IDENTIFIER",
    "_TRANSPORT",
    "_SYSTEMD_INVOCATION_ID",
    "USER_INVOCATION_ID",
    "INVOCATION_ID",
    "TASKFLOWS_RUN_ID",
    "TASKFLOWS_TASK",
    "TASKFLOWS_ATTEMPT",
];

/// Makes a line of an entry that `query` selects.
pub(super) fn log_entry(mut entry: Entry, query: &LogQuery) -> Option<LogEntry> {
    let unit = |field: &str| UnitName::parse(&entry.text(field)?).map(|unit| unit.service);
    let manager = unit("USER_UNIT").or_else(|| unit("UNIT"));
    let process = unit("_SYSTEMD_USER_UNIT").or_else(|| unit("_SYSTEMD_UNIT"));
    let identifier = || entry.text("SYSLOG_IDENTIFIER")?.strip_prefix("taskflows-")?.parse().ok();
    let origin = if manager.is_some() { LogOrigin::Manager } else { LogOrigin::Process };
    let service = manager.or(process).or_else(identifier);
    let service = service.filter(|name| query.services.contains(name)).or_else(|| task(&entry, query))?;
    let time = entry.time()?;
    let message = entry.take("MESSAGE").unwrap_or_default();
    let structured = StructuredLine::read(&message);
    let runs = Runs::of(&entry, origin, structured.as_ref());
    let received = || entry.text("PRIORITY")?.parse().ok();
    let line = LogEntry {
        time,
        service,
        origin,
        run: runs.run(query, origin),
        attempt: runs.attempt,
        priority: structured.and_then(|line| line.priority()).or_else(received).unwrap_or(6),
        message,
    };
    query.selects(&line).then_some(line)
}

/// Returns the name of the task whose run is asked for, which need not be of a service.
fn task(entry: &Entry, query: &LogQuery) -> Option<ServiceName> {
    let run: RunId = entry.text("TASKFLOWS_RUN_ID")?.parse().ok()?;
    let task = entry.text("TASKFLOWS_TASK")?.parse().ok()?;
    (query.run == Some(run) && query.services.contains(&task)).then_some(task)
}

/// What an entry says of the run it belongs to.
struct Runs {
    noted: Option<RunId>,
    invocation: Option<RunId>,
    of_line: Option<RunId>,
    attempt: Option<u32>,
}

impl Runs {
    fn of(entry: &Entry, origin: LogOrigin, line: Option<&StructuredLine>) -> Self {
        let run = |field: &str| entry.text(field)?.parse().ok();
        let invocation = match origin {
            LogOrigin::Manager => run("USER_INVOCATION_ID").or_else(|| run("INVOCATION_ID")),
            LogOrigin::Process => run("_SYSTEMD_INVOCATION_ID"),
        };
        let of_line: Option<RunId> = line.and_then(|line| line.fields.get("run_id")?.as_str()?.parse().ok());
        // Without a run it is anybody's number.
        let attempt_of_line = || {
            let number = line.filter(|_| of_line.is_some())?.fields.get("attempt")?.as_u64()?;
            u32::try_from(number).ok()
        };
        let attempt = entry.text("TASKFLOWS_ATTEMPT").and_then(|number| number.parse().ok());
        Self {
            noted: run("TASKFLOWS_RUN_ID"),
            invocation,
            of_line,
            attempt: attempt.or_else(attempt_of_line),
        }
    }

    /// Returns the run it belongs to: that which is asked for, where anything says so.
    fn run(&self, query: &LogQuery, origin: LogOrigin) -> Option<RunId> {
        let own = [self.noted, self.invocation, self.of_line];
        let is_unknown = own.iter().all(Option::is_none) && origin == LogOrigin::Process;
        match query.run {
            Some(run) if own.contains(&Some(run)) => Some(run),
            // The time says it, which `since` narrows to the run.
            Some(run) if is_unknown && query.since.is_some() => Some(run),
            _ => own.into_iter().flatten().next(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME: &str = r#""__REALTIME_TIMESTAMP":"1700000000000001","MESSAGE":"x""#;
    const UNIT: &str = r#""_SYSTEMD_USER_UNIT":"taskflows-web.service""#;

    fn web() -> LogQuery {
        LogQuery { services: vec!["web".parse().unwrap()], ..LogQuery::default() }
    }

    fn read_by(fields: &str, query: &LogQuery) -> Option<LogEntry> {
        log_entry(Entry::read(&format!("{{{fields}}}")).unwrap(), query)
    }

    fn read(fields: &str) -> Option<LogEntry> {
        read_by(fields, &web())
    }

    fn run(bits: u128) -> RunId {
        RunId::from_bits(bits)
    }

    #[test]
    fn entries_of_the_process_and_of_the_manager_are_told_apart() {
        let process = read(&format!(r#"{TIME},{UNIT},"PRIORITY":"3""#)).unwrap();
        assert_eq!((process.origin, process.priority), (LogOrigin::Process, 3));
        assert_eq!(process.time.as_microsecond(), 1_700_000_000_000_001);
        let manager =
            read(&format!(r#"{TIME},"USER_UNIT":"taskflows-web.service","_SYSTEMD_USER_UNIT":"init.scope""#));
        assert_eq!(manager.unwrap().origin, LogOrigin::Manager);
        let orphan = read(&format!(r#"{TIME},"SYSLOG_IDENTIFIER":"taskflows-web""#)).unwrap();
        assert_eq!((orphan.origin, orphan.service.as_str()), (LogOrigin::Process, "web"));
    }

    #[test]
    fn entries_of_other_services_and_without_a_time_are_passed_over() {
        assert_eq!(read(&format!(r#"{TIME},"_SYSTEMD_USER_UNIT":"taskflows-other.service""#)), None);
        assert_eq!(read(UNIT), None);
    }

    #[test]
    fn a_structured_line_says_its_own_level() {
        let line = |message: &str| {
            let message = serde_json::to_string(message).unwrap();
            let fields = format!(r#""__REALTIME_TIMESTAMP":"1","MESSAGE":{message},"PRIORITY":"5",{UNIT}"#);
            read(&fields).unwrap().priority
        };
        assert_eq!(line(r#"{"event":"x","level_name":"error"}"#), 3);
        assert_eq!(line(r#"{"event":"x"}"#), 5);
        assert_eq!(line("plain"), 5);
    }

    #[test]
    fn a_run_is_known_by_its_fields_its_invocation_or_its_line() {
        let of = |more: &str| read(&format!("{TIME},{UNIT},{more}")).unwrap();
        let noted = format!(r#""TASKFLOWS_RUN_ID":"{}","TASKFLOWS_ATTEMPT":"2""#, run(1));
        let invocation = format!(r#""_SYSTEMD_INVOCATION_ID":"{}""#, run(2));
        let both = of(&format!("{noted},{invocation}"));
        assert_eq!((both.run, both.attempt), (Some(run(1)), Some(2)));
        assert_eq!((of(&invocation).run, of(&invocation).attempt), (Some(run(2)), None));
        assert_eq!(of(r#""TASKFLOWS_RUN_ID":"x","TASKFLOWS_ATTEMPT":"-1""#).run, None);
        let told = format!(r#"{TIME},"USER_UNIT":"taskflows-web.service","USER_INVOCATION_ID":"{}""#, run(3));
        assert_eq!(read(&told).unwrap().run, Some(run(3)));
        let told = format!(r#"{TIME},"UNIT":"taskflows-web.service","INVOCATION_ID":"{}""#, run(4));
        assert_eq!(read(&told).unwrap().run, Some(run(4)));
        let line = format!(
            r#""__REALTIME_TIMESTAMP":"1",{UNIT},"MESSAGE":"{{\"run_id\":\"{}\",\"attempt\":3}}""#,
            run(5)
        );
        let line = read(&line).unwrap();
        assert_eq!((line.run, line.attempt), (Some(run(5)), Some(3)));
        let anybodys = read(&format!(r#""__REALTIME_TIMESTAMP":"1",{UNIT},"MESSAGE":"{{\"attempt\":3}}""#));
        assert_eq!(anybodys.unwrap().attempt, None);
    }

    #[test]
    fn a_run_that_is_asked_for_is_found_by_any_of_its_names_or_by_the_time() {
        let asked = LogQuery { run: Some(run(2)), ..web() };
        let both =
            format!(r#"{TIME},{UNIT},"TASKFLOWS_RUN_ID":"{}","_SYSTEMD_INVOCATION_ID":"{}""#, run(1), run(2));
        assert_eq!(read_by(&both, &asked).unwrap().run, Some(run(2)));
        let other = LogQuery { run: Some(run(3)), ..web() };
        assert_eq!(read_by(&both, &other), None);
        let unknown = format!("{TIME},{UNIT}");
        assert_eq!(read_by(&unknown, &asked), None);
        let in_its_time = LogQuery { since: Some(jiff::Timestamp::UNIX_EPOCH), ..asked };
        assert_eq!(read_by(&unknown, &in_its_time).unwrap().run, Some(run(2)));
        let manager = format!(r#"{TIME},"USER_UNIT":"taskflows-web.service""#);
        assert_eq!(read_by(&manager, &in_its_time), None, "the manager says of which run it speaks");
        let alone = format!(r#"{TIME},"TASKFLOWS_RUN_ID":"{}","TASKFLOWS_TASK":"web""#, run(2));
        assert_eq!(read_by(&alone, &in_its_time).unwrap().service.as_str(), "web");
        assert_eq!(read(&alone), None);
    }
}
