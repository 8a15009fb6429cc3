use proptest::prelude::*;

use super::*;
use crate::task::Backoff;

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn policy(retries: u32, timeout: Option<u64>, deadline: Option<u64>) -> TaskPolicy {
    let backoff = Backoff { initial: secs(10), factor: 2, max: secs(60), jitter_percent: 0 };
    TaskPolicy { required: false, retries, timeout: timeout.map(secs), deadline: deadline.map(secs), backoff }
}

fn failed() -> Last {
    Last::Failed(Failure::error("no answer"))
}

/// Tells the machine each result at its second and compares each step, written short: `run 1 limit 30s`, `wait 10s`,
/// `ok after 2 in 15s`.
#[track_caller]
fn check(policy: TaskPolicy, told: &[(Last, u64, &str)]) {
    let mut machine = Machine::new(policy);
    for (place, (last, at, wanted)) in told.iter().enumerate() {
        let step = machine.next(last.clone(), secs(*at), || 0, |_| ());
        assert_eq!(words(&step), *wanted, "step {place}, after {last:?}");
    }
}

fn words(step: &Step) -> String {
    let span = |span: Duration| TimeSpan::from(span).to_string();
    match step {
        Step::Run { attempt, limit: None } => format!("run {attempt}"),
        Step::Run { attempt, limit: Some(limit) } => format!("run {attempt} limit {}", span(*limit)),
        Step::Wait(wait) => format!("wait {}", span(*wait)),
        Step::Finish(end) => format!("{} after {} in {}", end.outcome.word(), end.attempts, span(end.took)),
    }
}

#[test]
fn a_success_ends_the_run_also_after_failures() {
    check(policy(3, None, None), &[(Last::Nothing, 0, "run 1"), (Last::Succeeded, 2, "ok after 1 in 2s")]);
    check(
        policy(3, None, None),
        &[
            (Last::Nothing, 0, "run 1"),
            (failed(), 2, "wait 10s"),
            (Last::Waited, 12, "run 2"),
            (Last::Succeeded, 15, "ok after 2 in 15s"),
        ],
    );
}

#[test]
fn attempts_are_one_more_than_retries_and_the_last_failure_counts() {
    check(policy(0, None, None), &[(Last::Nothing, 0, "run 1"), (failed(), 2, "failed after 1 in 2s")]);
    check(
        policy(2, None, None),
        &[
            (Last::Nothing, 0, "run 1"),
            (failed(), 1, "wait 10s"),
            (Last::Waited, 11, "run 2"),
            (failed(), 12, "wait 20s"),
            (Last::Waited, 32, "run 3"),
            (failed(), 33, "failed after 3 in 33s"),
        ],
    );
}

#[test]
fn a_final_failure_is_not_tried_again() {
    let last = Last::Failed(Failure { is_final: true, ..Failure::error("no such program") });
    check(policy(2, None, None), &[(Last::Nothing, 0, "run 1"), (last, 1, "failed after 1 in 1s")]);
}

#[test]
fn each_attempt_has_the_timeout_and_none_more_than_the_deadline_leaves() {
    let late = Last::TimedOut { exit: None };
    check(
        policy(5, Some(30), Some(70)),
        &[
            (Last::Nothing, 0, "run 1 limit 30s"),
            (late.clone(), 30, "wait 10s"),
            (Last::Waited, 40, "run 2 limit 30s"),
            (failed(), 45, "wait 20s"),
            (Last::Waited, 65, "run 3 limit 5s"),
            (late.clone(), 70, "failed after 3 in 1min 10s"),
        ],
    );
    check(policy(0, None, Some(70)), &[(Last::Nothing, 0, "run 1 limit 1min 10s")]);
}

#[test]
fn a_wait_up_to_the_deadline_is_not_begun() {
    check(
        policy(5, None, Some(20)),
        &[(Last::Nothing, 0, "run 1 limit 20s"), (failed(), 10, "failed after 1 in 10s")],
    );
    check(policy(5, None, Some(21)), &[(Last::Nothing, 0, "run 1 limit 21s"), (failed(), 10, "wait 10s")]);
}

#[test]
fn no_attempt_starts_past_the_deadline_where_a_wait_took_longer_than_planned() {
    check(
        policy(5, None, Some(60)),
        &[
            (Last::Nothing, 0, "run 1 limit 1min"),
            (failed(), 10, "wait 10s"),
            (Last::Waited, 3600, "failed after 1 in 1h"),
        ],
    );
}

#[test]
fn a_run_is_cancelled_before_during_and_between_attempts() {
    check(policy(5, None, None), &[(Last::Cancelled, 0, "interrupted after 0 in 0")]);
    check(
        policy(5, None, None),
        &[(Last::Nothing, 0, "run 1"), (Last::Cancelled, 3, "interrupted after 1 in 3s")],
    );
    check(
        policy(5, None, None),
        &[
            (Last::Nothing, 0, "run 1"),
            (failed(), 3, "wait 10s"),
            (Last::Cancelled, 5, "interrupted after 1 in 5s"),
            (Last::Waited, 13, "interrupted after 1 in 5s"),
        ],
    );
}

#[test]
fn a_result_that_does_not_fit_repeats_the_step() {
    check(
        policy(5, Some(30), None),
        &[
            (Last::Nothing, 0, "run 1 limit 30s"),
            (Last::Waited, 10, "run 1 limit 20s"),
            (failed(), 20, "wait 10s"),
            (failed(), 26, "wait 4s"),
            (Last::Succeeded, 28, "wait 2s"),
        ],
    );
}

