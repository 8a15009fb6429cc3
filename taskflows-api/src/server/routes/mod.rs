//! The routes, by what they are about.

mod document;
mod events;
mod health;
mod metrics;

use std::sync::Arc;

use super::Shared;
use super::route::Routes;

/// Returns all routes. Each area adds its own.
pub(super) fn all(shared: &Arc<Shared>) -> Routes {
    let routes = Routes::new(shared);
    let routes = health::add(routes);
    let routes = events::add(routes);
    let routes = metrics::add(routes);
    document::add(routes)
}
