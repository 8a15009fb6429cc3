//! What every implementation of an effect keeps to: each function is one fact, and panics where it is not
//! so. They install services called `contract-…` and remove them again.

use futures_util::{StreamExt, TryStreamExt};
use jiff::SignedDuration;

use crate::effects::{
    Action, Depth, Effect, EnvironmentError, EnvironmentStore, LogEntry, LogOrigin, LogQuery, LogReader,
    NamedEnvironment, Next, Removal, ServiceError, ServiceManager, State, Target, Wanted,
};
use crate::{Calendar, Change, Consequence, NamePattern, Occasion, Outcome, Plan, Service, ServiceName};

pub use super::log_reading::{BURST, COPIED, NEARLY_FULL, Written, WrittenLine, log_reader_rich};

fn service(name: &str, command: &str) -> Service {
    Service::builder(name).start_command(command).build().expect("the contract's own services are right")
}

fn scheduled(name: &str) -> Service {
    let yearly: Calendar = "*-01-01 00:00:00 UTC".parse().expect("a calendar");
    Service::builder(name)
        .start_command("true")
        .start_schedule(yearly)
        .build()
        .expect("the contract's own services are right")
}

fn name(text: &str) -> ServiceName {
    text.parse().expect("a name")
}

async fn perform_one(
    manager: &dyn ServiceManager,
    service: &ServiceName,
    action: Action,
) -> Result<Effect, crate::effects::ServiceError> {
    let names = std::slice::from_ref(service);
    let performed = manager.perform(names, action, Target::Service).await.expect("it could be tried");
    let [one] = <[_; 1]>::try_from(performed).expect("one result for one name");
    assert_eq!(&one.name, service);
    one.result
}

/// Everything a [`ServiceManager`] keeps to.
pub async fn service_manager(manager: &dyn ServiceManager) {
    an_unknown_name_is_not_found(manager).await;
    an_installation_is_done_once(manager).await;
    a_change_is_of_one_service(manager).await;
    a_removal_is_all_or_none(manager).await;
    patterns_select(manager).await;
    what_is_disabled_stays_so(manager).await;
    a_plan_tells_when_runs_move(manager).await;
    a_plan_tells_what_becomes_of_a_run(manager).await;
    a_service_goes_in_the_same_change(manager).await;
    a_service_of_another_source_stays(manager).await;
    a_good_run_finishes(manager).await;
    a_bad_run_fails(manager).await;
    what_runs_is_stopped_once(manager).await;
}

/// An unknown name is `NotFound`, never success, and the others of a call are not held up by it.
pub async fn an_unknown_name_is_not_found(manager: &dyn ServiceManager) {
    let nobody = name("contract-nobody");
    for action in
        [Action::Start, Action::StartAndWait, Action::Stop, Action::Restart, Action::Enable, Action::Disable]
    {
        let error = perform_one(manager, &nobody, action).await.expect_err("there is no such service");
        assert!(error.is_not_found(), "{action:?}: {error:?}");
    }
    assert!(manager.remove(std::slice::from_ref(&nobody)).await.unwrap_err().is_not_found());
    assert!(manager.files(&nobody).await.unwrap_err().is_not_found());
    let patterns = [NamePattern::from(&nobody)];
    assert!(manager.list(&patterns).await.unwrap().is_empty());
    assert!(manager.details(&patterns, Depth::Full).await.unwrap().is_empty());
}

/// A second installation changes nothing, and a plan says so before.
pub async fn an_installation_is_done_once(manager: &dyn ServiceManager) {
    let services = [scheduled("contract-a"), service("contract-b", "true")];
    let planned = manager.plan(Wanted::services(&services)).await.unwrap();
    assert!(manager.names(&[]).await.unwrap().is_empty(), "a plan changes nothing");
    let done = manager.install(Wanted::services(&services)).await.unwrap();
    assert_eq!(planned, done, "it is done as planned");
    assert!(done.steps.iter().all(|step| matches!(step.change, Change::Create(_))));
    let before = (manager.files(&services[0].name).await.unwrap(), manager.list(&[]).await.unwrap());
    assert!(manager.plan(Wanted::services(&services)).await.unwrap().is_empty());
    assert!(manager.install(Wanted::services(&services)).await.unwrap().is_empty());
    assert_eq!(before, (manager.files(&services[0].name).await.unwrap(), manager.list(&[]).await.unwrap()));
    let [a, b] = <[_; 2]>::try_from(before.1).expect("two services");
    assert_eq!((a.state, b.state), (State::Waiting, State::Stopped));
    assert!(matches!(a.next, Next::At(_)), "{a:?}");
    assert_eq!((a.enabled, b.next, b.last), (true, Next::Unscheduled, None));
    manager.remove(&services.map(|service| service.name)).await.unwrap();
    assert!(manager.names(&[]).await.unwrap().is_empty(), "a removal leaves nothing");
}

