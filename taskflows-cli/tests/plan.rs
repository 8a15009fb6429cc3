//! What a change means, services that are gone from their file, and definitions changed in an editor.

#![expect(clippy::unwrap_used, reason = "a test that unwraps fails as it should")]

mod host;

use std::fs;
use std::os::unix::fs::PermissionsExt;

use host::{DEFINITION, Host, check};
use jiff::tz::TimeZoneDatabase;
use taskflows_core::ServiceName;

/// The definitions without the service `web`.
fn without_web() -> String {
    let (before, after) = DEFINITION.split_once("[[services]]\nname = \"web\"").unwrap();
    format!("{before}{}", &after[after.find("[[services]]").unwrap()..])
}

fn name(text: &str) -> ServiceName {
    text.parse().unwrap()
}

/// Compares with the snapshot, but for the inner lines of the fake's unit files and names that are random.
macro_rules! check_plan {
    ($host:expr) => {
        insta::with_settings!({filters => vec![
            (r"(?m)^\|     [+-] [ \[\]].*\n", ""),
            (r"\.jobs\.\w{6}\.toml", ".jobs.[random].toml"),
        ]}, {
            check!($host);
        })
    };
}

/// Runs several commands, of which none may do anything.
fn nothing_is_done(host: &mut Host, lines: &[&str]) {
    let before = fs::read_to_string(host.files.path().join("jobs.toml")).unwrap();
    for line in lines {
        host.tf(line);
    }
    let shown = std::mem::take(&mut host.transcript);
    host.tf("list -o name");
    assert_eq!(host.transcript, "$ tf list -o name\n| broken\n| nightly-backup\n| web\n= Ok\n\n");
    assert_eq!(fs::read_to_string(host.files.path().join("jobs.toml")).unwrap(), before);
    host.transcript = shown;
}

#[test]
fn a_plan_says_in_words_what_a_change_means() {
    let mut host = Host::with_services();
    host.tf("start web");
    host.write(
        "jobs.toml",
        &DEFINITION
            .replace("02:00", "03:30")
            .replace("sleep infinity", "sleep 5")
            .replace("\"false\"", "\"false\"\nstart_schedule = \"hourly\""),
    );
    host.app.display = TimeZoneDatabase::bundled().get("Europe/Berlin").unwrap();
    host.tf("plan jobs.toml");
    host.tf("create jobs.toml");
    host.tf("disable nightly-backup");
    host.write("jobs.toml", &DEFINITION.replace("start_schedule", "# start_schedule"));
    host.tf("create jobs.toml --dry-run");
    host.write("jobs.toml", DEFINITION);
    host.tf("plan jobs.toml --exclude broken");
    fs::copy(host.files.path().join("jobs.toml"), host.files.path().join("other.toml")).unwrap();
    host.tf("plan other.toml --include 'b*'");
    check_plan!(host);
}

#[test]
fn without_a_manager_a_plan_says_what_it_leaves_out() {
    let mut host = Host::with_services();
    host.tf("start web");
    host.manager.go_unasked("could not reach the systemd user manager");
    host.tf("plan jobs.toml");
    host.write("jobs.toml", &DEFINITION.replace("sleep infinity", "sleep 5").replace("02:00", "03:30"));
    host.tf("plan jobs.toml");
    check_plan!(host);
}

#[test]
fn what_is_gone_from_a_file_is_removed_when_that_is_asked_for() {
    let mut host = Host::with_services();
    host.write("other.toml", "[[services]]\nname = \"other\"\nstart_command = \"true\"\n");
    host.tf("create other.toml --quiet");
    host.tf("start web");
    host.manager.add_drop_in(&name("web"), "limits.conf", "[Service]\nMemoryMax=1G\n");
    host.write("jobs.toml", &without_web());
    host.tf("plan jobs.toml");
    host.tf("create jobs.toml");
    host.tf("plan jobs.toml --prune");
    host.tf("plan jobs.toml --prune -o name");
    host.tf("create jobs.toml --prune");
    host.tf("create jobs.toml --prune --exclude 'w*'");
    host.tf("create jobs.toml --prune --dry-run");
    host.interactive = true;
    host.answer = "n\n";
    host.tf("create jobs.toml --prune");
    host.answer = "y\n";
    host.tf("create jobs.toml --prune");
    host.tf("create jobs.toml --prune");
    host.tf("list -o name");
    check_plan!(host);
}

