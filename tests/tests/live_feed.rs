//! What changes is told within a second, by a real manager's signals.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use taskflows_core::effects::{
    Action, ServiceError, ServiceManager, State, StateChange, StateFeed, Target, Wanted,
};
use taskflows_core::schedule::Zones;
use taskflows_core::testing::{FixedToolbox, MemoryEnvironmentStore, feeding};
use taskflows_core::{Service, ServiceName};
use taskflows_systemd::{JournalSource, Limits, Scope, SystemdServiceManager, SystemdSettings};
use taskflows_tests::LiveManager;
use tokio::time::{Instant, timeout};

const SECOND: Duration = Duration::from_secs(1);

type Changes = BoxStream<'static, Result<StateChange, ServiceError>>;

fn adapter(manager: &LiveManager) -> SystemdServiceManager {
    SystemdServiceManager::new(SystemdSettings {
        scope: Scope::User,
        unit_directory: manager.unit_directory(),
        state_directory: manager.home().join(".local/state/taskflows"),
        timer_stamps: Some(manager.home().join(".local/share/systemd/timers")),
        bus: manager.variable("DBUS_SESSION_BUS_ADDRESS").to_owned(),
        journal: JournalSource { directory: Some(manager.journal_directory()), ..JournalSource::default() },
        limits: Limits::default(),
        zones: Zones::new(TimeZoneDatabase::bundled(), TimeZone::UTC),
        version: "1.2.3".to_owned(),
        tools: Arc::new(FixedToolbox::default()),
        environments: Arc::new(MemoryEnvironmentStore::default()),
        program: "/bin/true".parse().unwrap(),
        tells_state_directory: false,
    })
}

fn service(name: &str, command: &str) -> Service {
    Service::builder(name).start_argv(["sh", "-c", command]).build().unwrap()
}

async fn install(services: &SystemdServiceManager, all: &[Service]) {
    services.install(Wanted::services(all)).await.unwrap();
}

async fn watch(services: &SystemdServiceManager) -> Changes {
    let mut changes = services.watch();
    let first = timeout(SECOND, changes.next()).await.expect("a watch begins within a second");
    assert_eq!(first.unwrap().unwrap(), StateChange::Resync);
    changes
}

/// Waits until a change is the one that is looked for.
async fn within(limit: Duration, changes: &mut Changes, what: &str, is_it: impl Fn(&StateChange) -> bool) {
    let mut seen = Vec::new();
    let look = async {
        loop {
            match changes.next().await.unwrap() {
                Ok(change) if is_it(&change) => return,
                other => seen.push(other),
            }
        }
    };
    let found = timeout(limit, look).await.is_ok();
    assert!(found, "not within {limit:?}: {what}; seen: {seen:?}");
}

fn becomes<'a>(name: &'a ServiceName, wanted: State) -> impl Fn(&StateChange) -> bool + 'a {
    move |change| matches!(change, StateChange::State { name: it, state, .. } if it == name && *state == wanted)
}

#[tokio::test]
async fn systemd_keeps_to_the_contract_of_a_state_feed() {
    let manager = LiveManager::start();
    let services = adapter(&manager);
    // A manager that has just started takes its name on the bus a moment later.
    let on_bus = || manager.command("busctl").args(["--user", "status", "org.freedesktop.systemd1"]).output();
    taskflows_tests::wait_until("the manager is on the bus", Duration::from_secs(10), || {
        on_bus().is_ok_and(|output| output.status.success())
    });
    timeout(Duration::from_secs(30), feeding::state_feed(&services, &services)).await.expect("it is told");
}

#[tokio::test]
async fn what_systemctl_does_is_told_within_a_second() {
    let manager = LiveManager::start();
    let services = adapter(&manager);
    let [runs, fails] = [service("runs", "exec sleep 60"), service("fails", "sleep 0.3; exit 3")];
    install(&services, &[runs.clone(), fails.clone()]).await;
    let mut changes = watch(&services).await;
    manager.systemctl(&["start", "taskflows-runs"]).expect(0);
    within(SECOND, &mut changes, "a start", becomes(&runs.name, State::Running)).await;
    manager.systemctl(&["kill", "-s", "KILL", "taskflows-runs"]).expect(0);
    within(SECOND, &mut changes, "a kill", becomes(&runs.name, State::Failed)).await;
    manager.systemctl(&["reset-failed", "taskflows-runs"]).expect(0);
    within(SECOND, &mut changes, "a reset", becomes(&runs.name, State::Stopped)).await;
    manager.systemctl(&["start", "taskflows-fails"]).expect(0);
    within(SECOND, &mut changes, "a start", becomes(&fails.name, State::Running)).await;
    within(2 * SECOND, &mut changes, "a failure", becomes(&fails.name, State::Failed)).await;
}