/// A change is of the one service that differs, and of its files that differ.
pub async fn a_change_is_of_one_service(manager: &dyn ServiceManager) {
    let before = [scheduled("contract-a"), scheduled("contract-b")];
    manager.install(Wanted::services(&before)).await.unwrap();
    let mut after = before.clone();
    after[1].start_schedule = service_with_other_time().start_schedule;
    let done = manager.install(Wanted::services(&after)).await.unwrap();
    assert_eq!(done.steps[0].change, Change::Unchanged);
    let files: Vec<&str> = done.files().map(|file| file.file.as_str()).collect();
    assert_eq!(files, ["taskflows-contract-b.timer"]);
    manager.remove(&before.map(|service| service.name)).await.unwrap();
}

fn service_with_other_time() -> Service {
    let other: Calendar = "*-02-01 00:00:00 UTC".parse().expect("a calendar");
    Service::builder("contract-b").start_command("true").start_schedule(other).build().expect("a service")
}

/// Where one of the names is unknown, nothing is removed.
pub async fn a_removal_is_all_or_none(manager: &dyn ServiceManager) {
    let known = service("contract-a", "true");
    manager.install(Wanted::services(std::slice::from_ref(&known))).await.unwrap();
    let error = manager.remove(&[known.name.clone(), name("contract-nobody")]).await.unwrap_err();
    assert!(error.is_not_found(), "{error:?}");
    assert_eq!(manager.names(&[]).await.unwrap(), std::slice::from_ref(&known.name));
    manager.remove(&[known.name]).await.unwrap();
}

/// Any of several patterns selects; what is found is sorted, and each is found once.
pub async fn patterns_select(manager: &dyn ServiceManager) {
    let services = ["contract-b", "contract-c", "contract-a"].map(|name| service(name, "true"));
    manager.install(Wanted::services(&services)).await.unwrap();
    let patterns: Vec<NamePattern> =
        ["contract-[ab]", "contract-a"].map(|text| text.parse().expect("a pattern")).into();
    let expected = [name("contract-a"), name("contract-b")];
    assert_eq!(manager.names(&patterns).await.unwrap(), expected);
    let listed: Vec<_> = manager.list(&patterns).await.unwrap().into_iter().map(|one| one.name).collect();
    assert_eq!(listed, expected);
    let details = manager.details(&patterns, Depth::Table).await.unwrap();
    assert_eq!(details.into_iter().map(|one| one.listing.name).collect::<Vec<_>>(), expected);
    manager.remove(&services.map(|service| service.name)).await.unwrap();
}

/// A service that was disabled is not enabled by a change of its definition.
pub async fn what_is_disabled_stays_so(manager: &dyn ServiceManager) {
    let before = scheduled("contract-b");
    manager.install(Wanted::services(std::slice::from_ref(&before))).await.unwrap();
    assert_eq!(perform_one(manager, &before.name, Action::Enable).await.unwrap(), Effect::Unchanged);
    assert_eq!(perform_one(manager, &before.name, Action::Disable).await.unwrap(), Effect::Disabled);
    assert_eq!(perform_one(manager, &before.name, Action::Disable).await.unwrap(), Effect::Unchanged);
    manager.install(Wanted::services(&[service_with_other_time()])).await.unwrap();
    let listed = &manager.list(&[]).await.unwrap()[0];
    assert_eq!((listed.enabled, listed.state, listed.next), (false, State::Stopped, Next::Off));
    assert_eq!(perform_one(manager, &before.name, Action::Enable).await.unwrap(), Effect::Enabled);
    assert_eq!(manager.list(&[]).await.unwrap()[0].state, State::Waiting);
    manager.remove(&[before.name]).await.unwrap();
}

/// Returns what a plan for one service, and its installation, tell of it.
async fn consequences(manager: &dyn ServiceManager, service: &Service) -> Vec<Consequence> {
    let services = std::slice::from_ref(service);
    let only = |plan: Plan| plan.steps.into_iter().next().expect("one step for one service").consequences;
    let planned = only(manager.plan(Wanted::services(services)).await.unwrap());
    let done = only(manager.install(Wanted::services(services)).await.unwrap());
    assert_eq!(planned, done, "it is told before as after");
    planned
}