#[test]
fn a_file_without_services_removes_what_came_from_it_and_nothing_else() {
    let mut host = Host::with_services();
    host.write("other.toml", "[[services]]\nname = \"other\"\nstart_command = \"true\"\n");
    host.tf("create other.toml --quiet");
    host.write("jobs.toml", "services = []\n");
    host.tf("create jobs.toml");
    host.tf("create jobs.toml --prune --yes --include web");
    host.tf("create jobs.toml --prune --yes");
    host.tf("create jobs.toml --prune --yes");
    host.tf("list -o name");
    check_plan!(host);
}

#[test]
fn nothing_is_removed_that_a_file_only_fails_to_define() {
    let mut host = Host::with_services();
    host.write("jobs.toml", "[[services]]\nname = \"web\"\nstart_comand = \"x\"\n");
    host.write("empty.toml", "");
    let shown =
        &["create jobs.toml --prune -y", "create empty.toml --prune -y", "create missing.toml --prune -y"];
    nothing_is_done(&mut host, shown);
    host.answer = "services: []";
    nothing_is_done(&mut host, &["create - --prune -y", "plan - --prune"]);
    check_plan!(host);
}

#[test]
fn a_directory_speaks_for_files_that_have_left_it() {
    let mut host = Host::new();
    fs::create_dir(host.files.path().join("jobs")).unwrap();
    for (file, service) in [("a.toml", "a"), ("b.toml", "b"), (".hidden.toml", "hidden")] {
        let text = format!("[[services]]\nname = \"{service}\"\nstart_command = \"true\"\n");
        host.write(&format!("jobs/{file}"), &text);
        host.tf(&format!("create jobs/{file} --quiet"));
    }
    host.write("elsewhere.toml", "[[services]]\nname = \"elsewhere\"\nstart_command = \"true\"\n");
    host.tf("create elsewhere.toml --quiet");
    fs::remove_file(host.files.path().join("elsewhere.toml")).unwrap();
    fs::remove_file(host.files.path().join("jobs/b.toml")).unwrap();
    host.transcript.clear();
    host.tf("plan jobs/a.toml");
    host.tf("plan jobs/ --prune");
    host.tf("create jobs/ --prune --yes");
    fs::remove_file(host.files.path().join("jobs/a.toml")).unwrap();
    host.tf("create jobs/ --prune --yes");
    host.tf("list -o name");
    check_plan!(host);
}

#[test]
fn a_unit_that_was_edited_by_hand_is_removed_only_by_force() {
    let mut host = Host::with_services();
    host.manager.edit(&name("web"));
    host.write("jobs.toml", &without_web());
    host.tf("create jobs.toml --prune --yes");
    host.tf("create jobs.toml --prune --yes --force");
    check_plan!(host);
}

#[test]
fn others_additions_to_a_unit_are_shown() {
    let mut host = Host::with_services();
    host.manager.add_drop_in(&name("broken"), "limits.conf", "[Service]\nMemoryMax=1G\n");
    host.tf("show broken -o name");
    host.tf("plan jobs.toml");
    host.tf("remove broken");
    check_plan!(host);
}

