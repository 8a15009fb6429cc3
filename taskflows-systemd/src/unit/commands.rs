//! The commands of a service in what they run in: systemd.service(5), `ExecStart=` and its companions.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};
use taskflows_core::effects::{Engine, ServiceError, ToolError, Toolbox};
use taskflows_core::{
    Argument, CgroupConfig, CommandLine, CondaEnvironment, Container, Environment, Image, PythonVenv,
    Service, TimeSpan, VariableName, VariableValue,
};

use super::escape::{arguments, command_line, path, path_assignment};

/// How long a container may take to end before the engine kills it.
const CONTAINER_GRACE: TimeSpan = TimeSpan::from_secs(30);

/// How much longer a stop of a container may take than its grace, for the engine's own work.
const ENGINE_TIME: TimeSpan = TimeSpan::from_secs(30);

/// How long the engine may take to fetch or build what a container is made from.
const FETCH_TIME: TimeSpan = TimeSpan::from_secs(30 * 60);

/// How long a stop may take before the process is killed.
const STOP_LIMIT: &str = "120s";

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
    /// What takes away a container that outlives its runs, as a shell reads it.
    pub(super) cleanup: Option<String>,
}

impl Commands {
    fn add(&mut self, key: &'static str, value: String) {
        self.lines.push((key, value));
    }
}

/// Puts together the commands of `service`.
///
/// # Errors
/// When the environment needs a program that is not there, or is not known.
pub(super) fn commands(
    service: &Service,
    tools: &dyn Toolbox,
    variables: &Variables,
) -> Result<Commands, ServiceError> {
    let failed = |reason: String| ServiceError::Render { name: service.name.clone(), reason };
    let missing = |error: ToolError| failed(error.to_string());
    let limits = service.cgroup_config.as_ref();
    let stop_limit =
        limits.and_then(|limits| limits.timeout_stop).map_or(STOP_LIMIT.to_owned(), |span| span.to_string());
    let mut commands = Commands { stop_limit, ..Commands::default() };
    let environment = match &service.environment {
        None => None,
        Some(choice) => Some(choice.environment().ok_or_else(|| {
            let name = choice.name().map(ToString::to_string).unwrap_or_default();
            failed(format!("its environment `{name}` has not been looked up"))
        })?),
    };
    match environment {
        None => plain(&mut commands, service, &[]),
        Some(Environment::Venv(venv)) => {
            in_venv(&mut commands, venv, variables);
            plain(&mut commands, service, &[]);
        }
        Some(Environment::Conda(conda)) => {
            let prefix = conda_prefix(conda, tools).map_err(missing)?;
            plain(&mut commands, service, &prefix);
        }
        Some(Environment::Uv(uv)) => {
            let mut prefix = words([tools.uv().map_err(missing)?.as_str(), "run"]);
            prefix.push(Argument::path("--project=", uv.project.as_str(), ""));
            prefix.extend(words(["--"]));
            plain(&mut commands, service, &prefix);
            commands.directory = Some(path(&uv.project));
        }
        Some(Environment::Container(container)) => {
            let engine = tools
                .engine(container.engine.as_ref(), container.engine_host.as_ref().map(|host| host.as_str()));
            let engine = engine.map_err(missing)?;
            InContainer { service, container, engine: &engine, variables }.write(&mut commands);
        }
        // The environments of this version are all above.
        Some(_) => return Err(failed("its environment is of a later version".to_owned())),
    }
    Ok(commands)
}

fn words<'a>(words: impl IntoIterator<Item = &'a str>) -> Vec<Argument> {
    words.into_iter().map(|word| Argument::from(word.to_owned())).collect()
}

/// Writes the commands as they stand, behind what runs them in an environment.
fn plain(commands: &mut Commands, service: &Service, prefix: &[Argument]) {
    let each = [
        ("ExecStart", &service.start_command),
        ("ExecStop", &service.stop_command),
        ("ExecReload", &service.restart_command),
    ];
    for (key, command) in each {
        let Some(command) = command else { continue };
        let line = match prefix {
            [] => command_line(command),
            prefix => arguments(&[prefix, &words(command.argv().iter().map(String::as_str))].concat()),
        };
        commands.add(key, line);
    }
}

/// systemd looks for a program in `ExecSearchPath=`, the program for others in `$PATH`.
fn in_venv(commands: &mut Commands, venv: &PythonVenv, variables: &Variables) {
    commands.add("ExecSearchPath", format!("{}/bin:{SEARCH_PATH}", path(&venv.path)));
    commands.add("Environment", path_assignment("VIRTUAL_ENV", &venv.path, ""));
    if !variables.keys().any(|name| name.as_str() == "PATH") {
        commands.add("Environment", path_assignment("PATH", &venv.path, &format!("/bin:{SEARCH_PATH}")));
    }
}

fn conda_prefix(conda: &CondaEnvironment, tools: &dyn Toolbox) -> Result<Vec<Argument>, ToolError> {
    let found = tools.conda(conda.custom_path.as_ref())?;
    let by = if conda.env_name.as_str().contains('/') { "--prefix" } else { "--name" };
    let mut prefix = vec![Argument::path("", &found.program, "")];
    prefix.extend(words(["run", by, conda.env_name.as_str()]));
    prefix.extend(words(found.live.iter().map(String::as_str)));
    Ok(prefix)
}

/// A service in a container.
struct InContainer<'a> {
    service: &'a Service,
    container: &'a Container,
    engine: &'a Engine,
    variables: &'a Variables,
}

