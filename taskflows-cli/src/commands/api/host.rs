use std::sync::Arc;

use jiff::Timestamp;
use taskflows_api::{Access, Host};

use crate::App;

/// Returns what the API works with: the same adapters that commands work with.
pub(crate) fn host(app: &App, server_id: String, access: Access) -> Host {
    Host {
        definer: Arc::new(crate::LocalDefiner::new(Arc::new(app.clone()))),
        desk: Arc::new(crate::LocalDesk::new(Arc::new(app.clone()))),
        services: Arc::clone(&app.services),
        logs: Arc::clone(&app.logs),
        runs: Arc::clone(&app.runs),
        journal_runs: Arc::clone(&app.journal_runs),
        environments: Arc::clone(&app.environments),
        feed: Arc::clone(&app.feed),
        access,
        zones: app.zones.clone(),
        now: Arc::new(Timestamp::now),
        name: app.host_name.clone(),
        server_id,
    }
}
