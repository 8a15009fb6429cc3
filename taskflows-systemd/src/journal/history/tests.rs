//! Runs as entries of a journal tell of them: those that systemd 252 wrote for a user, recorded from a real manager over units
//! without the hook, and ones of the same shape for what cannot be had there.

use serde_json::{Map, Value, json};
use taskflows_core::{ExitKind, Outcome};

use super::super::message;
use super::*;

const RECORDED: &str = include_str!("recorded/user-252.jsonl");
/// The boot in which they were recorded.
const BOOT: &str = "4aa76717b66749fc8ee47ebe14d97529";
const NEXT_BOOT: &str = "00000000000000000000000000000002";

fn reader(scope: Scope) -> JournalRuns {
    JournalRuns::new(scope, JournalSource::default(), |mark| mark.pid == 404)
}

/// Reads lines as they were written, the oldest first, in a boot.
fn read<T: AsRef<str>>(scope: Scope, boot: &str, query: &RunQuery, lines: &[T]) -> RunNotes {
    let runs = reader(scope);
    let mut reading = Reading::new(&runs, query, Some(boot.to_owned()));
    for line in lines.iter().rev() {
        let entry = Entry::read(line.as_ref()).unwrap();
        if let Some(found) = reading.take(&entry) {
            return found;
        }
    }
    reading.end()
}

/// What is told of runs of user units, the oldest first: `service outcome started..ended trigger`, times in seconds.
fn told_in(boot: &str, query: &RunQuery, lines: &[String]) -> Vec<String> {
    let runs = read(Scope::User, boot, query, lines).select(query);
    runs.iter().rev().map(line).collect()
}

fn told(lines: &[String]) -> Vec<String> {
    told_in(BOOT, &RunQuery::default(), lines)
}

fn line(run: &RunRecord) -> String {
    let end = match &run.outcome {
        Outcome::Failed(end) => format!("failed ({end})"),
        outcome => outcome.word().to_owned(),
    };
    let ended = run.ended.map(|ended| ended.as_second().to_string()).unwrap_or_default();
    format!("{} {end} {}..{ended} {}", run.task, run.started.as_second(), run.trigger.word())
}

/// A message of the manager about a run; of 0 there is no invocation.
fn message_of(scope: Scope, boot: &str, at: i64, id: &str, service: &str, run: u128, more: Value) -> String {
    let (unit, invocation) = match scope {
        Scope::User => ("USER_UNIT", "USER_INVOCATION_ID"),
        Scope::System => ("UNIT", "INVOCATION_ID"),
    };
    let mut fields = Map::new();
    let micros = (at * 1_000_000).to_string();
    for (name, value) in [
        ("_SOURCE_REALTIME_TIMESTAMP", micros.as_str()),
        ("_BOOT_ID", boot),
        ("_PID", "77"),
        ("MESSAGE_ID", id),
    ] {
        fields.insert(name.to_owned(), value.into());
    }
    fields.insert(unit.to_owned(), format!("taskflows-{service}.service").into());
    if run != 0 {
        fields.insert(invocation.to_owned(), RunId::from_bits(run).to_string().into());
    }
    fields.extend(more.as_object().unwrap().clone());
    Value::Object(fields).to_string()
}

fn by_manager(at: i64, id: &str, service: &str, run: u128) -> String {
    message_of(Scope::User, BOOT, at, id, service, run, json!({}))
}

/// A note of `tf`.
fn note(at: i64, event: &str, service: &str, run: u128, more: Value) -> String {
    let mut fields = json!({
        "_SOURCE_REALTIME_TIMESTAMP": (at * 1_000_000).to_string(),
        "_BOOT_ID": BOOT,
        "_SYSTEMD_UNIT": "user@0.service",
        "TASKFLOWS_EVENT": event,
        "TASKFLOWS_RUN_ID": RunId::from_bits(run).to_string(),
        "TASKFLOWS_TASK": service,
        "TASKFLOWS_SERVICE": service,
        "TASKFLOWS_STARTED": (at * 1_000_000).to_string(),
    });
    fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    fields.to_string()
}

