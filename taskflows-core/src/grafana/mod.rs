//! Grafana: addresses in it, and dashboards for it. Data only; what makes them is elsewhere.

mod dashboard;
mod explore;
mod panel;
mod query;

pub use dashboard::{Dashboard, DashboardError, GRID, Place};
pub use explore::{Explore, ExploreForm};
pub use panel::{Panel, PanelHeight, PanelKind, PanelView};
pub use query::logs_of;
