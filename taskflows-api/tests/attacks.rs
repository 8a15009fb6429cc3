//! Attacks on a whole server over sockets, with those who decide in earnest: forgeries without end, paths and methods in
//! disguise, and bodies whose end is told in two ways. Nothing of it changes anything.
//!
//! Replays are in `signed.rs`; slow and idle peers, cut off requests and floods of headers in `serve.rs` and `flat.rs`.

#![expect(clippy::unwrap_used, reason = "a test that unwraps fails as it should")]

mod whole;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use taskflows_api::server::{Audit, AuditError, AuditOutcome, AuditRecord};
use taskflows_security::Role;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::time::timeout;

use whole::{NAME, Signing, Whole};

const SOON: Duration = Duration::from_secs(10);

/// The tests look at the memory of their own process, so they run one after the other.
static ALONE: Mutex<()> = Mutex::const_new(());

/// Fails where a change is begun, and keeps nothing, so that what is measured is the server.
#[derive(Debug)]
struct NoChange;

#[async_trait::async_trait]
impl Audit for NoChange {
    async fn begin(&self, record: &AuditRecord) -> Result<(), AuditError> {
        panic!("a change was begun: {record:?}")
    }

    async fn end(&self, _: &AuditRecord, _: &AuditOutcome) {}
}

fn status(answer: &str) -> &str {
    answer.get(9..12).unwrap_or_default()
}

fn memory_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Sends bytes as they are and reads what comes back until the other side closes, or says nothing for a while.
async fn exchange(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let mut piece = [0; 4096];
    while let Ok(Ok(read @ 1..)) = timeout(Duration::from_millis(400), stream.read(&mut piece)).await {
        answer.extend_from_slice(&piece[..read]);
    }
    String::from_utf8_lossy(&answer).into_owned()
}

