//! From the files on a command line to services.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use taskflows_core::{DefinitionError, Format, NamePattern, Service, ServiceName, Source, read};

use crate::arguments::SourceArguments;
use crate::{App, CliError, Exit, Ui};

/// The greatest definition that is read, in bytes.
const LARGEST: u64 = 16 << 20;

/// What files define, and where the files are.
#[derive(Debug, Default)]
pub(crate) struct Definitions {
    /// The services that are meant, in order.
    pub(crate) services: Vec<Service>,
    /// The names of all that are defined, meant or not.
    pub(crate) defined: HashSet<ServiceName>,
    /// The files that were read, as units name them.
    pub(crate) files: HashSet<String>,
    /// The directories that were named, absolute.
    pub(crate) directories: HashSet<PathBuf>,
}

impl Definitions {
    /// Holds what one file defines, all of which is meant.
    pub(crate) fn of(source: &Source, services: Vec<Service>) -> Self {
        let defined = services.iter().map(|service| service.name.clone()).collect();
        let files = source.origin().map(str::to_owned).into_iter().collect();
        Self { services, defined, files, directories: HashSet::new() }
    }

    /// Fails where no service is meant.
    pub(crate) fn check_any(&self) -> Result<(), CliError> {
        let message = match (self.services.is_empty(), self.defined.is_empty()) {
            (false, _) => return Ok(()),
            (true, true) => "the files define no service",
            (true, false) => "--include and --exclude leave no service",
        };
        Err(CliError::new(Exit::Usage, message))
    }
}

/// Reads every definition and returns the services that are meant, in order.
///
/// # Errors
/// As [`read_definitions`], and when the patterns leave none.
pub(crate) fn load(
    ui: &mut Ui<'_>,
    app: &App,
    arguments: &SourceArguments,
) -> Result<Vec<Service>, CliError> {
    let definitions = read_definitions(ui, app, arguments)?;
    definitions.check_any().map(|()| definitions.services)
}

/// Reads every definition.
///
/// # Errors
/// When a file cannot be read or is wrong, or when two define the same service.
pub(crate) fn read_definitions(
    ui: &mut Ui<'_>,
    app: &App,
    arguments: &SourceArguments,
) -> Result<Definitions, CliError> {
    let mut definitions = Definitions::default();
    let mut places: HashMap<ServiceName, String> = HashMap::new();
    for path in expand(&arguments.files)? {
        let source = open(ui, &path)?;
        definitions.files.extend(source.origin().map(str::to_owned));
        for service in services_of(ui, app, &source)? {
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
    definitions.defined = places.into_keys().collect();
    Ok(definitions)
}

/// Reads one definition and remarks what may not mean what its author thinks.
pub(crate) fn services_of(ui: &mut Ui<'_>, app: &App, source: &Source) -> Result<Vec<Service>, CliError> {
    let definition = read(source, &app.zones).map_err(|error| wrong(&error, ui.colour))?;
    if let Some(warnings) = definition.render_warnings(ui.colour) {
        ui.remark(warnings.trim_end());
    }
    Ok(definition.services)
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
fn wrong(error: &DefinitionError, colour: bool) -> CliError {
    CliError { is_report: true, ..CliError::new(Exit::Usage, error.render(colour).trim_end()) }
}

pub(crate) fn format_of(path: &Path) -> Option<Format> {
    Format::from_path(path.to_str()?)
}

fn too_large(what: &str, size: &str) -> CliError {
    CliError::new(Exit::Usage, format!("{what} has {size} bytes; a definition has at most {LARGEST}"))
}

pub(crate) fn unreadable(path: &Path, error: &std::io::Error) -> CliError {
    CliError::new(Exit::Usage, format!("could not read {}: {error}", path.display()))
}

fn open(ui: &mut Ui<'_>, path: &Path) -> Result<Source, CliError> {
    if path.as_os_str() == "-" {
        let mut bytes = Vec::new();
        let read = (&mut *ui.input).take(LARGEST + 1).read_to_end(&mut bytes);
        read.map_err(|error| unreadable(Path::new("stdin"), &error))?;
        if bytes.len() as u64 > LARGEST {
            return Err(too_large("stdin", "more"));
        }
        let base = std::env::current_dir().map_err(|error| unreadable(Path::new("."), &error))?;
        let format = Format::guess(&String::from_utf8_lossy(&bytes));
        return source("<stdin>", bytes, format, &base, ui.colour);
    }
    let size = fs::metadata(path).map_err(|error| unreadable(path, &error))?.len();
    if size > LARGEST {
        return Err(too_large(&path.display().to_string(), &size.to_string()));
    }
    let Some(format) = format_of(path) else {
        let message = format!(
            "{} is no definition file: its name ends in none of .toml, .yaml, .yml, .json",
            path.display()
        );
        return Err(CliError::new(Exit::Usage, message)
            .hint("pass it on stdin (`tf create -`) to have its format guessed"));
    };
    let bytes = fs::read(path).map_err(|error| unreadable(path, &error))?;
    let shown = path.display().to_string();
    source_of(&shown, bytes, format, &absolute(path)?, ui.colour)
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
