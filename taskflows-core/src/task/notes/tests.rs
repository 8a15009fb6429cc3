use jiff::Timestamp;
use proptest::prelude::*;

use super::{RunNote, RunNotes};
use crate::task::{Attempt, ProcessMark, RunId, RunQuery, RunRecord, Trigger};
use crate::{ExitKind, Outcome, RunEnd};

fn note(notes: &mut RunNotes, note: &RunNote<'_>) {
    let fields = note.fields();
    let field = |name: &str| fields.iter().find(|(own, _)| *own == name).map(|(_, value)| value.clone());
    notes.note(Timestamp::from_second(7).unwrap(), &field);
}

fn at() -> impl Strategy<Value = Timestamp> {
    (0..4_000_000_000_000_000_i64).prop_map(|micros| Timestamp::from_microsecond(micros).unwrap())
}

fn end() -> impl Strategy<Value = RunEnd> {
    let exit = prop_oneof![(0..256).prop_map(ExitKind::Exited), (1..65).prop_map(ExitKind::Killed)];
    (".{0,12}", proptest::option::of(exit), any::<bool>()).prop_map(|(result, exit, is_preparation)| RunEnd {
        result,
        exit,
        is_preparation,
    })
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        Just(Outcome::Succeeded),
        end().prop_map(Outcome::Failed),
        Just(Outcome::Interrupted),
        Just(Outcome::Skipped)
    ]
}

fn trigger() -> impl Strategy<Value = Trigger> {
    prop_oneof![
        Just(Trigger::Unknown),
        Just(Trigger::Timer),
        proptest::option::of("\\PC{0,9}").prop_map(Trigger::Manual),
        any::<u128>().prop_map(|bits| Trigger::Retry(RunId::from_bits(bits))),
        Just(Trigger::Restart),
    ]
}

prop_compose! {
    fn run()(
        id in any::<u128>(), task in "[ -~\n\u{fc}]{1,20}", service in proptest::option::of("[a-z][a-z0-9_-]{0,9}x"),
        scheduled in proptest::option::of(at()), started in at(), took in 0..9_000_000_000_i64, outcome in outcome(),
        attempts in 0..9_u32, max_attempts in 1..9_u32, error in proptest::option::of("(?s).{0,40}"),
        trigger in trigger(),
    ) -> RunRecord {
        RunRecord {
            id: RunId::from_bits(id),
            task,
            service: service.map(|name| name.parse().unwrap()),
            scheduled,
            started,
            ended: Some(started + jiff::SignedDuration::from_micros(took)),
            outcome,
            attempts,
            max_attempts,
            error,
            trigger,
            command: Some(vec!["mysql".to_owned(), "--password=hunter2".to_owned()]),
            options: vec!["--env=TOKEN=hunter2".to_owned()],
            directory: Some("/hunter2".to_owned()),
            process: Some(ProcessMark { boot: "b-1".to_owned(), pid: 17, started: 99 }),
        }
    }
}

prop_compose! {
    fn attempt(number: u32)(started in at(), ended in at(), end in end(), error in proptest::option::of(".{0,20}"))
        -> Attempt {
        Attempt { number, started, ended, outcome: Outcome::Failed(end), error, tail: String::new() }
    }
}

/// What a note holds of a run.
fn told(run: &RunRecord) -> RunRecord {
    RunRecord { command: None, options: Vec::new(), directory: None, process: None, ..run.clone() }
}

proptest! {
    #[test]
    fn the_end_alone_gives_the_run_again(run in run()) {
        let mut notes = RunNotes::default();
        note(&mut notes, &RunNote::Finished(&run, None));
        prop_assert_eq!(notes.select(&RunQuery::default()), [told(&run)]);
        prop_assert_eq!(notes.attempts(run.id), []);
    }

    #[test]
    fn notes_in_any_order_give_the_run_and_its_attempts(
        run in run(), first in attempt(1), second in attempt(2), order in Just([0, 1, 2, 3, 4]).prop_shuffle(),
    ) {
        let last = Attempt {
            number: 3, outcome: run.outcome.clone(), error: run.error.clone(), ..first.clone()
        };
        let all = [
            RunNote::Started(&run),
            RunNote::AttemptFailed(&run, &first),
            RunNote::Retrying(&run, 2, std::time::Duration::from_secs(1)),
            RunNote::AttemptFailed(&run, &second),
            RunNote::Finished(&run, Some(&last)),
        ];
        let mut notes = RunNotes::default();
        order.iter().for_each(|which| note(&mut notes, &all[*which]));
        // Told again, as by a second source, it changes nothing.
        order.iter().for_each(|which| note(&mut notes, &all[*which]));
        let mut wanted = told(&run);
        let found = notes.select(&RunQuery::default());
        if run.outcome == Outcome::Interrupted {
            wanted.attempts = found[0].attempts;
        }
        prop_assert_eq!(found, [wanted]);
        prop_assert_eq!(notes.attempts(run.id), [first.clone(), second.clone(), last]);
    }

    #[test]
    fn no_note_holds_what_may_be_secret(run in run(), attempt in attempt(1)) {
        let wait = std::time::Duration::ZERO;
        for note in [
            RunNote::Started(&run), RunNote::AttemptFailed(&run, &attempt), RunNote::Retrying(&run, 2, wait),
            RunNote::Finished(&run, Some(&attempt)),
        ] {
            let is_secret = note.fields().iter().any(|(_, value)| value.contains("hunter2"));
            prop_assert!(!is_secret);
        }
    }

    #[test]
    fn no_entry_makes_it_panic(texts in proptest::collection::vec("\\PC{0,6}|[0-9-]{0,25}|finished|started|[0-9a-f]{32}", 24)) {
        let names = [
            "EVENT", "RUN_ID", "TASK", "SERVICE", "SCHEDULED", "STARTED", "ENDED", "DURATION_US", "OUTCOME", "EXIT",
            "ATTEMPT", "ATTEMPTS", "PROCESS", "TRIGGER", "RETRY_OF",
        ];
        for event in ["started", "attempt-failed", "finished", texts[0].as_str()] {
            let mut notes = RunNotes::default();
            notes.note(Timestamp::MIN, &|name| {
                if name == "TASKFLOWS_EVENT" { return Some(event.to_owned()) }
                let which = names.iter().position(|own| name.strip_prefix("TASKFLOWS_") == Some(own))?;
                Some(texts[which].clone())
            });
            notes.select(&RunQuery::default());
        }
    }
}

