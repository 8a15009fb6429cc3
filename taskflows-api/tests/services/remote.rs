//! The services of another host are used as those of this one.

use std::sync::Arc;
use std::time::Duration;

use taskflows_api::client::RemoteServiceManager;
use taskflows_core::alerting::AlertUse;
use taskflows_core::effects::{
    Action, Began, Effect, JobResult, RunHistory, RunStore, ServiceError, ServiceManager, Target, Wanted,
};
use taskflows_core::task::{RunId, RunQuery, RunRecord, Trigger};
use taskflows_core::testing::contract;
use taskflows_core::{Calendar, ExitKind, Outcome, RunEnd, Service, ServiceName};
use taskflows_security::Role;

use super::host::{Between, Served, now};

fn name(text: &str) -> ServiceName {
    text.parse().unwrap()
}

async fn act(remote: &RemoteServiceManager, of: &str, action: Action) -> Result<Effect, ServiceError> {
    let mut performed = remote.perform(&[name(of)], action, Target::Service).await.unwrap();
    performed.pop().unwrap().result
}

#[tokio::test]
async fn it_keeps_to_the_contract_of_a_service_manager() {
    let served = Served::to(Role::Operator).await;
    let (changes, rest) = (Arc::clone(&served.fake) as _, Arc::new(served.remote()) as _);
    contract::service_manager(&Between { changes, rest, takes: Duration::ZERO }).await;
}

fn every_kind() -> Vec<ServiceError> {
    use ServiceError as E;
    let end = RunEnd { result: "signal".into(), exit: Some(ExitKind::Killed(9)), is_preparation: false };
    vec![
        E::NotFound { name: "a".into() },
        E::NotOurs { path: "/units/a".into(), reason: "no mark".into() },
        E::Edited { files: vec!["taskflows-a.service".into()] },
        E::OtherSource { name: name("a"), expected: "/a.toml".into(), found: None },
        E::Unreachable { what: "the user manager".into(), source: "no bus".into() },
        E::ConnectionLost { what: "systemd".into(), operation: "start a".into(), source: "gone".into() },
        E::PermissionDenied { operation: "start a".into(), source: "polkit".into() },
        E::TimedOut { operation: "start a".into(), limit: Duration::from_millis(90_500) },
        E::Refused { operation: "start a".into(), reason: "it is masked".into() },
        E::Job { operation: "start a".into(), result: JobResult::Timeout },
        E::Job { operation: "start a".into(), result: JobResult::Dependency },
        E::RunFailed { name: name("a"), end },
        E::Render { name: name("a"), reason: "too long".into() },
        E::File {
            operation: "read".into(),
            path: "web.service".into(),
            source: std::io::ErrorKind::PermissionDenied.into(),
        },
        E::Busy { path: ".lock".into(), waited: Duration::from_secs(10) },
        E::Remote { server: "web2".into(), reason: "odd".into() },
    ]
}

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

#[tokio::test]
async fn each_error_comes_back_as_itself() {
    let served = Served::to(Role::Operator).await;
    let remote = served.remote();
    for (told, again) in every_kind().into_iter().zip(every_kind()) {
        let (words, kind) = (seen(&told), std::mem::discriminant(&told));
        served.fake.fail_next(told);
        let error = remote.names(&[]).await.unwrap_err();
        assert_eq!((seen(&error), std::mem::discriminant(&error)), (words.clone(), kind));
        served.fake.fail_next(again);
        let error = remote.perform(&[name("a")], Action::Stop, Target::Service).await.unwrap_err();
        assert_eq!((seen(&error), std::mem::discriminant(&error)), (words, kind));
    }
}

#[tokio::test]
async fn a_unit_of_another_is_not_ours_over_there_either() {
    let served = Served::to(Role::Operator).await;
    let remote = served.remote();
    served.fake.add_foreign(name("web"));
    assert!(matches!(remote.files(&name("web")).await, Err(ServiceError::NotOurs { .. })));
    assert!(matches!(act(&remote, "web", Action::Start).await, Err(ServiceError::NotOurs { .. })));
}

#[tokio::test]
async fn who_may_not_and_who_is_not_there_are_told_apart() {
    let viewer = Served::to(Role::Viewer).await;
    let remote = viewer.remote();
    assert!(remote.list(&[]).await.unwrap().is_empty());
    let error = remote.perform(&[name("a")], Action::Stop, Target::Service).await.unwrap_err();
    assert!(error.is_permission_denied(), "{error:?}");
    let error = remote.ensure_support_units().await.unwrap_err();
    assert!(error.is_permission_denied(), "{error:?}");

    let nobody = Served::with(Arc::new(super::host::Nobody), Duration::ZERO).await;
    let error = nobody.remote().list(&[]).await.unwrap_err();
    assert!(error.is_permission_denied(), "{error:?}");
    assert_eq!(error.to_string(), "not permitted to list services on web1");

    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let gone = Served { address: free, ..viewer };
    let error = gone.remote().list(&[]).await.unwrap_err();
    assert!(error.is_unreachable(), "{error:?}");
    assert_eq!(error.to_string(), "could not reach web1");
}

