//! Unit text: the same bytes for the same service, every directive where it belongs, and nothing that a
//! definition holds read as one.

#![expect(clippy::unwrap_used, reason = "a test that unwraps fails as it should")]

use std::sync::Arc;

use jiff::tz::{TimeZone, TimeZoneDatabase};
use proptest::prelude::*;
use taskflows_core::schedule::Zones;
use taskflows_core::testing::FixedToolbox;
use taskflows_core::{CgroupConfig, Format, Service, Source, UnitFiles, read};
use taskflows_systemd::{Mark, RenderContext, Scope, UnitName, render, same_meaning, support_units};

const FULL: &str = include_str!("../../taskflows-core/tests/files/full.toml");
const ENVIRONMENTS: &str = include_str!("../../taskflows-core/tests/files/environments.toml");

const TASKS: &str = include_str!("files/tasks.toml");

fn services(text: &str) -> Vec<Service> {
    let zones = Zones::new(TimeZoneDatabase::bundled(), TimeZone::UTC);
    let source = Source::new("jobs.toml", text, Format::Toml).with_base("/home/ada/jobs".to_owned());
    read(&source.with_origin("/home/ada/jobs/jobs.toml".to_owned()), &zones).unwrap().services
}

fn context(scope: Scope) -> RenderContext {
    let tools = Arc::new(FixedToolbox::default());
    RenderContext {
        version: "1.2.3".to_owned(),
        scope,
        is_unprivileged: false,
        tools,
        program: "/usr/local/bin/tf".parse().unwrap(),
        data_directory: "/home/ada/.local/state/taskflows".parse().unwrap(),
        tells_data_directory: false,
    }
}

fn units(service: &Service) -> UnitFiles {
    render(service, &context(Scope::User)).unwrap()
}

fn shown(units: &UnitFiles) -> String {
    units.files.iter().map(|(name, text)| format!("==> {name} <==\n{text}\n")).collect()
}

#[test]
fn every_field_becomes_its_directives() {
    let text: String = services(FULL).iter().map(|service| shown(&units(service))).collect();
    insta::assert_snapshot!(text);
}

#[test]
fn environments_and_limits_become_directives_or_flags() {
    let text: String = services(ENVIRONMENTS).iter().map(|service| shown(&units(service))).collect();
    insta::assert_snapshot!(text);
}

#[test]
fn tasks_and_alerts_become_the_lines_by_which_tf_hears_of_them() {
    let text: String = services(TASKS).iter().map(|service| shown(&units(service))).collect();
    insta::assert_snapshot!(text);
}

#[test]
fn units_of_our_own_are_no_services() {
    let context = RenderContext {
        program: "/opt/a b/tf".parse().unwrap(),
        data_directory: "/srv/50%".parse().unwrap(),
        tells_data_directory: true,
        ..context(Scope::System)
    };
    let units = support_units(&context);
    let shown: String = units.iter().map(|(name, text)| format!("==> {name} <==\n{text}\n")).collect();
    insta::assert_snapshot!(shown);
    for (name, text) in &units {
        assert_eq!(UnitName::parse(name), None);
        assert!(Mark::read(text).unwrap().is_intact(text), "{text}");
    }
    // What tells the data of the machine's manager tells it to services as well.
    let watched = &services(TASKS)[0];
    let text = &render(watched, &context).unwrap().files[&format!("taskflows-{}.service", watched.name)];
    assert!(text.contains("\nEnvironment=\"TASKFLOWS_DATA_DIR=/srv/50%%\"\n"), "{text}");
    assert!(text.contains("\nExecStopPost=-+\"/opt/a b/tf\" hook stopped sync --scope system\n"), "{text}");
    assert!(
        text.contains("\nExecStart=\"/opt/a b/tf\" exec --service sync --scope system --retries 3 "),
        "{text}"
    );
}

#[test]
fn a_unit_tells_who_is_told_and_no_secret() {
    for service in services(TASKS) {
        let text = &units(&service).files[&format!("taskflows-{}.service", service.name)];
        assert_eq!(Mark::read(text).unwrap().alerts, service.alert_mark());
        assert!(!text.contains("hunter2") && !text.contains("xoxb"), "{text}");
    }
}

#[test]
fn another_tf_is_another_meaning() {
    let moved = RenderContext { program: "/opt/tf".parse().unwrap(), ..context(Scope::User) };
    let service = &services(TASKS)[0];
    let (before, after) = (units(service), render(service, &moved).unwrap());
    assert!(before.files.iter().any(|(name, text)| !same_meaning(text, &after.files[name])));
    // Of a service that is no task, the hook is all that names it.
    let plain = &services(FULL)[0];
    let (before, after) = (units(plain), render(plain, &moved).unwrap());
    let main = "taskflows-nightly_backup.service";
    for (name, text) in &before.files {
        assert_eq!(same_meaning(text, &after.files[name]), name != main, "{name}");
    }
}

