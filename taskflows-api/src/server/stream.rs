//! Streams of events: so many at once, each for so long, none beyond the server's own end, and none beyond the credentials
//! that it was opened with.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt, future};
use taskflows_security::Role;

use super::{Problem, Shared};

/// How long a stream goes on at most when who reads it would not be let in any more.
const RECHECK: Duration = Duration::from_secs(15);

/// What a stream was opened with.
pub(super) struct Opened {
    pub(super) role: Role,
    pub(super) peer: Option<IpAddr>,
    pub(super) parts: Parts,
    pub(super) body: Bytes,
}

/// Counts an answer that is a stream of events, and sees to its end; any other passes.
pub(super) fn hold(shared: &Arc<Shared>, opened: Option<Opened>, response: Response) -> Response {
    let kind = response.headers().get(CONTENT_TYPE).map(|kind| kind.as_bytes());
    if !kind.is_some_and(|kind| kind.starts_with(b"text/event-stream")) {
        return response;
    }
    let Ok(permit) = Arc::clone(&shared.streams).try_acquire_owned() else {
        return Problem::busy("too many streams are open").into_response();
    };
    let (mut ending, revoked) = (shared.ending.subscribe(), revoked(Arc::clone(shared), opened));
    let age = shared.limits.stream_age;
    let end = async move {
        let told = ending.wait_for(|is_ending| *is_ending);
        let over = future::select(Box::pin(told), Box::pin(tokio::time::sleep(age)));
        future::select(over, Box::pin(revoked)).await;
    };
    response.map(|body| {
        let events = body.into_data_stream().take_until(Box::pin(end));
        // It is given back when the stream goes, however that happens.
        Body::from_stream(events.inspect(move |_| {
            let _ = &permit;
        }))
    })
}

/// Waits until what a stream was opened with would not open it any more: a token or a session that is over, a role that has
/// sunk, another secret.
async fn revoked(shared: Arc<Shared>, opened: Option<Opened>) {
    let Some(Opened { role, peer, parts, body }) = opened else { return future::pending().await };
    loop {
        tokio::time::sleep(RECHECK).await;
        match shared.authority.recheck(peer, &parts, &body).await {
            Ok(identity) if identity.role >= role => {}
            Ok(identity) => {
                return tracing::info!(who = identity.name, "a stream ends, since its role has sunk");
            }
            Err(refusal) => return tracing::info!(reason = refusal.0, "a stream ends with its credentials"),
        }
    }
}
