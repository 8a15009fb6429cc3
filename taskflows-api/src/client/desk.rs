//! Alerts, and what is wrong, of a server.

use std::time::Duration;

use async_trait::async_trait;
use http::Method;
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use taskflows_core::ServiceName;

use super::path::{path, with_query};
use super::translate::service_error;
use super::{Client, ClientError};
use crate::ports::{Desk, DeskError};
use crate::wire::{
    AlertChannel, AlertSilence, AlertTestBody, ChannelTest, DoctorFinding, Incident, IncidentsBody,
    KnownServer, SilenceBody, UnsilenceBody, WhyAnswer,
};

/// Channels are given their time to answer.
const TEST_DEADLINE: Duration = Duration::from_secs(60);

/// Asks the server of a client.
#[derive(Clone, Debug)]
pub struct RemoteDesk(pub Client);

impl RemoteDesk {
    async fn get<T: DeserializeOwned>(&self, target: &str) -> Result<T, DeskError> {
        self.0.get(target).await.map_err(refused)
    }

    async fn post<B: Serialize + Sync, T: DeserializeOwned>(
        &self,
        target: &str,
        body: &B,
    ) -> Result<T, DeskError> {
        self.0.send(Method::POST, target, Some(body)).await.map_err(refused)
    }
}

fn refused(error: ClientError) -> DeskError {
    let said = error.to_string();
    match (error.status(), error.code()) {
        // What can be done about it comes behind it.
        (Some(404), Some("not-found")) => match said.rsplit_once("; ") {
            Some((what, hint)) => DeskError::NotFound { what: what.to_owned(), hint: Some(hint.to_owned()) },
            None => DeskError::NotFound { what: said, hint: None },
        },
        (Some(422), _) => DeskError::Invalid { what: said },
        _ => DeskError::Services(service_error(error, "look at what is wrong")),
    }
}

#[async_trait]
impl Desk for RemoteDesk {
    async fn incidents(&self) -> Result<Vec<Incident>, DeskError> {
        self.get("/api/alerts").await
    }

    async fn channels(&self) -> Result<Vec<AlertChannel>, DeskError> {
        self.get("/api/alerts/channels").await
    }

    async fn silences(&self) -> Result<Vec<AlertSilence>, DeskError> {
        self.get("/api/alerts/silences").await
    }

    async fn ack(&self, which: &IncidentsBody) -> Result<Vec<String>, DeskError> {
        self.post("/api/alerts/ack", which).await
    }

    async fn close(&self, which: &IncidentsBody) -> Result<Vec<String>, DeskError> {
        self.post("/api/alerts/close", which).await
    }

    async fn silence(&self, what: &SilenceBody) -> Result<AlertSilence, DeskError> {
        self.post("/api/alerts/silence", what).await
    }

    async fn unsilence(&self, number: i64) -> Result<(), DeskError> {
        self.post("/api/alerts/unsilence", &UnsilenceBody { number }).await
    }

    async fn test(&self, what: &AlertTestBody) -> Result<Vec<ChannelTest>, DeskError> {
        let patient = Self(self.0.clone().with_deadline(TEST_DEADLINE));
        patient.post("/api/alerts/test", what).await
    }

    async fn why(&self, name: &ServiceName, at: Option<Timestamp>) -> Result<WhyAnswer, DeskError> {
        let target = path("/api/services", &[name.as_str(), "why"]);
        let at = at.map(|at| at.to_string());
        let pairs: Vec<(&str, &str)> = at.iter().map(|at| ("at", at.as_str())).collect();
        self.get(&with_query(&target, &pairs)).await
    }

    async fn doctor(&self) -> Result<Vec<DoctorFinding>, DeskError> {
        self.get("/api/doctor").await
    }

    async fn servers(&self) -> Result<Vec<KnownServer>, DeskError> {
        self.get("/api/servers").await
    }
}
