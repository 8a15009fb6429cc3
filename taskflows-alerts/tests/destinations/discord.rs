use std::time::Duration;

use serde_json::{Value, json};
use taskflows_alerts::{Channel, Discord, Message, Receipt};
use wiremock::matchers::{method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::{amend, assert_permanent, assert_transient, channel, message, notify, with_a_file};

const HOOK: &str = "/api/webhooks/1/token";

fn discord(server: &MockServer) -> Channel {
    channel(Discord::new(format!("{}{HOOK}", server.uri())))
}

async fn answers(server: &MockServer, verb: &str, at: &str, answer: ResponseTemplate) {
    let asked = Mock::given(method(verb)).and(path(at)).and(query_param("wait", "true"));
    asked.respond_with(answer).mount(server).await;
}

fn posted(id: &str) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(json!({"id": id, "channel_id": "9"}))
}

#[tokio::test]
async fn a_message_is_posted_and_changed() {
    let server = MockServer::start().await;
    answers(&server, "POST", HOOK, posted("77")).await;
    answers(&server, "PATCH", &format!("{HOOK}/messages/77"), posted("77")).await;
    let discord = discord(&server);
    let receipt = notify(&discord, &message()).await.unwrap();
    assert_eq!(receipt, Receipt(json!({"id": "77"})));
    let well = Message { title: "backup is well".into(), ..message() };
    assert_eq!(amend(&discord, &receipt, &well).await.unwrap(), receipt);
    let requests = server.received_requests().await.unwrap();
    for (request, words) in requests.iter().zip(["backup failed", "backup is well"]) {
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        assert!(body.to_string().contains(words), "{body}");
    }
}

#[tokio::test]
async fn a_file_goes_along_in_parts() {
    let server = MockServer::start().await;
    answers(&server, "POST", HOOK, posted("77")).await;
    notify(&discord(&server), &with_a_file()).await.unwrap();
    let request = &server.received_requests().await.unwrap()[0];
    assert!(request.headers["content-type"].to_str().unwrap().starts_with("multipart/form-data"));
    let body = String::from_utf8(request.body.clone()).unwrap();
    for part in [r#"name="payload_json""#, r#"name="files[0]"; filename="log.txt""#, "line 1\nline 2\n"] {
        assert!(body.contains(part), "{part} is not in {body}");
    }
}

#[tokio::test]
async fn a_message_that_is_gone_is_posted_anew_and_a_webhook_that_is_gone_is_an_error() {
    let server = MockServer::start().await;
    answers(&server, "POST", HOOK, posted("78")).await;
    let gone =
        |code: u32| ResponseTemplate::new(404).set_body_json(json!({"code": code, "message": "Unknown"}));
    answers(&server, "PATCH", &format!("{HOOK}/messages/77"), gone(10008)).await;
    answers(&server, "PATCH", &format!("{HOOK}/messages/76"), gone(10015)).await;
    let discord = discord(&server);
    let receipt = amend(&discord, &Receipt(json!({"id": "77"})), &message()).await.unwrap();
    assert_eq!(receipt.0["id"], "78");
    let outcome = amend(&discord, &Receipt(json!({"id": "76"})), &message()).await;
    assert_permanent(outcome, &["404", "Discord webhook"]);
}

#[tokio::test]
async fn the_wait_in_the_body_is_finer_than_that_in_the_header() {
    for (body, wait) in [
        (json!({"retry_after": 0.65, "global": false}), Duration::from_millis(650)),
        (json!({"retry_after": 1e9}), Duration::from_secs(3600)),
        (json!({"retry_after": -1}), Duration::from_secs(2)),
        (json!("garbage"), Duration::from_secs(2)),
    ] {
        let server = MockServer::start().await;
        let answer = ResponseTemplate::new(429).insert_header("Retry-After", "2").set_body_json(body);
        answers(&server, "POST", HOOK, answer).await;
        let asked = assert_transient(notify(&discord(&server), &message()).await, &["limit of messages"]);
        assert_eq!(asked, Some(wait));
    }
}
