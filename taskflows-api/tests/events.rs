//! What changes on a host is told to all who listen.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use serde_json::Value;
use taskflows_api::Host;
use taskflows_api::server::Api;
use taskflows_api::testing::{RoleTokens, host, serve};
use taskflows_core::effects::{Action, ServiceError, ServiceManager, StateChange, StateFeed, Target, Wanted};
use taskflows_core::testing::FakeServiceManager;
use taskflows_core::{Service, ServiceName};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

const SOON: Duration = Duration::from_secs(5);

struct Listener {
    lines: BufReader<TcpStream>,
}

struct Event {
    kind: String,
    id: String,
    data: Value,
}

impl Listener {
    async fn begin(address: SocketAddr, query: &str, headers: &str) -> Self {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!(
            "GET /events{query} HTTP/1.1\r\nhost: h\r\nauthorization: Bearer viewer\r\n{headers}\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut listener = Self { lines: BufReader::new(stream) };
        assert!(listener.line().await.starts_with("HTTP/1.1 200"), "it is let in");
        let mut is_stream = false;
        loop {
            let line = listener.line().await.to_ascii_lowercase();
            is_stream |= line == "content-type: text/event-stream";
            if line.is_empty() {
                break;
            }
        }
        assert!(is_stream);
        listener
    }

    async fn line(&mut self) -> String {
        let mut line = String::new();
        timeout(SOON * 2, self.lines.read_line(&mut line)).await.expect("a line in time").unwrap();
        line.trim_end().to_owned()
    }

    /// Reads the next event; lines of the transfer encoding are passed over.
    async fn next(&mut self) -> Event {
        let (mut kind, mut id) = (String::new(), String::new());
        loop {
            let line = self.line().await;
            if let Some(text) = line.strip_prefix("event: ") {
                kind = text.to_owned();
            } else if let Some(text) = line.strip_prefix("id: ") {
                id = text.to_owned();
            } else if let Some(data) = line.strip_prefix("data: ") {
                return Event { kind, id, data: serde_json::from_str(data).unwrap() };
            }
        }
    }

    async fn until(&mut self, kind: &str) -> Event {
        loop {
            let event = self.next().await;
            if event.kind == kind {
                return event;
            }
        }
    }
}

async fn begin() -> (Arc<FakeServiceManager>, SocketAddr) {
    let services = Arc::new(FakeServiceManager::default());
    let build = |name: &str, command: &str| Service::builder(name).start_command(command).build().unwrap();
    let all = [build("fails", "false"), build("ok", "true"), build("web", "sleep 9")];
    services.install(Wanted::services(&all)).await.unwrap();
    let host = Host { services: Arc::clone(&services) as _, feed: Arc::clone(&services) as _, ..host() };
    let address = serve(Api::new(host, Arc::new(RoleTokens))).await.unwrap();
    (services, address)
}

async fn act(services: &FakeServiceManager, name: &str, action: Action) {
    let names: [ServiceName; 1] = [name.parse().unwrap()];
    services.perform(&names, action, Target::Service).await.unwrap();
}

#[tokio::test]
async fn states_services_and_runs_are_told() {
    let (services, address) = begin().await;
    let mut listener = Listener::begin(address, "", "").await;
    // The server begins to follow with the first who listens, and says so once.
    assert_eq!(listener.next().await.kind, "resync");
    act(&services, "web", Action::Start).await;
    let event = listener.next().await;
    assert_eq!((&event.data["name"], &event.data["state"]), (&"web".into(), &"running".into()));
    assert_eq!(event.data["previous"], "stopped");
    act(&services, "fails", Action::Start).await;
    let event = listener.until("state").await;
    assert_eq!((&event.data["name"], &event.data["state"]), (&"fails".into(), &"failed".into()));
    let event = listener.until("run").await;
    assert_eq!((&event.data["name"], &event.data["result"]), (&"fails".into(), &"failed".into()));
    assert_eq!(event.data["reason"], "exit code 1");
    // A run that its state does not show.
    act(&services, "ok", Action::Start).await;
    let event = listener.until("run").await;
    assert_eq!((&event.data["name"], &event.data["result"]), (&"ok".into(), &"ok".into()));
    services.remove(&["ok".parse().unwrap()]).await.unwrap();
    let event = listener.until("services").await;
    assert_eq!(event.data["removed"], serde_json::json!(["ok"]));
}

#[tokio::test]
async fn who_listens_later_is_told_once_to_look_again() {
    let (services, address) = begin().await;
    let mut first = Listener::begin(address, "", "").await;
    first.until("resync").await;
    let mut second = Listener::begin(address, "", "").await;
    assert_eq!(second.next().await.kind, "resync");
    act(&services, "web", Action::Start).await;
    assert_eq!(second.next().await.kind, "state");
}

/// A host whose feed says nothing, or that it is lost.
struct Feed(Option<&'static str>);

impl StateFeed for Feed {
    fn watch(&self) -> BoxStream<'static, Result<StateChange, ServiceError>> {
        let lost = self
            .0
            .map(|source| ServiceError::Unreachable { what: "the manager".into(), source: source.into() });
        stream::iter(lost.map(Err)).chain(stream::pending()).boxed()
    }
}

#[tokio::test]
async fn who_listens_to_a_host_that_is_not_watched_is_told_to_look_too() {
    for (feed, least) in [(Feed(Some("it is gone")), 0), (Feed(None), 4)] {
        let address =
            serve(Api::new(Host { feed: Arc::new(feed), ..host() }, Arc::new(RoleTokens))).await.unwrap();
        let began = std::time::Instant::now();
        let mut stream = Listener::begin(address, "", "").await;
        let event = timeout(SOON * 2, stream.next()).await.unwrap();
        assert_eq!(event.kind, "resync");
        assert!(began.elapsed().as_secs() >= least);
    }
}

#[tokio::test]
async fn who_comes_back_misses_nothing() {
    let (services, address) = begin().await;
    let mut listener = Listener::begin(address, "", "").await;
    let last = listener.until("resync").await.id;
    act(&services, "web", Action::Start).await;
    let told = listener.until("state").await;
    drop(listener);
    act(&services, "web", Action::Stop).await;
    let mut again = Listener::begin(address, "", &format!("last-event-id: {}\r\n", told.id)).await;
    assert_eq!(again.until("state").await.data["state"], "stopped");
    let mut earlier = Listener::begin(address, "", &format!("Last-Event-ID: {last}\r\n")).await;
    assert_eq!(earlier.next().await.data["state"], "running");
    let mut stranger = Listener::begin(address, "", "last-event-id: 0000-1\r\n").await;
    assert_eq!(stranger.next().await.kind, "resync");
}

#[tokio::test]
async fn patterns_select_and_what_is_none_is_refused() {
    let (services, address) = begin().await;
    let mut listener = Listener::begin(address, "?match=we*", "").await;
    listener.until("resync").await;
    act(&services, "fails", Action::Start).await;
    act(&services, "web", Action::Start).await;
    assert_eq!(listener.next().await.data["name"], "web");
    for query in ["?match=a%2Fb", "?mach=web"] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!(
            "GET /events{query} HTTP/1.1\r\nhost: h\r\nauthorization: Bearer viewer\r\nconnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        timeout(SOON, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
        assert!(answer.starts_with("HTTP/1.1 422"), "{answer}");
    }
}

#[tokio::test]
async fn a_lost_manager_that_came_back_is_told() {
    let (services, address) = begin().await;
    let mut listener = Listener::begin(address, "", "").await;
    listener.until("resync").await;
    let source = "it is gone".into();
    services.announce(Err(ServiceError::Unreachable { what: "the manager".into(), source }));
    services.announce(Ok(StateChange::Resync));
    assert_eq!(listener.next().await.kind, "resync");
}

fn memory_kib() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse().unwrap()
}

/// Streams that nobody reads and many that somebody does: all are held, and memory stays as it is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_streams_are_held_in_flat_memory() {
    let own = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let wanted = rustix::process::Rlimit { current: own.maximum, ..own };
    rustix::process::setrlimit(rustix::process::Resource::Nofile, wanted).unwrap();
    let (services, address) = begin().await;
    let mut listeners = Vec::new();
    for _ in 0..1_000 {
        listeners.push(Listener::begin(address, "", "").await);
    }
    let name: ServiceName = "web".parse().unwrap();
    let say = async |count: usize| {
        for number in 0..count {
            let change = StateChange::Touched { name: name.clone(), at: jiff::Timestamp::UNIX_EPOCH };
            services.announce(Ok(change));
            act(&services, "web", if number % 2 == 0 { Action::Start } else { Action::Stop }).await;
            tokio::time::sleep(Duration::from_micros(100)).await;
        }
    };
    say(30).await;
    let settled = memory_kib();
    say(150).await;
    let after = memory_kib();
    assert!(after.saturating_sub(settled) < 8 << 10, "{settled} KiB became {after} KiB");
    // Every one of them is still told, or told to look again.
    for listener in &mut listeners {
        listener.until("resync").await;
    }
}
