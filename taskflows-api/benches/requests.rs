//! How many requests a second the server answers, and how long each takes: `cargo bench -p taskflows-api`.
//!
//! A host of fakes has 100 services, half of which ran. Server and clients have a thread each, on loopback.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement that cannot be made ends here")]

use std::collections::HashSet;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use axum::http::request::Parts;
use taskflows_api::Host;
use taskflows_api::server::{Api, Authority, Identity, Refusal};
use taskflows_api::testing::{host, serve};
use taskflows_core::Service;
use taskflows_core::effects::{Action, ServiceManager, Target, Wanted};
use taskflows_core::testing::FakeServiceManager;
use taskflows_security::{
    NONCE_HEADER, Role, SIGNATURE_HEADER, SignedParts, SigningKey, TIMESTAMP_HEADER, random_hex,
};

const SERVICES: usize = 100;
const TIME: Duration = Duration::from_secs(3);
const SERVER_ID: &str = "0123456789abcdef";

/// Verifies signatures and remembers nonces, in memory.
#[derive(Debug)]
struct Signed {
    key: SigningKey,
    nonces: Mutex<HashSet<String>>,
}

#[async_trait]
impl Authority for Signed {
    async fn identify(&self, _: Option<IpAddr>, request: &Parts, body: &[u8]) -> Result<Identity, Refusal> {
        let header = |name: &str| {
            let value = request.headers.get(name).and_then(|value| value.to_str().ok());
            value.ok_or_else(|| Refusal(format!("no {name}")))
        };
        let (nonce, signature) = (header(NONCE_HEADER)?, header(SIGNATURE_HEADER)?);
        let parts = SignedParts {
            timestamp: header(TIMESTAMP_HEADER)?,
            nonce,
            server_id: SERVER_ID,
            method: request.method.as_str(),
            path: request.uri.path(),
            query: request.uri.query().unwrap_or_default(),
            body,
        };
        if !self.key.verifies(&parts, signature) {
            return Err(Refusal("another signature".to_owned()));
        }
        let mut nonces = self.nonces.lock().unwrap_or_else(PoisonError::into_inner);
        match nonces.insert(nonce.to_owned()) {
            true => Ok(Identity { name: "signed".to_owned(), role: Role::Admin, by_cookie: false }),
            false => Err(Refusal("the nonce was seen before".to_owned())),
        }
    }
}

fn begin(key: &SigningKey) -> SocketAddr {
    let (tell, told) = channel();
    let authority = Arc::new(Signed { key: key.clone(), nonces: Mutex::default() });
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let services = Arc::new(FakeServiceManager::default());
            let build = |n: usize| {
                let command = if n.is_multiple_of(2) { "true" } else { "sleep 9" };
                Service::builder(format!("service-{n}")).start_command(command).build().unwrap()
            };
            let all: Vec<Service> = (0..SERVICES).map(build).collect();
            services.install(Wanted::services(&all)).await.unwrap();
            let names: Vec<_> = all.iter().map(|service| service.name.clone()).collect();
            services.perform(&names[..SERVICES / 2], Action::Start, Target::Service).await.unwrap();
            let host = Host { feed: Arc::clone(&services) as _, services, ..host() };
            tell.send(serve(Api::new(host, authority)).await.unwrap()).unwrap();
            std::future::pending::<()>().await;
        });
    });
    told.recv().unwrap()
}

fn request(path: &str, key: Option<&SigningKey>) -> String {
    let Some(key) = key else { return format!("GET {path} HTTP/1.1\r\nhost: h\r\n\r\n") };
    let timestamp = jiff::Timestamp::now().as_second().to_string();
    let nonce = random_hex::<16>();
    let parts = SignedParts {
        timestamp: &timestamp,
        nonce: &nonce,
        server_id: SERVER_ID,
        method: "GET",
        path,
        query: "",
        body: b"",
    };
    let signature = key.sign(&parts);
    format!(
        "GET {path} HTTP/1.1\r\nhost: h\r\n{TIMESTAMP_HEADER}: {timestamp}\r\n{NONCE_HEADER}: {nonce}\r\n\
         {SIGNATURE_HEADER}: {signature}\r\n\r\n"
    )
}

/// Reads one answer, and returns the length of its body.
fn read(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> usize {
    buffer.clear();
    let mut piece = [0; 64 << 10];
    let mut wanted = None;
    loop {
        let read = stream.read(&mut piece).unwrap();
        assert!(read > 0, "the server closed the connection");
        buffer.extend_from_slice(&piece[..read]);
        if wanted.is_none()
            && let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n")
        {
            let head = std::str::from_utf8(&buffer[..end]).unwrap().to_ascii_lowercase();
            assert!(head.starts_with("http/1.1 200"), "{head}");
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
            wanted = Some((end + 4, length.parse::<usize>().unwrap()));
        }
        if let Some((head, length)) = wanted
            && buffer.len() >= head + length
        {
            return length;
        }
    }
}

/// Asks over one connection until the time is over, and returns how long each answer took.
fn ask(address: SocketAddr, path: &str, key: Option<&SigningKey>) -> (Vec<Duration>, usize) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    let (mut took, mut buffer, mut length) = (Vec::new(), Vec::new(), 0);
    let end = Instant::now() + TIME;
    while Instant::now() < end {
        let request = request(path, key);
        let began = Instant::now();
        stream.write_all(request.as_bytes()).unwrap();
        length = read(&mut stream, &mut buffer);
        took.push(began.elapsed());
    }
    (took, length)
}

fn measure(address: SocketAddr, path: &str, key: Option<&SigningKey>, connections: usize) {
    let (mut took, mut length) = (Vec::new(), 0);
    std::thread::scope(|scope| {
        let asking: Vec<_> = (0..connections).map(|_| scope.spawn(|| ask(address, path, key))).collect();
        for one in asking {
            let (one, bytes) = one.join().unwrap();
            took.extend(one);
            length = bytes;
        }
    });
    took.sort_unstable();
    let at = |share: usize| took[(took.len() - 1) * share / 1_000];
    let rate = took.len() as f64 / TIME.as_secs_f64();
    let signed = if key.is_some() { "signed " } else { "" };
    println!(
        "{signed}GET {path}, {length} bytes, {connections} connections: {rate:.0}/s, p50 {:?}, p99 {:?}, p99.9 {:?}",
        at(500),
        at(990),
        at(999)
    );
}

fn main() {
    let key = SigningKey::new("a secret that is long enough for this");
    let address = begin(&key);
    for connections in [1, 4, 8] {
        measure(address, "/health", None, connections);
    }
    for connections in [1, 4, 8] {
        measure(address, "/api/services", Some(&key), connections);
    }
}
