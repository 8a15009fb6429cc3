use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use taskflows_api::wire::{Order, Scope};
use taskflows_core::alerting::{AlertGroup, AlertUse, GroupName};
use taskflows_core::effects::Edits;
use taskflows_core::grafana::Dashboard;
use taskflows_core::{NamePattern, Service, ServiceName, write_document};

use crate::arguments::SourceArguments;
use crate::commands::alert_groups::add_own_token;
use crate::commands::prune::refuse_stdin;
use crate::definitions::{Definitions, Place, format_of, read_files, unreadable};
use crate::{App, CliError, Ui};

/// What definition files ask of another host, and what is made from here.
#[derive(Debug)]
pub struct Ordered {
    /// What is sent, to one host or to several.
    pub order: Order,
    /// The dashboards, which whoever defines them makes in Grafana.
    pub dashboards: Vec<Dashboard>,
}

impl Ordered {
    /// Tells whether the files define dashboards alone, so that there is nothing to send.
    pub fn is_of_dashboards(&self) -> bool {
        let services = self.order.definition.get("services").and_then(serde_json::Value::as_array);
        !self.dashboards.is_empty() && services.is_none_or(Vec::is_empty) && !self.order.prune
    }
}

/// Reads definition files into one order for other hosts: what they include is in it, variables have their values of
/// here, and paths are absolute. What is named and not defined (an environment, a group of alerts) the other host is to
/// have.
///
/// # Errors
/// When a file cannot be read or is wrong, when two define the same service, and when stdin is to be pruned.
pub fn order_of(
    ui: &mut Ui<'_>,
    app: &App,
    sources: &SourceArguments,
    prune: bool,
    edits: Edits,
) -> Result<Ordered, CliError> {
    refuse_stdin(sources, prune)?;
    ordered(app, read_files(ui, app, sources, Place::Elsewhere)?, sources, prune, edits)
}

/// Does as [`order_of`] with definitions that were read.
pub(super) fn ordered(
    app: &App,
    mut definitions: Definitions,
    sources: &SourceArguments,
    prune: bool,
    edits: Edits,
) -> Result<Ordered, CliError> {
    let inline = definitions.services.iter_mut().flat_map(|service| &mut service.alerts);
    let inline = inline.filter_map(|alert| match alert {
        AlertUse::Inline(group) => Some(group.as_mut()),
        AlertUse::Named(_) => None,
    });
    let shared = definitions.alerts.values_mut().map(|kept| &mut kept.group);
    inline.chain(shared).for_each(|group| add_own_token(app, group));
    let scope = scope(app, &definitions, sources)?;
    let label = |path: &str| labelled(app, path);
    let source =
        |service: &Service| Some((service.name.to_string(), label(service.source.as_ref()?.as_str())));
    let group_source =
        |(name, kept): (&String, &crate::KeptGroup)| Some((name.clone(), label(kept.source.as_deref()?)));
    let groups: BTreeMap<GroupName, AlertGroup> = definitions
        .alerts
        .iter()
        .filter_map(|(name, kept)| Some((name.parse().ok()?, kept.group.clone())))
        .collect();
    let order = Order {
        definition: write_document(&definitions.services, &groups),
        sources: definitions.services.iter().filter_map(source).collect(),
        group_sources: definitions.alerts.iter().filter_map(group_source).collect(),
        scope,
        prune,
        removals: Vec::new(),
        edits: edits.into(),
    };
    Ok(Ordered { order, dashboards: definitions.dashboards })
}

/// Says which host a path is of.
fn labelled(app: &App, path: &str) -> String {
    format!("{}:{path}", app.host_name)
}

fn scope(app: &App, definitions: &Definitions, sources: &SourceArguments) -> Result<Scope, CliError> {
    let mut directories = BTreeMap::new();
    for directory in &definitions.directories {
        let files = definition_files(app, directory)?;
        directories.insert(labelled(app, &directory.display().to_string()), files);
    }
    let sent: HashSet<&ServiceName> = definitions.services.iter().map(|service| &service.name).collect();
    let texts = |patterns: &[NamePattern]| patterns.iter().map(ToString::to_string).collect();
    let mut files: Vec<String> = definitions.files.iter().map(|file| labelled(app, file)).collect();
    files.sort_unstable();
    let left_out = definitions.defined.iter().filter(|name| !sent.contains(name));
    let mut left_out: Vec<String> = left_out.map(ToString::to_string).collect();
    left_out.sort_unstable();
    Ok(Scope {
        files,
        directories,
        left_out,
        include: texts(&sources.include),
        exclude: texts(&sources.exclude),
    })
}

/// Returns the definition files of a directory, hidden ones too: one that is there still defines its services.
fn definition_files(app: &App, directory: &Path) -> Result<Vec<String>, CliError> {
    let entries = directory.read_dir().and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let entries = entries.map_err(|error| unreadable(directory, &error))?;
    let paths = entries.into_iter().map(|entry| entry.path()).filter(|path| format_of(path).is_some());
    let mut files: Vec<String> = paths.map(|path| labelled(app, &path.display().to_string())).collect();
    files.sort_unstable();
    Ok(files)
}
