use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use futures_util::future::{Either, select};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tower::ServiceExt;

use super::apart::blocking;
use super::line::Line;
use super::shares::Shares;
use super::{Api, Listener, Shared, Tls};

/// The most that a request's lines and headers may take together, in bytes.
const LARGEST_HEAD: usize = 32 << 10;
/// How often the files of a certificate are looked at.
const TLS_LOOK: Duration = Duration::from_secs(30);

/// Takes connections and gives them to the routes.
#[derive(Debug)]
pub struct Server {
    router: Router,
    shared: Arc<Shared>,
    tls: Option<Arc<Tls>>,
    connections: Arc<Semaphore>,
    /// Those of one peer.
    of_peer: Arc<Shares>,
}

impl Server {
    /// Serves `api` within its limits.
    #[must_use]
    pub fn new(api: Api) -> Self {
        let Api { router, shared, .. } = api;
        let limits = shared.limits;
        let most = limits.connections + limits.streams;
        let of_peer = Shares::new(most.saturating_sub(limits.own_connections), limits.peer_connections);
        Self { router, shared, tls: None, connections: Arc::new(Semaphore::new(most)), of_peer }
    }

    /// Speaks TLS on TCP ports.
    #[must_use]
    pub fn with_tls(self, tls: Tls) -> Self {
        Self { tls: Some(Arc::new(tls)), ..self }
    }

    /// Serves until `shutdown`; then takes no more connections, ends streams, lets changes come to their end, and gives
    /// requests their time to be answered.
    pub async fn serve(self, listeners: Vec<Listener>, shutdown: impl Future<Output = ()>) {
        let server = Arc::new(self);
        let graceful = Arc::new(GracefulShutdown::new());
        let mut tasks = JoinSet::new();
        for listener in listeners {
            tasks.spawn(take(Arc::clone(&server), listener, Arc::clone(&graceful)));
        }
        if let Some(tls) = server.tls.clone() {
            tasks.spawn(async move {
                loop {
                    sleep(TLS_LOOK).await;
                    let tls = Arc::clone(&tls);
                    blocking(move || tls.refresh()).await;
                }
            });
        }
        shutdown.await;
        tasks.shutdown().await;
        server.shared.ending.send_replace(true);
        let Some(graceful) = Arc::into_inner(graceful) else { return };
        match select(pin!(graceful.shutdown()), pin!(server.shared.finish())).await {
            // Nobody waits for an answer any more.
            Either::Left(((), changes)) => changes.await,
            Either::Right(((), requests)) => {
                if timeout(server.shared.limits.drain, requests).await.is_err() {
                    tracing::warn!("requests were cut off, since they took too long to end");
                }
            }
        }
    }
}

/// Takes connections, each once there is room for it.
async fn take(server: Arc<Server>, listener: Listener, graceful: Arc<GracefulShutdown>) {
    loop {
        // The others wait in the kernel's own queue.
        let Ok(permit) = Arc::clone(&server.connections).acquire_owned().await else { return };
        let taken = match &listener {
            Listener::Tcp(listener) => match listener.accept().await {
                Ok((stream, peer)) => {
                    let _ = stream.set_nodelay(true);
                    match server.of_peer.take(Some(peer.ip())) {
                        Some(share) => begin(&server, stream, Some(peer), (permit, share), &graceful),
                        None => tracing::debug!(%peer, "it has too many connections"),
                    }
                    Ok(())
                }
                Err(error) => Err(error),
            },
            Listener::Unix(listener) => match listener.accept().await {
                Ok((stream, _)) => {
                    begin(&server, stream, None, permit, &graceful);
                    Ok(())
                }
                Err(error) => Err(error),
            },
        };
        if let Err(error) = taken {
            wait_after(&error).await;
        }
    }
}

/// Waits where the cause of an error is not the peer, such as that no more files may be open.
async fn wait_after(error: &io::Error) {
    let is_of_peer = matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    );
    if !is_of_peer {
        tracing::error!(%error, "no connection can be taken");
        sleep(Duration::from_millis(100)).await;
    }
}

fn begin<S>(
    server: &Arc<Server>,
    stream: S,
    peer: Option<SocketAddr>,
    held: impl Send + 'static,
    graceful: &GracefulShutdown,
) where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let limits = server.shared.limits;
    let line = Line::new(stream, limits.write);
    let watcher = graceful.watcher();
    let server = Arc::clone(server);
    tokio::spawn(async move {
        let _held = held;
        match server.tls.as_ref().filter(|_| peer.is_some()) {
            None => speak(&server, line, peer, watcher).await,
            Some(tls) => match timeout(limits.header, tls.acceptor().accept(line)).await {
                Ok(Ok(line)) => speak(&server, line, peer, watcher).await,
                Ok(Err(error)) => tracing::debug!(%error, "no TLS came about"),
                Err(_) => tracing::debug!("TLS took too long"),
            },
        }
    });
}

/// Speaks HTTP until the peer goes, is too slow, or the server ends.
async fn speak<S>(
    server: &Server,
    line: S,
    peer: Option<SocketAddr>,
    watcher: hyper_util::server::graceful::Watcher,
) where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let router = server.router.clone();
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let mut request = request.map(Body::new);
        if let Some(peer) = peer {
            request.extensions_mut().insert(ConnectInfo(peer));
        }
        router.clone().oneshot(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(server.shared.limits.header)
        .max_buf_size(LARGEST_HEAD)
        .serve_connection(TokioIo::new(line), service);
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(%error, "a connection ended early");
    }
}
