use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::alerts::{Fallback, Groups};
use super::dashboards::Drafts;
use super::defaults::{DEFAULTS, merged};
use super::environment::Environments;
use super::fields::{Fields, MOST_PROBLEMS, Reader, Told};
use super::service::SERVICE;
use super::{
    AlertGroupUse, Definition, EnvironmentUse, Known, Surroundings, alerts, dashboards, environment, parse,
    service, variables,
};
use crate::alerting::{AlertUse, GroupName};
use crate::definition::node::{Node, Value};
use crate::definition::problem::{DefinitionError, Problem};
use crate::definition::shape::{Object, Shape, field};
use crate::definition::source::Source;
use crate::{EnvironmentName, Service, ServiceName};

/// The whole of a definition file.
pub(in crate::definition) static DEFINITION: Object = Object {
    what: "a definition",
    fields: &[
        field("$schema", Shape::Text, "what an editor checks the file by: what `tf schema` writes"),
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
        field("alerts", alerts::NAMED, "groups of who is told, by the names that services say"),
        field("services", Shape::List(&Shape::Table(&SERVICE)), "the services"),
        field("taskflows_services", Shape::List(&Shape::Table(&SERVICE)), "another name of `services`"),
        field("dashboards", dashboards::LIST, "dashboards that are made in Grafana"),
    ],
    refused: &[],
};

/// So many files may include each other at most; more are a mistake.
const MOST_FILES: usize = 1_000;
const DEEPEST: usize = 16;

/// A file that was read into a tree.
struct File {
    source: Arc<Source>,
    /// `None` where it is no text of its format, which is told.
    root: Option<Node>,
    is_included: bool,
}

/// A definition and all that it includes, each file once and after those that it includes.
pub(super) struct Files<'s> {
    surroundings: &'s Surroundings<'s>,
    /// The files that are being read, each included by the one before it.
    open: Vec<String>,
    seen: HashSet<String>,
    files: Vec<(File, Told)>,
    /// Whether `${env:NAME}` stands for a variable, and not for itself.
    expands: bool,
}

impl<'s> Files<'s> {
    /// Reads a file and all that it includes.
    pub(super) fn of(root: &Source, surroundings: &'s Surroundings<'s>) -> Self {
        Self::opened(root, surroundings, true)
    }

    /// Does as [`Files::of`] with each text as it stands.
    pub(super) fn literally(root: &Source, surroundings: &'s Surroundings<'s>) -> Self {
        Self::opened(root, surroundings, false)
    }

    fn opened(root: &Source, surroundings: &'s Surroundings<'s>, expands: bool) -> Self {
        let (open, seen, files) = (Vec::new(), HashSet::new(), Vec::new());
        let mut files = Self { surroundings, open, seen, files, expands };
        files.file(root);
        files
    }

    fn file(&mut self, source: &Source) {
        self.seen.insert(identity(source));
        let is_included = !self.open.is_empty();
        let mut reader = Reader::new(source);
        let mut root = match parse(source) {
            Ok(root) => Some(root),
            Err(error) => {
                reader.error(Problem::error(error.message, error.span, ""));
                None
            }
        };
        if let Some(root) = root.as_mut().filter(|_| self.expands) {
            variables::expand(&mut reader, root, self.surroundings.variable);
        }
        if let Some(Node { value: Value::Table(entries), .. }) = &root
            && let Some((_, node)) = entries.iter().find(|(key, _)| key.text == "include")
        {
            self.include(&mut reader, node, source);
        }
        let told = reader.told;
        self.files.push((File { source: Arc::new(source.clone()), root, is_included }, told));
    }

