//! The whole table: every route, every role, credentials of every kind. Routes that are added are in it by themselves.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::http::Request;
use taskflows_api::server::{Api, AuditOutcome, Limits, Rule, RuledRoute};
use taskflows_api::testing::{MemoryAudit, RoleTokens, host};
use taskflows_security::Role;
use tower::ServiceExt;

/// The only routes that answer to anybody.
const OPEN: [&str; 4] = ["GET /health", "GET /openapi.json", "POST /auth/login", "POST /auth/refresh"];

/// Credentials that are good for nothing: what they are, and the headers that show them.
const WORTHLESS: [(&str, &[(&str, &str)]); 9] = [
    ("none", &[]),
    ("an empty token", &[("authorization", "Bearer ")]),
    ("a token of nobody", &[("authorization", "Bearer root")]),
    ("another scheme", &[("authorization", "Basic YWRtaW46YWRtaW4=")]),
    ("a token that expired", &[("authorization", "Bearer expired")]),
    ("a token of another server", &[("authorization", "Bearer foreign")]),
    ("a role as a header", &[("x-role", "admin"), ("x-forwarded-for", "127.0.0.1")]),
    ("a cookie of nobody", &[("cookie", "tf_access=admin")]),
    ("a signature of nobody", &[("x-hmac-signature", "00"), ("x-timestamp", "0"), ("x-nonce", "n")]),
];

fn request(route: &RuledRoute, headers: &[(&str, &str)]) -> Request<Body> {
    // A name for whatever varies.
    let mut path = String::new();
    for piece in route.path.split_inclusive(['{', '}']) {
        match piece.strip_suffix('}') {
            Some(_) => path.push_str("nobody"),
            None => path.push_str(piece.trim_end_matches('{')),
        }
    }
    let mut request = Request::builder().method(route.method.clone()).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Body::empty()).unwrap()
}

async fn answer(api: &Api, route: &RuledRoute, headers: &[(&str, &str)]) -> (u16, Vec<u8>) {
    let response = api.router.clone().oneshot(request(route, headers)).await.unwrap();
    let status = response.status().as_u16();
    // A stream has no end.
    let body = match status {
        200 => Vec::new(),
        _ => to_bytes(response.into_body(), 1 << 20).await.unwrap().to_vec(),
    };
    (status, body)
}

fn api(audit: &MemoryAudit) -> Api {
    Api::with(host(), Arc::new(RoleTokens), Arc::new(audit.clone()), Limits::default())
}

#[tokio::test]
async fn every_route_keeps_to_its_rule_whatever_is_shown_to_it() {
    let audit = MemoryAudit::default();
    let api = api(&audit);
    assert!(!api.routes.is_empty());
    for route in &api.routes {
        let what = format!("{} {}", route.method, route.path);
        let Rule::Needs(needed) = route.rule else {
            check_open(&api, &audit, route, &what).await;
            continue;
        };
        for (credentials, headers) in WORTHLESS {
            let (status, body) = answer(&api, route, headers).await;
            assert_eq!(status, 401, "{what} with {credentials}");
            assert_eq!(body, br#"{"title":"Unauthorized","status":401}"#, "{what} with {credentials}");
        }
        for role in [Role::Viewer, Role::Operator, Role::Admin] {
            let token = format!("Bearer {role}");
            let (status, body) = answer(&api, route, &[("authorization", &token)]).await;
            if role < needed {
                assert_eq!(status, 403, "{what} as {role}");
                assert_eq!(body, br#"{"title":"Forbidden","status":403}"#, "{what} as {role}");
            } else {
                assert!(![401, 403, 405, 500].contains(&status), "{what} as {role}: {status}");
            }
        }
    }
}

/// A route that is open refuses nobody at the gate; what it says of a login itself is its own.
async fn check_open(api: &Api, audit: &MemoryAudit, route: &RuledRoute, what: &str) {
    assert!(OPEN.contains(&what), "{what} is open and should not be");
    for (credentials, headers) in WORTHLESS {
        let before = audit.records().len();
        let (status, _) = answer(api, route, headers).await;
        assert!(status < 500, "{what} with {credentials}: {status}");
        let refused = audit.records()[before..]
            .iter()
            .any(|(_, outcome)| matches!(outcome, Some(AuditOutcome::Refused { .. })));
        assert!(!refused, "{what} with {credentials}");
    }
}

#[tokio::test]
async fn a_change_needs_more_than_a_viewer() {
    // Asking for oneself is no change of anything that others see.
    let own = ["POST /auth/logout"];
    for route in api(&MemoryAudit::default()).routes {
        let what = format!("{} {}", route.method, route.path);
        let is_look = route.method == "GET" || own.contains(&what.as_str()) || OPEN.contains(&what.as_str());
        let is_for_viewers = route.rule == Rule::Needs(Role::Viewer) || route.rule == Rule::Open;
        assert!(is_look || !is_for_viewers, "{what}");
    }
}
