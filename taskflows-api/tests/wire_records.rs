//! What goes over the line becomes what it was.

#![allow(clippy::unwrap_used, reason = "what fails fails the test")]

use jiff::Timestamp;
use proptest::prelude::*;
use taskflows_api::wire::{LogLine, LogParameters, RecordedAttempt, RecordedRun, RunParameters, RunSource};
use taskflows_core::effects::{LogEntry, LogOrigin, LogQuery};
use taskflows_core::task::{Attempt, ProcessMark, RunId, RunQuery, RunRecord, Trigger};
use taskflows_core::{ExitKind, Outcome, RunEnd, ServiceName};

fn time() -> impl Strategy<Value = Timestamp> {
    (-62_135_596_800i64..253_402_000_000, 0i32..1_000_000_000)
        .prop_map(|(second, nanosecond)| Timestamp::new(second, nanosecond).unwrap_or(Timestamp::UNIX_EPOCH))
}

fn name() -> impl Strategy<Value = ServiceName> {
    "[a-z][a-z0-9._-]{0,8}[a-z0-9]".prop_filter_map("a name", |text| text.parse().ok())
}

fn run() -> impl Strategy<Value = RunId> {
    any::<u128>().prop_map(RunId::from_bits)
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["\\PC{0,20}", "(\n|\r|\0|\u{1b}|&|=|\\+|%|\"|\\\\|\u{2028}|\u{fffd}|\u{1f980}){0,8}"]
}

fn outcome() -> impl Strategy<Value = Outcome> {
    let exit = prop_oneof![
        Just(None),
        any::<i32>().prop_map(|code| Some(ExitKind::Exited(code))),
        any::<i32>().prop_map(|signal| Some(ExitKind::Killed(signal))),
    ];
    let failed = (text(), exit, any::<bool>());
    prop_oneof![
        Just(Outcome::Running),
        Just(Outcome::Succeeded),
        Just(Outcome::Skipped),
        Just(Outcome::Unknown),
        Just(Outcome::Interrupted),
        failed.prop_map(|(result, exit, is_preparation)| Outcome::Failed(RunEnd {
            result,
            exit,
            is_preparation
        })),
    ]
}

fn trigger() -> impl Strategy<Value = Trigger> {
    prop_oneof![
        Just(Trigger::Unknown),
        Just(Trigger::Timer),
        Just(Trigger::Restart),
        prop::option::of(text()).prop_map(Trigger::Manual),
        run().prop_map(Trigger::Retry),
    ]
}

prop_compose! {
    fn entry()(
        time in time(), service in name(), is_process in any::<bool>(), run in prop::option::of(run()),
        attempt in prop::option::of(any::<u32>()), priority in 0u8..8, message in text(),
    ) -> LogEntry {
        let origin = if is_process { LogOrigin::Process } else { LogOrigin::Manager };
        LogEntry { time, service, origin, run, attempt, priority, message }
    }
}

prop_compose! {
    fn log_query()(
        services in prop::collection::vec(name(), 0..4), lines in prop::option::of(any::<usize>()),
        since in prop::option::of(time()), until in prop::option::of(time()), run in prop::option::of(run()),
        attempt in prop::option::of(any::<u32>()), priority in prop::option::of(0u8..8),
        pattern in prop::option::of("[a-z&=+% ^$.]{0,20}"),
    ) -> LogQuery {
        let pattern = pattern.and_then(|text| text.parse().ok());
        LogQuery { services, lines, since, until, run, attempt, priority, pattern }
    }
}

prop_compose! {
    fn run_query()(
        tasks in prop::collection::vec(text(), 0..4), id_prefix in prop::option::of("[0-9a-f]{1,32}"),
        failed in any::<bool>(), since in prop::option::of(time()), until in prop::option::of(time()),
        limit in prop::option::of(any::<usize>()),
    ) -> RunQuery {
        RunQuery { tasks, id_prefix, failed, since, until, limit }
    }
}

prop_compose! {
    fn record()(
        (id, task, service, scheduled, started, ended) in
            (run(), text(), prop::option::of(name()), prop::option::of(time()), time(), prop::option::of(time())),
        (outcome, attempts, max_attempts, error, trigger) in
            (outcome(), any::<u32>(), any::<u32>(), prop::option::of(text()), trigger()),
        command in prop::option::of(prop::collection::vec(text(), 0..3)),
        options in prop::collection::vec(text(), 0..3), directory in prop::option::of(text()),
        process in prop::option::of((text(), any::<u32>(), any::<u64>())),
    ) -> RunRecord {
        let process = process.map(|(boot, pid, started)| ProcessMark { boot, pid, started });
        RunRecord {
            id, task, service, scheduled, started, ended, outcome, attempts, max_attempts, error, trigger, command,
            options, directory, process,
        }
    }
}

fn through_json<T: serde::Serialize + serde::de::DeserializeOwned>(value: &T) -> T {
    serde_json::from_str(&serde_json::to_string(value).unwrap()).unwrap()
}

fn through_query<T: serde::Serialize + serde::de::DeserializeOwned>(value: &T) -> T {
    serde_html_form::from_str(&serde_html_form::to_string(value).unwrap()).unwrap()
}

proptest! {
    #[test]
    fn a_line_of_a_log_is_what_it_was(entry in entry()) {
        let line = through_json(&LogLine::from(entry.clone()));
        prop_assert_eq!(LogEntry::try_from(line).unwrap(), entry);
    }

    #[test]
    fn what_is_asked_of_a_log_is_what_it_was(query in log_query()) {
        let sent = through_query(&LogParameters::from(&query));
        prop_assert_eq!(LogQuery::try_from(sent).unwrap(), query);
    }

    #[test]
    fn what_is_asked_of_runs_is_what_it_was(query in run_query()) {
        let sent = through_query(&RunParameters::new(&query, RunSource::Journal));
        prop_assert_eq!(sent.source, RunSource::Journal);
        prop_assert_eq!(RunQuery::from(sent), query);
    }

    #[test]
    fn a_run_is_what_it_was(run in record()) {
        let sent = through_json(&RecordedRun::from(run.clone()));
        prop_assert_eq!(RunRecord::try_from(sent).unwrap(), run);
    }

    #[test]
    fn an_attempt_is_what_it_was(
        (number, started, ended, outcome) in (any::<u32>(), time(), time(), outcome()),
        (error, tail) in (prop::option::of(text()), text()),
    ) {
        let attempt = Attempt { number, started, ended, outcome, error, tail };
        let sent = through_json(&RecordedAttempt::from(attempt.clone()));
        prop_assert_eq!(Attempt::try_from(sent).unwrap(), attempt);
    }

    #[test]
    fn whatever_a_query_is_it_is_read_or_refused(query in "(service|lines|since|run|priority|pattern|x|=|&|%[0-9a-f]{2}|\\+|[0-9a-z(]){0,12}") {
        if let Ok(sent) = serde_html_form::from_str::<LogParameters>(&query) {
            let _ = LogQuery::try_from(sent);
        }
    }
}
