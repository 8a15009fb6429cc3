//! What is asked of a host when something is wrong: this host, or another one by its API.

mod alerts;
mod channels;
mod doctor;
mod why;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use taskflows_api::ports::{Desk, DeskError};
use taskflows_api::wire::{
    AlertChannel, AlertSilence, AlertTestBody, ChannelTest, DoctorFinding, Incident, IncidentsBody,
    KnownServer, SilenceBody, WhyAnswer,
};
use taskflows_core::ServiceName;
use taskflows_core::effects::ServiceError;
use tokio::runtime::Handle;

use crate::error::Cause;
use crate::fleet::{Registered, Server};
use crate::{App, CliError, Exit};

/// Answers for the host of an `App`.
///
/// Each question is worked on by a thread of its own, since files are read and written for it.
#[derive(Clone)]
pub struct LocalDesk(Arc<App>);

impl fmt::Debug for LocalDesk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LocalDesk").finish()
    }
}

impl LocalDesk {
    /// Answers for the host of `app`.
    pub fn new(app: Arc<App>) -> Self {
        Self(app)
    }

    async fn apart<T, W>(&self, work: W) -> Result<T, DeskError>
    where
        T: Send + 'static,
        W: AsyncFnOnce(&App) -> Result<T, CliError> + Send + 'static,
    {
        let (app, handle) = (Arc::clone(&self.0), Handle::current());
        let done = tokio::task::spawn_blocking(move || handle.block_on(work(&app))).await;
        match done {
            Ok(result) => result.map_err(desk_error),
            Err(_) => Err(DeskError::Failed { reason: "it broke off in the middle".to_owned() }),
        }
    }
}

#[async_trait]
impl Desk for LocalDesk {
    async fn incidents(&self) -> Result<Vec<Incident>, DeskError> {
        self.apart(async |app: &App| alerts::incidents(app)).await
    }

    async fn channels(&self) -> Result<Vec<AlertChannel>, DeskError> {
        self.apart(async |app: &App| channels::channels(app)).await
    }

    async fn silences(&self) -> Result<Vec<AlertSilence>, DeskError> {
        self.apart(async |app: &App| alerts::silences(app)).await
    }

    async fn ack(&self, which: &IncidentsBody) -> Result<Vec<String>, DeskError> {
        let which = which.clone();
        self.apart(async move |app: &App| alerts::ack(app, &which)).await
    }

    async fn close(&self, which: &IncidentsBody) -> Result<Vec<String>, DeskError> {
        let which = which.clone();
        self.apart(async move |app: &App| alerts::close(app, &which)).await
    }

    async fn silence(&self, what: &SilenceBody) -> Result<AlertSilence, DeskError> {
        let what = what.clone();
        self.apart(async move |app: &App| alerts::silence(app, &what)).await
    }

    async fn unsilence(&self, number: i64) -> Result<(), DeskError> {
        self.apart(async move |app: &App| alerts::unsilence(app, number)).await
    }

    async fn test(&self, what: &AlertTestBody) -> Result<Vec<ChannelTest>, DeskError> {
        let what = what.clone();
        self.apart(async move |app: &App| channels::test(app, what.name.as_deref()).await).await
    }

    async fn why(&self, name: &ServiceName, at: Option<Timestamp>) -> Result<WhyAnswer, DeskError> {
        let name = name.clone();
        self.apart(async move |app: &App| why::why(app, &name, at).await).await
    }

    async fn doctor(&self) -> Result<Vec<DoctorFinding>, DeskError> {
        self.apart(async |app: &App| Ok(doctor::doctor(app).await)).await
    }

    async fn servers(&self) -> Result<Vec<KnownServer>, DeskError> {
        self.apart(async |app: &App| servers(app)).await
    }
}

fn servers(app: &App) -> Result<Vec<KnownServer>, CliError> {
    let registered = Registered::read(app)?;
    let known = registered.known(app);
    let one = |(name, server): (&String, &Server)| KnownServer {
        name: name.clone(),
        address: server.address.to_string(),
        groups: server.groups.clone(),
        server_id: server.server_id.clone(),
        is_this_host: known.is_own(server),
        last_updated: server.last_updated.clone(),
    };
    Ok(registered.servers.iter().map(one).collect())
}

impl App {
    /// Returns what answers for the server that is asked.
    pub(crate) fn desk(&self) -> Arc<dyn Desk> {
        match &self.desk {
            Some(desk) => Arc::clone(desk),
            None => Arc::new(LocalDesk::new(Arc::new(self.clone()))),
        }
    }
}

/// Hands an error on to who asked.
fn desk_error(error: CliError) -> DeskError {
    match error.exit {
        _ if matches!(error.cause.as_deref(), Some(Cause::Services(_))) => services_error(error),
        Exit::NoSuchService => DeskError::NotFound { what: error.message, hint: error.hint },
        Exit::Usage => DeskError::Invalid { what: error.message },
        _ => DeskError::Failed { reason: error.message },
    }
}

fn services_error(error: CliError) -> DeskError {
    match error.cause.and_then(Arc::into_inner) {
        Some(Cause::Services(error)) => DeskError::Services(error),
        _ => DeskError::Failed { reason: error.message },
    }
}

impl From<DeskError> for CliError {
    fn from(error: DeskError) -> Self {
        match error {
            DeskError::NotFound { what, hint } => Self { hint, ..Self::new(Exit::NoSuchService, what) },
            DeskError::Invalid { what } => Self::new(Exit::Usage, what),
            DeskError::Services(error) => error.into(),
            other => Self::new(Exit::Failed, other.to_string()),
        }
    }
}

/// Tells whether there is no such service.
pub(crate) fn is_no_such_service(error: &DeskError) -> bool {
    matches!(error, DeskError::Services(error) if ServiceError::is_not_found(error))
}
