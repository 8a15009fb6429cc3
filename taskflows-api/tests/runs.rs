//! The runs of a host over HTTP.

mod kit;

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::Value;
use taskflows_api::Host;
use taskflows_api::client::RemoteRuns;
use taskflows_api::testing::host;
use taskflows_api::wire::{RunSource, RunWithAttempts};
use taskflows_core::ServiceName;
use taskflows_core::effects::{RunHistory, RunStore, RunStoreError};
use taskflows_core::task::{Attempt, RunFinish, RunId, RunQuery, RunRecord, Trigger};
use taskflows_core::testing::MemoryRunStore;
use taskflows_core::testing::run_store::{a_run, a_service_run, run_store, somebody};
use taskflows_security::Role;

use kit::{client, server};

/// What a host keeps itself, read over HTTP.
struct KeptThere {
    near: Arc<MemoryRunStore>,
    remote: RemoteRuns,
}

#[async_trait]
impl RunHistory for KeptThere {
    async fn recent(&self, query: &RunQuery) -> Result<Vec<RunRecord>, RunStoreError> {
        self.remote.recent(query).await
    }
    async fn attempts(&self, run: RunId) -> Result<Vec<Attempt>, RunStoreError> {
        self.remote.attempts(run).await
    }
    async fn latest(&self, services: &[ServiceName]) -> Result<Vec<RunRecord>, RunStoreError> {
        self.remote.latest(services).await
    }
}

#[async_trait]
impl RunStore for KeptThere {
    async fn begin(&self, run: &RunRecord) -> Result<Trigger, RunStoreError> {
        self.near.begin(run).await
    }
    async fn attempt(&self, run: RunId, attempt: &Attempt) -> Result<(), RunStoreError> {
        self.near.attempt(run, attempt).await
    }
    async fn finish(&self, run: RunId, end: &RunFinish) -> Result<(), RunStoreError> {
        self.near.finish(run, end).await
    }
    async fn announce(&self, of: &ServiceName, by: &Trigger, now: Timestamp) -> Result<(), RunStoreError> {
        self.near.announce(of, by, now).await
    }
    async fn restore(&self, runs: &[(RunRecord, Vec<Attempt>)]) -> Result<usize, RunStoreError> {
        self.near.restore(runs).await
    }
}

async fn kept_there() -> KeptThere {
    let near = Arc::new(MemoryRunStore::default());
    let host = Host { runs: Arc::clone(&near) as _, ..host() };
    let remote = RemoteRuns::new(client(server(host, Role::Viewer).await), RunSource::Store);
    KeptThere { near, remote }
}

#[tokio::test]
async fn runs_read_over_http_keep_to_the_contract() {
    let store = kept_there().await;
    let alive = somebody();
    store.near.live(alive.clone());
    run_store(&store, &alive).await;
}

#[tokio::test]
async fn another_host_keeps_its_runs_itself() {
    let store = kept_there().await;
    let run = a_run(1, "a", 1);
    let refused = store.remote.begin(&run).await.unwrap_err();
    assert_eq!(refused.to_string(), "could not keep a run on web1");
    assert!(store.remote.restore(&[(run.clone(), Vec::new())]).await.is_err());
    let end = RunFinish { ended: run.started, outcome: run.outcome.clone(), attempts: 1, error: None };
    assert!(store.remote.finish(run.id, &end).await.is_err());
    let service = "a".parse().unwrap();
    store.remote.announce(&service, &Trigger::Timer, run.started).await.unwrap();
    let later = a_service_run(2, "a", 2);
    assert_eq!(store.near.begin(&later).await.unwrap(), Trigger::Unknown, "nothing was announced");
}

#[tokio::test]
async fn a_run_is_known_by_its_first_digits() {
    let (near, journal) = (Arc::new(MemoryRunStore::default()), Arc::new(MemoryRunStore::default()));
    near.begin(&a_run(0x000a_bcd1 << 108, "one", 1)).await.unwrap();
    near.begin(&a_run(0x000a_bcd2 << 108, "two", 2)).await.unwrap();
    journal.begin(&a_run(0x000a_bcd3 << 108, "three", 3)).await.unwrap();
    let host = Host { runs: near as _, journal_runs: Arc::clone(&journal) as _, ..host() };
    let client = client(server(host, Role::Viewer).await);
    let found: RunWithAttempts = client.get("/api/runs/ABCD1").await.unwrap();
    assert_eq!((found.run.task.as_str(), found.attempts.len()), ("one", 0));
    let found: RunWithAttempts = client.get("/api/runs/abcd?source=journal").await.unwrap();
    assert_eq!(found.run.task, "three");
    for (target, status, code) in [
        ("/api/runs/abcd", 409, "ambiguous-run"),
        ("/api/runs/ffff", 404, "no-such-run"),
        ("/api/runs/abc", 422, "invalid"),
        ("/api/runs/abcz", 422, "invalid"),
        ("/api/runs/abcd1?more=1", 422, "invalid"),
        ("/api/runs?limit=20001", 422, "invalid"),
        ("/api/runs?source=loki", 422, "invalid"),
        ("/api/runs?failed=perhaps", 422, "invalid"),
        ("/api/runs?id_prefix=x", 422, "invalid"),
        ("/api/runs/latest?name=a%2Fb", 422, "invalid"),
    ] {
        let error = client.get::<Value>(target).await.unwrap_err();
        assert_eq!((error.status(), error.code()), (Some(status), Some(code)), "{target}: {error}");
    }
    let source = RemoteRuns::new(client.clone(), RunSource::Journal);
    assert_eq!(source.recent(&RunQuery::default()).await.unwrap().len(), 1);
    let place = "open `/var/lib/state.db`".to_owned();
    journal.fail_next(RunStoreError::Failed { operation: place, source: "it is damaged".into() });
    let error = client.get::<Value>("/api/runs?source=journal").await.unwrap_err();
    assert_eq!((error.status(), error.to_string().contains("state.db")), (Some(502), false), "{error}");
}

#[tokio::test]
async fn a_hundred_runs_come_where_nothing_else_is_asked_for() {
    let store = kept_there().await;
    for id in 1..=150 {
        store.near.begin(&a_service_run(id, &format!("s{id}"), 10)).await.unwrap();
    }
    let address = server(Host { runs: Arc::clone(&store.near) as _, ..host() }, Role::Viewer).await;
    let client = client(address);
    assert_eq!(client.get::<Vec<Value>>("/api/runs").await.unwrap().len(), 100);
    assert_eq!(client.get::<Vec<Value>>("/api/runs?limit=120").await.unwrap().len(), 120);
    assert_eq!(client.get::<Vec<Value>>("/api/runs?task=s1&task=s2").await.unwrap().len(), 2);
    assert_eq!(client.get::<Vec<Value>>("/api/runs/latest").await.unwrap().len(), 0);
    assert_eq!(store.remote.recent(&RunQuery::default()).await.unwrap().len(), 150);
    let names: Vec<ServiceName> = (1..=150).map(|id| format!("s{id}").parse().unwrap()).collect();
    assert_eq!(store.remote.latest(&names).await.unwrap().len(), 150);
}
