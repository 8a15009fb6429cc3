use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::Method;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use taskflows_security::Role;
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::openapi::{OpenApi, Paths, RefOr};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

use super::document::{describe, operations};
use super::gate::{Guard, LARGE_BODY, USUAL_BODY, guard};
use super::{Problem, Shared, query};

/// The routes that take definitions, or as many names, whose bodies may be large.
const TAKE_DEFINITIONS: [&str; 3] = ["/api/plan", "/api/apply", "/api/remove"];

/// What a route demands of who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Nothing: it tells nothing and changes nothing.
    Open,
    /// A credential of this role or a greater one.
    Needs(Role),
}

/// A route and its rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuledRoute {
    /// `GET` and so on.
    pub method: Method,
    /// With names in braces for what varies.
    pub path: String,
    /// What it demands.
    pub rule: Rule,
}

/// Routes, none of which is there without a rule.
pub(crate) struct Routes {
    shared: Arc<Shared>,
    router: axum::Router<Arc<Shared>>,
    ruled: Vec<RuledRoute>,
    /// What they say of themselves, where that is asked for: it is several times what serves them.
    described: Option<OpenApiRouter<Arc<Shared>>>,
}

impl Routes {
    /// Begins routes that are served.
    pub(crate) fn new(shared: &Arc<Shared>) -> Self {
        Self { shared: Arc::clone(shared), router: axum::Router::new(), ruled: Vec::new(), described: None }
    }

    /// Begins routes that are described as well.
    pub(crate) fn described(shared: &Arc<Shared>) -> Self {
        Self { described: Some(OpenApiRouter::new()), ..Self::new(shared) }
    }

    /// Adds what `routes!` makes of a handler.
    pub(crate) fn add(mut self, rule: Rule, routes: UtoipaMethodRouter<Arc<Shared>>) -> Self {
        let (schemas, mut paths, methods) = routes;
        let added = ruled(&mut paths, rule);
        let keys = Arc::new(query_keys(&mut paths));
        let takes_definitions = added.iter().any(|route| TAKE_DEFINITIONS.contains(&route.path.as_str()));
        let largest_body = if takes_definitions { LARGE_BODY } else { USUAL_BODY };
        let guarding = Guard { shared: Arc::clone(&self.shared), rule, largest_body };
        let methods = methods.route_layer(middleware::from_fn_with_state(keys, only_known_keys));
        // Not what answers to other methods, which is open.
        let methods = methods.route_layer(middleware::from_fn_with_state(guarding, guard));
        for path in paths.paths.keys() {
            self.router = self.router.route(path, methods.clone());
        }
        self.ruled.extend(added);
        self.described = self.described.map(|router| {
            describe(&mut paths, rule);
            router.routes((schemas, paths, methods))
        });
        self
    }

    /// Returns what serves them, and each with its rule.
    pub(crate) fn into_parts(self) -> (axum::Router<Arc<Shared>>, Vec<RuledRoute>) {
        (self.router, self.ruled)
    }

    /// Returns what they say of themselves.
    pub(crate) fn into_description(self) -> OpenApi {
        self.described.unwrap_or_default().into_openapi()
    }
}

/// Refuses a query with keys that the document does not name, so that none is passed over in silence.
async fn only_known_keys(State(keys): State<Arc<Vec<String>>>, request: Request, next: Next) -> Response {
    match query::check_keys(request.uri().query().unwrap_or_default(), &keys) {
        Ok(()) => next.run(request).await,
        Err(words) => Problem::invalid(words).into_response(),
    }
}

/// Returns the keys that a route reads of a query.
fn query_keys(paths: &mut Paths) -> Vec<String> {
    let operations =
        paths.paths.values_mut().flat_map(|item| operations(item).map(|(_, operation)| operation));
    let parameters = operations.flat_map(|operation| operation.parameters.iter().flatten());
    let of_query = parameters.filter_map(|parameter| match parameter {
        RefOr::T(Parameter { name, parameter_in: ParameterIn::Query, .. }) => Some(name.clone()),
        _ => None,
    });
    of_query.collect()
}

fn ruled(paths: &mut Paths, rule: Rule) -> Vec<RuledRoute> {
    let mut ruled = Vec::new();
    for (path, item) in &mut paths.paths {
        ruled.extend(operations(item).map(|(method, _)| RuledRoute { method, path: path.clone(), rule }));
    }
    ruled
}