/// Drives a run whose attempts take the given times and end so, and returns the steps with their times, and the events.
fn drive(policy: &TaskPolicy, ends: &[(bool, u64)]) -> (Vec<(Duration, Step)>, Vec<RunEventKind>) {
    let (mut machine, mut events, mut steps) = (Machine::new(policy.clone()), Vec::new(), Vec::new());
    let (mut ends, mut elapsed, mut last) = (ends.iter(), Duration::ZERO, Last::Nothing);
    loop {
        let step = machine.next(last, elapsed, || 0x1234_5678_9abc_def0, |event| events.push(event));
        steps.push((elapsed, step.clone()));
        last = match step {
            Step::Run { limit, .. } => {
                let (is_success, took) = ends.next().copied().unwrap_or((false, 1));
                let took = Duration::from_millis(took);
                elapsed += limit.map_or(took, |limit| limit.min(took));
                match limit {
                    Some(limit) if took >= limit => Last::TimedOut { exit: None },
                    _ if is_success => Last::Succeeded,
                    _ => failed(),
                }
            }
            Step::Wait(wait) => {
                elapsed += wait;
                Last::Waited
            }
            Step::Finish(_) => return (steps, events),
        };
    }
}

#[test]
fn what_happens_is_told_in_order() {
    let (_, events) = drive(&policy(1, None, None), &[(false, 2000), (true, 3000)]);
    let wanted = [
        RunEventKind::Started,
        RunEventKind::AttemptFailed { attempt: 1, of: 2, error: "no answer".into(), took: secs(2) },
        RunEventKind::Retrying { attempt: 2, wait: secs(10) },
        RunEventKind::Finished { outcome: Outcome::Succeeded, attempts: 2, took: secs(15) },
    ];
    assert_eq!(events, wanted);
}

#[test]
fn a_late_attempt_is_told_with_the_limit_it_exceeded() {
    #[track_caller]
    fn check(policy: TaskPolicy, wanted: &str) {
        let (_, events) = drive(&policy, &[(true, 900_000)]);
        assert!(
            matches!(&events[1], RunEventKind::AttemptFailed { error, .. } if error == wanted),
            "{events:?}"
        );
    }
    check(policy(0, Some(30), None), "not done within 30s");
    check(policy(0, Some(30), Some(60)), "not done within 30s");
    check(policy(0, Some(30), Some(20)), "not done before its deadline of 20s");
    check(policy(0, None, Some(20)), "not done before its deadline of 20s");
}

fn any_policy() -> impl Strategy<Value = TaskPolicy> {
    let limit = || proptest::option::of((1..200_000u64).prop_map(Duration::from_millis));
    let waits = (1..30_000u64, 1..4u32, 1..60_000u64, 0..=100u8).prop_map(
        |(initial, factor, more, jitter_percent)| {
            let (initial, more) = (Duration::from_millis(initial), Duration::from_millis(more));
            Backoff { initial, factor, max: initial + more, jitter_percent }
        },
    );
    (0..12u32, limit(), limit(), waits).prop_map(|(retries, timeout, deadline, backoff)| TaskPolicy {
        required: false,
        retries,
        timeout,
        deadline,
        backoff,
    })
}

fn any_ends() -> impl Strategy<Value = Vec<(bool, u64)>> {
    proptest::collection::vec((proptest::bool::weighted(0.2), 0..250_000u64), 0..14)
}

proptest! {
    #[test]
    fn attempts_waits_and_limits_stay_within_the_policy(policy in any_policy(), ends in any_ends()) {
        let (steps, _) = drive(&policy, &ends);
        let mut attempts = 0;
        for (at, step) in &steps {
            match step {
                Step::Run { attempt, limit } => {
                    attempts += 1;
                    prop_assert_eq!(*attempt, attempts);
                    prop_assert!(limit.is_some() == (policy.timeout.is_some() || policy.deadline.is_some()));
                    prop_assert!(policy.timeout.is_none_or(|timeout| limit.unwrap() <= timeout));
                    prop_assert!(policy.deadline.is_none_or(|deadline| *at + limit.unwrap() <= deadline));
                    prop_assert!(policy.deadline.is_none_or(|deadline| *at < deadline));
                }
                Step::Wait(wait) => {
                    prop_assert!(*wait <= policy.backoff.max);
                    prop_assert!(policy.deadline.is_none_or(|deadline| *at + *wait < deadline));
                }
                Step::Finish(end) => {
                    prop_assert_eq!((end.attempts, end.took), (attempts, *at));
                    prop_assert!(policy.deadline.is_none_or(|deadline| end.took <= deadline));
                }
            }
        }
        prop_assert!(attempts <= policy.max_attempts());
    }

    #[test]
    fn a_success_ends_it_and_nothing_else_succeeds(policy in any_policy(), ends in any_ends()) {
        let (_, events) = drive(&policy, &ends);
        let failures = events.iter().filter(|event| matches!(event, RunEventKind::AttemptFailed { .. })).count();
        let Some(RunEventKind::Finished { outcome, attempts, .. }) = events.last() else { panic!("{events:?}") };
        let successes = usize::from(*outcome == Outcome::Succeeded);
        prop_assert_eq!(failures + successes, *attempts as usize);
        prop_assert_eq!(events.iter().filter(|event| matches!(event, RunEventKind::Finished { .. })).count(), 1);
    }

    #[test]
    fn the_same_results_lead_to_the_same_steps(policy in any_policy(), ends in any_ends()) {
        prop_assert_eq!(drive(&policy, &ends), drive(&policy, &ends));
    }
}
