//! The server: routes, and who may use them.

mod authority;
mod gate;
mod people;
mod problem;
mod route;
mod routes;

use std::sync::Arc;

use utoipa::openapi::OpenApi;

pub use authority::{Authority, Identity, Refusal};
pub use people::PeopleAuthority;
pub use problem::Problem;
pub use route::{Rule, RuledRoute};

use crate::Host;

/// What every route has at hand.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    pub(crate) host: Host,
    pub(crate) authority: Arc<dyn Authority>,
}

/// The routes of the API, what each demands of who asks, and the document that describes them.
pub struct Api {
    /// Serves them.
    pub router: axum::Router,
    /// Each with its rule.
    pub routes: Vec<RuledRoute>,
    /// OpenAPI 3.1.
    pub document: OpenApi,
}

impl std::fmt::Debug for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Api").field("routes", &self.routes).finish_non_exhaustive()
    }
}

impl Api {
    /// Puts the routes of `host` behind `authority`.
    #[must_use]
    pub fn new(host: Host, authority: Arc<dyn Authority>) -> Self {
        let shared = Arc::new(Shared { host, authority });
        let (router, routes) = routes::all(&shared).into_parts();
        let (router, document) = router.split_for_parts();
        Self { router: router.with_state(shared), routes, document }
    }
}
