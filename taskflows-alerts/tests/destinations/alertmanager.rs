use serde_json::Value;
use taskflows_alerts::{Alertmanager, Message, MessageState, Severity};
use wiremock::matchers::{header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::{amend, channel, message, notify};

#[tokio::test]
async fn an_alert_begins_and_ends_as_one() {
    let server = MockServer::start().await;
    for base in ["", "/am", "/am/", "/am/api/v2/alerts"] {
        server.reset().await;
        let at = if base.is_empty() { "/api/v2/alerts" } else { "/am/api/v2/alerts" };
        Mock::given(method("POST"))
            .and(path(at))
            .and(header("Authorization", "Bearer x"))
            .respond_with(ResponseTemplate::new(200))
            .mount(&server)
            .await;
        let alertmanager = channel(Alertmanager {
            labels: [("team".to_owned(), "data".to_owned())].into(),
            headers: [("Authorization".to_owned(), "Bearer x".into())].into(),
            ..Alertmanager::new(format!("{}{base}", server.uri()))
        });
        let receipt = notify(&alertmanager, &message()).await.unwrap();
        let over = Message { state: MessageState::Resolved, severity: Severity::Info, ..message() };
        amend(&alertmanager, &receipt, &over).await.unwrap();
        let requests = server.received_requests().await.unwrap();
        let alerts: Vec<Value> =
            requests.iter().map(|request| serde_json::from_slice(&request.body).unwrap()).collect();
        assert_eq!(alerts[0][0]["labels"], alerts[1][0]["labels"]);
        assert_eq!(alerts[0][0]["labels"]["team"], "data");
        assert_eq!(alerts[0][0]["startsAt"], alerts[1][0]["startsAt"]);
        let end = |alert: &Value| alert[0]["endsAt"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
        assert!(end(&alerts[0]) > jiff::Timestamp::now() && end(&alerts[1]) <= jiff::Timestamp::now());
    }
}
