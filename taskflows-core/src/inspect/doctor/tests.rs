use std::path::PathBuf;

use jiff::tz::{TimeZone, TimeZoneDatabase};

use super::super::facts::*;
use super::super::finding::Severity;
use super::*;
use crate::RunEnd;

const NOW: &str = "2026-11-24T12:00:00Z";

fn silence(reason: &str) -> Silence {
    Silence { reason: reason.into(), is_absent: true }
}

/// A survey of a host on which everything is as it should be.
fn survey(units: Vec<UnitFacts>) -> Survey {
    Survey {
        is_user_scope: true,
        manager: Ok(ManagerFacts { name: "the systemd user manager".into(), version: "257.1".into() }),
        units: Ok(units),
        unit_directory: "/units".into(),
        state_directory: "/state".into(),
        is_interrupted: false,
        journal: JournalFacts { unreadable: None, is_persistent: Some(true) },
    }
}

fn host() -> HostFacts {
    let kept = [Resource::Cpu, Resource::Memory, Resource::Io].map(|one| (one, Reading::default()));
    HostFacts {
        linger: Linger::On,
        pressure: kept.into(),
        clock: Clock::Synchronised,
        has_zones: true,
        uid: 1000,
        ..HostFacts::default()
    }
}

/// A unit of ours that is in force, with these lines: `Service ExecStart=true`.
fn unit(name: &str, lines: &[&str]) -> UnitFacts {
    let directive = |line: &&str| {
        let (section, line) = line.split_once(' ').unwrap();
        let (key, value) = line.split_once('=').unwrap();
        Directive { section: section.into(), key: key.into(), value: value.into() }
    };
    let is_timer = name.ends_with(".timer");
    let word = |yes: &str, no: &str| if is_timer { yes.to_owned() } else { no.to_owned() };
    UnitFacts {
        unit: name.into(),
        service: Some("a".parse().unwrap()),
        path: PathBuf::from("/units").join(name),
        file: FileState::Ours {
            is_intact: true,
            directives: lines.iter().map(directive).collect(),
            references: Vec::new(),
        },
        is_enabled: is_timer,
        loaded: Some(LoadedUnit {
            load_state: "loaded".into(),
            active_state: word("active", "inactive"),
            sub_state: word("waiting", "dead"),
            ..LoadedUnit::default()
        }),
    }
}

fn service() -> UnitFacts {
    unit("taskflows-a.service", &["Service ExecStart=true"])
}

fn timer(calendar: &str) -> UnitFacts {
    unit("taskflows-a.timer", &[&format!("Timer OnCalendar={calendar}")])
}

fn changed(mut unit: UnitFacts, change: impl FnOnce(&mut UnitFacts)) -> UnitFacts {
    change(&mut unit);
    unit
}

fn loaded(mut unit: UnitFacts, change: impl FnOnce(&mut LoadedUnit)) -> UnitFacts {
    change(unit.loaded.as_mut().unwrap());
    unit
}

/// Expects exactly these findings that are not good, each `severity check: message` in part.
#[track_caller]
fn check(survey: &Survey, host: &HostFacts, expected: &[&str]) {
    let zones = Zones::new(TimeZoneDatabase::bundled(), TimeZone::UTC);
    let findings = diagnose(survey, host, NOW.parse().unwrap(), &zones);
    assert!(findings.is_sorted_by_key(|finding| std::cmp::Reverse(finding.severity)));
    let bad: Vec<String> = findings
        .iter()
        .filter(|finding| finding.severity > Severity::Ok)
        .map(|one| format!("{} {}: {} {}", one.severity, one.check, one.subject, one.message))
        .collect();
    assert_eq!(bad.len(), expected.len(), "{bad:#?}");
    for (bad, expected) in bad.iter().zip(expected) {
        assert!(bad.contains(expected), "{bad:?} is not about {expected:?}");
    }
    for finding in findings.iter().filter(|finding| finding.severity > Severity::Info) {
        assert!(finding.remedy.is_some(), "{finding:?} has no remedy");
    }
}

#[track_caller]
fn check_units(units: Vec<UnitFacts>, expected: &[&str]) {
    check(&survey(units), &host(), expected);
}

#[track_caller]
fn check_host(change: impl FnOnce(&mut HostFacts), expected: &[&str]) {
    let mut facts = host();
    change(&mut facts);
    let pressed = unit("taskflows-b.service", &["Unit ConditionIOPressure=5%"]);
    check(&survey(vec![service(), timer("daily"), pressed]), &facts, expected);
}

#[test]
fn a_good_host_has_no_fault() {
    check_units(vec![], &[]);
    check_host(|_| {}, &[]);
}

