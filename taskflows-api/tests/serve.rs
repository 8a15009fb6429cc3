//! A server on real sockets: slow and idle peers, too much, cut off, ended, and spoken to by TLS.

#![expect(clippy::unwrap_used, reason = "a test that unwraps fails as it should")]

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use taskflows_api::server::{Api, AuditOutcome, Limits, Listener, Server, Tls};
use taskflows_api::testing::{MemoryAudit, RoleTokens, probes};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

const SOON: Duration = Duration::from_secs(5);

struct Running {
    address: SocketAddr,
    end: oneshot::Sender<()>,
    ended: JoinHandle<()>,
}

fn start(limits: Limits, tls: Option<Tls>) -> Running {
    let api = probes(Arc::new(RoleTokens), Arc::new(MemoryAudit::default()), limits);
    start_api(api, Ipv4Addr::LOCALHOST, tls)
}

fn start_api(api: Api, address: Ipv4Addr, tls: Option<Tls>) -> Running {
    let listener = Listener::bind(SocketAddr::from((address, 0))).unwrap();
    let address = listener.address().unwrap();
    let (end, told) = oneshot::channel();
    let server = Server::new(api);
    let server = match tls {
        Some(tls) => server.with_tls(tls),
        None => server,
    };
    let ended = tokio::spawn(server.serve(vec![listener], async {
        let _ = told.await;
    }));
    Running { address, end, ended }
}

async fn connect(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).await.unwrap()
}

/// Sends bytes and reads until the other side closes.
async fn exchange(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = connect(address).await;
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    timeout(SOON, stream.read_to_end(&mut answer)).await.expect("an answer in time").ok();
    String::from_utf8_lossy(&answer).into_owned()
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: h\r\nauthorization: Bearer viewer\r\nconnection: close\r\n\r\n")
}

fn status(answer: &str) -> &str {
    answer.get(9..12).unwrap_or_default()
}

