use std::collections::BTreeMap;
use std::io::{self, Write};
use std::ops::Range;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Deserialize;
use tracing::Level;

use super::super::Labels;
use super::super::queue::{Batch, Queued};

/// A longer line is refused, unless Loki is told otherwise (`max_line_size`).
const LONGEST_LINE: usize = 256 * 1024;
/// A longer value of a label is refused, and all lines of its stream with it (`max_label_value_length`, which the kit sets
/// so; Loki alone takes more).
const LONGEST_VALUE: usize = 512;
/// Stands at the end of what was cut.
const MARK: &str = "... (truncated)";

/// Makes the bodies of requests.
#[derive(Debug)]
pub(super) struct Body {
    /// The labels that all lines have.
    labels: Vec<(&'static str, String)>,
    labels_compat: bool,
}

/// What tells a stream from another of the same program.
type Stream<'a> = (&'a str, Severity, Option<&'a str>, Option<&'a str>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Severity {
    Debug,
    Info,
    Warning,
    Error,
    Critical,
}

impl Body {
    pub(super) fn new(labels: &Labels, labels_compat: bool) -> Self {
        let service = labels.service.as_ref().filter(|service| !service.is_empty()).unwrap_or(&labels.app);
        let hostname = labels.hostname.as_deref().unwrap_or_default();
        let all = [
            ("service_name", service.as_str()),
            ("app", &labels.app),
            ("environment", &labels.environment),
            ("hostname", hostname),
        ];
        let labels = all.map(|(name, value)| (name, cut(value, LONGEST_VALUE).into_owned()));
        Self { labels: labels.into_iter().filter(|(_, value)| !value.is_empty()).collect(), labels_compat }
    }

    pub(super) fn compressed(&self, batch: &Batch, range: Range<usize>) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        // A buffer in memory takes everything: neither of these fails.
        let _ = self.write(&mut encoder, batch, range);
        encoder.finish().unwrap_or_default()
    }

    /// Writes `{"streams":[{"stream":{labels},"values":[[time, line, {metadata}], …]}, …]}`, the lines of each stream in
    /// the order of their times.
    fn write(&self, out: &mut impl Write, batch: &Batch, range: Range<usize>) -> io::Result<()> {
        let mut streams: BTreeMap<Stream<'_>, Vec<Queued<'_>>> = BTreeMap::new();
        for line in range.filter_map(|index| batch.line(index)) {
            let id = |id| if self.labels_compat { id } else { None };
            let key = (line.logger, severity(&line), id(line.request_id), id(line.trace_id));
            streams.entry(key).or_default().push(line);
        }
        let mut before = "{\"streams\":[";
        for (stream, mut lines) in streams {
            lines.sort_by_key(|line| line.timestamp_ns);
            out.write_all(before.as_bytes())?;
            before = ",";
            self.write_stream(out, stream, &lines)?;
        }
        out.write_all(b"]}")
    }

    fn write_stream(
        &self,
        out: &mut impl Write,
        (logger, severity, request_id, trace_id): Stream<'_>,
        lines: &[Queued<'_>],
    ) -> io::Result<()> {
        let (upper, lower) = severity.names();
        let own = self.labels.iter().map(|(name, value)| (*name, value.as_str()));
        let its = [("severity", Some(upper)), ("level_name", Some(lower)), ("logger", Some(logger))];
        let ids = [("request_id", request_id), ("trace_id", trace_id)];
        let its = its.into_iter().chain(ids).filter_map(|(name, value)| Some((name, value?)));
        out.write_all(b"{\"stream\":")?;
        write_texts(out, own.chain(its))?;
        let mut before = ",\"values\":[";
        for line in lines {
            out.write_all(before.as_bytes())?;
            before = ",";
            self.write_line(out, line)?;
        }
        out.write_all(b"]}")
    }

    fn write_line(&self, out: &mut impl Write, line: &Queued<'_>) -> io::Result<()> {
        write!(out, "[\"{}\",", line.timestamp_ns)?;
        let text = String::from_utf8_lossy(line.json);
        serde_json::to_writer(&mut *out, &*cut(&text, LONGEST_LINE))?;
        let attempt = line.attempt.map(|attempt| attempt.to_string());
        // A name that is a label as well would be renamed by Loki.
        let id = |id| if self.labels_compat { None } else { id };
        let metadata = [
            ("request_id", id(line.request_id)),
            ("trace_id", id(line.trace_id)),
            ("run_id", line.run_id),
            ("attempt", attempt.as_deref()),
        ];
        if metadata.iter().any(|(_, value)| value.is_some()) {
            out.write_all(b",")?;
            write_texts(out, metadata.into_iter().filter_map(|(name, value)| Some((name, value?))))?;
        }
        out.write_all(b"]")
    }
}

/// Writes an object of texts, without those that are empty.
fn write_texts<'a>(out: &mut impl Write, texts: impl Iterator<Item = (&'a str, &'a str)>) -> io::Result<()> {
    let mut before = "{";
    for (name, value) in texts.filter(|(_, value)| !value.is_empty()) {
        write!(out, "{before}\"{name}\":")?;
        serde_json::to_writer(&mut *out, &*cut(value, LONGEST_VALUE))?;
        before = ",";
    }
    out.write_all(if before == "{" { b"{}" } else { b"}" })
}

