use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::LokiError;

/// Where log queries are answered.
pub(super) const QUERY_RANGE: &str = "/loki/api/v1/query_range";

pub(super) type Labels = BTreeMap<String, String>;

/// Which entries come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Forward,
    Backward,
}

impl Direction {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Forward => "forward",
            Self::Backward => "backward",
        }
    }
}

/// An entry as Loki keeps it.
#[derive(Clone, Debug)]
pub(super) struct Row {
    /// Nanoseconds since 1970.
    pub(super) at: i64,
    /// By so many nanoseconds that may be wrong, and so may the server be about the ends of a time that it is asked for.
    pub(super) slack: i64,
    /// Those of the stream, and of the entry (structured metadata).
    pub(super) labels: Arc<Labels>,
    pub(super) line: String,
    /// What this entry has in common with no other, but with itself in another answer.
    pub(super) key: u64,
}

impl Row {
    pub(super) fn label(&self, name: &str) -> Option<&str> {
        self.labels.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
}

/// Reads the answer to a log query: its entries, oldest first; those of one instant stay in the order of their stream.
pub(super) fn rows(body: &[u8], direction: Direction) -> Result<Vec<Row>, LokiError> {
    let answer: Answer = serde_json::from_slice(body)
        .map_err(|error| LokiError::Stranger { path: QUERY_RANGE.to_owned(), reason: error.to_string() })?;
    let count = answer.data.result.iter().map(|stream| stream.values.len()).sum();
    let mut rows = Vec::with_capacity(count);
    for stream in answer.data.result {
        let labels = Arc::new(stream.stream);
        let from = rows.len();
        rows.extend(stream.values.into_iter().map(|entry| entry.into_row(&labels)));
        if direction == Direction::Backward {
            rows[from..].reverse();
        }
    }
    rows.sort_by_key(|row: &Row| row.at);
    tell_apart(&mut rows, direction);
    Ok(rows)
}

/// Gives each its key. Of entries that are alike in everything, the first that Loki names is the first here in each
/// answer that holds it: only the far end of an answer may be cut.
fn tell_apart(rows: &mut [Row], direction: Direction) {
    let mut alike: HashMap<u64, u32> = HashMap::with_capacity(rows.len());
    let mut give = |row: &mut Row| {
        let mut hasher = DefaultHasher::new();
        (row.at, &row.labels, &row.line).hash(&mut hasher);
        let number = alike.entry(hasher.finish()).or_default();
        number.hash(&mut hasher);
        *number += 1;
        row.key = hasher.finish();
    };
    match direction {
        Direction::Forward => rows.iter_mut().for_each(&mut give),
        Direction::Backward => rows.iter_mut().rev().for_each(&mut give),
    }
}

#[derive(Deserialize)]
struct Answer {
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    result: Vec<Stream>,
}

#[derive(Deserialize)]
struct Stream {
    stream: Labels,
    values: Vec<Entry>,
}

struct Entry {
    at: i64,
    slack: i64,
    line: String,
    metadata: Map<String, Value>,
}

impl Entry {
    fn into_row(self, labels: &Arc<Labels>) -> Row {
        let mut labels = Arc::clone(labels);
        if !self.metadata.is_empty() {
            let text = |(name, value)| match value {
                Value::String(text) => (name, text),
                other => (name, other.to_string()),
            };
            Arc::make_mut(&mut labels).extend(self.metadata.into_iter().map(text));
        }
        Row { at: self.at, slack: self.slack, labels, line: self.line, key: 0 }
    }
}

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(EntryVisitor)
    }
}

struct EntryVisitor;

impl<'de> Visitor<'de> for EntryVisitor {
    type Value = Entry;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an entry: its time, its line, and perhaps more about it")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Entry, A::Error> {
        let missing = |n| serde::de::Error::invalid_length(n, &self);
        let Nanoseconds { at, slack } = parts.next_element()?.ok_or_else(|| missing(0))?;
        let line = parts.next_element()?.ok_or_else(|| missing(1))?;
        let more: More = parts.next_element()?.unwrap_or_default();
        while parts.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Entry { at, slack, line, metadata: more.metadata })
    }
}

