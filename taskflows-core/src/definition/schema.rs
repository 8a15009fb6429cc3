use serde_json::{Map, Value, json};

use super::decode::DEFINITION;
use super::shape::{Field, Object, Shape};
use crate::Section;

/// Returns the JSON Schema of definition files, for editors and validators.
///
/// It is written from the same tables by which files are read, so the two know the same keys. What a schema cannot
/// say (that a schedule fires, that two fields fit each other) only reading tells. Source: JSON Schema draft 7,
/// which editors know best.
///
/// ```
/// let schema = taskflows_core::schema();
/// assert_eq!(schema["properties"]["services"]["items"]["$ref"], "#/definitions/service");
/// ```
pub fn schema() -> Value {
    let mut definitions = Map::new();
    let mut root = object(&DEFINITION, &mut definitions);
    // A file may hold nothing but what others share.
    let one_of = ["services", "taskflows_services", "include", "environments", "alerts", "dashboards"];
    let head = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "taskflows definition",
        "description": "Services that `tf create` installs as systemd units.",
        "anyOf": one_of.map(|key| json!({ "required": [key] })),
    });
    let (Value::Object(head), Value::Object(body)) = (head, &mut root) else { return root };
    let mut whole = head;
    whole.append(body);
    whole.insert("definitions".to_owned(), Value::Object(definitions));
    Value::Object(whole)
}

/// Writes an object that stands in the definitions and returns a reference to it.
fn reference(object_rule: &Object, definitions: &mut Map<String, Value>) -> Value {
    let words: Vec<&str> =
        object_rule.what.split(' ').filter(|word| !["a", "an", "of", "the"].contains(word)).collect();
    let name = words.join("-").to_lowercase();
    if !definitions.contains_key(&name) {
        // Before its parts, which may refer to it.
        definitions.insert(name.clone(), Value::Null);
        let written = object(object_rule, definitions);
        definitions.insert(name.clone(), written);
    }
    json!({ "$ref": format!("#/definitions/{name}") })
}

fn object(object: &Object, definitions: &mut Map<String, Value>) -> Value {
    let mut properties = Map::new();
    for Field { key, shape, about, .. } in object.fields {
        let mut value = write(*shape, definitions);
        if let Value::Object(value) = &mut value {
            if value.contains_key("$ref") {
                // Beside a reference draft 7 ignores all else.
                *value = Map::from_iter([("allOf".to_owned(), json!([value.clone()]))]);
            }
            value.insert("description".to_owned(), json!(about));
        }
        properties.insert((*key).to_owned(), value);
    }
    let required: Vec<&str> =
        object.fields.iter().filter(|field| field.required).map(|field| field.key).collect();
    let mut written = json!({ "type": "object", "additionalProperties": false, "properties": properties });
    if !required.is_empty() {
        written["required"] = json!(required);
    }
    written
}

/// Forms of texts, as regular expressions of ECMA-262.
const VARIABLE: &str = "\\$\\{env:";
const SPAN: &str = "^\\s*([0-9]+(\\.[0-9]+)?|\\.[0-9]+)\\s*[A-Za-zµμ]*(\\s*([0-9]+(\\.[0-9]+)?|\\.[0-9]+)\\s*[A-Za-zµμ]*)*\\s*$";
const SIZE: &str = "^\\s*[0-9]+(\\.[0-9]*)?\\s*([KkMmGgTtPp]?([Ii]?[Bb])?)\\s*$";
const INSTANT: &str = "^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}";

fn write(shape: Shape, definitions: &mut Map<String, Value>) -> Value {
    match shape {
        Shape::Text => json!({ "type": "string" }),
        Shape::Pattern(pattern) => text(pattern),
        Shape::Words(words) => {
            let with_variable: Vec<Value> =
                vec![json!({ "enum": words }), json!({ "type": "string", "pattern": VARIABLE })];
            json!({ "anyOf": with_variable })
        }
        Shape::Flag => or_variable(json!({ "type": "boolean" })),
        Shape::Whole(low, high) => {
            let mut number = json!({ "type": "integer", "minimum": low });
            if high < i64::MAX {
                number["maximum"] = json!(high);
            }
            or_variable(number)
        }
        Shape::Number => or_variable(json!({ "type": "number" })),
        Shape::Scalar => json!({ "type": ["string", "number"] }),
        Shape::Span => json!({ "anyOf": [{ "type": "number", "exclusiveMinimum": 0 }, text(SPAN)] }),
        Shape::Size => json!({ "anyOf": [{ "type": "number", "minimum": 0 }, text(SIZE)] }),
        Shape::Instant => text(INSTANT),
        Shape::Table(object) => reference(object, definitions),
        Shape::Map(values) => {
            json!({ "type": "object", "additionalProperties": write(*values, definitions) })
        }
        Shape::List(items) => json!({ "type": "array", "items": write(*items, definitions) }),
        Shape::OneOrMany(item) => {
            let one = write(*item, definitions);
            json!({ "anyOf": [one, { "type": "array", "items": one }] })
        }
        Shape::Any(shapes) => {
            let each: Vec<Value> = shapes.iter().map(|shape| write(*shape, definitions)).collect();
            json!({ "anyOf": each })
        }
        Shape::Directives => directives(),
    }
}

fn text(pattern: &str) -> Value {
    json!({ "type": "string", "pattern": format!("{pattern}|{VARIABLE}") })
}

fn or_variable(value: Value) -> Value {
    json!({ "anyOf": [value, { "type": "string", "pattern": VARIABLE }] })
}

fn directives() -> Value {
    let value = json!({ "type": ["string", "number", "boolean"] });
    let values = json!({ "anyOf": [value, { "type": "array", "items": value }] });
    let section = json!({
        "type": "object",
        "propertyNames": { "pattern": "^[A-Z][A-Za-z0-9-]*$" },
        "additionalProperties": values,
    });
    let sections: Map<String, Value> =
        Section::TEXTS.iter().map(|name| ((*name).to_owned(), section.clone())).collect();
    json!({ "type": "object", "additionalProperties": false, "properties": sections })
}
