//! The real adapters keep to the contracts that the fakes keep to.

use std::sync::Arc;
use std::time::Duration;

use jiff::tz::{TimeZone, TimeZoneDatabase};
use taskflows_core::Service;
use taskflows_core::effects::{Action, LogQuery, LogReader, ServiceManager, Target, Wanted};
use taskflows_core::schedule::Zones;
use taskflows_core::testing::{FixedToolbox, MemoryEnvironmentStore, contract, inspection, watching};
use taskflows_systemd::{JournalSource, Limits, Scope, SystemdServiceManager, SystemdSettings};
use taskflows_tests::{LiveManager, tf_binary, wait_until};

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

#[tokio::test]
async fn systemd_keeps_to_the_contract_of_a_service_manager() {
    let manager = LiveManager::start();
    contract::service_manager(&adapter(&manager)).await;
}

#[tokio::test]
async fn systemd_keeps_to_the_contract_of_an_inspector() {
    let manager = LiveManager::start();
    let services = adapter(&manager);
    inspection::inspector(&services, &services).await;
}

#[tokio::test]
async fn systemd_keeps_to_the_contract_of_a_watch() {
    let manager = LiveManager::start();
    let services = adapter(&manager);
    watching::service_watch(&services, &services).await;
}

#[tokio::test]
async fn the_journal_keeps_to_the_contract_of_a_log() {
    let manager = LiveManager::start();
    let services = adapter(&manager);
    let writer = Service::builder("contract-writer").start_argv(["printf", "one\ntwo\nthree\n"]);
    let writer = writer.build().unwrap();
    services.install(Wanted::services(std::slice::from_ref(&writer))).await.unwrap();
    let names = std::slice::from_ref(&writer.name);
    let done = services.perform(names, Action::StartAndWait, Target::Service).await.unwrap();
    assert!(done[0].result.is_ok(), "{done:?}");
    let journal = services.journal();
    // journald takes a moment.
    let query = LogQuery { services: names.to_vec(), ..LogQuery::default() };
    let mut tries = 0;
    while !journal.read(&query).await.unwrap().iter().any(|entry| entry.message == "three") {
        tries += 1;
        assert!(tries < 100, "the lines did not arrive");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    contract::log_reader(&journal, &writer.name).await;
}

/// Writes a unit by hand that runs a script as a task.
fn task(manager: &LiveManager, name: &str, script: &str) -> String {
    let path = manager.write(&format!("{name}.sh"), script);
    let unit = format!("taskflows-{name}.service");
    let text = format!(
        "[Service]\nType=oneshot\nSyslogIdentifier=taskflows-{name}\n\
         ExecStart={tf} exec --service {name} --retries 1 --backoff 10ms -- sh {path}\n",
        tf = tf_binary().display(),
    );
    std::fs::create_dir_all(manager.unit_directory()).unwrap();
    std::fs::write(manager.unit_directory().join(&unit), text).unwrap();
    manager.systemctl(&["daemon-reload"]).expect(0);
    unit
}

#[tokio::test]
async fn the_journal_keeps_to_the_contract_of_a_log_with_runs() {
    let manager = LiveManager::start();
    let (nearly_full, copied) = (contract::NEARLY_FULL, contract::COPIED);
    let script = format!(
        "if [ -e again ]; then echo rich again; exit; fi\n\
         if [ $TASKFLOWS_ATTEMPT = 1 ]; then echo rich begin; echo '<3>rich no space left'; echo '{nearly_full}'; exit 1; fi\n\
         echo '{copied}'\n\
         for n in $(seq -w 0 {last}); do echo rich burst $n; done\n",
        last = contract::BURST - 1,
    );
    let script = script.replace("again ]", &format!("{}/again ]", manager.home().display()));
    let first = task(&manager, "contract-first", &script);
    let second = task(&manager, "contract-second", "echo rich between\n");
    manager.systemctl(&["start", &first]).expect(0);
    let newest = manager.tf(&["history", "-n", "1", "-o", "jsonl"]).expect(0).stdout;
    let newest: serde_json::Value = serde_json::from_str(&newest).unwrap();
    let run = newest["id"].as_str().unwrap().parse().unwrap();
    manager.systemctl(&["start", &second]).expect(0);
    manager.write("again", "");
    manager.systemctl(&["start", &first]).expect(0);
    let read = || manager.tf(&["logs", "contract-first", "-o", "raw"]).stdout;
    wait_until("the last line arrives", Duration::from_secs(20), || read().contains("rich again"));
    let (first, second) = ("contract-first".parse().unwrap(), "contract-second".parse().unwrap());
    let written = contract::Written { first, second, run };
    contract::log_reader_rich(&adapter(&manager).journal(), &written).await;
}
