//! A stream ends soon after what it was opened with is worth nothing any more.
#![expect(clippy::unwrap_used, reason = "a test that unwraps fails as it should")]

mod kit;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::http::Request;
use futures_util::StreamExt;
use jiff::Timestamp;
use serde_json::{Value, json};
use taskflows_api::Access;
use taskflows_api::server::{Api, PeopleAuthority};
use taskflows_api::testing::host;
use taskflows_security::{ApiToken, PasswordDigest, Person, Role, new_token};
use tokio::time::{Instant, timeout};
use tower::ServiceExt;

const PASSWORD: &str = "a quiet river";
/// A stream may go on for so long.
const SOON: Duration = Duration::from_secs(20);

struct Server {
    api: Api,
    access: Access,
    seconds: Arc<AtomicI64>,
}

impl Server {
    fn new() -> Self {
        let seconds = Arc::new(AtomicI64::new(1_795_000_000));
        let (mut host, clock) = (host(), Arc::clone(&seconds));
        host.now = Arc::new(move || Timestamp::from_second(clock.load(Ordering::SeqCst)).unwrap());
        host.logs = Arc::new(kit::LiveLog::default());
        let person = Person {
            name: "ada".parse().unwrap(),
            password: PasswordDigest::of(PASSWORD),
            role: Role::Admin,
            created_at: (host.now)(),
            last_login: None,
        };
        host.access.people.add(person).unwrap();
        let access = host.access.clone();
        let api = Api::new(host.clone(), Arc::new(PeopleAuthority::new(host)));
        Self { api, access, seconds }
    }

    async fn login(&self) -> Value {
        let body = json!({"username": "ada", "password": PASSWORD}).to_string();
        let request = Request::post("/auth/login").header("content-type", "application/json");
        let answer = self.api.router.clone().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
        let bytes = axum::body::to_bytes(answer.into_body(), 1 << 16).await.unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }

    async fn open(&self, path: &str, token: &str) -> BodyDataStream {
        let request = Request::get(path).header("authorization", format!("Bearer {token}"));
        let request = request.body(Body::empty()).unwrap();
        let answer = self.api.router.clone().oneshot(request).await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        answer.into_body().into_data_stream()
    }
}

/// Tells whether a stream ends soon.
async fn ends(stream: &mut BodyDataStream) -> bool {
    let end = async { while stream.next().await.is_some_and(|piece| piece.is_ok()) {} };
    timeout(SOON, end).await.is_ok()
}

#[tokio::test(start_paused = true)]
async fn the_stream_of_a_token_ends_when_the_token_is_removed_and_not_before() {
    let server = Server::new();
    let (token, digest) = new_token();
    let kept = ApiToken {
        name: "looks".to_owned(),
        role: Role::Viewer,
        created: Timestamp::UNIX_EPOCH,
        last_used: None,
        expires: None,
    };
    server.access.tokens.add(&kept, digest).unwrap();
    for path in ["/events", "/api/logs/follow?lines=0"] {
        let mut stream = server.open(path, &token).await;
        let begun = Instant::now();
        for _ in 0..10 {
            assert!(!ends(&mut stream).await, "{path} goes on");
        }
        assert!(begun.elapsed() >= SOON * 10);
        server.access.tokens.remove("looks").unwrap();
        assert!(ends(&mut stream).await, "{path}");
        server.access.tokens.add(&kept, digest).unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn the_stream_of_a_person_ends_with_their_session_their_token_and_themselves() {
    let server = Server::new();
    for end in ["nothing", "session", "token", "person"] {
        let token = server.login().await["access_token"].as_str().unwrap().to_owned();
        let mut stream = server.open("/events", &token).await;
        match end {
            "session" => drop(server.access.sessions.revoke_user("ada").unwrap()),
            "token" => drop(server.seconds.fetch_add(900, Ordering::SeqCst)),
            "person" => server.access.people.remove("ada").unwrap(),
            _ => {}
        }
        assert_eq!(ends(&mut stream).await, end != "nothing", "{end}");
    }
}
