//! The whole table: every route, every role, credentials of every kind, before those who decide in earnest. Routes that are
//! added are in it by themselves.

#![expect(clippy::unwrap_used, reason = "a test that unwraps fails as it should")]

mod whole;

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::http::Request;
use taskflows_api::server::{Api, AuditOutcome, Rule, RuledRoute};
use taskflows_api::testing::{MemoryAudit, RoleTokens, host};
use taskflows_security::Role;
use tower::ServiceExt;

use whole::credentials::{Shown, Worth, good, worthless};
use whole::{NAME, Signing, Whole};

/// The only routes that answer to anybody.
const OPEN: [&str; 4] = ["GET /health", "GET /openapi.json", "POST /auth/login", "POST /auth/refresh"];

const UNAUTHORIZED: &str = r#"{"title":"Unauthorized","status":401,"detail":"no credentials, or none that are good here and now","code":"unauthorized"}"#;
const TOO_LOW: &str =
    r#"{"title":"Forbidden","status":403,"detail":"it needs a greater role","code":"role-too-low"}"#;
const NOT_MEANT: &str = r#"{"title":"Forbidden","status":403,"detail":"a change by a cookie needs its CSRF token in `X-CSRF-Token`","code":"csrf"}"#;

/// The path of a route, with the name of something that is there in the place of whatever varies.
fn path(route: &RuledRoute) -> String {
    let mut path = String::new();
    for piece in route.path.split_inclusive(['{', '}']) {
        match piece.strip_suffix('}') {
            Some(_) => path.push_str(NAME),
            None => path.push_str(piece.trim_end_matches('{')),
        }
    }
    path
}

fn what(route: &RuledRoute) -> String {
    format!("{} {}", route.method, route.path)
}

/// Asks, and returns the status and the body of a refusal.
async fn answer(api: &Api, route: &RuledRoute, headers: &[(String, String)]) -> (u16, String) {
    let mut request = Request::builder().method(route.method.clone()).uri(path(route));
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let response = api.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let status = response.status().as_u16();
    // A stream has no end.
    let body = match status {
        200 => Vec::new(),
        _ => to_bytes(response.into_body(), 1 << 20).await.unwrap().to_vec(),
    };
    (status, String::from_utf8(body).unwrap())
}

fn guarded(api: &Api) -> Vec<(RuledRoute, Role)> {
    let needs = |route: &RuledRoute| match route.rule {
        Rule::Needs(role) => Some((route.clone(), role)),
        Rule::Open => None,
    };
    let mut guarded: Vec<_> = api.routes.iter().filter_map(needs).collect();
    // What ends the sessions by which the others are asked comes last.
    guarded.sort_by_key(|(route, _)| route.path == "/auth/logout");
    guarded
}

/// Tells with what status and body `shown` is refused at a route that needs `needed`; `None` where it is not.
fn refusal(shown: &Shown, route: &RuledRoute, needed: Role) -> Option<(u16, &'static str)> {
    let is_change = route.method != "GET";
    match shown.worth {
        Worth::Nothing => Some((401, UNAUTHORIZED)),
        Worth::Role(role) | Worth::Looks(role) if role < needed => Some((403, TOO_LOW)),
        Worth::Looks(_) if is_change => Some((403, NOT_MEANT)),
        Worth::Role(_) | Worth::Looks(_) => None,
    }
}

#[tokio::test]
async fn who_may_not_is_told_the_same_and_changes_nothing_at_every_route() {
    let audit = MemoryAudit::default();
    let whole = Whole::new(Arc::new(audit.clone())).await;
    let routes = guarded(&whole.api);
    assert!(routes.len() > 20, "{routes:?}");
    let mut refused = 0;
    for (route, needed) in &routes {
        let (method, path) = (route.method.as_str(), path(route));
        let all = worthless(&whole, method, &path).into_iter().chain(good(&whole, method, &path));
        let all: Vec<_> =
            all.filter_map(|shown| refusal(&shown, route, *needed).map(|wanted| (shown, wanted))).collect();
        let before = whole.state();
        for (shown, wanted) in all {
            let what = format!("{} with {}", what(route), shown.what);
            let (status, body) = answer(&whole.api, route, &shown.headers).await;
            assert_eq!((status, body.as_str()), wanted, "{what}");
            refused += 1;
        }
        assert_eq!(whole.state(), before, "{}", what(route));
        let _ = whole.host.access.tokens.remove("short-lived");
    }
    let records = audit.records();
    let is_refusal = |outcome: &Option<AuditOutcome>| matches!(outcome, Some(AuditOutcome::Refused { .. }));
    assert!(records.iter().all(|(_, outcome)| is_refusal(outcome)), "something was begun");
    assert_eq!(records.len(), refused, "each refusal is recorded once");
}

