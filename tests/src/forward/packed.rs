//! MessagePack, read by its specification.

use serde_json::{Map, Number, Value};

/// What may stand in a message.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Packed {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    Binary(Vec<u8>),
    Extension(i8, Vec<u8>),
    Array(Vec<Packed>),
    Map(Vec<(String, Packed)>),
}

impl Packed {
    pub(super) fn json(self) -> Result<Value, String> {
        Ok(match self {
            Self::Null => Value::Null,
            Self::Bool(value) => value.into(),
            Self::Number(number) => number.into(),
            Self::Text(text) => text.into(),
            Self::Array(values) => values.into_iter().map(Self::json).collect::<Result<_, _>>()?,
            Self::Map(entries) => {
                let mut map = Map::new();
                for (key, value) in entries {
                    if map.insert(key.clone(), value.json()?).is_some() {
                        return Err(format!("{key} stands twice in a record"));
                    }
                }
                map.into()
            }
            other => return Err(format!("{other:?} is no JSON")),
        })
    }
}

/// Reads a value, or nothing where there is more of it to come.
pub(super) fn decode(bytes: &mut &[u8]) -> Result<Option<Packed>, String> {
    let mut reader = Reader { rest: bytes, fault: None };
    let value = reader.value();
    let rest = reader.rest;
    if let Some(fault) = reader.fault {
        return Err(fault);
    }
    if value.is_some() {
        *bytes = rest;
    }
    Ok(value)
}

struct Reader<'a> {
    rest: &'a [u8],
    fault: Option<String>,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: u64) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(usize::try_from(count).ok()?)?;
        self.rest = rest;
        Some(taken)
    }

    fn number(&mut self, count: u64) -> Option<u64> {
        Some(self.take(count)?.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
    }

    fn fault(&mut self, fault: String) -> Option<Packed> {
        self.fault.get_or_insert(fault);
        None
    }

    fn value(&mut self) -> Option<Packed> {
        let first = self.number(1)? as u8;
        let low = u64::from(first);
        match first {
            0x00..=0x7f => Some(Packed::Number(first.into())),
            0xe0..=0xff => Some(Packed::Number((first as i8).into())),
            0x80..=0x8f => self.map(low & 0x0f),
            0x90..=0x9f => self.array(low & 0x0f),
            0xa0..=0xbf => self.text(low & 0x1f),
            0xc0 => Some(Packed::Null),
            0xc2 | 0xc3 => Some(Packed::Bool(first == 0xc3)),
            0xc4..=0xc6 => {
                let length = self.number(1 << (first - 0xc4))?;
                Some(Packed::Binary(self.take(length)?.to_vec()))
            }
            0xca => self.float(|it| f64::from(f32::from_bits(it as u32)), 4),
            0xcb => self.float(f64::from_bits, 8),
            0xcc..=0xcf => Some(Packed::Number(self.number(1 << (first - 0xcc))?.into())),
            0xd0..=0xd3 => {
                let width = 1 << (first - 0xd0);
                let shift = 64 - 8 * width;
                Some(Packed::Number((((self.number(width)? << shift) as i64) >> shift).into()))
            }
            0xd4..=0xd8 => self.extension(1 << (first - 0xd4)),
            0xc7..=0xc9 => {
                let length = self.number(1 << (first - 0xc7))?;
                self.extension(length)
            }
            0xd9..=0xdb => {
                let length = self.number(1 << (first - 0xd9))?;
                self.text(length)
            }
            0xdc | 0xdd => {
                let length = self.number(2 << (first - 0xdc))?;
                self.array(length)
            }
            0xde | 0xdf => {
                let length = self.number(2 << (first - 0xde))?;
                self.map(length)
            }
            0xc1 => self.fault("0xc1 is never used".to_owned()),
        }
    }

    fn float(&mut self, from_bits: fn(u64) -> f64, width: u64) -> Option<Packed> {
        match Number::from_f64(from_bits(self.number(width)?)) {
            Some(number) => Some(Packed::Number(number)),
            None => self.fault("a number is none".to_owned()),
        }
    }

    fn extension(&mut self, length: u64) -> Option<Packed> {
        let kind = self.number(1)? as i8;
        Some(Packed::Extension(kind, self.take(length)?.to_vec()))
    }

    fn text(&mut self, length: u64) -> Option<Packed> {
        match String::from_utf8(self.take(length)?.to_vec()) {
            Ok(text) => Some(Packed::Text(text)),
            Err(error) => self.fault(error.to_string()),
        }
    }

    fn array(&mut self, length: u64) -> Option<Packed> {
        (0..length).map(|_| self.value()).collect::<Option<_>>().map(Packed::Array)
    }

    fn map(&mut self, length: u64) -> Option<Packed> {
        let mut entries = Vec::new();
        for _ in 0..length {
            let Packed::Text(key) = self.value()? else { return self.fault("a key is no text".to_owned()) };
            entries.push((key, self.value()?));
        }
        Some(Packed::Map(entries))
    }
}