#[tokio::test]
async fn a_long_action_is_waited_for_in_several_requests() {
    let served = Served::slow(Duration::from_millis(400)).await;
    served.install(&[("good", "true"), ("bad", "false")]).await;
    let remote = served.remote().with_wait(Duration::from_millis(50));
    let effect = act(&remote, "good", Action::StartAndWait).await.unwrap();
    assert!(matches!(effect, Effect::Finished(run) if run.outcome == Outcome::Succeeded));
    let error = act(&remote, "bad", Action::StartAndWait).await.unwrap_err();
    assert!(error.is_run_failed(), "{error:?}");
}

#[tokio::test]
async fn many_services_are_acted_on_in_their_order() {
    let served = Served::to(Role::Operator).await;
    served.install(&[("a", "sleep 1")]).await;
    let names: Vec<ServiceName> =
        (0..1_203).map(|index| if index % 7 == 0 { name("a") } else { name(&format!("n{index}")) }).collect();
    let performed = served.remote().perform(&names, Action::Stop, Target::Service).await.unwrap();
    assert!(performed.iter().map(|one| &one.name).eq(&names));
    assert_eq!(performed.iter().filter(|one| one.result.is_ok()).count(), 172);
    assert!(served.remote().perform(&[], Action::Stop, Target::Service).await.unwrap().is_empty());
}

#[tokio::test]
async fn the_history_says_who_started_a_service() {
    let served = Served::to(Role::Operator).await;
    served.install(&[("web", "true")]).await;
    let remote = served.remote().for_user(Some("ann".to_owned()));
    act(&remote, "web", Action::Start).await.unwrap();
    let run = run_of("web");
    let trigger = served.runs.begin(&run).await.unwrap();
    assert_eq!(trigger, Trigger::Manual(Some("ann (somebody)".to_owned())));
    act(&remote, "web", Action::Stop).await.unwrap();
    let another = RunRecord { id: RunId::from_bits(2), ..run };
    assert_eq!(served.runs.begin(&another).await.unwrap(), Trigger::Unknown, "to stop it starts nothing");
}

fn run_of(service: &str) -> RunRecord {
    RunRecord {
        id: RunId::from_bits(1),
        task: service.to_owned(),
        service: Some(name(service)),
        scheduled: None,
        started: now(),
        ended: None,
        outcome: Outcome::Running,
        attempts: 1,
        max_attempts: 1,
        error: None,
        trigger: Trigger::Unknown,
        command: None,
        options: Vec::new(),
        directory: None,
        process: None,
    }
}

#[tokio::test]
async fn the_last_run_is_the_newer_of_store_and_journal() {
    let served = Served::to(Role::Operator).await;
    served.install(&[("web", "true")]).await;
    served.runs.begin(&run_of("web")).await.unwrap();
    let listed = served.remote().list(&[]).await.unwrap();
    assert_eq!(listed[0].last.as_ref().unwrap().outcome, Outcome::Running);
    assert_eq!(served.runs.recent(&RunQuery::default()).await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_is_added_and_what_begins_is_seen_over_there() {
    let served = Served::to(Role::Operator).await;
    served.install(&[("web", "sleep 1")]).await;
    let (remote, web) = (served.remote(), name("web"));
    assert_eq!(remote.files(&web).await.unwrap(), served.fake.files(&web).await.unwrap());
    served.fake.add_drop_in(&web, "limits.conf", "[Service]\nMemoryMax=1G\n");
    assert_eq!(remote.drop_ins(&web).await.unwrap(), served.fake.drop_ins(&web).await.unwrap());
    assert!(remote.drop_ins(&name("nobody")).await.unwrap().is_empty());
    assert_eq!(remote.began(&web).await.unwrap(), None);
    let began = Began {
        at: now(),
        run: Some(RunId::from_bits(7)),
        ended: None,
        is_restart: true,
        preparation: Some(ExitKind::Exited(3)),
    };
    served.fake.begin(web.clone(), began);
    assert_eq!(remote.began(&web).await.unwrap(), Some(began));
    assert_eq!(remote.origins(&[]).await.unwrap(), served.fake.origins(&[]).await.unwrap());
    assert!(!remote.look_for_interruption().await.unwrap() && !remote.is_interrupted());
    served.fake.interrupt();
    assert!(remote.look_for_interruption().await.unwrap() && remote.is_interrupted());
}

#[tokio::test]
async fn starts_and_alerts_are_those_of_the_host() {
    let served = Served::to(Role::Operator).await;
    let daily: Calendar = "*-*-* 03:00:00 UTC".parse().unwrap();
    let mut backup = Service::builder("backup").start_command("true").start_schedule(daily).build().unwrap();
    backup.alerts = vec![AlertUse::Named("ops".parse().unwrap())];
    served.fake.install(Wanted::services(&[backup])).await.unwrap();
    let remote = served.remote();
    let starts = remote.upcoming(&[], 3).await.unwrap();
    assert_eq!(starts, served.fake.upcoming(&[], 3).await.unwrap());
    assert_eq!(starts.len(), 3);
    let patterns = ["b*".parse().unwrap(), "nobody".parse().unwrap()];
    assert_eq!(remote.upcoming(&patterns, 1).await.unwrap().len(), 1);
    let alerts = remote.alerts(&patterns).await.unwrap();
    assert_eq!(alerts, served.fake.alerts(&patterns).await.unwrap());
    assert_eq!(alerts[&name("backup")].groups, ["ops"]);
}
