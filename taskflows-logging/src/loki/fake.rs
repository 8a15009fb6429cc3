//! A server with state that answers log queries as Loki does, as far as they are asked here.
//!
//! Selectors, line filters, label filters, time, limit, direction and refusals are those of Loki 3; there is no parser.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Value, json};
use taskflows_core::log::LogPattern;

use super::LokiSettings;

/// What one request meets instead of an answer.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// Another status, with more of the head and a body.
    Status(u16, &'static str, String),
    /// Nothing for so long.
    Silence(Duration),
    /// Half an answer, and the end of the connection.
    CutOff,
    /// A text that is no JSON.
    Nonsense,
    /// A body of so many bytes, of which none follows.
    Announced(u64),
    /// A body without a length, and without an end before this many bytes.
    Endless(usize),
}

#[derive(Clone, Debug)]
struct Stored {
    labels: BTreeMap<String, String>,
    metadata: BTreeMap<String, String>,
    at: i64,
    line: String,
}

#[derive(Debug)]
struct State {
    entries: Vec<Stored>,
    faults: VecDeque<Fault>,
    asked: Vec<Asked>,
    most: usize,
    rounds: bool,
}

/// A request that was answered.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) head: String,
    pub(crate) parameters: BTreeMap<String, String>,
}

/// The server, which ends with the value.
#[derive(Debug)]
pub(crate) struct FakeLoki {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    running: Option<(Arc<AtomicBool>, JoinHandle<()>)>,
}

impl FakeLoki {
    pub(crate) fn start() -> Self {
        let state = State {
            entries: Vec::new(),
            faults: VecDeque::new(),
            asked: Vec::new(),
            most: 5000,
            rounds: false,
        };
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let mut server = Self { address, state: Arc::new(Mutex::new(state)), running: None };
        server.resume();
        server
    }

    pub(crate) fn settings(&self) -> LokiSettings {
        LokiSettings { timeout: Duration::from_secs(5), ..LokiSettings::new(&self.address.to_string()) }
    }

    /// Goes away; what it keeps stays.
    pub(crate) fn stop(&mut self) {
        if let Some((stop, thread)) = self.running.take() {
            stop.store(true, Ordering::SeqCst);
            let _ = TcpStream::connect(self.address);
            thread.join().unwrap();
        }
    }

    /// Comes back at the same address.
    pub(crate) fn resume(&mut self) {
        let listener = TcpListener::bind(self.address).unwrap();
        self.address = listener.local_addr().unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let (state, ended) = (Arc::clone(&self.state), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if ended.load(Ordering::SeqCst) {
                    break;
                }
                let (stream, state) = (stream.unwrap(), Arc::clone(&state));
                std::thread::spawn(move || serve(stream, &state));
            }
        });
        self.running = Some((stop, thread));
    }

    /// Keeps an entry of a service.
    pub(crate) fn write(&self, service: &str, metadata: &[(&str, &str)], at: i64, line: &str) {
        let own = |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| ((*a).into(), (*b).into())).collect();
        let labels = own(&[("service_name", service)]);
        let stored = Stored { labels, metadata: own(metadata), at, line: line.to_owned() };
        lock(&self.state).entries.push(stored);
    }

    pub(crate) fn fail(&self, faults: impl IntoIterator<Item = Fault>) {
        lock(&self.state).faults.extend(faults);
    }

    /// Allows so many entries to an answer.
    pub(crate) fn allow(&self, most: usize) {
        lock(&self.state).most = most;
    }

    /// Answers with times as numbers that are rounded, and knows no metadata, as another server does.
    pub(crate) fn round(&self) {
        lock(&self.state).rounds = true;
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        lock(&self.state).asked.clone()
    }
}

