//! Arguments and variables reach a process of a live unit byte for byte; nothing becomes a directive.

use std::fs;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use taskflows_tests::{LiveManager, wait_until};

/// Pieces that some layer on the way might change.
const PIECES: [&str; 34] = [
    " ",
    "  ",
    "\t",
    "\n",
    "'",
    "\"",
    "\\",
    "\\\\",
    "$",
    "$$",
    "$HOME",
    "${HOME}",
    "%",
    "%%",
    "%h",
    "%n",
    ";",
    "|",
    "&",
    "#",
    "=",
    "@",
    "-",
    "+",
    "!",
    ":",
    "~",
    "*",
    "é",
    "日本",
    "\u{1}",
    "\u{7f}",
    "\\n",
    "[Service]\nExecStartPre=/bin/false",
];

fn argument() -> impl Strategy<Value = String> {
    let piece =
        prop_oneof![3 => prop::sample::select(&PIECES[..]).prop_map(str::to_owned), 1 => "[a-zA-Z0-9 ]{0,6}"];
    prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

/// Values may hold tabs and newlines, and no other control character.
fn value() -> impl Strategy<Value = String> {
    argument().prop_map(|text| text.replace(['\u{1}', '\u{7f}'], ""))
}

#[test]
fn two_hundred_generated_argument_lists_arrive_as_written() {
    const CASES: usize = 200;
    let manager = LiveManager::start();
    let mut runner = TestRunner::deterministic();
    let cases: Vec<(Vec<String>, String)> = (0..CASES)
        .map(|_| (prop::collection::vec(argument(), 0..5), value()).new_tree(&mut runner).unwrap().current())
        .collect();
    // `printf` from a shell writes each argument and a NUL; the variable comes from the shell's environment.
    let script = "{ printf '%s\\0' \"$VALUE\" \"$@\"; } > \"$OUT.part\" && mv \"$OUT.part\" \"$OUT\"";
    let out = |index: usize| manager.home().join(format!("out{index}"));
    let service = |(index, (arguments, value)): (usize, &(Vec<String>, String))| {
        let mut argv = vec!["/bin/sh".to_owned(), "-c".into(), script.into(), "sh".into()];
        argv.extend(arguments.iter().cloned());
        serde_json::json!({
            "name": format!("case{index}"),
            "description": value.replace(['\n', '\t'], " ").trim_end_matches('\\'),
            "start_command": argv,
            "env": { "VALUE": value, "OUT": out(index).display().to_string() },
        })
    };
    let services: Vec<_> = cases.iter().enumerate().map(service).collect();
    let definition = serde_json::json!({ "version": 1, "services": services }).to_string();
    manager.tf_with(&["create", "-", "--now"], &definition).expect(0);
    for (index, (arguments, value)) in cases.iter().enumerate() {
        taskflows_tests::wait_until("the case has run", std::time::Duration::from_secs(30), || {
            out(index).exists()
        });
        let received = fs::read(out(index)).unwrap();
        let mut expected = value.as_bytes().to_vec();
        expected.push(0);
        arguments.iter().for_each(|argument| expected.extend(argument.bytes().chain([0])));
        let unit = || {
            fs::read_to_string(manager.unit_directory().join(format!("taskflows-case{index}.service")))
                .unwrap()
        };
        assert_eq!(
            String::from_utf8_lossy(&received),
            String::from_utf8_lossy(&expected),
            "case {index}:\n{}",
            unit()
        );
    }
}

#[test]
fn no_field_becomes_a_directive() {
    let manager = LiveManager::start();
    let attack = "x\n[Service]\nExecStartPre=/bin/false";
    let field = |key: &str, value: serde_json::Value| {
        let mut service = serde_json::json!({ "name": "victim", "start_command": ["/bin/true"] });
        service[key] = value;
        serde_json::json!({ "services": [service] }).to_string()
    };
    // Refused: these stand on a line of their own.
    for (key, value) in [
        ("name", attack.into()),
        ("description", attack.into()),
        ("description", "x\\".into()),
        ("description", "x\u{0}".into()),
        ("working_directory", format!("/{attack}").into()),
        ("env_file", format!("/{attack}").into()),
        ("start_schedule", format!("daily\n{attack}").into()),
        ("env", serde_json::json!({ attack: "x" })),
        ("systemd", serde_json::json!({ "Service": { "Nice": attack } })),
        ("systemd", serde_json::json!({ "Service": { attack: "x" } })),
    ] {
        let output = manager.tf_with(&["create", "-"], &field(key, value));
        assert_eq!(output.code, 2, "{key}: {}", output.stderr);
        assert!(!output.stderr.contains("\n[Service]\n"), "{key}: the message is on its own lines");
    }
    // Literal: these are quoted.
    for (key, value) in [
        ("start_command", serde_json::json!(["/bin/echo", attack])),
        ("env", serde_json::json!({ "X": attack })),
    ] {
        manager.tf_with(&["create", "-"], &field(key, value)).expect(0);
        manager.tf(&["start", "victim", "--wait"]).expect(0);
        assert_eq!(manager.property("taskflows-victim.service", "ExecStartPre"), "", "{key}");
        manager.tf(&["remove", "victim"]).expect(0);
    }
}

#[test]
fn a_program_runs_from_a_path_with_odd_characters() {
    let manager = LiveManager::start();
    let directory = manager.home().join("a$b ${HOME} 50%");
    fs::create_dir(&directory).unwrap();
    let program = directory.join("run");
    std::os::unix::fs::symlink("/bin/echo", &program).unwrap();
    let argv = serde_json::json!([program, "$HOME ran"]);
    let definition = serde_json::json!({"services": [{"name": "odd", "start_command": argv}]});
    manager.tf_with(&["create", "-"], &definition.to_string()).expect(0);
    manager.tf(&["start", "odd", "--wait"]).expect(0);
    wait_until("its line is in the journal", std::time::Duration::from_secs(10), || {
        manager.tf(&["logs", "odd"]).stdout.contains("$HOME ran")
    });
}
