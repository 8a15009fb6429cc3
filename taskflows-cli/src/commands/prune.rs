//! Services that came from definitions which do not define them any more.

use std::path::Path;

use taskflows_core::effects::Removal;
use taskflows_core::grafana::Dashboard;
use taskflows_core::{Service, ServiceName};

use super::alert_groups::GroupPlan;
use super::confirm::{may_remove, named};
use crate::arguments::{Format, SourceArguments};
use crate::definitions::{Definitions, is_meant, read_definitions};
use crate::{App, CliError, Exit, Ui};

/// What definitions ask for.
pub(super) struct Request {
    pub(super) services: Vec<Service>,
    /// The services that are gone from the definitions and are to be removed.
    pub(super) removals: Vec<Removal>,
    /// What changes of the groups of alerts that this host keeps.
    pub(super) groups: GroupPlan,
    /// The dashboards that are defined.
    pub(super) dashboards: Vec<Dashboard>,
}

impl Request {
    /// Tells whether what becomes of services is told: not to people who asked for dashboards alone.
    pub(super) fn tells_services(&self, format: Format) -> bool {
        let is_alone = self.services.is_empty() && self.removals.is_empty() && !self.dashboards.is_empty();
        !is_alone || !matches!(format, Format::Table | Format::Wide)
    }
}

/// Reads definitions and finds what is gone from them: to be removed where `prune` says so, else remarked.
///
/// # Errors
/// As [`read_definitions`], when nothing at all is asked for, and when the definitions have no name by
/// which a service could be known to have come from them.
pub(super) async fn request(
    ui: &mut Ui<'_>,
    app: &App,
    sources: &SourceArguments,
    prune: bool,
) -> Result<Request, CliError> {
    refuse_stdin(sources, prune)?;
    let definitions = read_definitions(ui, app, sources).await?;
    request_of(ui, app, definitions, sources, prune).await
}

/// Does as [`request`] with definitions that were read.
pub(super) async fn request_of(
    ui: &mut Ui<'_>,
    app: &App,
    definitions: Definitions,
    sources: &SourceArguments,
    prune: bool,
) -> Result<Request, CliError> {
    let gone = gone(app, &definitions, sources).await?;
    let mut removals = definitions.leaving.clone();
    if prune {
        removals.extend(gone);
    } else {
        if removals.is_empty()
            && let Err(error) = definitions.check_any()
        {
            return Err(match gone.is_empty() {
                true => error,
                false => error.hint(came_from(&gone)),
            });
        }
        if !gone.is_empty() {
            ui.remark(format!("note: {}", came_from(&gone)));
        }
    }
    let groups = GroupPlan::of(ui, app, &definitions, &removals).await?;
    let Definitions { services, dashboards, .. } = definitions;
    Ok(Request { services, removals, groups, dashboards })
}

/// Refuses to find out what is gone from a file where there is none.
pub(super) fn refuse_stdin(sources: &SourceArguments, prune: bool) -> Result<(), CliError> {
    if !prune || sources.files.iter().all(|file| file.as_os_str() != "-") {
        return Ok(());
    }
    let message = "--prune removes what came from a file and is gone from it, and stdin is no file";
    let hint = "name the file, or remove services by name (`tf remove`)";
    Err(CliError::new(Exit::Usage, message).hint(hint))
}

/// Returns the installed services that came from these files, or from one that has left these directories,
/// and that no definition here defines.
async fn gone(
    app: &App,
    definitions: &Definitions,
    sources: &SourceArguments,
) -> Result<Vec<Removal>, CliError> {
    if definitions.files.is_empty() && definitions.directories.is_empty() {
        return Ok(Vec::new());
    }
    let origins = app.services.origins(&[]).await?.into_iter();
    let came_from_here = origins.filter_map(|origin| {
        let source = origin.source.filter(|source| is_one_of(source, definitions))?;
        Some(Removal { name: origin.name, source })
    });
    let is_gone =
        |removal: &Removal| !definitions.defined.contains(&removal.name) && is_meant(sources, &removal.name);
    Ok(came_from_here.filter(is_gone).collect())
}

/// Tells whether a definition file is one of those that were read, or was in one of the directories and is
/// there no more. One that is there and was not read (a hidden one) still defines its services.
fn is_one_of(source: &str, definitions: &Definitions) -> bool {
    let path = Path::new(source);
    let left = || match &definitions.present {
        Some(present) => !present.contains(source),
        None => {
            let absent = path.symlink_metadata();
            absent.is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound)
        }
    };
    definitions.files.contains(source)
        || (path.parent().is_some_and(|parent| definitions.directories.contains(parent)) && left())
}

fn came_from(gone: &[Removal]) -> String {
    let list = named(gone.iter().map(|removal| &removal.name));
    match gone.len() {
        1 => format!("1 service came from the same source and is gone from it: {list}; `--prune` removes it"),
        count => format!(
            "{count} services came from the same source and are gone from it: {list}; `--prune` removes them"
        ),
    }
}

/// Asks whether what is gone may be removed, where there is anything.
///
/// # Errors
/// When nobody is there to answer.
pub(super) fn may_prune(ui: &mut Ui<'_>, request: &Request) -> Result<bool, CliError> {
    if request.removals.is_empty() {
        return Ok(true);
    }
    let names: Vec<&ServiceName> = request.removals.iter().map(|removal| &removal.name).collect();
    let why = match names.len() {
        1 => "1 service is defined no more".to_owned(),
        count => format!("{count} services are defined no more"),
    };
    may_remove(ui, &names, &why)
}