impl Drop for FakeLoki {
    fn drop(&mut self) {
        self.stop();
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn serve(mut stream: TcpStream, state: &Mutex<State>) {
    let Some((head, body)) = request(&stream) else { return };
    let path = head.split_whitespace().nth(1).unwrap_or_default();
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let parameters = parameters(query);
    let fault = {
        let mut state = lock(state);
        state.asked.push(Asked { head: head.clone(), parameters: parameters.clone() });
        state.faults.pop_front()
    };
    let (status, body) = match (fault, path) {
        (Some(fault), _) => return fail(&mut stream, fault),
        (None, "/loki/api/v1/query_range") => {
            query_range(&lock(state), &parameters, head.to_lowercase().contains("categorize-labels"))
        }
        (None, "/loki/api/v1/push") => push(&mut lock(state), &body),
        (None, "/ready") => (200, "ready\n".to_owned()),
        (None, "/loki/api/v1/status/buildinfo") => (200, r#"{"version":"3.5.1","branch":"x"}"#.to_owned()),
        (None, "/loki/api/v1/labels") => (200, r#"{"status":"success","data":["service_name"]}"#.to_owned()),
        (None, "/loki/api/v1/label/service_name/values") => {
            (200, r#"{"status":"success","data":["web"]}"#.to_owned())
        }
        (None, "/loki/api/v1/series") => {
            (200, r#"{"status":"success","data":[{"service_name":"web"}]}"#.to_owned())
        }
        (None, "/metrics") => (200, "loki_discarded_samples_total{reason=\"rate_limited\"} 2\n".to_owned()),
        _ => (404, "404 page not found".to_owned()),
    };
    answer(&mut stream, status, "", &body);
}

fn request(stream: &TcpStream) -> Option<(String, String)> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let lower = head.to_lowercase();
    let length =
        lower.split_once("content-length: ").and_then(|(_, rest)| rest.split("\r\n").next()?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    Some((head, String::from_utf8(body).ok()?))
}

fn parameters(query: &str) -> BTreeMap<String, String> {
    let decode = |text: &str| {
        let text = text.replace('+', " ");
        percent_encoding::percent_decode_str(&text).decode_utf8().unwrap().into_owned()
    };
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (decode(name), decode(value))).collect()
}

fn answer(stream: &mut TcpStream, status: u16, head: &str, body: &str) {
    let length = body.len();
    let _ = write!(
        stream,
        "HTTP/1.1 {status} X\r\nConnection: close\r\n{head}Content-Length: {length}\r\n\r\n{body}"
    );
}

fn fail(stream: &mut TcpStream, fault: Fault) {
    match fault {
        Fault::Status(status, head, body) => answer(stream, status, head, &body),
        Fault::Silence(time) => std::thread::sleep(time),
        Fault::Nonsense => answer(stream, 200, "", "{\"status\":\"success\",\"data\":{"),
        Fault::CutOff => {
            let _ = write!(stream, "HTTP/1.1 200 X\r\nContent-Length: 1000\r\n\r\n{{\"status\":");
        }
        Fault::Announced(length) => {
            let _ = write!(stream, "HTTP/1.1 200 X\r\nContent-Length: {length}\r\n\r\n{{");
        }
        Fault::Endless(bytes) => {
            let _ = write!(stream, "HTTP/1.1 200 X\r\nConnection: close\r\n\r\n");
            let part = [b' '; 64 * 1024];
            let mut left = bytes / part.len();
            while left > 0 && stream.write_all(&part).is_ok() {
                left -= 1;
            }
        }
    }
}

fn push(state: &mut State, body: &str) -> (u16, String) {
    let body: Value = serde_json::from_str(body).unwrap();
    for stream in body["streams"].as_array().unwrap() {
        let labels: BTreeMap<String, String> = serde_json::from_value(stream["stream"].clone()).unwrap();
        for value in stream["values"].as_array().unwrap() {
            let (at, line) = (value[0].as_str().unwrap().parse().unwrap(), value[1].as_str().unwrap());
            let metadata =
                value.get(2).map(|it| serde_json::from_value(it.clone()).unwrap()).unwrap_or_default();
            state.entries.push(Stored { labels: labels.clone(), metadata, at, line: line.to_owned() });
        }
    }
    (204, String::new())
}

fn query_range(state: &State, asked: &BTreeMap<String, String>, apart: bool) -> (u16, String) {
    let number = |name: &str| asked[name].parse::<i64>().unwrap();
    let (start, end, limit) = (number("start"), number("end"), number("limit") as usize);
    let cut = |time: i64| if state.rounds { time - time % 1_000_000 } else { time };
    let (start, end) = (cut(start), cut(end));
    if limit > state.most {
        let (most, words) = (state.most, "max entries limit per query exceeded");
        return (400, format!("{words}, limit > max_entries_limit_per_query ({limit} > {most})"));
    }
    if end - start > 721 * 3600 * 1_000_000_000 {
        return (400, "the query time range exceeds the limit (query length: x, limit: 30d1h)".to_owned());
    }
    let Some(query) = parse(&asked["query"]) else {
        return (400, "parse error at line 1, col 1: syntax error".to_owned());
    };
    let selected = |entry: &&Stored| {
        (start..end).contains(&entry.at) && query.iter().all(|stage| stage.keeps(entry, state.rounds))
    };
    let mut found: Vec<&Stored> = state.entries.iter().filter(selected).collect();
    found.sort_by_key(|entry| entry.at);
    if asked["direction"] == "backward" {
        found.reverse();
    }
    found.truncate(limit);
    let mut streams: Vec<(BTreeMap<String, String>, Vec<Value>)> = Vec::new();
    for entry in found {
        let mut labels = entry.labels.clone();
        let (text, number) = (json!(entry.at.to_string()), json!(entry.at as f64 as i64));
        let mut value = vec![if state.rounds { number } else { text }, json!(entry.line)];
        if apart && !state.rounds {
            value.push(json!({ "structuredMetadata": entry.metadata, "parsed": {} }));
        } else if !state.rounds {
            labels.extend(entry.metadata.clone());
        }
        match streams.iter_mut().find(|(own, _)| *own == labels) {
            Some((_, values)) => values.push(json!(value)),
            None => streams.push((labels, vec![json!(value)])),
        }
    }
    let result: Vec<Value> =
        streams.into_iter().map(|(stream, values)| json!({ "stream": stream, "values": values })).collect();
    (200, json!({ "status": "success", "data": { "resultType": "streams", "result": result } }).to_string())
}

enum Stage {
    Label(String, LogPattern),
    Line(LogPattern),
    Contains(String),
}

impl Stage {
    fn keeps(&self, entry: &Stored, without_metadata: bool) -> bool {
        match self {
            Self::Contains(text) => entry.line.contains(text.as_str()),
            Self::Line(pattern) => pattern.is_in(&entry.line),
            Self::Label(name, pattern) => {
                let metadata = entry.metadata.get(name).filter(|_| !without_metadata);
                let value = entry.labels.get(name).or(metadata);
                pattern.is_in(value.map_or("", String::as_str))
            }
        }
    }
}

/// Reads a selector and the filters behind it.
fn parse(query: &str) -> Option<Vec<Stage>> {
    let mut rest = query.strip_prefix('{')?;
    let mut stages = Vec::new();
    while !rest.starts_with('}') {
        let (stage, after) = label(rest)?;
        stages.push(stage);
        rest = after.strip_prefix(", ").unwrap_or(after);
    }
    rest = &rest[1..];
    while let Some(stage) = rest.strip_prefix(' ') {
        let (stage, after) = if let Some(text) = stage.strip_prefix("|= ") {
            unquote(text).map(|(text, after)| (Stage::Contains(text), after))?
        } else if let Some(text) = stage.strip_prefix("|~ ") {
            unquote(text).and_then(|(text, after)| Some((Stage::Line(text.parse().ok()?), after)))?
        } else {
            label(stage.strip_prefix("| ")?)?
        };
        stages.push(stage);
        rest = after;
    }
    rest.is_empty().then_some(stages)
}

fn label(text: &str) -> Option<(Stage, &str)> {
    let (name, rest) = text.split_at(text.find('=')?);
    let (is_expression, rest) = match rest.strip_prefix("=~") {
        Some(rest) => (true, rest),
        None => (false, &rest[1..]),
    };
    let (value, rest) = unquote(rest)?;
    let value = if is_expression { value } else { super::logql::escape_regex(&value) };
    Some((Stage::Label(name.to_owned(), format!("^(?:{value})$").parse().ok()?), rest))
}

/// Reads a string as Go does; returns what follows as well.
pub(crate) fn unquote(text: &str) -> Option<(String, &str)> {
    let text = text.strip_prefix('"')?;
    let mut value = String::new();
    let mut rest = text.char_indices();
    while let Some((at, c)) = rest.next() {
        match c {
            '"' => return Some((value, &text[at + 1..])),
            '\n' | '\0' | '\u{feff}' => return None,
            '\\' => value.push(match rest.next()?.1 {
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                c @ ('"' | '\\') => c,
                'u' => {
                    let digits: String = rest.by_ref().take(4).map(|(_, c)| c).collect();
                    char::from_u32(u32::from_str_radix(&digits, 16).ok()?)?
                }
                _ => return None,
            }),
            c => value.push(c),
        }
    }
    None
}