#[test]
fn what_a_host_does_not_have_is_told_with_a_remedy() {
    let context = RenderContext { tools: Arc::new(FixedToolbox { empty: true }), ..context(Scope::User) };
    let told: Vec<String> = services(ENVIRONMENTS)
        .iter()
        .filter_map(|service| render(service, &context).err())
        .map(|error| error.to_string())
        .collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn a_user_is_chosen_by_the_machines_manager_only() {
    let service = Service::builder("a")
        .start_command("x")
        .cgroup_config(CgroupConfig { user: Some("www-data".parse().unwrap()), ..CgroupConfig::default() })
        .build()
        .unwrap();
    assert!(render(&service, &context(Scope::User)).unwrap_err().to_string().contains("--scope system"));
    let text = &render(&service, &context(Scope::System)).unwrap().files["taskflows-a.service"];
    assert!(text.contains("\nUser=www-data\n"), "{text}");
}

#[test]
fn who_is_not_root_gets_no_capability_where_none_can_be_taken_away() {
    let limits = CgroupConfig { cap_drop: vec!["ALL".parse().unwrap()], ..CgroupConfig::default() };
    let service = Service::builder("a").start_command("x").cgroup_config(limits).build().unwrap();
    let unprivileged = RenderContext { is_unprivileged: true, ..context(Scope::User) };
    let text = &render(&service, &unprivileged).unwrap().files["taskflows-a.service"];
    assert!(text.contains("\nNoNewPrivileges=yes\n") && !text.contains("CapabilityBoundingSet"), "{text}");
    assert!(units(&service).files["taskflows-a.service"].contains("\nCapabilityBoundingSet=\n"));
}

#[test]
fn a_home_that_is_not_the_users_is_refused() {
    let limits = CgroupConfig { user: Some("bob".parse().unwrap()), ..CgroupConfig::default() };
    let service = |user: CgroupConfig| {
        Service::builder("a")
            .start_command("x")
            .working_directory("~/100%h")
            .cgroup_config(user)
            .build()
            .unwrap()
    };
    let refused = render(&service(limits), &context(Scope::System)).unwrap_err().to_string();
    assert!(refused.contains("`WorkingDirectory`") && refused.contains("root's home"), "{refused}");
    assert!(render(&service(CgroupConfig::default()), &context(Scope::System)).is_ok());
}

#[test]
fn helpers_ask_the_manager_of_their_scope() {
    let service = &services(FULL)[0];
    let system = render(service, &context(Scope::System)).unwrap();
    let helper = &system.files["stop-taskflows-nightly_backup.service"];
    assert!(helper.contains("ExecStart=systemctl stop taskflows-nightly_backup.service\n"), "{helper}");
    let helper = &units(service).files["restart-taskflows-nightly_backup.service"];
    assert!(
        helper.contains("systemctl --user reload-or-restart taskflows-nightly_backup.service\n"),
        "{helper}"
    );
    assert!(!helper.contains("[Install]") && !helper.contains("ConditionCPUPressure"), "{helper}");
}

#[test]
fn the_same_service_gives_the_same_bytes_and_another_version_the_same_meaning() {
    for service in services(FULL) {
        let (one, other) = (units(&service), units(&service.clone()));
        assert_eq!(one, other);
        let newer = RenderContext { version: "9.9.9".to_owned(), ..context(Scope::User) };
        for (name, text) in render(&service, &newer).unwrap().files {
            assert_ne!(text, one.files[&name]);
            assert!(same_meaning(&text, &one.files[&name]), "{name}");
        }
    }
}

#[test]
fn every_file_bears_an_intact_mark() {
    for (name, text) in services(FULL).iter().flat_map(|service| units(service).files) {
        let mark = Mark::read(&text).unwrap_or_else(|| panic!("{name} has no mark"));
        assert!(mark.is_intact(&text), "{name}");
        assert_eq!(
            (mark.version.as_str(), mark.source.as_deref()),
            ("1.2.3", Some("/home/ada/jobs/jobs.toml"))
        );
        assert!(!mark.is_intact(&text.replace("Description=", "Description=x")), "{name}");
    }
}

#[test]
fn a_line_longer_than_systemd_reads_is_refused() {
    let service = Service::builder("long").start_argv(vec!["x".to_owned(); 600_000]).build();
    // Refused where it is built or where it is rendered, but never written.
    assert!(
        service
            .map_err(|error| error.to_string())
            .and_then(|service| render(&service, &context(Scope::User)).map_err(|error| error.to_string()))
            .is_err()
    );
}

/// The keys of the directives in a text, in order.
fn keys(text: &str) -> Vec<&str> {
    text.lines().map(|line| line.split_once('=').map_or(line, |(key, _)| key)).collect()
}

proptest! {
    /// Whatever an argument, a value, a description holds, the directives are the same.
    #[test]
    fn no_value_adds_a_directive(argument in "[^\0]{0,40}", value in "[^\0]{0,40}", description in "[^\0\r\n]{0,40}") {
        let build = |argument: &str, value: &str, description: &str| {
            Service::builder("web").start_argv(["serve", argument]).env("A", value).description(description).build()
        };
        let plain = units(&build("x", "x", "x").unwrap());
        // What no line can hold is refused by the builder.
        if let Ok(service) = build(&argument, &value, &description) {
            let odd = units(&service);
            for (name, text) in &odd.files {
                prop_assert_eq!(keys(text), keys(&plain.files[name]));
                prop_assert!(!text.contains('\r') && !text.contains('\0'));
                prop_assert!(text.lines().all(|line| !line.ends_with('\\')));
            }
        }
    }
}
