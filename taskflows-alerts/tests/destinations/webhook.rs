use serde_json::Value;
use taskflows_alerts::{Message, Webhook};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::certificates::{Authority, Leaf};
use super::{amend, assert_permanent, channel, message, notify, with_a_file};

async fn server() -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(204)).mount(&server).await;
    server
}

#[tokio::test]
async fn a_message_arrives_whole_with_a_key_for_its_repetitions() {
    let server = server().await;
    let webhook = channel(Webhook {
        headers: [("X-Team".to_owned(), "data".into())].into(),
        secret: Some("whsec_YWJj".into()),
        ..Webhook::new(format!("{}/in", server.uri()))
    });
    let receipt = notify(&webhook, &with_a_file()).await.unwrap();
    amend(&webhook, &receipt, &message()).await.unwrap();
    let requests = server.received_requests().await.unwrap();
    let body: Value = serde_json::from_slice(&requests[0].body).unwrap();
    assert_eq!((&body["version"], &body["key"]), (&1.into(), &"key-1".into()));
    assert_eq!(serde_json::from_value::<Message>(body["message"].clone()).unwrap(), with_a_file());
    assert!(body["text"].as_str().unwrap().contains("backup failed"));
    let headers = &requests[0].headers;
    assert_eq!(
        (&headers["idempotency-key"], &headers["webhook-id"]),
        (&"key-1".parse().unwrap(), &"key-1".parse().unwrap())
    );
    assert_eq!(
        (&headers["x-team"], &headers["content-type"]),
        (&"data".parse().unwrap(), &"application/json".parse().unwrap())
    );
    assert!(headers["webhook-signature"].to_str().unwrap().starts_with("v1,"));
    let amended: Value = serde_json::from_slice(&requests[1].body).unwrap();
    assert_eq!((&amended["key"], &amended["amends"]), (&"key-2".into(), &"key-1".into()));
}

#[tokio::test]
async fn a_body_without_secret_is_not_signed() {
    let server = server().await;
    notify(&channel(Webhook::new(server.uri())), &message()).await.unwrap();
    assert!(!server.received_requests().await.unwrap()[0].headers.contains_key("webhook-signature"));
}

#[tokio::test]
async fn a_certificate_is_checked_and_an_authority_of_ones_own_can_be_named() {
    let authority = Authority::new();
    let to = |port: u16, trusted: bool| {
        let ca_file = trusted.then(|| authority.file().to_owned());
        channel(Webhook { ca_file, ..Webhook::new(format!("https://localhost:{port}/")) })
    };
    let good = authority.https(Leaf::named("localhost")).await;
    notify(&to(good, true), &message()).await.unwrap();
    assert_permanent(
        notify(&to(good, false), &message()).await,
        &["nobody whom this host trusts", "`ca_file`"],
    );
    let other = authority.https(Leaf::named("other.example")).await;
    assert_permanent(notify(&to(other, true), &message()).await, &["for another name than localhost"]);
    let old = authority.https(Leaf::expired("localhost")).await;
    assert_permanent(notify(&to(old, true), &message()).await, &["has expired"]);
}
