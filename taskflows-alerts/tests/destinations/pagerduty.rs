use serde_json::{Value, json};
use taskflows_alerts::{Message, MessageState, PagerDuty, Severity};
use wiremock::matchers::path;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::{amend, assert_permanent, channel, message, notify};

async fn server() -> MockServer {
    let server = MockServer::start().await;
    for at in ["/v2/enqueue", "/v2/change/enqueue"] {
        let answer = ResponseTemplate::new(202).set_body_json(json!({"status": "success"}));
        Mock::given(path(at)).respond_with(answer).mount(&server).await;
    }
    server
}

#[tokio::test]
async fn an_incident_is_triggered_and_resolved_and_a_notice_wakes_nobody() {
    let server = server().await;
    for url in [server.uri(), format!("{}/v2/enqueue", server.uri())] {
        server.reset().await;
        for at in ["/v2/enqueue", "/v2/change/enqueue"] {
            Mock::given(path(at)).respond_with(ResponseTemplate::new(202)).mount(&server).await;
        }
        let pagerduty = channel(PagerDuty { url: Some(url), ..PagerDuty::new("rk-1234") });
        let receipt = notify(&pagerduty, &message()).await.unwrap();
        let over = Message { state: MessageState::Resolved, severity: Severity::Info, ..message() };
        amend(&pagerduty, &receipt, &over).await.unwrap();
        notify(&pagerduty, &Message { title: "backup begins".into(), ..Message::default() }).await.unwrap();
        let requests = server.received_requests().await.unwrap();
        let paths: Vec<&str> = requests.iter().map(|request| request.url.path()).collect();
        assert_eq!(paths, ["/v2/enqueue", "/v2/enqueue", "/v2/change/enqueue"]);
        let bodies: Vec<Value> =
            requests.iter().map(|request| serde_json::from_slice(&request.body).unwrap()).collect();
        for (body, action) in bodies.iter().zip(["trigger", "resolve"]) {
            assert_eq!((&body["routing_key"], &body["event_action"]), (&json!("rk-1234"), &json!(action)));
            assert_eq!(body["dedup_key"], "backup@a");
        }
    }
}

#[tokio::test]
async fn a_key_that_is_refused_is_told_without_it() {
    let server = MockServer::start().await;
    let answer = json!({"status": "invalid event", "errors": ["routing_key rk-1234 is invalid"]});
    Mock::given(path("/v2/enqueue"))
        .respond_with(ResponseTemplate::new(400).set_body_json(answer))
        .mount(&server)
        .await;
    let pagerduty = channel(PagerDuty { url: Some(server.uri()), ..PagerDuty::new("rk-1234") });
    assert_permanent(
        notify(&pagerduty, &message()).await,
        &["PagerDuty", "400", "routing_key *** is invalid"],
    );
}
