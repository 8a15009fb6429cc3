//! What the manager wrote of one service and of itself.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use taskflows_core::effects::LogError;
use taskflows_core::inspect::{Deed, Event, JournalFacts, ManagerLife, Sleep};
use taskflows_core::{ExitKind, ServiceName};
use tokio::time::timeout;

use super::call::Call;
use super::entry::Entry;
use super::message;
use super::source::JournalSource;
use crate::{Scope, UnitName};

const FIELDS: [&str; 15] = [
    "MESSAGE_ID",
    "MESSAGE",
    "USER_UNIT",
    "UNIT",
    "UNIT_RESULT",
    "JOB_RESULT",
    "EXIT_CODE",
    "EXIT_STATUS",
    "COMMAND",
    "USERSPACE_USEC",
    "KERNEL_USEC",
    "INITRD_USEC",
    "_SOURCE_REALTIME_TIMESTAMP",
    "_BOOT_ID",
    "_PID",
];

/// So many entries before a time, and after it, are looked at.
const MOST: usize = 300;

/// So many starts and stops of a timer.
const MOST_OF_TIMER: usize = 20;

/// So many managers, the newest: those of months.
const MOST_MANAGERS: usize = 200;

/// So many entries about sleep, the newest.
const MOST_SLEEPS: usize = 50;

/// Of so many of them is looked up when they ended.
const MOST_ENDS: usize = 3;

/// The wait for one question to the journal.
const LIMIT: Duration = Duration::from_secs(5);

/// Where journald keeps what outlives a reboot, and what does not. Source: systemd-journald.service(8).
const PERSISTENT: &str = "/var/log/journal";
const VOLATILE: &str = "/run/log/journal";

/// Asks the journal about services and managers.
#[derive(Clone, Debug)]
pub(crate) struct Witness {
    scope: Scope,
    source: JournalSource,
}

/// What it told of a service.
#[derive(Debug, Default)]
pub(crate) struct Events {
    /// Oldest first.
    pub(crate) events: Vec<Event>,
    /// Whether there are older ones.
    pub(crate) is_cut: bool,
}

/// Which end of what matches is wanted.
#[derive(Clone, Copy)]
enum Take {
    Newest(usize),
    Oldest(usize),
}

impl Witness {
    pub(crate) fn new(scope: Scope, source: JournalSource) -> Self {
        Self { scope, source }
    }

    /// Looks at whether the journal can be read and outlives a reboot.
    pub(crate) async fn facts(&self) -> JournalFacts {
        let read = self.ask(&[], None, None, Take::Newest(1)).await;
        let there = |path: &str| std::path::Path::new(path).is_dir();
        let is_persistent = match &self.source.directory {
            Some(_) => Some(true),
            None if there(PERSISTENT) => Some(true),
            None => there(VOLATILE).then_some(false),
        };
        JournalFacts { unreadable: read.err().map(|error| in_full(&error)), is_persistent }
    }

    /// Returns what was written of `name` around `at`, or up to now.
    pub(crate) async fn events(&self, name: &ServiceName, at: Option<Timestamp>) -> Result<Events, LogError> {
        let service = self.of_unit(&UnitName::service(name));
        let timer = self.of_unit(&UnitName::timer(name));
        // What is scheduled at a time begins a little after it.
        let middle = at.and_then(|at| at.checked_add(SignedDuration::from_secs(1)).ok());
        let before = self.ask(&service, None, middle, Take::Newest(MOST)).await?;
        let mut entries = self.ask(&timer, None, middle, Take::Newest(MOST_OF_TIMER)).await?;
        let is_cut = before.len() == MOST;
        entries.extend(before);
        if let Some(middle) = middle {
            let after = middle.checked_add(SignedDuration::from_micros(1)).unwrap_or(middle);
            entries.extend(self.ask(&service, Some(after), None, Take::Oldest(MOST)).await?);
            entries.extend(self.ask(&timer, Some(after), None, Take::Oldest(MOST_OF_TIMER)).await?);
        }
        let mut events: Vec<Event> = entries.iter().filter_map(event).collect();
        events.sort_by_key(|event| event.time);
        Ok(Events { events, is_cut })
    }

