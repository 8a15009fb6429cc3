use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tracing::Level;
use tracing_subscriber::filter::Targets;

use super::fingerprint::Place;
use super::parts::{Ids, Parts, some};
use super::{Call, Scratch, clock, console, text};
use crate::{Labels, Line, Sink, context};

/// How often it is told that lines were lost, in nanoseconds.
const TELL_EVERY_NS: i64 = 10_000_000_000;

/// How bad it is, in the words of lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Severity {
    Debug,
    Info,
    Warning,
    Error,
    Critical,
}

impl Severity {
    pub(crate) fn of(level: Level) -> Self {
        match level {
            Level::ERROR => Self::Error,
            Level::WARN => Self::Warning,
            Level::INFO => Self::Info,
            _ => Self::Debug,
        }
    }

    pub(crate) const fn level(self) -> Level {
        match self {
            Self::Debug => Level::DEBUG,
            Self::Info => Level::INFO,
            Self::Warning => Level::WARN,
            Self::Error | Self::Critical => Level::ERROR,
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warning => "WARNING",
            Self::Error => "ERROR",
            Self::Critical => "CRITICAL",
        }
    }

    /// Returns the members of a line that say it.
    const fn members(self) -> &'static [u8] {
        match self {
            Self::Debug => br#"","severity":"DEBUG","level_name":"debug","logger":"#,
            Self::Info => br#"","severity":"INFO","level_name":"info","logger":"#,
            Self::Warning => br#"","severity":"WARNING","level_name":"warning","logger":"#,
            Self::Error => br#"","severity":"ERROR","level_name":"error","logger":"#,
            Self::Critical => br#"","severity":"CRITICAL","level_name":"critical","logger":"#,
        }
    }
}

/// What lines look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Json,
    /// For people.
    Console {
        is_coloured: bool,
    },
}

/// What is the same for each line.
#[derive(Debug)]
pub(crate) struct LineSettings {
    pub(crate) labels: Labels,
    pub(crate) form: Form,
    pub(crate) max_string_length: usize,
    pub(crate) include_process_info: bool,
    /// The run that this process is, where it is one.
    pub(crate) run: Ids,
    /// Which levels of which loggers are written, for those who ask here.
    pub(crate) targets: Targets,
}

/// Renders lines and hands them to sinks.
#[derive(Debug)]
pub(crate) struct LineWriter {
    settings: LineSettings,
    /// The members that no line changes.
    constant: Vec<u8>,
    sinks: Vec<Destination>,
    /// When it is looked again whether lines were lost.
    tell_at_ns: AtomicI64,
}

#[derive(Debug)]
struct Destination {
    sink: Box<dyn Sink>,
    /// How many lost lines were told.
    told: AtomicU64,
}

impl LineWriter {
    pub(crate) fn new(settings: LineSettings, sinks: Vec<Box<dyn Sink>>) -> Self {
        let constant = constant_members(&settings.labels);
        let sinks = sinks.into_iter().map(|sink| Destination { sink, told: AtomicU64::new(0) }).collect();
        Self { settings, constant, sinks, tell_at_ns: AtomicI64::new(i64::MIN) }
    }

    /// Returns how many characters of a string are kept.
    pub(crate) fn limit(&self) -> usize {
        self.settings.max_string_length
    }

    pub(crate) fn is_enabled(&self, logger: &str, level: Level) -> bool {
        self.settings.targets.would_enable(logger, &level)
    }

    /// Writes a line of what is in `scratch`, which knows its event and its parts.
    pub(crate) fn write(&self, scratch: &mut Scratch, call: &Call<'_>) {
        let now = clock::now_ns();
        self.complete(&mut scratch.parts);
        self.render(scratch, call, now);
        for destination in &self.sinks {
            destination.sink.write(&line_of(scratch, call, now));
        }
        if self.is_time_to_tell(now) {
            self.tell_dropped();
        }
    }

    fn complete(&self, parts: &mut Parts) {
        context::add_to(parts, self.limit());
        parts.ids.merge(&self.settings.run);
        parts.follow_note();
        if self.settings.include_process_info {
            parts.context.add("pid", |json| text::number(json, std::process::id()));
            let thread = std::thread::current();
            parts.context.add("thread", |json| match thread.name() {
                Some(name) => text::string(json, name),
                None => text::string(json, &format!("{:?}", thread.id())),
            });
        }
    }

