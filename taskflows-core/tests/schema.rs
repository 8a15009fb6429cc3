//! The JSON Schema of definitions, by a validator that is not ours: what we read it accepts, what we refuse for its
//! keys and kinds of values it refuses.

#![expect(clippy::unwrap_used, reason = "a test that unwraps fails as it should")]

use boon::{Compiler, SchemaIndex, Schemas};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use serde_json::{Value, json};
use taskflows_core::schedule::Zones;
use taskflows_core::{Format, Source, read, schema};

/// Every example that is shipped; that none is left out is tested where files may be read.
const EXAMPLES: [(&str, &str); 6] = [
    ("alerts", include_str!("../../examples/alerts.toml")),
    ("containers", include_str!("../../examples/containers.toml")),
    ("dashboards", include_str!("../../examples/dashboards.toml")),
    ("demo", include_str!("../../examples/demo.toml")),
    ("python", include_str!("../../examples/python.toml")),
    ("seed", include_str!("../../examples/seed.toml")),
];

struct Validator {
    schemas: Schemas,
    index: SchemaIndex,
}

impl Validator {
    fn new() -> Self {
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        compiler.add_resource("taskflows.json", schema()).unwrap();
        let index = compiler.compile("taskflows.json", &mut schemas).unwrap();
        Self { schemas, index }
    }

    fn check(&self, value: &Value) -> Result<(), String> {
        self.schemas.validate(value, self.index).map_err(|error| format!("{error:#}"))
    }
}

/// Editors check a date and time of TOML as the string that it is written as.
fn as_editors_see_it(value: toml::Value) -> Value {
    match value {
        toml::Value::Datetime(time) => Value::String(time.to_string()),
        toml::Value::Array(items) => items.into_iter().map(as_editors_see_it).collect(),
        toml::Value::Table(entries) => {
            Value::Object(entries.into_iter().map(|(key, value)| (key, as_editors_see_it(value))).collect())
        }
        other => serde_json::to_value(other).unwrap(),
    }
}

fn ours(value: &Value) -> Result<(), String> {
    let zones = Zones::new(TimeZoneDatabase::bundled(), TimeZone::UTC);
    let source = Source::new("a.json", value.to_string(), Format::Json).with_base("/jobs".to_owned());
    read(&source, &zones).map(drop).map_err(|error| error.to_string())
}

#[test]
fn what_is_read_is_valid() {
    let validator = Validator::new();
    let mut texts: Vec<(String, Value)> = EXAMPLES
        .iter()
        .map(|(name, text)| {
            let value: toml::Value = toml::from_str(text).unwrap_or_else(|error| panic!("{error}"));
            ((*name).to_owned(), as_editors_see_it(value))
        })
        .collect();
    let alerts: toml::Value = toml::from_str(include_str!("files/alerts.toml")).unwrap();
    texts.push(("tasks and alerts".to_owned(), as_editors_see_it(alerts)));
    let dashboards: toml::Value = toml::from_str(include_str!("files/dashboards.toml")).unwrap();
    texts.push(("dashboards".to_owned(), as_editors_see_it(dashboards)));
    for (name, text) in
        [("full", include_str!("files/full.json")), ("environments", include_str!("files/environments.json"))]
    {
        texts.push((name.to_owned(), serde_json::from_str(text).unwrap()));
    }
    for (name, value) in texts {
        assert_eq!(validator.check(&value), Ok(()), "{name}");
    }
}

#[test]
fn what_is_broken_is_not() {
    let validator = Validator::new();
    let service = |more: Value| {
        let mut service = json!({ "name": "web", "start_command": "serve" });
        service.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({ "services": [service] })
    };
    let broken = [
        json!({}),
        json!({ "services": { "name": "web" } }),
        json!({ "version": 2, "services": [] }),
        json!({ "services": [{ "start_command": "serve" }] }),
        json!({ "services": [], "servces": [] }),
        service(json!({ "start_comand": "x" })),
        service(json!({ "name": "../x" })),
        service(json!({ "timeout": "5 minuets?" })),
        service(json!({ "timeout": 0 })),
        service(json!({ "enabled": "perhaps" })),
        service(json!({ "restart_policy": "allways" })),
        service(json!({ "restart_policy": { "delay": 5 } })),
        service(json!({ "start_schedule": { "period": "5min" } })),
        service(json!({ "system_load_constraints": { "type": "CpuPressure", "max_percent": 80 } })),
        service(json!({ "env": ["A=1"] })),
        service(json!({ "cgroup_config": { "cpu_weight": 0 } })),
        service(json!({ "cgroup_config": { "memory_limit": "1 parsec" } })),
        service(json!({ "environment": { "imag": "x" } })),
        service(json!({ "environment": { "image": "x", "hostnam": "y" } })),
        service(json!({ "task": { "retrys": 3 } })),
        service(json!({ "task": { "backoff": { "max": "1min" } } })),
        service(json!({ "task": 3 })),
        service(json!({ "alerts": 3 })),
        service(json!({ "alerts": { "send_to": { "type": "slak", "channel": "x" } } })),
        service(json!({ "alerts": { "send_to": { "type": "slack", "chanel": "x" } } })),
        service(json!({ "alerts": { "send_on": "failed" } })),
        service(json!({ "alerts": { "send_to": { "type": "slack", "channel": "x" }, "send_on": "mised" } })),
        json!({ "services": [], "alerts": { "ops": "slack" } }),
        json!({ "dashboards": { "title": "x" } }),
        json!({ "dashboards": [{ "rows": [] }] }),
        json!({ "dashboards": [{ "title": "x", "rows": [{ "servce": "web" }] }] }),
        json!({ "dashboards": [{ "title": "x", "rows": [{ "service": "web", "height": "medium" }] }] }),
        json!({ "services": [], "dashboards": [{ "title": "x", "services": "*", "columns": 25 }] }),
        service(json!({ "systemd": { "Sevice": { "Nice": 5 } } })),
        service(json!({ "systemd": { "Service": { "nice": 5 } } })),
    ];
    for value in &broken {
        assert!(validator.check(value).is_err(), "the schema accepts {value}");
        assert!(ours(value).is_err(), "we read {value}");
    }
    assert_eq!(validator.check(&service(json!({}))), Ok(()));
    assert_eq!(ours(&service(json!({}))), Ok(()));
}

#[test]
fn every_key_says_what_it_is_for() {
    fn check(value: &Value, path: &str) {
        if let Some(properties) = value.get("properties").and_then(Value::as_object) {
            for (key, property) in
                properties.iter().filter(|(key, _)| !["Unit", "Service", "Timer"].contains(&key.as_str()))
            {
                let about = property["description"].as_str().unwrap_or_default();
                assert!(about.len() > 4, "{path}.{key} says nothing");
            }
        }
        for (key, inner) in value.as_object().into_iter().flatten() {
            check(inner, &format!("{path}.{key}"));
        }
    }
    check(&schema(), "");
}