#[tokio::test]
async fn a_timer_that_elapses_is_told() {
    let manager = LiveManager::start();
    let services = adapter(&manager);
    let mut changes = watch(&services).await;
    let period = "[[services]]\nname = \"often\"\nstart_command = \"sleep 0.2\"\n\
                  start_schedule = { start_on = \"login\", period = \"1s\", relative_to = \"finish\", accuracy = \"1ms\" }\n";
    let file = manager.write("often.toml", period);
    manager.tf(&["create", &file]).expect(0);
    let often: ServiceName = "often".parse().unwrap();
    for _ in 0..2 {
        within(3 * SECOND, &mut changes, "a run by the timer", becomes(&often, State::Running)).await;
        within(SECOND, &mut changes, "its end", becomes(&often, State::Waiting)).await;
    }
}

#[tokio::test]
async fn what_other_commands_install_change_and_remove_is_told() {
    let manager = LiveManager::start();
    let services = adapter(&manager);
    let mut changes = watch(&services).await;
    let define = |command: &str| {
        let text = format!(
            "[[services]]\nname = \"web\"\nstart_command = \"{command}\"\nstart_schedule = \"*-01-01 00:00\"\n"
        );
        manager.write("web.toml", &text)
    };
    let web: ServiceName = "web".parse().unwrap();
    let is_in = |name: ServiceName, pick: fn(&StateChange) -> Option<&Vec<ServiceName>>| {
        move |change: &StateChange| pick(change).is_some_and(|names| names.contains(&name))
    };
    manager.tf(&["create", &define("echo one")]).expect(0);
    let installed = is_in(web.clone(), |change| match change {
        StateChange::Services { installed, .. } => Some(installed),
        _ => None,
    });
    within(SECOND, &mut changes, "an installation", installed).await;
    within(SECOND, &mut changes, "that it waits", becomes(&web, State::Waiting)).await;
    let changed = || {
        is_in(web.clone(), |change| match change {
            StateChange::Services { changed, .. } => Some(changed),
            _ => None,
        })
    };
    manager.tf(&["create", &define("echo two")]).expect(0);
    within(SECOND, &mut changes, "a change", changed()).await;
    manager.tf(&["disable", "web"]).expect(0);
    within(SECOND, &mut changes, "that it is disabled", changed()).await;
    manager.tf(&["remove", "web", "--yes"]).expect(0);
    let removed = is_in(web.clone(), |change| match change {
        StateChange::Services { removed, .. } => Some(removed),
        _ => None,
    });
    within(SECOND, &mut changes, "a removal", removed).await;
}

/// Follows what is told until nothing comes for a while, and returns the last state of each service.
async fn settled(changes: &mut Changes) -> std::collections::BTreeMap<ServiceName, State> {
    let mut last = std::collections::BTreeMap::new();
    while let Ok(Some(change)) = timeout(SECOND, changes.next()).await {
        if let StateChange::State { name, state, .. } = change.unwrap() {
            last.insert(name, state);
        }
    }
    last
}

#[tokio::test]
async fn after_two_hundred_quick_starts_every_state_is_told_right() {
    let manager = LiveManager::start();
    let services = adapter(&manager);
    let commands = ["exit 0", "exit 1", "exec sleep 60", "sleep 0.01"];
    let all: Vec<Service> =
        (0..200).map(|n| service(&format!("quick-{n}"), commands[n % commands.len()])).collect();
    install(&services, &all).await;
    let mut changes = watch(&services).await;
    let names: Vec<ServiceName> = all.iter().map(|service| service.name.clone()).collect();
    services.perform(&names, Action::Start, Target::Service).await.unwrap();
    let told = settled(&mut changes).await;
    let listed = services.list(&[]).await.unwrap();
    assert_eq!(listed.len(), 200);
    for listing in &listed {
        let state = told.get(&listing.name).copied().unwrap_or(State::Stopped);
        assert_eq!(state, listing.state, "{}", listing.name);
    }
    let count = |state: State| listed.iter().filter(|listing| listing.state == state).count();
    assert_eq!((count(State::Failed), count(State::Running), count(State::Stopped)), (50, 50, 100));
}

