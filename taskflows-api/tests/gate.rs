//! What every request passes before a route has it, and what every answer has.

#![expect(clippy::unwrap_used, reason = "a test that unwraps fails as it should")]

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use axum::response::Response;
use serde_json::{Value, json};
use taskflows_api::server::{Api, AuditOutcome, Limits};
use taskflows_api::testing::{MemoryAudit, RoleTokens, probes};
use taskflows_security::Role;
use tower::ServiceExt;

fn api(audit: &MemoryAudit) -> Api {
    probes(Arc::new(RoleTokens), Arc::new(audit.clone()), Limits::default())
}

async fn ask(api: &Api, request: Request<Body>) -> Response {
    api.router.clone().oneshot(request).await.unwrap()
}

async fn problem(response: Response) -> Value {
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let status = response.status().as_u16();
    let bytes = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    let problem: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(problem["status"], status);
    for key in ["code", "detail"] {
        assert!(problem[key].as_str().is_some_and(|text| !text.is_empty()), "no `{key}`: {problem}");
    }
    problem
}

fn post(path: &str, token: &str, body: impl Into<Body>) -> Request<Body> {
    Request::post(path)
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/json")
        .body(body.into())
        .unwrap()
}

fn get(path: &str, token: &str) -> Request<Body> {
    Request::get(path).header("authorization", format!("Bearer {token}")).body(Body::empty()).unwrap()
}

#[tokio::test]
async fn every_answer_has_an_id_of_its_own_and_the_headers_of_safety() {
    let api = api(&MemoryAudit::default());
    let mut ids = Vec::new();
    for request in [get("/probe/open", ""), get("/nowhere", ""), get("//", ""), post("/probe/open", "", "")] {
        let response = ask(&api, request).await;
        let headers = response.headers();
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers["x-frame-options"], "DENY");
        assert!(headers["content-security-policy"].to_str().unwrap().starts_with("default-src 'self'"));
        assert_eq!(headers["cache-control"], "no-store");
        assert_eq!(headers["referrer-policy"], "no-referrer");
        assert!(!headers.contains_key("access-control-allow-origin"));
        ids.push(headers["x-request-id"].to_str().unwrap().to_owned());
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 4);
    assert!(ids.iter().all(|id| id.len() == 36));
}

#[tokio::test]
async fn an_id_of_who_asks_is_not_taken() {
    let request = Request::get("/probe/open").header("x-request-id", "mine").body(Body::empty()).unwrap();
    assert_ne!(ask(&api(&MemoryAudit::default()), request).await.headers()["x-request-id"], "mine");
}

#[tokio::test]
async fn unknown_paths_and_wrong_methods_are_problems() {
    let api = api(&MemoryAudit::default());
    assert_eq!(problem(ask(&api, get("/nowhere", "admin")).await).await["title"], "Not Found");
    let response = ask(&api, post("/probe/asked", "", "")).await;
    assert_eq!(response.headers()["allow"], "GET,HEAD");
    assert_eq!(problem(response).await["title"], "Method Not Allowed");
    assert_eq!(problem(ask(&api, get("/probe//asked", "admin")).await).await["status"], 400);
    assert_eq!(problem(ask(&api, get("/probe/%2e%2e/open", "admin")).await).await["status"], 400);
}

