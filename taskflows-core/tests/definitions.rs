//! Definition files: one model through three doors, and errors that show their place.

#![expect(clippy::unwrap_used, reason = "a test that unwraps fails as it should")]

use jiff::tz::{TimeZone, TimeZoneDatabase};
use proptest::prelude::*;
use taskflows_core::schedule::Zones;
use taskflows_core::{Definition, DefinitionError, Format, Service, Source, read};

const TOML: &str = include_str!("files/full.toml");
const YAML: &str = include_str!("files/full.yaml");
const JSON: &str = include_str!("files/full.json");

fn open(name: &str, text: &str) -> Result<Definition, DefinitionError> {
    let zones = Zones::new(TimeZoneDatabase::bundled(), TimeZone::UTC);
    let format = Format::from_path(name).unwrap();
    read(&Source::new(name, text, format).with_base("/home/ada/jobs".to_owned()), &zones)
}

fn services(name: &str, text: &str) -> Vec<Service> {
    open(name, text).unwrap_or_else(|error| panic!("{error}")).services
}

#[test]
fn the_same_content_is_the_same_services_in_every_format() {
    let toml = services("full.toml", TOML);
    assert_eq!(toml.len(), 3);
    assert_eq!(services("full.yaml", YAML), toml);
    assert_eq!(services("full.json", JSON), toml);
}

#[test]
fn a_definition_is_read_into_its_parts() {
    let read = services("full.toml", TOML);
    insta::assert_debug_snapshot!(read);
}

/// Writes what is said of each wrong text; the texts are the bodies of one service.
fn errors(cases: &[(&str, &str)]) -> String {
    let each = cases.iter().map(|(name, text)| {
        let error = open(name, text).expect_err(text);
        format!("{text}\n{}\n", error.render(false))
    });
    each.collect::<Vec<_>>().join(&format!("\n{}\n", "-".repeat(72)))
}

fn service(body: &str) -> String {
    format!("[[services]]\nname = \"web\"\nstart_command = \"serve\"\n{body}\n")
}

#[test]
fn a_slip_is_shown_with_its_place_and_the_nearest_word() {
    let bodies = [
        "start_shedule = 'daily'",
        "restart_policy = 'allways'",
        "timeout = '5 minuets'",
        "start_schedule = 'Mon 9:00 Europe/Berln'",
        "start_schedule = { period = '5min', start_on = 'reboot', relative_to = 'start' }",
        "start_schedule = { perod = '5min' }",
        "system_load_constraints = { type = 'CpuPressure', max_percent = 80 }",
        "system_load_constraints = { type = 'CPUPressure', max_percent = 180 }",
        "env = { 'A-B' = 'x' }",
        "env_file = 5",
        "enabled = 'yes'",
        "systemd = { Sevice = { Nice = 5 } }",
        "systemd = { Service = { nice = 5 } }",
        "stop_command = 'unbalanced \"quote'",
        "stop_command = []",
        "require = 'database'",
        "requires = ['data/base']",
        "kill_signal = 'SIGTREM'",
        "watchdog = { interval = 0 }",
        "credentials = { 'a/b' = 'x' }",
    ];
    let texts: Vec<String> = bodies.iter().map(|body| service(body)).collect();
    let cases: Vec<(&str, &str)> = texts.iter().map(|text| ("web.toml", text.as_str())).collect();
    let told = errors(&cases);
    insta::assert_snapshot!(told);
}

#[test]
fn what_is_no_definition_at_all_says_so() {
    let told = errors(&[
        ("a.toml", ""),
        ("a.toml", "services = 3"),
        ("a.toml", "[[services]]\nname = \"a\nstart_command = 1"),
        ("a.toml", "version = 2\nservices = []"),
        ("a.toml", "[[services]]\nname = 'a'"),
        ("a.toml", "[[services]]\nname = 'a'\nname = 'b'\nstart_command = 'x'"),
        ("a.yaml", "services:\n  - name: a\n   start_command: x"),
        ("a.yaml", "services:\n\t- name: a"),
        ("a.yaml", "- name: a\n  start_command: x"),
        ("a.json", "{\"services\": [{\"name\": \"a\", \"start_command\": \"x\",}]}"),
        ("a.json", "{\"services\": [{\"name\": \"a\", \"start_comand\": \"x\"}]}"),
        ("a.json", "[]"),
    ]);
    insta::assert_snapshot!(told);
}

