//! Services in containers, against a real docker engine: they start, log, end as they end, are limited and stopped.

use std::fs;
use std::time::Duration;

use taskflows_tests::{Engine, IMAGE, LiveManager, wait_until};

const SOON: Duration = Duration::from_secs(20);

/// A manager, an engine, and a definition of services in its containers.
struct Host {
    manager: LiveManager,
    engine: Engine,
}

impl Host {
    fn start() -> Self {
        Self { manager: LiveManager::start(), engine: Engine::start() }
    }

    /// Installs services; `CONTAINER` in the text is what every container here has.
    fn common(&self) -> String {
        format!("image = \"{IMAGE}\", network_mode = \"none\", engine_host = \"{}\"", self.engine.host())
    }

    #[track_caller]
    fn create(&self, text: &str) -> String {
        let file = self.manager.write("jobs.toml", &text.replace("CONTAINER", &self.common()));
        self.manager.tf(&["create", &file]).expect(0);
        file
    }

    fn logs(&self, name: &str) -> String {
        self.manager.tf(&["logs", name, "-n", "100"]).stdout
    }

    #[track_caller]
    fn logs_hold(&self, name: &str, text: &str) {
        wait_until(&format!("{name} logs {text:?}: {}", self.logs(name)), SOON, || {
            self.logs(name).contains(text)
        });
    }

    fn inspect(&self, container: &str, field: &str) -> String {
        let told = self.engine.docker(&["inspect", "-f", &format!("{{{{{field}}}}}"), container]);
        told.expect(0).stdout.trim().to_owned()
    }
}

#[test]
fn a_container_starts_logs_is_limited_and_stopped_as_the_service() {
    let host = Host::start();
    host.create(
        r#"
[[services]]
name = "web"
start_command = ["sh", "-c", 'trap "echo asked to end; exit 0" TERM; echo "serving $GREETING in $PWD"; while :; do sleep 0.1; done']
environment = { CONTAINER, volumes = ["~/shared:/shared:ro"], ulimits = ["nofile=64:128"] }
working_directory = "/shared"
env = { GREETING = "50% of $HOME, \"quoted\"" }
cgroup_config = { memory_limit = "32MB", pids_limit = 20, cpu_quota = "50%", timeout_stop = "5s" }
"#,
    );
    fs::create_dir_all(host.manager.home().join("shared")).unwrap();
    host.manager.tf(&["start", "web"]).expect(0);
    host.logs_hold("web", "serving 50% of $HOME, \"quoted\" in /shared");
    assert_eq!(host.manager.property("taskflows-web.service", "ActiveState"), "active");
    assert_eq!(host.engine.containers(), ["taskflows-web"]);
    assert_eq!(host.inspect("taskflows-web", ".HostConfig.Memory"), (32 << 20).to_string());
    assert_eq!(host.inspect("taskflows-web", ".HostConfig.PidsLimit"), "20");
    assert_eq!(host.inspect("taskflows-web", ".HostConfig.CpuQuota"), "50000");
    // It is asked where the unit asks it.
    let told = host.manager.tf(&["doctor", "-v"]).expect(0).stdout;
    assert!(told.contains(&host.engine.host()) && told.contains("answers"), "{told}");
    // A value stands in no process's arguments, where everybody could read it.
    let pid = host.manager.property("taskflows-web.service", "MainPID");
    let arguments = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap();
    assert!(arguments.contains("--env=GREETING\0") && !arguments.contains("quoted"), "{arguments}");
    let stopped = host.manager.tf(&["stop", "web"]).expect(0);
    assert!(stopped.stderr.contains("Stopped web."), "{}", stopped.stderr);
    host.logs_hold("web", "asked to end");
    assert_eq!(host.manager.property("taskflows-web.service", "ActiveState"), "inactive");
    assert!(host.engine.containers().is_empty());
    host.manager.tf(&["remove", "web", "--yes"]).expect(0);
}

