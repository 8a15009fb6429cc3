//! The server: routes, and who may use them.

mod apart;
mod audit;
mod audit_names;
mod authority;
mod certificate;
mod chain;
mod document;
mod envelope;
mod extract;
mod file_audit;
mod gate;
mod limits;
mod line;
mod listen;
mod live;
mod local;
mod metrics;
mod people;
mod problem;
mod query;
mod route;
mod routes;
mod serve;
mod shares;
mod signed;
mod stream;
mod text;
mod tls;
mod waits;

use std::sync::{Arc, OnceLock};

use axum::body::Bytes;
use axum::http::StatusCode;
use axum::middleware;
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;
use utoipa::openapi::OpenApi;

pub use audit::{Audit, AuditError, AuditOutcome, AuditRecord, LogAudit};
pub(crate) use audit_names::AuditLogin;
pub use audit_names::AuditNames;
pub use authority::{Authority, Identity, Refusal};
pub use certificate::{Validity, validity};
pub use chain::AuthorityChain;
pub use envelope::RequestId;
pub use extract::{Body, Path, Query};
pub use file_audit::FileAudit;
pub use limits::Limits;
pub use listen::Listener;
pub use people::PeopleAuthority;
pub use problem::Problem;
pub(crate) use route::Routes;
pub use route::{Rule, RuledRoute};
pub(crate) use routes::runs::MOST_RUNS;
pub use serve::Server;
pub use signed::{LOCAL, SIGNED, SignedAuthority, is_signed};
pub use tls::{Tls, TlsError};

use crate::Host;
use live::Live;
use metrics::Metrics;
use shares::Shares;

/// What every route has at hand.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) host: Host,
    pub(crate) authority: Arc<dyn Authority>,
    pub(crate) waits: Arc<waits::Waits>,
    pub(crate) audit: Arc<dyn Audit>,
    pub(crate) limits: Limits,
    /// One of each for every request that is worked on.
    requests: Arc<Semaphore>,
    /// One of each for every change, until it is made. Who takes all of them waits for the last and refuses the next.
    changes: Arc<Semaphore>,
    /// One of each for every large body that is read.
    large_bodies: Semaphore,
    /// Those that one peer reads or waits to read.
    bodies_of_peer: Arc<Shares>,
    /// One of each for every stream of events.
    streams: Arc<Semaphore>,
    /// One of each for every log that is read or followed, which may be a process of its own.
    log_reads: Arc<Semaphore>,
    /// Whether the server is told to end. Whoever waits for something else waits for this as well.
    ending: watch::Sender<bool>,
    /// What is counted.
    pub(crate) metrics: Metrics,
    /// What is known of the host as it changes.
    pub(crate) live: Live,
    /// The routes, to be served or described.
    add_routes: fn(Routes) -> Routes,
    /// What describes the routes, once somebody asked.
    document: OnceLock<Bytes>,
}

/// The routes of the API, what each demands of who asks, and the document that describes them.
pub struct Api {
    /// Serves them.
    pub router: axum::Router,
    /// Each with its rule.
    pub routes: Vec<RuledRoute>,
    shared: Arc<Shared>,
}

impl std::fmt::Debug for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Api").field("routes", &self.routes).finish_non_exhaustive()
    }
}

impl Api {
    /// Puts the routes of `host` behind `authority`, with the usual limits; changes and refusals are told to the log.
    #[must_use]
    pub fn new(host: Host, authority: Arc<dyn Authority>) -> Self {
        Self::with(host, authority, Arc::new(LogAudit), Limits::default())
    }

    /// Puts the routes of `host` behind `authority`; changes and refusals are told to `audit`.
    #[must_use]
    pub fn with(host: Host, authority: Arc<dyn Authority>, audit: Arc<dyn Audit>, limits: Limits) -> Self {
        Self::assemble(Shared::new(host, authority, audit, limits, routes::all))
    }

    /// Puts the routes into the frame that all have.
    pub(crate) fn assemble(shared: Arc<Shared>) -> Self {
        let (router, routes) = (shared.add_routes)(Routes::new(&shared)).into_parts();
        let router = router
            .fallback(async || Problem::bare(StatusCode::NOT_FOUND))
            .layer(middleware::from_fn_with_state(Arc::clone(&shared), envelope::wrap))
            .layer(middleware::from_fn_with_state(Arc::clone(&shared), metrics::observe))
            .with_state(Arc::clone(&shared));
        Self { router, routes, shared }
    }

    /// Returns what describes the routes: OpenAPI 3.1.
    #[must_use]
    pub fn document(&self) -> OpenApi {
        document::of(&self.shared)
    }
}

impl Shared {
    /// Returns the text of what describes the routes, which is made when it is asked for first.
    pub(crate) fn document(self: &Arc<Self>) -> Bytes {
        // It is always written; that it can be read is seen to by the tests.
        let text = || serde_json::to_vec(&document::of(self)).unwrap_or_default().into();
        self.document.get_or_init(text).clone()
    }

    /// Returns how many streams of events are held.
    pub(crate) fn streams_held(&self) -> usize {
        self.limits.streams.saturating_sub(self.streams.available_permits())
    }

    /// Waits for changes to be made to their end, whether anybody waits for their answers or not, and lets none begin.
    async fn finish(&self) {
        if self.changes.available_permits() < self.limits.requests {
            tracing::info!("changes are under way: the server ends after them");
        }
        let all = u32::try_from(self.limits.requests).unwrap_or(u32::MAX);
        let made = async {
            if let Ok(all) = self.changes.acquire_many(all).await {
                all.forget();
            }
            self.waits.finish().await;
        };
        if timeout(self.limits.finish, made).await.is_err() {
            tracing::error!("changes were cut off, since they took too long to end");
        }
        // Requests that arrive while the others are answered begin none either.
        self.changes.close();
    }

    pub(crate) fn new(
        host: Host,
        authority: Arc<dyn Authority>,
        audit: Arc<dyn Audit>,
        limits: Limits,
        add_routes: fn(Routes) -> Routes,
    ) -> Arc<Self> {
        let host = host.apart();
        Arc::new(Self {
            live: Live::new(&host),
            metrics: Metrics::default(),
            host,
            authority,
            audit,
            limits,
            waits: Arc::default(),
            requests: Arc::new(Semaphore::new(limits.requests)),
            changes: Arc::new(Semaphore::new(limits.requests)),
            large_bodies: Semaphore::new(limits.large_bodies),
            bodies_of_peer: Shares::new(usize::MAX, limits.large_bodies_of_peer),
            streams: Arc::new(Semaphore::new(limits.streams)),
            log_reads: Arc::new(Semaphore::new(routes::logs::MOST_READ)),
            ending: watch::Sender::new(false),
            add_routes,
            document: OnceLock::new(),
        })
    }
}