fn head(method: &str, target: &str, headers: &[(String, String)]) -> String {
    let mut text = format!("{method} {target} HTTP/1.1\r\nHost: web1\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text
}

/// Returns the head of a request that is signed as it has to be for what it asks.
fn signed(whole: &Whole, method: &str, target: &str) -> String {
    head(method, target, &whole.sign(&Signing::of(method, target)))
}

/// A forged request, another one for each number.
fn forged(whole: &Whole, live: &str, number: usize) -> String {
    let target = format!("/api/services/{NAME}/stop");
    let mut headers = match number % 4 {
        0 => whole.sign(&Signing {
            secret: "another secret that is as long as it has to be",
            ..Signing::of("POST", &target)
        }),
        1 => whole.sign(&Signing {
            server_id: Some("0123456789abcdef0123456789abcdef"),
            ..Signing::of("POST", &target)
        }),
        2 => {
            let (rest, signature) = live.rsplit_once('.').unwrap();
            let signature: String = signature.chars().rev().collect();
            vec![("Authorization".to_owned(), format!("Bearer {rest}.{signature}"))]
        }
        _ => vec![("Authorization".to_owned(), format!("Bearer {}", *taskflows_security::new_token().0))],
    };
    let body = "x".repeat(1 + number % 4_000);
    headers.push(("Content-Length".to_owned(), body.len().to_string()));
    format!("{}\r\n{body}", head("POST", &target, &headers))
}

#[tokio::test]
async fn ten_thousand_forged_requests_change_nothing_and_leave_memory_as_it_was() {
    let _alone = ALONE.lock().await;
    let whole = Whole::new(Arc::new(NoChange)).await;
    let address = whole.serve().await;
    let live = whole.login("a-admin").access;
    let before = whole.state();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let mut answer = vec![0; 16 << 10];
    let mut after_some = 0;
    for number in 0..10_000 {
        stream.write_all(forged(&whole, &live, number).as_bytes()).await.unwrap();
        let read = timeout(SOON, stream.read(&mut answer)).await.unwrap().unwrap();
        assert_eq!(status(&String::from_utf8_lossy(&answer[..read])), "401", "{number}");
        if number == 2_000 {
            after_some = memory_kib();
        }
    }
    let more = memory_kib().saturating_sub(after_some);
    assert!(more < 2 << 10, "{more} KiB more");
    assert_eq!(whole.state(), before);
    // Who is right is still let in.
    let good = format!("{}Connection: close\r\n\r\n", signed(&whole, "GET", "/api/services"));
    assert_eq!(status(&exchange(address, good.as_bytes()).await), "200");
}

/// Each is signed by the admin for just what it says, so that nothing but the path keeps it from being carried out.
#[tokio::test]
async fn a_path_in_disguise_leads_nowhere_even_with_the_right_signature() {
    let _alone = ALONE.lock().await;
    let whole = Whole::new(Arc::new(NoChange)).await;
    let address = whole.serve().await;
    let before = whole.state();
    let paths = [
        "//api/people/thing",
        "/api//people/thing",
        "/api/people//thing",
        "/api/people/thing/",
        "/api/./people/thing",
        "/api/tokens/../people/thing",
        "/api/tokens/%2e%2e/people/thing",
        "/api/tokens/%2E./people/thing",
        "/api/tokens/..%2fpeople%2fthing",
        "/api%2fpeople%2fthing",
        "/api/people%2Fthing",
        "/api/people%5cthing",
        "/api/people/thing%00",
        "/api/people/thing%0a",
        "/api/people/%00thing",
        "/api/people/thing;a=b",
        "/api/people/thing%3f",
        "/api/people/thing%23",
        "/api/people/thing%20",
        "/api/people/%",
        "/api/people/%zz",
        "/api/people/%ff",
        "/api/people/%c0%ae%c0%ae",
        "/api/people/%252e%252e",
        "/API/people/thing",
        "/api/PEOPLE/thing",
        "/%61pi/people/thing",
        "/health/../api/people/thing",
        "/api\\people\\thing",
        "http://web1//api/people/thing",
        "http://web1/api/../api/people/thing",
        "*",
        "api/people/thing",
    ];
    for target in paths {
        let path = target.strip_prefix("http://web1").unwrap_or(target);
        let headers = whole.sign(&Signing::of("GET", path));
        // What is in no path is what a change would be asked by: nothing is begun, whatever is answered.
        let asked = format!("{}Connection: close\r\n\r\n", head("GET", target, &headers));
        let answer = exchange(address, asked.as_bytes()).await;
        assert!(matches!(status(&answer), "400" | "404" | "405" | "422"), "{target}: {answer}");
        let unsigned = format!("DELETE {target} HTTP/1.1\r\nHost: web1\r\nConnection: close\r\n\r\n");
        let answer = exchange(address, unsigned.as_bytes()).await;
        assert!(matches!(status(&answer), "400" | "401" | "404" | "405"), "{target}: {answer}");
    }
    assert_eq!(whole.state(), before);
}

#[tokio::test]
async fn a_method_or_an_address_in_a_header_is_not_looked_at() {
    let _alone = ALONE.lock().await;
    let whole = Whole::new(Arc::new(NoChange)).await;
    let address = whole.serve().await;
    let token = whole.token("looks", Role::Viewer, None);
    let before = whole.state();
    let bearer = ("Authorization".to_owned(), format!("Bearer {token}"));
    let me = |more: &str| {
        format!("{}{more}Connection: close\r\n\r\n", head("GET", "/auth/me", std::slice::from_ref(&bearer)))
    };
    let plain = exchange(address, me("").as_bytes()).await;
    let body = |answer: &str| answer.split_once("\r\n\r\n").unwrap().1.to_owned();
    assert_eq!(status(&plain), "200");
    for more in [
        "X-HTTP-Method-Override: DELETE\r\n",
        "X-HTTP-Method: DELETE\r\n",
        "X-Method-Override: DELETE\r\n",
        "X-Original-URL: /api/people/thing\r\n",
        "X-Rewrite-URL: /api/people\r\n",
        "X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Host: localhost\r\nX-Forwarded-User: a-admin\r\n",
        "Forwarded: for=127.0.0.1;host=localhost\r\n",
        "X-Remote-User: a-admin\r\nRemote-User: a-admin\r\nX-Role: admin\r\n",
    ] {
        assert_eq!(body(&exchange(address, me(more).as_bytes()).await), body(&plain), "{more}");
    }
    // The address of a proxy is one of this server or none.
    let people = head("GET", "http://elsewhere.example/api/people", std::slice::from_ref(&bearer));
    let people = format!("{people}Connection: close\r\n\r\n");
    assert_eq!(status(&exchange(address, people.as_bytes()).await), "403");
    for method in ["TRACE", "CONNECT", "PROPFIND", "get", "G\u{e9}T", "GET\t"] {
        let asked = head(method, "/auth/me", std::slice::from_ref(&bearer));
        let answer = exchange(address, format!("{asked}Connection: close\r\n\r\n").as_bytes()).await;
        assert!(matches!(status(&answer), "400" | "405"), "{method:?}: {answer}");
    }
    assert_eq!(whole.state(), before);
}

/// Behind each stands a request that is signed and would be carried out, if the server took it for one of its own while
/// somebody on the way took it for a part of the first.
#[tokio::test]
async fn a_body_whose_end_is_told_in_two_ways_hides_no_second_request() {
    let _alone = ALONE.lock().await;
    let whole = Whole::new(Arc::new(NoChange)).await;
    let address = whole.serve().await;
    let before = whole.state();
    let framings = [
        "Content-Length: {n}\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: {n}\r\n",
        "Content-Length: {n}\r\nTransfer-Encoding: Chunked\r\n",
        "Transfer-Encoding: identity\r\nContent-Length: {n}\r\n",
        "Transfer-Encoding: xchunked\r\nContent-Length: {n}\r\n",
        "Transfer-Encoding: chunked, identity\r\nContent-Length: {n}\r\n",
        "Transfer-Encoding: gzip, chunked\r\nContent-Length: {n}\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\nContent-Length: {n}\r\n",
        "Transfer-Encoding : chunked\r\nContent-Length: {n}\r\n",
        "Transfer-Encoding:\tchunked\r\nContent-Length: {n}\r\n",
        "X: y\r\n Transfer-Encoding: chunked\r\nContent-Length: {n}\r\n",
        "Content-Length: 5\r\nContent-Length: {n}\r\n",
        "Content-Length: {n}\r\nContent-Length: 5\r\n",
        "Content-Length: 5, {n}\r\n",
        "Content-Length: +5\r\n",
        "Content-Length: -5\r\n",
        "Content-Length: 0x5\r\n",
        "Content-Length: 5 \u{b}\r\n",
        "Content-Length: 99999999999999999999\r\n",
        "Transfer-Encoding: chunked\r\n",
    ];
    for framing in framings {
        let target = format!("/api/people/{NAME}");
        let hidden = format!("{}Content-Length: 0\r\n\r\n", signed(&whole, "DELETE", &target));
        let framing = framing.replace("{n}", &(hidden.len() + 5).to_string());
        let outer = head("POST", "/api/services/thing/stop", &[]);
        let answer = exchange(address, format!("{outer}{framing}\r\n0\r\n\r\n{hidden}").as_bytes()).await;
        assert!(answer.matches("HTTP/1.1 ").count() <= 1, "{framing:?}: {answer}");
        assert!(matches!(status(&answer), "" | "400" | "401" | "413"), "{framing:?}: {answer}");
    }
    assert_eq!(whole.state(), before, "the hidden request was carried out");
}