#[tokio::test]
async fn what_a_route_cannot_read_is_a_problem_that_says_why() {
    let api = api(&MemoryAudit::default());
    let told = async |request| {
        let problem = problem(ask(&api, request).await).await;
        (problem["status"].as_u64().unwrap(), problem["detail"].as_str().unwrap_or_default().to_owned())
    };
    assert_eq!(
        told(get("/probe/asked?wrod=x", "viewer")).await,
        (422, "unknown key `wrod`, did you mean `word`? (known: `word`, `count`)".to_owned())
    );
    assert_eq!(told(get("/probe/named/7?word", "viewer")).await.1, "unknown key `word`; none is read here");
    assert_eq!(told(get("/probe/asked?count=300", "viewer")).await.0, 422);
    assert_eq!(told(get("/probe/named/x", "viewer")).await.0, 404);
    let (status, detail) = told(post("/probe/changed", "admin", r#"{"wrod":""}"#)).await;
    assert_eq!(status, 422);
    assert!(detail.starts_with("unknown field `wrod`"), "{detail}");
    assert_eq!(told(post("/probe/changed", "admin", r#"{"word":"#)).await.0, 400);
    assert_eq!(told(post("/probe/changed", "admin", format!("\"{}\"", "x".repeat(60_000)))).await.0, 422);
    let plain =
        Request::post("/probe/changed").header("authorization", "Bearer admin").body("{}".into()).unwrap();
    assert_eq!(told(plain).await.0, 415);
}

#[tokio::test]
async fn no_body_reads_as_an_empty_object() {
    let request =
        Request::post("/probe/changed").header("authorization", "Bearer admin").body(Body::empty()).unwrap();
    assert_eq!(ask(&api(&MemoryAudit::default()), request).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_body_is_read_up_to_the_limit_of_its_route() {
    let api = api(&MemoryAudit::default());
    let word = |length: usize| json!({ "word": "x".repeat(length) }).to_string();
    assert_eq!(ask(&api, post("/probe/changed", "admin", word(60 << 10))).await.status(), 200);
    assert_eq!(ask(&api, post("/probe/changed", "admin", word(64 << 10))).await.status(), 413);
    assert_eq!(ask(&api, post("/api/apply", "admin", word(4_000_000))).await.status(), 200);
    assert_eq!(ask(&api, post("/api/apply", "admin", word(4 << 20))).await.status(), 413);
    // A length that is only told is enough, and one that is not told does not get past.
    let told =
        Request::post("/probe/changed").header("content-length", "99999999").body(Body::empty()).unwrap();
    assert_eq!(ask(&api, told).await.status(), 413);
    let pieces = futures_util::stream::iter((0..100).map(|_| Ok::<_, std::io::Error>(vec![b' '; 1024])));
    assert_eq!(ask(&api, post("/probe/changed", "admin", Body::from_stream(pieces))).await.status(), 413);
}

#[tokio::test]
async fn a_change_is_recorded_before_and_after_and_a_refusal_once() {
    let audit = MemoryAudit::default();
    let api = api(&audit);
    assert_eq!(ask(&api, post("/probe/changed", "operator", "{}")).await.status(), 200);
    let response = ask(&api, post("/probe/changed", "viewer", "{}")).await;
    assert_eq!(response.status(), 403);
    let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
    assert_eq!(ask(&api, get("/probe/asked", "bad\ttoken")).await.status(), 401);
    assert_eq!(ask(&api, get("/probe/asked", "viewer")).await.status(), 200, "looking is not recorded");
    let records = audit.records();
    let [(begun, None), (_, Some(ended)), (low, Some(refused)), (unknown, Some(unrecognised))] = &*records
    else {
        panic!("{records:?}")
    };
    assert_eq!((begun.who.as_deref(), begun.role), (Some("operator"), Some(Role::Operator)));
    assert_eq!((begun.method.as_str(), begun.path.as_str()), ("POST", "/probe/changed"));
    assert_eq!(*ended, AuditOutcome::Answered { status: 200, code: None });
    assert_eq!((low.who.as_deref(), &low.request_id), (Some("viewer"), &id));
    assert_eq!(*refused, AuditOutcome::Refused { status: 403, reason: "it needs the role operator".into() });
    assert_eq!(unknown.who, None);
    assert!(matches!(unrecognised, AuditOutcome::Refused { status: 401, .. }));
}

#[tokio::test]
async fn a_reason_is_kept_short_and_on_one_line() {
    let audit = MemoryAudit::default();
    let long = "ab ".repeat(10_000);
    assert_eq!(ask(&api(&audit), get("/probe/asked", long.trim())).await.status(), 401);
    let records = audit.records();
    let Some(AuditOutcome::Refused { reason, .. }) = &records[0].1 else { panic!("{records:?}") };
    assert!(reason.len() <= 400 && !reason.contains(char::is_control), "{}", reason.len());
}

#[derive(Debug)]
struct FullDisk;

#[async_trait::async_trait]
impl taskflows_api::server::Audit for FullDisk {
    async fn begin(
        &self,
        _: &taskflows_api::server::AuditRecord,
    ) -> Result<(), taskflows_api::server::AuditError> {
        Err(taskflows_api::server::AuditError("the disk is full".to_owned()))
    }

    async fn end(&self, _: &taskflows_api::server::AuditRecord, _: &AuditOutcome) {
        panic!("a change was made")
    }
}

#[tokio::test]
async fn what_cannot_be_recorded_is_not_done() {
    let api = probes(Arc::new(RoleTokens), Arc::new(FullDisk), Limits::default());
    let problem = problem(ask(&api, post("/probe/changed", "admin", "{}")).await).await;
    assert_eq!((&problem["status"], &problem["code"]), (&json!(503), &json!("no-audit")));
    assert!(!problem.to_string().contains("disk"));
}

#[tokio::test]
async fn a_panic_is_one_answer_and_no_more() {
    let api = api(&MemoryAudit::default());
    let told = problem(ask(&api, get("/probe/panics", "viewer")).await).await;
    assert_eq!(
        (&told["status"], &told["code"], &told["error"]),
        (&json!(500), &json!("internal"), &Value::Null)
    );
    assert!(!told.to_string().contains("probe"), "{told}");
    assert_eq!(ask(&api, get("/probe/asked", "viewer")).await.status(), 200);
}

#[tokio::test]
async fn a_change_is_made_to_its_end_though_nobody_waits() {
    let audit = MemoryAudit::default();
    let api = api(&audit);
    let asked = tokio::time::timeout(
        std::time::Duration::from_millis(50),
        ask(&api, post("/probe/late", "operator", "")),
    );
    assert!(asked.await.is_err());
    tokio::time::sleep(std::time::Duration::from_millis(600)).await;
    let last = audit.records().pop();
    assert!(matches!(last, Some((_, Some(AuditOutcome::Answered { status: 200, .. })))), "{last:?}");
}

/// Recognises a browser, and its CSRF token.
#[derive(Debug)]
struct Browser {
    confirms: bool,
}

#[async_trait::async_trait]
impl taskflows_api::server::Authority for Browser {
    async fn identify(
        &self,
        _: Option<std::net::IpAddr>,
        _: &axum::http::request::Parts,
        _: &[u8],
    ) -> Result<taskflows_api::server::Identity, taskflows_api::server::Refusal> {
        Ok(taskflows_api::server::Identity { name: "ada".into(), role: Role::Admin, by_cookie: true })
    }

    async fn confirm_change(
        &self,
        _: &taskflows_api::server::Identity,
        request: &axum::http::request::Parts,
    ) -> Result<(), taskflows_api::server::Refusal> {
        let is_right = self.confirms && request.headers.contains_key("x-csrf-token");
        is_right.then_some(()).ok_or_else(|| taskflows_api::server::Refusal("no CSRF token".into()))
    }
}

#[tokio::test]
async fn a_change_by_cookie_needs_its_token_and_a_look_does_not() {
    let audit = MemoryAudit::default();
    let browser =
        |confirms| probes(Arc::new(Browser { confirms }), Arc::new(audit.clone()), Limits::default());
    let with_token = || {
        let mut request = post("/probe/changed", "", "{}");
        request.headers_mut().insert("x-csrf-token", "t".parse().unwrap());
        request
    };
    assert_eq!(ask(&browser(true), get("/probe/asked", "")).await.status(), 200);
    assert_eq!(ask(&browser(true), post("/probe/changed", "", "{}")).await.status(), 403);
    assert_eq!(ask(&browser(true), with_token()).await.status(), 200);
    assert_eq!(ask(&browser(false), with_token()).await.status(), 403);
}

#[tokio::test]
async fn too_many_requests_at_once_are_told_to_come_again() {
    let limits = Limits { requests: 2, ..Limits::default() };
    let api = probes(Arc::new(RoleTokens), Arc::new(MemoryAudit::default()), limits);
    let asked = (0..3).map(|_| ask(&api, post("/probe/late", "operator", "")));
    let answers = futures_util::future::join_all(asked).await;
    let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status().as_u16()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 503]);
    let busy = answers.iter().find(|answer| answer.status() == 503).unwrap();
    assert_eq!(busy.headers()["retry-after"], "1");
    assert_eq!(ask(&api, get("/probe/asked", "viewer")).await.status(), 200);
}

#[tokio::test]
async fn what_takes_too_long_is_answered_all_the_same() {
    let limits = Limits { request: std::time::Duration::from_millis(50), ..Limits::default() };
    let api = probes(Arc::new(RoleTokens), Arc::new(MemoryAudit::default()), limits);
    let answer = ask(&api, post("/probe/late", "operator", "")).await;
    assert_eq!(answer.status(), StatusCode::GATEWAY_TIMEOUT);
    assert!(!answer.headers().contains_key("retry-after"), "nothing invites to make a change twice");
    assert_eq!(problem(answer).await["code"], "may-go-on");
    let answer = ask(&api, get("/probe/slow", "viewer")).await;
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.headers()["retry-after"], "1");
    assert_eq!(problem(answer).await["code"], "timed-out");
}

/// Sends a large body of which nothing arrives, or a whole one.
fn large(peer: &str, is_whole: bool) -> Request<Body> {
    let text = json!({ "word": "x".repeat(70_000) }).to_string();
    let body = match is_whole {
        true => Body::from(text),
        false => Body::from_stream(futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>()),
    };
    let mut request = post("/api/apply", "admin", body);
    let peer: std::net::SocketAddr = format!("{peer}:40000").parse().unwrap();
    request.extensions_mut().insert(axum::extract::ConnectInfo(peer));
    request
}

#[tokio::test]
async fn a_peer_that_sends_large_bodies_slowly_keeps_others_from_nothing() {
    let limits = Limits { large_bodies: 3, body: std::time::Duration::from_millis(400), ..Limits::default() };
    let api = probes(Arc::new(RoleTokens), Arc::new(MemoryAudit::default()), limits);
    let slow =
        async || futures_util::future::join_all((0..4).map(|_| ask(&api, large("192.0.2.1", false)))).await;
    let other = async || {
        let began = std::time::Instant::now();
        let answer = ask(&api, large("192.0.2.2", true)).await;
        (answer.status().as_u16(), began.elapsed())
    };
    let (slow, (status, took)) = tokio::join!(slow(), other());
    assert_eq!(status, 200);
    assert!(took < std::time::Duration::from_millis(300), "{took:?}");
    let mut slow: Vec<u16> = slow.iter().map(|answer| answer.status().as_u16()).collect();
    slow.sort_unstable();
    assert_eq!(slow, [400, 400, 503, 503]);
}

#[tokio::test]
async fn who_comes_after_slow_peers_is_read_once_their_time_is_over() {
    let limits = Limits { large_bodies: 2, body: std::time::Duration::from_millis(300), ..Limits::default() };
    let api = probes(Arc::new(RoleTokens), Arc::new(MemoryAudit::default()), limits);
    let first = ask(&api, large("192.0.2.1", false));
    let second = ask(&api, large("192.0.2.2", false));
    let late = async {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        ask(&api, large("192.0.2.3", true)).await
    };
    let (first, second, late) = tokio::join!(first, second, late);
    assert_eq!([first, second, late].map(|answer| answer.status().as_u16()), [400, 400, 200]);
}

#[tokio::test]
async fn so_many_streams_at_once() {
    let limits = Limits { streams: 2, ..Limits::default() };
    let api = probes(Arc::new(RoleTokens), Arc::new(MemoryAudit::default()), limits);
    let first = ask(&api, get("/probe/ticks", "viewer")).await;
    let second = ask(&api, get("/probe/ticks", "viewer")).await;
    assert_eq!((first.status(), second.status()), (StatusCode::OK, StatusCode::OK));
    assert_eq!(ask(&api, get("/probe/ticks", "viewer")).await.status(), 503);
    drop(first);
    assert_eq!(ask(&api, get("/probe/ticks", "viewer")).await.status(), 200);
}
