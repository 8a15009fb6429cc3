//! The client of one server, against servers that answer, refuse, are cut off, or say nothing.

#![expect(clippy::unwrap_used, reason = "a test that unwraps fails as it should")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::Method;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use taskflows_api::client::{Client, ClientError, Credentials};
use taskflows_api::server::Problem;
use taskflows_security::{NONCE_HEADER, SIGNATURE_HEADER, SignedParts, SigningKey, TIMESTAMP_HEADER};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const ID: &str = "0123456789abcdef0123456789abcdef";

/// A server that takes some secrets, and whose clock may be off.
#[derive(Clone)]
struct Fake {
    secrets: Arc<Mutex<Vec<&'static str>>>,
    ahead: SignedDuration,
    asked: Arc<AtomicUsize>,
    id: &'static str,
    users: Arc<Mutex<Vec<String>>>,
}

impl Fake {
    fn new(secret: &'static str) -> Self {
        Self {
            secrets: Arc::new(Mutex::new(vec![secret])),
            ahead: SignedDuration::ZERO,
            asked: Arc::default(),
            id: ID,
            users: Arc::default(),
        }
    }

    async fn serve(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let fake = self.clone();
        let router = axum::Router::new().fallback(move |request: Request| {
            let fake = fake.clone();
            async move { fake.answer(request).await }
        });
        tokio::spawn(async move { axum::serve(listener, router).await });
        base
    }

    async fn answer(&self, request: Request) -> Response {
        if request.uri().path() == "/health" {
            let time = Timestamp::now() + self.ahead;
            let health = json!({"status": "ok", "server_id": self.id, "hostname": "web1", "version": "1", "time": time});
            return axum::Json(health).into_response();
        }
        self.asked.fetch_add(1, Ordering::Relaxed);
        let (parts, body) = request.into_parts();
        let body: Bytes = axum::body::to_bytes(body, 1 << 20).await.unwrap();
        let header = |name: &str| parts.headers.get(name).map_or("", |value| value.to_str().unwrap());
        self.users.lock().unwrap().push(header("X-Taskflows-User").to_owned());
        let signed = SignedParts {
            timestamp: header(TIMESTAMP_HEADER),
            nonce: header(NONCE_HEADER),
            server_id: self.id,
            method: parts.method.as_str(),
            path: parts.uri.path(),
            query: parts.uri.query().unwrap_or_default(),
            body: &body,
        };
        let verifies = |secret: &&str| SigningKey::new(secret).verifies(&signed, header(SIGNATURE_HEADER));
        let is_late = self.ahead.abs() > SignedDuration::from_secs(300);
        match self.secrets.lock().unwrap().iter().any(verifies) && !is_late {
            true => axum::Json(json!({"body": String::from_utf8_lossy(&body)})).into_response(),
            false => Problem::unauthorized().into_response(),
        }
    }
}

fn client(base: &str, secret: &str, server_id: &str) -> Client {
    let credentials = Credentials::Signed { key: SigningKey::new(secret), server_id: server_id.to_owned() };
    Client::new("web1", base, credentials).unwrap()
}

fn said(result: Result<Value, ClientError>) -> String {
    result.unwrap_err().to_string()
}

#[tokio::test]
async fn a_request_is_signed_for_the_server_whose_id_is_asked_for_where_it_is_not_known() {
    let fake = Fake::new("secret");
    let base = fake.serve().await;
    for id in [ID, ""] {
        let client = client(&base, "secret", id).with_user("ada");
        assert!(client.get::<Value>("/api/x?match=web%2A").await.is_ok());
        let told: Value = client.send(Method::POST, "/api/x", Some(&json!({"a": 1}))).await.unwrap();
        assert_eq!(told["body"], "{\"a\":1}");
    }
    assert!(fake.users.lock().unwrap().iter().all(|user| user == "ada"));
    let nameless = client(&base, "secret", ID).with_user("a b\nc: d");
    assert!(nameless.get::<Value>("/api/x").await.is_ok());
    assert_eq!(fake.users.lock().unwrap().last().map(String::as_str), Some(""));
}

#[tokio::test]
async fn an_id_is_learnt_where_nobody_stands_between_alone_and_is_no_other_servers() {
    for base in
        ["http://10.0.0.1:1", "http://web1:1", "http://localhost.example:1", "http://127.0.0.1.example:1"]
    {
        // Nothing is sent.
        let client = client(base, "secret", "").with_deadline(Duration::from_millis(1));
        let told = client.get::<Value>("/api/x").await.unwrap_err();
        assert!(matches!(told, ClientError::Unidentified { .. }), "{base}: {told}");
    }
    let fake = Fake::new("secret");
    let base = fake.serve().await;
    let others = [(ID.to_owned(), "web2".to_owned())].into();
    let told = client(&base, "secret", "").with_others(others).get::<Value>("/api/x").await;
    assert_eq!(said(told), "web1 says that it is `web2`");
    assert_eq!(fake.asked.load(Ordering::Relaxed), 0, "nothing was signed for it");
}

