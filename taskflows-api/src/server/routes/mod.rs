//! The routes, by what they are about.

mod auth;
mod health;
mod people;
mod tokens;

use std::sync::Arc;

use super::Shared;
use super::route::Routes;

/// Returns all routes. Each area adds its own.
pub(super) fn all(shared: &Arc<Shared>) -> Routes {
    let routes = Routes::new(shared);
    let routes = health::add(routes);
    let routes = auth::add(routes);
    let routes = people::add(routes);
    tokens::add(routes)
}