#[test]
fn a_manager_that_does_not_answer_hides_nothing_else() {
    let mut survey = survey(vec![changed(service(), |unit| unit.file = FileState::Masked)]);
    survey.manager = Err(silence("could not reach it"));
    survey.is_interrupted = true;
    check(
        &survey,
        &host(),
        &["error manager: the systemd user manager does not answer", "error masked", "warning interrupted"],
    );
    survey.units = Err("permission denied".into());
    check(&survey, &host(), &["error manager", "error units: /units", "warning interrupted"]);
}

#[test]
fn an_old_systemd_is_told_what_it_does_not_know() {
    let mut survey = survey(vec![unit("taskflows-a.service", &["Unit Upholds=b.service"])]);
    let mut with = |version: &str, expected: &[&str]| {
        survey.manager = Ok(ManagerFacts { name: "systemd".into(), version: version.into() });
        check(&survey, &host(), expected);
    };
    with(
        "248.1",
        &["error version: taskflows-a.service uses Upholds=", "warning version: systemd 248.1 is older"],
    );
    with("250", &[]);
    with("nonsense", &[]);
}

#[test]
fn a_limit_on_processor_pressure_needs_a_recent_systemd() {
    let mut survey = survey(vec![unit("taskflows-a.service", &["Unit ConditionCPUPressure=5%"])]);
    for (version, expected) in
        [("252.22-1", &["warning version: taskflows-a.service"][..]), ("252.38-1", &[])]
    {
        survey.manager = Ok(ManagerFacts { name: "systemd".into(), version: version.into() });
        check(&survey, &host(), expected);
    }
}

#[test]
fn lingering_matters_where_something_starts_by_itself() {
    let off = || Linger::Off { user: "me".into() };
    check_host(
        |host| host.linger = off(),
        &["error linger: lingering of me is off: taskflows-a.timer will not run while you are logged out"],
    );
    check_host(|host| host.linger = Linger::NoLogind, &["info linger"]);
    let facts = HostFacts { linger: off(), ..host() };
    check(&survey(vec![service()]), &facts, &["info linger: lingering of me is off; nothing is enabled"]);
    let mut system = survey(vec![timer("daily")]);
    system.is_user_scope = false;
    check(&system, &facts, &[]);
}

#[test]
fn clock_zones_pressure_and_journal_are_judged() {
    check_host(|host| host.clock = Clock::Unsynchronised, &["warning clock"]);
    check_host(|host| host.clock = Clock::Unknown, &["info clock"]);
    check_host(|host| host.has_zones = false, &["warning zones: time zones /usr/share/zoneinfo is missing"]);
    check_host(
        |host| host.pressure.retain(|one, _| *one != Resource::Io),
        &["warning pressure: taskflows-b.service limits IO pressure"],
    );
    check_host(|host| host.pressure.retain(|one, _| *one != Resource::Cpu), &[]);
    let facts = HostFacts { missing_zones: vec!["Europe/Berlin".into()], ..host() };
    check(
        &survey(vec![timer("02:00 Europe/Berlin")]),
        &facts,
        &["error zones: taskflows-a.timer names the zone Europe/Berlin"],
    );
    let mut survey = survey(vec![]);
    survey.journal.is_persistent = Some(false);
    check(&survey, &host(), &["warning journal: journal is kept in memory"]);
    survey.journal.unreadable = Some("no permission".into());
    check(&survey, &host(), &["warning journal: journal cannot be read: no permission"]);
}

#[track_caller]
fn check_directory(purpose: DirectoryUse, owner: u32, bits: u32, expected: Option<(&str, &str)>) {
    let mode = Ok(Some(Mode { owner, bits, is_directory: true }));
    let directory = DirectoryFacts { purpose, path: "/d".into(), mode };
    let facts = HostFacts { directories: vec![directory], ..host() };
    check(&survey(vec![]), &facts, &expected.iter().map(|(message, _)| *message).collect::<Vec<_>>());
    let zones = Zones::new(TimeZoneDatabase::bundled(), TimeZone::UTC);
    let findings = diagnose(&survey(vec![]), &facts, NOW.parse().unwrap(), &zones);
    let remedy = findings.iter().find(|finding| finding.check == "directory").unwrap().remedy.as_deref();
    assert_eq!(remedy, expected.map(|(_, remedy)| remedy));
}

