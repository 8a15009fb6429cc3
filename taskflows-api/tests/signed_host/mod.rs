//! A server that wants signatures, on loopback, with its settings and nonces in a directory.

#![allow(dead_code, reason = "each file of tests uses a part of it")]

use std::net::SocketAddr;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use taskflows_api::server::{Authority, AuthorityChain, FileAudit, Limits, SignedAuthority};
use taskflows_api::testing::{probes, serve};
use taskflows_security::{
    AuditLog, AuditQuery, AuditRecord, SecurityFile, SecurityFileError, SecuritySettings, SignedParts,
    SigningKey, Watched,
};
use taskflows_store::{SqliteNonceStore, Store};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub(crate) const SECRET: &str = "ABAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// The route that tests ask for, and its answer.
pub(crate) fn a_target() -> &'static str {
    "/probe/asked?word=a%20b&count=1"
}

pub(crate) fn now() -> i64 {
    Timestamp::now().as_second()
}

#[derive(Clone)]
pub(crate) struct SignedHost {
    pub(crate) address: SocketAddr,
    pub(crate) server_id: String,
    pub(crate) file: SecurityFile,
    pub(crate) audit: AuditLog,
    pub(crate) directory: Arc<tempfile::TempDir>,
}

impl SignedHost {
    pub(crate) async fn start() -> Self {
        let directory = Arc::new(tempfile::tempdir().unwrap());
        let file = SecurityFile::new(directory.path().join(".services"));
        file.make_directory().unwrap();
        let settings = file.change::<SecurityFileError>(|settings| {
            settings.secret = Some(SecretString::from(SECRET));
            settings.ensure_server_id(None);
            Ok(())
        });
        let server_id = settings.unwrap().server_id.unwrap();
        let audit = AuditLog::new(directory.path().join("data"));
        let mut host = Self { address: ([127, 0, 0, 1], 0).into(), server_id, file, audit, directory };
        host.restart().await;
        host
    }

    /// Starts another server in the place of the one before, of which nothing is left but its files.
    pub(crate) async fn restart(&mut self) {
        let store = Store::open(&self.directory.path().join("data")).unwrap();
        let nonces = Arc::new(SqliteNonceStore::open(&store).unwrap());
        let settings = Watched::new(self.file.clone());
        let authority: Arc<dyn Authority> = Arc::new(SignedAuthority::new(
            settings,
            nonces,
            self.server_id.clone(),
            Arc::new(Timestamp::now),
        ));
        let chain = AuthorityChain {
            signed: Some(Arc::clone(&authority)),
            unsigned: Some(authority),
            ..AuthorityChain::default()
        };
        let audit = Arc::new(FileAudit::new(self.audit.clone()));
        self.address = serve(probes(Arc::new(chain), audit, Limits::default())).await.unwrap();
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut SecuritySettings)) {
        let changed = self.file.change::<SecurityFileError>(|settings| {
            change(settings);
            Ok(())
        });
        changed.unwrap();
    }

    pub(crate) fn rotate(&self, secret: &str, grace: i64) {
        let grace = SignedDuration::from_secs(grace);
        self.change(|settings| settings.rotate(SecretString::from(secret), grace, Timestamp::now()).unwrap());
    }

    /// Returns the head of a signed request without a body, without the empty line that ends it.
    pub(crate) fn signed(&self, method: &str, target: &str, nonce: &str, second: i64) -> String {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let timestamp = second.to_string();
        let server_id = self.server_id.as_str();
        let parts = SignedParts { timestamp: &timestamp, nonce, server_id, method, path, query, body: b"" };
        let signature = SigningKey::new(SECRET).sign(&parts);
        format!(
            "{method} {target} HTTP/1.1\r\nHost: localhost\r\nX-HMAC-Signature: {signature}\r\n\
             X-Timestamp: {timestamp}\r\nX-Nonce: {nonce}\r\n"
        )
    }

    /// Sends a head as it is, and returns the status and the body of the answer.
    pub(crate) async fn raw(&self, head: &str) -> (u16, String) {
        let mut socket = TcpStream::connect(self.address).await.unwrap();
        socket.write_all(format!("{head}Connection: close\r\n\r\n").as_bytes()).await.unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        (status, answer.split_once("\r\n\r\n").unwrap().1.to_owned())
    }

    /// Returns who was refused and who asked for a change, the newest last.
    pub(crate) fn last_record(&self) -> AuditRecord {
        self.audit.read(&AuditQuery::default()).unwrap().pop().unwrap()
    }
}
