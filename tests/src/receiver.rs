use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// What a receiver answers.
#[derive(Clone, Debug)]
pub enum Answer {
    /// The status line's code, header lines and the body.
    Http(u16, &'static str, &'static str),
    /// Nothing, however long one waits.
    Mute,
}

/// What a receiver was sent.
#[derive(Clone, Debug)]
pub struct Received {
    /// When its last byte came.
    pub at: Instant,
    /// The line of the request and the headers.
    pub head: String,
    /// The body.
    pub body: String,
}

impl Received {
    /// Returns a header's value, the name in small letters.
    pub fn header(&self, name: &str) -> Option<&str> {
        let of = |line: &&str| line.split_once(':').is_some_and(|(own, _)| own.eq_ignore_ascii_case(name));
        Some(self.head.lines().find(of)?.split_once(':')?.1.trim())
    }
}

/// A receiver of HTTP on loopback that answers as it is told: each request the next answer, and the last one for ever.
#[derive(Clone, Debug)]
pub struct HttpReceiver {
    port: u16,
    answers: Arc<Mutex<VecDeque<Answer>>>,
    received: Arc<Mutex<Vec<Received>>>,
}

impl HttpReceiver {
    /// Starts one. Its threads end with the process.
    ///
    /// # Panics
    /// When there is no port.
    pub fn start(answers: impl IntoIterator<Item = Answer>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let answers = Arc::new(Mutex::new(answers.into_iter().collect()));
        let receiver = Self { port, answers, received: Arc::default() };
        let own = receiver.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let one = own.clone();
                std::thread::spawn(move || one.serve(&stream));
            }
        });
        receiver
    }

    /// Returns its address.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }

    /// Answers otherwise from now on.
    ///
    /// # Panics
    /// When a thread of it has panicked.
    pub fn answer(&self, answers: impl IntoIterator<Item = Answer>) {
        *self.answers.lock().unwrap() = answers.into_iter().collect();
    }

    /// Returns what it was sent.
    ///
    /// # Panics
    /// When a thread of it has panicked.
    pub fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    fn serve(&self, stream: &TcpStream) -> Option<()> {
        let mut reader = BufReader::new(stream);
        loop {
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                if reader.read_line(&mut head).ok()? == 0 {
                    return None;
                }
            }
            let mut one = Received { at: Instant::now(), head, body: String::new() };
            let length = one.header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
            let mut body = vec![0; length];
            reader.read_exact(&mut body).ok()?;
            one.body = String::from_utf8_lossy(&body).into_owned();
            one.at = Instant::now();
            self.received.lock().ok()?.push(one);
            let answer = {
                let mut answers = self.answers.lock().ok()?;
                let next = answers.front().cloned();
                if answers.len() > 1 {
                    answers.pop_front();
                }
                next
            };
            let Some(Answer::Http(status, headers, body)) = answer else {
                std::thread::sleep(Duration::from_secs(600));
                return None;
            };
            let length = body.len();
            let text = format!("HTTP/1.1 {status} X\r\n{headers}Content-Length: {length}\r\n\r\n{body}");
            let mut stream = stream;
            stream.write_all(text.as_bytes()).ok()?;
        }
    }
}
