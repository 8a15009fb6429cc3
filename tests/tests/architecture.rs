//! The arrows between crates, as the architecture draws them.

use std::collections::BTreeSet;
use std::process::Command;

use taskflows_tests::repository;

/// What each crate may depend on in this workspace, tests and build scripts apart.
const ARROWS: [(&str, &[&str]); 13] = [
    ("taskflows-core", &[]),
    ("taskflows-alerts", &["taskflows-core"]),
    ("taskflows-macros", &[]),
    ("taskflows-journal", &[]),
    ("taskflows-logging", &["taskflows-core", "taskflows-journal"]),
    ("taskflows-systemd", &["taskflows-core"]),
    ("taskflows-runtime", &["taskflows-core", "taskflows-journal"]),
    ("taskflows-security", &[]),
    ("taskflows-api", &["taskflows-core", "taskflows-security"]),
    ("taskflows-store", &["taskflows-alerts", "taskflows-core", "taskflows-security"]),
    (
        "taskflows",
        &[
            "taskflows-alerts",
            "taskflows-core",
            "taskflows-logging",
            "taskflows-macros",
            "taskflows-runtime",
            "taskflows-store",
            "taskflows-systemd",
        ],
    ),
    (
        "taskflows-cli",
        &[
            "taskflows-alerts",
            "taskflows-api",
            "taskflows-core",
            "taskflows-journal",
            "taskflows-logging",
            "taskflows-runtime",
            "taskflows-security",
            "taskflows-store",
            "taskflows-systemd",
        ],
    ),
    ("taskflows-tests", &[]),
];

/// What the pure crate may use of others: nothing that reads a clock, a file, a variable or a socket for it.
const PURE: [&str; 14] = [
    "annotate-snippets",
    "async-trait",
    "futures-util",
    "glob",
    "granit-parser",
    "jiff",
    "percent-encoding",
    "regex-lite",
    "serde",
    "serde_json",
    "shell-words",
    "thiserror",
    "toml",
    "taskflows-core",
];

fn packages() -> Vec<serde_json::Value> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(repository())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

fn dependencies(package: &serde_json::Value) -> BTreeSet<String> {
    let dependencies = package["dependencies"].as_array().unwrap().iter();
    let shipped = dependencies.filter(|dependency| dependency["kind"] != "dev");
    shipped.map(|dependency| dependency["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_crate_is_in_the_table_and_keeps_to_its_arrows() {
    for package in packages() {
        let name = package["name"].as_str().unwrap();
        let (_, allowed) = ARROWS
            .iter()
            .find(|(own, _)| *own == name)
            .unwrap_or_else(|| panic!("{name} is not in the table"));
        for dependency in dependencies(&package).iter().filter(|name| name.starts_with("taskflows")) {
            assert!(allowed.contains(&dependency.as_str()), "{name} -> {dependency} is not drawn");
        }
    }
}

#[test]
fn the_pure_crate_uses_nothing_that_acts() {
    let core = packages().into_iter().find(|package| package["name"] == "taskflows-core").unwrap();
    for dependency in dependencies(&core) {
        assert!(PURE.contains(&dependency.as_str()), "taskflows-core uses {dependency}");
    }
}

#[test]
fn every_readme_is_the_front_page_of_its_crate() {
    for package in packages() {
        let manifest = std::path::Path::new(package["manifest_path"].as_str().unwrap());
        let front = std::fs::read_to_string(manifest.with_file_name("src/lib.rs")).unwrap();
        assert!(front.starts_with("#![doc = include_str!(\"../README.md\")]"), "{}", manifest.display());
    }
}
