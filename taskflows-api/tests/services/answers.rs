//! What a page or a bot reads.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Method, Request};
use serde_json::{Value, json};
use taskflows_api::server::Api;
use taskflows_api::testing::{Everybody, host_over};
use taskflows_core::effects::{ServiceManager, Wanted};
use taskflows_core::testing::FakeServiceManager;
use taskflows_core::{Calendar, Service};
use taskflows_security::Role;
use tower::ServiceExt;

use super::host::Served;

/// A host with a service that waits, one that runs and one that failed.
async fn busy() -> Served {
    let served = Served::to(Role::Operator).await;
    let daily: Calendar = "*-*-* 03:00:00 UTC".parse().unwrap();
    let backup = Service::builder("backup").start_command("true").start_schedule(daily).build().unwrap();
    served.fake.install(Wanted::services(&[backup])).await.unwrap();
    served.install(&[("bad", "false"), ("web", "sleep 1")]).await;
    let body = json!({"names": ["bad", "web"], "action": "start"});
    let _: Value = served.client().send(Method::POST, "/api/batch", Some(&body)).await.unwrap();
    served
}

async fn get(served: &Served, target: &str) -> String {
    let answer: Value = served.client().get(target).await.unwrap();
    serde_json::to_string_pretty(&answer).unwrap()
}

#[tokio::test]
async fn a_list() {
    insta::assert_snapshot!(get(&busy().await, "/api/services").await);
}

#[tokio::test]
async fn one_service() {
    insta::assert_snapshot!(get(&busy().await, "/api/services/web").await);
}

#[tokio::test]
async fn the_next_starts() {
    insta::assert_snapshot!(get(&busy().await, "/api/next?count=2&match=b*").await);
}

#[tokio::test]
async fn an_expression_of_the_calendar() {
    let served = busy().await;
    let query = "expr=Mon..Fri+09:00&count=2&zone=Europe/Berlin&from=2026-03-27T12:00:00Z";
    let good = get(&served, &format!("/api/calendar?{query}")).await;
    let wrong = get(&served, "/api/calendar?expr=Mon..Fry+09:00").await;
    insta::assert_snapshot!(format!("{good}\n{wrong}"));
}

#[tokio::test]
async fn a_batch_of_which_some_fails() {
    let served = busy().await;
    let body = json!({"names": ["web", "bad", "nobody", "backup"], "action": "start", "wait": true});
    let answer: Value = served.client().send(Method::POST, "/api/batch", Some(&body)).await.unwrap();
    insta::assert_snapshot!(serde_json::to_string_pretty(&answer).unwrap());
}

/// Each name is acted on once and told as often as it was asked for; what answers is told in its place and goes on.
#[tokio::test]
async fn a_batch_of_one_name_twice_and_of_what_answers() {
    let served = busy().await;
    served.install(&[("srv-api", "sleep 9")]).await;
    let names = ["web", "srv-api", "nobody", "web"];
    let ask = async |action: &str| {
        let body = json!({"names": names, "action": action});
        let answer: Value = served.client().send(Method::POST, "/api/batch", Some(&body)).await.unwrap();
        let text = |one: &Value, key: &str| one[key].as_str().unwrap_or_default().to_owned();
        let each = answer["results"].as_array().unwrap().iter();
        each.map(|one| (text(one, "name"), text(one, "code"), text(one, "effect"))).collect::<Vec<_>>()
    };
    let row = |name: &str, code: &str, effect: &str| (name.to_owned(), code.to_owned(), effect.to_owned());
    ask("start").await;
    let (web, nobody) = (row("web", "", "stopped"), row("nobody", "no-such-service", ""));
    assert_eq!(ask("stop").await, [web.clone(), row("srv-api", "own-service", ""), nobody.clone(), web]);
    let web = row("web", "", "started");
    assert_eq!(ask("start").await, [web.clone(), row("srv-api", "", "already-running"), nobody, web]);
}