#[test]
fn what_systemd_252_writes_of_units_without_the_hook_is_each_run_once() {
    let lines: Vec<&str> = RECORDED.lines().collect();
    let query = RunQuery::default();
    let runs = read(Scope::User, BOOT, &query, &lines).select(&query);
    let found: Vec<String> = runs
        .iter()
        .rev()
        .map(|run| {
            let line = line(run);
            let (words, _) = line.rsplit_once(' ').unwrap();
            let (words, _) = words.rsplit_once(' ').unwrap();
            format!("{words}, {}", run.trigger.word())
        })
        .collect();
    assert_eq!(
        found,
        [
            "ok running, unknown",
            "bad failed (exit code 3), unknown",
            "one ok, unknown",
            "again failed (exit code 5), unknown",
            "cond skipped, unknown",
            "trig skipped, unknown",
            "execcond skipped, unknown",
            "pre failed (could not be prepared: exit code 1), unknown",
            "server ok, unknown",
            "killed failed (killed by SIGKILL), unknown",
            "again failed (exit code 5), restart",
        ]
    );
    assert!(runs.iter().all(|run| run.ended.is_none_or(|ended| run.started <= ended)));
    // A second start that was too quick is an end of nothing.
    let again: Vec<f64> = runs
        .iter()
        .filter(|run| run.task == "again")
        .map(|run| run.ended.unwrap().duration_since(run.started).as_secs_f64())
        .collect();
    assert!(again.iter().all(|took| *took < 0.1), "{again:?}");
}

#[test]
fn runs_of_another_boot_do_not_go_on_though_nothing_came_after_them() {
    let lines: Vec<&str> = RECORDED.lines().collect();
    let query = RunQuery { tasks: vec!["ok".to_owned()], ..RunQuery::default() };
    let runs = read(Scope::User, NEXT_BOOT, &query, &lines).select(&query);
    assert_eq!((&runs[0].outcome, runs[0].ended), (&Outcome::Unknown, None));
}

#[test]
fn a_good_end_is_told_since_systemd_254() {
    // As its sources have it; no such manager was at hand.
    let lines = [
        by_manager(1, message::STARTED, "a", 1),
        by_manager(5, message::SUCCESS, "a", 1),
        by_manager(7, message::STARTED, "a", 2),
    ];
    assert_eq!(told(&lines), ["a ok 1..5 unknown", "a running 7.. unknown"]);
}

#[test]
fn a_run_that_another_followed_is_over_and_nobody_says_how() {
    let lines = [by_manager(1, message::STARTED, "a", 1), by_manager(7, message::STARTED, "a", 2)];
    assert_eq!(told(&lines), ["a unknown 1.. unknown", "a running 7.. unknown"]);
    let skip =
        json!({"MESSAGE": "taskflows-a.service was skipped because no trigger condition checks were met."});
    let skipped = message_of(Scope::User, BOOT, 8, message::STARTED, "a", 2, skip);
    let lines = [by_manager(1, message::STARTED, "a", 2), skipped];
    assert_eq!(told(&lines), ["a unknown 1.. unknown", "a skipped 8..8 unknown"]);
}

#[test]
fn a_run_cut_off_with_the_machine_has_no_end() {
    let later = message_of(Scope::User, NEXT_BOOT, 9, message::STARTED, "b", 3, json!({}));
    let process = |pid: u32| json!({"TASKFLOWS_PROCESS": format!("some-boot {pid} 7")});
    let lines = [
        by_manager(1, message::STARTED, "a", 1),
        by_manager(2, message::STARTED, "gone", 2),
        note(2, "started", "gone", 2, process(404)),
        note(3, "started", "by-hand", 4, process(404)),
        later,
    ];
    assert_eq!(
        told_in(NEXT_BOOT, &RunQuery::default(), &lines),
        [
            "a unknown 1.. unknown",
            "gone interrupted 2.. unknown",
            "by-hand interrupted 3.. unknown",
            "b running 9.. unknown"
        ]
    );
}

