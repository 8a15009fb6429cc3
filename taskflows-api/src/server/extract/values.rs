//! Reads a query into a type.

use std::borrow::Cow;
use std::fmt::Display;

use percent_encoding::percent_decode_str;
use serde::de::value::{Error, MapDeserializer, SeqDeserializer};
use serde::de::{self, DeserializeOwned, IntoDeserializer, Visitor};
use serde::{Deserializer, forward_to_deserialize_any};

/// Reads `a=1&b=2&b=3`.
pub(super) fn read<T: DeserializeOwned>(query: &str) -> Result<T, Error> {
    let mut pairs: Vec<(String, Values)> = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (key, value) = (decoded(key)?, decoded(value)?);
        match pairs.iter_mut().find(|(known, _)| *known == key) {
            Some((_, values)) => values.0.push(value),
            None => pairs.push((key, Values(vec![value]))),
        }
    }
    T::deserialize(MapDeserializer::new(pairs.into_iter()))
}

fn decoded(text: &str) -> Result<String, Error> {
    let text = text.replace('+', " ");
    let decoded = percent_decode_str(&text).decode_utf8().map(Cow::into_owned);
    decoded.map_err(|_| de::Error::custom("it is not UTF-8"))
}

/// What one key was given, in order; never empty.
struct Values(Vec<String>);

impl Values {
    fn one(mut self) -> Result<String, Error> {
        match self.0.len() {
            1 => Ok(self.0.remove(0)),
            count => Err(de::Error::custom(format!("a key that may come once came {count} times"))),
        }
    }

    fn parsed<T: std::str::FromStr<Err: Display>>(self) -> Result<T, Error> {
        let text = self.one()?;
        text.parse().map_err(|error| de::Error::custom(format!("`{}`: {error}", text.escape_debug())))
    }
}

impl IntoDeserializer<'_, Error> for Values {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// Reads numbers and truth out of text.
macro_rules! parsed {
    ($($method:ident $visit:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            visitor.$visit(self.parsed()?)
        })*
    };
}

impl<'de> Deserializer<'de> for Values {
    type Error = Error;

    parsed! {
        deserialize_bool visit_bool
        deserialize_u8 visit_u8
        deserialize_u16 visit_u16
        deserialize_u32 visit_u32
        deserialize_u64 visit_u64
        deserialize_i32 visit_i32
        deserialize_i64 visit_i64
        deserialize_f64 visit_f64
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_string(self.one()?)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let each = self.0.into_iter().map(|value| Values(vec![value]));
        SeqDeserializer::new(each).deserialize_seq(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let word = self.one()?;
        let word: de::value::StringDeserializer<Error> = word.into_deserializer();
        word.deserialize_enum(name, variants, visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        i8 i16 i128 u128 f32 char str string bytes byte_buf unit unit_struct
        tuple tuple_struct map struct identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Asked {
        #[serde(default, rename = "match")]
        patterns: Vec<String>,
        count: Option<usize>,
        #[serde(default)]
        exact: bool,
    }

    #[test]
    fn a_key_comes_as_often_as_its_type_has_room() {
        let asked: Asked = read("match=web-%2A&match=a+b&count=3").unwrap();
        let patterns = ["web-*", "a b"].map(str::to_owned).into();
        assert_eq!(asked, Asked { patterns, count: Some(3), exact: false });
        assert!(read::<Asked>("exact=true").unwrap().exact);
        for wrong in ["count=1&count=2", "count=-1", "count=", "exact=1", "matches=a", "match=%ff"] {
            assert!(read::<Asked>(wrong).is_err(), "{wrong}");
        }
    }
}
