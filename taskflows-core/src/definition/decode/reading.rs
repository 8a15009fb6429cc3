use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::defaults::{DEFAULTS, merged};
use super::fields::{Fields, Reader};
use super::service::SERVICE;
use super::{Definition, Known, Surroundings, environment, parse, service, variables};
use crate::definition::node::{Node, Value};
use crate::definition::problem::{DefinitionError, Problem};
use crate::definition::shape::{Object, Shape, field};
use crate::definition::source::Source;
use crate::service::{Environment, EnvironmentName};
use crate::{Service, ServiceName};

const LATER: &str = "is not supported by this version yet";

/// The whole of a definition file.
pub(in crate::definition) static DEFINITION: Object = Object {
    what: "a definition",
    fields: &[
        field("version", Shape::Whole(1, 1), "the version of this format"),
        field(
            "include",
            Shape::OneOrMany(&Shape::Text),
            "more definition files, beside this one: paths or patterns",
        ),
        field(
            "defaults",
            Shape::Table(&DEFAULTS),
            "what holds for each service of this file that does not say otherwise",
        ),
        field("environments", environment::NAMED, "environments that services name"),
        field("services", Shape::List(&Shape::Table(&SERVICE)), "the services"),
        field("taskflows_services", Shape::List(&Shape::Table(&SERVICE)), "another name of `services`"),
    ],
    refused: &[("alerts", LATER), ("dashboards", LATER)],
};

/// So many files may include each other at most; more are a mistake.
const MOST_FILES: usize = 1_000;
const DEEPEST: usize = 16;

/// A definition while it is read, with all that it includes.
pub(super) struct Reading<'s> {
    surroundings: &'s Surroundings<'s>,
    origin: Option<String>,
    /// The files that are being read, each included by the one before it.
    open: Vec<String>,
    files: usize,
    environments: BTreeMap<EnvironmentName, Environment>,
    services: Vec<Service>,
    places: BTreeMap<ServiceName, String>,
    first: HashMap<ServiceName, String>,
    errors: Vec<Problem>,
    warnings: Vec<Problem>,
}

impl<'s> Reading<'s> {
    pub(super) fn new(root: &Source, surroundings: &'s Surroundings<'s>) -> Self {
        Self {
            surroundings,
            origin: root.origin.clone(),
            open: Vec::new(),
            files: 0,
            environments: BTreeMap::new(),
            services: Vec::new(),
            places: BTreeMap::new(),
            first: HashMap::new(),
            errors: Vec::new(),
            warnings: Vec::new(),
        }
    }

    pub(super) fn finish(self) -> Result<Definition, DefinitionError> {
        if self.errors.is_empty() {
            return Ok(Definition { services: self.services, places: self.places, warnings: self.warnings });
        }
        Err(DefinitionError::new(self.errors))
    }

    /// Reads one file, and before its services those that it includes.
    pub(super) fn file(&mut self, source: &Source) {
        self.files += 1;
        let shared = Arc::new(source.clone());
        let mut root = match parse(source) {
            Ok(root) => root,
            Err(error) => {
                let problem = Problem::error(error.message, error.span, "");
                return self.errors.push(problem.locate(&shared));
            }
        };
        let mut reader = Reader::new(source);
        variables::expand(&mut reader, &mut root, self.surroundings.variable);
        let mut found = Vec::new();
        // The reader borrows the tree, which ends here; included files are read in between.
        let whole = self.open_root(&mut reader, &root);
        if let Some(fields) = &whole {
            self.include(&mut reader, fields, source);
            if let Some(node) = fields.get("environments") {
                let own = environment::named(&mut reader, node);
                self.environments.extend(own);
            }
            let default = fields.get("defaults").filter(|node| reader.table(node, &DEFAULTS).is_some());
            let is_included = !self.open.is_empty();
            found =
                services(&mut reader, fields, is_included).iter().map(|node| merged(default, node)).collect();
        }
        let mut reader = Reader { source, ..reader };
        for node in &found {
            self.service(&mut reader, node, source);
        }
        self.errors.extend(reader.errors.into_iter().map(|problem| problem.locate(&shared)));
        self.warnings.extend(reader.warnings.into_iter().map(|problem| problem.locate(&shared)));
    }

    fn open_root<'a>(&self, reader: &mut Reader<'a>, root: &'a Node) -> Option<Fields<'a>> {
        if let Value::List(_) = &root.value {
            reader.wrong(root, "the services of a definition stand in a list called `services`");
            return None;
        }
        let fields = reader.table(root, &DEFINITION)?;
        if let Some(version) = fields.get("version")
            && reader.number::<u64>(version, "a whole number").is_some_and(|version| version != 1)
        {
            reader.wrong(version, "this taskflows reads version 1 of the definition format");
        }
        Some(fields)
    }

    fn include<'a>(&mut self, reader: &mut Reader<'a>, fields: &Fields<'a>, source: &Source) {
        let Some(node) = fields.get("include") else { return };
        self.open.push(identity(source));
        for item in Reader::one_or_many(node) {
            let Some(path) = reader.string(item) else { continue };
            match (self.surroundings.open)(source, path) {
                Ok(sources) => sources.iter().for_each(|included| self.included(reader, item, included)),
                Err(message) => reader.wrong(item, message),
            }
        }
        self.open.pop();
    }

    fn included(&mut self, reader: &mut Reader<'_>, item: &Node, included: &Source) {
        if self.open.contains(&identity(included)) {
            reader.wrong(item, format!("`{}` includes itself", included.name.escape_debug()));
        } else if self.open.len() >= DEEPEST || self.files >= MOST_FILES {
            reader.wrong(
                item,
                format!("files include each other more than {DEEPEST} deep, or are more than {MOST_FILES}"),
            );
        } else {
            self.file(included);
        }
    }

    fn service<'a>(&mut self, reader: &mut Reader<'a>, node: &'a Node, source: &Source) {
        let known = Known {
            zones: self.surroundings.zones,
            environments: &self.environments,
            origin: self.origin.as_deref(),
        };
        let Some(service) = service::service(reader, node, &known) else { return };
        let place = service::name_of(node).unwrap_or(node);
        let line = source.text.get(..place.span.start).map_or(1, |before| before.matches('\n').count() + 1);
        let here = format!("{}:{line}", source.name);
        if let Some(earlier) = self.first.insert(service.name.clone(), here) {
            reader.wrong(place, format!("`{}` is defined twice, first at {earlier}", service.name));
        }
        self.places.extend(source.origin.clone().map(|origin| (service.name.clone(), origin)));
        self.services.push(service);
    }
}

/// Returns what tells a file from others.
fn identity(source: &Source) -> String {
    source.origin.clone().unwrap_or_else(|| source.name.clone())
}

fn services<'a>(reader: &mut Reader<'a>, fields: &Fields<'a>, is_included: bool) -> &'a [Node] {
    let (own, other) = (fields.get("services"), fields.get("taskflows_services"));
    if let (Some(_), Some(twice)) = (own, other) {
        reader.wrong(twice, "`services` says the same: leave one of the two out");
    }
    match own.or(other) {
        Some(Node { value: Value::List(items), .. }) => items,
        Some(node) => {
            reader.wrong(node, "`services` is a list: `[[services]]` in TOML, `- name: …` in YAML");
            &[]
        }
        // A file that others include may hold nothing but what they share.
        None if fields.get("include").is_some() || is_included => &[],
        None => {
            reader.missing(fields, "services");
            &[]
        }
    }
}
