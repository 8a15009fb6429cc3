use std::collections::BTreeMap;

use super::Known;
use super::container;
use super::fields::Reader;
use super::reading;
use super::service::path;
use crate::definition::node::{Key, Node, Value};
use crate::definition::problem::Problem;
use crate::definition::shape::{Object, Shape, field, required};
use crate::definition::source::Source;
use crate::nearest;
use crate::service::{
    CondaEnvironment, Environment, EnvironmentChoice, EnvironmentName, PythonVenv, UvProject,
};

static CONDA: Object = Object {
    what: "a conda environment",
    fields: &[
        field("type", Shape::Words(&["Conda", "Venv"]), "what it is"),
        required("env_name", Shape::Text, "the name of an environment of conda, mamba or micromamba"),
        field("custom_path", Shape::Text, "the program that manages it, where it is in no usual place"),
    ],
    refused: &[],
};
static VENV: Object = Object {
    what: "a Python environment",
    fields: &[
        field("type", Shape::Words(&["Venv"]), "what it is"),
        required("path", Shape::Text, "the directory that `python -m venv` made"),
    ],
    refused: &[],
};
static UV: Object = Object {
    what: "a uv project",
    fields: &[
        field("type", Shape::Words(&["Uv"]), "what it is"),
        required("project", Shape::Text, "the directory with its pyproject.toml"),
    ],
    refused: &[],
};

/// An environment by its keys, or the name of one.
pub(super) const SHAPE: Shape = Shape::Any(&[
    Shape::Text,
    Shape::Table(&CONDA),
    Shape::Table(&VENV),
    Shape::Table(&UV),
    Shape::Table(&container::CONTAINER),
]);

/// The environments of a definition by their names.
pub(super) const NAMED: Shape = Shape::Map(&Shape::Any(&[
    Shape::Table(&CONDA),
    Shape::Table(&VENV),
    Shape::Table(&UV),
    Shape::Table(&container::CONTAINER),
]));

/// Reads the name of an environment, or one as it stands.
pub(super) fn choice<'a>(
    reader: &mut Reader<'a>,
    node: &'a Node,
    known: &Known<'_>,
) -> Option<EnvironmentChoice> {
    if let Value::Table(_) = &node.value {
        return environment(reader, node).map(EnvironmentChoice::from);
    }
    let name: EnvironmentName = reader.parsed(node)?;
    Some(match known.environments.get(&name) {
        Some(environment) => EnvironmentChoice::from(environment.clone()),
        None => EnvironmentChoice::named(name),
    })
}

/// The environments of a definition and of all files that it includes.
#[derive(Default)]
pub(super) struct Environments<'a> {
    pub(super) known: BTreeMap<EnvironmentName, Environment>,
    /// Where each stands, those too that are wrong.
    places: BTreeMap<EnvironmentName, (&'a Source, usize)>,
}

/// Reads the table of environments of a file.
pub(super) fn named<'a>(reader: &mut Reader<'a>, node: &'a Node, all: &mut Environments<'a>) {
    let Value::Table(entries) = &node.value else {
        return reader.wrong(node, "`environments` is a table of names and environments");
    };
    for (key, node) in entries {
        let (name, environment) = (reader.key::<EnvironmentName>(key), environment(reader, node));
        let Some(name) = name else { continue };
        if let Some(earlier) = all.places.insert(name.clone(), (reader.source, key.span.start)) {
            let first = reading::place(earlier);
            let message = format!("the environment `{name}` is defined twice, first at {first}");
            reader.error(Problem::error(message, key.span.clone(), ""));
        }
        all.known.extend(environment.map(|environment| (name, environment)));
    }
}

/// Tells whether a table is meant as a container, as it would be read.
pub(super) fn is_container(entries: &[(Key, Node)]) -> bool {
    let near = |wanted: &str| entries.iter().any(|(key, _)| nearest(&key.text, [wanted]).is_some());
    match entries.iter().find(|(key, _)| key.text == "type").map(|(_, node)| &node.value) {
        Some(Value::String { text, .. }) => ["DockerContainer", "Container"].contains(&text.as_str()),
        _ => near("image") && !near("env_name"),
    }
}

/// Reads an environment, whose keys tell what it is where its type does not.
pub(super) fn environment<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<Environment> {
    let Value::Table(entries) = &node.value else {
        reader.wrong(
            node,
            "an environment is a table such as { path = \".venv\" } or { image = \"python:3.12\" }",
        );
        return None;
    };
    let has = |wanted: &str| entries.iter().any(|(key, _)| key.text == wanted);
    match entries.iter().find(|(key, _)| key.text == "type").map(|(_, node)| node) {
        Some(kind) => match reader.string(kind)? {
            "Venv" if has("path") && !has("env_name") => venv(reader, node),
            "Venv" | "Conda" => conda(reader, node),
            "Uv" => uv(reader, node),
            "DockerContainer" | "Container" => container::container(reader, node),
            other => {
                let kinds = ["Venv", "Conda", "Uv", "DockerContainer"];
                let message = format!("unknown type of environment `{}`", other.escape_debug());
                let near = nearest(other, kinds);
                let help = near.map_or_else(
                    || format!("known types: {}", kinds.join(", ")),
                    |near| format!("did you mean `{near}`?"),
                );
                reader.error(Problem::error(message, kind.span.clone(), "").help(help));
                None
            }
        },
        None => by_keys(reader, node, entries),
    }
}

/// The keys that tell what an environment is.
const TELLING: [&str; 4] = ["image", "env_name", "project", "path"];

fn by_keys<'a>(reader: &mut Reader<'a>, node: &'a Node, entries: &[(Key, Node)]) -> Option<Environment> {
    let told = |key: &str| entries.iter().any(|(own, _)| own.text == key);
    // A slip in the one key that tells must not hide what is meant.
    let near = |key: &str| entries.iter().any(|(own, _)| nearest(&own.text, [key]).is_some());
    let key = TELLING.into_iter().find(|key| told(key)).or_else(|| TELLING.into_iter().find(|key| near(key)));
    match key {
        Some("env_name") => conda(reader, node),
        Some("image") => container::container(reader, node),
        Some("project") => uv(reader, node),
        Some(_) => venv(reader, node),
        None => {
            let message = "an environment needs `path` (a Python environment), `project` (of uv), `env_name` (of conda) \
                           or `image` (a container)";
            reader.wrong(node, message);
            None
        }
    }
}

fn conda<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<Environment> {
    let fields = reader.table(node, &CONDA)?;
    let custom_path = match fields.get("custom_path") {
        Some(node) => Some(path(reader, node)?),
        None => None,
    };
    let node = fields.get("env_name")?;
    // A path is one beside the file, like every other.
    let env_name = match reader.string(node)? {
        text if text.contains('/') => path(reader, node)?.as_str().parse().ok()?,
        _ => reader.parsed(node)?,
    };
    Some(CondaEnvironment { env_name, custom_path }.into())
}

fn venv<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<Environment> {
    let fields = reader.table(node, &VENV)?;
    Some(PythonVenv { path: path(reader, fields.get("path")?)? }.into())
}

fn uv<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<Environment> {
    let fields = reader.table(node, &UV)?;
    Some(UvProject { project: path(reader, fields.get("project")?)? }.into())
}
