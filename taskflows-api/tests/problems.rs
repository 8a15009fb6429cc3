//! Every error of every route is a problem with a code and a detail, whoever answers it: the gate, an extractor, the router.

#![expect(clippy::unwrap_used, reason = "a test that unwraps fails as it should")]

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::http::{Method, Request};
use axum::response::Response;
use serde_json::Value;
use taskflows_api::server::{Api, RuledRoute};
use taskflows_api::testing::{RoleTokens, host};
use tower::ServiceExt;

/// Returns the path of a route, with a name that nothing has.
fn path(route: &RuledRoute) -> String {
    let pieces = route.path.split('{').map(|piece| {
        piece.split_once('}').map_or_else(|| piece.to_owned(), |(_, rest)| format!("nothing{rest}"))
    });
    pieces.collect()
}

/// Returns requests that are wrong in a way each.
fn wrong(route: &RuledRoute) -> Vec<Request<Body>> {
    let path = path(route);
    let admin = || Request::builder().uri(&path).header("authorization", "Bearer admin");
    let json = || admin().method(&route.method).header("content-type", "application/json");
    vec![
        Request::builder().method(&route.method).uri(&path).body(Body::empty()).unwrap(),
        Request::builder()
            .method(&route.method)
            .uri(&path)
            .header("authorization", "Bearer viewer")
            .body("{".into())
            .unwrap(),
        admin().method(&route.method).uri(format!("{path}?no-such-key=1")).body(Body::empty()).unwrap(),
        admin().method(&route.method).uri(format!("{path}/no/such/path")).body(Body::empty()).unwrap(),
        admin().method(&route.method).uri(format!("{path}/%zz")).body(Body::empty()).unwrap(),
        admin().method(Method::TRACE).body(Body::empty()).unwrap(),
        admin().method(&route.method).body("{}".into()).unwrap(),
        json().body("{".into()).unwrap(),
        json().body("[1]".into()).unwrap(),
        json().body(r#"{"no_such_key":1}"#.into()).unwrap(),
        json().body(vec![b' '; (4 << 20) + 1].into()).unwrap(),
    ]
}

async fn check(response: Response, what: &str) {
    assert_eq!(response.headers()["content-type"], "application/problem+json", "{what}");
    let status = response.status();
    let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    let problem: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(problem["status"], status.as_u16(), "{what}: {problem}");
    for key in ["title", "detail", "code"] {
        assert!(problem[key].as_str().is_some_and(|text| !text.is_empty()), "{what}: {problem}");
    }
}

#[tokio::test]
async fn every_error_is_a_problem_with_a_code_and_a_detail() {
    let api = Api::new(host(), Arc::new(RoleTokens));
    let mut seen = BTreeSet::new();
    for route in &api.routes {
        for (number, request) in wrong(route).into_iter().enumerate() {
            let what = format!("{} {} ({number})", route.method, route.path);
            let response = api.router.clone().oneshot(request).await.unwrap();
            let status = response.status();
            if status.is_client_error() || status.is_server_error() {
                seen.insert(status.as_u16());
                check(response, &what).await;
            }
            // No route passes over a key that it does not know.
            assert!(number != 2 || status == 422, "{what}: {status}");
        }
    }
    let all = BTreeSet::from([400, 401, 403, 404, 405, 413, 415, 422]);
    assert!(seen.is_superset(&all), "{seen:?}");
}
