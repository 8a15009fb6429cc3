//! Every example that is shipped, and every definition in a README, is read and rendered as it stands.

use std::path::Path;
use std::process::Command;

use taskflows_tests::{Output, repository, tf_binary};

/// Runs `tf` on a definition, on a host that has nothing but the programs that environments need.
fn tf(verb: &str, file: &Path, home: &Path) -> Output {
    let output = Command::new(tf_binary())
        .args([verb, &file.display().to_string()])
        .env_clear()
        .env("HOME", home)
        .env("PATH", home.join("bin"))
        .env("EMAIL_PWD", "hunter2")
        .env("PAGERDUTY_KEY", "hunter2")
        .output()
        .unwrap();
    Output {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn home() -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join("bin")).unwrap();
    for program in ["docker", "uv"] {
        std::os::unix::fs::symlink("/bin/true", home.path().join("bin").join(program)).unwrap();
    }
    home
}

fn check(file: &Path, home: &Path) {
    tf("validate", file, home).expect(0);
    let rendered = tf("render", file, home).expect(0).stdout;
    assert!(rendered.contains("[Service]\n") && !rendered.contains("hunter2"), "{rendered}");
}

#[test]
fn every_example_validates_and_renders() {
    let home = home();
    let mut names = Vec::new();
    for entry in std::fs::read_dir(repository().join("examples")).unwrap() {
        let path = entry.unwrap().path();
        check(&path, home.path());
        names.push(path.file_name().unwrap().to_string_lossy().into_owned());
    }
    // Core cannot list files, so that none is missing from what its schema is held against is seen here.
    let held = std::fs::read_to_string(repository().join("taskflows-core/tests/schema.rs")).unwrap();
    for name in &names {
        assert!(held.contains(&format!("examples/{name}")), "{name} is not held against the schema");
    }
    assert!(names.len() >= 5);
}

#[test]
fn every_definition_of_a_readme_validates_and_renders() {
    let home = home();
    let mut seen = 0;
    for readme in ["README.md", "taskflows-core/README.md", "taskflows-cli/README.md"] {
        let text = std::fs::read_to_string(repository().join(readme)).unwrap();
        for language in ["toml", "yaml", "json"] {
            for block in text.split(&format!("```{language}\n")).skip(1) {
                let file = home.path().join(format!("readme.{language}"));
                std::fs::write(&file, block.split("```").next().unwrap()).unwrap();
                check(&file, home.path());
                seen += 1;
            }
        }
    }
    assert!(seen >= 2, "the definitions are found");
}