impl InContainer<'_> {
    fn name(&self) -> String {
        let own = self.container.name.as_ref().map(|name| name.as_str().to_owned());
        own.unwrap_or_else(|| format!("taskflows-{}", self.service.name))
    }

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
        let (name, limits) = (self.name(), self.limits());
        let grace = limits.and_then(|limits| limits.timeout_stop).unwrap_or(CONTAINER_GRACE);
        commands.stop_limit = TimeSpan::from(grace.duration() + ENGINE_TIME.duration()).to_string();
        self.write_build(commands);
        if self.container.persisted {
            self.write_kept(commands, &name);
        } else {
            // One that a crash left behind would be in the way.
            commands.add("ExecStartPre", scripted(QUIETLY, self.engine(["rm", "--force", &name])));
            let mut run = self.engine(["run", "--rm"]);
            run.extend(self.definition(&name));
            commands.add("ExecStart", arguments(&run));
        }
        let exec = |command: &CommandLine| {
            let mut exec = self.engine(["exec", &name]);
            exec.extend(words(command.argv().iter().map(String::as_str)));
            exec
        };
        let own = self
            .service
            .stop_command
            .iter()
            .map(|command| ("ExecStop", scripted(WHILE_IT_RUNS, exec(command))));
        commands.lines.extend(own);
        let seconds = grace.duration().as_secs().max(1).to_string();
        commands
            .add("ExecStop", scripted(QUIETLY_WHILE_IT_RUNS, self.engine(["stop", "-t", &seconds, &name])));
        let reload =
            self.service.restart_command.iter().map(|command| ("ExecReload", arguments(&exec(command))));
        commands.lines.extend(reload);
        // Where the engine's command was killed the container went on.
        let end: &[&str] = if self.container.persisted { &["stop", "-t", "1"] } else { &["rm", "--force"] };
        let end = self.engine(end.iter().copied().chain([name.as_str()]));
        commands.add("ExecStopPost", scripted(QUIETLY, end));
        let signal = self.service.kill_signal.map_or(15, |signal| i32::from(signal.number()));
        // What a process that was asked to end exits with in a container: a good end.
        commands.add("SuccessExitStatus", (128 + signal).to_string());
    }

    /// Writes the engine's command as a shell reads it.
    fn in_shell(&self) -> String {
        shell_words::join(std::iter::once(&self.engine.program).chain(&self.engine.options))
    }

    /// Builds the image, unless the engine has one of its name.
    fn write_build(&self, commands: &mut Commands) {
        let Image::Built(spec) = &self.container.image else { return };
        let script = format!("{} image inspect {} >/dev/null 2>&1 || exec \"$@\"", self.in_shell(), spec.tag);
        let mut line = words(["/bin/sh", "-c", &script, "sh"]);
        line.extend(self.engine(spec.options().iter().map(String::as_str)));
        line.push(Argument::path("", spec.path.as_str(), ""));
        commands.add("ExecStartPre", arguments(&line));
        self.allow_fetching(commands, spec.timeout);
    }

    /// Makes the container where there is none, or one of another definition, and starts it.
    fn write_kept(&self, commands: &mut Commands, name: &str) {
        let definition = self.definition(name);
        let hash = fingerprint(&definition, self.variables);
        let engine = self.in_shell();
        let script = format!(
            "[ \"$({engine} container inspect -f '{{{{index .Config.Labels \"{LABEL}\"}}}}' {name} 2>/dev/null)\" = {hash} ] \
             && exit; {engine} rm -f {name} >/dev/null 2>&1; exec \"$@\" >/dev/null"
        );
        let mut line = words(["/bin/sh", "-c", &script, "sh"]);
        line.extend(self.engine(["create", &format!("--label={LABEL}={hash}")]));
        line.extend(definition);
        commands.add("ExecStartPre", arguments(&line));
        self.allow_fetching(commands, None);
        commands.add("ExecStart", arguments(&self.engine(["start", "--attach", name])));
        commands.cleanup = Some(format!("{engine} rm --force {name}"));
    }

    /// What comes before the start may take longer than systemd allows by itself.
    fn allow_fetching(&self, commands: &mut Commands, limit: Option<TimeSpan>) {
        let told = self.limits().and_then(|limits| limits.timeout_start).or(limit);
        let already = commands.lines.iter().any(|(key, _)| *key == "TimeoutStartSec");
        if !already {
            commands.add("TimeoutStartSec", told.unwrap_or(FETCH_TIME).to_string());
        }
    }

    /// Returns what makes the container and what runs in it.
    fn definition(&self, name: &str) -> Vec<Argument> {
        let mut definition = self.container.arguments(name, self.variables.keys(), self.limits());
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

/// Runs a command whose words and whose failure nobody needs.
const QUIETLY: &str = r#""$@" >/dev/null 2>&1 || :"#;

/// systemd stops a service also after it has ended by itself, and then tells no main process. Source:
/// systemd.service(5), `ExecStop=`.
const WHILE_IT_RUNS: &str = r#"[ -z "$MAINPID" ] || exec "$@""#;

/// Both.
const QUIETLY_WHILE_IT_RUNS: &str = r#"[ -z "$MAINPID" ] || "$@" >/dev/null 2>&1 || :"#;

/// Writes a command that a small script of the shell runs as its arguments.
fn scripted(script: &str, command: Vec<Argument>) -> String {
    arguments(&[words(["/bin/sh", "-c", script, "sh"]), command].concat())
}

/// The label that tells of which definition a container that is kept was made.
const LABEL: &str = "taskflows.definition";

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
