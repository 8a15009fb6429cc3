use serde_json::{Map, Value};

use super::level::priority_of;
use super::text;

/// Where loggers put what happened.
pub(super) const EVENT: [&str; 5] = ["event", "message", "msg", "short_message", "body"];

/// Where they put the name of a level, or its number as syslog or pino count.
pub(super) const LEVEL: [&str; 9] = [
    "level_name",
    "severity",
    "level",
    "levelname",
    "log.level",
    "log_level",
    "lvl",
    "severity_text",
    "priority",
];

/// Where Python's loggers put a level's number.
pub(super) const PYTHON_LEVEL: &str = "levelno";

/// So long may a structured line be, in bytes.
const LONGEST: usize = 4 << 20;

/// A line that is a JSON object, as structured loggers write it.
///
/// Ours is understood, and what is usual elsewhere: Python's loggers, pino, zap, slog, tracing, GELF, ECS.
///
/// ```
/// use taskflows_core::log::StructuredLine;
///
/// let line = r#"{"event":"copied","level_name":"warning","context":{"files":12,"to":"/srv/my files"}}"#;
/// let line = StructuredLine::read(line).expect("a JSON object");
/// assert_eq!(line.event(), Some("copied"));
/// assert_eq!(line.priority(), Some(4));
/// assert_eq!(line.to_text(), r#"copied files=12 to="/srv/my files""#);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct StructuredLine {
    /// Its fields, in the order in which they stand.
    pub fields: Map<String, Value>,
}

impl StructuredLine {
    /// Reads a line; `None` where it is plain text, or longer than two megabytes: JSON may take thirty times as much
    /// memory as its text.
    pub fn read(line: &str) -> Option<Self> {
        let text = Some(line.trim()).filter(|text| text.len() <= LONGEST)?;
        (text.starts_with('{') && text.ends_with('}'))
            .then(|| serde_json::from_str(text).ok().map(|fields| Self { fields }))
            .flatten()
    }

    /// Returns what it says happened: its `event`, `message`, `msg`, GELF's `short_message` or OpenTelemetry's `body`; else
    /// the `message` within the `fields` of `tracing`.
    pub fn event(&self) -> Option<&str> {
        let own = EVENT.iter().find_map(|key| self.fields.get(*key)?.as_str());
        own.or_else(|| self.fields.get("fields")?.get("message")?.as_str())
    }

    /// Returns its level as a syslog priority, 0 emergency to 7 debug; `None` where it has none, or one that nobody knows.
    ///
    /// It is the first of `level_name`, `severity`, `level`, `levelname`, `log.level`, `log_level`, `lvl`, `severity_text`,
    /// `priority` that is a known name ([`priority_of`]) or number: 0 to 7 as syslog has them, 10 to 60 as pino and
    /// bunyan have; else `levelno`, 10 to 50 as Python counts, where 30 is a warning.
    pub fn priority(&self) -> Option<u8> {
        let named = LEVEL.iter().find_map(|key| match self.fields.get(*key)? {
            Value::String(name) => priority_of(name),
            Value::Number(number) => number.as_u64().and_then(|number| match number {
                0..=7 => u8::try_from(number).ok(),
                10..=69 => pino(number),
                _ => None,
            }),
            _ => None,
        });
        let python = || self.fields.get(PYTHON_LEVEL)?.as_u64().and_then(python);
        // ECS nests what others write with a dot.
        let nested = || priority_of(self.fields.get("log")?.get("level")?.as_str()?);
        named.or_else(python).or_else(nested)
    }

    /// Writes it for people: what happened, then each further field as `key=value`; texts of several lines, such as a
    /// backtrace, and the causes of an error follow on lines of their own, indented by two spaces.
    ///
    /// Left out is what a reader sees beside the line or needs only to search: times, the level, the logger, the
    /// program, its environment and host, the fingerprint, the run and its attempt. What is nested is named with dots; the
    /// fields within `context` and `fields` are named without these. No control character but the tab and the
    /// line feed between lines is in the text, whatever is in the fields.
    pub fn to_text(&self) -> String {
        text::render(self)
    }
}

/// Source: pino's documentation, "level"; bunyan's README, "Levels".
fn pino(number: u64) -> Option<u8> {
    Some(match number {
        60.. => 2,
        50..=59 => 3,
        40..=49 => 4,
        30..=39 => 6,
        10..=29 => 7,
        _ => return None,
    })
}

