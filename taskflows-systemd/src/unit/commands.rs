//! The commands of a service in what they run in: systemd.service(5), `ExecStart=` and its companions.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};
use taskflows_core::effects::{Engine, ServiceError, ToolError, Toolbox};
use taskflows_core::{
    Argument, CgroupConfig, CommandLine, CondaEnvironment, Container, Environment, Image, PythonVenv,
    Service, Signal, TimeSpan, VariableName, VariableValue,
};

use super::escape::{arguments, arguments_of, path, path_assignment};
use super::mark::{KeptContainer, MarkedContainer};
use super::script::{MAIN, STOP, TASK_MAIN, TASK_STOP, WHILE_IT_RUNS, scripted, words};
use super::task;

/// How long a container may take to end before the engine kills it.
const CONTAINER_GRACE: TimeSpan = TimeSpan::from_secs(30);

/// How much longer a stop of a container may take than its grace, for the engine's own work.
const ENGINE_TIME: TimeSpan = TimeSpan::from_secs(30);

/// How long the engine may take to fetch or build what a container is made from.
const FETCH_TIME: TimeSpan = TimeSpan::from_secs(30 * 60);

/// How long a stop may take before the process is killed.
const STOP_LIMIT: TimeSpan = TimeSpan::from_secs(120);

/// Where systemd looks for programs, which a path of our own must name again. Source: systemd.exec(5).
const SEARCH_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The variables of a service, those of its environment and its limits included.
pub(super) type Variables = BTreeMap<VariableName, VariableValue>;

