//! Asks a server the same again and again, for `scripts/bench-api`: `requests ADDRESS TARGET CONNECTIONS SECONDS [KIND]`.
//!
//! KIND is `tf1:SERVER_ID` for our signature, `lines` for that of the Python program (the same parts, another text), and
//! `none`; the secret is in `SECRET`. It writes one line: requests a second, and the median and the 99th percentile of what
//! one took, in milliseconds.

use std::error::Error;
use std::time::{Duration, Instant};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use taskflows_security::{SignedParts, SigningKey, random_hex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

type Failure = Box<dyn Error + Send + Sync>;

/// What is asked, of whom, and how it is signed.
#[derive(Clone)]
struct Question {
    address: String,
    target: String,
    kind: String,
    secret: String,
}

impl Question {
    fn request(&self) -> Vec<u8> {
        let timestamp = jiff::Timestamp::now().as_second().to_string();
        let nonce = random_hex::<16>();
        let (path, query) = self.target.split_once('?').unwrap_or((&self.target, ""));
        let signature = match self.kind.split_once(':') {
            Some((_, server_id)) => SigningKey::new(&self.secret).sign(&SignedParts {
                timestamp: &timestamp,
                nonce: &nonce,
                server_id,
                method: "GET",
                path,
                query,
                body: b"",
            }),
            None if self.kind == "lines" => {
                let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(self.secret.as_bytes()).unwrap();
                mac.update([&timestamp, &nonce, "GET", path, query, ""].join("\n").as_bytes());
                hex::encode(mac.finalize().into_bytes())
            }
            None => String::new(),
        };
        let signed = match signature.is_empty() {
            true => String::new(),
            false => {
                format!("X-HMAC-Signature: {signature}\r\nX-Timestamp: {timestamp}\r\nX-Nonce: {nonce}\r\n")
            }
        };
        format!("GET {} HTTP/1.1\r\nHost: {}\r\n{signed}\r\n", self.target, self.address).into_bytes()
    }

    /// Asks until `end`; returns how long each answer took.
    async fn ask_until(self, end: Instant) -> Result<Vec<Duration>, Failure> {
        let mut stream = TcpStream::connect(&self.address).await?;
        stream.set_nodelay(true)?;
        let (mut took, mut buffer) = (Vec::new(), Vec::new());
        while Instant::now() < end {
            let began = Instant::now();
            stream.write_all(&self.request()).await?;
            answer(&mut stream, &mut buffer).await?;
            took.push(began.elapsed());
        }
        Ok(took)
    }
}

/// Reads one answer whose length is told.
async fn answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Result<(), Failure> {
    buffer.clear();
    loop {
        let head = buffer.windows(4).position(|end| end == b"\r\n\r\n");
        if let Some(head) = head {
            let text = std::str::from_utf8(&buffer[..head])?.to_ascii_lowercase();
            let ok = text.starts_with("http/1.1 200");
            if !ok {
                return Err(text.into());
            }
            let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
            let length: usize = length.ok_or("an answer without a length")?.trim().parse()?;
            if buffer.len() >= head + 4 + length {
                return Ok(());
            }
        }
        if stream.read_buf(buffer).await? == 0 {
            return Err("the server ended the connection".into());
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, target, connections, seconds, kind] = arguments.as_slice() else {
        return Err("usage: requests ADDRESS TARGET CONNECTIONS SECONDS KIND".into());
    };
    let secret = std::env::var("SECRET").unwrap_or_default();
    let question = Question { address: address.clone(), target: target.clone(), kind: kind.clone(), secret };
    let (began, length) = (Instant::now(), Duration::from_secs(seconds.parse()?));
    let asking: Vec<_> = (0..connections.parse::<usize>()?)
        .map(|_| tokio::spawn(question.clone().ask_until(began + length)))
        .collect();
    let mut took = Vec::new();
    for one in asking {
        took.extend(one.await??);
    }
    let whole = began.elapsed();
    took.sort_unstable();
    let at = |share: usize| took.get(took.len() * share / 100).map_or(0.0, |one| one.as_secs_f64() * 1e3);
    println!("{:.1} {:.3} {:.3}", took.len() as f64 / whole.as_secs_f64(), at(50), at(99));
    Ok(())
}
