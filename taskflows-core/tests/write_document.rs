//! Services that are written as a definition and read again are the same services.

#![expect(clippy::unwrap_used, reason = "a test that unwraps fails as it should")]
#![expect(clippy::disallowed_methods, reason = "what is read are files of the repository")]

mod any_service;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::tz::{TimeZone, TimeZoneDatabase};
use proptest::collection::btree_map;
use proptest::prelude::*;
use taskflows_core::alerting::{AlertGroup, AlertUse, GroupName};
use taskflows_core::schedule::Zones;
use taskflows_core::{
    Definition, Environment, Format, Service, Source, Surroundings, read_document, read_in, write_document,
};

use any_service::{alert, container, parsed, service};

fn zones() -> Zones {
    Zones::new(TimeZoneDatabase::bundled(), TimeZone::UTC)
}

/// Writes and reads again, by way of text as it travels.
#[track_caller]
fn check(services: &[Service], alerts: &BTreeMap<GroupName, AlertGroup>) {
    let text = write_document(services, alerts).to_string();
    let read = read_document(&Source::new("sent", &*text, Format::Json), &zones());
    let read = read.unwrap_or_else(|error| panic!("{error}\n{text}"));
    let told: Vec<Service> = services
        .iter()
        .map(|one| {
            let mut one = one.clone();
            one.source = None;
            one
        })
        .collect();
    assert_eq!(read.services, told, "{text}");
    assert_eq!(&read.alerts, alerts);
}

/// Reads a file as people write it; `None` where it is none that stands alone.
fn definition(name: &str, text: &str, format: Format) -> Option<Definition> {
    let zones = zones();
    let variable = |_: &str| Some("https://example.org/x".to_owned());
    let surroundings =
        Surroundings { zones: &zones, variable: &variable, open: &|_, _| Err("no other file".to_owned()) };
    let source = Source::new(name, text, format).with_base("/home/ada/jobs").with_origin("/home/ada/jobs/a");
    read_in(&source, &surroundings).ok()
}

fn files(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in directory.read_dir().unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        match path.is_dir() {
            true if !name.starts_with('.') && name != "target" => files(&path, found),
            _ => found.push(path),
        }
    }
}

#[test]
fn what_the_repository_shows_survives() {
    let mut found = Vec::new();
    files(&Path::new(env!("CARGO_MANIFEST_DIR")).join(".."), &mut found);
    let (mut whole, mut blocks) = (0, 0);
    for path in found {
        let name = path.display().to_string();
        let text = || std::fs::read_to_string(&path).unwrap_or_default();
        if let Some(format) = Format::from_path(&name) {
            let Some(read) = definition(&name, &text(), format) else { continue };
            check(&read.services, &read.alerts);
            whole += usize::from(!read.services.is_empty());
        } else if name.ends_with(".md") {
            let text = text();
            for block in text.split("```").skip(1).step_by(2) {
                let (language, body) = block.split_once('\n').unwrap_or_default();
                let Some(format) = Format::from_path(&format!("a.{language}")) else { continue };
                let Some(read) = definition(&name, body, format) else { continue };
                check(&read.services, &read.alerts);
                blocks += usize::from(!read.services.is_empty());
            }
        }
    }
    assert!(whole >= 8 && blocks >= 5, "{whole} files and {blocks} blocks are too few to tell anything");
}

#[test]
fn each_example_survives() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    for entry in examples.read_dir().unwrap() {
        let path = entry.unwrap().path();
        let name = path.display().to_string();
        let text = std::fs::read_to_string(&path).unwrap();
        let read = definition(&name, &text, Format::from_path(&name).unwrap());
        let read = read.unwrap_or_else(|| panic!("{name} cannot be read"));
        check(&read.services, &read.alerts);
    }
}

#[test]
fn a_document_stands_for_itself() {
    let refused = |body: &str, told: &str| {
        let error = read_document(&Source::new("sent", body, Format::Json).with_base("/srv"), &zones());
        let error = error.unwrap_err().to_string();
        assert!(error.contains(told), "{error}");
    };
    let one = |rest: &str| format!(r#"{{"services": [{{"name": "a", "start_command": ["x"]{rest}}}]}}"#);
    refused(r#"{"include": "b.toml", "services": []}"#, "includes no file");
    refused(&one(r#", "working_directory": "here""#), "is not an absolute path");
    refused(&one(r#", "start_comand": ["y"]"#), "did you mean `start_command`?");
    refused(&format!("{}{}", "[".repeat(60), "]".repeat(60)), "deep");
    let source = Source::new("sent", one(r#", "env": {"A": "${env:PATH} $${env:B}"}"#), Format::Json);
    let read = read_document(&source, &zones()).unwrap();
    assert_eq!(read.services[0].env.values().next().unwrap().as_str(), "${env:PATH} $${env:B}");
}

proptest! {
    #![proptest_config(ProptestConfig { max_global_rejects: 100_000, max_local_rejects: 1_000_000, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn a_service_survives(service in service()) {
        check(&[service], &BTreeMap::new());
    }

    #[test]
    fn a_container_survives(container in container()) {
        let mut one = Service::builder("a").start_command("x").build().unwrap();
        one.environment = Some(Environment::from(container).into());
        prop_assume!(one.check().is_ok());
        check(&[one], &BTreeMap::new());
    }

    #[test]
    fn groups_survive(alerts in btree_map(parsed::<GroupName>("[a-d]"), alert(), 0..3)) {
        let inline = |one| match one { AlertUse::Inline(group) => Some(*group), AlertUse::Named(_) => None };
        let groups: BTreeMap<GroupName, AlertGroup> =
            alerts.into_iter().filter_map(|(name, one)| Some((name, inline(one)?))).collect();
        check(&[], &groups);
    }
}