#[test]
fn a_definition_is_changed_in_an_editor() {
    let mut host = Host::with_services();
    let path = host.files.path().join("jobs.toml");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    host.interactive = true;
    host.app.editor = Some("true".to_owned());
    host.tf("edit web");
    host.app.editor = Some("sed -i 's/02:00/03:30/; 1i # at night'".to_owned());
    host.answer = "n\n";
    host.tf("edit nightly-backup");
    assert_eq!(fs::read_to_string(&path).unwrap(), DEFINITION);
    host.answer = "y\n";
    host.tf("edit nightly-backup");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("# at night\n") && text.contains("03:30"), "{text}");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
    host.interactive = false;
    host.app.editor = Some("sed -i s/03:30/04:00/".to_owned());
    host.tf("edit nightly-backup --yes");
    host.app.editor = Some("sed -i 's/# at night//'".to_owned());
    host.tf("edit web --yes -o json --quiet");
    assert_eq!(fs::read_dir(host.files.path()).unwrap().count(), 1, "no copy is left");
    check_plan!(host);
}

#[test]
fn an_edit_that_cannot_be_applied_changes_nothing() {
    let mut host = Host::with_services();
    nothing_is_done(&mut host, &["edit web", "edit web --yes", "edit 'w*'", "edit wbe"]);
    for editor in ["sed -i s/start_command/start_comand/", "sh -c 'exit 3'", "no-such-editor", "vi 'x"] {
        host.app.editor = Some(editor.to_owned());
        nothing_is_done(&mut host, &["edit web --yes"]);
    }
    host.app.editor = Some("sed -i s/infinity/5/".to_owned());
    host.manager.edit(&name("web"));
    nothing_is_done(&mut host, &["edit web --yes"]);
    host.app.editor =
        Some("sh -c 'sed -i s/infinity/5/ \"$1\"; echo >> \"$(dirname \"$1\")/jobs.toml\"' sh".to_owned());
    host.tf("edit web --yes --force");
    check_plan!(host);
}

#[test]
fn a_text_that_is_wrong_is_mended_kept_or_thrown_away() {
    let mut host = Host::with_services();
    host.interactive = true;
    host.app.editor = Some("sed -i s/start_command/start_comand/".to_owned());
    host.answer = "t\n";
    nothing_is_done(&mut host, &["edit web"]);
    host.answer = "what\nk\n";
    nothing_is_done(&mut host, &["edit web"]);
    host.answer = "";
    nothing_is_done(&mut host, &["edit web"]);
    let kept = fs::read_dir(host.files.path()).unwrap().count();
    assert_eq!(kept, 3, "two texts are kept beside the file");
    // The first time it is wrong, the second time right.
    host.app.editor = Some("sed -i 's/start_comand = \"sleep/start_command = \"sleep/; t; s/start_command = \"sleep infinity/start_comand = \"sleep 5/'".to_owned());
    host.answer = "e\ny\n";
    host.tf("edit web");
    check_plan!(host);
}

#[test]
fn a_service_whose_file_is_not_there_is_not_edited() {
    let mut host = Host::new();
    host.app.editor = Some("true".to_owned());
    host.answer = "[[services]]\nname = \"piped\"\nstart_command = \"true\"\n";
    host.tf("create -");
    host.tf("edit piped --yes");
    host.tf("create jobs.toml --quiet");
    fs::remove_file(host.files.path().join("jobs.toml")).unwrap();
    host.tf("edit web --yes");
    check_plan!(host);
}

#[test]
fn a_service_that_the_editor_takes_out_goes_when_that_is_asked_for() {
    let mut host = Host::with_services();
    host.app.editor = Some("sed -i 10,14d".to_owned());
    host.tf("edit web --yes");
    host.write("jobs.toml", DEFINITION);
    host.interactive = true;
    host.answer = "y\n";
    host.tf("edit web --prune");
    host.tf("list -o name");
    check_plan!(host);
}

#[test]
fn what_was_switched_off_is_told_although_nothing_changes() {
    let mut host = Host::with_services();
    host.tf("disable nightly-backup");
    host.tf("plan jobs.toml");
    host.tf("create jobs.toml");
    host.tf("enable nightly-backup");
    host.tf("stop nightly-backup --timers");
    host.tf("create jobs.toml");
    let told = &host.transcript;
    assert_eq!(told.matches("note: 1 is disabled here: nightly-backup (`tf enable`)").count(), 2, "{told}");
    assert!(told.contains("note: 1 is without running timers here until the next boot"), "{told}");
}
