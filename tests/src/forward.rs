mod packed;

use std::collections::{HashMap, VecDeque};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use packed::{Packed, decode};
use serde_json::Value;

const BASE64: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// What a receiver does with a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forwarding {
    /// Takes it and says so.
    Acknowledge,
    /// Takes it and says nothing, but closes the connection.
    Forget,
    /// Takes it and acknowledges another.
    AcknowledgeAnother,
    /// Closes the connection after so many bytes of it.
    CloseAfter(usize),
}

/// A chunk, as the forward protocol has it.
#[derive(Clone, Debug, PartialEq)]
pub struct ForwardMessage {
    /// Whose lines these are.
    pub tag: String,
    /// What it is called by.
    pub chunk: String,
    /// Seconds, nanoseconds and the record of each line.
    pub entries: Vec<(u32, u32, Value)>,
    /// Whether it was acknowledged.
    pub is_acknowledged: bool,
}

/// A receiver of Fluent Bit's forward protocol that does as it is told: with each chunk the next thing, and the last one
/// for ever. It takes nothing that the specification does not allow, and keeps what it saw of that.
///
/// Source: Fluentd Forward Protocol Specification v1, modes PackedForward and Message.
#[derive(Clone, Debug)]
pub struct ForwardReceiver {
    address: String,
    deeds: Arc<Mutex<VecDeque<Forwarding>>>,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Debug, Default)]
struct Seen {
    messages: Vec<ForwardMessage>,
    faults: Vec<String>,
    /// What was in each chunk: nothing else may come under its name.
    chunks: HashMap<String, Vec<(u32, u32, Value)>>,
}

impl ForwardReceiver {
    /// Starts one on a port of its own. Its threads end with the process.
    ///
    /// # Panics
    /// When there is no port.
    pub fn start(deeds: impl IntoIterator<Item = Forwarding>) -> Self {
        Self::at("127.0.0.1:0", deeds)
    }

    /// Starts one there.
    ///
    /// # Panics
    /// When the address is taken.
    pub fn at(address: &str, deeds: impl IntoIterator<Item = Forwarding>) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let receiver =
            Self { address, deeds: Arc::new(Mutex::new(deeds.into_iter().collect())), seen: Arc::default() };
        let own = receiver.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let own = own.clone();
                std::thread::spawn(move || own.serve(stream));
            }
        });
        receiver
    }

    /// Returns where it listens, `host:port`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Returns what came, in the order in which it did.
    ///
    /// # Panics
    /// When something came that the specification does not allow.
    pub fn messages(&self) -> Vec<ForwardMessage> {
        let seen = self.seen.lock().unwrap();
        assert_eq!(seen.faults, Vec::<String>::new());
        seen.messages.clone()
    }

    fn next_deed(&self) -> Forwarding {
        let mut deeds = self.deeds.lock().unwrap();
        let next = deeds.front().copied().unwrap_or(Forwarding::Acknowledge);
        if deeds.len() > 1 {
            deeds.pop_front();
        }
        next
    }

    fn serve(&self, mut stream: TcpStream) {
        loop {
            let deed = match stream.peek(&mut [0]) {
                Ok(1) => self.next_deed(),
                _ => return,
            };
            if let Forwarding::CloseAfter(count) = deed {
                let _ = stream.read_exact(&mut vec![0; count]);
                return;
            }
            let mut message = match read(&mut stream) {
                Ok(Some(message)) => message,
                Ok(None) => return,
                Err(fault) => return self.seen.lock().unwrap().faults.push(fault),
            };
            message.is_acknowledged = deed == Forwarding::Acknowledge;
            let chunk = message.chunk.clone();
            self.keep(message);
            let answer = match deed {
                Forwarding::Acknowledge => acknowledgement(&chunk),
                Forwarding::AcknowledgeAnother => acknowledgement("AAAAAAAAAAAAAAAAAAAAAA=="),
                _ => return,
            };
            if stream.write_all(&answer).is_err() {
                return;
            }
        }
    }

    fn keep(&self, message: ForwardMessage) {
        let mut seen = self.seen.lock().unwrap();
        let known = seen.chunks.entry(message.chunk.clone()).or_insert_with(|| message.entries.clone());
        if *known != message.entries {
            seen.faults.push(format!("two chunks are called {}", message.chunk));
        }
        seen.messages.push(message);
    }
}

