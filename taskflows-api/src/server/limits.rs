use std::time::Duration;

/// What a server gives to all who ask together, and to each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections beside those of streams.
    pub connections: usize,
    /// Those of all, of streams as well, that are left to who is on this host.
    pub own_connections: usize,
    /// Those of one peer on another host.
    pub peer_connections: usize,
    /// Streams of events; each holds a connection.
    pub streams: usize,
    /// Requests that are worked on at once.
    pub requests: usize,
    /// Bodies above the usual size that are read at once.
    pub large_bodies: usize,
    /// Those of one peer on another host.
    pub large_bodies_of_peer: usize,
    /// The time in which a request's lines and headers must be there, and for which a connection may be idle.
    pub header: Duration,
    /// The time in which a request's body must be there, and for which a large one waits until it is read.
    pub body: Duration,
    /// The time in which a request must be answered; streams have begun by then.
    pub request: Duration,
    /// The time for which a peer may take nothing of what is sent to it.
    pub write: Duration,
    /// The age at which a stream ends, so that who reads it shows its credentials again.
    pub stream_age: Duration,
    /// The time for which requests may go on once the server is told to end.
    pub drain: Duration,
    /// The time for which it waits for changes then, before those. Together they are less than the 120 s after which systemd
    /// ends it.
    pub finish: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1_024,
            own_connections: 64,
            peer_connections: 256,
            streams: 1_000,
            requests: 256,
            large_bodies: 8,
            large_bodies_of_peer: 2,
            header: Duration::from_secs(10),
            body: Duration::from_secs(10),
            request: Duration::from_secs(30),
            write: Duration::from_secs(30),
            stream_age: Duration::from_secs(3_600),
            drain: Duration::from_secs(10),
            finish: Duration::from_secs(90),
        }
    }
}
