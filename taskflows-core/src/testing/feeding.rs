//! What every [`StateFeed`] keeps to, beside the [`ServiceManager`] whose services it tells of. Services called
//! `contract-…` are installed and removed again.

use futures_util::StreamExt;
use futures_util::stream::BoxStream;

use crate::effects::{Action, ServiceError, ServiceManager, State, StateChange, StateFeed, Target, Wanted};
use crate::{Calendar, Service, ServiceBuilder, ServiceName};

type Stream = BoxStream<'static, Result<StateChange, ServiceError>>;

fn services() -> [Service; 3] {
    let yearly: Calendar = "*-01-01 00:00:00 UTC".parse().expect("a calendar");
    let build = |builder: ServiceBuilder| builder.build().expect("the contract's own services are right");
    [
        build(Service::builder("contract-fails").start_command("false")),
        build(Service::builder("contract-sleeps").start_command("sleep infinity")),
        build(Service::builder("contract-yearly").start_command("true").start_schedule(yearly)),
    ]
}

/// Everything a [`StateFeed`] keeps to.
pub async fn state_feed(manager: &dyn ServiceManager, feed: &dyn StateFeed) {
    let mut changes = feed.watch();
    assert_eq!(next(&mut changes).await, StateChange::Resync, "a watch begins with a look at everything");
    let installed = services();
    let names = installed.each_ref().map(|service| service.name.clone());
    let [fails, sleeps, yearly] = &names;
    what_is_installed_is_told(manager, &mut changes, &installed).await;
    until_state(&mut changes, yearly, State::Waiting).await;
    for (name, action, state) in [
        (sleeps, Action::Start, State::Running),
        (sleeps, Action::Stop, State::Stopped),
        (fails, Action::StartAndWait, State::Failed),
    ] {
        act(manager, name, action, Target::Service).await;
        until_state(&mut changes, name, state).await;
    }
    act(manager, yearly, Action::StartAndWait, Target::Service).await;
    until(&mut changes, |change| is_about(change, yearly)).await;
    act(manager, yearly, Action::Stop, Target::Timers).await;
    until_state(&mut changes, yearly, State::Stopped).await;
    two_who_watch_are_told_the_same(manager, feed, &mut changes, sleeps).await;
    manager.remove(&names).await.unwrap();
    let mut gone = Vec::new();
    while gone.len() < names.len() {
        if let StateChange::Services { removed, .. } = next(&mut changes).await {
            gone.extend(removed);
        }
    }
    assert_eq!(gone, names);
}

async fn what_is_installed_is_told(manager: &dyn ServiceManager, changes: &mut Stream, services: &[Service]) {
    manager.install(Wanted::services(services)).await.unwrap();
    let mut new = Vec::new();
    while new.len() < services.len() {
        let change = next(changes).await;
        match &change {
            StateChange::Services { installed, .. } => new.extend(installed.clone()),
            other => assert!(
                other.names().iter().all(|name| new.contains(name)),
                "{other:?} is told of a service before the service is"
            ),
        }
    }
    assert!(services.iter().map(|service| &service.name).eq(&new), "{new:?}");
}

async fn two_who_watch_are_told_the_same(
    manager: &dyn ServiceManager,
    feed: &dyn StateFeed,
    changes: &mut Stream,
    name: &ServiceName,
) {
    let mut other = feed.watch();
    assert_eq!(next(&mut other).await, StateChange::Resync);
    act(manager, name, Action::Start, Target::Service).await;
    for stream in [changes, &mut other] {
        until_state(stream, name, State::Running).await;
    }
}

async fn act(manager: &dyn ServiceManager, name: &ServiceName, action: Action, target: Target) {
    // What came of it is for the feed to tell.
    manager.perform(std::slice::from_ref(name), action, target).await.unwrap();
}

fn is_about(change: &StateChange, name: &ServiceName) -> bool {
    matches!(change, StateChange::State { name: it, .. } | StateChange::Touched { name: it, .. } if it == name)
}

async fn until_state(changes: &mut Stream, name: &ServiceName, wanted: State) {
    let is_it = |change: &StateChange| matches!(change, StateChange::State { name: it, state, .. } if it == name && *state == wanted);
    until(changes, is_it).await;
}

async fn until(changes: &mut Stream, is_it: impl Fn(&StateChange) -> bool) {
    while !is_it(&next(changes).await) {}
}

async fn next(changes: &mut Stream) -> StateChange {
    changes.next().await.expect("a feed does not end").unwrap()
}