#[test]
fn how_a_container_ends_is_how_the_service_ends() {
    let host = Host::start();
    host.create(
        r#"
[[services]]
name = "well"
start_command = "echo done"
environment = { CONTAINER }

[[services]]
name = "badly"
start_command = ["sh", "-c", "echo no such table >&2; exit 7"]
environment = { CONTAINER }

[[services]]
name = "hog"
start_command = ["sh", "-c", "tail /dev/zero"]
environment = { CONTAINER }
cgroup_config = { memory_limit = "16MB", memory_swap_limit = "16MB" }

[[services]]
name = "long"
start_command = "sleep 60"
environment = { CONTAINER, init = true }
timeout = "1s"

[[services]]
name = "nowhere"
start_command = "true"
environment = { image = "no/such:image", pull = "never", engine_host = "unix:///nowhere/docker.sock" }
"#,
    );
    host.manager.tf(&["start", "well", "--wait"]).expect(0);
    host.logs_hold("well", "done");
    let failed = host.manager.tf(&["start", "badly", "--wait"]).expect(1);
    assert!(failed.stderr.contains("exit code 7"), "{}", failed.stderr);
    host.logs_hold("badly", "no such table");
    let killed = host.manager.tf(&["start", "hog", "--wait"]).expect(1);
    assert!(killed.stderr.contains("exit code 137"), "{}", killed.stderr);
    let late = host.manager.tf(&["start", "long", "--wait"]).expect(1);
    assert!(late.stderr.contains("timed out"), "{}", late.stderr);
    // A client without its engine fails, and says so.
    host.manager.tf(&["start", "nowhere", "--wait"]).expect(1);
    host.logs_hold("nowhere", "docker");
    assert!(host.engine.containers().is_empty(), "{:?}", host.engine.containers());
}

#[test]
fn a_container_that_is_kept_remembers_until_its_definition_changes() {
    let host = Host::start();
    let text = r#"
[[services]]
name = "counter"
start_command = ["sh", "-c", "echo x >> /runs; echo run $(wc -l < /runs) of $WHAT"]
environment = { CONTAINER, persisted = true, name = "my-counter" }
env = { WHAT = "this" }
"#;
    host.create(text);
    host.manager.tf(&["start", "counter", "--wait"]).expect(0);
    host.logs_hold("counter", "run 1 of this");
    host.manager.tf(&["start", "counter", "--wait"]).expect(0);
    host.logs_hold("counter", "run 2 of this");
    assert_eq!(host.engine.containers(), ["my-counter"]);
    host.create(&text.replace("\"this\"", "\"that\""));
    host.manager.tf(&["start", "counter", "--wait"]).expect(0);
    host.logs_hold("counter", "run 1 of that");
    host.manager.tf(&["remove", "counter", "--yes"]).expect(0);
    assert!(host.engine.containers().is_empty(), "a container outlives its service");
}