    /// Returns the newest events of `name` alone, without those of its timer.
    pub(crate) async fn newest(&self, name: &ServiceName, count: usize) -> Result<Vec<Event>, LogError> {
        let entries =
            self.ask(&self.of_unit(&UnitName::service(name)), None, None, Take::Newest(count)).await?;
        Ok(entries.iter().filter_map(event).collect())
    }

    /// Returns the managers that are known, oldest first, with the ends of those around `at`.
    pub(crate) async fn managers(&self, at: Option<Timestamp>) -> Result<Vec<ManagerLife>, LogError> {
        let (id, own) = match self.scope {
            Scope::User => (message::USER_STARTUP, format!("_UID={}", rustix::process::getuid().as_raw())),
            Scope::System => (message::STARTUP, "_PID=1".to_owned()),
        };
        let asked = [format!("MESSAGE_ID={id}"), own.clone()];
        let entries = self.ask(&asked, None, None, Take::Newest(MOST_MANAGERS)).await?;
        let mut lives: Vec<ManagerLife> = entries.iter().filter_map(life).collect();
        let ends: Vec<Option<Timestamp>> =
            lives.iter().skip(1).map(|next| Some(next.began)).chain([None]).collect();
        for (life, end) in lives.iter_mut().zip(ends) {
            life.last_seen = end;
        }
        let past = at.map_or(lives.len(), |at| lives.iter().filter(|life| life.began <= at).count());
        // The last of them lives.
        let past = past.min(lives.len().saturating_sub(1));
        for index in past.saturating_sub(MOST_ENDS)..past {
            let next_boot = lives[index + 1].boot().to_owned();
            self.look_up_end(&mut lives[index], &next_boot, &own).await?;
        }
        Ok(lives)
    }

    /// Returns when the machine slept before `at`, and whether it had woken by now.
    pub(crate) async fn sleeps(&self, at: Option<Timestamp>) -> Result<Vec<Sleep>, LogError> {
        let asked = [message::ASLEEP, message::AWAKE].map(|id| format!("MESSAGE_ID={id}"));
        let mut entries = self.ask(&asked, None, at, Take::Newest(MOST_SLEEPS)).await?;
        if at.is_some() {
            entries.extend(self.ask(&asked[1..], at, None, Take::Oldest(1)).await?);
        }
        Ok(sleeps(&entries))
    }

    /// Looks up when a manager was last heard of.
    async fn look_up_end(&self, life: &mut ManagerLife, next_boot: &str, own: &str) -> Result<(), LogError> {
        let Some((boot, process)) = life.manager.split_once('/') else { return Ok(()) };
        let (boot, process) = (format!("_BOOT_ID={boot}"), format!("_PID={process}"));
        let asked = [boot.clone(), process, own.to_owned()];
        let mut last = self.ask(&asked, None, None, Take::Newest(1)).await?;
        let exits = |entry: &Entry| {
            let unit = entry.text("USER_UNIT").or_else(|| entry.text("UNIT"));
            unit.is_some_and(|unit| matches!(unit.as_str(), "exit.target" | "systemd-exit.service"))
        };
        life.has_exited = last.iter().any(exits);
        if !life.has_exited && life.boot() != next_boot {
            // A quiet manager was cut off with its machine, which others heard of for longer.
            last = self.ask(&[boot], None, None, Take::Newest(1)).await?;
        }
        if let Some(time) = last.first().and_then(Entry::time) {
            life.last_seen = Some(time);
        }
        Ok(())
    }

    /// Returns the matches for what the manager wrote of a unit.
    fn of_unit(&self, unit: &UnitName) -> Vec<String> {
        match self.scope {
            Scope::User => {
                vec![format!("USER_UNIT={unit}"), format!("_UID={}", rustix::process::getuid().as_raw())]
            }
            Scope::System => vec![format!("UNIT={unit}"), "_PID=1".to_owned()],
        }
    }

