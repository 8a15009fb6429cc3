//! What goes over the line comes back as it was.

#![expect(clippy::unwrap_used, reason = "a test that unwraps fails as it should")]

use std::fmt::Debug;
use std::time::Duration;

use jiff::Timestamp;
use proptest::collection::{btree_map, vec};
use proptest::option::of;
use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use taskflows_api::wire;
use taskflows_core::alerting::AlertMark;
use taskflows_core::effects::{
    Began, Details, Effect, EnvironmentError, JobResult, Listing, Next, Origin, Performed, ServiceError,
    Start, State,
};
use taskflows_core::task::RunId;
use taskflows_core::{ExitKind, Outcome, Run, RunEnd, ServiceName, UnitFiles};

fn time() -> impl Strategy<Value = Timestamp> {
    (Timestamp::MIN.as_second()..=Timestamp::MAX.as_second(), 0..1_000_000_000)
        .prop_filter_map("in range", |(second, nano)| Timestamp::new(second, nano).ok())
}

fn name() -> impl Strategy<Value = ServiceName> {
    "[a-z][a-z0-9._-]{0,20}[a-z0-9]".prop_filter_map("a name", |text| text.parse().ok())
}

fn text() -> impl Strategy<Value = String> {
    any::<String>()
}

fn exit() -> impl Strategy<Value = ExitKind> {
    prop_oneof![any::<i32>().prop_map(ExitKind::Exited), any::<i32>().prop_map(ExitKind::Killed)]
}

fn end() -> impl Strategy<Value = RunEnd> {
    let word = prop_oneof![Just("exit-code".to_owned()), Just("oom-kill".to_owned()), text()];
    (word, of(exit()), any::<bool>()).prop_map(|(result, exit, is_preparation)| RunEnd {
        result,
        exit,
        is_preparation,
    })
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        Just(Outcome::Running),
        Just(Outcome::Succeeded),
        end().prop_map(Outcome::Failed),
        Just(Outcome::Skipped),
        Just(Outcome::Unknown),
        Just(Outcome::Interrupted),
    ]
}

fn run() -> impl Strategy<Value = Run> {
    (of(time()), of(time()), outcome()).prop_map(|(started, ended, outcome)| Run { started, ended, outcome })
}

fn state() -> impl Strategy<Value = State> {
    prop::sample::select(vec![
        State::Starting,
        State::Running,
        State::Stopping,
        State::Stopped,
        State::Failed,
        State::Waiting,
    ])
}

fn next() -> impl Strategy<Value = Next> {
    let without = vec![Next::AfterThisRun, Next::Never, Next::Unscheduled, Next::Off, Next::Unknown];
    prop_oneof![time().prop_map(Next::At), prop::sample::select(without)]
}

fn listing() -> impl Strategy<Value = Listing> {
    (name(), text(), state(), any::<bool>(), of(run()), of(time()), next(), of(text())).prop_map(
        |(name, description, state, enabled, last, removed, next, source)| Listing {
            name,
            description,
            state,
            enabled,
            last,
            removed,
            next,
            source,
        },
    )
}

fn details() -> impl Strategy<Value = Details> {
    let numbers = (of(any::<u32>()), of(any::<u64>()), of(any::<u64>()), any::<u32>());
    (listing(), (text(), text()), numbers, of(time()), any::<bool>(), of(end())).prop_map(
        |(listing, unit_state, numbers, last_trigger, needs_reload, failure)| Details {
            listing,
            unit_state,
            main_pid: numbers.0,
            memory: numbers.1,
            cpu_nanos: numbers.2,
            restarts: numbers.3,
            last_trigger,
            needs_reload,
            failure,
        },
    )
}

/// A length of time to the microsecond, up to some years.
fn span() -> impl Strategy<Value = Duration> {
    (0..100_000_000_000_000_u64).prop_map(Duration::from_micros)
}

fn job() -> impl Strategy<Value = JobResult> {
    let known = ["done", "canceled", "timeout", "failed", "dependency", "skipped", "assert"];
    let known = known.map(str::to_owned).to_vec();
    prop_oneof![prop::sample::select(known), text()].prop_map(|word| JobResult::from(word.as_str()))
}

fn cause() -> impl Strategy<Value = std::io::Error> {
    prop_oneof![Just(std::io::ErrorKind::PermissionDenied), Just(std::io::ErrorKind::NotFound)]
        .prop_map(std::io::Error::from)
}