/// What Loki says of an entry beside its line, where labels of different kinds are asked for apart.
#[derive(Default, Deserialize)]
struct More {
    #[serde(default, rename = "structuredMetadata")]
    metadata: Map<String, Value>,
}

/// Where times are JSON numbers, they were rounded, and times that are asked for are cut to milliseconds.
const ROUNDED: i64 = 1_000_512;

/// A time: Loki writes digits in a string, others a number.
struct Nanoseconds {
    at: i64,
    slack: i64,
}

impl<'de> Deserialize<'de> for Nanoseconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NanosecondsVisitor)
    }
}

struct NanosecondsVisitor;

impl Visitor<'_> for NanosecondsVisitor {
    type Value = Nanoseconds;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nanoseconds since 1970")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Nanoseconds, E> {
        text.parse()
            .map(|at| Nanoseconds { at, slack: 0 })
            .map_err(|_| E::invalid_value(serde::de::Unexpected::Str(text), &self))
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Nanoseconds, E> {
        Ok(Nanoseconds { at: number, slack: ROUNDED })
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Nanoseconds, E> {
        let wrong = |_| E::invalid_value(serde::de::Unexpected::Unsigned(number), &self);
        number.try_into().map(|at| Nanoseconds { at, slack: ROUNDED }).map_err(wrong)
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Nanoseconds, E> {
        // The nearest whole number; what is beyond 64 bits is the last there is.
        Ok(Nanoseconds { at: number as i64, slack: ROUNDED })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(result: &str, direction: Direction) -> Vec<(i64, String, Option<String>)> {
        let body = format!(r#"{{"status":"success","data":{{"resultType":"streams","result":{result}}}}}"#);
        let rows = rows(body.as_bytes(), direction).unwrap();
        let run = |row: &Row| row.label("run_id").map(str::to_owned);
        rows.iter().map(|row| (row.at, row.line.clone(), run(row))).collect()
    }

    #[test]
    fn times_may_be_strings_or_numbers_and_metadata_stand_by_the_entry_or_the_stream() {
        let result = r#"[
            {"stream":{"a":"b"},"values":[["3","three",{"structuredMetadata":{"run_id":"x"},"parsed":{"p":"q"}}],
                [1,"one",{}]]},
            {"stream":{"a":"c","run_id":"y"},"values":[[2.0,"two"]]}
        ]"#;
        let own = |text: &str| Some(text.to_owned());
        let expected = [(1, "one".into(), None), (2, "two".into(), own("y")), (3, "three".into(), own("x"))];
        assert_eq!(read(result, Direction::Backward), expected);
    }

    #[test]
    fn entries_of_one_instant_stay_in_the_order_of_their_stream_and_are_told_apart() {
        let body = |values: &str| {
            format!(r#"{{"data":{{"result":[{{"stream":{{}},"values":[{values}]}}]}}}}"#).into_bytes()
        };
        let both = rows(&body(r#"["1","b"],["1","a"],["1","a"]"#), Direction::Backward).unwrap();
        assert_eq!(both.iter().map(|row| row.line.as_str()).collect::<Vec<_>>(), ["a", "a", "b"]);
        let one = rows(&body(r#"["1","b"],["1","a"]"#), Direction::Backward).unwrap();
        assert_ne!(both[0].key, both[1].key);
        assert_eq!(
            (one[0].key, one[1].key),
            (both[1].key, both[2].key),
            "the one that is cut off is the far one"
        );
    }

    #[test]
    fn what_is_no_such_answer_is_an_error() {
        for text in ["", "{", "[]", r#"{"data":{"result":[{"stream":{},"values":[["x","y"]]}]}}"#, "null"] {
            assert!(
                matches!(rows(text.as_bytes(), Direction::Forward), Err(LokiError::Stranger { .. })),
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_answer_panics(text in any::<String>()) {
            let _ = rows(text.as_bytes(), Direction::Forward);
            let near = format!(r#"{{"data":{{"result":[{{"stream":{{}},"values":[{text}]}}]}}}}"#);
            let _ = rows(near.as_bytes(), Direction::Backward);
        }
    }
}
