//! Commands on a fake host: what they write to stdout and stderr, and their exit codes.

#![expect(clippy::unwrap_used, reason = "a test that unwraps fails as it should")]

mod host;

use std::sync::Arc;

use clap::Parser;
use host::{DEFINITION, Host, check};
use jiff::Timestamp;
use taskflows_cli::Arguments;
use taskflows_core::effects::{LogEntry, LogError, LogOrigin, RunStore, ServiceError};
use taskflows_core::task::RunFinish;
use taskflows_core::testing::run_store::a_service_run;
use taskflows_core::testing::{FakeServiceManager, ready};

#[test]
fn create_tells_what_it_did_and_the_second_time_nothing() {
    let mut host = Host::new();
    host.tf("create jobs.toml --dry-run");
    host.tf("create jobs.toml");
    host.tf("create jobs.toml");
    host.tf("plan jobs.toml");
    host.write("jobs.toml", &DEFINITION.replace("02:00", "03:30"));
    host.tf("plan jobs.toml");
    host.tf("plan jobs.toml -o json --include 'n*'");
    host.tf("create jobs.toml --quiet");
    host.tf("create jobs.toml --exclude '*'");
    check!(host);
}

#[test]
fn a_wrong_definition_is_shown_with_its_place_and_changes_nothing() {
    let mut host = Host::new();
    host.write("jobs.toml", &DEFINITION.replace("start_schedule", "start_shedule"));
    host.tf("create jobs.toml");
    host.write(
        "jobs.yaml",
        "services:\n  - name: a\n    start_command: date\n    start_schedule: Mon 25:00\n",
    );
    host.tf("create jobs.yaml");
    host.tf("create missing.toml");
    host.write("twice.toml", DEFINITION);
    host.write("jobs.toml", DEFINITION);
    host.tf("create jobs.toml twice.toml");
    host.tf("list");
    check!(host);
}

#[test]
fn list_and_status_fit_eighty_columns() {
    let mut host = Host::with_services();
    host.tf("list");
    host.tf("start web");
    host.tf("start broken");
    host.tf("list");
    host.tf("list -o name");
    host.tf("list 'n*' -o json");
    host.tf("status");
    host.tf("status web");
    host.tf("status broken");
    host.write(
        "long.toml",
        "[[services]]\nname = \"a-service-with-a-name-that-is-as-long-as-some-people-like-them\"\nstart_command = \"true\"\n",
    );
    host.tf("create long.toml --now");
    host.tf("list");
    assert!(
        host.transcript.lines().filter(|line| line.starts_with('|')).all(|line| line.chars().count() <= 82)
    );
    check!(host);
}

#[test]
fn a_wide_list_breaks_no_word() {
    let mut host = Host::with_services();
    host.tf("list -o wide");
    let lines: Vec<&str> = host.transcript.lines().filter(|line| line.starts_with('|')).collect();
    assert_eq!(lines.len(), 4, "{}", host.transcript);
    assert!(lines[0].contains("DESCRIPTION") && lines[0].chars().count() > 80, "{}", lines[0]);
}

#[test]
fn an_unknown_name_is_told_with_the_nearest_one() {
    let mut host = Host::with_services();
    for verb in ["start", "stop", "status", "show", "logs", "remove -y", "list"] {
        host.tf(&format!("{verb} wbe"));
    }
    host.tf("stop 'x-*'");
    host.tf("list 'x-*'");
    check!(host);
}

#[test]
fn actions_say_what_happened() {
    let mut host = Host::with_services();
    host.log("broken", 5, "no such table: orders");
    host.tf("start web nightly-backup");
    host.tf("start web");
    host.tf("start nightly-backup --wait");
    host.tf("start broken");
    host.tf("restart web");
    host.tf("stop '*'");
    host.tf("stop nightly-backup --timers");
    host.tf("start nightly-backup --timers");
    host.tf("disable nightly-backup");
    host.tf("disable nightly-backup");
    host.tf("enable nightly-backup --dry-run");
    host.tf("enable nightly-backup");
    host.tf("start web broken -o json");
    check!(host);
}

#[test]
fn remove_asks_before_it_takes_several_away() {
    let mut host = Host::with_services();
    host.tf("remove '*'");
    host.tf("remove '*' --dry-run");
    host.interactive = true;
    host.answer = "n\n";
    host.tf("remove '*'");
    host.answer = "y\n";
    host.tf("remove '*'");
    host.tf("list");
    check!(host);
}