#[test]
fn what_a_kept_container_holds_goes_only_with_its_definition() {
    let host = Host::start();
    let text = r#"
[[services]]
name = "db"
start_command = ["sh", "-c", "echo x >> /runs; echo run $(wc -l < /runs) with $S; exec sleep 60"]
environment = { CONTAINER, persisted = true, init = true }
env_file = "db.env"
"#;
    let secret = |value: &str| host.manager.write("db.env", &format!("S={value}\n"));
    secret("one");
    let file = host.create(text);
    let restart = |says: &str| {
        host.manager.tf(&["restart", "db"]).expect(0);
        host.logs_hold("db", says);
    };
    restart("run 1 with one");
    // Another spelling of the same engine is the same container, also while it runs.
    let again = text.replace("CONTAINER", &format!("CONTAINER, {}", "stop_signal = \"SIGTERM\""));
    let moved = fs::read_to_string(&file).unwrap().replace("unix:///tmp/", "unix:///tmp/./");
    host.manager.write("jobs.toml", &moved);
    let told = host.manager.tf(&["create", &file, "--yes"]).expect(0);
    assert!(!(told.stdout + &told.stderr).contains("container"), "nothing of it goes");
    assert_eq!(host.inspect("taskflows-db", ".State.Running"), "true");
    restart("run 2 with one");
    // A file of variables is read when the container is made, so with another one it is made anew.
    secret("two");
    restart("run 1 with two");
    // One that is gone for a while fails the start, and takes nothing away.
    host.manager.tf(&["stop", "db"]).expect(0);
    fs::remove_file(host.manager.home().join("db.env")).unwrap();
    host.manager.tf(&["start", "db"]).expect(1);
    assert_eq!(host.engine.containers(), ["taskflows-db"]);
    secret("two");
    restart("run 2 with two");
    host.manager.write("jobs.toml", &again.replace("CONTAINER", &host.common()));
    let told = host.manager.tf(&["plan", &file]).stdout;
    assert!(told.contains("its container taskflows-db goes, and what it wrote into itself"), "{told}");
    host.manager.tf(&["create", &file]).expect(0);
    assert_eq!(host.inspect("taskflows-db", ".State.Running"), "true");
    restart("run 1 with two");
    assert_eq!(host.manager.property("taskflows-db.service", "ActiveState"), "active");
    host.manager.tf(&["remove", "db", "--yes"]).expect(0);
    assert!(host.engine.containers().is_empty());
}

#[test]
fn a_container_of_somebody_else_is_left_alone() {
    let host = Host::start();
    let theirs = ["new", "kept"].map(|name| {
        let container = format!("their-{name}");
        host.engine.docker(&["create", "--name", &container, IMAGE, "sleep", "60"]).expect(0);
        (name, host.inspect(&container, ".Id"), container)
    });
    host.create(
        r#"
[[services]]
name = "new"
start_command = "echo hello"
environment = { CONTAINER, name = "their-new" }

[[services]]
name = "kept"
start_command = "echo hello"
environment = { CONTAINER, name = "their-kept", persisted = true }
"#,
    );
    for (name, _, container) in &theirs {
        host.manager.tf(&["start", name, "--wait"]).expect(1);
        host.logs_hold(name, &format!("the container {container} is not of the service {name}: remove it"));
    }
    host.manager.tf(&["remove", "*", "--yes"]).expect(0);
    for (_, id, container) in theirs {
        assert_eq!(host.inspect(&container, ".Id"), id);
    }
}

