//! What `--help` writes.

#![expect(clippy::unwrap_used, reason = "a test that unwraps fails as it should")]

mod host;

use clap::{Command, CommandFactory, Parser};
use taskflows_cli::Arguments;

use host::Host;

/// Adds the lines of a command's help, and of its own commands, that are wider than a terminal often is.
fn add_wide(wide: &mut Vec<String>, name: &str, command: &mut Command) {
    for help in [command.render_help(), command.render_long_help()] {
        let text = help.to_string();
        let is_wide = |line: &&str| line.chars().count() > 80;
        wide.extend(text.lines().filter(is_wide).map(|line| format!("{name}: {line}")));
    }
    for verb in command.get_subcommands_mut() {
        let name = format!("{name} {}", verb.get_name());
        add_wide(wide, &name, verb);
    }
}

#[test]
fn every_help_fits_eighty_columns() {
    let mut command = Arguments::command();
    command.build();
    let mut wide = Vec::new();
    add_wide(&mut wide, "tf", &mut command);
    assert!(wide.is_empty(), "{}", wide.join("\n"));
}

/// Runs a command line on a host with services and returns what it wrote.
fn told(line: &str) -> String {
    let mut host = Host::with_services();
    host.tf(line);
    host.transcript
}

#[test]
fn each_command_has_a_manual_page() {
    assert!(told("man").contains(".TH tf 1"), "{}", told("man"));
    assert!(told("man why").contains(".TH tf-why 1"), "{}", told("man why"));
    assert!(told("man ls").contains(".TH tf-list 1"));
    assert!(told("man env create").contains(".TH tf-env-create 1"));
    let unknown = told("man env bogus");
    assert!(unknown.contains("`tf env` has no command `bogus`") && unknown.contains("= Usage"), "{unknown}");
}

#[test]
fn a_format_that_a_command_does_not_have_is_refused() {
    for (line, raw) in [("calendar daily", ""), ("timespan 5min", ""), ("logs web", ", raw")] {
        let name = told(&format!("{line} -o name"));
        assert!(name.contains("no output as `name`") && name.contains("= Usage"), "{name}");
        assert!(name.contains(&format!("it has table, json, jsonl, yaml{raw}\n")), "{name}");
        assert!(!told(&format!("{line} -o json")).contains("= Usage"));
    }
    for line in ["list", "status web", "history", "calendar daily"] {
        assert!(told(&format!("{line} -o raw")).contains("no output as `raw`"), "{line}");
    }
    for line in ["remove web", "env remove a", "completion bash"] {
        let json = told(&format!("{line} -o json"));
        assert!(json.contains("no output as `json`") && json.contains("= Usage"), "{json}");
    }
}

#[test]
fn none_of_something_is_no_number_to_ask_for() {
    for line in ["tf calendar daily -n 0", "tf next -n 0"] {
        let error = Arguments::try_parse_from(line.split(' ')).unwrap_err().to_string();
        assert!(error.contains("0 is not in 1.."), "{error}");
    }
}

#[test]
fn a_file_of_an_unknown_format_can_be_passed_on_stdin() {
    let env = told("env create x --file /dev/null");
    assert!(env.contains("`--file -`") && !env.contains("tf create"), "{env}");
    let plan = told("plan /dev/null");
    assert!(plan.contains("stdin, named `-`,"), "{plan}");
}
