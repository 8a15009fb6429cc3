//! One gate for every route: what it demands, who asks, may they, was it meant, and only then the route.

use std::net::{IpAddr, SocketAddr};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::CONTENT_LENGTH;
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;
use tracing::Instrument;

use super::envelope::RequestId;
use super::text::bounded;
use super::{AuditNames, AuditOutcome, AuditRecord, Identity, Problem, Rule, Shared, stream};

/// The greatest body that is read, in bytes.
pub(super) const USUAL_BODY: usize = 64 << 10;
/// That of routes that take definitions.
pub(super) const LARGE_BODY: usize = 4 << 20;

/// What stands before a route.
#[derive(Clone)]
pub(super) struct Guard {
    pub(super) shared: Arc<Shared>,
    pub(super) rule: Rule,
    pub(super) largest_body: usize,
}

/// Who a client says that it acts for.
const CLAIM: &str = "X-Taskflows-User";

/// Why a request is not let through.
struct Refused {
    problem: Problem,
    reason: String,
}

/// Lets through who may use the route, with their [`Identity`] beside the request.
pub(super) async fn guard(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let body = match guard.read(&parts, body).await {
        Ok(body) => body,
        Err(problem) => return problem.into_response(),
    };
    let Ok(permit) = Arc::clone(&guard.shared.requests).try_acquire_owned() else {
        return Problem::busy("too many requests are worked on").into_response();
    };
    let limit = guard.shared.limits.request;
    match timeout(limit, guard.admit(parts, body, next, permit)).await {
        Ok(response) => response,
        Err(_) => Problem::busy("it took too long; where it is a change, it may still be made")
            .with_code("timed-out")
            .into_response(),
    }
}

impl Guard {
    /// Reads the whole body: what is verified is what is parsed.
    async fn read(&self, parts: &Parts, body: Body) -> Result<Bytes, Problem> {
        let told = parts.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        let too_large = || {
            let kib = self.largest_body >> 10;
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, format!("at most {kib} KiB are read"))
        };
        if told.is_some_and(|length: usize| length > self.largest_body) {
            return Err(too_large());
        }
        // Few large ones at once, so that all together stay small.
        let is_large = self.largest_body > USUAL_BODY && told.is_none_or(|length| length > USUAL_BODY);
        let _one_of_few = match is_large {
            true => match self.shared.large_bodies.try_acquire() {
                Ok(permit) => Some(permit),
                Err(_) => return Err(Problem::busy("too many large requests are read")),
            },
            false => None,
        };
        match timeout(self.shared.limits.body, to_bytes(body, self.largest_body)).await {
            Ok(Ok(body)) => Ok(body),
            Ok(Err(error)) if is_too_long(&error) => Err(too_large()),
            Ok(Err(_)) => Err(Problem::new(StatusCode::BAD_REQUEST, "the body ended early")),
            Err(_) => Err(Problem::new(StatusCode::BAD_REQUEST, "the body did not arrive in time")),
        }
    }

    async fn admit(
        &self,
        mut parts: Parts,
        body: Bytes,
        next: Next,
        permit: OwnedSemaphorePermit,
    ) -> Response {
        let mut record = self.record(&parts);
        if let Rule::Needs(_) = self.rule {
            match self.recognise(record.address, &parts, &body).await {
                Ok(identity) => {
                    record.who = Some(bounded(&identity.name));
                    record.role = Some(identity.role);
                    if let Err(refused) = self.judge(&identity, &parts).await {
                        return self.refuse(&record, refused).await;
                    }
                    parts.extensions.insert(identity);
                }
                Err(refused) => return self.refuse(&record, refused).await,
            }
        }
        let is_change = is_change(&parts.method);
        let request = Request::from_parts(parts, Body::from(body));
        match is_change {
            true => self.change(record, request, next, permit).await,
            false => stream::hold(&self.shared, run(request, next).await),
        }
    }

    /// Says who asks.
    async fn recognise(&self, peer: Option<IpAddr>, parts: &Parts, body: &[u8]) -> Result<Identity, Refused> {
        let identity = self.shared.authority.identify(peer, parts, body).await;
        identity.map_err(|refusal| Refused { problem: Problem::unauthorized(), reason: refusal.0 })
    }

    /// Says whether they may, and meant it.
    async fn judge(&self, identity: &Identity, parts: &Parts) -> Result<(), Refused> {
        let forbidden = |reason: String| Refused { problem: Problem::forbidden(), reason };
        let Rule::Needs(role) = self.rule else { return Ok(()) };
        if identity.role < role {
            return Err(forbidden(format!("it needs the role {role}")));
        }
        if identity.by_cookie && is_change(&parts.method) {
            let confirmed = self.shared.authority.confirm_change(identity, parts).await;
            return confirmed.map_err(|refusal| forbidden(refusal.0));
        }
        Ok(())
    }

    /// Makes a change to its end, whoever goes away meanwhile.
    async fn change(
        &self,
        record: AuditRecord,
        request: Request,
        next: Next,
        permit: OwnedSemaphorePermit,
    ) -> Response {
        let shared = Arc::clone(&self.shared);
        let audit = Arc::clone(&shared.audit);
        let done = tokio::spawn(
            async move {
                let _permit = permit;
                if let Err(error) = audit.begin(&record).await {
                    tracing::error!(
                        request_id = record.request_id,
                        error = bounded(&error.to_string()),
                        "refused"
                    );
                    return Problem::busy("changes cannot be recorded now")
                        .with_code("no-audit")
                        .into_response();
                }
                let response = run(request, next).await;
                shared.live.changed();
                let names = response.extensions().get::<AuditNames>().map(|names| names.0.clone());
                let record = AuditRecord {
                    time: (shared.host.now)(),
                    names: names.unwrap_or_default().iter().map(|name| bounded(name)).collect(),
                    ..record
                };
                audit.end(&record, &AuditOutcome::Answered { status: response.status().as_u16() }).await;
                response
            }
            .in_current_span(),
        );
        done.await.unwrap_or_else(|_| Problem::internal().into_response())
    }

    async fn refuse(&self, record: &AuditRecord, refused: Refused) -> Response {
        let (status, reason) = (refused.problem.status, bounded(&refused.reason));
        self.shared.audit.end(record, &AuditOutcome::Refused { status, reason }).await;
        refused.problem.into_response()
    }

    fn record(&self, parts: &Parts) -> AuditRecord {
        AuditRecord {
            time: (self.shared.host.now)(),
            request_id: parts.extensions.get::<RequestId>().map(ToString::to_string).unwrap_or_default(),
            who: None,
            role: None,
            address: parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip()),
            method: bounded(parts.method.as_str()),
            path: bounded(parts.uri.path()),
            names: Vec::new(),
            claimed: parts.headers.get(CLAIM).and_then(|name| name.to_str().ok()).map(bounded),
        }
    }
}

/// Tells whether a request may change anything.
fn is_change(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD)
}

/// Answers, whatever becomes of the route.
async fn run(request: Request, next: Next) -> Response {
    let answer = AssertUnwindSafe(next.run(request)).catch_unwind().await;
    answer.unwrap_or_else(|_| {
        // What it panicked of stands in the log already.
        tracing::error!("a route panicked");
        Problem::internal().into_response()
    })
}

fn is_too_long(error: &axum::Error) -> bool {
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        if inner.is::<http_body_util::LengthLimitError>() {
            return true;
        }
        cause = inner.source();
    }
    false
}