/// What `[Service]` says of commands.
#[derive(Debug, Default)]
pub(super) struct Commands {
    /// `Exec…=` lines and what belongs to them, in order.
    pub(super) lines: Vec<(&'static str, String)>,
    /// The directory they run in, where the environment has one.
    pub(super) directory: Option<String>,
    /// How long a stop may take.
    pub(super) stop_limit: String,
    /// The container, and whether it asks the machine's docker daemon.
    pub(super) container: Option<(MarkedContainer, bool)>,
    /// What must be there for the commands to mean what they say.
    pub(super) assert: Option<(&'static str, String)>,
}

impl Commands {
    fn add(&mut self, key: &'static str, value: String) {
        self.lines.push((key, value));
    }
}

/// Puts together the commands of `service`. Where it is a task, `runner` comes before what it runs.
///
/// # Errors
/// When the environment needs a program that is not there, or is not known.
pub(super) fn commands(
    service: &Service,
    tools: &dyn Toolbox,
    variables: &Variables,
    runner: &str,
) -> Result<Commands, ServiceError> {
    let failed = |reason: String| ServiceError::Render { name: service.name.clone(), reason };
    let missing = |error: ToolError| failed(error.to_string());
    let limits = service.cgroup_config.as_ref();
    let told = limits.and_then(|limits| limits.timeout_stop);
    let stop_limit = match task::stop_limit(service, told.unwrap_or(STOP_LIMIT)) {
        // As units have had it all along: another spelling would change each of them.
        STOP_LIMIT if told.is_none() => "120s".to_owned(),
        limit => limit.to_string(),
    };
    let mut commands = Commands { stop_limit, ..Commands::default() };
    let environment = match &service.environment {
        None => None,
        Some(choice) => Some(choice.environment().ok_or_else(|| {
            let name = choice.name().map(ToString::to_string).unwrap_or_default();
            failed(format!("its environment `{name}` has not been looked up"))
        })?),
    };
    match environment {
        None => plain(&mut commands, service, &[], runner),
        Some(Environment::Venv(venv)) => {
            in_venv(&mut commands, venv, variables);
            plain(&mut commands, service, &[], runner);
        }
        Some(Environment::Conda(conda)) => {
            let prefix = conda_prefix(conda, tools).map_err(missing)?;
            plain(&mut commands, service, &prefix, runner);
        }
        Some(Environment::Uv(uv)) => {
            let mut prefix = words([tools.uv().map_err(missing)?.as_str(), "run"]);
            prefix.push(Argument::path("--project=", uv.project.as_str(), ""));
            prefix.extend(words(["--"]));
            plain(&mut commands, service, &prefix, runner);
            commands.directory = Some(path(&uv.project));
        }
        Some(Environment::Container(container)) => {
            let engine = tools
                .engine(container.engine.as_ref(), container.engine_host.as_ref().map(|host| host.as_str()));
            let engine = engine.map_err(missing)?;
            InContainer { service, container, engine: &engine, variables, runner }.write(&mut commands);
        }
        // The environments of this version are all above.
        Some(_) => return Err(failed("its environment is of a later version".to_owned())),
    }
    Ok(commands)
}

/// Writes the commands as they stand, behind what runs them in an environment.
fn plain(commands: &mut Commands, service: &Service, prefix: &[Argument], runner: &str) {
    let each = [
        ("ExecStart", &service.start_command),
        ("ExecStop", &service.stop_command),
        ("ExecReload", &service.restart_command),
    ];
    for (key, command) in each {
        let Some(command) = command else { continue };
        let runner = if key == "ExecStart" { runner } else { "" };
        let own = words(command.argv().iter().map(String::as_str));
        commands.add(key, arguments_of(runner, &[prefix, &own].concat()));
    }
}

/// systemd looks for a program in `ExecSearchPath=`, the program for others in `$PATH`. Where there is no Python, both
/// would find that of the system, which is worse than a start that fails.
fn in_venv(commands: &mut Commands, venv: &PythonVenv, variables: &Variables) {
    commands.assert = Some(("AssertFileIsExecutable", format!("{}/bin/python", path(&venv.path))));
    commands.add("ExecSearchPath", format!("{}/bin:{SEARCH_PATH}", path(&venv.path)));
    commands.add("Environment", path_assignment("VIRTUAL_ENV", &venv.path, ""));
    if !variables.keys().any(|name| name.as_str() == "PATH") {
        commands.add("Environment", path_assignment("PATH", &venv.path, &format!("/bin:{SEARCH_PATH}")));
    }
}

fn conda_prefix(conda: &CondaEnvironment, tools: &dyn Toolbox) -> Result<Vec<Argument>, ToolError> {
    let found = tools.conda(conda.custom_path.as_ref())?;
    let name = conda.env_name.as_str();
    let mut prefix = vec![Argument::path("", &found.program, ""), Argument::from("run".to_owned())];
    match name.contains('/') {
        true => prefix.extend([Argument::from("--prefix".to_owned()), Argument::path("", name, "")]),
        false => prefix.extend(words(["--name", name])),
    }
    prefix.extend(words(found.live.iter().map(String::as_str)));
    Ok(prefix)
}

/// A service in a container.
struct InContainer<'a> {
    service: &'a Service,
    container: &'a Container,
    engine: &'a Engine,
    variables: &'a Variables,
    /// What runs it where it is a task, else nothing.
    runner: &'a str,
}

impl InContainer<'_> {
    fn limits(&self) -> Option<&CgroupConfig> {
        self.container.cgroup_config.as_ref().or(self.service.cgroup_config.as_ref())
    }