#[tokio::test]
async fn one_service_started_two_hundred_times_is_told_of_each_time_it_can_be() {
    let manager = LiveManager::start();
    let services = adapter(&manager);
    let again = service("again", "exit 0");
    let drop_ins = manager.unit_directory().join("taskflows-again.service.d");
    std::fs::create_dir_all(&drop_ins).unwrap();
    std::fs::write(drop_ins.join("often.conf"), "[Unit]\nStartLimitIntervalSec=0\n").unwrap();
    install(&services, std::slice::from_ref(&again)).await;
    manager.write("loop.sh", "for n in $(seq 200); do systemctl --user start taskflows-again; done\n");
    let mut changes = watch(&services).await;
    let began = Instant::now();
    let mut child = manager.command("sh").arg("loop.sh").spawn().unwrap();
    let (mut told, mut last) = (0, State::Stopped);
    while child.try_wait().unwrap().is_none() || began.elapsed() < SECOND {
        if let Ok(Some(change)) = timeout(Duration::from_millis(100), changes.next()).await {
            let change = change.unwrap();
            told += usize::from(change.names() == [&again.name]);
            last = if let StateChange::State { state, .. } = change { state } else { last };
        }
        assert!(began.elapsed() < 60 * SECOND);
    }
    last = settled(&mut changes).await.get(&again.name).copied().unwrap_or(last);
    assert_eq!(last, State::Stopped);
    assert!(told >= 100, "told {told} times");
}

#[tokio::test]
async fn a_manager_that_reloads_is_followed_and_tells_nothing_that_did_not_happen() {
    let manager = LiveManager::start();
    let services = adapter(&manager);
    let runs = service("runs", "exec sleep 60");
    install(&services, std::slice::from_ref(&runs)).await;
    manager.systemctl(&["start", "taskflows-runs"]).expect(0);
    let mut changes = watch(&services).await;
    manager.systemctl(&["daemon-reload"]).expect(0);
    let told = settled(&mut changes).await;
    assert!(told.get(&runs.name).is_none_or(|state| *state == State::Running), "{told:?}");
    manager.systemctl(&["stop", "taskflows-runs"]).expect(0);
    within(SECOND, &mut changes, "a stop", becomes(&runs.name, State::Stopped)).await;
}

#[tokio::test]
async fn a_manager_that_is_replaced_is_told_as_a_loss_and_then_followed() {
    let manager = LiveManager::start();
    let services = adapter(&manager);
    let runs = service("runs", "exec sleep 60");
    install(&services, std::slice::from_ref(&runs)).await;
    let mut changes = watch(&services).await;
    manager.systemctl(&["daemon-reexec"]).expect(0);
    within(5 * SECOND, &mut changes, "a look at everything", |change| *change == StateChange::Resync).await;
    manager.systemctl(&["start", "taskflows-runs"]).expect(0);
    within(SECOND, &mut changes, "a start", becomes(&runs.name, State::Running)).await;
}

#[tokio::test]
async fn a_manager_that_is_gone_is_an_error_once_and_its_return_is_told() {
    let mut manager = LiveManager::start();
    let services = adapter(&manager);
    install(&services, &[service("runs", "exec sleep 60")]).await;
    let mut changes = watch(&services).await;
    manager.reboot();
    let mut lost = 0;
    loop {
        match timeout(20 * SECOND, changes.next()).await.expect("its return is told").unwrap() {
            Err(error) => {
                assert!(error.is_unreachable(), "{error}");
                lost += 1;
            }
            Ok(StateChange::Resync) => break,
            Ok(_) => {}
        }
    }
    assert_eq!(lost, 1);
    manager.systemctl(&["start", "taskflows-runs"]).expect(0);
    let runs = "runs".parse().unwrap();
    within(SECOND, &mut changes, "a start", becomes(&runs, State::Running)).await;
}
