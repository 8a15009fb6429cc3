//! The routes, by what they are about.

mod act;
mod apply;
mod auth;
mod calendar;
mod desk;
mod document;
mod environments;
mod events;
mod health;
pub(super) mod logs;
mod metrics;
mod people;
mod responses;
pub(super) mod runs;
mod select;
mod services;
mod tokens;

use std::sync::Arc;

use super::Shared;
use super::route::Routes;

/// Returns all routes. Each area adds its own.
pub(super) fn all(shared: &Arc<Shared>) -> Routes {
    let routes = Routes::new(shared);
    let routes = health::add(routes);
    let routes = services::add(routes);
    let routes = act::add(routes);
    let routes = calendar::add(routes);
    let routes = logs::add(routes);
    let routes = runs::add(routes);
    let routes = environments::add(routes);
    let routes = apply::add(routes);
    let routes = desk::add(routes);
    let routes = events::add(routes);
    let routes = metrics::add(routes);
    let routes = auth::add(routes);
    let routes = people::add(routes);
    let routes = tokens::add(routes);
    document::add(routes)
}
