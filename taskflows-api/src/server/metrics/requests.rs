use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::Response;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use tokio::time::Instant;

use crate::server::Shared;

/// The upper ends of classes of durations, in seconds.
const CLASSES: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// `endpoint` is the template of the route, so that there are as many as routes, and `other` for what is none.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Answered {
    method: &'static str,
    endpoint: String,
    status_code: u16,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Asked {
    method: &'static str,
    endpoint: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Refused {
    kind: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Restarted {
    service_name: String,
    reason: &'static str,
}

/// What is counted of requests.
pub(super) struct Requests {
    answered: Family<Answered, Counter>,
    durations: Family<Answered, Histogram, fn() -> Histogram>,
    active: Family<Asked, Gauge>,
    refused: Family<Refused, Counter>,
    restarted: Family<Restarted, Counter>,
}

impl Default for Requests {
    fn default() -> Self {
        Self {
            answered: Family::default(),
            durations: Family::new_with_constructor(|| Histogram::new(CLASSES)),
            active: Family::default(),
            refused: Family::default(),
            restarted: Family::default(),
        }
    }
}

impl Requests {
    pub(super) fn register(&self, registry: &mut Registry) {
        let answered = self.answered.clone();
        registry.register("taskflows_api_requests", "Requests that were answered", answered);
        let durations = self.durations.clone();
        let help = "Seconds until a request was answered; of a stream, until it began";
        registry.register("taskflows_api_request_duration_seconds", help, durations);
        registry.register(
            "taskflows_api_active_requests",
            "Requests that are worked on",
            self.active.clone(),
        );
        let help = "Requests that were refused, by what was wrong";
        registry.register("taskflows_api_rejections", help, self.refused.clone());
        let help = "Restarts of services that were asked for here";
        registry.register("taskflows_service_restarts", help, self.restarted.clone());
    }

    fn count(&self, asked: Asked, status: u16, began: Instant) {
        let Asked { method, endpoint } = asked;
        if let Some(kind) = kind(status) {
            self.refused.get_or_create(&Refused { kind }).inc();
        }
        let answered = Answered { method, endpoint, status_code: status };
        self.answered.get_or_create(&answered).inc();
        self.durations.get_or_create(&answered).observe(began.elapsed().as_secs_f64());
    }
}

/// Lowers the number of requests that are worked on, whatever becomes of the one.
struct Active(Gauge);

impl Drop for Active {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// Counts every request, also those that are refused and those that are for no route.
pub(crate) async fn observe(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let route = request.extensions().get::<MatchedPath>();
    let endpoint = route.map_or("other", MatchedPath::as_str).to_owned();
    let asked = Asked { method: method(request.method()), endpoint };
    let restarted = restarted(&asked, request.uri().path());
    let requests = &shared.metrics.requests;
    let active = requests.active.get_or_create_owned(&asked);
    active.inc();
    let active = Active(active);
    let response = next.run(request).await;
    drop(active);
    // That it succeeded shows that there is such a service, so there are as many of these as services.
    if let Some(service_name) = restarted.filter(|_| response.status().is_success()) {
        requests.restarted.get_or_create(&Restarted { service_name, reason: "manual" }).inc();
    }
    requests.count(asked, response.status().as_u16(), began);
    response
}

/// Returns the service that is to be restarted.
fn restarted(asked: &Asked, path: &str) -> Option<String> {
    if (asked.method, asked.endpoint.as_str()) != ("POST", "/api/services/{name}/restart") {
        return None;
    }
    path.strip_prefix("/api/services/")?.strip_suffix("/restart").map(str::to_owned)
}

fn method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::PATCH => "PATCH",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

fn kind(status: u16) -> Option<&'static str> {
    Some(match status {
        400 => "malformed",
        401 => "unauthorized",
        403 => "forbidden",
        405 => "method",
        408 => "slow",
        413 => "too-large",
        415 => "media-type",
        422 => "invalid",
        429 => "too-many",
        503 => "busy",
        _ => return None,
    })
}
