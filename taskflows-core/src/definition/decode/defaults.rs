use super::service::SERVICE_FIELDS;
use crate::definition::node::{Node, Value};
use crate::definition::shape::Object;

/// Every key of a service but its name.
pub(super) static DEFAULTS: Object = Object {
    what: "defaults",
    fields: SERVICE_FIELDS.split_at(1).1,
    refused: &[("name", "is each service's own")],
};

/// Tables of which a service and the defaults each say a part; of any other key one of the two says all.
const JOINED: [&str; 4] = ["env", "credentials", "cgroup_config", "systemd"];

/// Returns a service with the defaults for what it does not say itself.
pub(super) fn merged(defaults: Option<&Node>, service: &Node) -> Node {
    let (Some(Node { value: Value::Table(defaults), .. }), Value::Table(own)) = (defaults, &service.value)
    else {
        return service.clone();
    };
    let mut entries = own.clone();
    for (key, value) in defaults.iter().filter(|(key, _)| DEFAULTS.field(&key.text).is_some()) {
        match entries.iter_mut().find(|(own, _)| own.text == key.text) {
            None => entries.push((key.clone(), value.clone())),
            // The two constraints have one meaning, and the service has said it.
            Some((_, own)) if JOINED.contains(&key.text.as_str()) => *own = joined(value, own),
            Some(_) => {}
        }
    }
    Node { value: Value::Table(entries), span: service.span.clone() }
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
