//! What commands run in, and what they may use, on a real host: a Python environment, a project of uv, conda, limits
//! that the kernel keeps, and environments that are kept under names.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use taskflows_tests::{LiveManager, wait_until};

const SOON: Duration = Duration::from_secs(20);

fn program(path: &Path, script: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[track_caller]
fn logs_hold(manager: &LiveManager, name: &str, text: &str) {
    let logs = || manager.tf(&["logs", name, "-n", "100"]).stdout;
    wait_until(&format!("{name} logs {text:?}: {}", logs()), SOON, || logs().contains(text));
}

/// Makes a Python environment with a program of its own.
fn venv(at: &Path) {
    let made = Command::new("python3").args(["-m", "venv", "--without-pip"]).arg(at).status().unwrap();
    assert!(made.success());
    fs::write(at.join("bin/report"), "#!/usr/bin/env python\nimport sys; print('report of', sys.prefix)\n")
        .unwrap();
    fs::set_permissions(at.join("bin/report"), fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_command_runs_in_a_python_environment() {
    let manager = LiveManager::start();
    let place = manager.home().join("my env/50% $x");
    venv(&place);
    let file = manager.write(
        "jobs.toml",
        r#"
[[services]]
name = "prefix"
start_command = ["python", "-c", "import os, sys; print(sys.prefix, os.environ['VIRTUAL_ENV'], os.environ['PATH'].split(':')[0])"]
environment = { path = "my env/50% $x" }

[[services]]
name = "program"
start_command = "report"
environment = { path = "~/my env/50% $x" }

[[services]]
name = "child"
start_command = ["sh", "-c", "report"]
environment = { path = "~/my env/50% $x" }
"#,
    );
    manager.tf(&["create", &file]).expect(0);
    for name in ["prefix", "program", "child"] {
        manager.tf(&["start", name, "--wait"]).expect(0);
    }
    // What the units need is found where they look for it.
    let told = manager.tf(&["doctor", "-v"]).expect(0);
    assert!(told.stdout.contains("what 3 units need is there"), "{}", told.stdout);
    let place = place.display();
    logs_hold(&manager, "prefix", &format!("{place} {place} {place}/bin"));
    logs_hold(&manager, "program", &format!("report of {place}"));
    logs_hold(&manager, "child", &format!("report of {place}"));
}

#[test]
fn a_command_runs_in_a_project_of_uv() {
    let manager = LiveManager::start();
    let project = manager.home().join("project");
    fs::create_dir_all(&project).unwrap();
    let about = "[project]\nname = \"project\"\nversion = \"1\"\nrequires-python = \">=3.8\"\n";
    fs::write(project.join("pyproject.toml"), about).unwrap();
    fs::write(project.join("main.py"), "import sys; print('main in', sys.prefix, sys.argv[1:])\n").unwrap();
    let file = manager.write(
        "jobs.toml",
        r#"
[[services]]
name = "uv"
start_command = ["python", "main.py", "--with", "a b"]
environment = { project = "project" }
env = { UV_OFFLINE = 1, UV_PYTHON_DOWNLOADS = "never" }
"#,
    );
    manager.tf(&["create", &file]).expect(0);
    manager.tf(&["start", "uv", "--wait"]).expect(0);
    logs_hold(&manager, "uv", &format!("main in {}/.venv ['--with', 'a b']", project.display()));
}

/// No registry at hand has conda, so a program of its name stands in and shows how it is called.
#[test]
fn a_command_runs_in_an_environment_of_conda() {
    let manager = LiveManager::start();
    let conda = manager.home().join("miniforge3/condabin/conda");
    program(
        &conda,
        r#"[ "$2" = --help ] && { echo "usage: conda run [-n NAME] [--no-capture-output]"; exit; }
printf 'called'; printf ' <%s>' "$@"; echo
shift 4; exec "$@""#,
    );
    let file = manager.write(
        "jobs.toml",
        r#"
[environments.science]
env_name = "science"

[[services]]
name = "train"
start_command = ["sh", "-c", "echo trained; exit 3"]
environment = "science"

[[services]]
name = "elsewhere"
start_command = "true"
environment = { env_name = "/opt/envs/x", custom_path = "~/miniforge3/condabin/conda" }
"#,
    );
    manager.tf(&["create", &file]).expect(0);
    let failed = manager.tf(&["start", "train", "--wait"]).expect(1);
    assert!(failed.stderr.contains("exit code 3"), "{}", failed.stderr);
    logs_hold(
        &manager,
        "train",
        "called <run> <--name> <science> <--no-capture-output> <sh> <-c> <echo trained; exit 3>",
    );
    logs_hold(&manager, "train", "trained");
    manager.tf(&["start", "elsewhere", "--wait"]).expect(0);
    logs_hold(&manager, "elsewhere", "called <run> <--prefix> </opt/envs/x>");
    // Without conda nothing is installed, and it is told why.
    fs::remove_file(&conda).unwrap();
    let file = manager.write(
        "more.toml",
        "[[services]]\nname = \"more\"\nstart_command = \"x\"\nenvironment = { env_name = \"science\" }\n",
    );
    let refused = manager.tf(&["create", &file]).expect(2);
    assert!(refused.stderr.contains("conda is not installed here"), "{}", refused.stderr);
    manager.tf(&["status", "more"]).expect(4);
}

#[test]
fn limits_are_kept_by_the_kernel() {
    let manager = LiveManager::start();
    let file = manager.write(
        "jobs.toml",
        r#"
[[services]]
name = "memory"
start_command = ["sh", "-c", "head -c 200M /dev/zero | tail"]
cgroup_config = { memory_limit = "20MB" }

[[services]]
name = "tasks"
start_command = ["sh", "-c", "for i in 1 2 3 4 5 6 7 8; do sleep 5 & done; echo all of them"]
cgroup_config = { pids_limit = 4 }

[[services]]
name = "processor"
start_command = ["sh", "-c", "while :; do :; done"]
cgroup_config = { cpu_quota = "20%" }
timeout = "4s"

[[services]]
name = "files"
start_command = ["sh", "-c", "ulimit -n"]
cgroup_config = { nofile_limit = 123, oom_score_adj = 500 }
"#,
    );
    manager.tf(&["create", &file]).expect(0);
    manager.tf(&["start", "memory", "--wait"]).expect(1);
    manager.tf(&["start", "tasks", "--wait"]);
    // The shell says in its own words that it cannot fork.
    logs_hold(&manager, "tasks", "ork");
    manager.tf(&["start", "processor"]).expect(0);
    let pid: u32 = manager.property("taskflows-processor.service", "MainPID").parse().unwrap();
    let used = || {
        let text = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        let fields: Vec<&str> = text.rsplit_once(')').unwrap().1.split_whitespace().collect();
        fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()
    };
    let before = used();
    std::thread::sleep(Duration::from_secs(2));
    let share = (used() - before) / 200.0;
    assert!((0.02..0.45).contains(&share), "it used {share} of a processor, and may use 0.2");
    manager.tf(&["start", "files", "--wait"]).expect(0);
    logs_hold(&manager, "files", "123");
}

#[test]
fn environments_are_kept_under_names_and_not_removed_while_they_are_used() {
    let manager = LiveManager::start();
    let place = manager.home().join("science");
    venv(&place);
    manager.tf(&["env", "create", "science", "--venv", "science", "--description", "for tests"]).expect(0);
    let again = manager.tf(&["env", "create", "science", "--venv", "x"]).expect(1);
    assert!(again.stderr.contains("already") && again.stderr.contains("tf env edit"), "{}", again.stderr);
    let file = manager.write(
        "jobs.toml",
        "[[services]]\nname = \"report\"\nstart_command = \"report\"\nenvironment = \"science\"\n",
    );
    manager.tf(&["create", &file]).expect(0);
    manager.tf(&["start", "report", "--wait"]).expect(0);
    logs_hold(&manager, "report", &format!("report of {}", place.display()));
    let list = manager.tf(&["env", "list"]).expect(0).stdout;
    assert!(list.contains("science") && list.contains("venv") && list.contains("report"), "{list}");
    let refused = manager.tf(&["env", "remove", "science"]).expect(1);
    assert!(refused.stderr.contains("`science` is used by report"), "{}", refused.stderr);
    // A change reaches the service with the next create, and a plan shows it.
    let other: PathBuf = manager.home().join("other");
    venv(&other);
    let changed = manager.tf(&["env", "edit", "science", "--venv", "other"]).expect(0);
    assert!(changed.stderr.contains("applies it to report"), "{}", changed.stderr);
    manager.tf(&["plan", &file]).expect(7);
    manager.tf(&["create", &file]).expect(0);
    manager.tf(&["start", "report", "--wait"]).expect(0);
    logs_hold(&manager, "report", &format!("report of {}", other.display()));
    let unknown = manager.write(
        "unknown.toml",
        "[[services]]\nname = \"x\"\nstart_command = \"x\"\nenvironment = \"sience\"\n",
    );
    let told = manager.tf(&["create", &unknown]).expect(2);
    assert!(told.stderr.contains("did you mean `science`?"), "{}", told.stderr);
    manager.tf(&["remove", "report", "--yes"]).expect(0);
    manager.tf(&["env", "remove", "science"]).expect(0);
    assert_eq!(manager.tf(&["env", "list", "-o", "name"]).expect(0).stdout, "");
}

#[test]
fn files_of_variables_are_checked_and_stay_out_of_units() {
    let manager = LiveManager::start();
    manager.write("good.env", "# for tests\nTOKEN=\"s3cret word\"\n");
    manager.write("bad.env", "TOKEN=1\nno equals sign\n");
    let service = |file: &str| {
        format!(
            "[[services]]\nname = \"x\"\nstart_command = [\"sh\", \"-c\", 'echo \"<$TOKEN>\"']\nenv_file = \"{file}\"\n"
        )
    };
    let file = manager.write("jobs.toml", &service("bad.env"));
    let refused = manager.tf(&["create", &file]).expect(2);
    assert!(refused.stderr.contains("bad.env, line 2"), "{}", refused.stderr);
    manager.write("jobs.toml", &service("missing.env"));
    let noted = manager.tf(&["validate", &file]).expect(0);
    assert!(noted.stderr.contains("x cannot start without it"), "{}", noted.stderr);
    manager.write("jobs.toml", &service("good.env"));
    manager.tf(&["create", &file]).expect(0);
    manager.tf(&["start", "x", "--wait"]).expect(0);
    logs_hold(&manager, "x", "<s3cret word>");
    for entry in fs::read_dir(manager.unit_directory()).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap_or_default();
        assert!(!text.contains("s3cret"), "a secret stands in a unit file");
    }
}

#[test]
fn a_service_whose_environment_is_gone_does_not_run_in_another() {
    let manager = LiveManager::start();
    let file = manager.write(
        "jobs.toml",
        "[[services]]\nname = \"job\"\nstart_command = \"python3 -c 'print(1)'\"\nenvironment = { path = \"nowhere\" }\n",
    );
    manager.tf(&["create", &file]).expect(0);
    manager.tf(&["start", "job", "--wait"]).expect(1);
    let why = manager.tf(&["why", "job"]).stdout;
    assert!(why.contains("nowhere/bin/python") && why.contains("make its Python environment there"), "{why}");
}
