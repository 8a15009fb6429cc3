//! From the tree of a definition to services, the same for every format.

mod constraint;
mod fields;
mod schedule;
mod service;

use std::collections::HashMap;

use fields::Reader;

use super::node::{Node, Value};
use super::problem::{DefinitionError, Problem, render};
use super::source::{Format, Source};
use super::{json, toml, yaml};
use crate::Service;
use crate::schedule::Zones;

const KEYS: [&str; 3] = ["version", "services", "taskflows_services"];
const PLANNED: [&str; 5] = ["defaults", "environments", "alerts", "include", "dashboards"];

/// What a definition file defines.
#[derive(Clone, Debug)]
pub struct Definition {
    /// The services in the order of the file.
    pub services: Vec<Service>,
    source: Source,
    warnings: Vec<Problem>,
}

impl Definition {
    /// Returns what may not mean what its author thinks.
    pub fn warnings(&self) -> &[Problem] {
        &self.warnings
    }

    /// Writes the warnings with their places, `None` where there are none.
    pub fn render_warnings(&self, colour: bool) -> Option<String> {
        (!self.warnings.is_empty()).then(|| render(&self.source, &self.warnings, colour))
    }
}

/// Reads a definition. `zones` are the zones that instants in it may name.
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
/// When the text is not of its format or does not fit the model. Every problem is told, up to twenty.
pub fn read(source: &Source, zones: &Zones) -> Result<Definition, DefinitionError> {
    let parsed = match source.format {
        Format::Toml => toml::parse(&source.text),
        Format::Yaml => yaml::parse(&source.text),
        Format::Json => json::parse(&source.text),
    };
    let root = parsed.map_err(|error| {
        DefinitionError::new(source.clone(), vec![Problem::error(error.message, error.span, "")])
    })?;
    let mut reader = Reader { source, errors: Vec::new(), warnings: Vec::new() };
    let services = services(&mut reader, &root, zones);
    if reader.errors.is_empty() {
        let warnings = reader.warnings.into_iter().map(|problem| problem.locate(&source.text)).collect();
        return Ok(Definition { services, source: source.clone(), warnings });
    }
    Err(DefinitionError::new(source.clone(), reader.errors))
}

fn services<'a>(reader: &mut Reader<'a>, root: &'a Node, zones: &Zones) -> Vec<Service> {
    if let Value::List(_) = &root.value {
        reader.wrong(root, "the services of a definition stand in a list called `services`");
        return Vec::new();
    }
    let Some(fields) = reader.table(root, "a definition", &KEYS, &PLANNED) else { return Vec::new() };
    if let Some(version) = fields.get("version")
        && reader.number::<u64>(version, "a whole number").is_some_and(|version| version != 1)
    {
        reader.wrong(version, "this taskflows reads version 1 of the definition format");
    }
    let Some(list) = fields.get("services").or_else(|| fields.get("taskflows_services")) else {
        reader.missing(&fields, "services", "a definition");
        return Vec::new();
    };
    let Value::List(items) = &list.value else {
        reader.wrong(list, "`services` is a list: `[[services]]` in TOML, `- name: …` in YAML");
        return Vec::new();
    };
    let mut first: HashMap<String, usize> = HashMap::new();
    let mut services = Vec::new();
    for (index, node) in items.iter().enumerate() {
        let Some(service) = service::service(reader, node, zones) else { continue };
        if let Some(earlier) = first.insert(service.name.to_string(), index) {
            let message =
                format!("`{}` is defined twice, as service {} and {}", service.name, earlier + 1, index + 1);
            let place = service::name_of(node).unwrap_or(node);
            reader.wrong(place, message);
        }
        services.push(service);
    }
    services
}
