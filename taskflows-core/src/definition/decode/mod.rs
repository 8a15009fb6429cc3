//! From the tree of a definition to services, the same for every format.

mod alert_use;
mod alerts;
mod cgroup;
mod constraint;
mod container;
mod dashboards;
mod defaults;
mod destination;
mod directives;
mod environment;
mod environment_use;
mod expansion;
mod fields;
mod reading;
mod schedule;
mod service;
mod task;
mod variables;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::problem::{DefinitionError, Problem, render};
use super::source::{Format, Source};
use super::{json, toml, yaml};
use crate::alerting::{AlertGroup, GroupName};
use crate::grafana::Dashboard;
use crate::schedule::Zones;
use crate::service::{Environment, EnvironmentName};
use crate::{Service, ServiceName};

pub use alert_use::AlertGroupUse;
pub use environment_use::EnvironmentUse;
pub(super) use reading::DEFINITION;

/// What a definition defines.
#[derive(Clone, Debug, Default)]
pub struct Definition {
    /// The services in the order of the file, those of an included file where it is included.
    pub services: Vec<Service>,
    places: BTreeMap<ServiceName, String>,
    warnings: Vec<Problem>,
    environment_uses: Vec<EnvironmentUse>,
    /// The groups of alerts by their names, those of included files too.
    pub alerts: BTreeMap<GroupName, AlertGroup>,
    alert_places: BTreeMap<GroupName, String>,
    alert_uses: Vec<AlertGroupUse>,
    /// The dashboards in the order of the files.
    pub dashboards: Vec<Dashboard>,
    dashboard_places: BTreeMap<String, String>,
}

impl Definition {
    /// Returns what may not mean what its author thinks, up to twenty of it, none twice.
    pub fn warnings(&self) -> &[Problem] {
        &self.warnings
    }

    /// Writes the warnings with their places, `None` where there are none.
    pub fn render_warnings(&self, colour: bool) -> Option<String> {
        (!self.warnings.is_empty()).then(|| render(&self.warnings, colour))
    }

    /// Returns the names of environments that the definition does not define, by the services in order.
    pub fn environment_uses(&self) -> &[EnvironmentUse] {
        &self.environment_uses
    }

    /// Returns the names of groups of alerts that the definition does not define.
    pub fn alert_uses(&self) -> &[AlertGroupUse] {
        &self.alert_uses
    }

    /// Returns the absolute path of the file that defines the group of alerts `name`, which may be an included one.
    pub fn place_of_alerts(&self, name: &GroupName) -> Option<&str> {
        self.alert_places.get(name).map(String::as_str)
    }

    /// Returns the absolute path of the file that defines the dashboard `title`, which may be an included one.
    pub fn place_of_dashboard(&self, title: &str) -> Option<&str> {
        self.dashboard_places.get(title).map(String::as_str)
    }

    /// Returns the absolute path of the file that defines `name`, which may be an included one.
    pub fn place_of(&self, name: &ServiceName) -> Option<&str> {
        self.places.get(name).map(String::as_str)
    }
}

/// Opens what an `include` names for the source that names it.
pub type OpenIncluded<'a> = dyn Fn(&Source, &str) -> Result<Vec<Source>, String> + 'a;

/// What a definition may refer to beyond its own text. Whoever reads it decides what that is.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    /// The zones that schedules may name.
    pub zones: &'a Zones,
    /// Returns the value for `${env:NAME}`; `None` where there is none.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
    /// Opens what an `include` of a source names: a path or a pattern. The error is a whole sentence.
    pub open: &'a OpenIncluded<'a>,
}

impl std::fmt::Debug for Surroundings<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Surroundings").finish_non_exhaustive()
    }
}

/// Reads a definition that refers to nothing beyond its text but zones.
///
/// ```
/// use taskflows_core::schedule::Zones;
/// use taskflows_core::{Format, Source, read};
///
/// let zones = Zones::new(jiff::tz::TimeZoneDatabase::bundled(), jiff::tz::TimeZone::UTC);
/// let text = "[[services]]\nname = \"web\"\nstart_comand = \"serve\"\n";
/// let error = read(&Source::new("web.toml", text, Format::Toml), &zones).unwrap_err();
/// assert_eq!((error.problems()[0].line(), error.problems()[0].column()), (3, 1));
/// assert!(error.to_string().contains("did you mean `start_command`?"));
/// ```
///
/// # Errors
/// When the text is not of its format or does not fit the model. Every problem is told, up to twenty. A definition
/// that includes files or takes variables is wrong here: see [`read_in`].
pub fn read(source: &Source, zones: &Zones) -> Result<Definition, DefinitionError> {
    let surroundings = Surroundings {
        zones,
        variable: &|_| None,
        open: &|_, _| Err("no other file can be included here".to_owned()),
    };
    read_in(source, &surroundings)
}

