//! The programs of this host that environments need.

use std::collections::HashMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

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

/// How long a program may take to tell its options; conda is slow on a busy host.
const HELP_LIMIT: Duration = Duration::from_secs(30);

/// Looks for programs on this host, as its user finds them.
#[derive(Debug)]
pub(crate) struct HostTools {
    directories: Vec<PathBuf>,
    home: Option<PathBuf>,
    engine: Option<String>,
    docker_host: Option<String>,
    podman_host: Option<String>,
    /// What programs said of their options, so that each is asked once.
    live: Mutex<HashMap<PathBuf, Result<Vec<String>, ToolError>>>,
    help_limit: Duration,
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
            live: Mutex::default(),
            help_limit: HELP_LIMIT,
        }
    }

    fn find(&self, name: &str) -> Option<String> {
        let mut paths = self.directories.iter().map(|directory| directory.join(name));
        paths.find(|path| is_program(path)).map(|path| path.display().to_string())
    }

    fn at_home(&self, place: &str) -> Option<PathBuf> {
        Some(if place.starts_with('/') { place.into() } else { self.home.as_ref()?.join(place) })
    }

    /// Asks a program by which options it passes output on.
    fn live(&self, program: &Path) -> Result<Vec<String>, ToolError> {
        // Whoever asks meanwhile waits for the one answer.
        let mut known = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(answer) = known.get(program) {
            return answer.clone();
        }
        let answer = help(program, self.help_limit).map(|help| live_options(program, &help));
        known.insert(program.to_owned(), answer.clone());
        answer
    }

    fn engine_program(&self, wanted: Option<&str>) -> Result<String, ToolError> {
        match wanted.or(self.engine.as_deref()) {
            Some(path) if path.starts_with('/') => match is_program(Path::new(path)) {
                true => Ok(path.to_owned()),
                false => Err(ToolError::missing(format!("the container engine `{path}`"), "no such program")),
            },
            Some(name) => self
                .find(name)
                .ok_or_else(|| ToolError::missing(name, "install it, or name another `engine`")),
            None => ["docker", "podman"].iter().find_map(|name| self.find(name)).ok_or_else(|| {
                ToolError::missing(
                    "a container engine",
                    "install docker or podman, or set TASKFLOWS_CONTAINER_ENGINE",
                )
            }),
        }
    }
}

/// Tells whether a path is that of conda or one of its kin, by its name: `conda`, `mamba-2`, `micromamba.sh`.
fn is_conda(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    let goes_on = |rest: &str| rest.starts_with(|c: char| matches!(c, '-' | '.' | '0'..='9'));
    let is_kin = |kin: &&str| name.strip_prefix(*kin).is_some_and(|rest| rest.is_empty() || goes_on(rest));
    ["conda", "mamba", "micromamba"].iter().any(is_kin)
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
        if let Some(path) = custom.filter(|path| !is_conda(path.as_str())) {
            // It is run to learn its options: a definition chooses which conda, and nothing else to run.
            let reason = "it was not run, since its name is not that of conda, mamba or micromamba";
            let remedy = "name the program itself by `custom_path`, or a link to it";
            return Err(ToolError::silent(format!("{} run --help", path.as_str()), reason, remedy));
        }
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
            return Err(ToolError::missing(shown, remedy));
        };
        Ok(Conda { program: shown, live: self.live(&program)? })
    }

    fn uv(&self) -> Result<String, ToolError> {
        let places = [".local/bin/uv", ".cargo/bin/uv"];
        let at_home = || places.iter().filter_map(|place| self.at_home(place)).find(|path| is_program(path));
        self.find("uv").or_else(|| at_home().map(|path| path.display().to_string())).ok_or_else(|| {
            ToolError::missing(
                "uv",
                "install it (`pip install uv`), or name the environment it made by `path`",
            )
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

/// Returns what `PROGRAM run --help` says. A guess in its place would give units another text each time.
fn help(program: &Path, limit: Duration) -> Result<String, ToolError> {
    let silent = |why: String| {
        let remedy = "see what it does when you call it, then try again";
        ToolError::silent(format!("{} run --help", program.display()), why, remedy)
    };
    let failed = |error: std::io::Error| silent(error.to_string());
    let mut child = Command::new(program)
        .args(["run", "--help"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(failed)?;
    let output = child.stdout.take();
    let (send, receive) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut text = Vec::new();
        let read = output.map_or(Ok(0), |mut output| output.read_to_end(&mut text));
        // Nobody listens any more once the time is over.
        let _ = send.send(read.map(|_| text));
    });
    let text = receive.recv_timeout(limit);
    if text.is_err() {
        // It may have ended in this moment.
        let _ = child.kill();
    }
    let ended = child.wait().map_err(failed)?;
    match (text, ended.code()) {
        (Err(_), _) => Err(silent(format!("no answer within {} s", limit.as_secs()))),
        (Ok(_), None) => Err(silent(ended.to_string())),
        (Ok(text), Some(_)) => Ok(String::from_utf8_lossy(&text.map_err(failed)?).into_owned()),
    }
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
            live: Mutex::default(),
            help_limit: HELP_LIMIT,
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
        // Whoever plans a definition chooses no other program to be run.
        let (home, tools) = host(&[("bin/tidy", "touch \"$0.ran\"")]);
        let told = tools.conda(Some(&"~/bin/tidy".parse().unwrap())).unwrap_err().to_string();
        assert!(told.contains("it was not run"), "{told}");
        assert!(!home.path().join("bin/tidy.ran").exists());
    }

    #[test]
    fn a_program_is_asked_once() {
        let (home, tools) = host(&[("bin/mamba", "echo x >> \"$0.asked\"; echo --attach")]);
        let answers: Vec<_> = std::thread::scope(|scope| {
            let asked: Vec<_> = (0..3).map(|_| scope.spawn(|| tools.conda(None).unwrap().live)).collect();
            asked.into_iter().map(|one| one.join().unwrap()).collect()
        });
        assert_eq!(answers, vec![["-a", ""]; 3]);
        assert_eq!(std::fs::read_to_string(home.path().join("bin/mamba.asked")).unwrap(), "x\n");
    }

    #[test]
    fn a_program_that_does_not_answer_is_an_error_and_no_guess() {
        let (_home, mut tools) = host(&[("bin/conda", "exec sleep 600"), ("mine/mamba", "kill -9 $$")]);
        tools.help_limit = Duration::from_millis(50);
        let told = tools.conda(None).unwrap_err().to_string();
        assert!(told.contains("bin/conda run --help` failed: no answer within"), "{told}");
        tools.help_limit = HELP_LIMIT;
        let told = tools.conda(Some(&"~/mine/mamba".parse().unwrap())).unwrap_err().to_string();
        assert!(told.contains("signal: 9"), "{told}");
    }
}
