//! Definition files: one model through three doors, and errors that show their place.

#![expect(clippy::unwrap_used, reason = "a test that unwraps fails as it should")]

use jiff::tz::{TimeZone, TimeZoneDatabase};
use proptest::prelude::*;
use taskflows_core::schedule::Zones;
use taskflows_core::{
    Definition, DefinitionError, Format, Section, Service, Source, Surroundings, read, read_in,
};

const TOML: &str = include_str!("files/full.toml");
const YAML: &str = include_str!("files/full.yaml");
const JSON: &str = include_str!("files/full.json");
const ENVIRONMENTS: [(&str, &str); 3] = [
    ("a.toml", include_str!("files/environments.toml")),
    ("a.yaml", include_str!("files/environments.yaml")),
    ("a.json", include_str!("files/environments.json")),
];

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
fn environments_and_defaults_are_the_same_in_every_format() {
    let [toml, yaml, json] = ENVIRONMENTS.map(|(name, text)| services(name, text));
    assert_eq!(toml.len(), 5);
    assert_eq!(yaml, toml);
    assert_eq!(json, toml);
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
        "environment = { imag = 'x' }",
        "environment = 'a b'",
        "environment = { image = 'x', hostnam = 'y' }",
        "environment = { image = 'x', device_requests = [] }",
        "environment = { image = 'x', volumes = ['data'] }",
        "environment = { image = 'x', cgroup_config = { oom_policy = 'kill' } }",
        "environment = { image = 'x', ulimits = [{ name = 'nofile' }] }",
        "environment = { image = 'x', ports = { '80' = 'http' } }",
        "environment = { image = { tag = 'x', path = '.', nocahe = true } }",
        "environment = { image = 'x' }\nwatchdog = '5s'",
        "environment = { path = '../x' }",
        "environment = {}",
        "environment = { image = 'x', detach = true }",
        "cgroup_config = { memory_limt = '1G' }",
        "cgroup_config = { memory_limit = '1X' }",
        "cgroup_config = { cpu_weight = 0 }",
        "cgroup_config = { cpu_quota = '-5%' }",
        "cgroup_config = { memory_swappiness = 5 }",
        "cgroup_config = { memory_swap_limit = '1G' }",
        "cgroup_config = { memory_limit = 0 }",
        "cgroup_config = { cap_add = 'NET_ADMIN' }",
        "cgroup_config = { devices = ['sda'] }",
        "cgroup_config = { device_read_bps = { '/dev/s da' = 1 } }",
        "startup_requirements = []\nsystem_load_constraints = []",
        "timeout = '${env:NOT_SET}'",
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

/// Reads `main.toml` of a directory of texts, with variables.
fn open_all(files: &[(&str, &str)], variables: &[(&str, &str)]) -> Result<Definition, DefinitionError> {
    let zones = Zones::new(TimeZoneDatabase::bundled(), TimeZone::UTC);
    let source = |name: &str, text: &str| {
        let source = Source::new(name, text, Format::from_path(name).unwrap());
        source.with_base("/jobs".to_owned()).with_origin(format!("/jobs/{name}"))
    };
    let open = |_: &Source, path: &str| {
        let found =
            files.iter().filter(|(name, _)| *name == path || path == "*.toml" && name.starts_with("part"));
        let found: Vec<Source> = found.map(|(name, text)| source(name, text)).collect();
        if found.is_empty() { Err(format!("there is no file `{path}`")) } else { Ok(found) }
    };
    let variable = |wanted: &str| {
        variables.iter().find(|(name, _)| *name == wanted).map(|(_, value)| (*value).to_owned())
    };
    let (name, text) = files[0];
    read_in(&source(name, text), &Surroundings { zones: &zones, variable: &variable, open: &open })
}

#[test]
fn defaults_hold_where_a_service_says_nothing() {
    let text = r#"
[defaults]
timeout = "1h"
env = { A = "1", B = "1" }
restart_policy = "always"
systemd = { Service = { Nice = 5, IOWeight = 10 }, Unit = { JobTimeoutSec = 5 } }

[[services]]
name = "plain"
start_command = "x"

[[services]]
name = "own"
start_command = "x"
timeout = "5min"
env = { B = "2", C = "3" }
restart_policy = { condition = "no" }
systemd = { Service = { Nice = 1 } }
"#;
    let read = services("a.toml", text);
    let env = |service: &Service| -> String {
        service.env.iter().map(|(name, value)| format!("{}={} ", name.as_str(), value.as_str())).collect()
    };
    assert_eq!((env(&read[0]), env(&read[1])), ("A=1 B=1 ".to_owned(), "A=1 B=2 C=3 ".to_owned()));
    assert_eq!(read[1].timeout, Some("5min".parse().unwrap()));
    let nice = |service: &Service| -> Vec<String> {
        let of = |section| {
            service.systemd.of(section).map(|(key, lines)| format!("{key}={}", lines[0])).collect::<Vec<_>>()
        };
        [of(Section::Service), of(Section::Unit)].concat()
    };
    assert_eq!(nice(&read[0]), ["Nice=5", "IOWeight=10", "JobTimeoutSec=5"]);
    assert_eq!(nice(&read[1]), ["Nice=1", "IOWeight=10", "JobTimeoutSec=5"]);
    assert_ne!(read[0].restart_policy, read[1].restart_policy);
}

#[test]
fn a_wrong_default_is_told_once_at_its_place() {
    let text = "[defaults]\ntimeout = 'x'\nnam = 1\n[[services]]\nname = 'a'\nstart_command = 'x'\n\
                [[services]]\nname = 'b'\nstart_command = 'x'\n";
    let error = open("a.toml", text).unwrap_err();
    let told: Vec<_> = error.problems().iter().map(|one| (one.line(), one.message().to_owned())).collect();
    assert_eq!(told.len(), 2, "{error}");
    assert_eq!(told[0].0, 3);
    assert_eq!(told[1].0, 2);
}

#[test]
fn a_file_may_include_others() {
    let main = "include = ['*.toml', 'more.yaml']\n[[services]]\nname = 'main'\nstart_command = 'x'\nenvironment = 'shared'\n";
    let part = "[environments.shared]\npath = '.venv'\n[defaults]\ntimeout = '5min'\n[[services]]\nname = 'part'\nstart_command = 'x'\n";
    let more = "services:\n  - {name: more, start_command: x}\n";
    let files = [("main.toml", main), ("part.toml", part), ("more.yaml", more)];
    let definition = open_all(&files, &[]).unwrap();
    let names: Vec<&str> = definition.services.iter().map(|service| service.name.as_str()).collect();
    assert_eq!(names, ["part", "more", "main"]);
    // An environment of an included file is known; its defaults are its own.
    let main = &definition.services[2];
    let environment = main.environment.as_ref().unwrap().environment().unwrap();
    assert_eq!((environment.to_string().as_str(), main.timeout), ("/jobs/.venv", None));
    assert!(definition.services[0].timeout.is_some());
    // All came from the file that was named, and each is found where it stands.
    assert!(
        definition
            .services
            .iter()
            .all(|service| service.source.as_ref().unwrap().as_str() == "/jobs/main.toml")
    );
    assert_eq!(definition.place_of(&"more".parse().unwrap()), Some("/jobs/more.yaml"));
}

#[test]
fn what_goes_wrong_with_an_included_file_is_told_in_that_file() {
    let service = "[[services]]\nname = 'a'\nstart_command = 'x'\n";
    let wrong = "[[services]]\nname = 'b'\nstart_comand = 'x'\n";
    let told = |files: &[(&str, &str)]| open_all(files, &[]).unwrap_err().render(false);
    let cases = [
        told(&[("main.toml", "include = 'part.toml'\n"), ("part.toml", wrong)]),
        told(&[("main.toml", "include = 'nowhere.toml'\n")]),
        told(&[("main.toml", "include = 'main.toml'\n")]),
        told(&[("main.toml", "include = 'part.toml'\n"), ("part.toml", "include = 'main.toml'\n")]),
        told(&[("main.toml", &format!("include = 'part.toml'\n{service}")), ("part.toml", service)]),
        told(&[("main.toml", "include = 'part.toml'\n"), ("part.toml", "= 1")]),
    ];
    insta::assert_snapshot!(cases.join("\n---\n"));
}

#[test]
fn variables_stand_in_strings_numbers_and_truth_values() {
    let text = "[[services]]\nname = 'a-${env:WHERE}'\nstart_command = 'x ${env:WHERE}'\nenabled = '${env:ON}'\n\
                timeout = '${env:LIMIT}'\nsystem_load_constraints = { max_percent = '${env:MOST:-80}' }\n\
                env = { LITERAL = '$${env:WHERE} $WHERE' }\n";
    let variables = [("WHERE", "eu"), ("ON", "yes"), ("LIMIT", "90")];
    let service = &open_all(&[("main.toml", text)], &variables).unwrap().services[0];
    assert_eq!(service.name.as_str(), "a-eu");
    assert_eq!(service.start_command.as_ref().unwrap().argv(), ["x", "eu"]);
    assert!(service.enabled && service.timeout == Some("90".parse().unwrap()));
    assert_eq!(service.env.values().next().unwrap().as_str(), "${env:WHERE} $WHERE");
}

#[test]
fn what_systemd_would_pass_over_and_what_does_nothing_is_warned_of() {
    let warned = |keys: &str| {
        let definition = open("a.toml", &service(keys)).unwrap();
        definition.render_warnings(false).unwrap()
    };
    let told = warned("systemd = { Service = { Nicee = 5 }, Unit = { Nice = 5, X-Own = 1 } }");
    assert!(
        told.contains("`Nicee` is no directive of [Service]") && told.contains("did you mean `Nice`?"),
        "{told}"
    );
    assert!(told.contains("it stands in [Service]") && !told.contains("`X-Own`"), "{told}");
    let told = warned("systemd.Service = { ExecStart = 'evil', MemoryMax = '1G' }");
    assert!(told.contains("`systemd.Service.ExecStart` takes the place of `start_command`"), "{told}");
    let told = warned("cgroup_config = { memory_limit = 8 }");
    assert!(told.contains("8 bytes") && told.contains("`8GB`"), "{told}");
    for right in
        ["cgroup_config = { memory_limit = '8GB' }", "systemd.Service = { Nice = 5, Type = 'oneshot' }"]
    {
        assert_eq!(open("a.toml", &service(right)).unwrap().warnings().len(), 0, "{right}");
    }
    let json = r#"{ "$schema": "taskflows.json", "services": [] }"#;
    assert!(open("a.json", json).is_ok());
}

#[test]
fn a_variable_cannot_smuggle_a_directive_in_and_a_secret_is_warned_of() {
    let text = "[[services]]\nname = 'a'\nstart_command = 'x'\ndescription = '${env:API_TOKEN}'\n";
    let evil = open_all(&[("main.toml", text)], &[("API_TOKEN", "x\n[Service]\nUser=root")]);
    assert!(evil.unwrap_err().to_string().contains("control character"));
    let definition = open_all(&[("main.toml", text)], &[("API_TOKEN", "abc")]).unwrap();
    let warned = definition.render_warnings(false).unwrap();
    assert!(warned.contains("no place for a secret") && !warned.contains("abc"), "{warned}");
    let text = service("env = { DB_PASSWORD = 'x', TOKEN_FILE = '/run/token', KEYBOARD = 'us' }");
    let warned = open("web.toml", &text).unwrap().warnings().len();
    assert_eq!(warned, 1);
}

#[test]
fn an_error_never_shows_the_value_of_a_variable() {
    let told = |body: &str, value: &str| {
        let text = service(body);
        let error = open_all(&[("main.toml", &text)], &[("MY_TOKEN", value)]).expect_err(body);
        error.problems()[0].message().to_owned()
    };
    let secret = "hunter2\u{1b}";
    for body in [
        "description = '${env:MY_TOKEN}'",
        "working_directory = '${env:MY_TOKEN}'",
        "timeout = '${env:MY_TOKEN}'",
        "enabled = '${env:MY_TOKEN}'",
        "restart_policy = '${env:MY_TOKEN}'",
        "restart_policy = { condition = 'always', max_attempts = '${env:MY_TOKEN}' }",
        "start_schedule = '${env:MY_TOKEN}'",
        "start_schedule = 'Mon 09:00 ${env:MY_TOKEN}'",
        "start_schedule = { period = '${env:MY_TOKEN}' }",
        "start_schedule = { type = '${env:MY_TOKEN}' }",
        "stop_command = 'x ${env:MY_TOKEN}\u{2}\"'",
        "stop_command = ['x', '${env:MY_TOKEN}\\u0000']",
        "requires = '${env:MY_TOKEN}'",
        "kill_signal = '${env:MY_TOKEN}'",
        "credentials = { a = '${env:MY_TOKEN}' }",
        "systemd = { Service = { Nice = '${env:MY_TOKEN}' } }",
        "environment = '${env:MY_TOKEN}'",
        "environment = { type = '${env:MY_TOKEN}' }",
        "environment = { image = '${env:MY_TOKEN}' }",
        "environment = { image = 'x', volumes = './${env:MY_TOKEN}:y' }",
        "environment = { image = 'x', hostname = '${env:MY_TOKEN}' }",
        "environment = { image = 'x', labels = { a = '${env:MY_TOKEN}' } }",
        "environment = { image = 'x', ports = { '80' = '${env:MY_TOKEN}' } }",
        "cgroup_config = { cpu_quota = '${env:MY_TOKEN}%' }",
        "cgroup_config = { devices = '${env:MY_TOKEN}' }",
        "system_load_constraints = { type = '${env:MY_TOKEN}', max_percent = 80 }",
        "system_load_constraints = { type = 'CPUPressure', max_percent = '${env:MY_TOKEN}' }",
    ] {
        let text = service(body).replace("'x', '${env:MY_TOKEN}\\u0000'", "'x', \"${env:MY_TOKEN}\\u0000\"");
        let Err(error) = open_all(&[("main.toml", &text)], &[("MY_TOKEN", secret)]) else { continue };
        let shown = error.render(false);
        assert!(!shown.contains("hunter") && !shown.contains("unter2"), "{body}\n{shown}");
    }
    let said = told("description = '${env:MY_TOKEN}'", secret);
    assert!(said == "`${env:MY_TOKEN}` holds the control character `\\u{1b}`", "{said}");
    assert_eq!(told("timeout = '${env:MY_TOKEN}'", "5 minuets").find("`${env:MY_TOKEN}` "), Some(0));
    let text = service("stop_command = 'x ${env:MY_TOKEN}'");
    let definition = open_all(&[("main.toml", &text)], &[("MY_TOKEN", "hunter2 | hunter3")]).unwrap();
    let warned = definition.render_warnings(false).unwrap();
    assert!(warned.contains("no shell reads this command") && !warned.contains("hunter"), "{warned}");
}

#[test]
fn an_environment_of_any_file_may_stand_in_any_other() {
    let part = |name: &str, own: &str| {
        format!("{own}\n[[services]]\nname = '{name}'\nstart_command = 'x'\nenvironment = 'py'\n")
    };
    let own = "[environments.py]\npath = '/srv/py'\n";
    let include = "include = ['part-a.toml', 'part-b.toml']\n";
    let main = format!("{include}{own}");
    let (a, b) = (part("a", ""), part("b", ""));
    let root = [("main.toml", main.as_str()), ("part-a.toml", &a), ("part-b.toml", &b)];
    let own_of_b = part("b", own);
    let sibling = [("main.toml", include), ("part-a.toml", &a), ("part-b.toml", &own_of_b)];
    for files in [root, sibling] {
        let definition = open_all(&files, &[]).unwrap();
        let is_known = |one: &Service| one.environment.as_ref().unwrap().environment().is_some();
        assert!(definition.services.len() == 2 && definition.services.iter().all(is_known), "{files:?}");
    }
    let own_of_a = part("a", own);
    let twice = [("main.toml", include), ("part-a.toml", &own_of_a), ("part-b.toml", &own_of_b)];
    let error = open_all(&twice, &[]).unwrap_err();
    let told: Vec<_> = error.problems().iter().map(|one| (one.file(), one.line(), one.message())).collect();
    let message = "the environment `py` is defined twice, first at part-a.toml:1";
    assert_eq!(told, [("part-b.toml", 1, message)]);
}

#[test]
fn a_file_that_two_include_is_read_once() {
    let files = [
        ("main.toml", "include = ['b.toml', 'c.toml']\n"),
        ("b.toml", "include = 'd.toml'\n"),
        ("c.toml", "include = 'd.toml'\n[[services]]\nname = 'c'\nstart_command = 'x'\nenvironment = 'py'\n"),
        ("d.toml", "[environments.py]\npath = '/x'\n[[services]]\nname = 'd'\nstart_command = 'x'\n"),
    ];
    let definition = open_all(&files, &[]).unwrap();
    let names: Vec<&str> = definition.services.iter().map(|service| service.name.as_str()).collect();
    assert_eq!(names, ["d", "c"]);
}

#[test]
fn many_problems_are_told_up_to_a_number_over_all_files() {
    let wrong = |part: usize| -> String {
        let one = |n| format!("[[services]]\nname = 'a{part}-{n}'\nstart_comand = 'x'\n");
        (0..15).map(one).collect()
    };
    let parts: Vec<(String, String)> = (0..13).map(|n| (format!("part{n}.toml"), wrong(n))).collect();
    let mut files = vec![("main.toml", "include = '*.toml'\n")];
    files.extend(parts.iter().map(|(name, text)| (name.as_str(), text.as_str())));
    assert_eq!(open_all(&files, &[]).unwrap_err().problems().len(), 20);
}

#[test]
fn a_warning_is_told_once_and_many_up_to_a_number() {
    let named = |n: usize| format!("[[services]]\nname = 'a{n}'\n");
    let all: String = (0..500).map(named).collect();
    let text = format!("[defaults]\nstart_command = 'echo a | b'\n{all}");
    assert_eq!(open("a.toml", &text).unwrap().warnings().len(), 1);
    let text: String = (0..500).map(|n| named(n) + "start_command = 'echo a | b'\n").collect();
    assert_eq!(open("a.toml", &text).unwrap().warnings().len(), 20);
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the time it takes is what is tested")]
fn ten_thousand_services_are_read_in_time_that_grows_with_them() {
    let text = |count: usize| -> String {
        let one =
            |n| format!("# {}\n[[services]]\nname = 'a{n}'\nstart_command = 'x $HOME'\n", "-".repeat(1_000));
        (0..count).map(one).collect()
    };
    let time = |count: usize| {
        let text = text(count);
        let began = std::time::Instant::now();
        assert_eq!(open("a.toml", &text).unwrap().services.len(), count);
        began.elapsed()
    };
    let (few, many) = (time(1_000), time(10_000));
    // Ten times as many; a hundred times as long is what counting lines anew for each took.
    assert!(many < few * 50, "{few:?} {many:?}");
}

#[test]
fn a_default_under_the_other_name_of_a_key_gives_way() {
    for (default, own) in [
        ("system_load_constraints", "startup_requirements"),
        ("startup_requirements", "system_load_constraints"),
        ("startup_requirements", "startup_requirements"),
    ] {
        let constraint = |most: u8| format!("{{ type = 'CPUPressure', max_percent = {most} }}");
        let text = format!(
            "[defaults]\n{default} = {}\n{}",
            constraint(10),
            service(&format!("{own} = {}", constraint(20)))
        );
        let read = services("a.toml", &text);
        let shown = format!("{:?}", read[0].system_load_constraints);
        assert!(read[0].system_load_constraints.len() == 1 && shown.contains("20"), "{shown}");
    }
}

#[test]
fn default_limits_give_way_to_a_container() {
    let limits = "[defaults.cgroup_config]\nmemory_limit = '1G'\noom_policy = 'kill'\nmanaged_oom_swap = 'kill'\n\
                  managed_oom_memory_pressure = 'kill'\nmanaged_oom_memory_pressure_limit = 50\n\
                  managed_oom_preference = 'avoid'\n[environments.box]\nimage = 'x'\n\
                  cgroup_config = { pids_limit = 5 }\n[environments.plain]\nimage = 'x'\n";
    let read = |body: &str| services("a.toml", &format!("{limits}{}", service(body))).remove(0);
    let own = read("environment = 'plain'").cgroup_config.unwrap();
    assert!(own.memory_limit.is_some() && own.oom_policy.is_none());
    let own =
        read("environment = { image = 'x' }\ncgroup_config = { pids_limit = 9 }").cgroup_config.unwrap();
    assert!(own.memory_limit.is_some() && own.pids_limit.is_some());
    assert!(read("environment = 'box'").cgroup_config.is_none());
    assert!(
        read("environment = { image = 'x', cgroup_config = { pids_limit = 5 } }").cgroup_config.is_none()
    );
    // Outside of containers they hold as they stand.
    assert!(read("environment = { path = '/x' }").cgroup_config.unwrap().oom_policy.is_some());
    assert!(read("").cgroup_config.unwrap().oom_policy.is_some());
    // What a service says itself is still refused.
    for body in [
        "environment = 'box'\ncgroup_config = { pids_limit = 9 }",
        "environment = 'plain'\ncgroup_config = { oom_policy = 'kill' }",
    ] {
        let error = open("a.toml", &format!("{limits}{}", service(body))).unwrap_err();
        assert!(error.problems()[0].message().starts_with("`cgroup_config` "), "{error}");
    }
}
