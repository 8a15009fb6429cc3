//! Alerts, why, doctor and servers over a server on loopback.

#![expect(clippy::unwrap_used, reason = "a test that unwraps fails as it should")]

use std::sync::Arc;

use jiff::Timestamp;
use taskflows_api::client::{Client, Credentials, RemoteDesk};
use taskflows_api::ports::{Desk, DeskError};
use taskflows_api::server::{Api, AuditOutcome, Limits};
use taskflows_api::testing::{Everybody, MemoryAudit, MemoryDesk, host, serve};
use taskflows_api::wire::{
    AlertChannel, AlertTestBody, DoctorFinding, FindingSeverity, Incident, IncidentsBody, KnownServer,
    SilenceBody,
};
use taskflows_core::testing::FakeServiceManager;
use taskflows_security::Role;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn incident(service: &str) -> Incident {
    Incident {
        service: service.to_owned(),
        host: "web1".to_owned(),
        group: "ops".to_owned(),
        title: format!("{service} failed"),
        severity: "error".to_owned(),
        kind: "failed".to_owned(),
        opened_at: at("2026-11-24T12:00:00Z"),
        last_at: at("2026-11-24T12:05:00Z"),
        failures: 2,
        missed: 0,
        acked_by: None,
        recovering_since: None,
        told: true,
    }
}

/// A desk that knows something, a client of it, and what is written down.
async fn desk(role: Role) -> (MemoryDesk, RemoteDesk, MemoryAudit) {
    let memory = MemoryDesk::over(Arc::new(FakeServiceManager::default()));
    {
        let mut state = memory.state();
        state.incidents = vec![incident("web"), incident("nightly-backup")];
        let channel = AlertChannel { channel: "slack:ops".to_owned(), queued: 2, ..AlertChannel::default() };
        state.channels = vec![channel];
        state.findings = vec![DoctorFinding {
            severity: FindingSeverity::Warning,
            check: "linger".to_owned(),
            subject: "ann".to_owned(),
            message: "services end at logout".to_owned(),
            remedy: Some("loginctl enable-linger".to_owned()),
        }];
        state.servers = vec![KnownServer {
            name: "web2".to_owned(),
            address: "10.0.0.2:7777".to_owned(),
            groups: vec!["web".to_owned()],
            server_id: None,
            is_this_host: false,
            last_updated: None,
        }];
    }
    let host = taskflows_api::Host { desk: Arc::new(memory.clone()), ..host() };
    let audit = MemoryAudit::default();
    let api = Api::with(host, Arc::new(Everybody(role)), Arc::new(audit.clone()), Limits::default());
    let base = format!("http://{}", serve(api).await.unwrap());
    let client = Client::new("web1", &base, Credentials::None).unwrap();
    (memory, RemoteDesk(client), audit)
}

fn names(names: &[&str], who: Option<&str>) -> IncidentsBody {
    let names = names.iter().map(|name| (*name).to_owned()).collect();
    IncidentsBody { names, who: who.map(str::to_owned) }
}

#[tokio::test]
async fn what_is_known_arrives_as_it_was() {
    let (memory, remote, _) = desk(Role::Viewer).await;
    assert_eq!(remote.incidents().await.unwrap(), memory.incidents().await.unwrap());
    assert_eq!(remote.channels().await.unwrap(), memory.channels().await.unwrap());
    assert_eq!(remote.doctor().await.unwrap(), memory.doctor().await.unwrap());
    assert_eq!(remote.servers().await.unwrap(), memory.servers().await.unwrap());
    assert!(remote.silences().await.unwrap().is_empty());
}

#[tokio::test]
async fn who_acts_is_who_was_recognised_beside_who_they_say_they_are() {
    let (memory, remote, audit) = desk(Role::Operator).await;
    assert_eq!(remote.ack(&names(&["nightly-*"], Some("Ann"))).await.unwrap(), ["nightly-backup"]);
    assert_eq!(memory.state().incidents[1].acked_by.as_deref(), Some("Ann (somebody)"));
    assert_eq!(remote.ack(&names(&["web"], None)).await.unwrap(), ["web"]);
    assert_eq!(memory.state().incidents[0].acked_by.as_deref(), Some("somebody"));
    assert_eq!(remote.close(&names(&["*"], None)).await.unwrap(), ["nightly-backup", "web"]);
    assert!(memory.state().incidents.is_empty());
    let done = audit
        .records()
        .iter()
        .filter(|(_, outcome)| matches!(outcome, Some(AuditOutcome::Answered { status: 200, .. })))
        .count();
    assert_eq!(done, 3, "{:?}", audit.records());
}

#[tokio::test]
async fn silences_begin_and_end() {
    let (memory, remote, _) = desk(Role::Operator).await;
    let body = SilenceBody { name: "web-*".to_owned(), seconds: 3600.0, ..SilenceBody::default() };
    let silence = remote.silence(&body).await.unwrap();
    assert_eq!(silence.by, "somebody");
    assert_eq!(remote.silences().await.unwrap(), std::slice::from_ref(&silence));
    remote.unsilence(silence.number).await.unwrap();
    assert!(memory.state().silences.is_empty());
    let gone = remote.unsilence(silence.number).await.unwrap_err();
    assert!(matches!(gone, DeskError::NotFound { .. }), "{gone:?}");
}

#[tokio::test]
async fn what_is_not_there_or_means_nothing_is_told() {
    let (_, remote, audit) = desk(Role::Operator).await;
    let error = remote.ack(&names(&["nobody"], None)).await.unwrap_err();
    assert!(matches!(&error, DeskError::NotFound { .. }), "{error:?}");
    let outcome = audit.records().pop().unwrap().1.unwrap();
    assert!(matches!(outcome, AuditOutcome::Answered { status: 404, code: Some(_) }), "{outcome:?}");
    assert_eq!(error.to_string(), "web1: no open incident of nobody");
    for wrong in [names(&[], None), names(&["[["], None), names(&["web"], Some("a\nb"))] {
        let error = remote.close(&wrong).await.unwrap_err();
        assert!(matches!(error, DeskError::Invalid { .. }), "{wrong:?}: {error:?}");
    }
    let nobody = AlertTestBody { name: Some("slack:none".to_owned()) };
    assert!(matches!(remote.test(&nobody).await.unwrap_err(), DeskError::NotFound { .. }));
    assert!(remote.test(&AlertTestBody::default()).await.unwrap()[0].arrived);
    let error = remote.why(&"nobody".parse().unwrap(), Some(at("2026-11-24T12:00:00Z"))).await.unwrap_err();
    assert!(matches!(&error, DeskError::Services(error) if error.is_not_found()), "{error:?}");
}

#[tokio::test]
async fn a_viewer_looks_and_changes_nothing() {
    let (memory, remote, _) = desk(Role::Viewer).await;
    let error = remote.close(&names(&["web"], None)).await.unwrap_err();
    assert!(matches!(&error, DeskError::Services(error) if error.is_permission_denied()), "{error:?}");
    assert_eq!(memory.state().incidents.len(), 2);
}
