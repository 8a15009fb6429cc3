//! What every [`ServiceWatch`] keeps to, beside the [`ServiceManager`] whose services it watches. Services called
//! `contract-…` are installed and removed again.

use crate::effects::{Action, ServiceManager, ServiceWatch, Target, Wanted};
use crate::monitor::{TimerState, Watched};
use crate::{Calendar, Service, ServiceName};

fn services() -> [Service; 2] {
    let yearly: Calendar = "*-01-01 00:00:00 UTC".parse().expect("a calendar");
    let build =
        |builder: crate::ServiceBuilder| builder.build().expect("the contract's own services are right");
    [
        build(Service::builder("contract-unscheduled").start_command("true")),
        build(Service::builder("contract-yearly").start_command("true").start_schedule(yearly)),
    ]
}

async fn watched(watch: &dyn ServiceWatch) -> Vec<Watched> {
    let facts = watch.glance().await.unwrap();
    facts.services.into_iter().filter(|one| one.service.as_str().starts_with("contract-")).collect()
}

/// Everything a [`ServiceWatch`] keeps to.
pub async fn service_watch(manager: &dyn ServiceManager, watch: &dyn ServiceWatch) {
    let installed = services();
    let yearly = &installed[1].name;
    manager.install(Wanted::services(&installed)).await.unwrap();
    only_what_is_scheduled_is_watched(watch, yearly).await;
    a_run_is_seen_by_a_closer_look(manager, watch, yearly).await;
    what_is_switched_off_is_neither_linked_nor_active(manager, watch, yearly).await;
    manager.remove(&installed.map(|service| service.name)).await.unwrap();
    assert!(watched(watch).await.is_empty(), "a removal leaves nothing");
}

async fn only_what_is_scheduled_is_watched(watch: &dyn ServiceWatch, yearly: &ServiceName) {
    let found = watched(watch).await;
    assert_eq!(found.iter().map(|one| &one.service).collect::<Vec<_>>(), [yearly]);
    let timer = &found[0].timer;
    assert!(timer.has_file && timer.is_linked && timer.is_persistent, "{timer:?}");
    assert_eq!(timer.state, TimerState::Waiting);
    assert!(timer.changed.is_some() && !found[0].is_running && found[0].closer.is_none());
}

async fn a_run_is_seen_by_a_closer_look(
    manager: &dyn ServiceManager,
    watch: &dyn ServiceWatch,
    yearly: &ServiceName,
) {
    let look = async || watch.look_closer(std::slice::from_ref(yearly)).await.unwrap().remove(0);
    let before = look().await;
    assert!(before.active_since.is_some() && before.run_started.is_none(), "{before:?}");
    manager.perform(std::slice::from_ref(yearly), Action::StartAndWait, Target::Service).await.unwrap();
    let after = look().await;
    assert!(after.run_started.is_some() && after.run_ended >= after.run_started, "{after:?}");
}

async fn what_is_switched_off_is_neither_linked_nor_active(
    manager: &dyn ServiceManager,
    watch: &dyn ServiceWatch,
    yearly: &ServiceName,
) {
    manager.perform(std::slice::from_ref(yearly), Action::Disable, Target::Service).await.unwrap();
    let found = watched(watch).await;
    assert!(found[0].timer.has_file && !found[0].timer.is_linked, "{found:?}");
    assert_eq!(found[0].timer.state, TimerState::Dead);
}