/// Reads one message; nothing at the end of the connection, whether or not within one.
fn read(stream: &mut TcpStream) -> Result<Option<ForwardMessage>, String> {
    let (mut bytes, mut part) = (Vec::new(), [0; 65536]);
    loop {
        match stream.read(&mut part) {
            Ok(0) | Err(_) => return Ok(None),
            Ok(count) => bytes.extend_from_slice(&part[..count]),
        }
        let mut rest = &bytes[..];
        if let Some(message) = decode(&mut rest)? {
            return match rest.len() {
                0 => check(message).map(Some),
                more => Err(format!("{more} bytes follow a chunk that was not acknowledged")),
            };
        }
    }
}

/// Takes `[tag, entries, {"size": n, "chunk": c}]`, or one line as `[tag, time, record, {"chunk": c}]`.
fn check(message: Packed) -> Result<ForwardMessage, String> {
    let Packed::Array(parts) = message else { return Err("a message is an array".to_owned()) };
    if parts.len() == 4 {
        return check_one(parts);
    }
    let Ok::<[Packed; 3], _>([Packed::Text(tag), Packed::Binary(entries), Packed::Map(options)]) =
        parts.try_into()
    else {
        return Err("a message is of a tag, entries and options".to_owned());
    };
    let entries = read_entries(&entries)?;
    let mut chunk = None;
    for (name, value) in options {
        match (name.as_str(), value) {
            ("size", Packed::Number(size)) if size == entries.len().into() => {}
            ("chunk", Packed::Text(name)) => chunk = Some(name),
            (name, value) => return Err(format!("option {name} is {value:?}")),
        }
    }
    let chunk = chunk.ok_or("there is no chunk to acknowledge")?;
    let is_base64 =
        chunk.len() == 24 && chunk.ends_with("==") && chunk[..22].chars().all(|it| BASE64.contains(it));
    match tag.is_empty() || !is_base64 {
        true => Err(format!("tag {tag:?}, chunk {chunk:?}")),
        false => Ok(ForwardMessage { tag, chunk, entries, is_acknowledged: false }),
    }
}

/// Takes the mode of one message, whose time is in seconds.
fn check_one(parts: Vec<Packed>) -> Result<ForwardMessage, String> {
    let Ok::<[Packed; 4], _>([Packed::Text(tag), Packed::Number(time), record, Packed::Map(options)]) =
        parts.try_into()
    else {
        return Err("a message is of a tag, a time, a record and options".to_owned());
    };
    let time = time.as_u64().and_then(|time| u32::try_from(time).ok());
    match (time, &options[..]) {
        (Some(time), [(name, Packed::Text(chunk))]) if name == "chunk" && !tag.is_empty() => {
            let entries = vec![(time, 0, record.json()?)];
            Ok(ForwardMessage { tag, chunk: chunk.clone(), entries, is_acknowledged: false })
        }
        other => Err(format!("time and options are {other:?}")),
    }
}

/// Reads `[time, record]`, one behind the other.
fn read_entries(mut bytes: &[u8]) -> Result<Vec<(u32, u32, Value)>, String> {
    let mut entries = Vec::new();
    while !bytes.is_empty() {
        let Some(Packed::Array(entry)) = decode(&mut bytes)? else {
            return Err("an entry is an array".to_owned());
        };
        let Ok::<[Packed; 2], _>([Packed::Extension(0, time), record @ Packed::Map(_)]) = entry.try_into()
        else {
            return Err("an entry is of a time with nanoseconds and a record".to_owned());
        };
        let half = |bytes: &[u8]| Some(u32::from_be_bytes(bytes.try_into().ok()?));
        match time.split_at_checked(4).and_then(|(seconds, rest)| Some((half(seconds)?, half(rest)?))) {
            Some((seconds, nanoseconds)) if nanoseconds < 1_000_000_000 => {
                entries.push((seconds, nanoseconds, record.json()?));
            }
            _ => return Err(format!("{time:?} is no time")),
        }
    }
    Ok(entries)
}

fn acknowledgement(chunk: &str) -> Vec<u8> {
    let mut bytes = b"\x81\xa3ack\xd9".to_vec();
    bytes.push(u8::try_from(chunk.len()).unwrap());
    bytes.extend_from_slice(chunk.as_bytes());
    bytes
}