/// A run of `nightly-backup` in two attempts, and lines of another kind around it.
fn with_lines_of_a_run() -> Host {
    let host = Host::with_services();
    let noon = 1_795_521_600;
    let run = a_service_run(0x3f9c_1a72 << 96, "nightly-backup", noon);
    let at = |second| Timestamp::from_second(noon + second).unwrap();
    ready(host.runs.begin(&run)).unwrap();
    let outcome = taskflows_core::Outcome::Succeeded;
    ready(host.runs.finish(run.id, &RunFinish { ended: at(10), outcome, attempts: 2, error: None })).unwrap();
    let write = |second, run, attempt, priority, message: &str| {
        host.logs.write(LogEntry {
            time: at(second),
            service: "nightly-backup".parse().unwrap(),
            origin: LogOrigin::Process,
            run,
            attempt,
            priority,
            message: message.to_owned(),
        });
    };
    let nearly_full = r#"{"timestamp":"2026-11-24T12:00:01.000000Z","event":"disk nearly full","severity":"WARNING","level_name":"warning","logger":"backup","app":"backup","context":{"free":"3 GB","disk":{"name":"sda","part":1}}}"#;
    let failed = r#"{"event":"could not copy","level_name":"error","context":{"error":{"message":"no space","chain":["write a.db","no space left on device"]}}}"#;
    write(-60, None, None, 6, "of an earlier run");
    write(0, Some(run.id), Some(1), 6, "begin");
    write(1, Some(run.id), Some(1), 4, nearly_full);
    write(2, Some(run.id), Some(1), 3, failed);
    write(4, Some(run.id), Some(2), 6, "copied:\n  a.db\n  b.db\n");
    host.log("web", 5, "GET /");
    host
}

#[test]
fn logs_of_a_run_an_attempt_a_level_and_a_pattern() {
    let mut host = with_lines_of_a_run();
    host.tf("logs --run 3f9c");
    host.tf("logs nightly-backup web");
    host.tf("logs --run 3f9c1a72 --attempt 2 -o raw");
    host.tf("logs nightly-backup --level err -o json");
    host.tf("logs nightly-backup web --grep '^(GET|copied)' -n 1");
    host.tf("logs nightly-backup --level 4 --grep full -f -o jsonl");
    host.tf("logs nightly-backup --run 3f9c -f --attempt 1 --level info");
    host.tf("logs broken -o json");
    host.tf("logs nobody -o json");
    host.tf("logs --run 3f9");
    host.tf("logs --run 77777");
    host.tf("logs web --run 00000000000000000000000000000001");
    host.tf("logs web --run 0000zz");
    check!(host);
}

#[test]
fn what_logs_cannot_look_for_is_told_with_the_argument() {
    let error = |line: &str| Arguments::try_parse_from(line.split(' ')).unwrap_err().to_string();
    for (line, told) in [
        ("tf logs web --grep (", "'--grep <REGEX>': not a regular expression: "),
        (
            "tf logs web --level loud",
            "'--level <LEVEL>': a level is emerg, alert, crit, err, warning, notice",
        ),
        ("tf logs web --level 8", "or a number from 0 to 7"),
        ("tf logs web --attempt 1", "--run <RUN>"),
        ("tf logs --run 3f9c --attempt 0", "0 is not in 1.."),
        ("tf logs", "<SERVICE>"),
        ("tf logs web --source store", "[possible values: journal, loki]"),
    ] {
        assert!(error(line).contains(told), "{line}: {}", error(line));
    }
}

#[test]
fn logs_are_of_the_services_that_were_asked_for() {
    let mut host = Host::with_services();
    host.log("web", 1, "listening on port 80");
    host.log("nightly-backup", 2, "dumped \u{1b}[2Jeverything");
    host.log("web", 3, "GET /");
    host.tf("logs web");
    host.tf("logs web nightly-backup -n 2");
    host.tf("logs web -f -n 1");
    host.tf("logs web -o jsonl");
    host.tf("logs broken");
    host.tf("logs web --since yesterdaay");
    host.tf("logs web --since 1min --until 'tomorrow Europe/Berlin'");
    host.tf("logs web --since '2026-11-24 02:00:02 UTC' --until +1h");
    host.logs.fail_next(LogError::Failed { reason: "the files are damaged".into() });
    host.tf("logs web");
    check!(host);
}

#[test]
fn what_goes_wrong_has_an_exit_code_and_a_remedy() {
    let mut host = Host::with_services();
    let io = || Box::new(std::io::Error::from(std::io::ErrorKind::ConnectionRefused));
    host.manager.fail_next(ServiceError::Unreachable { what: "systemd".into(), source: io() });
    host.tf("list");
    let operation = || "start taskflows-web.service".to_owned();
    host.manager.fail_next(ServiceError::PermissionDenied { operation: operation(), source: io() });
    host.tf("start web");
    let limit = std::time::Duration::from_secs(5);
    host.manager.fail_next(ServiceError::TimedOut { operation: operation(), limit });
    host.tf("start web");
    host.manager.add_foreign("another".parse().unwrap());
    host.tf("status another");
    host.tf("remove another -y");
    host.write("jobs.toml", "[[services]]\nname = \"another\"\nstart_command = \"true\"\n");
    host.tf("create jobs.toml");
    check!(host);
}