    fn include<'a>(&mut self, reader: &mut Reader<'a>, node: &'a Node, source: &Source) {
        self.open.push(identity(source));
        for item in Reader::one_or_many(node).iter().filter(|item| item.value != Value::Null) {
            let Some(path) = reader.string(item) else { continue };
            match (self.surroundings.open)(source, path) {
                Ok(sources) => sources.iter().for_each(|included| self.included(reader, item, included)),
                Err(message) => reader.wrong(item, message),
            }
        }
        self.open.pop();
    }

    fn included(&mut self, reader: &mut Reader<'_>, item: &Node, included: &Source) {
        let identity = identity(included);
        if self.open.contains(&identity) {
            reader.wrong(item, format!("`{}` includes itself", included.name.escape_debug()));
        } else if self.open.len() >= DEEPEST || self.seen.len() >= MOST_FILES {
            reader.wrong(
                item,
                format!("files include each other more than {DEEPEST} deep, or are more than {MOST_FILES}"),
            );
        } else if !self.seen.contains(&identity) {
            // Two that include the same share it.
            self.file(included);
        }
    }

    /// Reads what the files define. What one of them names may stand in any other.
    pub(super) fn read(self, origin: Option<&str>) -> Result<Definition, DefinitionError> {
        let (files, told): (Vec<File>, Vec<Told>) = self.files.into_iter().unzip();
        let mut environments = Environments::default();
        let mut groups = Groups::default();
        let mut drafts = Drafts::default();
        let (mut opened, mut named_alerts) = (Vec::new(), Vec::new());
        for (file, told) in files.iter().zip(told) {
            let mut reader = Reader { source: &file.source, told };
            let fields = file.root.as_ref().and_then(|root| open_root(&mut reader, root));
            if let Some(node) = fields.as_ref().and_then(|fields| fields.get("environments")) {
                environment::named(&mut reader, node, &mut environments);
            }
            if let Some(node) = fields.as_ref().and_then(|fields| fields.get("alerts")) {
                alerts::named(&mut reader, node, self.surroundings.zones, &mut groups);
            }
            if let Some(node) = fields.as_ref().and_then(|fields| fields.get("dashboards")) {
                dashboards::read(&mut reader, node, &file.source, &mut drafts);
            }
            let fallbacks = std::mem::take(&mut groups.fallbacks);
            named_alerts.extend(alert_uses(fallbacks, &reader, &file.source));
            opened.push((file, reader, fields));
        }
        let known = Known {
            zones: self.surroundings.zones,
            environments: &environments.known,
            alerts: &groups.known,
            origin,
        };
        let defined: Arc<[EnvironmentName]> = environments.known.keys().cloned().collect();
        let mut definition = Definition { alert_uses: named_alerts, ..Definition::default() };
        for (name, (source, _)) in &groups.places {
            definition.alert_places.extend(source.origin.clone().map(|origin| (name.clone(), origin)));
        }
        for (title, source) in drafts.places() {
            let place = source.origin.clone().map(|origin| (title.clone(), origin));
            definition.dashboard_places.extend(place);
        }
        let mut errors = Vec::new();
        let mut places = Places::new();
        for (file, reader, fields) in opened {
            let told = match fields {
                Some(fields) => {
                    file.services(reader, &fields, &known, &defined, &mut places, &mut definition)
                }
                None => reader.told,
            };
            locate(&mut errors, told.errors, &file.source);
            locate(&mut definition.warnings, told.warnings, &file.source);
        }
        definition.alert_uses.retain(|one| !groups.places.contains_key(one.name()));
        definition.alerts = groups.known;
        if errors.is_empty() {
            // Not before: a service that is wrong is none that a dashboard could show.
            (definition.dashboards, errors) = drafts.resolve(&definition.services);
        }
        if errors.is_empty() { Ok(definition) } else { Err(DefinitionError::new(errors)) }
    }
}

/// Adds the problems of a file, as far as there is room for more.
fn locate(all: &mut Vec<Problem>, own: Vec<Problem>, source: &Arc<Source>) {
    let room = MOST_PROBLEMS.saturating_sub(all.len());
    all.extend(own.into_iter().take(room).map(|problem| problem.locate(source)));
}