#[test]
fn directories_that_others_may_write_to_are_errors() {
    use DirectoryUse::{Security, State, Units};
    check_directory(Units, 1000, 0o755, None);
    check_directory(Units, 0, 0o755, None);
    check_directory(Units, 1000, 0o777, Some(("error directory: /d others may write", "chmod 0755 /d")));
    check_directory(State, 1000, 0o770, Some(("error directory: /d others may write", "chmod 0750 /d")));
    check_directory(Units, 7, 0o755, Some(("belongs to the user with id 7", "sudo chown 1000 /d")));
    check_directory(Units, 1000, 0o555, Some(("you may not write", "chmod u+rwx /d")));
    check_directory(Security, 1000, 0o700, None);
    check_directory(Security, 1000, 0o750, Some(("others may look into", "chmod 0700 /d")));
    check_directory(Security, 1000, 0o722, Some(("others may write", "chmod 0700 /d")));
    check_directory(Security, 0, 0o700, Some(("belongs to the user with id 0", "sudo chown 1000 /d")));
    let with = |mode| {
        let directory = DirectoryFacts { purpose: State, path: "/d".into(), mode };
        HostFacts { directories: vec![directory], ..host() }
    };
    check(&survey(vec![]), &with(Ok(None)), &[]);
    check(&survey(vec![]), &with(Err("no".into())), &["error directory: /d the state directory cannot be"]);
    let file = Mode { owner: 1000, bits: 0o600, is_directory: false };
    check(
        &survey(vec![]),
        &with(Ok(Some(file))),
        &["error directory: /d the state directory is no directory"],
    );
}

#[test]
fn little_room_is_a_warning() {
    let with = |free_bytes, free_files| {
        let space = Space { path: "/state".into(), free_bytes, free_files };
        HostFacts { space: vec![space], ..host() }
    };
    check(&survey(vec![]), &with(1 << 40, None), &[]);
    check(&survey(vec![]), &with(5 << 20, Some(1 << 20)), &["warning space: /state only 5.0M are free"]);
    check(&survey(vec![]), &with(1 << 40, Some(3)), &["warning space: /state only 3 more files fit"]);
}

#[test]
fn a_file_that_is_not_what_we_wrote_is_told() {
    let with = |file| changed(service(), |unit| unit.file = file);
    let edited = FileState::Ours { is_intact: false, directives: Vec::new(), references: Vec::new() };
    check_units(vec![with(edited)], &["warning drift: taskflows-a.service was changed by hand"]);
    check_units(vec![with(FileState::Masked)], &["error masked"]);
    check_units(vec![with(FileState::Foreign { reason: "no mark".into() })], &["warning foreign"]);
    check_units(vec![with(FileState::Unreadable { reason: "no".into() })], &["error units"]);
}

#[test]
fn what_the_manager_has_otherwise_is_told() {
    let stale = loaded(service(), |unit| unit.needs_reload = true);
    check_units(vec![stale], &["warning drift: taskflows-a.service changed on disk"]);
    let bad = loaded(service(), |unit| unit.load_state = "bad-setting".into());
    check_units(vec![bad], &["error units: taskflows-a.service is not understood"]);
    let gone = changed(service(), |unit| unit.file = FileState::Missing);
    check_units(vec![gone.clone()], &["warning drift: taskflows-a.service is loaded, and its file is gone"]);
    let elsewhere = loaded(gone.clone(), |unit| unit.fragment = Some("/etc/a.service".into()));
    check_units(
        vec![elsewhere],
        &["info foreign: taskflows-a.service is named as ours are and comes from /etc"],
    );
    let needed = loaded(gone, |unit| unit.load_state = "not-found".into());
    check_units(vec![needed], &["warning drift: taskflows-a.service is needed by another unit"]);
}

#[test]
fn a_failed_unit_is_told_with_its_end() {
    let failed = |result: &str| {
        loaded(service(), |unit| {
            unit.active_state = "failed".into();
            unit.failure = Some(RunEnd { result: result.into(), exit: None, is_preparation: false });
        })
    };
    check_units(vec![failed("timeout")], &["error failed: taskflows-a.service has failed: timed out"]);
    check_units(vec![failed("start-limit-hit")], &["error start-limit: taskflows-a.service has failed"]);
}

#[test]
fn a_timer_that_is_enabled_must_elapse_one_day() {
    check_units(vec![timer("*-*-* 02:00")], &[]);
    check_units(vec![timer("2020-01-01 00:00:00 UTC")], &["warning never: taskflows-a.timer"]);
    check_units(vec![timer("*-02-30 00:00")], &["warning never"]);
    let both = ["Timer OnCalendar=2020-01-01", "Timer OnUnitActiveSec=5min"];
    check_units(vec![unit("taskflows-a.timer", &both)], &[]);
    check_units(vec![changed(timer("2020-01-01"), |unit| unit.is_enabled = false)], &[]);
    let stopped = |unit| loaded(unit, |timer| timer.active_state = "inactive".into());
    check_units(
        vec![stopped(timer("daily"))],
        &["error timer: taskflows-a.timer is enabled and does not run"],
    );
    check_units(vec![changed(timer("daily"), |unit| unit.loaded = None)], &["error timer"]);
    let mut blind = survey(vec![changed(timer("daily"), |unit| unit.loaded = None)]);
    blind.manager = Err(silence("away"));
    check(&blind, &host(), &["error manager"]);
}

