use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::live::wait_until;

/// The version that `scripts/lib.sh` installs.
const VERSION: &str = "0.11.2";

const SEED: &str = "
slack:
  team: {name: taskflows, domain: taskflows}
  users: [{name: admin, real_name: Admin, email: admin@example.org}]
  channels: [{name: ops}]
  bots: [{name: taskflows}]
tokens:
  xoxb-test: {login: admin}
";

/// An emulator of Slack's Web API (npm `emulate`) with the channel `ops`, which ends with the value.
#[derive(Debug)]
pub struct SlackEmulator {
    _directory: TempDir,
    server: Child,
    port: u16,
}

impl SlackEmulator {
    /// The token it knows.
    pub const TOKEN: &str = "xoxb-test";

    /// Starts one.
    ///
    /// # Panics
    /// When it does not start, as where `scripts/test` has not installed it.
    pub fn start() -> Self {
        let directory = TempDir::new().unwrap();
        let seed = directory.path().join("seed.yaml");
        std::fs::write(&seed, SEED).unwrap();
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let program = program();
        let log = std::fs::File::create(directory.path().join("log")).unwrap();
        let server = Command::new(&program)
            .args(["--service", "slack", "--port", &port.to_string(), "--seed"])
            .arg(&seed)
            .current_dir(directory.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}; scripts/test installs it", program.display()));
        let emulator = Self { _directory: directory, server, port };
        wait_until("the emulator answers", Duration::from_secs(30), || {
            TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
        });
        emulator
    }

    /// Returns the address of the Web API.
    pub fn api_url(&self) -> String {
        format!("http://127.0.0.1:{}/api/", self.port)
    }

    /// Calls a method of the Web API and returns the JSON it answers.
    ///
    /// # Panics
    /// When there is no answer.
    pub fn call(&self, method: &str, form: &str) -> String {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        // By the older protocol the answer is one piece.
        let head = format!(
            "POST /api/{method} HTTP/1.0\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
            Self::TOKEN,
            form.len(),
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (_, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{answer}"));
        body.to_owned()
    }
}

impl Drop for SlackEmulator {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn program() -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")));
    let directory = cache.unwrap_or_default().join(format!("taskflows-ci/emulate-{VERSION}"));
    directory.join("node_modules/.bin/emulate")
}