#[tokio::test]
async fn an_action_on_one_service() {
    let served = busy().await;
    let client = served.client();
    let none = None::<&()>;
    let stopped: Value = client.send(Method::POST, "/api/services/web/stop", none).await.unwrap();
    let run: Value = client.send(Method::POST, "/api/services/backup/run", none).await.unwrap();
    insta::assert_snapshot!(serde_json::to_string_pretty(&json!([stopped, run])).unwrap());
}

#[tokio::test]
async fn a_long_action_is_answered_by_an_id() {
    let served = Served::slow(std::time::Duration::from_millis(300)).await;
    served.install(&[("web", "true")]).await;
    let body = json!({"wait": true, "timeout": 0.05});
    let client = served.client();
    let pending: Value = client.send(Method::POST, "/api/services/web/start", Some(&body)).await.unwrap();
    assert_eq!(pending["name"], "web");
    let id = pending["wait"].as_str().unwrap();
    let still: Value = client.get(&format!("/api/waits/{id}?timeout=0")).await.unwrap();
    assert_eq!((&still["done"], &still["wait"]), (&json!(false), &json!(id)));
    // Once more for who lost the answer.
    for _ in 0..2 {
        let over: Value = client.get(&format!("/api/waits/{id}")).await.unwrap();
        assert_eq!((&over["done"], &over["results"][0]["effect"]), (&json!(true), &json!("finished")));
    }
    let unknown = client.get::<Value>("/api/waits/0123456789abcdef").await.unwrap_err();
    assert_eq!((unknown.status(), unknown.code()), (Some(404), Some("no-such-wait")));
}

#[tokio::test]
async fn who_changes_a_service_reads_it_as_it_is_then() {
    let served = busy().await;
    let client = served.client();
    let standing = async || {
        let all: Value = client.get("/api/services").await.unwrap();
        let one: Value = client.get("/api/services?match=web").await.unwrap();
        assert_eq!(all[2], one[0]);
        one[0]["state"].as_str().unwrap().to_owned()
    };
    for (action, state) in [("stop", "stopped"), ("start", "running")].repeat(10) {
        let target = format!("/api/services/web/{action}");
        let _: Value = client.send(Method::POST, &target, None::<&()>).await.unwrap();
        assert_eq!(standing().await, state);
    }
    // That somebody else changed it is told by the manager.
    served.install(&[("web2", "true")]).await;
    let all: Value = client.get("/api/services").await.unwrap();
    assert_eq!(all.as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn a_list_that_is_as_it_was_is_not_sent_again() {
    let services = Arc::new(FakeServiceManager::default());
    let api = Api::new(host_over(Arc::clone(&services)), Arc::new(Everybody(Role::Operator)));
    let install = async |name: &str| {
        let service = Service::builder(name).start_command("x").build().unwrap();
        services.install(Wanted::services(&[service])).await.unwrap();
        let body = r#"{"names": [], "action": "stop"}"#;
        let change =
            Request::post("/api/batch").header("content-type", "application/json").body(Body::from(body));
        // A change over this server is seen by who asks next, whenever the host tells of it.
        assert_eq!(api.router.clone().oneshot(change.unwrap()).await.unwrap().status(), 200);
    };
    let list = async |known: &str| {
        let request = Request::get("/api/services").header("if-none-match", known).body(Body::empty());
        let response = api.router.clone().oneshot(request.unwrap()).await.unwrap();
        let (status, tag) =
            (response.status().as_u16(), response.headers()["etag"].to_str().unwrap().to_owned());
        (status, tag, axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap().len())
    };
    install("web").await;
    let (status, first, length) = list("").await;
    assert!(status == 200 && length > 50 && first.starts_with('"'), "{status} {first} {length}");
    assert_eq!(list(&first).await, (304, first.clone(), 0));
    assert_eq!(list(&format!("\"other\", W/{first}")).await, (304, first.clone(), 0));
    install("backup").await;
    let (status, second, longer) = list(&first).await;
    assert!(status == 200 && second != first && longer > length, "{status} {second} {longer}");
}