/// Where each service was defined first. The line is counted when it is asked for.
type Places<'a> = HashMap<ServiceName, (&'a Source, usize)>;

/// Writes a place of a file for a message about another place.
pub(super) fn place((source, at): (&Source, usize)) -> String {
    let line = source.text.get(..at).map_or(1, |before| before.matches('\n').count() + 1);
    format!("{}:{line}", source.name)
}

fn open_root<'a>(reader: &mut Reader<'a>, root: &'a Node) -> Option<Fields<'a>> {
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

impl File {
    /// Reads the services of the file, and returns all that was found out about it.
    fn services<'a>(
        &'a self,
        mut reader: Reader<'a>,
        fields: &Fields<'a>,
        known: &Known<'_>,
        defined: &Arc<[EnvironmentName]>,
        places: &mut Places<'a>,
        definition: &mut Definition,
    ) -> Told {
        let default = fields.get("defaults").filter(|node| reader.table(node, &DEFAULTS).is_some());
        let nodes: Vec<Node> = services(&mut reader, fields, self.is_included)
            .iter()
            .map(|node| merged(default, node, known.environments))
            .collect();
        // The nodes live shorter than the tree they came from.
        let mut reader = Reader { source: reader.source, told: reader.told };
        for node in &nodes {
            let Some(service) = service::service(&mut reader, node, known) else { continue };
            let place_node = service::part_of(node, "name").unwrap_or(node);
            let here = (self.source.as_ref(), place_node.span.start);
            if let Some(earlier) = places.insert(service.name.clone(), here) {
                let message = format!("`{}` is defined twice, first at {}", service.name, place(earlier));
                reader.wrong(place_node, message);
            }
            if let Some(name) = service
                .environment
                .as_ref()
                .filter(|choice| choice.environment().is_none())
                .and_then(|choice| choice.name())
            {
                let span = service::part_of(node, "environment").unwrap_or(node).span.clone();
                let named = (&service.name, name);
                definition.environment_uses.push(EnvironmentUse::new(
                    named,
                    &reader,
                    span,
                    &self.source,
                    defined,
                ));
            }
            definition.alert_uses.extend(alert_names(&service, node, &reader, &self.source));
            definition.add(service, self.source.origin.clone());
        }
        reader.told
    }
}

/// Returns the groups that other groups name.
fn alert_uses(fallbacks: Vec<Fallback<'_>>, reader: &Reader<'_>, source: &Arc<Source>) -> Vec<AlertGroupUse> {
    let one = |Fallback { name, node }| AlertGroupUse::new(None, &name, reader, node.span.clone(), source);
    fallbacks.into_iter().map(one).collect()
}

/// Returns the groups that a service names, those of its own groups too.
fn alert_names(
    service: &Service,
    node: &Node,
    reader: &Reader<'_>,
    source: &Arc<Source>,
) -> Vec<AlertGroupUse> {
    let Some(all) = service::alerts_of(node) else { return Vec::new() };
    let place = |name: &GroupName| {
        let said = |item: &&Node| {
            let item = service::part_of(item, "fallback").unwrap_or(item);
            matches!(&item.value, Value::String { text, .. } if text == name.as_str())
        };
        Reader::one_or_many(all).iter().find(said).unwrap_or(all).span.clone()
    };
    let named = |one: &AlertUse| match one {
        AlertUse::Named(name) => Some(name.clone()),
        AlertUse::Inline(group) => group.fallback.clone(),
    };
    let names = service.alerts.iter().filter_map(named);
    names.map(|name| AlertGroupUse::new(Some(&service.name), &name, reader, place(&name), source)).collect()
}

impl Definition {
    fn add(&mut self, service: Service, origin: Option<String>) {
        self.places.extend(origin.map(|origin| (service.name.clone(), origin)));
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
        None if fields.get("include").is_some() || is_included || fields.get("dashboards").is_some() => &[],
        None => {
            reader.missing(fields, "services");
            &[]
        }
    }
}
