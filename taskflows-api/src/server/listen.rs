use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;

use rustix::net::{AddressFamily, SocketType};
use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};
use tokio::net::{TcpListener, UnixListener};

/// Where a server takes connections.
#[derive(Debug)]
pub enum Listener {
    /// A TCP port.
    Tcp(TcpListener),
    /// A socket of this host.
    Unix(UnixListener),
}

impl Listener {
    /// Listens at `address`.
    ///
    /// # Errors
    /// When it is taken, or is none of this host.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        TcpListener::from_std(listener).map(Self::Tcp)
    }

    /// Returns the sockets that systemd listens at for us, none where it does not. Source: sd_listen_fds(3).
    ///
    /// # Errors
    /// When one of them is none that listens.
    pub fn activated() -> io::Result<Vec<Self>> {
        let numbers = sd_notify::listen_fds()?;
        if numbers.len() == 0 {
            return Ok(Vec::new());
        }
        // A copy of each that is ours to close; the numbers themselves are nobody's.
        let own = pidfd_open(getpid(), PidfdFlags::empty())?;
        numbers.map(|number| Self::from_fd(pidfd_getfd(&own, number, PidfdGetfdFlags::empty())?)).collect()
    }

    fn from_fd(socket: OwnedFd) -> io::Result<Self> {
        use rustix::net::sockopt::{socket_acceptconn, socket_domain, socket_type};
        if socket_type(&socket)? != SocketType::STREAM || !socket_acceptconn(&socket)? {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a socket from systemd does not listen"));
        }
        if socket_domain(&socket)? == AddressFamily::UNIX {
            let listener = std::os::unix::net::UnixListener::from(socket);
            listener.set_nonblocking(true)?;
            return UnixListener::from_std(listener).map(Self::Unix);
        }
        let listener = std::net::TcpListener::from(socket);
        listener.set_nonblocking(true)?;
        TcpListener::from_std(listener).map(Self::Tcp)
    }

    /// Returns where it listens; `None` where that is a socket of this host.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(listener) => listener.local_addr().ok(),
            Self::Unix(_) => None,
        }
    }
}