    /// Reads entries, oldest first.
    async fn ask(
        &self,
        matches: &[String],
        since: Option<Timestamp>,
        until: Option<Timestamp>,
        take: Take,
    ) -> Result<Vec<Entry>, LogError> {
        let mut command = self.source.command(&FIELDS);
        command.args(since.map(|time| format!("--since=@{}", seconds(time))));
        command.args(until.map(|time| format!("--until=@{}", seconds(time))));
        let most = match take {
            Take::Newest(most) => {
                command.args(["--reverse".to_owned(), format!("--lines={most}")]);
                most
            }
            Take::Oldest(most) => most,
        };
        command.args(matches);
        let read = async {
            let mut call = Call::begin(command, &self.source.program.display().to_string())?;
            let mut entries = Vec::new();
            while entries.len() < most {
                match call.next().await? {
                    Some(entry) => entries.push(entry),
                    None => return call.finish().await.map(|()| entries),
                }
            }
            // What is left unread ends with the call.
            Ok(entries)
        };
        let silent = || LogError::Failed { reason: format!("journalctl gave no answer within {LIMIT:?}") };
        let mut entries = timeout(LIMIT, read).await.unwrap_or_else(|_| Err(silent()))?;
        if matches!(take, Take::Newest(_)) {
            entries.reverse();
        }
        Ok(entries)
    }
}

/// Writes an error with its cause.
pub(crate) fn in_full(error: &LogError) -> String {
    let text = match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    };
    // journalctl speaks in sentences.
    text.trim_end_matches('.').to_owned()
}

fn seconds(time: Timestamp) -> String {
    format!("{}.{:06}", time.as_second(), time.subsec_microsecond().max(0))
}

fn manager(entry: &Entry) -> Option<String> {
    Some(format!("{}/{}", entry.text("_BOOT_ID")?, entry.text("_PID")?))
}

/// Reads when a manager began: so long before it was up as it took.
fn life(entry: &Entry) -> Option<ManagerLife> {
    let fields = ["USERSPACE_USEC", "KERNEL_USEC", "INITRD_USEC"];
    let took: i64 = fields.iter().filter_map(|field| entry.text(field)?.parse::<i64>().ok()).sum();
    let began = entry.sent()?.checked_sub(SignedDuration::from_micros(took)).ok()?;
    Some(ManagerLife { manager: manager(entry)?, began, last_seen: None, has_exited: false })
}

/// Pairs each time the machine went to sleep with the time it woke.
fn sleeps(entries: &[Entry]) -> Vec<Sleep> {
    let mut sleeps: Vec<Sleep> = Vec::new();
    for entry in entries {
        // What is written on the way to sleep is received on waking, so when it was sent counts.
        let (Some(time), Some(id)) = (entry.sent(), entry.text("MESSAGE_ID")) else { continue };
        match (id.as_str(), sleeps.last_mut()) {
            (message::ASLEEP, _) => sleeps.push(Sleep { from: time, until: None }),
            (message::AWAKE, Some(last)) => last.until = last.until.or(Some(time)),
            _ => {}
        }
    }
    sleeps
}

fn event(entry: &Entry) -> Option<Event> {
    let unit = UnitName::parse(&entry.text("USER_UNIT").or_else(|| entry.text("UNIT"))?)?;
    let deed = if unit.timer { timer_deed(entry)? } else { deed(entry)? };
    Some(Event { time: entry.sent()?, manager: manager(entry)?, deed })
}

fn timer_deed(entry: &Entry) -> Option<Deed> {
    match entry.text("MESSAGE_ID")?.as_str() {
        message::STARTED => Some(Deed::TimerStarted),
        message::STOPPED => Some(Deed::TimerStopped),
        _ => None,
    }
}

fn deed(entry: &Entry) -> Option<Deed> {
    let text = entry.text("MESSAGE").unwrap_or_default();
    if text.ends_with("Start request repeated too quickly.") {
        return Some(Deed::LimitHit);
    }
    let id = entry.text("MESSAGE_ID")?;
    // systemd 252 gives a start that a condition prevents the id of a start.
    if id == message::SKIPPED || text.contains(" was skipped because ") {
        return Some(Deed::Skipped(condition(&text)));
    }
    Some(match id.as_str() {
        message::STARTING => Deed::Starting,
        message::STARTED => Deed::Started,
        message::STOPPING => Deed::Stopping,
        message::STOPPED => Deed::Stopped,
        message::RESTARTING => Deed::Restarting,
        message::SUCCESS => Deed::Succeeded,
        message::FAILURE => Deed::Failed(entry.text("UNIT_RESULT").unwrap_or_else(|| "failed".into())),
        message::PROCESS_EXIT if entry.is_of_preparation() => Deed::PreparationExited(exit(entry)?),
        message::PROCESS_EXIT => Deed::Exited(exit(entry)?),
        message::NOT_STARTED => match entry.text("JOB_RESULT")?.as_str() {
            "assert" => Deed::AssertFailed,
            "dependency" => Deed::DependencyFailed,
            _ => return None,
        },
        _ => return None,
    })
}