    /// Begins a command of the engine.
    fn engine<'w>(&self, verb: impl IntoIterator<Item = &'w str>) -> Vec<Argument> {
        let mut command = words([self.engine.program.as_str()]);
        command.extend(words(self.engine.options.iter().map(String::as_str)));
        command.extend(words(verb));
        command
    }

    fn write(&self, commands: &mut Commands) {
        let (name, limits) = (self.service.container_name().unwrap_or_default(), self.limits());
        let grace = limits.and_then(|limits| limits.timeout_stop).unwrap_or(CONTAINER_GRACE);
        let stop_limit = TimeSpan::from(grace.duration() + ENGINE_TIME.duration());
        commands.stop_limit = task::stop_limit(self.service, stop_limit).to_string();
        self.write_image(commands);
        let told = limits.and_then(|limits| limits.timeout_start);
        let by_image = match &self.container.image {
            Image::Built(spec) => spec.timeout,
            Image::Named(_) => None,
        };
        // What comes before the start may take longer than systemd allows by itself.
        commands.add("TimeoutStartSec", told.or(by_image).unwrap_or(FETCH_TIME).to_string());
        let kept = match self.container.persisted {
            true => Some(self.write_kept(commands, &name)),
            false => {
                self.write_ephemeral(commands, &name);
                None
            }
        };
        let asks_docker = self.engine.has_daemon && self.engine.options.is_empty();
        commands.container = Some((MarkedContainer { name: name.clone(), kept }, asks_docker));
        let exec = |command: &CommandLine| {
            let mut exec = self.engine(["exec", &name]);
            exec.extend(words(command.argv().iter().map(String::as_str)));
            exec
        };
        let own = self
            .service
            .stop_command
            .iter()
            .map(|command| ("ExecStop", scripted(&format!("{WHILE_IT_RUNS}exec \"$@\""), exec(command))));
        commands.lines.extend(own);
        let seconds = grace.duration().as_secs().max(1).to_string();
        let stop = if self.runner.is_empty() { STOP } else { TASK_STOP };
        commands.add("ExecStop", scripted(stop, self.engine(["stop", "-t", &seconds, &name])));
        let reload =
            self.service.restart_command.iter().map(|command| ("ExecReload", arguments(&exec(command))));
        commands.lines.extend(reload);
        let script = self.ending(&name);
        commands.add("ExecStopPost", arguments(&words(["/bin/sh", "-c", &script])));
        let own = self.container.told("stop_signal").and_then(|signal| signal.parse().ok());
        let signal = self.service.kill_signal.or(own).map_or(15, |signal: Signal| i32::from(signal.number()));
        // What a process that was asked to end exits with in a container is a good end; that it was killed is none.
        if signal != KILL {
            commands.add("SuccessExitStatus", (128 + signal).to_string());
        }
    }

    /// Writes what ends the container, which goes on where the engine's command was killed.
    fn ending(&self, name: &str) -> String {
        let end = if self.container.persisted { "stop -t 1" } else { "rm --force" };
        format!(
            "[ \"$({})\" != {} ] || {} {end} {name} >/dev/null 2>&1 || :",
            self.inspect(name, &[OWNER]),
            self.service.name,
            self.in_shell()
        )
    }

    /// Writes the line that runs the container by a command of the engine. What an attempt of a task left behind
    /// when it was killed is in the way of the next one.
    fn main(&self, name: &str, run: Vec<Argument>) -> String {
        match self.runner {
            "" => scripted(MAIN, run),
            runner => {
                let script = format!("{}; {TASK_MAIN}", self.ending(name));
                arguments_of(runner, &[&words(["/bin/sh", "-c", &script, "sh"])[..], &run].concat())
            }
        }
    }

    /// Writes the engine's command as a shell reads it.
    fn in_shell(&self) -> String {
        shell_words::join(std::iter::once(&self.engine.program).chain(&self.engine.options))
    }

    /// Writes what asks for labels of the container, as a shell reads it; it fails where there is none.
    fn inspect(&self, name: &str, labels: &[&str]) -> String {
        let labels: Vec<String> =
            labels.iter().map(|label| format!("{{{{index .Config.Labels \"{label}\"}}}}")).collect();
        format!("{} container inspect -f '{}' {name} 2>/dev/null", self.in_shell(), labels.join(" "))
    }

    /// Writes the end of a script that has found a container of somebody else under the name.
    fn refusal(&self, name: &str) -> String {
        format!(
            "echo 'the container {name} is not of the service {}: remove it, or give this one another name' >&2; exit 1",
            self.service.name
        )
    }

    /// Builds or fetches the image, unless the engine has one of its name: within a start it may take its time, and
    /// what comes after the service waits for it.
    fn write_image(&self, commands: &mut Commands) {
        let get = match &self.container.image {
            Image::Built(spec) => [self.engine([]), spec.arguments()].concat(),
            Image::Named(image) => {
                if self.container.persisted
                    || self.container.told("pull").is_some_and(|pull| pull != "missing")
                {
                    return;
                }
                let platform =
                    self.container.told("platform").map(|platform| format!("--platform={platform}"));
                let mut pull = self.engine(["pull", "--quiet"]);
                pull.extend(platform.map(Argument::from));
                pull.extend(words([image.as_str()]));
                pull
            }
        };
        let image = self.container.image.name();
        let script = format!("{} image inspect {image} >/dev/null 2>&1 || exec \"$@\"", self.in_shell());
        commands.add("ExecStartPre", scripted(&script, get));
    }

    fn write_ephemeral(&self, commands: &mut Commands, name: &str) {
        // One that a crash left behind would be in the way.
        let script = format!(
            "of=$({}) || exit 0; [ \"$of\" = {} ] || {{ {}; }}; exec {} rm --force {name} >/dev/null",
            self.inspect(name, &[OWNER]),
            self.service.name,
            self.refusal(name),
            self.in_shell()
        );
        commands.add("ExecStartPre", arguments(&words(["/bin/sh", "-c", &script])));
        let mut run = self.engine(["run", "--rm", &self.label()]);
        run.extend(self.definition(name));
        commands.add("ExecStart", self.main(name, run));
    }

    /// Makes the container where there is none, or one of another definition, and starts it.
    fn write_kept(&self, commands: &mut Commands, name: &str) -> KeptContainer {
        let definition = self.definition(name);
        let hash = fingerprint(&definition, self.variables);
        let engine = self.in_shell();
        let files: Vec<Argument> = self
            .container
            .env_file
            .iter()
            .chain(&self.service.env_file)
            .map(|file| Argument::path("", file.as_str(), ""))
            .collect();
        // The engine reads the files when it makes the container: with others in them it is made anew. One that cannot
        // be read says nothing of that, and takes no container away.
        let made_of = match files.len() {
            0 => format!("made={hash}"),
            many => format!(
                "text=$(cat {}) || exit; made={hash}.$(echo \"$text\" | sha256sum | cut -c1-16); shift {many}",
                (1..=many).map(|n| format!("\"${{{n}}}\"")).collect::<Vec<_>>().join(" ")
            ),
        };
        let owner = &self.service.name;
        let script = format!(
            "{made_of}; is=$({}) || is=none; case $is in \"{owner} $made\") exit;; none) ;; \
             \"{owner} \"*) {engine} rm --force {name} >/dev/null || exit;; *) {};; esac; \
             exec {engine} create --label={DEFINITION}=$made \"$@\" >/dev/null",
            self.inspect(name, &[OWNER, DEFINITION]),
            self.refusal(name),
        );
        let create = [files, words([self.label().as_str()]), definition].concat();
        commands.add("ExecStartPre", scripted(&script, create));
        commands.add("ExecStart", self.main(name, self.engine(["start", "--attach", name])));
        let engine = std::iter::once(&self.engine.program).chain(&self.engine.options).cloned().collect();
        KeptContainer { definition: hash, engine }
    }

    fn label(&self) -> String {
        format!("--label={OWNER}={}", self.service.name)
    }

    /// Returns what makes the container and what runs in it.
    fn definition(&self, name: &str) -> Vec<Argument> {
        let mut definition =
            self.container.arguments(name, self.variables, &self.service.env_file, self.limits());
        // The image is the last, and what comes after it runs in the container.
        let image = definition.pop();
        let directory = self.service.working_directory.as_ref();
        let directory = directory.or_else(|| self.limits()?.working_dir.as_ref());
        definition.extend(directory.map(|directory| Argument::from(format!("--workdir={directory}"))));
        definition
            .extend(self.service.kill_signal.map(|signal| Argument::from(format!("--stop-signal={signal}"))));
        definition.extend(image);
        let command = self.service.start_command.as_ref().or(self.container.command.as_ref());
        definition
            .extend(command.into_iter().flat_map(|command| words(command.argv().iter().map(String::as_str))));
        definition
    }
}

/// The label that tells whose a container is: no other is ever removed.
pub(crate) const OWNER: &str = "taskflows.service";

/// The label that tells of which definition a container that is kept was made.
const DEFINITION: &str = "taskflows.definition";

/// The number of the signal that no process can answer.
const KILL: i32 = 9;

fn fingerprint(definition: &[Argument], variables: &Variables) -> String {
    let mut hasher = Sha256::new();
    for argument in definition {
        hasher.update(argument.with_home("~"));
        hasher.update([0]);
    }
    for (name, value) in variables {
        hasher.update(format!("{}={}\0", name.as_str(), value.as_str()));
    }
    hasher.finalize()[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}