async fn next_of(manager: &dyn ServiceManager, service: &ServiceName) -> Next {
    manager.list(&[NamePattern::from(service)]).await.unwrap()[0].next
}

/// A plan tells when a service runs first, and from when to when its next run moves, as the list has it.
pub async fn a_plan_tells_when_runs_move(manager: &dyn ServiceManager) {
    let what = Occasion::Run;
    let (before, after) = (scheduled("contract-b"), service_with_other_time());
    let told = consequences(manager, &before).await;
    let Next::At(first) = next_of(manager, &before.name).await else { panic!("it is scheduled") };
    assert_eq!(told, [Consequence::First { what, at: first }]);

    let told = consequences(manager, &after).await;
    let Next::At(to) = next_of(manager, &before.name).await else { panic!("it is scheduled") };
    assert_eq!(told, [Consequence::NextMoves { what, from: first, to }]);

    let told = consequences(manager, &service("contract-b", "true")).await;
    assert_eq!(told, [Consequence::NoLongerScheduled { what, was: Some(to) }]);
    assert_eq!(consequences(manager, &before).await, [Consequence::NowScheduled { what, at: first }]);

    perform_one(manager, &before.name, Action::Disable).await.unwrap();
    assert_eq!(consequences(manager, &after).await, [Consequence::StaysDisabled]);
    assert_eq!(consequences(manager, &after).await, [Consequence::StaysDisabled], "nothing changes");
    perform_one(manager, &before.name, Action::Enable).await.unwrap();
    assert_eq!(consequences(manager, &after).await, []);
    let stopped = manager.perform(std::slice::from_ref(&before.name), Action::Stop, Target::Timers).await;
    assert!(stopped.unwrap().iter().all(|done| done.result.is_ok()));
    assert_eq!(consequences(manager, &after).await, [Consequence::TimersStayStopped]);
    manager.remove(&[before.name]).await.unwrap();
}

/// A plan tells what becomes of what runs: it needs a restart, goes on as it began, or is stopped.
pub async fn a_plan_tells_what_becomes_of_a_run(manager: &dyn ServiceManager) {
    let before = sourced("contract-long", "sleep 300", "/contract/a.toml");
    assert_eq!(consequences(manager, &before).await, [Consequence::WaitsForStart]);
    perform_one(manager, &before.name, Action::Start).await.unwrap();
    let mut after = before.clone();
    after.start_command = service("contract-long", "sleep 301").start_command;
    assert_eq!(consequences(manager, &after).await, [Consequence::RestartNeeded]);

    after.start_schedule = scheduled("contract-long").start_schedule;
    let told = consequences(manager, &after).await;
    assert!(
        matches!(told.as_slice(), [Consequence::NowScheduled { .. }, Consequence::RunContinues]),
        "{told:?}"
    );
    let removal = [Removal { name: before.name.clone(), source: "/contract/a.toml".to_owned() }];
    let plan = manager.plan(Wanted { removals: &removal, ..Wanted::default() }).await.unwrap();
    assert!(plan.steps[0].consequences.contains(&Consequence::Stops), "{plan:?}");
    manager.remove(&[before.name]).await.unwrap();
}

fn sourced(name: &str, command: &str, source: &str) -> Service {
    let mut service = service(name, command);
    service.source = Some(source.parse().expect("a path"));
    service
}

/// Services that go and services that come are one change; what is gone already is passed over.
pub async fn a_service_goes_in_the_same_change(manager: &dyn ServiceManager) {
    let before = ["contract-a", "contract-b"].map(|name| sourced(name, "true", "/contract/a.toml"));
    manager.install(Wanted::services(&before)).await.unwrap();
    let origins = manager.origins(&[]).await.unwrap();
    assert!(origins.iter().all(|origin| origin.source.as_deref() == Some("/contract/a.toml")));
    assert_eq!(origins.len(), 2, "{origins:?}");

    let after = [sourced("contract-b", "false", "/contract/a.toml"), service("contract-c", "true")];
    let removals = ["contract-a", "contract-b", "contract-nobody"]
        .map(|of| Removal { name: name(of), source: "/contract/a.toml".to_owned() });
    let wanted = Wanted { removals: &removals, ..Wanted::services(&after) };
    let planned = manager.plan(wanted).await.unwrap();
    let words: Vec<(&str, &str)> =
        planned.steps.iter().map(|step| (step.name.as_str(), step.change.word())).collect();
    let expected = [("contract-b", "update"), ("contract-c", "create"), ("contract-a", "remove")];
    assert_eq!(words, expected);
    assert_eq!(manager.install(wanted).await.unwrap(), planned);
    assert_eq!(manager.names(&[]).await.unwrap(), [name("contract-b"), name("contract-c")]);
    assert!(manager.install(wanted).await.unwrap().is_empty(), "a second time there is nothing to do");
    manager.remove(&after.map(|service| service.name)).await.unwrap();
}

