//! The routes, by what they are about.

mod act;
mod apply;
mod auth;
mod calendar;
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
    let areas = [
        act::add,
        apply::add,
        auth::add,
        calendar::add,
        document::add,
        environments::add,
        events::add,
        health::add,
        logs::add,
        metrics::add,
        people::add,
        runs::add,
        services::add,
        tokens::add,
    ];
    areas.into_iter().fold(Routes::new(shared), |routes, add| add(routes))
}