#[test]
fn what_was_disabled_is_told_where_it_is_defined_to_start_by_itself() {
    let off = |unit| changed(unit, |unit| unit.is_enabled = false);
    let stopped = |unit| loaded(off(unit), |timer| timer.active_state = "inactive".into());
    let scheduled = unit("taskflows-a.timer", &["Timer OnCalendar=daily"]);
    check_units(vec![scheduled.clone()], &[]);
    check_units(vec![off(scheduled.clone())], &[]);
    check_units(
        vec![stopped(scheduled)],
        &["info disabled: taskflows-a.timer was disabled, so that nothing"],
    );
    let boots = unit("taskflows-a.service", &["Service ExecStart=true", "Unit X-Taskflows-Enabled=yes"]);
    check_units(vec![off(boots)], &["info disabled: taskflows-a.service was disabled, so that it does not"]);
    check_units(vec![off(service())], &[]);
}

#[test]
fn what_a_unit_needs_must_be_there() {
    let needs = |purpose, path: &str| {
        let needed = Reference::new(purpose, path);
        let file =
            FileState::Ours { is_intact: true, directives: Vec::new(), references: vec![needed.clone()] };
        let facts = HostFacts { missing: [(needed, "which does not exist".to_owned())].into(), ..host() };
        (survey(vec![changed(service(), |unit| unit.file = file)]), facts)
    };
    for (purpose, path, expected) in [
        (
            ReferenceUse::Program,
            "/bin/x",
            "error needs: taskflows-a.service runs /bin/x, which does not exist",
        ),
        (ReferenceUse::Program, "x", "error needs: taskflows-a.service runs x, which is in none of the"),
        (
            ReferenceUse::EnvironmentFile,
            "/e",
            "error needs: taskflows-a.service reads variables from /e, which",
        ),
        (ReferenceUse::WorkingDirectory, "~/w", "error needs: taskflows-a.service works in ~/w, which"),
        (ReferenceUse::Credential, "/c", "error needs: taskflows-a.service reads a secret from /c, which"),
    ] {
        let (survey, facts) = needs(purpose, path);
        assert_eq!(questions(&survey, None).references.len(), 1);
        check(&survey, &facts, &[expected]);
        check(&survey, &host(), &[]);
    }
}

#[test]
fn a_service_that_is_required_must_be_installed() {
    let needy = unit("taskflows-a.service", &["Unit Requires=taskflows-gone.service postgresql.service"]);
    check_units(
        vec![needy.clone()],
        &["error needs: taskflows-a.service requires taskflows-gone.service, which"],
    );
    check_units(vec![needy, unit("taskflows-gone.service", &[])], &[]);
}

#[test]
fn a_container_engine_must_answer_where_a_unit_runs_it() {
    let engine = |trouble: Option<&str>| Engine {
        name: "docker".into(),
        program: Some("/usr/bin/docker".into()),
        options: Vec::new(),
        trouble: trouble.map(str::to_owned),
    };
    let with = |trouble| HostFacts { engines: vec![engine(trouble)], ..host() };
    let file = FileState::Ours {
        is_intact: true,
        directives: Vec::new(),
        references: vec![Reference::new(ReferenceUse::Program, "/usr/bin/docker")],
    };
    let user = survey(vec![changed(service(), |unit| unit.file = file)]);
    let expected = "error container: docker does not answer, and taskflows-a.service needs it: no daemon";
    check(&user, &with(Some("no daemon")), &[expected]);
    check(&user, &with(None), &[]);
    check(&survey(vec![service()]), &with(Some("no daemon")), &["info container"]);
    check(&survey(vec![service()]), &with(None), &[]);
}

#[test]
fn questions_name_zones_and_directories() {
    let survey = survey(vec![timer("02:00 Europe/Berlin"), timer("03:00 Europe/Berlin"), timer("nonsense")]);
    let asked = questions(&survey, Some(Path::new("/home/me/.services")));
    assert_eq!(asked.zones, ["Europe/Berlin"]);
    let directories: Vec<_> = asked.directories.iter().map(|(_, path)| path.display().to_string()).collect();
    assert_eq!(directories, ["/units", "/state", "/home/me/.services"]);
}
