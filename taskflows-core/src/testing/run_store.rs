//! The contract of a store of runs.

use jiff::Timestamp;

use crate::effects::{RunStore, RunStoreError};
use crate::task::{Attempt, ProcessMark, RunFinish, RunId, RunQuery, RunRecord, Trigger};
use crate::{ExitKind, Outcome, RunEnd, ServiceName};

/// Returns the mark of a process that is nobody's.
pub fn somebody() -> ProcessMark {
    ProcessMark { boot: "00000000-0000-4000-8000-000000000000".to_owned(), pid: 4_000_000, started: 17 }
}

/// Returns a run of an own command that began at a second and goes on, driven by no process that is known.
pub fn a_run(id: u128, task: &str, second: i64) -> RunRecord {
    RunRecord {
        id: RunId::from_bits(id),
        task: task.to_owned(),
        service: None,
        scheduled: None,
        started: at(second),
        ended: None,
        outcome: Outcome::Running,
        attempts: 0,
        max_attempts: 1,
        error: None,
        trigger: Trigger::Unknown,
        command: None,
        options: Vec::new(),
        directory: None,
        process: None,
    }
}

/// Returns a run of a service that began at a second and goes on.
pub fn a_service_run(id: u128, service: &str, second: i64) -> RunRecord {
    RunRecord { service: Some(name(service)), ..a_run(id, service, second) }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn name(service: &str) -> ServiceName {
    service.parse().unwrap()
}

fn failure() -> Outcome {
    let exit = Some(ExitKind::Killed(9));
    Outcome::Failed(RunEnd { result: "signal".to_owned(), exit, is_preparation: false })
}

fn end(second: i64, outcome: Outcome) -> RunFinish {
    RunFinish { ended: at(second), outcome, attempts: 1, error: None }
}

async fn ids(store: &dyn RunStore, query: RunQuery) -> Vec<u128> {
    store.recent(&query).await.unwrap().iter().map(|run| run.id.bits()).collect()
}

/// Holds an empty store to what every one of them does. `alive` is a process that lives through it.
pub async fn run_store(store: &dyn RunStore, alive: &ProcessMark) {
    what_is_kept_is_read_back(store).await;
    an_end_stands(store).await;
    runs_are_found(store).await;
    a_run_whose_process_is_gone_was_interrupted(store, alive).await;
    the_newest_run_of_each_service_is_found(store).await;
    an_announced_start_is_told_once(store).await;
    what_another_source_tells_is_kept_beside_what_is_there(store).await;
    what_was_not_begun_is_not_found(store).await;
}

async fn what_is_kept_is_read_back(store: &dyn RunStore) {
    let run = RunRecord {
        scheduled: Some(at(9)),
        max_attempts: 4,
        trigger: Trigger::Retry(RunId::from_bits(7)),
        command: Some(vec!["cp".to_owned(), "a b\n\u{1f980}".to_owned(), String::new()]),
        options: vec!["--retries".to_owned(), "3".to_owned()],
        directory: Some("/srv/ü".to_owned()),
        ..a_service_run(0xa1 << 120, "first", 10)
    };
    store.begin(&run).await.unwrap();
    let kept = store.recent(&RunQuery::default()).await.unwrap();
    assert_eq!(kept, std::slice::from_ref(&run));
    store.begin(&RunRecord { task: "another".to_owned(), ..run.clone() }).await.unwrap();
    assert_eq!(store.recent(&RunQuery::default()).await.unwrap(), kept, "a run is begun once");

    let attempt = |number, outcome, tail: &str| Attempt {
        number,
        started: at(10),
        ended: at(12),
        outcome,
        error: Some("no space left".to_owned()),
        tail: tail.to_owned(),
    };
    let attempts = [attempt(1, failure(), "one\ntwo\n"), attempt(2, Outcome::Succeeded, "")];
    store.attempt(run.id, &attempt(1, Outcome::Running, "one\n")).await.unwrap();
    for one in &attempts {
        store.attempt(run.id, one).await.unwrap();
    }
    assert_eq!(store.attempts(run.id).await.unwrap(), attempts);
    assert_eq!(store.recent(&RunQuery::default()).await.unwrap()[0].attempts, 2);
    let error = Some("it was cut off".to_owned());
    store.finish(run.id, &RunFinish { attempts: 2, error, ..end(20, failure()) }).await.unwrap();
    let over = store.recent(&RunQuery::default()).await.unwrap().remove(0);
    assert_eq!((over.ended, &over.outcome, over.attempts), (Some(at(20)), &failure(), 2));
    assert_eq!(over.error.as_deref(), Some("it was cut off"));
}

async fn an_end_stands(store: &dyn RunStore) {
    let run = a_run(0xa2 << 120, "second", 30);
    store.begin(&run).await.unwrap();
    store.finish(run.id, &end(31, Outcome::Interrupted)).await.unwrap();
    store.finish(run.id, &end(32, Outcome::Succeeded)).await.unwrap();
    store.finish(run.id, &end(33, failure())).await.unwrap();
    let query = RunQuery { tasks: vec!["second".to_owned()], ..RunQuery::default() };
    let kept = store.recent(&query).await.unwrap().remove(0);
    assert_eq!((kept.ended, kept.outcome), (Some(at(32)), Outcome::Succeeded));
}

async fn runs_are_found(store: &dyn RunStore) {
    let (first, second) = (0xa1 << 120, 0xa2 << 120);
    let all = RunQuery::default;
    assert_eq!(ids(store, all()).await, [second, first], "the newest first");
    assert_eq!(ids(store, RunQuery { limit: Some(1), ..all() }).await, [second]);
    assert_eq!(ids(store, RunQuery { failed: true, ..all() }).await, [first]);
    assert_eq!(ids(store, RunQuery { since: Some(at(30)), ..all() }).await, [second]);
    assert_eq!(ids(store, RunQuery { until: Some(at(29)), ..all() }).await, [first]);
    let of = |tasks: &[&str]| RunQuery { tasks: tasks.iter().map(ToString::to_string).collect(), ..all() };
    assert_eq!(ids(store, of(&["first", "third"])).await, [first]);
    assert_eq!(ids(store, of(&["third"])).await, [] as [u128; 0]);
    let by = |prefix: &str| RunQuery { id_prefix: Some(prefix.to_owned()), ..all() };
    assert_eq!(ids(store, by("a")).await, [second, first]);
    assert_eq!(ids(store, by("A1")).await, [first]);
    assert_eq!(ids(store, by(&RunId::from_bits(second).to_string())).await, [second]);
    assert_eq!(ids(store, by("b")).await, [] as [u128; 0]);
    for wrong in ["a%", "x", "a100000000000000000000000000000000"] {
        let answer = store.recent(&by(wrong)).await;
        assert!(matches!(answer, Err(RunStoreError::NoId { .. })), "{wrong}: {answer:?}");
    }
}

async fn a_run_whose_process_is_gone_was_interrupted(store: &dyn RunStore, alive: &ProcessMark) {
    let gone = ProcessMark { started: alive.started + 1, ..alive.clone() };
    let before = ProcessMark { boot: "another boot".to_owned(), ..alive.clone() };
    for (id, process, outcome) in [
        (1, Some(alive.clone()), Outcome::Running),
        (2, Some(gone), Outcome::Interrupted),
        (3, Some(before), Outcome::Interrupted),
        (4, None, Outcome::Running),
    ] {
        let run = RunRecord { process, ..a_run(id, "driven", 100 + i64::try_from(id).unwrap()) };
        store.begin(&run).await.unwrap();
        let query = RunQuery { tasks: vec!["driven".to_owned()], limit: Some(1), ..RunQuery::default() };
        let seen = store.recent(&query).await.unwrap().remove(0);
        assert_eq!((seen.outcome, seen.ended), (outcome, None), "{:?}", run.process);
    }
    let tasks = vec!["driven".to_owned()];
    let query = RunQuery { tasks, failed: true, limit: Some(2), ..RunQuery::default() };
    assert_eq!(ids(store, query).await, [3, 2], "what was cut off ended badly");
}

async fn the_newest_run_of_each_service_is_found(store: &dyn RunStore) {
    for (id, service, second) in [(11, "web", 200), (12, "web", 300), (13, "api", 250), (14, "other", 260)] {
        store.begin(&a_service_run(id, service, second)).await.unwrap();
    }
    let latest = store.latest(&[name("web"), name("api"), name("idle")]).await.unwrap();
    let mut found: Vec<u128> = latest.iter().map(|run| run.id.bits()).collect();
    found.sort_unstable();
    assert_eq!(found, [12, 13]);
    assert!(store.latest(&[]).await.unwrap().is_empty());
}

async fn an_announced_start_is_told_once(store: &dyn RunStore) {
    let manual = Trigger::Manual(Some("ada".to_owned()));
    store.announce(&name("web"), &Trigger::Timer, at(990)).await.unwrap();
    store.announce(&name("web"), &manual, at(1_000)).await.unwrap();
    store.announce(&name("api"), &manual, at(1_000)).await.unwrap();
    for (id, service, second, trigger) in [
        (21, "idle", 1_001, Trigger::Unknown),
        (22, "web", 1_002, manual.clone()),
        (23, "web", 1_003, Trigger::Unknown),
        (24, "api", 1_061, Trigger::Unknown),
    ] {
        let run = a_service_run(id, service, second);
        assert_eq!(store.begin(&run).await.unwrap(), trigger);
        assert_eq!(store.begin(&run).await.unwrap(), trigger, "it is what it was");
        let run = store.latest(&[name(service)]).await.unwrap().remove(0);
        assert_eq!((run.id.bits(), run.trigger), (id, trigger));
    }
    // A run that is kept at its end alone does not take what was announced for the one after it.
    store.announce(&name("slow"), &Trigger::Timer, at(500)).await.unwrap();
    store.announce(&name("slow"), &manual, at(1_010)).await.unwrap();
    for (id, second, trigger) in [(26, 501, Trigger::Timer), (27, 1_011, manual.clone())] {
        assert_eq!(store.begin(&a_service_run(id, "slow", second)).await.unwrap(), trigger);
    }
    let restarted = RunRecord { trigger: Trigger::Restart, ..a_service_run(25, "api", 1_065) };
    assert_eq!(store.begin(&restarted).await.unwrap(), Trigger::Restart);
    assert_eq!(store.latest(&[name("api")]).await.unwrap(), [restarted]);
}

async fn what_another_source_tells_is_kept_beside_what_is_there(store: &dyn RunStore) {
    let known = a_service_run(31, "told", 2_000);
    store.begin(&known).await.unwrap();
    let ended = Some(at(2_003));
    let over =
        |id, second, outcome| RunRecord { ended, outcome, attempts: 1, ..a_service_run(id, "told", second) };
    let told = over(32, 2_001, failure());
    let attempt = Attempt {
        number: 1,
        started: at(2_001),
        ended: at(2_003),
        outcome: failure(),
        error: Some("no".to_owned()),
        tail: String::new(),
    };
    let runs = [(over(31, 1, Outcome::Succeeded), Vec::new()), (told.clone(), vec![attempt.clone()])];
    assert_eq!(store.restore(&runs).await.unwrap(), 1);
    assert_eq!(store.restore(&runs).await.unwrap(), 0);
    let query = RunQuery { tasks: vec!["told".to_owned()], ..RunQuery::default() };
    assert_eq!(store.recent(&query).await.unwrap(), [told.clone(), known]);
    assert_eq!(store.attempts(told.id).await.unwrap(), [attempt]);
}

async fn what_was_not_begun_is_not_found(store: &dyn RunStore) {
    let nobody = RunId::from_bits(0xdead);
    let finished = store.finish(nobody, &end(1, Outcome::Succeeded)).await;
    assert!(matches!(finished, Err(RunStoreError::NotFound { run }) if run == nobody), "{finished:?}");
    let attempt = Attempt {
        number: 1,
        started: at(1),
        ended: at(1),
        outcome: Outcome::Succeeded,
        error: None,
        tail: String::new(),
    };
    let tried = store.attempt(nobody, &attempt).await;
    assert!(matches!(tried, Err(RunStoreError::NotFound { .. })), "{tried:?}");
    assert!(store.attempts(nobody).await.unwrap().is_empty());
}
