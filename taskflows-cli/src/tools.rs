//! The programs of this host that environments need.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use taskflows_core::effects::{Conda, Engine, ToolError, Toolbox};
use taskflows_core::{EngineName, UnitPath};

use crate::Config;

/// Where programs are looked for besides `PATH`, which a unit of systemd's has not as people have it.
const USUAL: [&str; 4] = ["/usr/local/bin", "/usr/bin", "/usr/local/sbin", "/usr/sbin"];

/// Where conda and its kin are installed when they are on no `PATH`, relative to the home directory or absolute.
const CONDA_PLACES: [&str; 14] = [
    "mambaforge/bin/mamba",
    "miniforge3/bin/mamba",
    "micromamba/bin/micromamba",
    ".local/bin/micromamba",
    "miniforge3/condabin/conda",
    "miniconda3/condabin/conda",
    "miniconda3/bin/conda",
    "anaconda3/condabin/conda",
    "anaconda3/bin/conda",
    "miniconda/bin/conda",
    "anaconda/bin/conda",
    "/opt/conda/bin/conda",
    "/opt/miniconda3/bin/conda",
    "/opt/anaconda3/bin/conda",
];

/// How long a program may take to tell its options.
const HELP_LIMIT: Duration = Duration::from_secs(5);

/// Looks for programs on this host, as its user finds them.
#[derive(Clone, Debug)]
pub(crate) struct HostTools {
    directories: Vec<PathBuf>,
    home: Option<PathBuf>,
    engine: Option<String>,
    docker_host: Option<String>,
    podman_host: Option<String>,
}

impl HostTools {
    /// Looks where the variables of `config` say.
    pub(crate) fn new(config: &Config) -> Self {
        let path = config.search_path.clone().unwrap_or_default();
        let own = std::env::split_paths(&path).filter(|directory| directory.is_absolute());
        Self {
            directories: own.chain(USUAL.iter().map(PathBuf::from)).collect(),
            home: config.home.clone(),
            engine: config.container_engine.clone(),
            docker_host: config.docker_host.clone(),
            podman_host: config.podman_host.clone(),
        }
    }

    fn find(&self, name: &str) -> Option<String> {
        let mut paths = self.directories.iter().map(|directory| directory.join(name));
        paths.find(|path| is_program(path)).map(|path| path.display().to_string())
    }

    fn at_home(&self, place: &str) -> Option<PathBuf> {
        Some(if place.starts_with('/') { place.into() } else { self.home.as_ref()?.join(place) })
    }

    fn engine_program(&self, wanted: Option<&str>) -> Result<String, ToolError> {
        let missing =
            |what: &str, remedy: &str| ToolError { what: what.to_owned(), remedy: remedy.to_owned() };
        match wanted.or(self.engine.as_deref()) {
            Some(path) if path.starts_with('/') => match is_program(Path::new(path)) {
                true => Ok(path.to_owned()),
                false => Err(missing(&format!("the container engine `{path}`"), "no such program")),
            },
            Some(name) => {
                self.find(name).ok_or_else(|| missing(name, "install it, or name another `engine`"))
            }
            None => ["docker", "podman"].iter().find_map(|name| self.find(name)).ok_or_else(|| {
                missing("a container engine", "install docker or podman, or set TASKFLOWS_CONTAINER_ENGINE")
            }),
        }
    }
}

fn is_program(path: &Path) -> bool {
    path.is_file() && rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok()
}

impl Toolbox for HostTools {
    fn engine(&self, wanted: Option<&EngineName>, host: Option<&str>) -> Result<Engine, ToolError> {
        let program = self.engine_program(wanted.map(EngineName::as_str))?;
        let file_name =
            Path::new(&program).file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        let (is_podman, has_daemon) = (file_name.contains("podman"), file_name.contains("docker"));
        // A unit has no variables of the user's shell, so where the engine listens is written down.
        let (flag, own) =
            if is_podman { ("--url", &self.podman_host) } else { ("--host", &self.docker_host) };
        let options = host.or(own.as_deref()).map(|host| format!("{flag}={host}"));
        Ok(Engine { program, options: options.into_iter().collect(), has_daemon })
    }

    fn conda(&self, custom: Option<&UnitPath>) -> Result<Conda, ToolError> {
        let absolute = |path: &UnitPath| match path.as_str().strip_prefix("~/") {
            Some(rest) => self.at_home(rest),
            None => Some(PathBuf::from(path.as_str())),
        };
        let (program, shown) = match custom {
            Some(path) => (absolute(path).filter(|path| is_program(path)), path.as_str().to_owned()),
            None => {
                let on_path = ["micromamba", "mamba", "conda"]
                    .iter()
                    .find_map(|name| self.find(name))
                    .map(PathBuf::from);
                let places = || {
                    CONDA_PLACES.iter().filter_map(|place| self.at_home(place)).find(|path| is_program(path))
                };
                let found = on_path.or_else(places);
                let shown =
                    found.as_ref().map_or_else(|| "conda".to_owned(), |path| path.display().to_string());
                (found, shown)
            }
        };
        let Some(program) = program else {
            let remedy = "install conda, mamba or micromamba, or name it by `custom_path`";
            return Err(ToolError { what: shown, remedy: remedy.to_owned() });
        };
        let live = live_options(&program, &help(&program).unwrap_or_default());
        Ok(Conda { program: shown, live })
    }

