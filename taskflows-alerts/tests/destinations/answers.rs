//! What every way over HTTP makes of an answer.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use taskflows_alerts::{Alertmanager, Destination, Discord, PagerDuty, Slack, Webhook};
use tokio::net::TcpListener;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::{SHORT, assert_permanent, assert_transient, channel, channel_within, message, notify};

const TOKEN: &str = "hush-hush-token";

/// All of them, at one server.
fn destinations(base: &str) -> Vec<Destination> {
    vec![
        Slack { bot_token: Some(TOKEN.into()), api_url: Some(base.into()), ..Slack::channel("ops") }.into(),
        Slack::webhook(format!("{base}/services/T/B/{TOKEN}")).into(),
        Discord::new(format!("{base}/api/webhooks/1/{TOKEN}")).into(),
        Webhook::new(format!("{base}/in/{TOKEN}")).into(),
        PagerDuty { url: Some(base.into()), ..PagerDuty::new(TOKEN) }.into(),
        Alertmanager {
            headers: [("Authorization".to_owned(), format!("Bearer {TOKEN}").into())].into(),
            ..Alertmanager::new(base)
        }
        .into(),
    ]
}

async fn answering(answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(answer).mount(&server).await;
    server
}

#[tokio::test]
async fn a_full_server_says_when_to_come_again() {
    let in_half_a_minute =
        (Timestamp::now() + SignedDuration::from_secs(30)).strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    for (asked, least, most) in [
        ("1", Some(1), 1),
        ("60", Some(60), 60),
        ("0", Some(0), 0),
        ("-1", None, 0),
        ("abc", None, 0),
        ("9999999", Some(3600), 3600),
        (&in_half_a_minute, Some(20), 30),
    ] {
        for status in [429, 503] {
            let server = answering(ResponseTemplate::new(status).insert_header("Retry-After", asked)).await;
            for destination in destinations(&server.uri()) {
                let wait = assert_transient(notify(&channel(destination.clone()), &message()).await, &[]);
                let wait = wait.map(|wait| wait.as_secs());
                let told = wait.is_some_and(|wait| (least.unwrap_or(0)..=most).contains(&wait));
                assert!(told || (least, wait) == (None, None), "{destination:?} {asked}: {wait:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_fault_of_the_server_may_pass_and_a_refusal_does_not() {
    for (status, passes) in [
        (500, true),
        (502, true),
        (504, true),
        (408, true),
        (400, false),
        (401, false),
        (403, false),
        (404, false),
        (410, false),
    ] {
        let answer =
            ResponseTemplate::new(status).set_body_string(format!("\nno\x07 way with {TOKEN}\nmore"));
        let server = answering(answer).await;
        for destination in destinations(&server.uri()) {
            let error = notify(&channel(destination.clone()), &message()).await.unwrap_err();
            assert_eq!(error.is_transient(), passes, "{destination:?} {status}: {error}");
            let text = format!("{error} {error:?}");
            assert!(text.contains("no way with ***") && !text.contains("more"), "{text}");
            assert!(!text.contains(TOKEN), "{text}");
        }
    }
}

#[tokio::test]
async fn a_redirection_is_told_and_never_followed() {
    let elsewhere = answering(ResponseTemplate::new(200)).await;
    for status in [301, 302, 303, 307, 308] {
        let target = format!("{}/login?back=secret", elsewhere.uri());
        let server =
            answering(ResponseTemplate::new(status).insert_header("Location", target.as_str())).await;
        for destination in destinations(&server.uri()) {
            let outcome = notify(&channel(destination), &message()).await;
            assert!(!format!("{outcome:?}").contains("secret"));
            assert_permanent(outcome, &[&format!("points to {},", elsewhere.uri()), "not followed"]);
        }
    }
    assert_eq!(elsewhere.received_requests().await.unwrap().len(), 0);
}

#[tokio::test]
async fn an_answer_without_end_is_read_to_a_bound() {
    let server = answering(ResponseTemplate::new(400).set_body_string("x".repeat(5_000_000))).await;
    for destination in destinations(&server.uri()) {
        let error = notify(&channel(destination), &message()).await.unwrap_err().to_string();
        assert!(error.len() < 400, "{}", error.len());
    }
}

#[tokio::test]
async fn garbage_where_an_answer_was_due_may_pass() {
    let server =
        answering(ResponseTemplate::new(200).set_body_string("<html>Sign in to the hotel</html>")).await;
    for destination in destinations(&server.uri()) {
        let told_by_status = !matches!(&destination, Destination::Slack(slack) if slack.bot_token.is_some())
            && !matches!(&destination, Destination::Discord(_));
        let outcome = notify(&channel(destination), &message()).await;
        if told_by_status {
            outcome.unwrap();
        } else {
            assert_transient(outcome, &["the answer is none of"]);
        }
    }
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up_at_the_limit() {
    let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", mute.local_addr().unwrap());
    for destination in destinations(&base) {
        let began = Instant::now();
        assert_transient(notify(&channel_within(SHORT, destination), &message()).await, &["within"]);
        assert!(
            (SHORT.whole / 2..Duration::from_secs(5)).contains(&began.elapsed()),
            "{:?}",
            began.elapsed()
        );
    }
}

#[tokio::test]
async fn nobody_at_the_door_may_pass() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    for destination in destinations(&base) {
        let outcome = notify(&channel(destination), &message()).await;
        assert!(!format!("{outcome:?}").contains(TOKEN));
        assert_transient(outcome, &["no connection: ", "refused"]);
    }
}

#[tokio::test]
async fn every_request_says_who_asks() {
    let server = answering(
        ResponseTemplate::new(200).set_body_string(r#"{"ok":true,"ts":"1","channel":"C","id":"1"}"#),
    )
    .await;
    for destination in destinations(&server.uri()) {
        notify(&channel(destination), &message()).await.unwrap();
    }
    let requests = server.received_requests().await.unwrap();
    assert_eq!(requests.len(), destinations("http://localhost").len());
    for request in requests {
        assert_eq!(request.headers["user-agent"], concat!("taskflows/", env!("CARGO_PKG_VERSION")));
    }
}