#[test]
fn what_began_runs_until_it_is_told_to_be_over() {
    let run = crate::testing::run_store::a_service_run(7, "web", 100);
    let run = RunRecord { process: Some(crate::testing::run_store::somebody()), attempts: 0, ..run };
    let mut notes = RunNotes::default();
    note(&mut notes, &RunNote::Started(&run));
    assert_eq!(notes.select(&RunQuery::default()), std::slice::from_ref(&run));
    let ended = Some(Timestamp::from_second(130).unwrap());
    notes.add(RunRecord { ended, outcome: Outcome::Unknown, ..run.clone() });
    let wanted = RunRecord { ended, outcome: Outcome::Unknown, process: None, ..run };
    assert_eq!(notes.select(&RunQuery::default()), [wanted]);
}

#[test]
fn of_a_run_whose_process_is_known_only_that_tells_an_end_of_which_nobody_knows_more() {
    let run = crate::testing::run_store::a_service_run(7, "web", 100);
    let run = RunRecord { process: Some(crate::testing::run_store::somebody()), attempts: 0, ..run };
    let mut notes = RunNotes::default();
    note(&mut notes, &RunNote::Started(&run));
    notes.add(RunRecord { ended: None, outcome: Outcome::Unknown, ..run.clone() });
    assert_eq!(notes.select(&RunQuery::default()), std::slice::from_ref(&run));
    notes.settle(|_| true);
    assert_eq!(notes.select(&RunQuery::default())[0].outcome, Outcome::Interrupted);
}

#[test]
fn an_end_stands_unless_it_was_an_interruption() {
    let run = crate::testing::run_store::a_service_run(7, "web", 100);
    let ended = |second| Some(Timestamp::from_second(second).unwrap());
    let over = |outcome, second| RunRecord { outcome, ended: ended(second), attempts: 1, ..run.clone() };
    let mut notes = RunNotes::default();
    note(&mut notes, &RunNote::Finished(&over(Outcome::Interrupted, 110), None));
    let good = over(Outcome::Succeeded, 120);
    note(&mut notes, &RunNote::Finished(&good, None));
    note(&mut notes, &RunNote::Finished(&over(Outcome::Interrupted, 130), None));
    assert_eq!(notes.select(&RunQuery::default()), [good]);
}

#[test]
fn notes_of_an_earlier_version_are_understood() {
    let entry = |name: &str| {
        let value = match name {
            "TASKFLOWS_EVENT" => "finished",
            "TASKFLOWS_RUN_ID" => "000000000000000000000000000000a1",
            "TASKFLOWS_TASK" => "backup",
            "TASKFLOWS_ATTEMPTS" => "2",
            "TASKFLOWS_OUTCOME" => "failed",
            "TASKFLOWS_DURATION_US" => "5000000",
            "TASKFLOWS_EXIT" => "SIGKILL",
            _ => return None,
        };
        Some(value.to_owned())
    };
    let mut notes = RunNotes::default();
    notes.note(Timestamp::from_second(100).unwrap(), &entry);
    let run = notes.select(&RunQuery::default()).remove(0);
    assert_eq!((run.started.as_second(), run.ended.unwrap().as_second(), run.attempts), (95, 100, 2));
    let exit = Some(ExitKind::Killed(9));
    assert_eq!(run.outcome, Outcome::Failed(RunEnd { result: String::new(), exit, is_preparation: false }));
}

#[test]
fn a_long_error_is_cut_between_characters() {
    let error = Some(format!("x{}", "\u{fc}".repeat(super::LONGEST_TEXT)));
    let run =
        RunRecord { error, outcome: Outcome::Interrupted, ..crate::testing::run_store::a_run(1, "a", 1) };
    let mut notes = RunNotes::default();
    note(&mut notes, &RunNote::Finished(&run, None));
    let kept = notes.select(&RunQuery::default()).remove(0).error.unwrap();
    assert_eq!(kept.len(), super::LONGEST_TEXT - 1);
}
