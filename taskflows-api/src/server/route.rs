use std::sync::Arc;

use axum::http::Method;
use axum::middleware;
use taskflows_security::Role;
use utoipa::openapi::Paths;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

use super::Shared;
use super::gate::{Guard, guard};

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
    router: OpenApiRouter<Arc<Shared>>,
    ruled: Vec<RuledRoute>,
}

impl Routes {
    pub(crate) fn new(shared: &Arc<Shared>) -> Self {
        Self { shared: Arc::clone(shared), router: OpenApiRouter::new(), ruled: Vec::new() }
    }

    /// Adds what `routes!` makes of a handler.
    pub(crate) fn add(mut self, rule: Rule, routes: UtoipaMethodRouter<Arc<Shared>>) -> Self {
        let (schemas, paths, methods) = routes;
        self.ruled.extend(ruled(&paths, rule));
        let guarding = Guard { shared: Arc::clone(&self.shared), rule };
        let methods = methods.layer(middleware::from_fn_with_state(guarding, guard));
        self.router = self.router.routes((schemas, paths, methods));
        self
    }

    pub(crate) fn into_parts(self) -> (OpenApiRouter<Arc<Shared>>, Vec<RuledRoute>) {
        (self.router, self.ruled)
    }
}

fn ruled(paths: &Paths, rule: Rule) -> Vec<RuledRoute> {
    let mut ruled = Vec::new();
    for (path, item) in &paths.paths {
        let operations = [
            (Method::GET, item.get.is_some()),
            (Method::POST, item.post.is_some()),
            (Method::PUT, item.put.is_some()),
            (Method::DELETE, item.delete.is_some()),
            (Method::PATCH, item.patch.is_some()),
        ];
        for (method, is_there) in operations {
            if is_there {
                ruled.push(RuledRoute { method, path: path.clone(), rule });
            }
        }
    }
    ruled
}
