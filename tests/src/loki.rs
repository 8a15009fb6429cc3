use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::live::{repository, wait_until};

/// A server with Loki's API (`scripts/loki-stand-in`), which ends with the value. It starts in a few seconds.
///
/// It differs from Loki: times in answers are numbers, rounded to a few hundred nanoseconds; structured metadata is let
/// go; a label filter passes over an entry without the label; a regular expression for a label is found anywhere in it;
/// a text with an escaped quote is no line filter; there is no version and there are no figures.
#[derive(Debug)]
pub struct LokiStandIn {
    directory: TempDir,
    port: u16,
    server: Option<Child>,
}

impl LokiStandIn {
    /// Starts one.
    ///
    /// # Panics
    /// When it does not start, as where `scripts/test` has not installed it.
    pub fn start() -> Self {
        let mut server = Self { directory: TempDir::new().unwrap(), port: free_ports(), server: None };
        server.resume();
        server
    }

    /// Returns its address.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Ends it; what was pushed stays.
    pub fn stop(&mut self) {
        let Some(mut server) = self.server.take() else { return };
        // The script ends what it started.
        let _ = Command::new("kill").arg(server.id().to_string()).status();
        let _ = server.wait();
    }

    /// Starts it again on the same directory and ports.
    ///
    /// # Panics
    /// When it does not start.
    pub fn resume(&mut self) {
        let log = self.directory.path().join("log");
        let log = std::fs::File::options().create(true).append(true).open(log).unwrap();
        let script = repository().join("scripts/loki-stand-in");
        let server = Command::new(&script)
            .arg(self.directory.path())
            .arg(self.port.to_string())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", script.display()));
        self.server = Some(server);
        wait_until("the stand-in for Loki answers", Duration::from_secs(120), || {
            let ended = self.server.as_mut().is_some_and(|server| !matches!(server.try_wait(), Ok(None)));
            assert!(!ended, "it ended: {}", self.log());
            self.ask("GET", "/ready", "").is_some_and(|(status, _)| status == 200)
        });
    }

    /// Pushes lines of a service, each with its time in nanoseconds since 1970.
    ///
    /// # Panics
    /// When they are not taken.
    pub fn push(&self, service: &str, lines: &[(i64, String)]) {
        let values: Vec<_> = lines.iter().map(|(at, line)| [at.to_string(), line.clone()]).collect();
        let stream = serde_json::json!({ "stream": { "service_name": service }, "values": values });
        let body = serde_json::json!({ "streams": [stream] }).to_string();
        let answer = self.ask("POST", "/loki/api/v1/push", &body);
        assert_eq!(answer.as_ref().map(|(status, _)| *status), Some(204), "{answer:?}");
    }

    /// Asks, and returns the status and the body of the answer, where there is one.
    pub fn ask(&self, method: &str, path: &str, body: &str) -> Option<(u16, String)> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(30))).ok()?;
        // By the older protocol the answer is one piece.
        let head = format!(
            "{method} {path} HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).ok()?;
        stream.write_all(body.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }
}

impl Drop for LokiStandIn {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Returns a port that is free, as is the next.
fn free_ports() -> u16 {
    let bind = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    let pair = || {
        let first = bind(0).ok()?;
        let port = first.local_addr().ok()?.port();
        bind(port.checked_add(1)?).ok().map(|_| port)
    };
    std::iter::repeat_with(pair).flatten().next().unwrap()
}