/// A service that comes from elsewhere than was thought is not removed, and nothing else is done then.
pub async fn a_service_of_another_source_stays(manager: &dyn ServiceManager) {
    let known = sourced("contract-a", "true", "/contract/b.toml");
    manager.install(Wanted::services(std::slice::from_ref(&known))).await.unwrap();
    let removals = [Removal { name: known.name.clone(), source: "/contract/a.toml".to_owned() }];
    let other = [service("contract-b", "true")];
    let wanted = Wanted { removals: &removals, ..Wanted::services(&other) };
    for error in [manager.plan(wanted).await.unwrap_err(), manager.install(wanted).await.unwrap_err()] {
        assert!(matches!(error, ServiceError::OtherSource { .. }), "{error:?}");
    }
    assert_eq!(manager.names(&[]).await.unwrap(), std::slice::from_ref(&known.name));
    manager.remove(&[known.name]).await.unwrap();
}

/// A run that ends well is waited for, and told.
pub async fn a_good_run_finishes(manager: &dyn ServiceManager) {
    let good = service("contract-good", "true");
    manager.install(Wanted::services(std::slice::from_ref(&good))).await.unwrap();
    match perform_one(manager, &good.name, Action::StartAndWait).await.unwrap() {
        Effect::Finished(run) => assert_eq!(run.outcome, Outcome::Succeeded),
        other => panic!("it is over: {other:?}"),
    }
    assert_eq!(manager.list(&[]).await.unwrap()[0].state, State::Stopped);
    manager.remove(&[good.name]).await.unwrap();
}

/// A run that fails is an error that tells how, whether or not its end is waited for, and stays to be seen.
pub async fn a_bad_run_fails(manager: &dyn ServiceManager) {
    let bad = service("contract-bad", "false");
    manager.install(Wanted::services(std::slice::from_ref(&bad))).await.unwrap();
    for action in [Action::Start, Action::StartAndWait] {
        let error = perform_one(manager, &bad.name, action).await.expect_err("it fails");
        assert!(error.is_run_failed() && error.to_string().contains("exit code 1"), "{action:?}: {error:?}");
    }
    let details = &manager.details(&[NamePattern::from(&bad.name)], Depth::Full).await.unwrap()[0];
    assert_eq!(details.listing.state, State::Failed);
    manager.remove(&[bad.name]).await.unwrap();
}

/// What runs is not started again; it is stopped once.
pub async fn what_runs_is_stopped_once(manager: &dyn ServiceManager) {
    let long = service("contract-long", "sleep 300");
    manager.install(Wanted::services(std::slice::from_ref(&long))).await.unwrap();
    assert_eq!(perform_one(manager, &long.name, Action::Start).await.unwrap(), Effect::Started);
    assert_eq!(perform_one(manager, &long.name, Action::Start).await.unwrap(), Effect::AlreadyRunning);
    let details = &manager.details(&[], Depth::Full).await.unwrap()[0];
    assert_eq!((details.listing.state, details.main_pid.is_some()), (State::Running, true));
    assert_eq!(perform_one(manager, &long.name, Action::Restart).await.unwrap(), Effect::Restarted);
    assert_eq!(perform_one(manager, &long.name, Action::Stop).await.unwrap(), Effect::Stopped);
    assert_eq!(perform_one(manager, &long.name, Action::Stop).await.unwrap(), Effect::AlreadyStopped);
    manager.remove(&[long.name]).await.unwrap();
}

