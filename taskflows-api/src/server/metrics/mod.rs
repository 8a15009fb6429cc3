//! What this server counts, and what it knows of the host, as text that Prometheus reads.

mod alerts;
mod host;
mod process;
mod requests;
mod runs;
mod text;

use std::fmt;

use prometheus_client::registry::Registry;

pub(crate) use requests::observe;
pub(crate) use text::Format;

use super::{Problem, Shared};
use requests::Requests;
use runs::Runs;

/// Of so many services at most each has series of its own, the first by name.
pub(crate) const MOST_SERVICES: usize = 500;

/// What is counted from the start of the server on.
#[derive(Default)]
pub(crate) struct Metrics {
    requests: Requests,
    runs: Runs,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Metrics {
    /// Writes everything.
    ///
    /// # Errors
    /// When the services cannot be read.
    pub(crate) async fn text(&self, shared: &Shared, format: Format) -> Result<String, Problem> {
        let now = (shared.host.now)();
        let picture = shared.live.snapshot().picture().await?;
        self.runs.count(&*shared.host.runs, now).await;
        let mut registry = Registry::default();
        self.requests.register(&mut registry);
        self.runs.register(&mut registry);
        host::register(&mut registry, &shared.host.name);
        host::register_services(&mut registry, &picture.listings, now);
        host::register_streams(&mut registry, shared.streams_held());
        alerts::register(&mut registry, &*shared.host.desk, now).await;
        process::register(&mut registry);
        text::write(&registry, format).map_err(|_| Problem::internal())
    }
}

#[cfg(test)]
mod tests;
