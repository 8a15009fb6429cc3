//! The environments of a host over HTTP.

#![allow(clippy::unwrap_used, reason = "what fails fails the test")]

mod kit;

use std::sync::Arc;

use http::Method;
use serde_json::{Value, json};
use taskflows_api::Host;
use taskflows_api::client::{Client, RemoteEnvironments};
use taskflows_api::testing::host;
use taskflows_core::effects::{ServiceManager, Wanted};
use taskflows_core::testing::{FakeServiceManager, contract};
use taskflows_core::{EnvironmentChoice, PythonVenv, Service};
use taskflows_security::Role;

use kit::{client, server};

async fn admin() -> Client {
    client(server(host(), Role::Admin).await)
}

async fn send(
    client: &Client,
    method: Method,
    target: &str,
    body: Option<Value>,
) -> Result<Value, (u16, String, String)> {
    client.send(method, target, body.as_ref()).await.map_err(|error| {
        let code = error.code().unwrap_or_default().to_owned();
        (error.status().unwrap_or_default(), code, error.to_string())
    })
}

#[tokio::test]
async fn environments_over_http_keep_to_the_contract() {
    contract::environment_store(&RemoteEnvironments::new(admin().await)).await;
}

#[tokio::test]
async fn an_environment_is_made_changed_and_forgotten() {
    let client = admin().await;
    let new = json!({"name": "py", "description": "all jobs", "definition": {"path": "/srv/py"}});
    let made = send(&client, Method::POST, "/api/environments", Some(new.clone())).await.unwrap();
    assert_eq!((&made["name"], &made["kind"], &made["used_by"]), (&json!("py"), &json!("venv"), &json!([])));
    assert_eq!(made["created_at"], made["updated_at"]);
    let twice = send(&client, Method::POST, "/api/environments", Some(new)).await.unwrap_err();
    assert_eq!((twice.0, twice.1.as_str()), (409, "environment-exists"));
    let change = json!({"definition": {"image": "python:3.12"}});
    let changed = send(&client, Method::PUT, "/api/environments/py", Some(change)).await.unwrap();
    assert_eq!((&changed["kind"], &changed["description"]), (&json!("container"), &Value::Null));
    assert_eq!(changed["created_at"], made["created_at"]);
    assert_eq!(send(&client, Method::GET, "/api/environments/py", None).await.unwrap(), changed);
    let renamed = json!({"name": "box", "definition": {"image": "python:3.12"}});
    send(&client, Method::PUT, "/api/environments/py", Some(renamed)).await.unwrap();
    let gone = send(&client, Method::GET, "/api/environments/py", None).await.unwrap_err();
    assert_eq!((gone.0, gone.1.as_str()), (404, "no-such-environment"));
    assert_eq!(send(&client, Method::DELETE, "/api/environments/box", None).await.unwrap(), Value::Null);
    assert_eq!(send(&client, Method::DELETE, "/api/environments/box", None).await.unwrap_err().0, 404);
    assert_eq!(send(&client, Method::GET, "/api/environments", None).await.unwrap(), json!([]));
}

#[tokio::test]
async fn what_is_wrong_with_a_definition_is_told_with_its_place() {
    let address = server(host(), Role::Admin).await;
    let body = "{\"name\": \"py\", \"definition\": {\n  \"pth\": \"/srv/py\"\n}}";
    let answer = reqwest::Client::builder().no_proxy().tls_backend_preconfigured(tls()).build().unwrap();
    let answer = answer
        .post(format!("http://{address}/api/environments"))
        .header("content-type", "application/json")
        .body(body)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
    let problem: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
    assert_eq!((&problem["status"], &problem["code"]), (&json!(422), &json!("invalid-definition")));
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.starts_with("definition, line 2, column 3: unknown key `pth`"), "{detail}");

    let client = client(address);
    for wrong in [
        json!({"name": "a/b", "definition": {"path": "/x"}}),
        json!({"name": "a", "definition": {"path": "x"}}),
        json!({"name": "a", "definition": []}),
        json!({"name": "a", "definition": {"path": "/x"}, "more": 1}),
        json!({"name": "a", "description": "two\nlines", "definition": {"path": "/x"}}),
        json!({"definition": {"path": "/x"}}),
        json!({"name": "a"}),
        json!([]),
        json!(null),
    ] {
        let refused =
            send(&client, Method::POST, "/api/environments", Some(wrong.clone())).await.unwrap_err();
        assert_eq!(refused.0, 422, "{wrong}: {refused:?}");
    }
    let put =
        send(&client, Method::PUT, "/api/environments/none", Some(json!({"definition": {"path": "/x"}})))
            .await;
    assert_eq!(put.unwrap_err().0, 404);
    assert_eq!(send(&client, Method::GET, "/api/environments", None).await.unwrap(), json!([]));
}

#[tokio::test]
async fn a_definition_that_is_nested_without_end_is_refused() {
    let address = server(host(), Role::Admin).await;
    let deep = format!("{}1{}", "{\"a\":".repeat(9_000), "}".repeat(9_000));
    let body = format!("{{\"name\": \"a\", \"definition\": {deep}}}");
    let http = reqwest::Client::builder().no_proxy().tls_backend_preconfigured(tls()).build().unwrap();
    let answer = http
        .post(format!("http://{address}/api/environments"))
        .header("content-type", "application/json")
        .body(body)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 422);
}

fn tls() -> rustls::ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    builder.unwrap().with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth()
}

#[tokio::test]
async fn an_environment_that_a_service_uses_neither_goes_nor_is_renamed() {
    let services = Arc::new(FakeServiceManager::default());
    let choice = EnvironmentChoice::named("py".parse().unwrap());
    let found = choice.found(PythonVenv { path: "/srv/py".parse().unwrap() }.into());
    let web = Service::builder("web").start_command("serve").environment(found).build().unwrap();
    services.install(Wanted::services(&[web])).await.unwrap();
    let client = client(server(Host { services, ..host() }, Role::Admin).await);
    let definition = json!({"path": "/srv/py"});
    let new = json!({"name": "py", "definition": definition});
    send(&client, Method::POST, "/api/environments", Some(new)).await.unwrap();
    let kept = send(&client, Method::GET, "/api/environments", None).await.unwrap();
    assert_eq!(kept[0]["used_by"], json!(["web"]));
    let refused = send(&client, Method::DELETE, "/api/environments/py", None).await.unwrap_err();
    let told = "web1: `py` is used by web".to_owned();
    assert_eq!(refused, (409, "environment-in-use".to_owned(), told));
    let renamed = json!({"name": "other", "definition": definition});
    let refused = send(&client, Method::PUT, "/api/environments/py", Some(renamed)).await.unwrap_err();
    assert_eq!(refused.0, 409);
    let changed = json!({"definition": {"path": "/srv/other"}});
    send(&client, Method::PUT, "/api/environments/py", Some(changed)).await.unwrap();
}

#[tokio::test]
async fn who_only_looks_changes_nothing() {
    let client = client(server(host(), Role::Operator).await);
    let new = json!({"name": "py", "definition": {"path": "/srv/py"}});
    for (method, target) in [
        (Method::POST, "/api/environments"),
        (Method::PUT, "/api/environments/py"),
        (Method::DELETE, "/api/environments/py"),
    ] {
        let refused = send(&client, method, target, Some(new.clone())).await.unwrap_err();
        assert_eq!(refused.0, 403, "{target}");
    }
    assert_eq!(send(&client, Method::GET, "/api/environments", None).await.unwrap(), json!([]));
}