#[test]
fn notes_and_messages_of_a_run_are_one_run() {
    let failed = json!({"UNIT_RESULT": "exit-code"});
    let exit = json!({"EXIT_CODE": "exited", "EXIT_STATUS": "3", "COMMAND": "ExecStart"});
    let of_a = |at, id, more| message_of(Scope::User, BOOT, at, id, "a", 1, more);
    let begun = json!({"TASKFLOWS_TRIGGER": "manual", "TASKFLOWS_BY": "ada"});
    // Its driver was killed, and nothing but the manager saw the end.
    let open = [
        by_manager(1, message::STARTED, "a", 1),
        note(1, "started", "a", 1, begun),
        of_a(4, message::PROCESS_EXIT, exit),
        of_a(4, message::FAILURE, failed.clone()),
    ];
    assert_eq!(told(&open), ["a failed (exit code 3) 1..4 manual"]);
    // The hook knows more, though it wrote before the manager did.
    let end = json!({
        "TASKFLOWS_ENDED": "3000000", "TASKFLOWS_STARTED": "1000000", "TASKFLOWS_OUTCOME": "failed",
        "TASKFLOWS_RESULT": "timeout", "TASKFLOWS_TRIGGER": "timer",
    });
    let hooked = [
        by_manager(1, message::STARTED, "a", 1),
        note(3, "finished", "a", 1, end),
        of_a(4, message::FAILURE, failed),
    ];
    assert_eq!(told(&hooked), ["a failed (timed out) 1..3 timer"]);
}

#[test]
fn a_restart_is_one_of_the_run_that_came_next() {
    let stop = json!({"MESSAGE": "Stopped taskflows-a.service.", "JOB_TYPE": "restart"});
    let lines = [
        by_manager(1, message::STARTED, "a", 1),
        message_of(Scope::User, BOOT, 2, message::FAILURE, "a", 1, json!({"UNIT_RESULT": "timeout"})),
        by_manager(3, message::RESTARTING, "a", 1),
        message_of(Scope::User, BOOT, 3, message::STOPPED, "a", 1, stop),
        by_manager(3, message::STARTED, "a", 2),
        by_manager(8, message::STOPPED, "a", 2),
        by_manager(9, message::STARTED, "a", 3),
    ];
    assert_eq!(
        told(&lines),
        ["a failed (timed out) 1..2 unknown", "a ok 3..8 restart", "a running 9.. unknown"]
    );
}

#[test]
fn runs_of_one_moment_stay_apart_in_one_order() {
    let lines = [
        by_manager(1, message::STARTED, "a", 2),
        by_manager(1, message::STARTED, "b", 1),
        by_manager(1, message::STOPPED, "a", 2),
    ];
    assert_eq!(told(&lines), ["b running 1.. unknown", "a ok 1..1 unknown"]);
    let mut turned = lines.clone();
    turned.swap(0, 1);
    assert_eq!(told(&turned), told(&lines));
}

#[test]
fn what_names_no_run_or_no_service_tells_of_none() {
    let mut timer = by_manager(1, message::STARTED, "a", 1);
    timer = timer.replace("taskflows-a.service", "taskflows-a.timer");
    let lines = [
        timer,
        by_manager(1, message::STARTED, "a", 0),
        by_manager(2, message::STARTED, "b", 3).replace("taskflows-b", "b"),
        by_manager(3, message::STARTED, "c", 4).replace("00000000000000000000000000000004", "no id"),
        note(4, "started", "d", 5, json!({"TASKFLOWS_RUN_ID": "no id"})),
        json!({"MESSAGE_ID": message::STARTED}).to_string(),
    ];
    assert_eq!(told(&lines), Vec::<String>::new());
}

#[test]
fn what_began_before_the_time_asked_for_is_left_out_and_what_the_journal_lost_is_not() {
    let end =
        |run| message_of(Scope::User, BOOT, 7, message::FAILURE, "a", run, json!({"UNIT_RESULT": "timeout"}));
    let lines = [end(1), by_manager(8, message::STARTED, "a", 2)];
    assert_eq!(told(&lines), ["a failed (timed out) 7..7 unknown", "a running 8.. unknown"]);
    let query = RunQuery { since: Some(Timestamp::from_second(5).unwrap()), ..RunQuery::default() };
    assert_eq!(told_in(BOOT, &query, &lines), ["a running 8.. unknown"]);
}

