//! `tf doctor` and `tf why` on a fake host: what they write, and their exit codes.

#![expect(clippy::unwrap_used, reason = "a test that unwraps fails as it should")]

mod host;

use host::Host;
use jiff::Timestamp;
use taskflows_core::effects::ServiceError;
use taskflows_core::inspect::{
    Clock, Deed, Directive, DirectoryFacts, DirectoryUse, Event, FileState, Linger, ManagerLife, Mode,
    Reference, ReferenceUse,
};

macro_rules! check {
    ($host:expr) => {
        assert!(
            $host
                .transcript
                .lines()
                .filter(|line| line.starts_with('|') && !line.contains("\":"))
                .all(|line| line.chars().count() <= 82),
            "{}",
            $host.transcript
        );
        insta::assert_snapshot!($host.transcript)
    };
}

fn at(time: &str) -> Timestamp {
    time.parse().unwrap()
}

fn event(time: &str, deed: Deed) -> Event {
    Event { time: at(time), manager: "boot/1".to_owned(), deed }
}

#[test]
fn a_good_host_has_nothing_to_tell() {
    let mut host = Host::with_services();
    host.tf("doctor");
    host.tf("doctor -v");
    host.tf("doctor -q");
    check!(host);
}

#[test]
fn faults_are_told_the_worst_first_and_each_with_its_remedy() {
    let mut host = Host::with_services();
    host.manager.edit(&"web".parse().unwrap());
    let missing = Reference::new(ReferenceUse::Program, "pg_dump");
    let needed = missing.clone();
    host.inspector.alter_survey(move |survey| {
        for unit in survey.units.iter_mut().flatten() {
            if let FileState::Ours { references, .. } = &mut unit.file
                && unit.unit == "taskflows-nightly-backup.service"
            {
                references.push(needed.clone());
            }
        }
        survey.is_interrupted = true;
    });
    host.probe.alter(|host| {
        host.linger = Linger::Off { user: "me".to_owned() };
        host.clock = Clock::Unsynchronised;
        host.missing.insert(missing, "which does not exist".to_owned());
        let mode = Ok(Some(Mode { owner: 0, bits: 0o775, is_directory: true }));
        let path = "/home/me/.config/systemd/user".into();
        host.directories.push(DirectoryFacts { purpose: DirectoryUse::Units, path, mode });
    });
    host.tf("doctor");
    host.tf("doctor -o jsonl");
    host.tf("doctor -o name");
    check!(host);
}

#[test]
fn a_manager_that_is_away_does_not_hide_the_rest() {
    let mut host = Host::with_services();
    host.probe.alter(|host| host.clock = Clock::Unsynchronised);
    let source = Box::new(std::io::Error::from(std::io::ErrorKind::ConnectionRefused));
    host.manager.fail_next(ServiceError::Unreachable { what: "the systemd user manager".into(), source });
    host.tf("doctor");
    check!(host);
}

#[test]
fn why_tells_the_last_run_and_the_next() {
    let mut host = Host::with_services();
    host.tf("why web");
    host.tf("start web broken");
    host.log("broken", 5, "no such table: orders");
    host.tf("why web");
    host.tf("why broken");
    host.tf("why nightly-backup");
    host.tf("disable nightly-backup");
    host.tf("why nightly-backup");
    host.tf("why nightly-bakcup");
    host.tf("why web --at yesterdaay");
    check!(host);
}

#[test]
fn why_tells_a_condition_that_is_not_met_with_the_value_now() {
    let mut host = Host::with_services();
    host.inspector.alter_evidence(|evidence| {
        let line = |key: &str, value: &str| Directive {
            section: "Unit".to_owned(),
            key: key.to_owned(),
            value: value.to_owned(),
        };
        evidence.constraints =
            vec![line("ConditionMemory", ">=8589934592"), line("ConditionCPUPressure", "80%/1min")];
        let skipped = Deed::Skipped("ConditionMemory=>=8589934592".to_owned());
        evidence.events.push(event("2026-11-24T01:00:00Z", skipped));
    });
    host.tf("why nightly-backup");
    host.tf("why nightly-backup -o json");
    check!(host);
}