fn environment_error() -> impl Strategy<Value = EnvironmentError> {
    prop_oneof![
        (text(), of(text())).prop_map(|(name, near)| EnvironmentError::NotFound { name, near }),
        text().prop_map(|name| EnvironmentError::Exists { name }),
        (file(), text()).prop_map(|(path, reason)| EnvironmentError::Damaged { path: path.into(), reason }),
        (text(), file(), cause()).prop_map(|(operation, path, source)| EnvironmentError::File {
            operation: operation.into(),
            path: path.into(),
            source,
        }),
    ]
}

/// Names of files: their directories are not sent.
fn file() -> impl Strategy<Value = String> {
    text().prop_map(|text| text.replace('/', "_"))
}

fn error() -> impl Strategy<Value = ServiceError> {
    use ServiceError as E;
    let first = prop_oneof![
        text().prop_map(|name| E::NotFound { name }),
        (text(), text()).prop_map(|(path, reason)| E::NotOurs { path: path.into(), reason }),
        vec(text(), 0..4).prop_map(|files| E::Edited { files }),
        (name(), text(), of(text())).prop_map(|(name, expected, found)| E::OtherSource {
            name,
            expected,
            found
        }),
        text().prop_map(|what| E::Unreachable { what, source: "secret".into() }),
        (text(), text()).prop_map(|(what, operation)| E::ConnectionLost {
            what,
            operation,
            source: "secret".into()
        }),
        text().prop_map(|operation| E::PermissionDenied { operation, source: "secret".into() }),
        (text(), span()).prop_map(|(operation, limit)| E::TimedOut { operation, limit }),
    ];
    let second = prop_oneof![
        (text(), text()).prop_map(|(operation, reason)| E::Refused { operation, reason }),
        (text(), job()).prop_map(|(operation, result)| E::Job { operation, result }),
        (name(), end()).prop_map(|(name, end)| E::RunFailed { name, end }),
        (name(), text()).prop_map(|(name, reason)| E::Render { name, reason }),
        environment_error().prop_map(E::Environments),
        (text(), file(), cause()).prop_map(|(operation, path, source)| E::File {
            operation: operation.into(),
            path: path.into(),
            source,
        }),
        (text(), text()).prop_map(|(server, reason)| E::Remote { server, reason }),
        (file(), span()).prop_map(|(path, waited)| E::Busy { path: path.into(), waited }),
    ];
    prop_oneof![first, second]
}

fn effect() -> impl Strategy<Value = Effect> {
    let without = vec![
        Effect::Started,
        Effect::Skipped,
        Effect::AlreadyRunning,
        Effect::Stopped,
        Effect::AlreadyStopped,
        Effect::Restarted,
        Effect::TimersStarted,
        Effect::Enabled,
        Effect::Disabled,
        Effect::Unchanged,
    ];
    prop_oneof![run().prop_map(Effect::Finished), prop::sample::select(without)]
}

/// Sends a value over the line.
fn sent<W: Serialize + DeserializeOwned>(value: &W) -> W {
    serde_json::from_str(&serde_json::to_string(value).unwrap()).unwrap()
}

#[track_caller]
fn comes_back<C, W>(core: &C, wire: W)
where
    C: TryFrom<W> + PartialEq + Debug,
    <C as TryFrom<W>>::Error: Debug,
    W: Serialize + DeserializeOwned,
{
    assert_eq!(&C::try_from(sent(&wire)).unwrap(), core);
}

/// What a caller chooses by, and what people read.
fn seen(error: &ServiceError) -> (String, [bool; 5]) {
    let asked = [
        error.is_not_found(),
        error.is_unreachable(),
        error.is_permission_denied(),
        error.is_timed_out(),
        error.is_run_failed(),
    ];
    (error.to_string(), asked)
}

/// An error has no equality: its kind and fields are those of its wire form, its words and answers are compared.
#[track_caller]
fn error_comes_back(error: &ServiceError) {
    let wire = wire::ServiceFailure::from(error);
    let json = serde_json::to_string(&wire).unwrap();
    assert!(!json.contains("\"secret\""), "causes stay: {json}");
    let back = sent(&wire).into_error("web1").unwrap();
    assert_eq!(seen(&back), seen(error));
    assert_eq!(wire::ServiceFailure::from(&back), wire);
    assert_eq!(std::mem::discriminant(&back), std::mem::discriminant(error));
}

