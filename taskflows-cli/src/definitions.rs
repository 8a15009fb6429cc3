//! From the files on a command line to services.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use taskflows_core::alerting::{AlertGroup, GroupName};
use taskflows_core::effects::{NamedEnvironment, Removal, ServiceError};
use taskflows_core::grafana::Dashboard;
use taskflows_core::{
    AlertGroupUse, Definition, DefinitionError, EnvFileReader, EnvironmentUse, Format, NamePattern, Service,
    ServiceName, Source, Surroundings, check_env_file, read_in,
};

use crate::alert_groups::Kept;
use crate::arguments::SourceArguments;
use crate::error::Cause;
use crate::needs::{on_host, remark_missing};
use crate::{AlertGroups, App, CliError, Exit, KeptGroup, Ui};

/// The greatest file that is read, in bytes.
const LARGEST: u64 = 16 << 20;

/// What files define, and where the files are.
#[derive(Clone, Debug, Default)]
pub(crate) struct Definitions {
    /// The services that are meant, in order.
    pub(crate) services: Vec<Service>,
    /// The names of all that are defined, meant or not.
    pub(crate) defined: HashSet<ServiceName>,
    /// The files that were read, as units name them.
    pub(crate) files: HashSet<String>,
    /// The directories that were named, absolute.
    pub(crate) directories: HashSet<PathBuf>,
    /// The definition files that are in these, where they are another host's; else the disk tells.
    pub(crate) present: Option<HashSet<String>>,
    /// Services that are to go in any case.
    pub(crate) leaving: Vec<Removal>,
    /// The environments that services name and that no definition defines.
    uses: Vec<EnvironmentUse>,
    /// The groups of alerts that are defined, by their names.
    pub(crate) alerts: Kept,
    /// The groups that are named and that no file defines which names them.
    alert_uses: Vec<AlertGroupUse>,
    /// The dashboards in order, no title twice.
    pub(crate) dashboards: Vec<Dashboard>,
    /// The files that define them, by their titles.
    dashboard_places: HashMap<String, Option<String>>,
}

impl Definitions {
    /// Holds what one file defines, all of which is meant.
    pub(crate) fn of(source: &Source, definition: Definition) -> Self {
        let uses = definition.environment_uses().to_vec();
        let alert_uses = definition.alert_uses().to_vec();
        let alerts = groups_of(&definition);
        let dashboards = definition.dashboards;
        let services = definition.services;
        let defined = services.iter().map(|service| service.name.clone()).collect();
        let files = source.origin().map(str::to_owned).into_iter().collect();
        Self { services, defined, files, uses, alerts, alert_uses, dashboards, ..Self::default() }
    }

    /// Looks for the environments that the services name among those that this host keeps.
    pub(crate) async fn check_environments(&self, app: &App, colour: bool) -> Result<(), CliError> {
        if self.uses.is_empty() {
            return Ok(());
        }
        let kept = app.environments.list().await.map_err(ServiceError::from)?;
        EnvironmentUse::check(&self.uses, &kept).map_err(|error| wrong(&error, colour))
    }

    /// Looks for the groups of alerts that are named among all that are defined here and those that this host keeps.
    pub(crate) fn check_alerts(&self, app: &App, colour: bool) -> Result<(), CliError> {
        if self.alert_uses.is_empty() {
            return Ok(());
        }
        let kept = AlertGroups::new(&app.data_directory).list()?;
        let names = self.alerts.keys().chain(kept.keys());
        let known: Vec<GroupName> = names.filter_map(|name| name.parse().ok()).collect();
        AlertGroupUse::check(&self.alert_uses, &known).map_err(|error| wrong(&error, colour))
    }

    /// Adds the dashboards of another file. One that both include is the same for both, or none of the two is right.
    fn add_dashboards(&mut self, definition: &Definition) -> Result<(), CliError> {
        for dashboard in &definition.dashboards {
            let place = definition.place_of_dashboard(dashboard.title()).map(str::to_owned);
            let shown = |place: &Option<String>| place.clone().unwrap_or_else(|| "stdin".to_owned());
            if self.dashboards.contains(dashboard)
                && self.dashboard_places.get(dashboard.title()) == Some(&place)
            {
                continue;
            }
            if let Some(first) = self.dashboard_places.insert(dashboard.title().to_owned(), place.clone()) {
                let (title, first, second) = (dashboard.title(), shown(&first), shown(&place));
                let message = format!("the dashboard `{title}` is defined twice, in {first} and in {second}");
                return Err(CliError::new(Exit::Usage, message));
            }
            self.dashboards.push(dashboard.clone());
        }
        Ok(())
    }