    fn render(&self, scratch: &mut Scratch, call: &Call<'_>, now: i64) {
        let Scratch { line, event, parts, clock, fingerprints, .. } = scratch;
        if let Form::Console { is_coloured } = self.settings.form {
            clock.write(line, now);
            console::write(line, is_coloured, call.severity, call.logger, event, parts);
            return;
        }
        line.extend_from_slice(br#"{"timestamp":""#);
        clock.write(line, now);
        line.extend_from_slice(br#"","timestamp_ns":"#);
        text::number(line, now);
        line.extend_from_slice(br#","event":"#);
        text::string(line, event);
        line.extend_from_slice(br#","event_fingerprint":""#);
        line.extend_from_slice(&fingerprints.of(event, call.logger, call.place));
        line.extend_from_slice(call.severity.members());
        text::string(line, call.logger);
        line.extend_from_slice(&self.constant);
        write_parts(line, parts);
        line.push(b'}');
    }

    fn is_time_to_tell(&self, now: i64) -> bool {
        let at = self.tell_at_ns.load(Ordering::Relaxed);
        // A clock that jumped back must not silence this.
        let is_time = now >= at || at - now > TELL_EVERY_NS;
        let next = now.saturating_add(TELL_EVERY_NS);
        is_time && self.tell_at_ns.compare_exchange(at, next, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// Says how many lines were lost since it was last said: through the sinks that lost none, else on standard error where
    /// that is read. Tells whether there was anything to say.
    pub(crate) fn tell_dropped(&self) -> bool {
        let lost: Vec<u64> = self.sinks.iter().map(Destination::newly_lost).collect();
        let sum: u64 = lost.iter().sum();
        if sum == 0 {
            return false;
        }
        Scratch::lend(|scratch| {
            scratch.event.push_str("log_lines_dropped");
            scratch.parts.context.add("dropped", |json| text::number(json, sum));
            let mut lossy = self.sinks.iter().zip(&lost).filter(|(_, lost)| **lost > 0);
            if let Some(reason) = lossy.find_map(|(destination, _)| destination.sink.last_error()) {
                scratch.parts.context.add("reason", |json| text::cut_string(json, &reason, self.limit()));
            }
            let place = Place { file: file!(), function: module_path!(), line: line!() };
            let call = Call { severity: Severity::Warning, logger: env!("CARGO_CRATE_NAME"), place };
            let now = clock::now_ns();
            self.render(scratch, &call, now);
            let healthy = self.sinks.iter().zip(&lost).filter(|(_, lost)| **lost == 0);
            let told = healthy.map(|(healthy, _)| healthy.sink.write(&line_of(scratch, &call, now))).count();
            if told == 0 {
                scratch.line.push(b'\n');
                tell_on_stderr(&scratch.line);
            }
        });
        true
    }

    /// Waits until all sinks have sent what they took, at most `limit`.
    pub(crate) fn flush(&self, limit: Duration) -> bool {
        let end = Instant::now().checked_add(limit);
        let left = || end.map_or(limit, |end| end.saturating_duration_since(Instant::now()));
        // Each is asked, whatever became of the one before.
        self.sinks.iter().filter(|destination| !destination.sink.flush(left())).count() == 0
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.sinks.iter().map(|destination| destination.sink.dropped()).sum()
    }
}

impl Destination {
    fn newly_lost(&self) -> u64 {
        let dropped = self.sink.dropped();
        dropped.saturating_sub(self.told.swap(dropped, Ordering::Relaxed))
    }
}

/// Writes a line where there is room for it: standard error may be the stream that lines were just lost on, and whoever logs
/// does not wait for it. Nothing is left to tell it to where this fails.
fn tell_on_stderr(line: &[u8]) {
    let stderr = std::io::stderr();
    let mut waits = [PollFd::new(&stderr, PollFlags::OUT)];
    let has_room = poll(&mut waits, Some(&Timespec::default())).is_ok_and(|ready| ready == 1);
    // More than a pipe takes at once might be waited for.
    if has_room && line.len() <= 4096 {
        let _ = rustix::io::write(&stderr, line);
    }
}

fn constant_members(labels: &Labels) -> Vec<u8> {
    let fixed = [("app", Some(&labels.app)), ("environment", Some(&labels.environment))];
    let hostname = [("hostname", labels.hostname.as_ref())];
    let extra = labels.extra.iter().map(|(name, value)| (name.as_str(), Some(value)));
    let mut json = Vec::new();
    for (name, value) in fixed.into_iter().chain(hostname).chain(extra) {
        if let Some(value) = value {
            json.push(b',');
            text::string(&mut json, name);
            json.push(b':');
            text::string(&mut json, value);
        }
    }
    json
}

fn write_parts(line: &mut Vec<u8>, parts: &Parts) {
    let ids: [(&[u8], &str); 3] = [
        (br#","request_id":"#, &parts.ids.request_id),
        (br#","trace_id":"#, &parts.ids.trace_id),
        (br#","run_id":"#, &parts.ids.run_id),
    ];
    for (name, id) in ids {
        if !id.is_empty() {
            line.extend_from_slice(name);
            text::string(line, id);
        }
    }
    if let Some(attempt) = parts.ids.attempt {
        line.extend_from_slice(br#","attempt":"#);
        text::number(line, attempt);
    }
    if !parts.top.is_empty() {
        line.push(b',');
        line.extend_from_slice(parts.top.as_bytes());
    }
    if !parts.context.is_empty() {
        line.extend_from_slice(br#","context":{"#);
        line.extend_from_slice(parts.context.as_bytes());
        line.push(b'}');
    }
}

fn line_of<'a>(scratch: &'a Scratch, call: &Call<'a>, now: i64) -> Line<'a> {
    let ids = &scratch.parts.ids;
    Line {
        timestamp_ns: now,
        level: call.severity.level(),
        json: &scratch.line,
        event: &scratch.event,
        logger: call.logger,
        request_id: some(&ids.request_id),
        trace_id: some(&ids.trace_id),
        run_id: some(&ids.run_id),
        attempt: ids.attempt,
        file: call.place.file,
        file_line: call.place.line,
    }
}
