//! Texts and values as JSON.

use std::fmt::{self, Write as _};

use serde_json::Value;

/// What a string that was cut ends in.
pub(crate) const CUT: &str = "... (truncated)";
/// Values nested deeper than this are cut: readers of JSON have limits too, serde_json's own is 128.
const MAX_DEPTH: usize = 64;

/// Appends `text` as a JSON string. A `Vec` takes everything, so nothing can fail here nor below.
pub(crate) fn string(json: &mut Vec<u8>, text: &str) {
    if serde_json::to_writer(&mut *json, text).is_err() {
        json.extend_from_slice(b"\"\"");
    }
}

/// Appends `text` as a JSON string, cut to `limit` characters.
pub(crate) fn cut_string(json: &mut Vec<u8>, text: &str, limit: usize) {
    match cut_at(text, limit) {
        None => string(json, text),
        Some(end) => {
            string(json, &text[..end]);
            json.pop();
            json.extend_from_slice(CUT.as_bytes());
            json.push(b'"');
        }
    }
}

/// Appends a number, and `null` where JSON has no such number.
pub(crate) fn number(json: &mut Vec<u8>, value: impl serde::Serialize) {
    let before = json.len();
    if serde_json::to_writer(&mut *json, &value).is_err() {
        json.truncate(before);
        json.extend_from_slice(b"null");
    }
}

/// Where a text must be cut so that it has `limit` characters; `None` where it need not.
fn cut_at(text: &str, limit: usize) -> Option<usize> {
    if text.len() <= limit {
        return None;
    }
    text.char_indices().nth(limit).map(|(end, _)| end)
}

/// Cuts a text to `limit` characters.
pub(crate) fn cut(text: &mut String, limit: usize) {
    if let Some(end) = cut_at(text, limit) {
        text.truncate(end);
        text.push_str(CUT);
    }
}

/// Appends a value with its strings cut.
pub(crate) fn value(json: &mut Vec<u8>, value: &Value, limit: usize) {
    nested(json, value, limit, MAX_DEPTH);
}

fn nested(json: &mut Vec<u8>, value: &Value, limit: usize, depth: usize) {
    match value {
        Value::Array(_) | Value::Object(_) if depth == 0 => string(json, CUT),
        Value::String(text) => cut_string(json, text, limit),
        Value::Array(items) => {
            json.push(b'[');
            for (index, item) in items.iter().enumerate() {
                separate(json, index);
                nested(json, item, limit, depth - 1);
            }
            json.push(b']');
        }
        Value::Object(fields) => {
            json.push(b'{');
            for (index, (key, item)) in fields.iter().enumerate() {
                separate(json, index);
                string(json, key);
                json.push(b':');
                nested(json, item, limit, depth - 1);
            }
            json.push(b'}');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => number(json, value),
    }
}

fn separate(json: &mut Vec<u8>, index: usize) {
    if index > 0 {
        json.push(b',');
    }
}

/// Writes what a value says of itself into `text`, without keeping much more than `limit` characters of it. Returns how
/// many bytes it said.
///
/// What is over is swallowed rather than refused: implementations that take a failed write for impossible exist.
pub(crate) fn format(text: &mut String, limit: usize, value: fmt::Arguments<'_>) -> usize {
    // One character more than may stay, of four bytes at most, shows that it must be cut.
    let room = limit.saturating_add(1).saturating_mul(4);
    let mut bounded = Bounded { text, room, said: 0 };
    // A value that fails to describe itself has said what it could.
    let _ = bounded.write_fmt(value);
    bounded.said
}

struct Bounded<'a> {
    text: &'a mut String,
    room: usize,
    said: usize,
}

impl fmt::Write for Bounded<'_> {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        self.said += piece.len();
        let mut end = piece.len().min(self.room);
        while !piece.is_char_boundary(end) {
            end -= 1;
        }
        self.text.push_str(&piece[..end]);
        // Once something was left out, nothing behind it may be let in.
        self.room = if end < piece.len() { 0 } else { self.room - end };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(text: &str, limit: usize, expected: &str) {
        let mut json = Vec::new();
        cut_string(&mut json, text, limit);
        assert_eq!(String::from_utf8(json).unwrap(), expected);
        let mut cut_text = text.to_owned();
        cut(&mut cut_text, limit);
        assert_eq!(serde_json::to_string(&cut_text).unwrap(), expected);
    }

    #[test]
    fn strings_are_cut_between_characters() {
        check("aé\n", 3, "\"aé\\n\"");
        check("aé\n", 2, "\"aé... (truncated)\"");
        check("aé\n", 1, "\"a... (truncated)\"");
        check("aé\n", 0, "\"... (truncated)\"");
        check("", 0, "\"\"");
    }

    #[test]
    fn what_is_said_beyond_the_limit_is_not_kept() {
        let mut text = String::new();
        assert_eq!(format(&mut text, 1, format_args!("{}{}{}", "ééé", "ééé", "x")), 13);
        assert_eq!(text, "éééé".get(..8).unwrap());
        let mut text = String::new();
        format(&mut text, 2, format_args!("{}", "x".repeat(1 << 20)));
        assert!(text.len() <= 12, "{}", text.len());
    }

    #[test]
    fn nested_values_are_cut_in_width_and_depth() {
        let mut json = Vec::new();
        value(&mut json, &json!({"a": ["long text", 1, null, {"b": true}]}), 4);
        assert_eq!(String::from_utf8(json).unwrap(), r#"{"a":["long... (truncated)",1,null,{"b":true}]}"#);
        let deep = (0..1000).fold(json!(1), |inner, _| json!([inner]));
        let mut json = Vec::new();
        value(&mut json, &deep, 4);
        let read: Value = serde_json::from_slice(&json).unwrap();
        assert!(read.to_string().contains(CUT));
        // Dropping a value a thousand deep is serde_json's business.
        drop(deep);
    }
}
