use std::collections::BTreeMap;

use super::options::{OptionError, OptionRule, RUN};
use super::{Image, Port, Ulimit, Volume};
use crate::service::{Argument, CgroupConfig, CommandLine, RestartCondition};
use crate::words::checked_text;
use crate::{Line, TextError, UnitPath, VariableName, VariableValue};

/// A container that a service runs in: of docker or of podman, in the foreground under the unit, so that its output,
/// its exit status, a stop and the limits are those of the service.
///
/// What has a field of its own is set there; every other option of `docker run` by [`Container::option`], under the
/// key it has in a definition.
///
/// ```
/// use taskflows_core::Container;
///
/// let mut container = Container::new("python:3.12")?.option("hostname", ["worker"])?;
/// container.volumes.push("/srv/data:/data:ro".parse()?);
/// assert!(container.clone().option("hostnam", ["x"]).unwrap_err().to_string().contains("did you mean `hostname`?"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Container {
    /// What it is made from.
    pub image: Image,
    /// Its name, `taskflows-<service>` where none is told.
    pub name: Option<ContainerName>,
    /// What runs in it where the service says nothing, instead of what the image says.
    pub command: Option<CommandLine>,
    /// It is made once and started again each time, so what it writes into itself is kept; else it is new each time.
    pub persisted: bool,
    /// Environment variables; those of the service win.
    pub environment: BTreeMap<VariableName, VariableValue>,
    /// Files of environment variables, which the engine reads at each start: lines of `NAME=value` without quotes.
    /// A variable that is told otherwise wins over one in a file.
    pub env_file: Vec<UnitPath>,
    /// What it sees of the host.
    pub volumes: Vec<Volume>,
    /// Limits on each of its processes.
    pub ulimits: Vec<Ulimit>,
    /// Its ports on the host.
    pub ports: Vec<Port>,
    /// What it may use; that of the service where there is none.
    pub cgroup_config: Option<CgroupConfig>,
    /// What follows its end, where the service says nothing.
    pub restart_policy: Option<RestartCondition>,
    /// The engine; one that is found on the host where none is told.
    pub engine: Option<EngineName>,
    /// Where the engine listens: `unix:///run/user/1000/docker.sock`, `ssh://ada@host`.
    pub engine_host: Option<Line>,
    pub(crate) options: BTreeMap<&'static str, Vec<String>>,
}

impl Container {
    /// Makes a container of `image`.
    ///
    /// # Errors
    /// When `image` is no name of an image.
    pub fn new(image: &str) -> Result<Self, TextError> {
        image.parse().map(|name| Self::of(Image::Named(name)))
    }

    /// Makes a container of an image.
    pub fn of(image: Image) -> Self {
        Self {
            image,
            name: None,
            command: None,
            persisted: false,
            environment: BTreeMap::new(),
            env_file: Vec::new(),
            volumes: Vec::new(),
            ulimits: Vec::new(),
            ports: Vec::new(),
            cgroup_config: None,
            restart_policy: None,
            engine: None,
            engine_host: None,
            options: BTreeMap::new(),
        }
    }

    /// Every option that has no field, by the key it has in a definition.
    pub fn rules() -> &'static [OptionRule] {
        &RUN
    }

    /// Sets the option `key`; a flag takes `true` or `false`.
    ///
    /// # Errors
    /// When there is no such option, or a value is none for it.
    pub fn option<I>(mut self, key: &str, values: I) -> Result<Self, OptionError>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        let (key, values) = OptionRule::read(&RUN, key, values)?;
        self.options.insert(key, values);
        Ok(self)
    }

    /// Returns what the option `key` is set to, its first value where it has several.
    pub fn told(&self, key: &str) -> Option<&str> {
        self.options.get(key)?.first().map(String::as_str)
    }

    /// Returns the arguments after `run` or `create` that make it, up to the image's name, which is the last.
    ///
    /// It takes `variables` over from the engine's command, so that their values stand in no argument, which every
    /// user of the host could read; except those that would steer that command ([`Container::steers_engine`]).
    /// `env_files` are those of the service, which win over its own.
    pub fn arguments(
        &self,
        name: &str,
        variables: &BTreeMap<VariableName, VariableValue>,
        env_files: &[UnitPath],
        limits: Option<&CgroupConfig>,
    ) -> Vec<Argument> {
        let mut arguments = vec![Argument::from(format!("--name={name}"))];
        let mut add = |text: String| arguments.push(Argument::from(text));
        if !self.options.contains_key("log_driver") {
            // What it writes comes to us and goes to the journal; the engine would keep it a second time, for ever.
            add("--log-driver=none".to_owned());
        }
        for (variable, value) in variables {
            match Self::steers_engine(variable) {
                true => add(format!("--env={}={}", variable.as_str(), value.as_str())),
                false => add(format!("--env={}", variable.as_str())),
            }
        }
        self.ulimits.iter().for_each(|limit| add(format!("--ulimit={limit}")));
        self.ports.iter().for_each(|port| add(format!("--publish={port}")));
        OptionRule::write(&RUN, &self.options).into_iter().for_each(&mut add);
        limits.iter().flat_map(|limits| limits.flags()).for_each(&mut add);
        let files = self.env_file.iter().chain(env_files);
        arguments.extend(files.map(|file| Argument::path("--env-file=", file.as_str(), "")));
        for volume in &self.volumes {
            let mode = if volume.read_only { "ro" } else { "rw" };
            let inside = format!(":{}:{mode}", volume.container_path);
            arguments.push(Argument::path("--volume=", &volume.host_path, &inside));
        }
        arguments.push(Argument::from(self.image.name().as_str().to_owned()));
        arguments
    }

    /// Tells whether a variable changes what an engine's command does, or which program it is.
    ///
    /// Source: docker(1) and podman(1) "ENVIRONMENT", ld.so(8).
    pub fn steers_engine(variable: &VariableName) -> bool {
        let name = variable.as_str();
        STEERING.iter().any(|of| of.strip_suffix('*').map_or(name == *of, |start| name.starts_with(start)))
    }
}

/// The variables that steer an engine's command; `*` stands for any end.
const STEERING: [&str; 15] = [
    "DOCKER_*",
    "BUILDKIT_*",
    "BUILDX_*",
    "CONTAINER_*",
    "CONTAINERS_*",
    "PODMAN_*",
    "REGISTRY_*",
    "STORAGE_*",
    "XDG_*",
    "LD_*",
    "SSH_*",
    "GODEBUG",
    "HOME",
    "PATH",
    "TMPDIR",
];

checked_text! {
    /// The name of a container: a letter or digit, then letters, digits, `_`, `.`, `-`.
    ContainerName, is_container_name, "is no name for a container (letters, digits, `_`, `.`, `-`)"
}

fn is_container_name(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_.-".contains(&b);
    let begins = text.starts_with(|c: char| c.is_ascii_alphanumeric());
    begins && text.bytes().all(plain) && (2..=255).contains(&text.len())
}

checked_text! {
    /// A container engine: `docker`, `podman`, or the absolute path of a program that takes the same arguments.
    EngineName, is_engine, "is neither docker nor podman nor the absolute path of an engine"
}

fn is_engine(text: &str) -> bool {
    let is_path = || text.starts_with('/') && CommandLine::from_argv([text]).is_ok();
    ["docker", "podman"].contains(&text) || is_path()
}