#[test]
fn a_container_sees_its_variables_and_files_and_the_engine_does_not() {
    let host = Host::start();
    host.manager.write("secret.env", "TOKEN=as it stands\n");
    host.create(
        r#"
[[services]]
name = "job"
start_command = ["sh", "-c", 'echo "[$DOCKER_TLS_VERIFY] <$DOCKER_CERT_PATH> <$HOME> <$TOKEN>"']
environment = { CONTAINER }
env_file = "secret.env"
env = { DOCKER_TLS_VERIFY = "1", DOCKER_CERT_PATH = "/certs", HOME = "/data" }
"#,
    );
    host.manager.tf(&["start", "job", "--wait"]).expect(0);
    host.logs_hold("job", r#"[1] </certs> </data> <as it stands>"#);
}

#[test]
fn the_signal_that_a_container_is_stopped_by_is_a_good_end() {
    let host = Host::start();
    host.create(
        r#"
[[services]]
name = "web"
start_command = ["sh", "-c", 'trap "exit 130" INT; echo serving; while :; do sleep 0.1; done']
environment = { CONTAINER, stop_signal = "SIGINT" }
"#,
    );
    host.manager.tf(&["start", "web"]).expect(0);
    host.logs_hold("web", "serving");
    host.manager.tf(&["stop", "web"]).expect(0);
    assert_eq!(host.manager.property("taskflows-web.service", "ActiveState"), "inactive");
}

/// The kernel gives a signal to process 1 only where it asks for it.
#[test]
fn a_container_that_has_to_be_killed_is_stopped_and_has_not_failed() {
    let host = Host::start();
    host.create(
        r#"
[[services]]
name = "deaf"
start_command = ["sh", "-c", "echo here; exec sleep 600"]
environment = { CONTAINER }
cgroup_config = { timeout_stop = "1s" }

[[services]]
name = "deaf-and-kept"
start_command = ["sh", "-c", "echo here; exec sleep 600"]
environment = { CONTAINER, persisted = true }
cgroup_config = { timeout_stop = "1s" }
"#,
    );
    for name in ["deaf", "deaf-and-kept"] {
        host.manager.tf(&["start", name]).expect(0);
        host.logs_hold(name, "here");
        host.manager.tf(&["stop", name]).expect(0);
        host.logs_hold(name, "It did not end when it was asked to");
        let unit = format!("taskflows-{name}.service");
        assert_eq!(host.manager.property(&unit, "ActiveState"), "inactive");
    }
    assert_eq!(host.engine.docker(&["ps", "--quiet"]).stdout, "");
    assert_eq!(host.engine.containers(), ["taskflows-deaf-and-kept"]);
}

/// The tables are ours to write, and the engine's to read.
#[test]
fn the_engine_knows_every_flag() {
    let engine = Engine::start();
    for (verb, rules) in
        [("run", taskflows_core::Container::rules()), ("build", taskflows_core::BuildSpec::rules())]
    {
        // One that is newer than this engine is podman's too.
        let podman = std::process::Command::new("podman").args([verb, "--help"]).output().unwrap().stdout;
        let help = engine.docker(&[verb, "--help"]).expect(0).stdout + &String::from_utf8_lossy(&podman);
        let knows = |flag: &str| help.split_whitespace().any(|word| word.trim_end_matches(',') == flag);
        let unknown: Vec<&str> = rules.iter().map(|rule| rule.flag).filter(|flag| !knows(flag)).collect();
        assert!(unknown.is_empty(), "{verb}: {unknown:?}");
    }
}

#[test]
fn an_image_is_built_once_and_its_own_command_runs() {
    let host = Host::start();
    let directory = host.manager.home().join("app");
    fs::create_dir_all(&directory).unwrap();
    let recipe = format!("FROM {IMAGE}\nARG WHAT\nRUN echo \"$WHAT\" > /what\nCMD [\"cat\", \"/what\"]\n");
    fs::write(directory.join("Dockerfile.prod"), recipe).unwrap();
    let host_of_engine = host.engine.host();
    let text = format!(
        r#"
[[services]]
name = "built"

[services.environment]
image = {{ tag = "app:1", path = "app", dockerfile = "Dockerfile.prod", buildargs = {{ WHAT = "built with $care" }}, network_mode = "none" }}
network_mode = "none"
engine_host = "{host_of_engine}"
"#
    );
    host.create(&text);
    host.manager.tf(&["start", "built", "--wait"]).expect(0);
    host.logs_hold("built", "built with $care");
    let built = host.engine.docker(&["image", "inspect", "-f", "{{.Id}}", "app:1"]).expect(0).stdout;
    host.manager.tf(&["start", "built", "--wait"]).expect(0);
    assert_eq!(host.engine.docker(&["image", "inspect", "-f", "{{.Id}}", "app:1"]).expect(0).stdout, built);
}

#[test]
fn a_container_that_a_crash_left_behind_is_not_in_the_way() {
    let host = Host::start();
    host.create(
        r#"
[[services]]
name = "web"
start_command = "sleep infinity"
environment = { CONTAINER, init = true }
restart_policy = { condition = "always", delay = "100ms" }
"#,
    );
    host.manager.tf(&["start", "web"]).expect(0);
    let pid = || host.manager.property("taskflows-web.service", "MainPID");
    let first = pid();
    wait_until("the container runs", SOON, || host.inspect("taskflows-web", ".State.Running") == "true");
    let killed = std::process::Command::new("kill").args(["-9", &first]).status().unwrap();
    assert!(killed.success());
    wait_until("it runs again", SOON, || {
        let running = host.engine.docker(&["ps", "--quiet"]).stdout.lines().count();
        ![first.as_str(), "0"].contains(&pid().as_str()) && running == 1
    });
    host.manager.tf(&["remove", "web", "--yes"]).expect(0);
    assert!(host.engine.containers().is_empty());
}

/// podman has no daemon: its containers are made by the commands of the unit themselves.
#[test]
fn podman_does_what_docker_does() {
    let (manager, engine) = (LiveManager::start(), Engine::start());
    // What podman needs on a machine whose control groups are of the first kind as well.
    let containers = manager.write(
        "containers.conf",
        "[containers]\ndefault_ulimits = [\"nofile=1024:4096\", \"nproc=4096:4096\"]\n\
         [engine]\nruntime = \"runc\"\ncgroup_manager = \"cgroupfs\"\n",
    );
    let home = manager.home();
    let storage = manager.write(
        "storage.conf",
        &format!(
            "[storage]\ndriver = \"vfs\"\ngraphroot = \"{0}/storage\"\nrunroot = \"{0}/run\"\n",
            home.display()
        ),
    );
    let podman = |arguments: &[&str]| {
        let mut podman = manager.command("podman");
        podman.args(arguments).env("CONTAINERS_CONF", &containers).env("CONTAINERS_STORAGE_CONF", &storage);
        let output = podman.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    podman(&["import", &engine.image().display().to_string(), "localhost/busybox:test"]);
    let file = manager.write(
        "jobs.toml",
        &format!(
            r#"
[defaults.systemd.Service]
Environment = "CONTAINERS_CONF={containers} CONTAINERS_STORAGE_CONF={storage}"

[environments.box]
image = "localhost/busybox:test"
engine = "podman"
network_mode = "none"

[[services]]
name = "web"
start_command = ["sh", "-c", 'trap "echo asked to end; exit 0" TERM; echo serving $GREETING; while :; do sleep 0.1; done']
environment = "box"
env = {{ GREETING = "50% of it" }}
cgroup_config = {{ memory_limit = "32MB" }}

[[services]]
name = "badly"
start_command = ["sh", "-c", "exit 7"]
environment = "box"

[[services]]
name = "kept"
start_command = ["sh", "-c", "echo x >> /runs; echo run $(wc -l < /runs)"]
environment = {{ image = "localhost/busybox:test", engine = "podman", network_mode = "none", persisted = true }}
"#
        ),
    );
    let logs_hold = |name: &str, text: &str| {
        let logs = || manager.tf(&["logs", name]).stdout;
        wait_until(&format!("{name} logs {text:?}: {}", logs()), SOON, || logs().contains(text));
    };
    manager.tf(&["create", &file]).expect(0);
    manager.tf(&["start", "web"]).expect(0);
    logs_hold("web", "serving 50% of it");
    assert_eq!(
        podman(&["inspect", "-f", "{{.HostConfig.Memory}}", "taskflows-web"]).trim(),
        (32 << 20).to_string()
    );
    manager.tf(&["stop", "web"]).expect(0);
    logs_hold("web", "asked to end");
    let failed = manager.tf(&["start", "badly", "--wait"]).expect(1);
    assert!(failed.stderr.contains("exit code 7"), "{}", failed.stderr);
    manager.tf(&["start", "kept", "--wait"]).expect(0);
    manager.tf(&["start", "kept", "--wait"]).expect(0);
    logs_hold("kept", "run 2");
    let mut remove = manager.command(taskflows_tests::tf_binary());
    remove.args(["remove", "*", "--yes"]).env("CONTAINERS_CONF", &containers);
    let removed = remove.env("CONTAINERS_STORAGE_CONF", &storage).output().unwrap();
    assert!(removed.status.success());
    assert_eq!(podman(&["ps", "--all", "--quiet"]), "");
}