fn exit(entry: &Entry) -> Option<ExitKind> {
    let status = entry.text("EXIT_STATUS")?.parse().ok()?;
    Some(match entry.text("EXIT_CODE")?.as_str() {
        "exited" => ExitKind::Exited(status),
        _ => ExitKind::Killed(status),
    })
}

/// Takes the condition out of `… was skipped because of an unmet condition check (ConditionCPUs=>9).`
fn condition(text: &str) -> String {
    let inside = text.rsplit_once("condition check (").map_or("", |(_, rest)| rest);
    inside.trim_end_matches('.').strip_suffix(')').unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(unit: &str, fields: &str, expected: Option<Deed>) {
        let line = format!(
            r#"{{"__REALTIME_TIMESTAMP":"1000000","_BOOT_ID":"b","_PID":"7","USER_UNIT":"{unit}",{fields}}}"#
        );
        let found = event(&Entry::read(&line).unwrap());
        assert_eq!(found.as_ref().map(|event| &event.deed), expected.as_ref(), "{fields}");
        assert!(found.is_none_or(|event| event.manager == "b/7" && event.time.as_second() == 1));
    }

    #[test]
    fn messages_become_deeds() {
        let (service, timer) = ("taskflows-a.service", "taskflows-a.timer");
        let id = |id: &str, more: &str| format!(r#""MESSAGE_ID":"{id}"{more}"#);
        check(service, &id(message::STARTING, ""), Some(Deed::Starting));
        check(service, &id(message::STARTED, ""), Some(Deed::Started));
        check(timer, &id(message::STARTED, ""), Some(Deed::TimerStarted));
        check(timer, &id(message::STOPPED, ""), Some(Deed::TimerStopped));
        check(timer, &id(message::STARTING, ""), None);
        let words =
            r#","MESSAGE":"a was skipped because of an unmet condition check (ConditionMemory=>=9).""#;
        let skipped = Some(Deed::Skipped("ConditionMemory=>=9".into()));
        check(service, &id(message::STARTED, words), skipped.clone());
        check(service, &id(message::SKIPPED, words), skipped);
        let words = r#","MESSAGE":"a was skipped because all trigger condition checks failed.""#;
        check(service, &id(message::STARTED, words), Some(Deed::Skipped(String::new())));
        let words = r#""MESSAGE":"taskflows-a.service: Start request repeated too quickly.""#;
        check(service, words, Some(Deed::LimitHit));
        let assert = r#","JOB_RESULT":"assert""#;
        check(service, &id(message::NOT_STARTED, assert), Some(Deed::AssertFailed));
        check(service, &id(message::NOT_STARTED, r#","JOB_RESULT":"failed""#), None);
        let exit = r#","EXIT_CODE":"exited","EXIT_STATUS":"3""#;
        check(service, &id(message::PROCESS_EXIT, exit), Some(Deed::Exited(ExitKind::Exited(3))));
        check("other.service", &id(message::STARTED, ""), None);
    }

    #[test]
    fn sleep_lasts_until_the_machine_wakes() {
        let entry = |second: u32, id: &str| {
            let line = format!(r#"{{"__REALTIME_TIMESTAMP":"{second}000000","MESSAGE_ID":"{id}"}}"#);
            Entry::read(&line).unwrap()
        };
        let (asleep, awake) = (message::ASLEEP, message::AWAKE);
        let entries = [entry(1, awake), entry(2, asleep), entry(5, awake), entry(7, asleep)];
        let found: Vec<_> = sleeps(&entries)
            .into_iter()
            .map(|sleep| (sleep.from.as_second(), sleep.until.map(Timestamp::as_second)))
            .collect();
        assert_eq!(found, [(2, Some(5)), (7, None)]);
    }

    #[test]
    fn a_manager_began_before_it_was_up() {
        let line =
            r#"{"__REALTIME_TIMESTAMP":"9000000","USERSPACE_USEC":"2000000","_BOOT_ID":"b","_PID":"7"}"#;
        let life = life(&Entry::read(line).unwrap()).unwrap();
        assert_eq!((life.began.as_second(), life.boot()), (7, "b"));
    }
}