    /// Fails where nothing is meant: no service, and no dashboard either.
    pub(crate) fn check_any(&self) -> Result<(), CliError> {
        let message = match (self.services.is_empty(), self.defined.is_empty()) {
            (false, _) => return Ok(()),
            (true, true) if !self.dashboards.is_empty() => return Ok(()),
            (true, true) => "the files define no service",
            (true, false) => "--include and --exclude leave no service",
        };
        Err(CliError::new(Exit::Usage, message))
    }
}

/// Reads every definition and returns it, its services with the environments that they name.
///
/// # Errors
/// As [`read_definitions`], when the patterns leave none, and when a service does not fit what it names.
pub(crate) async fn load(
    ui: &mut Ui<'_>,
    app: &App,
    arguments: &SourceArguments,
) -> Result<Definitions, CliError> {
    let mut definitions = read_definitions(ui, app, arguments).await?;
    definitions.check_any()?;
    if !definitions.uses.is_empty() {
        let kept = app.environments.list().await.map_err(ServiceError::from)?;
        NamedEnvironment::resolve(&mut definitions.services, &kept)?;
    }
    Service::check_together(&definitions.services)?;
    Ok(definitions)
}

/// Reads every definition.
///
/// # Errors
/// As [`read_files`], and when one names an environment that is neither defined nor kept.
pub(crate) async fn read_definitions(
    ui: &mut Ui<'_>,
    app: &App,
    arguments: &SourceArguments,
) -> Result<Definitions, CliError> {
    let definitions = read_files(ui, app, arguments, Place::Here)?;
    definitions.check_environments(app, ui.colour).await?;
    definitions.check_alerts(app, ui.colour)?;
    Ok(definitions)
}

/// Where services are to run that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// On this host, on which they are to find what they need.
    Here,
    /// On another one, which looks for that itself.
    Elsewhere,
}

/// Reads every definition, and looks for nothing beyond the files.
///
/// # Errors
/// When a file cannot be read or is wrong, or when two define the same service.
pub(crate) fn read_files(
    ui: &mut Ui<'_>,
    app: &App,
    arguments: &SourceArguments,
    place: Place,
) -> Result<Definitions, CliError> {
    let mut definitions = Definitions::default();
    let mut places: HashMap<ServiceName, String> = HashMap::new();
    for path in expand(&arguments.files)? {
        let source = open(ui, &path)?;
        definitions.files.extend(source.origin().map(str::to_owned));
        let definition = read_text(ui, app, &source, None)?;
        if place == Place::Here {
            check_host(ui, app, &definition.services)?;
        }
        definitions.uses.extend_from_slice(definition.environment_uses());
        definitions.alert_uses.extend_from_slice(definition.alert_uses());
        for (name, group) in groups_of(&definition) {
            if let Some(first) = definitions.alerts.get(&name).filter(|first| first.source != group.source) {
                let place = |group: &KeptGroup| group.source.clone().unwrap_or_else(|| "stdin".to_owned());
                let (first, second) = (place(first), place(&group));
                let message =
                    format!("the alert group `{name}` is defined twice, in {first} and in {second}");
                return Err(CliError::new(Exit::Usage, message));
            }
            definitions.alerts.insert(name, group);
        }
        definitions.add_dashboards(&definition)?;
        for service in definition.services {
            let place = path.display().to_string();
            if let Some(first) = places.insert(service.name.clone(), place.clone()) {
                let message = format!("`{}` is defined twice, in {first} and in {place}", service.name);
                return Err(CliError::new(Exit::Usage, message));
            }
            definitions.services.push(service);
        }
    }
    for directory in arguments.files.iter().filter(|path| path.is_dir()) {
        definitions.directories.insert(absolute(directory)?);
    }
    definitions.services.retain(|service| is_meant(arguments, &service.name));
    // Who leaves a service to another host leaves its environment to it as well.
    definitions.uses.retain(|one| is_meant(arguments, one.service()));
    definitions.alert_uses.retain(|one| one.service().is_none_or(|name| is_meant(arguments, name)));
    definitions.defined = places.into_keys().collect();
    Ok(definitions)
}

/// Returns the groups of alerts of a definition as a host keeps them.
fn groups_of(definition: &Definition) -> Kept {
    let kept = |(name, group): (&GroupName, &AlertGroup)| {
        let source = definition.place_of_alerts(name).map(str::to_owned);
        (name.to_string(), KeptGroup { source, group: group.clone() })
    };
    definition.alerts.iter().map(kept).collect()
}

/// Looks at what services need of this host.
///
/// # Errors
/// When a file of variables is one that could not be read as it is meant.
pub(crate) fn check_host(ui: &mut Ui<'_>, app: &App, services: &[Service]) -> Result<(), CliError> {
    for service in services {
        check_env_files(ui, app, service)?;
        remark_missing(ui, app, service);
    }
    Ok(())
}

