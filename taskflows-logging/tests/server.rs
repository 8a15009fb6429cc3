//! The layer for servers, within a stack of tower.

#![allow(clippy::unwrap_used, reason = "what fails fails the test")]
#![cfg(feature = "tower")]

mod common;

use std::convert::Infallible;

use common::{logged, logging};
use http::{Request, Response};
use serde_json::json;
use taskflows_logging::{RequestContextLayer, current_request_context};
use tokio::task::yield_now;
use tower::{ServiceBuilder, ServiceExt, service_fn};

async fn answer(request: Request<()>) -> Result<Response<()>, Infallible> {
    yield_now().await;
    tracing::info!(path = request.uri().path(), "served");
    Ok(Response::new(()))
}

#[test]
fn a_request_is_served_within_its_context() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let sink = logged(&logging(), || {
        runtime.block_on(async {
            let server = ServiceBuilder::new().layer(RequestContextLayer).service(service_fn(answer));
            let known = Request::builder()
                .uri("/a")
                .header("X-Request-Id", "r-7")
                .header("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
            let answered = server.clone().oneshot(known.body(()).unwrap()).await.unwrap();
            assert_eq!(answered.headers()["x-request-id"], "r-7");
            let unknown = Request::builder().uri("/b").header("X-Request-Id", "a b").body(()).unwrap();
            let answered = server.oneshot(unknown).await.unwrap();
            let id = answered.headers()["x-request-id"].to_str().unwrap();
            assert_eq!(id.len(), 36);
            assert_eq!(current_request_context().request_id, None);
        });
    });
    let [first, second] = sink.lines().try_into().unwrap();
    assert_eq!(first["request_id"], "r-7");
    assert_eq!(first["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(first["context"], json!({"path": "/a"}));
    assert_eq!(second["request_id"].as_str().map(str::len), Some(36));
    assert_eq!(second.get("trace_id"), None);
}