#[test]
fn every_problem_of_a_file_is_told_at_once() {
    let text = service("timeout = 'x'\nenv = { '' = '' }\nstart_schedule = 'never'");
    let error = open("web.toml", &text).unwrap_err();
    assert_eq!(error.problems().len(), 3, "{error}");
}

/// A value that would become directives of its own, were it written into a unit file as it stands.
const INJECTION: &str = "x\\n[Service]\\nExecStartPre=/bin/false";

#[test]
fn a_line_break_is_refused_wherever_a_directive_would_begin() {
    for key in ["name", "description", "working_directory", "start_schedule"] {
        let text = match key {
            "name" => format!("[[services]]\nname = \"{INJECTION}\"\nstart_command = \"serve\"\n"),
            _ => service(&format!("{key} = \"{INJECTION}\"")),
        };
        assert!(open("web.toml", &text).is_err(), "{key}");
    }
    let values = [
        format!("env = {{ \"{INJECTION}\" = \"x\" }}"),
        format!("env_file = \"/{INJECTION}\""),
        format!("systemd = {{ Service = {{ Nice = \"{INJECTION}\" }} }}"),
        format!("systemd = {{ Service = {{ \"{INJECTION}\" = \"5\" }} }}"),
        format!("systemd = {{ \"{INJECTION}\" = {{ Nice = \"5\" }} }}"),
        format!("timeout = \"{INJECTION}\""),
    ];
    for value in values {
        assert!(open("web.toml", &service(&value)).is_err(), "{value}");
    }
    // Arguments and values may hold anything; how they are written is tested where they are.
    let literal = services("web.toml", &service(&format!("env = {{ A = \"{INJECTION}\" }}")));
    assert!(literal[0].env.values().next().unwrap().as_str().contains("\n[Service]\n"));
}

#[test]
fn a_bomb_of_aliases_is_refused() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let before = level - 1;
        text += &format!("a{level}: &a{level} [{}]\n", vec![format!("*a{before}"); 10].join(", "));
    }
    text += "services: []\n";
    assert!(open("bomb.yaml", &text).is_err());
}

#[test]
fn depth_is_limited() {
    let deep = "[".repeat(20_000);
    for name in ["deep.toml", "deep.yaml", "deep.json"] {
        let text = if name == "deep.toml" { format!("services = {deep}") } else { deep.clone() };
        assert!(open(name, &text).is_err(), "{name}");
    }
}

/// Takes, doubles or changes pieces of a good definition.
fn damaged() -> impl Strategy<Value = (usize, String)> {
    let pieces = prop::sample::select(
        &["\"", "[", "]", "{", "}", ":", "=", "\n", "\t", "&a ", "*a", "- ", "\u{feff}", "'", "#", "\0"][..],
    );
    (0usize..3, 0usize..2_000, 0usize..40, pieces).prop_map(|(format, at, length, piece)| {
        let text = [TOML, YAML, JSON][format];
        let boundary =
            |index: usize| (0..=index.min(text.len())).rev().find(|&i| text.is_char_boundary(i)).unwrap();
        let (from, to) = (boundary(at), boundary(at + length));
        (format, format!("{}{piece}{}", &text[..from], &text[to..]))
    })
}

proptest! {
    #[test]
    fn no_damage_panics((format, text) in damaged()) {
        let name = ["a.toml", "a.yaml", "a.json"][format];
        if let Err(error) = open(name, &text) {
            // Each problem stands somewhere in the file, and can be shown.
            prop_assert!(error.problems().iter().all(|problem| problem.line() >= 1));
            prop_assert!(!error.render(false).is_empty());
        }
    }

    #[test]
    fn no_text_panics(format in 0usize..3, text in ".{0,80}") {
        let _ = open(["a.toml", "a.yaml", "a.json"][format], &text).map_err(|error| error.render(true));
    }
}
