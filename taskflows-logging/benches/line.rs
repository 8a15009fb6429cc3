//! Lines a second of CPU time, beside `tracing-subscriber`'s own JSON and a floor that renders nothing twice.
//!
//! `cargo bench -p taskflows-logging --bench line`; `benches/structlog_peer.py` writes the same line with Python. Each line
//! is one write(2) to /dev/null. An argument runs those only whose names hold it.

#![expect(clippy::print_stdout, reason = "figures are for whoever runs this")]

use std::fs::{File, OpenOptions};
use std::hint::black_box;
use std::io::{self, IoSlice, Write};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;
use serde_json::json;
use taskflows_logging::{
    Line, LokiLayer, LokiLogging, RequestContext, Sink, fields, get_struct_logger, in_request_context,
};
use tracing::{Subscriber, debug, info, info_span};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;

const LINES: u32 = 300_000;
const ROUNDS: usize = 5;
const REQUEST: &str = "5f0c6a52-7c0b-4f0e-9a53-0d0e6c1f4b7a";
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

fn main() -> io::Result<()> {
    let wanted = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    let run = |name: &str, work: &mut dyn FnMut(u32)| {
        if name.contains(&wanted) {
            println!("{name:<44} {:>12.0} /s", best_rate(work));
        }
    };
    println!("a line has {} bytes", length()?);
    with(ours(OneWrite::dev_null()?), || run("ours, to /dev/null", &mut event));
    with(json_layer(dev_null()?), || run("tracing-subscriber json, to /dev/null", &mut event));
    with(bare(OneWrite::dev_null()?), || {
        in_request_context(context(), || {
            run("ours, request context, to /dev/null", &mut event);
            run("ours, get_struct_logger, to /dev/null", &mut call);
        });
    });
    let mut floor = Floor::new(dev_null()?);
    run("serde_json, fixed parts once, to /dev/null", &mut |number| floor.write(number));
    with(ours(Nowhere), || run("ours, to memory", &mut event));
    with(ours(Nowhere), || {
        run("ours, a message that differs, to memory", &mut |number| {
            info!(user_id = number, "user {number}")
        });
    });
    with(ours(Nowhere), || {
        run("ours, span and event, to memory", &mut |number| in_request(|| event(number)))
    });
    with(ours(Nowhere), || {
        run("ours, filtered out", &mut |number| debug!(user_id = number, "nobody sees this"))
    });
    Ok(())
}

/// The best of several rounds: what disturbs only makes it slower.
fn best_rate(work: &mut dyn FnMut(u32)) -> f64 {
    let rates = (0..ROUNDS).map(|_| {
        let before = cpu_time();
        (0..LINES).for_each(|number| work(black_box(number)));
        f64::from(LINES) / (cpu_time() - before).as_secs_f64()
    });
    rates.fold(0.0, f64::max)
}

fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

fn with(subscriber: impl Subscriber + Send + Sync, work: impl FnOnce()) {
    tracing::subscriber::with_default(subscriber, || in_request(work));
}

fn in_request<R>(work: impl FnOnce() -> R) -> R {
    info_span!("request", request_id = REQUEST, trace_id = TRACE, endpoint = "/api/orders", method = "POST")
        .in_scope(work)
}

fn event(number: u32) {
    info!(
        target: "my_module", order_id = number, action = "login", ip = "192.168.1.1", total_amount = 99.99,
        is_new = true, duration_ms = 12, "order_processed"
    );
}

fn call(number: u32) {
    let items = json!([{"sku": "ABC", "qty": 2}]);
    get_struct_logger("my_module").info("order_processed", fields! { order_id: number, items: items });
}

fn context() -> RequestContext {
    RequestContext {
        request_id: Some(REQUEST.to_owned()),
        trace_id: Some(TRACE.to_owned()),
        fields: fields! { endpoint: "/api/orders", method: "POST" },
    }
}

fn logging() -> LokiLogging {
    LokiLogging {
        app_name: "my-service".to_owned(),
        extra_labels: [("team", "platform"), ("version", "1.2.3")]
            .map(|(a, b)| (a.to_owned(), b.to_owned()))
            .into(),
        ..LokiLogging::default()
    }
}