/// Looks at the files of variables that a service reads when it starts; what they say stays there.
fn check_env_files(ui: &mut Ui<'_>, app: &App, service: &Service) -> Result<(), CliError> {
    if app.server.is_some() {
        return Ok(());
    }
    let container = service.container();
    let reader = if container.is_some() { EnvFileReader::Engine } else { EnvFileReader::Systemd };
    for file in container.iter().flat_map(|container| &container.env_file).chain(&service.env_file) {
        let path = on_host(app, file).unwrap_or_else(|| PathBuf::from(file.as_str()));
        let text = match open_file(&path) {
            // systemd reads whatever it is; here it may never end.
            Ok(file) if !file.is_regular() => {
                ui.remark(format!("note: {} is no regular file, and is not checked", path.display()));
                continue;
            }
            Ok(file) => String::from_utf8_lossy(&file.regular(&path)?).into_owned(),
            Err(error) => {
                let note =
                    format!("note: {}: {error}; {} cannot start without it", path.display(), service.name);
                ui.remark(note);
                continue;
            }
        };
        check_env_file(&text, reader)
            .map_err(|error| CliError::new(Exit::Usage, format!("{}, {error}", path.display())))?;
    }
    Ok(())
}

/// Opens the files that a definition includes, sorted by name.
fn included(from: &Source, pattern: &str) -> Result<Vec<Source>, String> {
    let base = from.base().ok_or_else(|| "there is no directory to look for it in".to_owned())?;
    let whole = Path::new(base).join(pattern).display().to_string();
    let paths = glob::glob(&whole).map_err(|error| format!("`{pattern}` is no pattern: {}", error.msg))?;
    let mut sources = Vec::new();
    for path in paths {
        let path =
            path.map_err(|error| format!("could not read `{}`: {}", error.path().display(), error.error()))?;
        sources.push(file(&path, &path.display().to_string(), false).map_err(|error| error.message)?);
    }
    match sources.is_empty() {
        true => Err(format!("there is no file `{whole}`")),
        false => Ok(sources),
    }
}

/// Reads one definition as [`read_text`] does, and remarks what it needs of this host and is not there.
pub(crate) fn read_with(
    ui: &mut Ui<'_>,
    app: &App,
    source: &Source,
    instead: Option<&Source>,
) -> Result<Definition, CliError> {
    let definition = read_text(ui, app, source, instead)?;
    check_host(ui, app, &definition.services)?;
    Ok(definition)
}

/// Reads one definition, with `instead` in the place of an included file of that name, and remarks what may not mean
/// what its author thinks.
fn read_text(
    ui: &mut Ui<'_>,
    app: &App,
    source: &Source,
    instead: Option<&Source>,
) -> Result<Definition, CliError> {
    let open = |from: &Source, pattern: &str| {
        let mut sources = included(from, pattern)?;
        for own in &mut sources {
            if let Some(instead) = instead.filter(|instead| instead.origin() == own.origin()) {
                *own = instead.clone();
            }
        }
        Ok(sources)
    };
    let surroundings = Surroundings { zones: &app.zones, variable: app.variable.as_ref(), open: &open };
    let definition = read_in(source, &surroundings).map_err(|error| wrong(&error, ui.colour))?;
    if let Some(warnings) = definition.render_warnings(ui.colour) {
        ui.remark(warnings.trim_end());
    }
    Ok(definition)
}

/// Tells whether the patterns of a command line mean a service of this name.
pub(crate) fn is_meant(arguments: &SourceArguments, name: &ServiceName) -> bool {
    NamePattern::any_matches(&arguments.include, name)
        && !arguments.exclude.iter().any(|pattern| pattern.matches(name))
}

/// Replaces directories by the definition files in them, sorted by name.
fn expand(paths: &[PathBuf]) -> Result<Vec<PathBuf>, CliError> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let entries = path.read_dir().and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect());
        let mut found: Vec<PathBuf> = entries.map_err(|error| unreadable(path, &error))?;
        let hidden =
            |path: &Path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        found.retain(|path| format_of(path).is_some() && !hidden(path) && path.is_file());
        if found.is_empty() {
            let message = format!("no definition file (.toml, .yaml, .yml, .json) in {}", path.display());
            return Err(CliError::new(Exit::Usage, message));
        }
        found.sort();
        files.extend(found);
    }
    Ok(files)
}

/// The report of a definition that is wrong.
pub(crate) fn wrong(error: &DefinitionError, colour: bool) -> CliError {
    let cause = Some(Arc::new(Cause::Definition(error.clone())));
    CliError { is_report: true, cause, ..CliError::new(Exit::Usage, error.render(colour).trim_end()) }
}

pub(crate) fn format_of(path: &Path) -> Option<Format> {
    Format::from_path(path.to_str()?)
}

fn too_large(what: &str) -> CliError {
    CliError::new(Exit::Usage, format!("{what} has more bytes than are read: {LARGEST} at most"))
}