#[tokio::test]
async fn a_key_that_was_changed_meanwhile_is_read_again_and_no_command_fails() {
    let fake = Fake::new("new");
    let base = fake.serve().await;
    let reads = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&reads);
    let client = client(&base, "old", ID).with_keys(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        vec![SigningKey::new("new"), SigningKey::new("old")]
    });
    let told: Value = client.send(Method::POST, "/api/x", Some(&1)).await.unwrap();
    assert_eq!(told["body"], "1");
    assert!(client.clone().get::<Value>("/api/x").await.is_ok());
    // The file is read where a signature is refused alone, and the key that was right is kept by all handles.
    assert_eq!((reads.load(Ordering::Relaxed), fake.asked.load(Ordering::Relaxed)), (1, 3));
    // Of those who changed it here and not there, the one before is taken.
    *fake.secrets.lock().unwrap() = vec!["old"];
    assert!(client.get::<Value>("/api/x").await.is_ok());
}

#[tokio::test]
async fn who_is_refused_learns_why() {
    let check = async |fake: Fake, id: &str, told: &str, code: &str| {
        let base = fake.serve().await;
        let error = client(&base, "secret", id).get::<Value>("/api/x").await.unwrap_err();
        assert_eq!((error.to_string().as_str(), error.code()), (told, Some(code)));
        assert_eq!(error.status(), Some(401));
    };
    let off = |seconds| Fake { ahead: SignedDuration::from_secs(seconds), ..Fake::new("secret") };
    check(off(400), ID, "web1's clock is 400 s ahead", "clock-skew").await;
    check(off(-400), ID, "web1's clock is 400 s behind", "clock-skew").await;
    check(Fake::new("other"), ID, "web1 did not accept who asks", "not-recognised").await;
    let told = "web1 is another server than the one that was registered";
    check(Fake { id: "ffffffffffffffff", ..Fake::new("secret") }, ID, told, "other-server").await;
}

#[tokio::test]
async fn a_clock_that_is_off_by_a_third_of_the_window_is_named_where_it_is_refused() {
    let fake = Fake { ahead: SignedDuration::from_secs(140), ..Fake::new("other") };
    let base = fake.serve().await;
    let told = said(client(&base, "secret", ID).get("/api/x").await);
    assert!(told == "web1's clock is 140 s ahead", "{told}");
}

/// Serves `answer` to whoever connects, after so many connections that are cut.
async fn raw(answer: &'static [u8], cut: usize) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let number = counted.fetch_add(1, Ordering::Relaxed);
            let mut bytes = [0; 4096];
            let _ = socket.read(&mut bytes).await;
            if number >= cut {
                let _ = socket.write_all(answer).await;
            }
            if answer.is_empty() && number >= cut {
                tokio::time::sleep(Duration::from_secs(60)).await;
            }
        }
    });
    (base, connections)
}

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";

#[tokio::test]
async fn what_only_reads_is_tried_once_more_where_the_connection_is_cut() {
    let open = |base: &str| Client::new("web1", base, Credentials::None).unwrap();
    let (base, connections) = raw(OK, 1).await;
    assert!(open(&base).get::<Value>("/x").await.is_ok());
    assert_eq!(connections.load(Ordering::Relaxed), 2);
    let (base, connections) = raw(OK, 1).await;
    assert_eq!(
        said(open(&base).send(Method::POST, "/x", Some(&1)).await),
        "web1 did not answer: the connection was cut"
    );
    assert_eq!(connections.load(Ordering::Relaxed), 1, "a change is never sent twice");
    let (base, connections) = raw(OK, 9).await;
    assert!(open(&base).get::<Value>("/x").await.unwrap_err().is_unreachable());
    assert_eq!(connections.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn why_there_was_no_answer_is_said_in_few_words() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gone = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let (hangs, _) = raw(b"", 0).await;
    let secure = hangs.replace("http", "https");
    let (plain, _) = raw(OK, 0).await;
    for (base, told) in [
        (gone.as_str(), "connection refused"),
        ("http://no-such-host.invalid:7777", "name not known"),
        (hangs.as_str(), "no answer within 200 ms"),
        (secure.as_str(), "no answer within 200 ms"),
        (plain.replace("http", "https").as_str(), "it speaks no TLS"),
    ] {
        let client = Client::new("web1", base, Credentials::None).unwrap();
        let client = client.with_deadline(Duration::from_millis(200));
        let began = std::time::Instant::now();
        assert_eq!(said(client.get("/x").await), format!("web1 did not answer: {told}"), "{base}");
        assert_eq!(client.trouble().as_deref(), Some(told));
        assert!(began.elapsed() < Duration::from_secs(3));
    }
}

#[tokio::test]
async fn an_answer_that_is_none_of_this_api_is_told_as_such() {
    for (answer, told) in [
        (&b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"[..], "gave an answer that could not be read"),
        (b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 5\r\n\r\nhello", "web1: HTTP status 502"),
        (
            b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n<html>",
            "it is a web page, which the API of taskflows",
        ),
        (b"HTTP/1.1 302 Found\r\nlocation: /y\r\ncontent-length: 0\r\n\r\n", "web1: HTTP status 302"),
        (b"nonsense\r\n\r\n", "web1 did not answer"),
        (b"HTTP/1.1 404 Not Found\r\ncontent-length: 99999999\r\n\r\n", "web1 did not answer"),
    ] {
        let (base, _) = raw(answer, 0).await;
        let client = Client::new("web1", &base, Credentials::None).unwrap();
        let told_by = said(client.with_deadline(Duration::from_secs(2)).get("/x").await);
        assert!(told_by.contains(told), "{told_by}");
    }
}

/// Serves TLS with a certificate for `name` that signs itself, and returns its address and the certificate.
async fn tls(name: &str) -> (String, tempfile::NamedTempFile) {
    tls_with(rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap()).await
}

/// The same for a certificate as `openssl req -x509` makes it: one that calls itself an authority.
fn authority(name: &str) -> rcgen::CertificateParams {
    let mut made = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
    made.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    made
}

async fn tls_with(made: rcgen::CertificateParams) -> (String, tempfile::NamedTempFile) {
    let signing_key = rcgen::KeyPair::generate().unwrap();
    let cert = made.self_signed(&signing_key).unwrap();
    let certified = rcgen::CertifiedKey { cert, signing_key };
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), certified.cert.pem()).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(certified.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(socket).await else { return };
                let mut bytes = [0; 4096];
                let _ = stream.read(&mut bytes).await;
                let _ = stream.write_all(OK).await;
                let _ = stream.shutdown().await;
            });
        }
    });
    (format!("https://localhost:{port}"), file)
}

