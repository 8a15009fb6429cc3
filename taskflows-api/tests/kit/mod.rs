//! A log that goes on, and a line between client and server that can be cut.
#![allow(clippy::unwrap_used, reason = "what fails fails the test")]
#![allow(dead_code, reason = "each test uses what it needs")]

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures_util::stream::{self, BoxStream, StreamExt};
use jiff::Timestamp;
use taskflows_api::Host;
use taskflows_api::client::{Client, Credentials};
use taskflows_api::server::Api;
use taskflows_api::testing::{Everybody, serve};
use taskflows_core::effects::{LogEntry, LogError, LogOrigin, LogQuery, LogReader};
use taskflows_security::Role;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

pub(crate) async fn server(host: Host, role: Role) -> SocketAddr {
    serve(Api::new(host, Arc::new(Everybody(role)))).await.unwrap()
}

pub(crate) fn client(address: SocketAddr) -> Client {
    Client::new("web1", &format!("http://{address}"), Credentials::None).unwrap()
}

pub(crate) fn entry(microsecond: i64, message: &str) -> LogEntry {
    LogEntry {
        time: Timestamp::from_microsecond(microsecond).unwrap(),
        service: "a".parse().unwrap(),
        origin: LogOrigin::Process,
        run: None,
        attempt: None,
        priority: 6,
        message: message.to_owned(),
    }
}

/// A log in memory that is followed without end.
#[derive(Clone, Debug)]
pub(crate) struct LiveLog {
    pub(crate) entries: Arc<Mutex<Vec<LogEntry>>>,
    pub(crate) count: watch::Sender<usize>,
    /// How many entries were taken by those who follow.
    pub(crate) taken: Arc<AtomicUsize>,
    /// Who follows now.
    pub(crate) followers: Arc<()>,
    /// Where reading fails.
    pub(crate) fails_after: Option<usize>,
}

impl Default for LiveLog {
    fn default() -> Self {
        Self {
            entries: Arc::default(),
            count: watch::Sender::new(0),
            taken: Arc::default(),
            followers: Arc::default(),
            fails_after: None,
        }
    }
}

impl LiveLog {
    pub(crate) fn write(&self, entry: LogEntry) {
        let mut entries = self.entries.lock().unwrap();
        entries.push(entry);
        self.count.send_replace(entries.len());
    }

    fn selected(&self, query: &LogQuery) -> (usize, Vec<LogEntry>) {
        let entries = self.entries.lock().unwrap();
        let found: Vec<_> = entries.iter().filter(|entry| query.selects(entry)).cloned().collect();
        let over = query.lines.map_or(0, |lines| found.len().saturating_sub(lines));
        (entries.len(), found[over..].to_vec())
    }
}

fn failure() -> LogError {
    LogError::Failed { reason: "/var/log/journal is gone".to_owned() }
}

#[async_trait]
impl LogReader for LiveLog {
    async fn read(&self, query: &LogQuery) -> Result<Vec<LogEntry>, LogError> {
        Ok(self.selected(query).1)
    }

    fn stream<'a>(&'a self, query: &LogQuery) -> BoxStream<'a, Result<LogEntry, LogError>> {
        let (_, found) = self.selected(query);
        match self.fails_after {
            None => stream::iter(found.into_iter().map(Ok)).boxed(),
            Some(good) => {
                let good = found.into_iter().take(good).map(Ok);
                stream::iter(good.chain([Err(failure())])).boxed()
            }
        }
    }

    fn follow(&self, query: &LogQuery) -> BoxStream<'static, Result<LogEntry, LogError>> {
        if self.fails_after.is_some() {
            return stream::iter([Err(failure())]).boxed();
        }
        let (seen, found) = self.selected(query);
        let (log, query) = (self.clone(), LogQuery { lines: None, ..query.clone() });
        let state = (seen, found.into_iter(), self.count.subscribe());
        stream::unfold(state, move |(mut seen, mut found, mut count)| {
            let (log, query) = (log.clone(), query.clone());
            async move {
                loop {
                    if let Some(entry) = found.next() {
                        log.taken.fetch_add(1, Ordering::SeqCst);
                        return Some((Ok(entry), (seen, found, count)));
                    }
                    count.wait_for(|count| *count > seen).await.ok()?;
                    let entries = log.entries.lock().unwrap();
                    let new: Vec<_> =
                        entries[seen..].iter().filter(|entry| query.selects(entry)).cloned().collect();
                    seen = entries.len();
                    found = new.into_iter();
                }
            }
        })
        .boxed()
    }
}

/// Stands between a client and a server. Each connection is cut after so many bytes of answer.
#[derive(Clone)]
pub(crate) struct Line {
    pub(crate) address: SocketAddr,
    pub(crate) server: watch::Sender<SocketAddr>,
    cut: watch::Sender<u64>,
    pub(crate) connections: Arc<AtomicUsize>,
}

impl Line {
    /// Lays a line to `server`; `after` says for each connection how many bytes come through.
    pub(crate) async fn to(
        server: SocketAddr,
        after: impl Fn(usize) -> Option<usize> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let line = Self {
            address: listener.local_addr().unwrap(),
            server: watch::Sender::new(server),
            cut: watch::Sender::new(0),
            connections: Arc::default(),
        };
        let ours = line.clone();
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let number = ours.connections.fetch_add(1, Ordering::SeqCst);
                let far = *ours.server.borrow();
                let Ok(far) = TcpStream::connect(far).await else { continue };
                let mut cut = ours.cut.subscribe();
                let most = after(number);
                tokio::spawn(async move {
                    tokio::select! {
                        _ = cut.changed() => {}
                        () = carry(near, far, most) => {}
                    }
                });
            }
        });
        line
    }

    /// Cuts all connections there are.
    pub(crate) fn cut(&self) {
        self.cut.send_modify(|cut| *cut += 1);
    }
}

async fn carry(near: TcpStream, far: TcpStream, most: Option<usize>) {
    let (mut near_in, mut near_out) = near.into_split();
    let (mut far_in, mut far_out) = far.into_split();
    let up = async { drop(tokio::io::copy(&mut near_in, &mut far_out).await) };
    let down = async {
        let mut left = most.unwrap_or(usize::MAX);
        let mut buffer = [0; 4096];
        while left > 0 {
            let want = left.min(buffer.len());
            let Ok(count @ 1..) = far_in.read(&mut buffer[..want]).await else { break };
            if near_out.write_all(&buffer[..count]).await.is_err() {
                break;
            }
            left -= count;
        }
    };
    tokio::select! {
        () = down => {}
        () = up => {}
    }
}