/// Source: Python's documentation, `logging`, "Logging Levels".
fn python(number: u64) -> Option<u8> {
    Some(match number {
        50.. => 2,
        40..=49 => 3,
        30..=39 => 4,
        20..=29 => 6,
        1..=19 => 7,
        0 => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn line(text: &str) -> StructuredLine {
        StructuredLine::read(text).unwrap_or_else(|| panic!("no object: {text}"))
    }

    #[test]
    fn the_levels_of_many_loggers_are_known() {
        let levels = [
            // Ours, and structlog.
            (r#"{"severity":"CRITICAL","level_name":"critical"}"#, Some(2)),
            (r#"{"severity":"WARNING","level_name":"warning"}"#, Some(4)),
            (r#"{"event":"x","level":"info"}"#, Some(6)),
            // python-json-logger; the number where that is all there is.
            (r#"{"levelname":"ERROR","levelno":40}"#, Some(3)),
            (r#"{"levelno":10}"#, Some(7)),
            (r#"{"levelno":20}"#, Some(6)),
            (r#"{"levelno":30}"#, Some(4)),
            (r#"{"levelno":40}"#, Some(3)),
            (r#"{"levelno":50}"#, Some(2)),
            // pino and bunyan.
            (r#"{"level":10}"#, Some(7)),
            (r#"{"level":20}"#, Some(7)),
            (r#"{"level":30}"#, Some(6)),
            (r#"{"level":40}"#, Some(4)),
            (r#"{"level":50}"#, Some(3)),
            (r#"{"level":60,"time":1}"#, Some(2)),
            (r#"{"level":35}"#, Some(6)),
            // zap.
            (r#"{"level":"debug","msg":"x"}"#, Some(7)),
            (r#"{"level":"dpanic","msg":"x"}"#, Some(2)),
            (r#"{"level":"fatal","msg":"x"}"#, Some(2)),
            // slog, and levels of its users.
            (r#"{"level":"WARN","msg":"x"}"#, Some(4)),
            (r#"{"level":"INFO+2","msg":"x"}"#, Some(6)),
            // tracing, GELF and syslog, log15, ECS, OpenTelemetry.
            (r#"{"level":"TRACE","fields":{"message":"x"}}"#, Some(7)),
            (r#"{"short_message":"x","level":3}"#, Some(3)),
            (r#"{"priority":"0"}"#, Some(0)),
            (r#"{"lvl":"eror"}"#, None),
            (r#"{"lvl":"warn"}"#, Some(4)),
            (r#"{"log.level":"error"}"#, Some(3)),
            (r#"{"log":{"level":"error"}}"#, Some(3)),
            (r#"{"severity_text":"Error"}"#, Some(3)),
            // What one key does not say another may.
            (r#"{"severity":"DEFAULT","level":"error"}"#, Some(3)),
            (r#"{"level":{"a":1},"levelname":"INFO"}"#, Some(6)),
            (r#"{"level":8}"#, None),
            (r#"{"level":-1}"#, None),
            (r#"{"level":1e300}"#, None),
            (r#"{"level":null}"#, None),
            ("{}", None),
        ];
        for (text, priority) in levels {
            assert_eq!(line(text).priority(), priority, "{text}");
        }
    }

    #[test]
    fn what_happened_stands_in_several_places() {
        let events = [
            (r#"{"event":"a","message":"b"}"#, Some("a")),
            (r#"{"msg":"zap"}"#, Some("zap")),
            (r#"{"fields":{"message":"tracing"}}"#, Some("tracing")),
            (r#"{"short_message":"gelf"}"#, Some("gelf")),
            (r#"{"event":7,"msg":"said"}"#, Some("said")),
            (r#"{"user":"x"}"#, None),
        ];
        for (text, event) in events {
            assert_eq!(line(text).event(), event, "{text}");
        }
    }

    #[test]
    fn plain_text_is_no_structured_line() {
        for text in
            ["", "hello", "[1]", "{", "{}x", "{'a':1}", "x {\"a\":1}", "{\"a\":1} {\"b\":2}", "\"{}\""]
        {
            assert_eq!(StructuredLine::read(text), None, "{text:?}");
        }
        let deep = format!("{}{}", "{\"a\":".repeat(5_000), "}".repeat(5_000));
        assert_eq!(StructuredLine::read(&deep), None, "and one that is nested without end");
        assert!(StructuredLine::read("  {\"a\":1}\n").is_some());
    }
}
