//! The files of this host that a service or an environment needs to be there.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use taskflows_core::{Environment, Image, Service, UnitPath};

use crate::{App, Ui};

/// What a path is to be.
#[derive(Clone, Copy, Debug)]
enum Kind {
    File,
    Directory,
}

/// A path that has to be there.
#[derive(Debug)]
struct Need<'a> {
    path: &'a UnitPath,
    /// What is looked for in it.
    inside: &'static str,
    kind: Kind,
    /// What stands in for it where it is not there.
    unless: &'static str,
}

impl<'a> Need<'a> {
    fn file(path: &'a UnitPath, inside: &'static str) -> Self {
        Self { path, inside, kind: Kind::File, unless: "" }
    }

    fn directory(path: &'a UnitPath) -> Self {
        Self { path, inside: "", kind: Kind::Directory, unless: "" }
    }

    /// Returns the path and what is wrong with it, where that is known.
    fn missing(&self, app: &App) -> Option<(PathBuf, io::Error)> {
        let mut path = on_host(app, self.path)?;
        if !self.inside.is_empty() {
            path.push(self.inside);
        }
        let is_right = |about: Metadata| match self.kind {
            Kind::File if about.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
            Kind::Directory if !about.is_dir() => Err(io::ErrorKind::NotADirectory.into()),
            _ => Ok(()),
        };
        let error = fs::metadata(&path).and_then(is_right).err()?;
        // Who runs the service may see more than who defines it.
        (error.kind() != io::ErrorKind::PermissionDenied).then_some((path, error))
    }
}

/// Returns where a path leads on this host; `None` where it begins in a home directory that is not known.
pub(crate) fn on_host(app: &App, path: &UnitPath) -> Option<PathBuf> {
    match path.as_str().strip_prefix('~') {
        Some(rest) => Some(app.home.as_ref()?.join(rest.trim_start_matches('/'))),
        None => Some(PathBuf::from(path.as_str())),
    }
}

/// Remarks what a service cannot start without and what is not there now.
pub(crate) fn remark_missing(ui: &mut Ui<'_>, app: &App, service: &Service) {
    // What is there is not what is on another server.
    if app.server.is_some() {
        return;
    }
    let environment = service.environment.as_ref().map(|choice| choice.environment());
    let mut needs: Vec<Need<'_>> = environment.flatten().and_then(of_environment).into_iter().collect();
    // In a container it is a directory of the container, and which one a name stands for is not known yet.
    let runs_here = environment.is_none_or(|known| known.is_some()) && service.container().is_none();
    needs.extend(service.working_directory.iter().filter(|_| runs_here).map(Need::directory));
    needs.extend(service.credentials.values().map(|path| Need::file(path, "")));
    remark(ui, app, &needs, service.name.as_str());
    remark_missing_program(ui, app, service);
}

/// Remarks that a program is not there, or that nobody answers where the engine is said to listen: units are written
/// for it, and those that worked are written over.
fn remark_missing_program(ui: &mut Ui<'_>, app: &App, service: &Service) {
    let engine = match service.environment.as_ref().and_then(|choice| choice.environment()) {
        Some(Environment::Container(container)) => {
            let host = container.engine_host.as_ref().map(|host| host.as_str());
            app.tools.engine(container.engine.as_ref(), host)
        }
        Some(Environment::Uv(_)) => match app.tools.uv() {
            Ok(_) => return,
            Err(error) => Err(error),
        },
        _ => return,
    };
    let name = &service.name;
    match engine {
        Err(error) => ui.remark(format!("note: {error}; {name} cannot be created without it")),
        Ok(engine) => {
            let socket = engine.options.iter().find_map(|option| option.split_once("=unix://"));
            let Some((_, socket)) = socket else { return };
            if let Err(error) = UnixStream::connect(socket) {
                let program = &engine.program;
                ui.remark(format!(
                    "note: {program} is asked at {socket}: {error}; {name} cannot start without it"
                ));
            }
        }
    }
}

/// Remarks what is not there now of an environment that is kept for services.
pub(crate) fn remark_missing_of(ui: &mut Ui<'_>, app: &App, environment: &Environment) {
    if app.server.is_some() {
        return;
    }
    let needs: Vec<Need<'_>> = of_environment(environment).into_iter().collect();
    remark(ui, app, &needs, "a service");
}

fn remark(ui: &mut Ui<'_>, app: &App, needs: &[Need<'_>], who: &str) {
    for need in needs {
        if let Some((path, error)) = need.missing(app) {
            let (path, unless) = (path.display(), need.unless);
            ui.remark(format!("note: {path}: {error}; {who} cannot start without it{unless}"));
        }
    }
}

fn of_environment(environment: &Environment) -> Option<Need<'_>> {
    match environment {
        Environment::Venv(venv) => Some(Need::file(&venv.path, "bin/python")),
        Environment::Uv(uv) => Some(Need::directory(&uv.project)),
        Environment::Container(container) => match &container.image {
            Image::Built(build) => {
                Some(Need { unless: " where its image is yet to be built", ..Need::directory(&build.path) })
            }
            Image::Named(_) => None,
        },
        // Where environments of conda are, its program knows.
        _ => None,
    }
}
