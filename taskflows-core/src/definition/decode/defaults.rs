use std::collections::BTreeMap;

use super::environment::is_container;
use super::service::SERVICE_FIELDS;
use crate::definition::node::{Key, Node, Value};
use crate::definition::shape::Object;
use crate::service::{Environment, EnvironmentName};

/// Every key of a service but its name.
pub(super) static DEFAULTS: Object = Object {
    what: "defaults",
    fields: SERVICE_FIELDS.split_at(1).1,
    refused: &[("name", "is each service's own")],
};

/// Tables of which a service and the defaults each say a part; of any other key one of the two says all.
const JOINED: [&str; 4] = ["env", "credentials", "cgroup_config", "systemd"];

/// Limits that mean nothing around a container. A default of them is for the services that run in none.
const NOT_INSIDE: [&str; 5] = [
    "oom_policy",
    "managed_oom_swap",
    "managed_oom_memory_pressure",
    "managed_oom_memory_pressure_limit",
    "managed_oom_preference",
];

/// Returns a service with the defaults for what it does not say itself.
pub(super) fn merged(
    defaults: Option<&Node>,
    service: &Node,
    environments: &BTreeMap<EnvironmentName, Environment>,
) -> Node {
    let (Some(Node { value: Value::Table(defaults), .. }), Value::Table(own)) = (defaults, &service.value)
    else {
        return service.clone();
    };
    let environment = environment_of(own).or_else(|| environment_of(defaults));
    let container = environment.and_then(|node| inside(node, environments));
    let mut entries = own.clone();
    for (key, value) in defaults.iter().filter(|(key, _)| DEFAULTS.field(&key.text).is_some()) {
        // Two names of one key, of which a service may say either.
        let is_same = |own: &Key| meaning(&own.text) == meaning(&key.text);
        let own = own.iter().find(|(own, _)| is_same(own)).map(|(_, node)| node);
        let value = match container {
            Some(has_limits) if key.text == "cgroup_config" => {
                // A container's own limits come first, and cannot be taken back by a service.
                if has_limits && own.is_none() {
                    continue;
                }
                match without(value, &NOT_INSIDE) {
                    Some(rest) => rest,
                    None => continue,
                }
            }
            _ if key.text == "alerts" && alerts_within(&entries) => continue,
            _ if key.text == "task" && says(&entries, "alerts") => match without(value, &["alerts"]) {
                Some(rest) => rest,
                None => continue,
            },
            _ => value.clone(),
        };
        match entries.iter_mut().find(|(own, _)| own.text == key.text) {
            Some((_, own)) if JOINED.contains(&key.text.as_str()) => *own = joined(&value, own),
            Some(_) => {}
            None if own.is_some() => {}
            None => entries.push((key.clone(), value)),
        }
    }
    Node { value: Value::Table(entries), span: service.span.clone() }
}

fn says(entries: &[(Key, Node)], key: &str) -> bool {
    entries.iter().any(|(own, node)| own.text == key && node.value != Value::Null)
}

/// Tells whether a service says within its task who is told.
fn alerts_within(entries: &[(Key, Node)]) -> bool {
    let task = entries.iter().find(|(key, _)| key.text == "task").map(|(_, node)| &node.value);
    matches!(task, Some(Value::Table(task)) if says(task, "alerts"))
}

fn meaning(key: &str) -> &str {
    if key == "startup_requirements" { "system_load_constraints" } else { key }
}

fn environment_of(entries: &[(Key, Node)]) -> Option<&Node> {
    let found = entries.iter().find(|(key, _)| key.text == "environment");
    found.map(|(_, node)| node)
}

/// Tells of an environment that is a container whether it has limits of its own; `None` of any other.
fn inside(environment: &Node, environments: &BTreeMap<EnvironmentName, Environment>) -> Option<bool> {
    match &environment.value {
        Value::Table(entries) if is_container(entries) => {
            let limits = entries.iter().find(|(key, _)| key.text == "cgroup_config");
            Some(limits.is_some_and(|(_, node)| node.value != Value::Null))
        }
        Value::String { text, .. } => match environments.get(&text.parse().ok()?)? {
            Environment::Container(container) => Some(container.cgroup_config.is_some()),
            _ => None,
        },
        _ => None,
    }
}

/// Returns a table without some keys, `None` where nothing is left of it.
fn without(table: &Node, keys: &[&str]) -> Option<Node> {
    let Value::Table(entries) = &table.value else { return Some(table.clone()) };
    let rest: Vec<_> =
        entries.iter().filter(|(key, _)| !keys.contains(&key.text.as_str())).cloned().collect();
    (!rest.is_empty()).then(|| Node { value: Value::Table(rest), span: table.span.clone() })
}

/// Joins two tables key by key, tables within them too; what is no table is the service's.
fn joined(default: &Node, own: &Node) -> Node {
    let (Value::Table(defaults), Value::Table(entries)) = (&default.value, &own.value) else {
        return own.clone();
    };
    let mut entries = entries.clone();
    for (key, value) in defaults {
        match entries.iter_mut().find(|(own, _)| own.text == key.text) {
            None => entries.push((key.clone(), value.clone())),
            Some((_, own)) => *own = joined(value, own),
        }
    }
    Node { value: Value::Table(entries), span: own.span.clone() }
}
