//! `tf import` as it is typed: what goes where, and what a file and a pipe get.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use taskflows_tests::tf_binary;

const CRONTAB: &str = "MAILTO=ops@example.com\n30 9 * * 1-5 /opt/backup.sh\n0 0 31 2 * never\n";

fn tf(directory: &Path, arguments: &[&str], input: &str) -> Output {
    let mut command = Command::new(tf_binary());
    command.args(arguments).current_dir(directory).env_clear().env("HOME", directory).env("PATH", directory);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

#[track_caller]
fn check(output: Output, code: i32) -> (String, String) {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let (stdout, stderr) = (text(output.stdout), text(output.stderr));
    assert_eq!(output.status.code(), Some(code), "{stdout}\n{stderr}");
    (stdout, stderr)
}

#[test]
fn the_definition_can_be_piped_on() {
    let home = tempfile::tempdir().unwrap();
    let (toml, told) = check(tf(home.path(), &["import", "crontab", "-"], CRONTAB), 6);
    assert!(
        toml.starts_with("version = 1\n") && toml.contains("#   impossible: time: such a day never comes")
    );
    assert!(told.contains("approximate  line 2: backup\n") && told.contains("1 approximate, 1 impossible."));
    let (valid, _) = check(tf(home.path(), &["validate", "-", "-o", "name"], &toml), 0);
    assert_eq!(valid, "backup\n");
    // Remarks go away, the definition stays.
    assert_eq!(check(tf(home.path(), &["import", "crontab", "-", "-q"], CRONTAB), 6), (toml, String::new()));
}

#[test]
fn a_definition_is_written_to_a_file_once() {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("tab"), CRONTAB).unwrap();
    let import = ["import", "crontab", "tab", "--write", "jobs.toml"];
    let (report, _) = check(tf(home.path(), &import, ""), 6);
    assert!(report.contains("line 2: backup") && !report.contains("[[services]]"), "{report}");
    check(tf(home.path(), &["validate", "jobs.toml"], ""), 0);
    let (stdout, stderr) = check(tf(home.path(), &import, ""), 2);
    assert!(
        stdout.is_empty() && stderr.contains("jobs.toml exists") && stderr.contains("--force"),
        "{stderr}"
    );
    check(tf(home.path(), &[&import[..], &["--force"]].concat(), ""), 6);
    // Where nothing is left, nothing is written.
    let none = ["import", "crontab", "-", "--write", "none.toml"];
    check(tf(home.path(), &none, "0 0 31 2 * never\n"), 6);
    assert!(!home.path().join("none.toml").exists());
}

#[test]
fn a_program_gets_both_lists_of_runs() {
    let home = tempfile::tempdir().unwrap();
    let (json, _) =
        check(tf(home.path(), &["import", "crontab", "-", "-o", "json"], "*/5 * * * * poll\n"), 0);
    let rows: serde_json::Value = serde_json::from_str(&json).unwrap();
    let row = &rows[0];
    assert_eq!((row["verdict"].as_str(), row["name"].as_str()), (Some("exact"), Some("poll")));
    assert_eq!(row["old"].as_array().unwrap().len(), 5);
    assert_eq!(row["old"], row["new"]);
    assert!(row["old"][0].as_str().unwrap().ends_with('Z'));
    for (format, begin) in
        [("yaml", "- place: line 1"), ("jsonl", "{\"place\":\"line 1\""), ("name", "poll\n")]
    {
        let (text, _) =
            check(tf(home.path(), &["import", "crontab", "-", "-o", format], "*/5 * * * * poll\n"), 0);
        assert!(text.starts_with(begin), "{text}");
    }
}

#[test]
fn what_cannot_be_read_is_told() {
    let home = tempfile::tempdir().unwrap();
    let (_, stderr) = check(tf(home.path(), &["import", "crontab"], ""), 1);
    assert!(stderr.contains("`crontab` is not installed") && stderr.contains("hint"), "{stderr}");
    let (_, stderr) = check(tf(home.path(), &["import", "crontab", "missing"], ""), 2);
    assert!(stderr.contains("could not read missing"), "{stderr}");
    std::fs::write(home.path().join("latin"), b"# one\n* * * * * \xff\n").unwrap();
    let (_, stderr) = check(tf(home.path(), &["import", "crontab", "latin"], ""), 2);
    assert!(stderr.contains("latin is not UTF-8: line 2"), "{stderr}");
    let (stdout, stderr) = check(tf(home.path(), &["import", "crontab", "-"], "# nothing\n"), 0);
    assert!(stdout.is_empty() && stderr.contains("runs nothing"), "{stderr}");
    let (_, stderr) = check(tf(home.path(), &["import", "systemd", "./no.service"], ""), 2);
    assert!(stderr.contains("could not read ./no.service"), "{stderr}");
}

#[test]
fn units_are_read_from_files_with_their_drop_ins_and_timers() {
    let home = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(home.path().join(name), text).unwrap();
    write("night.service", "[Service]\nType=oneshot\nExecStart=/bin/a\nNice=1\n");
    write("late.timer", "[Timer]\nOnCalendar=daily\nUnit=night.service\n");
    std::fs::create_dir(home.path().join("night.service.d")).unwrap();
    write("night.service.d/b.conf", "[Service]\nNice=3\n");
    write("night.service.d/a.conf", "[Service]\nNice=2\nExecStart=\nExecStart=/bin/b\n");
    let (toml, told) = check(tf(home.path(), &["import", "systemd", "./late.timer"], ""), 0);
    assert!(toml.contains("start_command = [\"/bin/b\"]") && toml.contains("schedule = \"daily\""), "{toml}");
    assert!(
        toml.contains("Nice = [\"1\", \"2\", \"3\"]") && told.contains("exact        night.service"),
        "{told}"
    );
    let (_, stderr) = check(tf(home.path(), &["import", "systemd", "./night.service.d/a.conf"], ""), 2);
    assert!(stderr.contains("neither a service nor a timer"), "{stderr}");
}