#[test]
fn reading_stops_once_no_older_entry_could_tell_of_a_run_that_is_wanted() {
    let lines: Vec<String> = (0..4000)
        .map(|second| by_manager(second, message::STARTED, "a", u128::try_from(second).unwrap() + 1))
        .collect();
    let runs = reader(Scope::User);
    let query = RunQuery { limit: Some(3), ..RunQuery::default() };
    let mut reading = Reading::new(&runs, &query, Some(BOOT.to_owned()));
    let mut count = 0;
    let found = lines.iter().rev().find_map(|line| {
        count += 1;
        reading.take(&Entry::read(line).unwrap())
    });
    let found: Vec<i64> = found.unwrap().select(&query).iter().map(|run| run.started.as_second()).collect();
    assert_eq!((found, count), (vec![3999, 3998, 3997], FIRST_LOOK));
    let none = RunQuery { limit: Some(0), ..RunQuery::default() };
    assert_eq!(told_in(BOOT, &none, &lines).len(), 0);
}

#[test]
fn the_machines_runs_are_told_by_its_own_manager_and_its_own_units() {
    let of = |scope, at, service: &str, run| {
        message_of(scope, BOOT, at, message::STARTED, service, run, json!({}))
    };
    let own = note(3, "started", "mine", 3, json!({"_SYSTEMD_UNIT": "taskflows-mine.service"}));
    let lines = [
        of(Scope::System, 1, "machine", 1),
        of(Scope::User, 2, "of-user", 2),
        own,
        note(4, "started", "a-users", 4, json!({})),
    ];
    let query = RunQuery::default();
    let names = |scope| -> Vec<String> {
        let runs = read(scope, BOOT, &query, &lines).select(&query);
        runs.iter().rev().map(|run| run.task.clone()).collect()
    };
    assert_eq!(names(Scope::System), ["machine", "mine"]);
    assert_eq!(names(Scope::User), ["of-user", "a-users"]);
}

#[test]
fn the_end_of_what_prepares_is_not_that_of_the_run() {
    let exit = |at, command: &str, status: &str| {
        let more = json!({"EXIT_CODE": "exited", "EXIT_STATUS": status, "COMMAND": command});
        message_of(Scope::User, BOOT, at, message::PROCESS_EXIT, "a", 1, more)
    };
    let lines = [
        by_manager(1, message::STARTING, "a", 1),
        exit(2, "ExecStart", "9"),
        exit(3, "ExecStopPost", "1"),
        message_of(Scope::User, BOOT, 3, message::FAILURE, "a", 1, json!({"UNIT_RESULT": "exit-code"})),
    ];
    let query = RunQuery::default();
    let run = read(Scope::User, BOOT, &query, &lines).select(&query).remove(0);
    let Outcome::Failed(end) = run.outcome else { panic!("{run:?}") };
    assert_eq!((end.exit, end.is_preparation), (Some(ExitKind::Exited(9)), false));
}

#[test]
fn the_journal_is_asked_for_what_the_scope_trusts() {
    let groups = |scope, query: &RunQuery| -> Vec<String> {
        reader(scope).matches(query).split(|word| word == "+").map(|group| group.join(" ")).collect()
    };
    let has = |group: &str, word: &str| group.split(' ').any(|one| one == word);
    let uid = format!("_UID={}", rustix::process::getuid().as_raw());
    let query = RunQuery { tasks: vec!["a".to_owned()], ..RunQuery::default() };

    let machine = groups(Scope::System, &query);
    assert_eq!(machine.len(), 3, "{machine:?}");
    assert!(has(&machine[0], "TASKFLOWS_TASK=a") && has(&machine[1], "TASKFLOWS_SERVICE=a"), "{machine:?}");
    assert!(has(&machine[2], "UNIT=taskflows-a.service") && has(&machine[2], "_PID=1"), "{machine:?}");
    assert!(!machine.iter().any(|group| group.contains("_UID=") || group.contains("USER_")), "{machine:?}");

    let user = groups(Scope::User, &query);
    assert!(user.iter().all(|group| has(group, &uid)), "{user:?}");
    assert!(has(&user[2], "USER_UNIT=taskflows-a.service") && !user[2].contains("_PID=1"), "{user:?}");

    let run = RunQuery { id_prefix: Some(RunId::from_bits(7).to_string()), ..RunQuery::default() };
    let machine = groups(Scope::System, &run);
    assert!(has(&machine[1], "INVOCATION_ID=00000000000000000000000000000007"), "{machine:?}");
    // A name that no service has is looked for among notes alone.
    let odd = RunQuery { tasks: vec!["a b/c".to_owned()], ..RunQuery::default() };
    assert_eq!(groups(Scope::System, &odd).len(), 2);
}