/// What a [`LogReader`] keeps to, of a `service` whose processes wrote `one`, `two` and `three` and nothing else;
/// [`log_reader_rich`] has the rest.
pub async fn log_reader(reader: &dyn LogReader, service: &ServiceName) {
    let query = LogQuery { services: vec![service.clone()], ..LogQuery::default() };
    let all = reader.read(&query).await.unwrap();
    let written: Vec<&str> = all
        .iter()
        .filter(|entry| entry.origin == LogOrigin::Process)
        .map(|entry| entry.message.as_str())
        .collect();
    assert_eq!(written, ["one", "two", "three"], "all of it, oldest first");
    assert!(all.is_sorted_by_key(|entry| entry.time));
    assert!(all.iter().all(|entry| entry.service == *service));

    let newest = reader.read(&LogQuery { lines: Some(2), ..query.clone() }).await.unwrap();
    assert_eq!(newest, all[all.len() - 2..], "the newest");

    let last = all[all.len() - 1].time;
    let after = Some(last.checked_add(SignedDuration::from_secs(1)).expect("a time"));
    assert!(reader.read(&LogQuery { since: after, ..query.clone() }).await.unwrap().is_empty());
    assert_eq!(reader.read(&LogQuery { until: after, ..query.clone() }).await.unwrap(), all);

    let earlier = Some(all[0].time.checked_sub(SignedDuration::from_secs(1)).expect("a time"));
    let newest_since = LogQuery { lines: Some(2), since: earlier, ..query.clone() };
    assert_eq!(reader.read(&newest_since).await.unwrap(), newest, "the newest also where there is a first");
    let newest_until = LogQuery { lines: Some(2), until: after, ..query.clone() };
    assert_eq!(reader.read(&newest_until).await.unwrap(), newest, "and where there is a last");

    let other = LogQuery { services: vec![name("contract-nobody")], ..LogQuery::default() };
    assert!(reader.read(&other).await.unwrap().is_empty(), "another's lines are not among them");
    let nothing = LogQuery { services: Vec::new(), ..LogQuery::default() };
    assert!(reader.read(&nothing).await.unwrap().is_empty(), "of no services there are none");
    assert!(reader.read(&LogQuery { lines: Some(0), ..query.clone() }).await.unwrap().is_empty());

    let with =
        |pattern: &str| LogQuery { pattern: Some(pattern.parse().expect("a pattern")), ..query.clone() };
    let messages =
        |entries: Vec<LogEntry>| entries.into_iter().map(|entry| entry.message).collect::<Vec<_>>();
    assert_eq!(messages(reader.read(&with("^t(wo|hree)$")).await.unwrap()), ["two", "three"]);
    let last_two = LogQuery { lines: Some(1), ..with("^(one|two)$") };
    assert_eq!(messages(reader.read(&last_two).await.unwrap()), ["two"], "the newest that it is found in");

    let followed: Vec<_> = reader.follow(&query).take(all.len()).try_collect().await.unwrap();
    assert_eq!(followed, all, "those that are there come first");
}

/// What holds for every environment store; it is empty at first, and at the end.
///
/// # Panics
/// Where the contract is not kept.
pub async fn environment_store(store: &dyn EnvironmentStore) {
    let at = |second| jiff::Timestamp::from_second(second).unwrap();
    let named = |name: &str, path: &str, second| NamedEnvironment {
        name: name.parse().unwrap(),
        description: Some("for tests".parse().unwrap()),
        definition: serde_json::json!({ "path": path }),
        environment: crate::PythonVenv { path: path.parse().unwrap() }.into(),
        created_at: at(second),
        updated_at: at(second),
    };
    assert!(store.list().await.unwrap().is_empty());
    let nobody = "nobody".parse().unwrap();
    assert!(store.remove(&nobody).await.unwrap_err().is_not_found());
    assert!(store.replace(&nobody, named("nobody", "/x", 1)).await.unwrap_err().is_not_found());
    store.create(named("b", "/srv/b", 1)).await.unwrap();
    store.create(named("a", "/srv/a", 2)).await.unwrap();
    assert_eq!(store.list().await.unwrap(), [named("a", "/srv/a", 2), named("b", "/srv/b", 1)]);
    let twice = store.create(named("a", "/srv/other", 3)).await;
    assert!(matches!(twice, Err(EnvironmentError::Exists { .. })), "{twice:?}");
    // A change keeps when it was made, and may give it another name that is free.
    let taken = store.replace(&"a".parse().unwrap(), named("b", "/srv/a", 4)).await;
    assert!(matches!(taken, Err(EnvironmentError::Exists { .. })), "{taken:?}");
    store.replace(&"a".parse().unwrap(), named("c", "/srv/c", 5)).await.unwrap();
    let changed = NamedEnvironment { created_at: at(2), ..named("c", "/srv/c", 5) };
    assert_eq!(store.list().await.unwrap(), [named("b", "/srv/b", 1), changed]);
    store.remove(&"b".parse().unwrap()).await.unwrap();
    store.remove(&"c".parse().unwrap()).await.unwrap();
    assert!(store.list().await.unwrap().is_empty());
}