#[tokio::test]
async fn who_may_is_let_through_at_every_route() {
    let audit = MemoryAudit::default();
    let whole = Whole::new(Arc::new(audit.clone())).await;
    for (route, needed) in guarded(&whole.api) {
        for shown in good(&whole, route.method.as_str(), &path(&route)) {
            if refusal(&shown, &route, needed).is_some() {
                continue;
            }
            let what = format!("{} with {}", what(&route), shown.what);
            let (status, body) = answer(&whole.api, &route, &shown.headers).await;
            assert!(![401, 403, 405].contains(&status) && status < 500, "{what}: {status} {body}");
        }
    }
    let was_refused = |outcome: &Option<AuditOutcome>| matches!(outcome, Some(AuditOutcome::Refused { .. }));
    assert!(!audit.records().iter().any(|(_, outcome)| was_refused(outcome)));
}

#[tokio::test]
async fn no_request_is_carried_out_twice_at_any_route() {
    let audit = MemoryAudit::default();
    let whole = Whole::new(Arc::new(audit.clone())).await;
    for (route, _) in guarded(&whole.api) {
        let headers = whole.sign(&Signing::of(route.method.as_str(), &path(&route)));
        let first = answer(&whole.api, &route, &headers).await.0;
        assert_ne!(first, 401, "{}", what(&route));
        let (records, state) = (audit.records().len(), whole.state());
        let second = answer(&whole.api, &route, &headers).await;
        assert_eq!(second, (401, UNAUTHORIZED.to_owned()), "{}", what(&route));
        assert_eq!((audit.records().len(), whole.state()), (records + 1, state), "{}", what(&route));
    }
}

/// A route that is open refuses nobody at the gate; what it says of a login itself is its own.
#[tokio::test]
async fn a_route_that_is_open_is_one_of_four_and_looks_at_no_credentials() {
    let audit = MemoryAudit::default();
    let whole = Whole::new(Arc::new(audit.clone())).await;
    let open: Vec<RuledRoute> =
        whole.api.routes.iter().filter(|route| route.rule == Rule::Open).cloned().collect();
    for route in open {
        let name = what(&route);
        assert!(OPEN.contains(&name.as_str()), "{name} is open and should not be");
        let before = whole.state();
        let mut plain = None;
        for shown in worthless(&whole, route.method.as_str(), &path(&route)) {
            let (status, _) = answer(&whole.api, &route, &shown.headers).await;
            assert_eq!(*plain.get_or_insert(status), status, "{name} with {}", shown.what);
            assert!(status < 500, "{name} with {}: {status}", shown.what);
            let _ = whole.host.access.tokens.remove("short-lived");
        }
        assert_eq!(whole.state(), before, "{name}");
    }
    let was_refused = |outcome: &Option<AuditOutcome>| matches!(outcome, Some(AuditOutcome::Refused { .. }));
    assert!(!audit.records().iter().any(|(_, outcome)| was_refused(outcome)));
}

#[test]
fn a_change_needs_more_than_a_viewer() {
    // Asking for oneself is no change of anything that others see.
    let own = ["POST /auth/logout"];
    for route in Api::new(host(), Arc::new(RoleTokens)).routes {
        let what = what(&route);
        let is_look = route.method == "GET" || own.contains(&what.as_str()) || OPEN.contains(&what.as_str());
        let is_for_viewers = route.rule == Rule::Needs(Role::Viewer) || route.rule == Rule::Open;
        assert!(is_look || !is_for_viewers, "{what}");
    }
}