fn layer(sink: impl Sink + 'static) -> LokiLayer {
    let (layer, guard) =
        LokiLayer::with_sinks(&logging(), vec![Box::new(sink)]).unwrap_or_else(|error| panic!("{error}"));
    drop(guard);
    layer
}

fn ours(sink: impl Sink + 'static) -> impl Subscriber + Send + Sync {
    tracing_subscriber::registry().with(EnvFilter::new("info")).with(layer(sink))
}

/// Without spans: the request context says the same.
fn bare(sink: impl Sink + 'static) -> impl Subscriber + Send + Sync {
    tracing_subscriber::registry().with(EnvFilter::new("info,line=off")).with(layer(sink))
}

fn json_layer(file: File) -> impl Subscriber + Send + Sync {
    let layer = tracing_subscriber::fmt::layer()
        .json()
        .with_span_list(false)
        .with_writer(std::sync::Mutex::new(file));
    tracing_subscriber::registry().with(EnvFilter::new("info")).with(layer)
}

fn dev_null() -> io::Result<File> {
    OpenOptions::new().write(true).open("/dev/null")
}

/// Writes each line at once, its newline in the same write(2).
#[derive(Debug)]
struct OneWrite(File);

impl OneWrite {
    fn dev_null() -> io::Result<Self> {
        dev_null().map(Self)
    }
}

impl Sink for OneWrite {
    fn write(&self, line: &Line<'_>) {
        let written = (&self.0).write_vectored(&[IoSlice::new(line.json), IoSlice::new(b"\n")]);
        black_box(written.is_ok());
    }

    fn flush(&self, _limit: Duration) -> bool {
        true
    }

    fn dropped(&self) -> u64 {
        0
    }

    fn last_error(&self) -> Option<String> {
        None
    }
}

#[derive(Debug)]
struct Nowhere;

impl Sink for Nowhere {
    fn write(&self, line: &Line<'_>) {
        black_box(line.json);
    }

    fn flush(&self, _limit: Duration) -> bool {
        true
    }

    fn dropped(&self) -> u64 {
        0
    }

    fn last_error(&self) -> Option<String> {
        None
    }
}

/// How long the line is that all of them write.
fn length() -> io::Result<u64> {
    let file = tempfile::tempfile()?;
    with(ours(OneWrite(file.try_clone()?)), || event(7));
    Ok(file.metadata()?.len())
}

/// What is left when only what changes is rendered, and what it is is known beforehand.
struct Floor {
    file: File,
    line: Vec<u8>,
    second: (i64, String),
}

#[derive(Serialize)]
struct Changing {
    order_id: u32,
    action: &'static str,
    ip: &'static str,
    total_amount: f64,
    is_new: bool,
    duration_ms: i32,
    endpoint: &'static str,
    method: &'static str,
}

impl Floor {
    const fn new(file: File) -> Self {
        Self { file, line: Vec::new(), second: (0, String::new()) }
    }

    fn write(&mut self, order_id: u32) {
        let now = jiff::Timestamp::now();
        if self.second.0 != now.as_second() {
            self.second = (now.as_second(), now.to_string()[..19].to_owned());
        }
        self.line.clear();
        self.line.extend_from_slice(br#"{"timestamp":""#);
        self.line.extend_from_slice(self.second.1.as_bytes());
        self.line.extend_from_slice(br#".123456Z","timestamp_ns":"#);
        let nanos = now.as_second() * 1_000_000_000 + i64::from(now.subsec_nanosecond());
        self.add(&nanos);
        self.line.extend_from_slice(
            br#","event":"order_processed","event_fingerprint":"874652ed","severity":"INFO","level_name":"info","logger":"my_module","app":"my-service","environment":"production","hostname":"localhost","team":"platform","version":"1.2.3","request_id":"5f0c6a52-7c0b-4f0e-9a53-0d0e6c1f4b7a","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","context":"#,
        );
        self.add(&Changing {
            order_id,
            action: "login",
            ip: "192.168.1.1",
            total_amount: 99.99,
            is_new: true,
            duration_ms: 12,
            endpoint: "/api/orders",
            method: "POST",
        });
        self.line.extend_from_slice(b"}\n");
        black_box(self.file.write_all(&self.line).is_ok());
    }

    fn add(&mut self, value: &impl Serialize) {
        black_box(serde_json::to_writer(&mut self.line, value).is_ok());
    }
}
