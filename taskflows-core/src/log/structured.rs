use serde_json::{Map, Value};

/// A line that is a JSON object, as structured loggers write it.
#[derive(Clone, Debug, PartialEq)]
pub struct StructuredLine {
    /// Its fields, in the order in which they stand.
    pub fields: Map<String, Value>,
}

impl StructuredLine {
    /// Reads a line; `None` where it is plain text.
    pub fn read(line: &str) -> Option<Self> {
        let text = line.trim();
        (text.starts_with('{') && text.ends_with('}'))
            .then(|| serde_json::from_str(text).ok().map(|fields| Self { fields }))
            .flatten()
    }

    /// Returns what it says happened: its `event`, else its `message` or `msg`.
    pub fn event(&self) -> Option<&str> {
        ["event", "message", "msg"].iter().find_map(|key| self.fields.get(*key)?.as_str())
    }

    /// Returns its level as a syslog priority: from `level_name`, `severity` or `level`.
    pub fn priority(&self) -> Option<u8> {
        let name = ["level_name", "severity", "level"].iter().find_map(|key| self.fields.get(*key)?.as_str());
        Some(match name?.to_ascii_lowercase().as_str() {
            "emergency" | "emerg" => 0,
            "alert" => 1,
            "critical" | "crit" | "fatal" => 2,
            "error" | "err" => 3,
            "warning" | "warn" => 4,
            "notice" => 5,
            "info" => 6,
            "debug" | "trace" => 7,
            _ => return None,
        })
    }
}