pub(crate) fn unreadable(path: &Path, error: &std::io::Error) -> CliError {
    CliError::new(Exit::Usage, format!("could not read {}: {error}", path.display()))
}

/// Reads a text that is no definition, from a file or, for `-`, from stdin.
pub(crate) fn text_of(ui: &mut Ui<'_>, path: &Path) -> Result<String, CliError> {
    if path.as_os_str() == "-" { utf8("stdin", stdin(ui)?) } else { file_text(path) }
}

/// Reads a file that is no definition.
pub(crate) fn file_text(path: &Path) -> Result<String, CliError> {
    // Who names it may mean the output of a program, which a shell hands over as a pipe.
    let file = fs::File::open(path).map_err(|error| unreadable(path, &error))?;
    utf8(&path.display().to_string(), capped(file, path)?)
}

fn utf8(name: &str, bytes: Vec<u8>) -> Result<String, CliError> {
    String::from_utf8(bytes).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        CliError::new(Exit::Usage, format!("{name} is not UTF-8: line {line} holds another byte"))
    })
}

fn stdin(ui: &mut Ui<'_>) -> Result<Vec<u8>, CliError> {
    capped(&mut *ui.input, Path::new("stdin"))
}

/// A file that is open, of which nothing was read.
struct OpenFile(fs::File);

/// Opens a file without waiting for whoever writes to a pipe.
fn open_file(path: &Path) -> std::io::Result<OpenFile> {
    let no_wait = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    fs::OpenOptions::new().read(true).custom_flags(no_wait).open(path).map(OpenFile)
}

impl OpenFile {
    fn is_regular(&self) -> bool {
        self.0.metadata().is_ok_and(|about| about.is_file())
    }

    /// Reads a regular file: a pipe may never end, and a device has no end.
    fn regular(self, path: &Path) -> Result<Vec<u8>, CliError> {
        let about = self.0.metadata().map_err(|error| unreadable(path, &error))?;
        if !about.is_file() {
            return Err(CliError::new(Exit::Usage, format!("{} is no regular file", path.display())));
        }
        capped(self.0, path)
    }
}

fn capped(from: impl Read, path: &Path) -> Result<Vec<u8>, CliError> {
    let mut bytes = Vec::new();
    from.take(LARGEST + 1).read_to_end(&mut bytes).map_err(|error| unreadable(path, &error))?;
    match bytes.len() as u64 > LARGEST {
        true => Err(too_large(&path.display().to_string())),
        false => Ok(bytes),
    }
}

/// Reads a definition file.
pub(crate) fn definition_bytes(path: &Path) -> Result<Vec<u8>, CliError> {
    open_file(path).map_err(|error| unreadable(path, &error))?.regular(path)
}

/// Opens a definition file, or stdin for `-`.
pub(crate) fn open(ui: &mut Ui<'_>, path: &Path) -> Result<Source, CliError> {
    if path.as_os_str() == "-" {
        let bytes = stdin(ui)?;
        let base = std::env::current_dir().map_err(|error| unreadable(Path::new("."), &error))?;
        let format = Format::guess(&String::from_utf8_lossy(&bytes));
        return source("<stdin>", bytes, format, &base, ui.colour);
    }
    file(path, &path.display().to_string(), ui.colour)
}

/// Opens a definition file, which messages call `shown`.
fn file(path: &Path, shown: &str, colour: bool) -> Result<Source, CliError> {
    let Some(format) = format_of(path) else {
        let message = format!(
            "{} is no definition file: its name ends in none of .toml, .yaml, .yml, .json",
            path.display()
        );
        return Err(CliError::new(Exit::Usage, message)
            .hint("pass it on stdin, named `-`, to have its format guessed"));
    };
    source_of(shown, definition_bytes(path)?, format, &absolute(path)?, colour)
}

/// One file has one name from wherever it is named, or its units would change with the way to it.
pub(crate) fn absolute(path: &Path) -> Result<PathBuf, CliError> {
    fs::canonicalize(path).map_err(|error| unreadable(path, &error))
}

/// Takes the text of the file `path`, which is absolute and which messages call `shown`.
pub(crate) fn source_of(
    shown: &str,
    bytes: Vec<u8>,
    format: Format,
    path: &Path,
    colour: bool,
) -> Result<Source, CliError> {
    let base = path.parent().unwrap_or(Path::new("/"));
    Ok(source(shown, bytes, format, base, colour)?.with_origin(path.display().to_string()))
}

fn source(name: &str, bytes: Vec<u8>, format: Format, base: &Path, colour: bool) -> Result<Source, CliError> {
    let source = Source::from_bytes(name, bytes, format).map_err(|error| wrong(&error, colour))?;
    Ok(source.with_base(base.display().to_string()))
}
