use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use taskflows_core::ServiceName;
use taskflows_security::Role;
use utoipa_axum::routes;

use super::act::refuse_own;
use crate::ports::DefineError;
use crate::server::route::{Routes, Rule};
use crate::server::{AuditNames, Body, Problem, Shared};
use crate::wire::{Applied, Names, Order};

pub(super) fn add(routes: Routes) -> Routes {
    routes
        .add(Rule::Needs(Role::Admin), routes!(plan))
        .add(Rule::Needs(Role::Admin), routes!(apply))
        .add(Rule::Needs(Role::Admin), routes!(remove))
}

/// Tells what an order would change, with the whole texts of unit files, and changes nothing.
#[utoipa::path(post, path = "/api/plan", tag = "apply", request_body = Order, responses(
    (status = 200, body = Applied),
    (status = 404, body = Problem, description = "a service is not installed"),
    (status = 409, body = Problem, description = "a unit is not ours, or comes from elsewhere"),
    (status = 422, body = Problem, description = "the definition is wrong: `fault` says where"),
    (status = 500, body = Problem),
    (status = 502, body = Problem, description = "systemd did not do it"),
    (status = 503, body = Problem, description = "somebody else is changing the units"),
))]
async fn plan(State(shared): State<Arc<Shared>>, Body(order): Body<Order>) -> Response {
    let names = names_of(&order);
    answer(names, shared.host.definer.plan(&order).await)
}

/// Installs and removes what is ordered, all or none.
#[utoipa::path(post, path = "/api/apply", tag = "apply", request_body = Order, responses(
    (status = 200, body = Applied),
    (status = 404, body = Problem, description = "a service is not installed"),
    (status = 409, body = Problem, description = "a unit is not ours, was changed by hand, or comes from elsewhere"),
    (status = 422, body = Problem, description = "the definition is wrong: `fault` says where"),
    (status = 500, body = Problem),
    (status = 502, body = Problem, description = "systemd did not do it; all is as before"),
    (status = 503, body = Problem, description = "somebody else is changing the units"),
))]
async fn apply(State(shared): State<Arc<Shared>>, Body(order): Body<Order>) -> Response {
    let names = names_of(&order);
    answer(names, shared.host.definer.apply(&order).await)
}

/// Stops and removes services, all or none.
#[utoipa::path(post, path = "/api/remove", tag = "apply", operation_id = "remove_services", request_body = Names, responses(
    (status = 200, body = Applied),
    (status = 404, body = Problem, description = "a service is not installed"),
    (status = 409, body = Problem, description = "a unit is not ours"),
    (status = 422, body = Problem, description = "a name is none"),
    (status = 500, body = Problem),
    (status = 502, body = Problem, description = "systemd did not do it; all is as before"),
    (status = 503, body = Problem, description = "somebody else is changing the units"),
))]
async fn remove(State(shared): State<Arc<Shared>>, Body(names): Body<Names>) -> Response {
    let parsed: Result<Vec<ServiceName>, _> = names.names.iter().map(|name| name.parse()).collect();
    match parsed {
        Ok(parsed) => match refuse_own(&parsed, "remove") {
            Err(problem) => problem.into_response(),
            Ok(()) => answer(names.names, shared.host.definer.remove(&parsed).await),
        },
        Err(error) => Problem::invalid(format!("`names`: {error}")).into_response(),
    }
}

fn answer(names: Vec<String>, result: Result<Applied, DefineError>) -> Response {
    let mut response = match result {
        Ok(applied) => Json(applied).into_response(),
        Err(error) => Problem::from(error).into_response(),
    };
    response.extensions_mut().insert(AuditNames(names));
    response
}

/// Returns the names that an order is about, as far as it can be understood.
fn names_of(order: &Order) -> Vec<String> {
    let services = ["services", "taskflows_services"].into_iter().filter_map(|key| order.definition.get(key));
    let named = |service: &Value| service.get("name").and_then(Value::as_str).map(str::to_owned);
    let named = services.filter_map(Value::as_array).flatten().filter_map(named);
    named.chain(order.removals.iter().map(|removal| removal.name.clone())).collect()
}

impl From<DefineError> for Problem {
    fn from(error: DefineError) -> Self {
        match error {
            DefineError::Definition(fault) => {
                // A report has several lines, which stand in `fault`.
                let detail = match fault.flaws.as_slice() {
                    [] => fault.report.lines().next().unwrap_or_default().to_owned(),
                    [one] => format!("{}:{}:{}: {}", one.file, one.line, one.column, one.message),
                    [one, rest @ ..] => {
                        let more = rest.len();
                        format!("{}:{}:{}: {}, and {more} more", one.file, one.line, one.column, one.message)
                    }
                };
                let problem = Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail).with_code("definition");
                problem.with_fault(*fault)
            }
            DefineError::Services(error) => error.into(),
            DefineError::Failed { reason } => {
                // It names files of this host.
                tracing::error!(reason, "definitions were not applied");
                Self::internal().with_code("failed")
            }
        }
    }
}
