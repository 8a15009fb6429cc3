//! The OpenAPI document: what it promises holds for every route.

#![expect(clippy::unwrap_used, reason = "a test that unwraps fails as it should")]

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};
use taskflows_api::server::{Api, Rule};
use taskflows_api::testing::{RoleTokens, host};
use tower::ServiceExt;

fn api() -> Api {
    Api::new(host(), Arc::new(RoleTokens))
}

fn document() -> Value {
    serde_json::to_value(api().document()).unwrap()
}

fn operation<'a>(document: &'a Value, method: &str, path: &str) -> &'a Value {
    &document["paths"][path][method.to_lowercase()]
}

#[test]
fn the_document_is_as_it_was() {
    let mut document = document();
    document["info"]["version"] = json!("[version]");
    insta::assert_snapshot!("openapi", serde_json::to_string_pretty(&document).unwrap());
}

#[tokio::test]
async fn the_document_is_served_as_it_is_made() {
    let request = axum::http::Request::get("/openapi.json").body(axum::body::Body::empty()).unwrap();
    let response = api().router.oneshot(request).await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/json");
    let bytes = axum::body::to_bytes(response.into_body(), 8 << 20).await.unwrap();
    let served: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(served, document());
    assert_eq!(served["openapi"].as_str().map(|version| &version[..3]), Some("3.1"));
}

#[test]
fn every_route_is_in_it_with_its_rule_its_common_answers_and_an_id_of_its_own() {
    let (api, document) = (api(), document());
    let mut ids = BTreeSet::new();
    for route in &api.routes {
        let what = format!("{} {}", route.method, route.path);
        let operation = operation(&document, route.method.as_str(), &route.path);
        assert!(ids.insert(operation["operationId"].as_str().expect(&what)), "{what}: its id is taken");
        assert!(operation["summary"].is_string(), "{what} says nothing of itself");
        let tag = operation["tags"][0].as_str().expect(&what);
        let tags = document["tags"].as_array().unwrap();
        assert!(tags.iter().any(|known| known["name"] == tag), "{what}: the tag {tag} is not described");
        let kinds = operation["security"].as_array().expect(&what).len();
        let (wanted, guarded): (usize, &[&str]) = match route.rule {
            Rule::Open => (0, &[]),
            Rule::Needs(_) => (3, &["401", "403"]),
        };
        assert_eq!(kinds, wanted, "{what}");
        for status in ["400", "404", "405", "413", "415", "422", "429", "503"].iter().chain(guarded) {
            assert!(operation["responses"][*status].is_object(), "{what}: {status}");
        }
        let is_change = route.method != "GET";
        assert!(!is_change || operation["responses"]["504"].is_object(), "{what} may go on");
        let successes = operation["responses"].as_object().unwrap().keys().filter(|key| key.starts_with('2'));
        assert!(successes.count() > 0, "{what} never succeeds");
    }
    let operations = document["paths"].as_object().unwrap().values();
    let methods: usize = operations.map(|item| item.as_object().unwrap().len()).sum();
    assert_eq!(methods, api.routes.len(), "an operation has no rule");
}

#[test]
fn bodies_refuse_keys_that_they_do_not_know() {
    let document = document();
    for route in &api().routes {
        let operation = operation(&document, route.method.as_str(), &route.path);
        let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
        let Some(reference) = schema["$ref"].as_str() else { continue };
        let name = reference.rsplit('/').next().unwrap();
        let schema = &document["components"]["schemas"][name];
        if schema["type"] == "object" && schema["properties"].is_object() {
            let what = format!("{} {}: {name}", route.method, route.path);
            assert_eq!(
                schema["additionalProperties"],
                json!(false),
                "{what}: deny_unknown_fields is missing"
            );
        }
    }
}

#[test]
fn every_reference_leads_somewhere() {
    let document = document();
    let mut references = Vec::new();
    gather(&document, &mut references);
    assert!(!references.is_empty());
    for reference in references {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

fn gather(value: &Value, references: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            references.extend(map.get("$ref").and_then(Value::as_str).map(str::to_owned));
            map.values().for_each(|value| gather(value, references));
        }
        Value::Array(values) => values.iter().for_each(|value| gather(value, references)),
        _ => {}
    }
}