/// Where a host keeps its files, and what its operating system said, is in its log alone.
#[test]
fn an_error_tells_no_directory_of_the_host() {
    let source = || std::io::Error::other("secret");
    let path = || "/home/ann/.config/web.service".into();
    let errors = [
        ServiceError::File { operation: "read".into(), path: path(), source: source() },
        ServiceError::Busy { path: path(), waited: Duration::ZERO },
        EnvironmentError::File { operation: "read".into(), path: path(), source: source() }.into(),
        EnvironmentError::Damaged { path: path(), reason: "no JSON".into() }.into(),
    ];
    for error in errors {
        let problem = taskflows_api::server::Problem::from(error);
        let json = serde_json::to_string(&problem).unwrap();
        assert!(
            json.contains("web.service") && !json.contains("/home") && !json.contains("secret"),
            "{json}"
        );
    }
}

proptest! {
    #[test]
    fn a_list_comes_back(listing in listing(), now in time()) {
        comes_back(&listing, wire::Listing::new(listing.clone(), now));
    }

    #[test]
    fn details_come_back(details in details(), now in time()) {
        comes_back(&details, wire::Details::new(details.clone(), now));
    }

    #[test]
    fn a_run_comes_back(run in run(), now in time()) {
        comes_back(&run, wire::LastRun::new(run.clone(), now));
    }

    #[test]
    fn a_start_comes_back(name in name(), at in time(), after_clock_change: bool) {
        let start = Start { name, at, after_clock_change };
        comes_back(&start, wire::Start::from(start.clone()));
    }

    #[test]
    fn origins_and_marks_come_back(
        name in name(), source in of(text()), environment in of(text()), groups in vec(text(), 0..4)
    ) {
        let marked = (name.clone(), AlertMark { groups });
        comes_back(&marked, wire::AlertGroups::from(marked.clone()));
        let origin = Origin { name, source, environment };
        comes_back(&origin, wire::Origin::from(origin.clone()));
    }

    #[test]
    fn unit_files_come_back(
        name in name(), files in btree_map(text(), text(), 0..4), drop_ins in btree_map(text(), text(), 0..4)
    ) {
        let units = UnitFiles { name, files };
        let wire = wire::UnitFiles::new(units.clone(), drop_ins.clone());
        prop_assert_eq!(&sent(&wire).drop_ins, &drop_ins);
        comes_back(&units, wire);
    }

    #[test]
    fn the_beginning_of_a_run_comes_back(
        at in time(), run in of(any::<u128>().prop_map(RunId::from_bits)), ended in of(time()),
        is_restart: bool, preparation in of(exit())
    ) {
        let began = Began { at, run, ended, is_restart, preparation };
        comes_back(&began, wire::Began::from(began));
    }

    #[test]
    fn an_error_comes_back(error in error()) {
        error_comes_back(&error);
    }

    #[test]
    fn what_was_performed_comes_back(name in name(), effect in effect(), now in time()) {
        let performed = Performed { name: name.clone(), result: Ok(effect.clone()) };
        let back = sent(&wire::Performed::new(performed, now)).into_performed("web1").unwrap();
        prop_assert_eq!((back.name, back.result.unwrap()), (name, effect));
    }

    #[test]
    fn what_was_not_performed_comes_back(name in name(), error in error(), now in time()) {
        let (words, failure) = (seen(&error), wire::ServiceFailure::from(&error));
        let performed = Performed { name: name.clone(), result: Err(error) };
        let back = sent(&wire::Performed::new(performed, now)).into_performed("web1").unwrap();
        let error = back.result.unwrap_err();
        prop_assert_eq!(seen(&error), words);
        prop_assert_eq!((back.name, wire::ServiceFailure::from(&error)), (name, failure));
    }

    #[test]
    fn what_is_not_ours_is_refused_and_nothing_panics(
        name in text(), seconds in any::<f64>().prop_filter("a number in JSON", |value| value.is_finite())
    ) {
        let failure = wire::ServiceFailure::TimedOut { operation: name.clone(), limit_seconds: seconds };
        prop_assert!(sent(&failure).into_error("web1").is_ok());
        let result = wire::Performed {
            code: None,
            name, ok: true, effect: None, run: None, message: None, error: None,
        };
        prop_assert!(result.into_performed("web1").is_err());
    }
}