    fn uv(&self) -> Result<String, ToolError> {
        let places = [".local/bin/uv", ".cargo/bin/uv"];
        let at_home = || places.iter().filter_map(|place| self.at_home(place)).find(|path| is_program(path));
        self.find("uv").or_else(|| at_home().map(|path| path.display().to_string())).ok_or_else(|| {
            ToolError {
                what: "uv".to_owned(),
                remedy: "install it (`pip install uv`), or name the environment it made by `path`".to_owned(),
            }
        })
    }
}

/// Chooses the options by which output comes as it is written: programs of one name differ in them.
fn live_options(program: &Path, help: &str) -> Vec<String> {
    let is_conda = program.file_name().is_some_and(|name| name == "conda");
    let options: &[&str] = match () {
        () if help.contains("--attach") => &["-a", ""],
        () if help.contains("--no-capture-output") => &["--no-capture-output"],
        () if help.contains("--live-stream") => &["--live-stream"],
        () if is_conda => &["--no-capture-output"],
        () => &[],
    };
    options.iter().map(|option| (*option).to_owned()).collect()
}

/// Returns what `PROGRAM run --help` says, `None` where it says nothing in time.
fn help(program: &Path) -> Option<String> {
    let mut child = Command::new(program)
        .args(["run", "--help"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let mut output = child.stdout.take()?;
    let (send, receive) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut text = Vec::new();
        // What was read until then is all there is.
        let _ = output.read_to_end(&mut text);
        let _ = send.send(text);
    });
    let began = Instant::now();
    let text = receive.recv_timeout(HELP_LIMIT).ok();
    if text.is_none() || began.elapsed() >= HELP_LIMIT {
        let _ = child.kill();
    }
    let _ = child.wait();
    Some(String::from_utf8_lossy(&text?).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn host(programs: &[(&str, &str)]) -> (tempfile::TempDir, HostTools) {
        let home = tempfile::tempdir().unwrap();
        for (name, script) in programs {
            let path = home.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        let tools = HostTools {
            directories: vec![home.path().join("bin")],
            home: Some(home.path().to_owned()),
            engine: None,
            docker_host: Some("unix:///run/d.sock".to_owned()),
            podman_host: None,
        };
        (home, tools)
    }

    #[test]
    fn an_engine_is_found_or_chosen_and_keeps_where_it_listens() {
        let (home, tools) = host(&[("bin/podman", ""), ("bin/docker", "")]);
        let at = |name: &str| home.path().join("bin").join(name).display().to_string();
        let docker = tools.engine(None, None).unwrap();
        assert_eq!(
            (docker.program, docker.options),
            (at("docker"), vec!["--host=unix:///run/d.sock".to_owned()])
        );
        let podman = tools.engine(Some(&"podman".parse().unwrap()), Some("ssh://x")).unwrap();
        assert_eq!((podman.program, podman.options), (at("podman"), vec!["--url=ssh://x".to_owned()]));
        assert!(tools.engine(Some(&"/nowhere/docker".parse().unwrap()), None).is_err());
        let (_home, none) = host(&[]);
        assert!(none.engine(None, None).unwrap_err().to_string().contains("TASKFLOWS_CONTAINER_ENGINE"));
    }

    #[test]
    fn conda_is_asked_how_it_passes_output_on() {
        let (home, tools) = host(&[("miniforge3/bin/mamba", "echo usage: --attach")]);
        let found = tools.conda(None).unwrap();
        assert_eq!(found.program, home.path().join("miniforge3/bin/mamba").display().to_string());
        assert_eq!(found.live, ["-a", ""]);
        let (_home, tools) = host(&[("bin/conda", "echo '--no-capture-output'")]);
        assert_eq!(tools.conda(None).unwrap().live, ["--no-capture-output"]);
        let (_home, tools) = host(&[("mine/conda", "exit 1")]);
        let custom = tools.conda(Some(&"~/mine/conda".parse().unwrap())).unwrap();
        assert_eq!(
            (custom.program.as_str(), custom.live),
            ("~/mine/conda", vec!["--no-capture-output".to_owned()])
        );
        assert!(tools.conda(None).is_err() && tools.conda(Some(&"/nowhere/conda".parse().unwrap())).is_err());
    }
}