#[tokio::test]
async fn who_sends_a_byte_now_and_then_is_cut_off_while_others_are_served() {
    let limits = Limits { header: Duration::from_millis(300), ..Limits::default() };
    let running = start(limits, None);
    let slow = async {
        let mut stream = connect(running.address).await;
        let began = Instant::now();
        for byte in get("/probe/open").into_bytes() {
            if stream.write_all(&[byte]).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let mut rest = Vec::new();
        let _ = timeout(SOON, stream.read_to_end(&mut rest)).await.expect("it is closed");
        (began.elapsed(), rest)
    };
    let request = get("/probe/open");
    let ((took, answer), other) = tokio::join!(slow, exchange(running.address, request.as_bytes()));
    assert!(took < Duration::from_secs(4), "{took:?}");
    assert!(!String::from_utf8_lossy(&answer).contains(" 200 "));
    assert_eq!(status(&other), "200");
}

#[tokio::test]
async fn a_body_that_trickles_is_given_up() {
    let limits = Limits { body: Duration::from_millis(200), ..Limits::default() };
    let running = start(limits, None);
    let head = "POST /probe/changed HTTP/1.1\r\nhost: h\r\nauthorization: Bearer admin\r\ncontent-length: 100\r\n\r\n{";
    let mut stream = connect(running.address).await;
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = vec![0; 4096];
    let read = timeout(SOON, stream.read(&mut answer)).await.unwrap().unwrap();
    assert_eq!(status(&String::from_utf8_lossy(&answer[..read])), "400");
}

#[tokio::test]
async fn a_peer_beyond_the_last_waits_until_there_is_room() {
    let limits =
        Limits { connections: 2, streams: 0, header: Duration::from_millis(500), ..Limits::default() };
    let running = start(limits, None);
    let _idle = [connect(running.address).await, connect(running.address).await];
    let began = Instant::now();
    assert_eq!(status(&exchange(running.address, get("/probe/open").as_bytes()).await), "200");
    assert!(began.elapsed() > Duration::from_millis(300), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_request_cut_off_at_any_byte_changes_nothing_and_others_are_served() {
    let audit = MemoryAudit::default();
    let api = probes(Arc::new(RoleTokens), Arc::new(audit.clone()), Limits::default());
    let address = taskflows_api::testing::serve(api).await.unwrap();
    let whole = "POST /probe/changed HTTP/1.1\r\nhost: h\r\nauthorization: Bearer admin\r\ncontent-type: application/json\r\ncontent-length: 12\r\nconnection: close\r\n\r\n{\"word\":\"a\"}";
    for end in 0..whole.len() {
        let mut stream = connect(address).await;
        stream.write_all(&whole.as_bytes()[..end]).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        timeout(SOON, stream.read_to_end(&mut answer)).await.expect("an end").ok();
        let answer = String::from_utf8_lossy(&answer);
        assert!(matches!(status(&answer), "" | "400"), "cut at {end}: {answer}");
    }
    assert!(audit.records().is_empty(), "{:?}", audit.records());
    assert_eq!(status(&exchange(address, whole.as_bytes()).await), "200");
    assert_eq!(audit.records().len(), 2);
}

#[tokio::test]
async fn what_is_no_request_or_too_much_of_one_is_refused() {
    let running = start(Limits::default(), None);
    let long = format!("GET /{} HTTP/1.1\r\nhost: h\r\n\r\n", "x".repeat(100_000));
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(1_000));
    let both = "POST /probe/changed HTTP/1.1\r\nhost: h\r\nauthorization: Bearer admin\r\ncontent-length: 5\r\n\
                transfer-encoding: chunked\r\nconnection: close\r\n\r\n0\r\n\r\n";
    let asked = [
        ("nonsense\r\n\r\n".to_owned(), "400"),
        ("\0\0\0\0\r\n\r\n".to_owned(), "400"),
        (long, "431"),
        (many, "431"),
        (get("/probe/%00"), "400"),
        (get("//probe/open"), "400"),
        (get("/probe/../probe/open"), "400"),
        (get("/probe/%2E%2e/open"), "400"),
        (get("/probe/open/"), "404"),
        (get("/PROBE/OPEN"), "404"),
        ("GET /probe/\0open HTTP/1.1\r\nhost: h\r\n\r\n".to_owned(), "400"),
        ("POST /probe/changed HTTP/1.1\r\nhost: h\r\ncontent-length: -1\r\n\r\n".to_owned(), "400"),
        (
            "POST /probe/changed HTTP/1.1\r\nhost: h\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n"
                .to_owned(),
            "400",
        ),
    ];
    for (request, wanted) in asked {
        let answer = exchange(running.address, request.as_bytes()).await;
        let shown: String = request.chars().take(60).collect();
        assert_eq!(status(&answer), wanted, "{shown:?}: {answer}");
    }
    // Whichever of the two lengths counts, nothing of it is taken for a second request.
    let answer = exchange(running.address, both.as_bytes()).await;
    assert!(answer.matches("HTTP/1.1 ").count() <= 1, "{answer}");
}

#[tokio::test]
async fn at_its_end_requests_are_answered_streams_are_closed_and_nobody_new_is_taken() {
    let running = start(Limits::default(), None);
    let mut stream = connect(running.address).await;
    stream.write_all(get("/probe/ticks").as_bytes()).await.unwrap();
    let mut piece = vec![0; 4096];
    assert!(stream.read(&mut piece).await.unwrap() > 0);
    let _idle = connect(running.address).await;
    let late =
        "POST /probe/late HTTP/1.1\r\nhost: h\r\nauthorization: Bearer admin\r\ncontent-length: 0\r\n\r\n";
    let answer = tokio::spawn(async move { exchange(running.address, late.as_bytes()).await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    let began = Instant::now();
    running.end.send(()).unwrap();
    assert_eq!(status(&answer.await.unwrap()), "200");
    let mut rest = Vec::new();
    timeout(SOON, stream.read_to_end(&mut rest)).await.expect("the stream ends").unwrap();
    assert!(rest.ends_with(b"0\r\n\r\n"), "the stream ends as one that is whole");
    timeout(SOON, running.ended).await.expect("the server ends").unwrap();
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    assert!(TcpStream::connect(running.address).await.is_err());
}

/// Returns the head of a change whose body has so many bytes.
fn post(path: &str, length: usize) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nhost: h\r\nauthorization: Bearer admin\r\ncontent-length: {length}\r\n\r\n"
    )
}

/// Sends the body of a change whose server has been told to end meanwhile.
async fn refused_at_the_end(mut begun: TcpStream) {
    begun.write_all(b"{}").await.unwrap();
    let mut answer = Vec::new();
    timeout(SOON, begun.read_to_end(&mut answer)).await.expect("it is answered").unwrap();
    let answer = String::from_utf8_lossy(&answer);
    assert!(status(&answer) == "503" && answer.contains(r#""code":"ending""#), "{answer}");
}

#[tokio::test]
async fn a_change_is_made_to_its_end_before_the_server_ends_and_none_begins() {
    let audit = MemoryAudit::default();
    let api = probes(Arc::new(RoleTokens), Arc::new(audit.clone()), Limits::default());
    let running = start_api(api, Ipv4Addr::LOCALHOST, None);
    let mut begun = connect(running.address).await;
    begun.write_all(post("/probe/changed", 2).as_bytes()).await.unwrap();
    let mut gone = connect(running.address).await;
    gone.write_all(post("/probe/late", 0).as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    drop(gone);
    running.end.send(()).unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    refused_at_the_end(begun).await;
    timeout(SOON, running.ended).await.expect("the server ends").unwrap();
    let records = audit.records();
    let [(_, None), (late, Some(AuditOutcome::Answered { status: 200, .. }))] = &*records else {
        panic!("{records:?}")
    };
    assert_eq!(late.path, "/probe/late");
}

#[tokio::test]
async fn no_change_begins_while_the_server_ends_though_none_is_under_way() {
    let running = start(Limits::default(), None);
    let mut begun = connect(running.address).await;
    begun.write_all(post("/probe/changed", 2).as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    running.end.send(()).unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    refused_at_the_end(begun).await;
    timeout(SOON, running.ended).await.expect("the server ends").unwrap();
}

#[tokio::test]
async fn a_change_that_does_not_end_is_waited_for_so_long_and_no_longer() {
    let limits = Limits { finish: Duration::from_millis(100), ..Limits::default() };
    let running = start(limits, None);
    let mut stream = connect(running.address).await;
    stream.write_all(post("/probe/late", 0).as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    drop(stream);
    let began = Instant::now();
    running.end.send(()).unwrap();
    timeout(SOON, running.ended).await.expect("the server ends").unwrap();
    assert!(began.elapsed() < Duration::from_millis(300), "{:?}", began.elapsed());
}

/// Returns an address of this host that is none of loopback, where it has one. Nothing is sent.
fn outer_address() -> Option<Ipv4Addr> {
    let socket = std::net::UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
    match socket.local_addr().unwrap().ip() {
        std::net::IpAddr::V4(ip) if !ip.is_loopback() => Some(ip),
        _ => None,
    }
}

#[tokio::test]
async fn a_peer_with_very_many_connections_keeps_no_other_from_the_server() {
    let Some(outer) = outer_address() else {
        println!("skipped: this host has no address but those of loopback");
        return;
    };
    let limits =
        Limits { connections: 8, streams: 0, peer_connections: 3, own_connections: 2, ..Limits::default() };
    let api = probes(Arc::new(RoleTokens), Arc::new(MemoryAudit::default()), limits);
    let running = start_api(api, Ipv4Addr::UNSPECIFIED, None);
    let (from_outside, from_here) = (
        SocketAddr::from((outer, running.address.port())),
        SocketAddr::from((Ipv4Addr::LOCALHOST, running.address.port())),
    );
    let mut held = Vec::new();
    for _ in 0..20 {
        held.push(connect(from_outside).await);
    }
    assert_eq!(exchange(from_outside, get("/probe/open").as_bytes()).await, "", "it has its share");
    let began = Instant::now();
    assert_eq!(status(&exchange(from_here, get("/probe/open").as_bytes()).await), "200");
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    drop(held);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(status(&exchange(from_outside, get("/probe/open").as_bytes()).await), "200");
}

#[tokio::test]
async fn a_server_ends_though_a_peer_takes_nothing() {
    let limits = Limits { drain: Duration::from_millis(300), ..Limits::default() };
    let running = start(limits, None);
    let mut stream = connect(running.address).await;
    let head = "POST /probe/changed HTTP/1.1\r\nhost: h\r\nauthorization: Bearer admin\r\ncontent-length: 100\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    running.end.send(()).unwrap();
    timeout(Duration::from_secs(2), running.ended).await.expect("the server ends").unwrap();
}

/// Writes a certificate for `localhost` and its key, and returns the certificate.
fn certificate(directory: &std::path::Path) -> rustls::pki_types::CertificateDer<'static> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(directory.join("cert.pem"), made.cert.pem()).unwrap();
    std::fs::write(directory.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    made.cert.der().clone()
}

async fn exchange_by_tls(
    address: SocketAddr,
    trusted: rustls::pki_types::CertificateDer<'static>,
) -> std::io::Result<String> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(trusted).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let name = "localhost".try_into().unwrap();
    let mut stream = connector.connect(name, connect(address).await).await?;
    stream.write_all(get("/probe/open").as_bytes()).await?;
    let mut answer = Vec::new();
    timeout(SOON, stream.read_to_end(&mut answer)).await.expect("an answer in time").ok();
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

#[tokio::test]
async fn tls_is_spoken_with_the_certificate_that_is_there() {
    let directory = tempfile::tempdir().unwrap();
    let trusted = certificate(directory.path());
    let (cert, key) = (directory.path().join("cert.pem"), directory.path().join("key.pem"));
    let limits = Limits { header: Duration::from_millis(300), ..Limits::default() };
    let running = start(limits, Some(Tls::load(&cert, &key).unwrap()));
    assert_eq!(status(&exchange_by_tls(running.address, trusted).await.unwrap()), "200");
    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    assert!(exchange_by_tls(running.address, other.cert.der().clone()).await.is_err());
    // Who does not speak TLS, or speaks not at all, is cut off.
    assert!(!exchange(running.address, get("/probe/open").as_bytes()).await.contains("200"));
    assert_eq!(exchange(running.address, b"").await, "");
}

#[test]
fn a_certificate_without_its_key_is_refused_and_nothing_of_the_key_is_told() {
    let directory = tempfile::tempdir().unwrap();
    certificate(directory.path());
    let (cert, key) = (directory.path().join("cert.pem"), directory.path().join("key.pem"));
    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(&key, other.signing_key.serialize_pem()).unwrap();
    let error = Tls::load(&cert, &key).unwrap_err();
    assert!(!format!("{error:?}").contains("PRIVATE"));
    assert!(
        Tls::load(&cert, &directory.path().join("none.pem")).unwrap_err().to_string().contains("none.pem")
    );
}
