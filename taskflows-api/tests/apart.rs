//! A disk that takes its time keeps only those waiting who ask for what is on it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use axum::body::Body;
use axum::http::Request;
use jiff::Timestamp;
use taskflows_api::Host;
use taskflows_api::server::Api;
use taskflows_api::testing::{Everybody, host};
use taskflows_core::effects::{
    EnvironmentError, EnvironmentStore, NamedEnvironment, RunHistory, RunStore, RunStoreError,
};
use taskflows_core::task::{Attempt, RunFinish, RunId, RunQuery, RunRecord, Trigger};
use taskflows_core::{EnvironmentName, ServiceName};
use taskflows_security::Role;
use tower::ServiceExt;

const SLOW: Duration = Duration::from_millis(600);

/// Blocks the thread that asks for what there is, as a disk would. Nothing is written.
#[derive(Debug)]
struct SlowDisk;

#[async_trait]
impl EnvironmentStore for SlowDisk {
    async fn list(&self) -> Result<Vec<NamedEnvironment>, EnvironmentError> {
        std::thread::sleep(SLOW);
        Ok(Vec::new())
    }
    async fn create(&self, _: NamedEnvironment) -> Result<(), EnvironmentError> {
        unreachable!()
    }
    async fn replace(&self, _: &EnvironmentName, _: NamedEnvironment) -> Result<(), EnvironmentError> {
        unreachable!()
    }
    async fn remove(&self, _: &EnvironmentName) -> Result<(), EnvironmentError> {
        unreachable!()
    }
}

#[async_trait]
impl RunHistory for SlowDisk {
    async fn recent(&self, _: &RunQuery) -> Result<Vec<RunRecord>, RunStoreError> {
        std::thread::sleep(SLOW);
        Ok(Vec::new())
    }
    async fn attempts(&self, _: RunId) -> Result<Vec<Attempt>, RunStoreError> {
        unreachable!()
    }
}

#[async_trait]
impl RunStore for SlowDisk {
    async fn begin(&self, _: &RunRecord) -> Result<Trigger, RunStoreError> {
        unreachable!()
    }
    async fn attempt(&self, _: RunId, _: &Attempt) -> Result<(), RunStoreError> {
        unreachable!()
    }
    async fn finish(&self, _: RunId, _: &RunFinish) -> Result<(), RunStoreError> {
        unreachable!()
    }
    async fn announce(&self, _: &ServiceName, _: &Trigger, _: Timestamp) -> Result<(), RunStoreError> {
        unreachable!()
    }
    async fn restore(&self, _: &[(RunRecord, Vec<Attempt>)]) -> Result<usize, RunStoreError> {
        unreachable!()
    }
}

#[tokio::test]
async fn health_is_told_while_a_disk_is_waited_for() {
    let slow = Host { runs: Arc::new(SlowDisk), environments: Arc::new(SlowDisk), ..host() };
    let api = Api::new(slow, Arc::new(Everybody(Role::Admin)));
    let ask = async |path: &str, began: Instant| {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let answer = api.router.clone().oneshot(request).await.unwrap();
        (answer.status().as_u16(), began.elapsed())
    };
    for path in ["/api/runs", "/api/environments"] {
        let began = Instant::now();
        let ((slow, waited), (health, took)) = tokio::join!(ask(path, began), ask("/health", began));
        assert_eq!((slow, health), (200, 200), "{path}");
        assert!(waited >= SLOW && took < SLOW / 2, "{path}: {waited:?}, {took:?}");
    }
}