/// Reads a definition that stands for itself, as [`write_document`](crate::write_document) writes it: no variable is
/// put into a text, nothing is included, and every path is absolute.
///
/// ```
/// use taskflows_core::schedule::Zones;
/// use taskflows_core::{Format, Source, read_document};
///
/// let zones = Zones::new(jiff::tz::TimeZoneDatabase::bundled(), jiff::tz::TimeZone::UTC);
/// let text = r#"{"services": [{"name": "web", "start_command": ["serve", "${env:PORT}"]}]}"#;
/// let read = read_document(&Source::new("sent", text, Format::Json), &zones)?;
/// assert_eq!(read.services[0].start_command.as_ref().unwrap().argv()[1], "${env:PORT}");
/// # Ok::<(), taskflows_core::DefinitionError>(())
/// ```
///
/// # Errors
/// As [`read`], and when a path is not absolute or another file is named.
pub fn read_document(source: &Source, zones: &Zones) -> Result<Definition, DefinitionError> {
    let surroundings = Surroundings {
        zones,
        variable: &|_| None,
        open: &|_, _| Err("a definition that is sent includes no file: send what is in it".to_owned()),
    };
    let alone = source.clone().without_base();
    reading::Files::literally(&alone, &surroundings).read(alone.origin.as_deref())
}

/// Reads a definition with what it includes and the variables it takes.
///
/// ```
/// use taskflows_core::schedule::Zones;
/// use taskflows_core::{Format, Source, Surroundings, read_in};
///
/// let zones = Zones::new(jiff::tz::TimeZoneDatabase::bundled(), jiff::tz::TimeZone::UTC);
/// let text = "[[services]]\nname = \"web\"\nstart_command = \"serve --port ${env:PORT:-80}\"\n";
/// let surroundings = Surroundings { zones: &zones, variable: &|_| None, open: &|_, _| Err("none".into()) };
/// let definition = read_in(&Source::new("web.toml", text, Format::Toml), &surroundings)?;
/// assert_eq!(definition.services[0].start_command.as_ref().unwrap().argv()[2], "80");
/// # Ok::<(), taskflows_core::DefinitionError>(())
/// ```
///
/// # Errors
/// As [`read`], up to twenty problems of all the files that are included; when one includes itself, when a service or
/// an environment is defined in two places, or a variable is not set.
pub fn read_in(source: &Source, surroundings: &Surroundings<'_>) -> Result<Definition, DefinitionError> {
    reading::Files::of(source, surroundings).read(source.origin.as_deref())
}

/// Reads a text that is one environment, and returns it with what was written, as JSON.
///
/// ```
/// use taskflows_core::{Environment, Format, Source, read_environment};
///
/// let text = "image = \"python:3.12\"\nvolumes = [\"/srv/data:/data:ro\"]\n";
/// let (environment, json) = read_environment(&Source::new("env.toml", text, Format::Toml))?;
/// assert_eq!(environment.kind(), "container");
/// assert_eq!(json["image"], "python:3.12");
/// # Ok::<(), taskflows_core::DefinitionError>(())
/// ```
///
/// # Errors
/// As [`read`]. What is kept is read again on its own, so a path must be absolute unless the source has a base.
pub fn read_environment(source: &Source) -> Result<(Environment, serde_json::Value), DefinitionError> {
    let root = parse_alone(source)?;
    let mut reader = fields::Reader::new(source);
    let environment = environment::environment(&mut reader, &root);
    whole(environment, reader).map(|environment| (environment, root.to_json()))
}

/// Reads a text that is one group of alerts, as [`AlertGroup::to_json`] writes it.
///
/// ```
/// use taskflows_core::{Format, Source, read_alert_group};
///
/// let text = r#"{"send_to": {"type": "slack", "channel": "ops"}, "remind_every": "1h"}"#;
/// let group = read_alert_group(&Source::new("ops.json", text, Format::Json))?;
/// assert_eq!(group.to_json()["send_to"][0]["channel"], "ops");
/// # Ok::<(), taskflows_core::DefinitionError>(())
/// ```
///
/// # Errors
/// As [`read`]. That a zone exists which quiet hours name is not looked at.
pub fn read_alert_group(source: &Source) -> Result<AlertGroup, DefinitionError> {
    let root = parse_alone(source)?;
    let mut reader = fields::Reader::new(source);
    let group = alerts::group(&mut reader, &root, None);
    whole(group, reader)
}

/// Parses a text that is no whole definition.
fn parse_alone(source: &Source) -> Result<super::node::Node, DefinitionError> {
    parse(source).map_err(|error| {
        let problem = Problem::error(error.message, error.span, "");
        DefinitionError::new(vec![problem.locate(&Arc::new(source.clone()))])
    })
}

/// Returns what was read where nothing is wrong with it.
fn whole<T>(read: Option<T>, reader: fields::Reader<'_>) -> Result<T, DefinitionError> {
    match read {
        Some(read) if reader.told.errors.is_empty() => Ok(read),
        _ => {
            let shared = Arc::new(reader.source.clone());
            let problems = reader.told.errors.into_iter().map(|problem| problem.locate(&shared));
            Err(DefinitionError::new(problems.collect()))
        }
    }
}

fn parse(source: &Source) -> Result<super::node::Node, super::node::SyntaxError> {
    match source.format {
        Format::Toml => toml::parse(&source.text),
        Format::Yaml => yaml::parse(&source.text),
        Format::Json => json::parse(&source.text),
    }
}

/// What is known when a service is read.
struct Known<'k> {
    zones: &'k Zones,
    environments: &'k BTreeMap<EnvironmentName, Environment>,
    alerts: &'k BTreeMap<GroupName, AlertGroup>,
    /// The file that was named on the command line.
    origin: Option<&'k str>,
}
