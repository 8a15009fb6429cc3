use serde_json::{Value, json};
use taskflows_alerts::{Channel, Delivery, Message, Receipt, Slack};
use wiremock::matchers::{header, method, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use super::{amend, assert_permanent, assert_transient, channel, message, notify, with_a_file};

fn bot(server: &MockServer) -> Channel {
    let api_url = Some(format!("{}/api", server.uri()));
    channel(Slack { bot_token: Some("xoxb-1".into()), api_url, ..Slack::channel("#ops") })
}

async fn method_answers(server: &MockServer, name: &str, answer: Value) {
    Mock::given(method("POST"))
        .and(path(format!("/api/{name}")))
        .and(header("Authorization", "Bearer xoxb-1"))
        .respond_with(ResponseTemplate::new(200).set_body_json(answer))
        .mount(server)
        .await;
}

async fn requests(server: &MockServer) -> Vec<Request> {
    server.received_requests().await.unwrap()
}

fn body(request: &Request) -> Value {
    serde_json::from_slice(&request.body).unwrap()
}

#[tokio::test]
async fn a_message_is_posted_once_changed_and_answered_in_its_thread() {
    let server = MockServer::start().await;
    method_answers(&server, "chat.postMessage", json!({"ok": true, "channel": "C1", "ts": "1.1"})).await;
    method_answers(&server, "chat.update", json!({"ok": true, "channel": "C1", "ts": "1.1"})).await;
    let slack = bot(&server);
    let receipt = notify(&slack, &message()).await.unwrap();
    let again = notify(&slack, &message()).await.unwrap();
    assert_eq!(receipt, again);
    let changed =
        amend(&slack, &receipt, &Message { title: "backup is well".into(), ..message() }).await.unwrap();
    let detail = message();
    let below = Delivery { message: &detail, key: "key-3", thread: Some(&changed) };
    slack.notifier.notify(&below).await.unwrap();

    let requests = requests(&server).await;
    let bodies: Vec<Value> = requests.iter().map(body).collect();
    assert_eq!(bodies[0]["channel"], "ops");
    assert!(bodies[0]["text"].as_str().unwrap().contains("backup failed"));
    assert!(!bodies[0]["blocks"].as_array().unwrap().is_empty());
    assert_eq!(bodies[0]["metadata"]["event_payload"]["key"], "key-1");
    assert_eq!(bodies[0]["client_msg_id"], bodies[1]["client_msg_id"]);
    assert_eq!(bodies[0]["client_msg_id"].as_str().unwrap().len(), 36);
    assert!(bodies[0].get("thread_ts").is_none());
    assert_eq!(requests[2].url.path(), "/api/chat.update");
    assert_eq!((&bodies[2]["channel"], &bodies[2]["ts"]), (&json!("C1"), &json!("1.1")));
    assert!(bodies[2]["text"].as_str().unwrap().contains("backup is well"));
    assert_eq!((&bodies[3]["channel"], &bodies[3]["thread_ts"]), (&json!("C1"), &json!("1.1")));
    assert_ne!(bodies[3]["client_msg_id"], bodies[0]["client_msg_id"]);
}

#[tokio::test]
async fn a_message_that_is_gone_is_posted_anew() {
    let server = MockServer::start().await;
    method_answers(&server, "chat.postMessage", json!({"ok": true, "channel": "C1", "ts": "2.2"})).await;
    method_answers(&server, "chat.update", json!({"ok": false, "error": "message_not_found"})).await;
    let former = Receipt(json!({"channel": "C1", "ts": "1.1"}));
    let receipt = amend(&bot(&server), &former, &message()).await.unwrap();
    assert_eq!(receipt.0["ts"], "2.2");
    let unknown = amend(&bot(&server), &Receipt::default(), &message()).await.unwrap();
    assert_eq!(unknown.0["ts"], "2.2");
}

#[tokio::test]
async fn what_slack_says_no_with_is_told_in_words() {
    for (word, passes, words) in [
        ("ratelimited", true, "ratelimited"),
        ("internal_error", true, "internal_error"),
        ("service_unavailable", true, "service_unavailable"),
        ("fatal_error", true, "fatal_error"),
        ("channel_not_found", false, "invite the bot there with /invite"),
        ("not_in_channel", false, "invite the bot with /invite"),
        ("invalid_auth", false, "the token is not good"),
        ("missing_scope", false, "chat:write"),
        ("is_archived", false, "archived"),
        ("msg_too_long", false, "Slack said msg_too_long"),
        ("a\nb", false, "Slack said a"),
    ] {
        let server = MockServer::start().await;
        method_answers(&server, "chat.postMessage", json!({"ok": false, "error": word})).await;
        let outcome = notify(&bot(&server), &message()).await;
        if passes {
            assert_transient(outcome, &[words, "Slack channel ops"]);
        } else {
            assert_permanent(outcome, &[words, "Slack channel ops"]);
        }
    }
}

#[tokio::test]
async fn a_file_goes_into_the_thread_and_the_token_not_to_where_it_is_put() {
    let server = MockServer::start().await;
    method_answers(&server, "chat.postMessage", json!({"ok": true, "channel": "C1", "ts": "1.1"})).await;
    let upload = format!("{}/upload/F1", server.uri());
    let slot = json!({"ok": true, "upload_url": upload, "file_id": "F1"});
    method_answers(&server, "files.getUploadURLExternal", slot).await;
    method_answers(&server, "files.completeUploadExternal", json!({"ok": true})).await;
    Mock::given(path("/upload/F1")).respond_with(ResponseTemplate::new(200)).mount(&server).await;
    notify(&bot(&server), &with_a_file()).await.unwrap();

    let requests = requests(&server).await;
    let paths: Vec<&str> = requests.iter().map(|request| request.url.path()).collect();
    let all = [
        "/api/chat.postMessage",
        "/api/files.getUploadURLExternal",
        "/upload/F1",
        "/api/files.completeUploadExternal",
    ];
    assert_eq!(paths, all);
    assert_eq!(requests[1].body, b"filename=log.txt&length=14");
    assert_eq!(requests[2].body, b"line 1\nline 2\n");
    assert!(!requests[2].headers.contains_key("authorization"));
    let form = String::from_utf8(requests[3].body.clone()).unwrap();
    assert!(
        form.contains("channel_id=C1") && form.contains("thread_ts=1.1") && form.contains("F1"),
        "{form}"
    );
}

#[tokio::test]
async fn a_file_that_cannot_be_put_there_leaves_the_message_and_is_told_below_it() {
    let server = MockServer::start().await;
    method_answers(&server, "chat.postMessage", json!({"ok": true, "channel": "C1", "ts": "1.1"})).await;
    for slot in [
        json!({"ok": false, "error": "missing_scope"}),
        json!({"ok": true, "upload_url": "http://files.example.org/1", "file_id": "F1"}),
        json!({"ok": true}),
    ] {
        server.reset().await;
        method_answers(&server, "chat.postMessage", json!({"ok": true, "channel": "C1", "ts": "1.1"})).await;
        method_answers(&server, "files.getUploadURLExternal", slot).await;
        notify(&bot(&server), &with_a_file()).await.unwrap();
        let last = body(requests(&server).await.last().unwrap());
        assert_eq!(last["thread_ts"], "1.1");
        assert!(last["text"].as_str().unwrap().starts_with("log.txt is missing here: "), "{last}");
    }
}

#[tokio::test]
async fn a_webhook_posts_and_says_what_it_leaves_out() {
    let server = MockServer::start().await;
    Mock::given(path("/services/T/B/x"))
        .respond_with(ResponseTemplate::new(200).set_body_string("ok"))
        .mount(&server)
        .await;
    let hook = channel(Slack::webhook(format!("{}/services/T/B/x", server.uri())));
    let receipt = notify(&hook, &with_a_file()).await.unwrap();
    amend(&hook, &receipt, &message()).await.unwrap();
    let requests = requests(&server).await;
    assert!(body(&requests[0])["blocks"].to_string().contains("A file is left out"));
    assert!(!body(&requests[1])["blocks"].to_string().contains("left out"));
}
