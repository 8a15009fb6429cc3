//! Dashboards in Grafana: how they are written, and how they are made through its HTTP API.
//!
//! ```no_run
//! use taskflows_logging::grafana::{CreateDashboard, Dashboard, GrafanaSettings, Panel};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let worker = "worker".parse()?;
//! let rows = vec![vec![Panel::logs(worker)], vec![Panel::count("worker".parse()?).text("ERROR")]];
//! let dashboard = Dashboard::new("Worker logs", rows)?;
//! let settings = GrafanaSettings::new("https://grafana.example.org", "glsa_…");
//! println!("{:?}", dashboard.create(&settings).await?);
//! # Ok(())
//! # }
//! ```

mod client;
mod error;
mod http;
mod model;
mod settings;

pub use client::{CreateDashboard, DashboardChange, Grafana};
pub use error::GrafanaError;
pub use model::{TAG, dashboard_json, dashboard_uid};
pub use settings::GrafanaSettings;
pub use taskflows_core::grafana::{Dashboard, DashboardError, Panel, PanelHeight, PanelKind, PanelView};