#[tokio::test]
async fn a_certificate_is_trusted_where_its_file_is_named_and_for_its_name_alone() {
    let (base, file) = tls("localhost").await;
    let open = |base: &str, file| Client::trusting("web1", base, Credentials::None, file).unwrap();
    assert!(open(&base, Some(file.path())).get::<Value>("/x").await.is_ok());
    let told = said(open(&base, None).get("/x").await);
    assert!(told.ends_with("certificate not trusted: nobody vouches for it who is known here"), "{told}");
    let (base, file) = tls("other.example").await;
    let told = said(open(&base, Some(file.path())).get("/x").await);
    assert!(told.ends_with("certificate not trusted: it is for other.example, not for localhost"), "{told}");
    let empty = tempfile::NamedTempFile::new().unwrap();
    let unusable = Client::trusting("web1", &base, Credentials::None, Some(empty.path())).unwrap_err();
    assert!(unusable.to_string().contains("holds no certificate"), "{unusable}");
}

#[tokio::test]
async fn a_certificate_that_calls_itself_an_authority_is_trusted_where_it_is_the_one_that_is_named() {
    let told = async |made: rcgen::CertificateParams, other: Option<&std::path::Path>| {
        let (base, file) = tls_with(made).await;
        let client = Client::trusting("web1", &base, Credentials::None, Some(other.unwrap_or(file.path())));
        let answer = client.unwrap().get::<Value>("/x").await;
        answer.map_or_else(|error| error.to_string(), |_| "trusted".to_owned())
    };
    assert_eq!(told(authority("localhost"), None).await, "trusted");
    // Another one of the same name.
    let (_, other) = tls_with(authority("localhost")).await;
    let [mut late, mut early, mut nameless] = [(); 3].map(|()| authority("localhost"));
    late.not_after = rcgen::date_time_ymd(2020, 1, 1);
    early.not_before = rcgen::date_time_ymd(3000, 1, 1);
    nameless.subject_alt_names.clear();
    for (made, other, reason) in [
        (authority("localhost"), Some(other.path()), "nobody vouches for it who is known here"),
        (authority("other.example"), None, "it is for other.example, not for localhost"),
        (late, None, "it has expired"),
        (early, None, "it is not valid yet"),
        (nameless, None, "it names no host"),
    ] {
        let expected = format!("web1 did not answer: certificate not trusted: {reason}");
        assert_eq!(told(made, other).await, expected);
    }
}

#[tokio::test]
async fn what_keeps_tls_from_working_is_told_with_what_helps() {
    let (base, _) = tls("localhost").await;
    let (page, _) = raw(OK, 0).await;
    for (base, reason, remedy) in [
        (base.replace("https", "http"), "it speaks no plain HTTP", "https://"),
        (page.replace("http", "https"), "it speaks no TLS", "http://"),
        (base, "nobody vouches for it", "--ca-file"),
    ] {
        let client = Client::new("web1", &base, Credentials::None).unwrap();
        let told = client.get::<Value>("/x").await.unwrap_err();
        assert!(told.to_string().contains(reason), "{told}");
        assert!(told.remedy().unwrap().contains(remedy), "{told}");
    }
}