#[test]
fn why_tells_of_a_time_in_the_past() {
    let mut host = Host::with_services();
    host.inspector.alter_evidence(|evidence| {
        evidence.timer.as_mut().unwrap().calendars = vec!["*-*-* 02:00 Europe/Berlin".parse().unwrap()];
        let before = |time: &str, deed| Event { manager: "before/1".to_owned(), ..event(time, deed) };
        evidence.events = vec![
            before("2026-11-20T00:00:00Z", Deed::TimerStarted),
            before("2026-11-22T01:00:00Z", Deed::Starting),
            before("2026-11-22T01:07:00Z", Deed::Succeeded),
            event("2026-11-24T06:00:03Z", Deed::Starting),
            event("2026-11-24T06:07:00Z", Deed::Succeeded),
        ];
        let life = |manager: &str, began, last_seen: Option<&str>| ManagerLife {
            manager: manager.to_owned(),
            began: at(began),
            last_seen: last_seen.map(at),
            has_exited: false,
        };
        evidence.managers = vec![
            life("before/1", "2026-11-20T00:00:00Z", Some("2026-11-23T22:14:00Z")),
            life("boot/1", "2026-11-24T06:00:00Z", None),
        ];
    });
    host.tf("why nightly-backup --at '2026-11-22 05:00'");
    host.tf("why nightly-backup --at '2026-11-23 05:00'");
    host.tf("why nightly-backup --at 2026-11-24T02:00:00Z");
    host.tf("why nightly-backup --at 2026-11-25");
    host.tf("why nightly-backup --at 9h -o jsonl");
    check!(host);
}

#[test]
fn status_of_named_services_fails_where_one_of_them_is_idle() {
    let mut host = Host::with_services();
    host.tf("start web broken");
    host.transcript.clear();
    host.tf("status web broken -o name");
    assert!(host.transcript.ends_with("= NotActive\n\n"), "{}", host.transcript);
    host.transcript.clear();
    host.tf("status '*' -o name");
    assert!(host.transcript.ends_with("= Ok\n\n"), "{}", host.transcript);
}

#[test]
fn names_are_written_by_what_acts_and_refused_where_there_are_none() {
    let mut host = Host::with_services();
    host.tf("start web broken -o name");
    assert!(host.transcript.contains("| web\n") && !host.transcript.contains("| broken\n"));
    host.transcript.clear();
    host.tf("stop web --dry-run -o name");
    assert!(host.transcript.contains("| web\n"), "{}", host.transcript);
    for line in ["calendar daily -o name", "timespan 5min -o name", "logs web -o name"] {
        host.transcript.clear();
        host.tf(line);
        assert!(host.transcript.ends_with("= Usage\n\n"), "{}", host.transcript);
    }
}

#[test]
fn the_titles_of_a_wide_table_are_not_broken() {
    let mut host = Host::with_services();
    let (name, words) = ("a-service-of-a-rather-long-name", "What it is for. ".repeat(9));
    host.write(
        "more.toml",
        &format!(
            "[[services]]\nname = \"{name}\"\ndescription = \"{words}\"\nstart_command = \"true\"\n\
             start_schedule = \"*-*-* 02:00:30\"\n"
        ),
    );
    host.tf("create more.toml");
    host.tf("start '*'");
    host.tf("list -o wide");
    let titles = host.transcript.lines().find(|line| line.contains("STATE")).unwrap();
    for title in ["NAME", "STATE", "LAST", "NEXT", "ENABLED", "DESCRIPTION"] {
        assert!(titles.contains(title), "{}", host.transcript);
    }
}

#[test]
fn alerts_that_reach_nobody_are_told() {
    let mut host = Host::new();
    host.write(
        "alerts.toml",
        "version = 1\n[alerts.ops]\nsend_to = [{ type = \"slack\", channel = \"ops\" }, { type = \"webhook\", url = \"http://x.org/\" }]\n\
         [[services]]\nname = \"web\"\nstart_command = \"true\"\nalerts = \"ops\"\n",
    );
    host.tf("create alerts.toml");
    host.tf("doctor");
    std::fs::write(host.files.path().join(".data/alerts.json"), "{").unwrap();
    host.tf("doctor");
    insta::assert_snapshot!(host.transcript);
}
