//! A server whose clock a test sets, and requests as they are written.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;
use serde_json::Value;
use taskflows_api::server::{Api, Limits, PeopleAuthority};
use taskflows_api::testing::{MemoryAudit, host, serve};
use taskflows_api::{Access, Host};
use taskflows_security::{PasswordDigest, Person, Role};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub(crate) const PASSWORD: &str = "a quiet river";

/// A host with Ada (admin), Otto (operator) and Vera (viewer).
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) access: Access,
    pub(crate) seconds: Arc<AtomicI64>,
    pub(crate) router: axum::Router,
    pub(crate) audit: MemoryAudit,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.body))
    }

    pub(crate) fn text(&self, key: &str) -> String {
        self.json()[key].as_str().unwrap_or_else(|| panic!("{key}: {}", self.body)).to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The cookies as a browser would send them.
    pub(crate) fn cookies(&self) -> String {
        let set = self.headers.iter().filter(|(key, _)| key == "set-cookie");
        set.map(|(_, value)| value.split(';').next().unwrap()).collect::<Vec<_>>().join("; ")
    }
}

pub(crate) fn people() -> Vec<Person> {
    // Hashed once, as all have the same password.
    let password = PasswordDigest::of(PASSWORD);
    let person = |name: &str, role| Person {
        name: name.parse().unwrap(),
        password: password.clone(),
        role,
        created_at: "2026-11-24T00:00:00Z".parse().unwrap(),
        last_login: None,
    };
    vec![person("ada", Role::Admin), person("otto", Role::Operator), person("vera", Role::Viewer)]
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Host)) -> Self {
        let seconds = Arc::new(AtomicI64::new(1_795_000_000));
        let clock = Arc::clone(&seconds);
        let mut host = host();
        host.now = Arc::new(move || Timestamp::from_second(clock.load(Ordering::SeqCst)).unwrap());
        change(&mut host);
        for person in people() {
            host.access.people.add(person).unwrap();
        }
        let access = host.access.clone();
        let authority = Arc::new(PeopleAuthority::new(host.clone()));
        let audit = MemoryAudit::default();
        let api = Api::with(host, authority, Arc::new(audit.clone()), Limits::default());
        let router = api.router.clone();
        Self { address: serve(api).await.unwrap(), access, seconds, router, audit }
    }

    pub(crate) fn later(&self, seconds: i64) {
        self.seconds.fetch_add(seconds, Ordering::SeqCst);
    }

    pub(crate) async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut text = format!("{method} {path} HTTP/1.1\r\nHost: web1\r\nConnection: close\r\n");
        for (name, value) in headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        if !body.is_empty() {
            text.push_str("Content-Type: application/json\r\n");
        }
        text.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let header = |line: &str| {
            let (name, value) = line.split_once(':').unwrap();
            (name.to_lowercase(), value.trim().to_owned())
        };
        Answer { status, headers: lines.map(header).collect(), body: body.to_owned() }
    }

    pub(crate) async fn get(&self, path: &str, bearer: &str) -> Answer {
        self.ask("GET", path, &[("Authorization", &format!("Bearer {bearer}"))], "").await
    }

    pub(crate) async fn post(&self, path: &str, bearer: &str, body: &Value) -> Answer {
        let header = format!("Bearer {bearer}");
        self.ask("POST", path, &[("Authorization", &header)], &body.to_string()).await
    }

    pub(crate) async fn login_as(&self, username: &str, password: &str) -> Answer {
        let body = serde_json::json!({"username": username, "password": password});
        self.ask("POST", "/auth/login", &[], &body.to_string()).await
    }

    pub(crate) async fn login(&self, username: &str) -> Answer {
        let answer = self.login_as(username, PASSWORD).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer
    }

    /// Logs in as a web page does.
    pub(crate) async fn login_page(&self, username: &str) -> Answer {
        let body = serde_json::json!({"username": username, "password": PASSWORD, "cookies": true});
        let answer = self.ask("POST", "/auth/login", &[], &body.to_string()).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer
    }

    pub(crate) async fn renew(&self, token: &str) -> Answer {
        let body = serde_json::json!({"refresh_token": token});
        self.ask("POST", "/auth/refresh", &[], &body.to_string()).await
    }
}
