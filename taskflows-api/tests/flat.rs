//! Memory that does not grow, whatever peers do. The tests measure their own process, so they run one after the other.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use taskflows_api::server::{Audit, AuditError, AuditOutcome, AuditRecord, Limits};
use taskflows_api::testing::{RoleTokens, probes, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::time::timeout;

const SOON: Duration = Duration::from_secs(5);

static ALONE: Mutex<()> = Mutex::const_new(());

#[derive(Debug)]
struct Nowhere;

#[async_trait::async_trait]
impl Audit for Nowhere {
    async fn begin(&self, _: &AuditRecord) -> Result<(), AuditError> {
        panic!("a forged request was let through")
    }

    async fn end(&self, _: &AuditRecord, _: &AuditOutcome) {}
}

async fn connect(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).await.unwrap()
}

fn status(answer: &str) -> &str {
    answer.get(9..12).unwrap_or_default()
}

async fn ask(address: SocketAddr) -> String {
    let mut stream = connect(address).await;
    stream.write_all(b"GET /probe/open HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    timeout(SOON, stream.read_to_string(&mut answer)).await.expect("an answer in time").unwrap();
    answer
}

#[tokio::test]
async fn two_thousand_idle_peers_keep_nobody_out_and_do_not_stay() {
    let _alone = ALONE.lock().await;
    let own = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let wanted = rustix::process::Rlimit { current: own.maximum, ..own };
    rustix::process::setrlimit(rustix::process::Resource::Nofile, wanted).unwrap();
    let limits = Limits { header: Duration::from_secs(3), ..Limits::default() };
    let api = probes(Arc::new(RoleTokens), Arc::new(Nowhere), limits);
    let address = serve(api).await.unwrap();
    let before = memory_kib();
    let mut idle = Vec::new();
    for _ in 0..2_000 {
        idle.push(connect(address).await);
    }
    let began = Instant::now();
    assert_eq!(status(&ask(address).await), "200");
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    let more = memory_kib().saturating_sub(before);
    assert!(more < 48 << 10, "2,000 peers take {more} KiB");
    let mut byte = [0];
    let closed = timeout(SOON, idle[1_999].read(&mut byte)).await.expect("it is closed in time");
    assert!(matches!(closed, Ok(0) | Err(_)));
}

#[tokio::test]
async fn ten_thousand_forged_requests_leave_memory_as_it_was() {
    let _alone = ALONE.lock().await;
    let api = probes(Arc::new(RoleTokens), Arc::new(Nowhere), Limits::default());
    let address = serve(api).await.unwrap();
    let mut stream = connect(address).await;
    let mut answer = vec![0; 16 << 10];
    let mut after_some = 0;
    for number in 0..10_000 {
        let body = "x".repeat(1 + number % 4_000);
        let request = format!(
            "POST /probe/changed HTTP/1.1\r\nhost: h\r\nauthorization: Bearer forged-{number}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let read = timeout(SOON, stream.read(&mut answer)).await.unwrap().unwrap();
        assert_eq!(status(&String::from_utf8_lossy(&answer[..read])), "401", "{number}");
        if number == 1_000 {
            after_some = memory_kib();
        }
    }
    let more = memory_kib().saturating_sub(after_some);
    assert!(more < 2 << 10, "{more} KiB more");
}

/// Returns the resident memory of this process.
fn memory_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
