//! A mail server that does what a test tells it.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// What it does instead of answering well.
#[derive(Clone)]
pub(super) enum Fault {
    /// It answers this.
    Says(&'static str),
    /// It is silent from then on.
    Hangs,
    /// It answers a byte a second.
    Trickles,
    /// It ends the connection.
    Closes,
}

#[derive(Default)]
pub(super) struct Seen {
    pub(super) sessions: usize,
    pub(super) commands: Vec<String>,
    pub(super) mails: Vec<String>,
    faults: HashMap<&'static str, VecDeque<Fault>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Tls {
    None,
    Implicit,
    /// STARTTLS is offered.
    Offered,
}

/// A running server; state is shared by its sessions.
pub(super) struct FakeMailServer {
    pub(super) port: u16,
    seen: Arc<Mutex<Seen>>,
}

impl FakeMailServer {
    pub(super) async fn start(tls: Tls, acceptor: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let state = seen.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, tls, acceptor.clone(), state.clone()));
            }
        });
        Self { port, seen }
    }

    pub(super) async fn plain() -> Self {
        Self::start(Tls::None, None).await
    }

    /// The next times that `verb` comes (`HELLO` is the greeting, `.` the end of a mail) it does this.
    pub(super) fn fails(&self, verb: &'static str, faults: impl IntoIterator<Item = Fault>) {
        self.seen.lock().unwrap().faults.entry(verb).or_default().extend(faults);
    }

    pub(super) fn mails(&self) -> Vec<String> {
        self.seen.lock().unwrap().mails.clone()
    }

    pub(super) fn sessions(&self) -> usize {
        self.seen.lock().unwrap().sessions
    }

    pub(super) fn commands(&self) -> Vec<String> {
        self.seen.lock().unwrap().commands.clone()
    }
}

async fn serve(stream: TcpStream, tls: Tls, acceptor: Option<TlsAcceptor>, seen: Arc<Mutex<Seen>>) {
    seen.lock().unwrap().sessions += 1;
    match (tls, acceptor) {
        (Tls::Implicit, Some(acceptor)) => {
            if let Ok(stream) = acceptor.accept(stream).await {
                Session { stream: BufReader::new(stream), seen, offers: false }.run(true).await;
            }
        }
        (Tls::Offered, Some(acceptor)) => {
            let mut session = Session { stream: BufReader::new(stream), seen: seen.clone(), offers: true };
            if session.run(true).await
                && let Ok(stream) = acceptor.accept(session.stream.into_inner()).await
            {
                Session { stream: BufReader::new(stream), seen, offers: false }.run(false).await;
            }
        }
        _ => {
            Session { stream: BufReader::new(stream), seen, offers: false }.run(true).await;
        }
    }
}

struct Session<S> {
    stream: BufReader<S>,
    seen: Arc<Mutex<Seen>>,
    offers: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    /// Serves until the end, or until TLS is asked for, which the answer tells.
    async fn run(&mut self, greets: bool) -> bool {
        if greets && !self.answer("HELLO", "220 fake ESMTP").await {
            return false;
        }
        let mut line = String::new();
        loop {
            line.clear();
            if self.stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                return false;
            }
            let verb = line.split([' ', ':', '\r']).next().unwrap_or_default().to_uppercase();
            self.seen.lock().unwrap().commands.push(line.trim_end().to_owned());
            let greeting = if self.offers {
                "250-fake\r\n250 STARTTLS"
            } else {
                "250-fake\r\n250-8BITMIME\r\n250 AUTH PLAIN LOGIN"
            };
            let open = match verb.as_str() {
                "EHLO" => self.answer("EHLO", greeting).await,
                "STARTTLS" => return self.offers && self.answer("STARTTLS", "220 go on").await,
                "AUTH" => self.answer("AUTH", "235 welcome").await,
                "DATA" => self.answer("DATA", "354 go on").await && self.mail().await,
                "QUIT" => return false,
                other => self.answer(other, "250 ok").await,
            };
            if !open {
                return false;
            }
        }
    }

    async fn mail(&mut self) -> bool {
        let (mut mail, mut line) = (String::new(), String::new());
        while self.stream.read_line(&mut line).await.unwrap_or(0) > 0 {
            if line == ".\r\n" {
                let open = self.answer(".", "250 kept").await;
                if open {
                    self.seen.lock().unwrap().mails.push(mail);
                }
                return open;
            }
            mail.push_str(&line);
            line.clear();
        }
        false
    }

    /// Answers; a mail that is refused is none that was kept.
    async fn answer(&mut self, verb: &str, well: &str) -> bool {
        let fault = self.seen.lock().unwrap().faults.get_mut(verb).and_then(VecDeque::pop_front);
        match fault {
            None => self.write(well).await,
            Some(Fault::Says(words)) => {
                self.write(words).await;
                verb != "." && verb != "HELLO"
            }
            Some(Fault::Closes) => false,
            Some(Fault::Hangs) => std::future::pending().await,
            Some(Fault::Trickles) => {
                for byte in well.bytes() {
                    if self.stream.write_all(&[byte]).await.is_err() || self.stream.flush().await.is_err() {
                        return false;
                    }
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
                true
            }
        }
    }

    async fn write(&mut self, text: &str) -> bool {
        let text = format!("{text}\r\n");
        self.stream.write_all(text.as_bytes()).await.is_ok() && self.stream.flush().await.is_ok()
    }
}
