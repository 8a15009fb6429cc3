//! Streams of events: so many at once, each for so long, and none beyond the server's own end.

use std::sync::Arc;

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt, future};

use super::{Problem, Shared};

/// Counts an answer that is a stream of events, and sees to its end; any other passes.
pub(super) fn hold(shared: &Arc<Shared>, response: Response) -> Response {
    let kind = response.headers().get(CONTENT_TYPE).map(|kind| kind.as_bytes());
    if !kind.is_some_and(|kind| kind.starts_with(b"text/event-stream")) {
        return response;
    }
    let Ok(permit) = Arc::clone(&shared.streams).try_acquire_owned() else {
        return Problem::busy("too many streams are open").into_response();
    };
    let mut ending = shared.ending.subscribe();
    let age = shared.limits.stream_age;
    let end = async move {
        let told = ending.wait_for(|is_ending| *is_ending);
        future::select(Box::pin(told), Box::pin(tokio::time::sleep(age))).await;
    };
    response.map(|body| {
        let events = body.into_data_stream().take_until(Box::pin(end));
        // It is given back when the stream goes, however that happens.
        Body::from_stream(events.inspect(move |_| {
            let _ = &permit;
        }))
    })
}
