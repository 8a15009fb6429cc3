//! One gate for every route.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::{Problem, Rule, Shared};

/// The greatest body that is read, in bytes.
const LARGEST_BODY: usize = 4 << 20;

/// What stands before a route.
#[derive(Clone)]
pub(super) struct Guard {
    pub(super) shared: Arc<Shared>,
    pub(super) rule: Rule,
}

/// Lets through who may use the route, with their [`super::Identity`] beside the request.
pub(super) async fn guard(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let Rule::Needs(role) = guard.rule else { return next.run(request).await };
    let (mut parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, LARGEST_BODY).await else {
        return Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "the body is larger than is read")
            .into_response();
    };
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip());
    match guard.shared.authority.identify(peer, &parts, &body).await {
        Err(refusal) => {
            tracing::info!(reason = refusal.0, "refused");
            Problem::unauthorized().into_response()
        }
        Ok(identity) if identity.role < role => Problem::forbidden().into_response(),
        Ok(identity) => {
            if identity.by_cookie && !matches!(parts.method, Method::GET | Method::HEAD) {
                let confirmed = guard.shared.authority.confirm_change(&identity, &parts).await;
                if let Err(refusal) = confirmed {
                    tracing::info!(reason = refusal.0, "refused");
                    return Problem::forbidden().into_response();
                }
            }
            parts.extensions.insert(identity);
            next.run(Request::from_parts(parts, Body::from(body))).await
        }
    }
}
