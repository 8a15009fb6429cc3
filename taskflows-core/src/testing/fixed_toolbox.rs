use crate::effects::{Conda, Engine, ToolError, Toolbox};
use crate::{EngineName, UnitPath};

/// Finds the same programs on every host, or none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FixedToolbox {
    /// Nothing is there.
    pub empty: bool,
}

impl FixedToolbox {
    fn found<T>(&self, what: &str, tool: T) -> Result<T, ToolError> {
        match self.empty {
            false => Ok(tool),
            true => Err(ToolError::missing(what, "nothing is installed on this host")),
        }
    }
}

impl Toolbox for FixedToolbox {
    fn engine(&self, wanted: Option<&EngineName>, host: Option<&str>) -> Result<Engine, ToolError> {
        let name = wanted.map_or("docker", EngineName::as_str);
        let program = if name.starts_with('/') { name.to_owned() } else { format!("/usr/bin/{name}") };
        let flag = if name == "podman" { "--url" } else { "--host" };
        let options = host.map(|host| format!("{flag}={host}")).into_iter().collect();
        self.found("a container engine", Engine { program, options, has_daemon: name != "podman" })
    }

    fn conda(&self, custom: Option<&UnitPath>) -> Result<Conda, ToolError> {
        let program = custom.map_or("/opt/conda/bin/conda", UnitPath::as_str).to_owned();
        self.found("conda", Conda { program, live: vec!["--no-capture-output".to_owned()] })
    }

    fn uv(&self) -> Result<String, ToolError> {
        self.found("uv", "/usr/local/bin/uv".to_owned())
    }
}