/// Cuts a text at a character, so that it is not longer than `most` with the mark.
fn cut(text: &str, most: usize) -> std::borrow::Cow<'_, str> {
    if text.len() <= most {
        return text.into();
    }
    let mut end = most.saturating_sub(MARK.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{MARK}", &text[..end]).into()
}

impl Severity {
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Debug => ("DEBUG", "debug"),
            Self::Info => ("INFO", "info"),
            Self::Warning => ("WARNING", "warning"),
            Self::Error => ("ERROR", "error"),
            Self::Critical => ("CRITICAL", "critical"),
        }
    }
}

/// A level has no word for what is critical; the line has.
fn severity(line: &Queued<'_>) -> Severity {
    #[derive(Deserialize)]
    struct Head<'a> {
        #[serde(borrow)]
        severity: std::borrow::Cow<'a, str>,
    }
    match line.level {
        Level::ERROR => match serde_json::from_slice::<Head<'_>>(line.json) {
            Ok(head) if head.severity == "CRITICAL" => Severity::Critical,
            _ => Severity::Error,
        },
        Level::WARN => Severity::Warning,
        Level::INFO => Severity::Info,
        Level::DEBUG | Level::TRACE => Severity::Debug,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::super::Line;
    use super::super::super::line::tests::line;
    use super::*;

    fn labels() -> Labels {
        Labels {
            app: "shop".to_owned(),
            environment: "test".to_owned(),
            hostname: Some("h1".to_owned()),
            service: Some("nightly".to_owned()),
            extra: [("team".to_owned(), "platform".to_owned())].into(),
        }
    }

    fn body(labels: &Labels, labels_compat: bool, lines: &[Line<'_>]) -> Value {
        let mut batch = Batch::default();
        lines.iter().for_each(|line| batch.push(line));
        let body = Body::new(labels, labels_compat).compressed(&batch, 0..lines.len());
        serde_json::from_reader(flate2::read::GzDecoder::new(&body[..])).unwrap()
    }

    fn lines() -> [Line<'static>; 3] {
        let first = Line { timestamp_ns: 3, request_id: Some("r"), run_id: Some("u"), ..line(b"{\"a\":1}") };
        let second = Line { timestamp_ns: 2, trace_id: Some("t"), attempt: Some(4), ..line(b"{\"a\":2}") };
        let third = Line { level: Level::ERROR, ..line(b"{\"event\":\"x\",\"severity\":\"CRITICAL\"}") };
        [first, second, third]
    }

    #[test]
    fn lines_are_in_streams_by_their_labels_in_order_with_metadata_where_there_is_any() {
        let own = json!({"service_name": "nightly", "app": "shop", "environment": "test", "hostname": "h1"});
        let with = |its: Value| {
            let mut all = own.clone();
            all.as_object_mut().unwrap().extend(its.as_object().unwrap().clone());
            all
        };
        let expected = json!({"streams": [
            {"stream": with(json!({"severity": "INFO", "level_name": "info", "logger": "app"})), "values": [
                ["2", "{\"a\":2}", {"trace_id": "t", "attempt": "4"}],
                ["3", "{\"a\":1}", {"request_id": "r", "run_id": "u"}],
            ]},
            {"stream": with(json!({"severity": "CRITICAL", "level_name": "critical", "logger": "app"})), "values": [
                ["1790000000123456789", "{\"event\":\"x\",\"severity\":\"CRITICAL\"}"],
            ]},
        ]});
        assert_eq!(body(&labels(), false, &lines()), expected);
    }

    #[test]
    fn with_the_seeds_labels_requests_and_traces_are_streams_of_their_own() {
        let body = body(&labels(), true, &lines());
        assert_eq!(body["streams"].as_array().unwrap().len(), 3);
        assert_eq!(body["streams"][0]["stream"]["trace_id"], "t");
        assert_eq!(body["streams"][0]["values"][0][2], json!({"attempt": "4"}));
        assert_eq!(body["streams"][1]["stream"]["request_id"], "r");
    }

    #[test]
    fn what_loki_would_refuse_for_its_length_is_cut_at_a_character() {
        let text = format!("{{\"event\":\"{}\"}}", "ä".repeat(LONGEST_LINE));
        let logger = "ü".repeat(5_000);
        let line = Line { logger: &logger, ..line(text.as_bytes()) };
        let labels = Labels { app: "shop".to_owned(), ..Labels::default() };
        let body = body(&labels, false, &[line]);
        let sent = body["streams"][0]["values"][0][1].as_str().unwrap();
        assert!(
            sent.len() <= LONGEST_LINE && sent.len() > LONGEST_LINE - 2 && sent.ends_with("ä... (truncated)")
        );
        let stream = &body["streams"][0]["stream"];
        assert!(stream["logger"].as_str().unwrap().len() <= LONGEST_VALUE);
        assert_eq!((&stream["service_name"], stream.get("hostname")), (&json!("shop"), None));
    }
}
