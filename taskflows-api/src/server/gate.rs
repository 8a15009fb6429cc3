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
use tokio::sync::{OwnedSemaphorePermit, SemaphorePermit};
use tokio::time::timeout;
use tracing::Instrument;

use super::envelope::RequestId;
use super::problem::ProblemCode;
use super::shares::Share;
use super::stream::{self, Opened};
use super::text::bounded;
use super::{Audit, AuditLogin, AuditNames, AuditOutcome, AuditRecord, Identity, Problem, Rule, Shared};

/// What a change lacks that comes from a page.
const NO_CSRF_TOKEN: &str = "a change by a cookie needs its CSRF token in `X-CSRF-Token`";

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
    let is_change = is_change(&parts.method);
    match timeout(limit, guard.admit(parts, body, next, permit)).await {
        Ok(response) => response,
        // Nothing invites to ask for it again.
        Err(_) if is_change => {
            let detail =
                "it took too long and may still go on: look what became of it before it is asked for again";
            Problem::new(StatusCode::GATEWAY_TIMEOUT, detail).with_code("may-go-on").into_response()
        }
        Err(_) => Problem::busy("it took too long").with_code("timed-out").into_response(),
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
        let is_large = self.largest_body > USUAL_BODY && told.is_none_or(|length| length > USUAL_BODY);
        let _one_of_few = match is_large {
            true => Some(self.wait_for_turn(address(parts)).await?),
            false => None,
        };
        match timeout(self.shared.limits.body, to_bytes(body, self.largest_body)).await {
            Ok(Ok(body)) => Ok(body),
            Ok(Err(error)) if is_too_long(&error) => Err(too_large()),
            Ok(Err(_)) => Err(Problem::new(StatusCode::BAD_REQUEST, "the body ended early")),
            Err(_) => Err(Problem::new(StatusCode::BAD_REQUEST, "the body did not arrive in time")),
        }
    }

    /// Waits until a large body may be read: few are at once, so that all together stay small. Nobody knows yet who sends
    /// it, so each peer has few of them, and who comes later waits no longer than those before may take.
    async fn wait_for_turn(&self, peer: Option<IpAddr>) -> Result<(Share, SemaphorePermit<'_>), Problem> {
        let too_many = || Problem::busy("too many large requests are read");
        let share = self.shared.bodies_of_peer.take(peer).ok_or_else(too_many)?;
        match timeout(self.shared.limits.body, self.shared.large_bodies.acquire()).await {
            Ok(Ok(turn)) => Ok((share, turn)),
            _ => Err(too_many()),
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
        if is_change(&parts.method) {
            let request = Request::from_parts(parts, Body::from(body));
            return match self.rule {
                Rule::Open => self.enter(record, request, next, permit).await,
                Rule::Needs(_) => self.change(record, request, next, permit).await,
            };
        }
        let opened = match self.rule {
            Rule::Open => None,
            Rule::Needs(role) => {
                Some(Opened { role, peer: record.address, parts: parts.clone(), body: body.clone() })
            }
        };
        let request = Request::from_parts(parts, Body::from(body));
        stream::hold(&self.shared, opened, run(request, next).await)
    }

    /// Says who asks.
    async fn recognise(&self, peer: Option<IpAddr>, parts: &Parts, body: &[u8]) -> Result<Identity, Refused> {
        let identity = self.shared.authority.identify(peer, parts, body).await;
        identity.map_err(|refusal| Refused { problem: Problem::unauthorized(), reason: refusal.0 })
    }

    /// Says whether they may, and meant it.
    async fn judge(&self, identity: &Identity, parts: &Parts) -> Result<(), Refused> {
        let forbidden = |code, detail, reason| Refused {
            problem: Problem::forbidden().with_code(code).with_detail(detail),
            reason,
        };
        let Rule::Needs(role) = self.rule else { return Ok(()) };
        if identity.role < role {
            let reason = format!("it needs the role {role}");
            return Err(forbidden("role-too-low", "it needs a greater role", reason));
        }
        if identity.by_cookie && is_change(&parts.method) {
            let confirmed = self.shared.authority.confirm_change(identity, parts).await;
            return confirmed.map_err(|refusal| forbidden("csrf", NO_CSRF_TOKEN, refusal.0));
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
        let Ok(change) = Arc::clone(&shared.changes).try_acquire_owned() else {
            return Problem::busy("the server ends").with_code("ending").into_response();
        };
        let done = tokio::spawn(
            async move {
                let _held = (permit, change);
                if let Err(problem) = begin(&*audit, &record).await {
                    return problem.into_response();
                }
                let response = run(request, next).await;
                shared.live.changed();
                let names = response.extensions().get::<AuditNames>().map(|names| names.0.clone());
                let record = AuditRecord {
                    time: (shared.host.now)(),
                    names: names.unwrap_or_default().iter().map(|name| bounded(name)).collect(),
                    ..record
                };
                let code = code_of(&response);
                audit
                    .end(&record, &AuditOutcome::Answered { status: response.status().as_u16(), code })
                    .await;
                response
            }
            .in_current_span(),
        );
        done.await.unwrap_or_else(|_| Problem::internal().into_response())
    }

    /// Lets somebody log in, to the end of it. Who came in is on record before they are told; who did not is one line of
    /// strangers, for which nothing waits.
    async fn enter(
        &self,
        mut record: AuditRecord,
        request: Request,
        next: Next,
        permit: OwnedSemaphorePermit,
    ) -> Response {
        let shared = Arc::clone(&self.shared);
        let done = tokio::spawn(
            async move {
                let _permit = permit;
                let response = run(request, next).await;
                let status = response.status().as_u16();
                record.time = (shared.host.now)();
                let login = response.extensions().get::<AuditLogin>().cloned();
                let reason = login.and_then(|login| login.tell(&mut record));
                if record.who.is_some()
                    && let Err(problem) = begin(&*shared.audit, &record).await
                {
                    return problem.into_response();
                }
                let outcome = match reason {
                    Some(reason) => AuditOutcome::Refused { status, reason: bounded(&reason) },
                    None => AuditOutcome::Answered { status, code: code_of(&response) },
                };
                shared.audit.end(&record, &outcome).await;
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
            address: address(parts),
            method: bounded(parts.method.as_str()),
            path: bounded(parts.uri.path()),
            names: Vec::new(),
            claimed: parts.headers.get(CLAIM).and_then(|name| name.to_str().ok()).map(bounded),
        }
    }
}

/// Returns whose connection it is; `None` for a socket of this host.
fn address(parts: &Parts) -> Option<IpAddr> {
    parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip())
}

/// Writes that something is about to be done, which is not done where that fails.
async fn begin(audit: &dyn Audit, record: &AuditRecord) -> Result<(), Problem> {
    audit.begin(record).await.map_err(|error| {
        let error = bounded(&error.to_string());
        tracing::error!(request_id = record.request_id, error, "refused");
        Problem::busy("changes cannot be recorded now").with_code("no-audit")
    })
}

/// Returns the word for programs of an answer that is a problem.
fn code_of(response: &Response) -> Option<String> {
    response.extensions().get::<ProblemCode>().map(|code| code.0.clone())
}

/// Tells whether a request may change anything.
pub(super) fn is_change(method: &Method) -> bool {
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
