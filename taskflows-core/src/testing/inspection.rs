//! What every [`Inspector`] keeps to, beside the [`ServiceManager`] that it looks at. Services called
//! `contract-…` are installed and removed again.

use crate::effects::{Action, Inspector, Next, ServiceManager, State, Target, Wanted};
use crate::inspect::{FileState, UnitFacts};
use crate::{Calendar, Service};

fn services() -> [Service; 2] {
    let yearly: Calendar = "*-01-01 00:00:00 UTC".parse().expect("a calendar");
    let build =
        |builder: crate::ServiceBuilder| builder.build().expect("the contract's own services are right");
    [
        build(Service::builder("contract-bad").start_command("false")),
        build(Service::builder("contract-yearly").start_command("true").start_schedule(yearly)),
    ]
}

async fn surveyed(inspector: &dyn Inspector) -> Vec<UnitFacts> {
    let survey = inspector.survey().await;
    assert!(survey.manager.is_ok(), "{:?}", survey.manager);
    let units = survey.units.expect("the directory can be read");
    units.into_iter().filter(|unit| unit.unit.contains("taskflows-contract-")).collect()
}

/// Everything an [`Inspector`] keeps to.
pub async fn inspector(manager: &dyn ServiceManager, inspector: &dyn Inspector) {
    an_unknown_name_is_not_found(inspector).await;
    let installed = services();
    manager.install(Wanted::services(&installed)).await.unwrap();
    a_survey_tells_of_each_unit(inspector).await;
    evidence_tells_of_the_timer(manager, inspector, &installed[1]).await;
    evidence_tells_of_a_failure(manager, inspector, &installed[0]).await;
    manager.remove(&installed.map(|service| service.name)).await.unwrap();
    assert!(surveyed(inspector).await.is_empty(), "a removal leaves nothing");
}

/// An unknown name is `NotFound`.
pub async fn an_unknown_name_is_not_found(inspector: &dyn Inspector) {
    let nobody = "contract-nobody".parse().expect("a name");
    assert!(inspector.evidence(&nobody, None).await.unwrap_err().is_not_found());
}

/// A survey tells of each unit, sorted by name, that it is as it was written and in force.
async fn a_survey_tells_of_each_unit(inspector: &dyn Inspector) {
    let units = surveyed(inspector).await;
    let names: Vec<&str> = units.iter().map(|unit| unit.unit.as_str()).collect();
    let expected = [
        "taskflows-contract-bad.service",
        "taskflows-contract-yearly.service",
        "taskflows-contract-yearly.timer",
    ];
    assert_eq!(names, expected);
    for unit in &units {
        assert!(matches!(unit.file, FileState::Ours { is_intact: true, .. }), "{unit:?}");
        assert_eq!(unit.is_enabled, unit.is_timer(), "{unit:?}");
    }
    let timer = units[2].loaded.as_ref().expect("a timer that runs is loaded");
    assert!(timer.is_active() && timer.load_state == "loaded" && !timer.needs_reload, "{timer:?}");
}

/// Evidence tells whether the timer runs and when it elapses.
async fn evidence_tells_of_the_timer(
    manager: &dyn ServiceManager,
    inspector: &dyn Inspector,
    service: &Service,
) {
    let names = std::slice::from_ref(&service.name);
    let evidence = inspector.evidence(&service.name, None).await.unwrap();
    let timer = evidence.timer.expect("it has a timer");
    assert!(timer.is_active && timer.is_enabled && timer.is_persistent, "{timer:?}");
    assert!(matches!(timer.next, Next::At(_)), "{timer:?}");
    assert_eq!((evidence.state, evidence.unreachable), (State::Waiting, None));
    manager.perform(names, Action::Disable, Target::Service).await.unwrap();
    let evidence = inspector.evidence(&service.name, None).await.unwrap();
    let timer = evidence.timer.expect("it has a timer");
    assert!(!timer.is_active && !timer.is_enabled, "{timer:?}");
    assert_eq!(evidence.state, State::Stopped);
}

/// Evidence tells that the last run failed.
async fn evidence_tells_of_a_failure(
    manager: &dyn ServiceManager,
    inspector: &dyn Inspector,
    service: &Service,
) {
    let names = std::slice::from_ref(&service.name);
    manager.perform(names, Action::StartAndWait, Target::Service).await.unwrap();
    let evidence = inspector.evidence(&service.name, None).await.unwrap();
    assert_eq!((evidence.state, evidence.timer), (State::Failed, None));
}