#[test]
fn calendars_and_lengths_of_time_are_explained() {
    let mut host = Host::new();
    host.tf("calendar 'Mon..Fri 09:00 Europe/Berlin' -n 2");
    host.tf("calendar 'Sun *-*~7..1' '*-*-* 25:00' -n 1");
    host.tf("calendar '*-02-30' '12:00 Europe/Berln' '12:00 +01:00'");
    host.tf("calendar '*-*-* 02:30' --tz Europe/Berlin --base-time 2026-03-28T00:00:00Z -n 2 -o json");
    host.tf("calendar '*:*:0/12.5' --base-time 'Tue 2026-11-24 23:59:50' -n 3 -o jsonl");
    host.tf("calendar daily -n 1 --base-time 'tomorrow 25:00'");
    host.tf("calendar daily -n 1 --base-time 2h");
    host.tf("calendar hourly --tz Mars/Phobos");
    host.answer = concat!(
        "daily\n",
        "{\"expr\": \"*:0/30\", \"tz\": \"Asia/Kolkata\", \"base_time\": \"2026-01-01T00:00:00Z\", \"n\": 1}\n",
        "{\"expr\": \"12:00:05.25\", \"n\": 1}\n",
        "{\"exp\": 1}\n",
        "{\"expr\": \"daily\", \"base_time\": \"soon\"}\n",
        "nonsense\n",
    );
    host.tf("calendar --stdin -n 1");
    host.tf("timespan 1.5h '5min 2s' infinity");
    host.tf("timespan '5 minuets' -o jsonl");
    host.answer = "5min 2s\n{\"span\": \"infinity\"}\n1h x\n\n{\"spam\": 1}\n";
    host.tf("timespan --stdin");
    check!(host);
}

#[test]
fn definitions_are_checked_and_rendered_without_a_manager() {
    let mut host = Host::new();
    host.manager.fail_next(ServiceError::NotFound { name: "nobody asks".into() });
    host.tf("validate jobs.toml");
    host.tf("validate jobs.toml -o json --include web");
    host.tf("render jobs.toml --include 'n*'");
    host.tf("render jobs.toml --include web -o name");
    host.transcript = host.transcript.replace(env!("CARGO_PKG_VERSION"), "[version]");
    insta::with_settings!({filters => vec![("Hash=[0-9a-f]{32}", "Hash=[hash]")]}, {
        check!(host);
    });
}

#[test]
fn an_error_that_speaks_of_a_broken_pipe_is_an_error() {
    let mut host = Host::new();
    host.write(
        "jobs.toml",
        "[[services]]\nname = \"a\"\nstart_command = \"x\"\ndescriptoin = \"Broken pipe\"\n",
    );
    host.tf("validate jobs.toml");
    assert!(host.transcript.ends_with("= Usage\n\n"), "{}", host.transcript);
}

#[test]
fn a_file_has_one_name_however_it_is_named() {
    let mut host = Host::with_services();
    std::fs::create_dir(host.files.path().join("sub")).unwrap();
    host.tf("plan sub/../jobs.toml");
    assert!(host.transcript.ends_with("= Ok\n\n"), "{}", host.transcript);
}

#[test]
fn a_definition_on_stdin_is_never_cut() {
    let mut host = Host::new();
    let text = format!("services:\n{}", "# a line of a comment\n".repeat(800_000));
    host.answer = Box::leak((text + "  - {name: a, start_command: x}\n").into_boxed_str());
    host.tf("validate -");
    assert!(host.transcript.contains("stdin has more bytes"), "{}", host.transcript);
}

#[test]
fn a_diff_is_a_patch() {
    let mut host = Host::with_services();
    host.tf("diff jobs.toml");
    host.write("jobs.toml", &DEFINITION.replace("02:00", "03:30"));
    host.tf("diff jobs.toml --include 'n*'");
    check!(host);
}

#[test]
fn a_unit_that_was_edited_by_hand_is_written_over_only_by_force() {
    let mut host = Host::with_services();
    host.manager.edit(&"web".parse().unwrap());
    host.tf("plan jobs.toml");
    host.tf("create jobs.toml");
    host.tf("create jobs.toml --exclude web");
    host.tf("create jobs.toml --force");
    host.tf("create jobs.toml");
    check!(host);
}

#[test]
fn the_next_starts_tell_of_clock_changes() {
    let mut host = Host::new();
    host.manager = Arc::new(FakeServiceManager::at("2026-10-23T12:00:00Z".parse().unwrap()));
    host.app.services = Arc::clone(&host.manager) as _;
    let clock = Arc::clone(&host.manager);
    host.app.now = std::sync::Arc::new(move || clock.now());
    host.tf("next");
    host.tf("create jobs.toml --quiet");
    host.tf("next -n 4");
    host.tf("next web");
    host.tf("next nope");
    host.tf("next nightly-backup -n 1 -o json");
    check!(host);
}
