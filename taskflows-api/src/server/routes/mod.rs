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

use super::route::Routes;

/// Adds all routes. Each area adds its own.
pub(super) fn all(routes: Routes) -> Routes {
    let areas = [
        act::add,
        apply::add,
        auth::add,
        calendar::add,
        desk::add,
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
    areas.into_iter().fold(routes, |routes, add| add(routes))
}
