use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::node::{DEEPEST, Key, Node, SyntaxError, Value, check_unique};

pub(super) fn parse(text: &str) -> Result<Node, SyntaxError> {
    let raw: &RawValue = serde_json::from_str(text).map_err(|error| syntax_error(text, &error))?;
    Reader { text }.node(raw, 0)
}

fn syntax_error(text: &str, error: &serde_json::Error) -> SyntaxError {
    let line_start: usize =
        text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
    let mut at = (line_start + error.column().saturating_sub(1)).min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    let end = text[at..].chars().next().map_or(at, |c| at + c.len_utf8());
    let message = error.to_string();
    SyntaxError::new(message.split(" at line ").next().unwrap_or(&message), at..end)
}

/// Slices of the source are found again by where they lie in it.
struct Reader<'a> {
    text: &'a str,
}

impl<'a> Reader<'a> {
    fn span(&self, slice: &str) -> Range<usize> {
        let start = (slice.as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize);
        start..start + slice.len()
    }

    fn node(&self, raw: &'a RawValue, depth: usize) -> Result<Node, SyntaxError> {
        let json = raw.get();
        let span = self.span(json);
        if depth > DEEPEST {
            return Err(SyntaxError::too_deep(span));
        }
        // Each of these has been read once already, so what fails fails on its own depth alone.
        let broken = |error: serde_json::Error| SyntaxError::new(error.to_string(), span.clone());
        let value = match json.as_bytes().first() {
            Some(b'{') => {
                let Entries(entries) = serde_json::from_str(json).map_err(broken)?;
                self.table(entries, depth)?
            }
            Some(b'[') => {
                let items: Vec<&RawValue> = serde_json::from_str(json).map_err(broken)?;
                Value::List(
                    items.into_iter().map(|item| self.node(item, depth + 1)).collect::<Result<_, _>>()?,
                )
            }
            Some(b'"') => Value::string(serde_json::from_str::<String>(json).map_err(broken)?),
            Some(b't' | b'f') => Value::Bool(json == "true"),
            Some(b'n') => Value::Null,
            _ => Value::Number(json.to_owned()),
        };
        Ok(Node { value, span })
    }

    fn table(&self, entries: Vec<(Cow<'a, str>, &'a RawValue)>, depth: usize) -> Result<Value, SyntaxError> {
        let mut table = Vec::with_capacity(entries.len());
        for (key, raw) in entries {
            let span = match &key {
                // The quotes stand around the slice.
                Cow::Borrowed(slice) => {
                    let inner = self.span(slice);
                    inner.start.saturating_sub(1)..inner.end + 1
                }
                Cow::Owned(_) => self.span(raw.get()),
            };
            table.push((Key { text: key.into_owned(), span }, self.node(raw, depth + 1)?));
        }
        check_unique(&table)?;
        Ok(Value::Table(table))
    }
}

/// An object's entries in their order, duplicates included.
struct Entries<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Entries<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EntriesVisitor)
    }
}

struct EntriesVisitor;

impl<'de> Visitor<'de> for EntriesVisitor {
    type Value = Entries<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while let Some((Text(key), value)) = map.next_entry::<Text<'de>, &'de RawValue>()? {
            entries.push((key, value));
        }
        Ok(Entries(entries))
    }
}

/// A string that is borrowed from the source where it holds no escape.
struct Text<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(TextVisitor)
    }
}
