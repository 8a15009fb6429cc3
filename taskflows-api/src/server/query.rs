//! Queries of requests as values.

use std::fmt;

use percent_encoding::percent_decode;
use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{self, DeserializeOwned, Deserializer, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;
use taskflows_core::nearest;

/// What is wrong with a query, in words.
#[derive(Debug)]
struct Error(String);

impl std::error::Error for Error {}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl de::Error for Error {
    fn custom<T: fmt::Display>(words: T) -> Self {
        Self(words.to_string())
    }

    fn unknown_variant(_: &str, known: &'static [&'static str]) -> Self {
        Self(format!("is none of {}", listed(known)))
    }

    fn unknown_field(key: &str, known: &'static [&'static str]) -> Self {
        Self(unknown_key(key, known))
    }

    fn missing_field(key: &'static str) -> Self {
        Self(format!("`{key}` is missing"))
    }
}

fn listed(words: &[impl AsRef<str>]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{}`", word.as_ref())).collect();
    quoted.join(", ")
}

/// Says that a key is none of those that are read.
fn unknown_key(key: &str, known: &[impl AsRef<str>]) -> String {
    let near = nearest(key, known.iter().map(AsRef::as_ref));
    let near = near.map(|near| format!(", did you mean `{near}`?")).unwrap_or_default();
    match known {
        [] => format!("unknown key `{key}`; none is read here"),
        _ => format!("unknown key `{key}`{near} (known: {})", listed(known)),
    }
}

/// Refuses keys of a query that are none of `known`.
pub(super) fn check_keys(query: &str, known: &[String]) -> Result<(), String> {
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let key = plain(pair.split('=').next().unwrap_or_default())?;
        if !known.contains(&key) {
            return Err(unknown_key(&key, known));
        }
    }
    Ok(())
}

/// Reads a query without its question mark. A key that `T` does not ask for is an error, and so is one that stands
/// several times where `T` has no list.
pub(super) fn parse<T: DeserializeOwned>(query: &str) -> Result<T, String> {
    let mut keys: Vec<(String, Values)> = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (key, value) = (plain(key)?, plain(value)?);
        match keys.iter_mut().find(|(own, _)| *own == key) {
            Some((_, values)) => values.texts.push(value),
            None => keys.push((key.clone(), Values { key, texts: vec![value] })),
        }
    }
    T::deserialize(MapDeserializer::new(keys.into_iter())).map_err(|error: Error| error.to_string())
}

fn plain(text: &str) -> Result<String, String> {
    let text = text.replace('+', " ");
    let bytes: Vec<u8> = percent_decode(text.as_bytes()).collect();
    String::from_utf8(bytes).map_err(|_| "the query is no UTF-8".to_owned())
}

/// All that a key was given.
struct Values {
    key: String,
    texts: Vec<String>,
}

impl Values {
    fn one(mut self) -> Result<Value, Error> {
        match self.texts.pop() {
            Some(text) if self.texts.is_empty() => Ok(Value { key: self.key, text }),
            _ => Err(de::Error::custom(format_args!("`{}` is given more than once", self.key))),
        }
    }
}

/// One text of a key.
struct Value {
    key: String,
    text: String,
}

impl Value {
    fn wrong(&self, words: impl fmt::Display) -> Error {
        Error(format!("`{}`: `{}`{words}", self.key, self.text))
    }

    fn parse<T: std::str::FromStr>(&self, what: &str) -> Result<T, Error>
    where
        T::Err: fmt::Display,
    {
        self.text.parse().map_err(|_| self.wrong(format_args!(" is not {what}")))
    }
}

impl IntoDeserializer<'_, Error> for Values {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl IntoDeserializer<'_, Error> for Value {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

macro_rules! forward_one {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            self.one()?.$method(visitor)
        }
    )*};
}

impl<'de> Deserializer<'de> for Values {
    type Error = Error;

    forward_one! {
        deserialize_any deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_f32 deserialize_f64
        deserialize_char deserialize_str deserialize_string deserialize_identifier deserialize_map
        deserialize_bytes deserialize_byte_buf deserialize_unit
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let Self { key, texts } = self;
        let values = texts.into_iter().map(|text| Value { key: key.clone(), text });
        SeqDeserializer::new(values).deserialize_seq(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.one()?.deserialize_enum(name, variants, visitor)
    }

    /// What is passed over was not asked for.
    fn deserialize_ignored_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(de::Error::custom(format_args!("unknown key `{}`", self.key)))
    }

    forward_to_deserialize_any! { i128 u128 unit_struct tuple tuple_struct struct }
}

macro_rules! parse_one {
    ($($method:ident $visit:ident $what:literal)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            visitor.$visit(self.parse($what)?)
        }
    )*};
}

impl<'de> Deserializer<'de> for Value {
    type Error = Error;

    parse_one! {
        deserialize_bool visit_bool "`true` or `false`"
        deserialize_i8 visit_i8 "a whole number"
        deserialize_i16 visit_i16 "a whole number"
        deserialize_i32 visit_i32 "a whole number"
        deserialize_i64 visit_i64 "a whole number"
        deserialize_u8 visit_u8 "a whole number from 0 to 255"
        deserialize_u16 visit_u16 "a whole number from 0 to 65535"
        deserialize_u32 visit_u32 "a whole number from 0 to 4294967295"
        deserialize_u64 visit_u64 "a whole number from 0 on"
        deserialize_f32 visit_f32 "a number"
        deserialize_f64 visit_f64 "a number"
        deserialize_char visit_char "a single character"
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_str(&self.text).map_err(|error: Error| self.wrong(format_args!(": {error}")))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let word = self.text.as_str().into_deserializer();
        word.deserialize_enum(name, variants, visitor)
            .map_err(|error: Error| self.wrong(format_args!(" {error}")))
    }

    forward_to_deserialize_any! {
        i128 u128 str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct identifier
        ignored_any
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Kind {
        #[default]
        Table,
        Full,
    }

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "it is never made")]
    struct Needs {
        expr: String,
    }

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Asked {
        r#match: Vec<String>,
        count: Option<u16>,
        depth: Kind,
        failed: bool,
        at: Option<jiff::Timestamp>,
    }

    #[test]
    fn a_query_becomes_what_is_asked_for() {
        let asked: Asked =
            parse("match=web*&match=a%26b+c&count=3&depth=full&failed=true&at=2026-01-02T03:04:05Z").unwrap();
        assert_eq!(asked.r#match, ["web*", "a&b c"]);
        assert_eq!((asked.count, asked.depth, asked.failed), (Some(3), Kind::Full, true));
        assert_eq!(asked.at, Some("2026-01-02T03:04:05Z".parse().unwrap()));
        assert_eq!(parse::<Asked>("").unwrap(), Asked::default());
    }

    #[test]
    fn keys_that_no_route_reads_are_refused_whoever_reads_the_others() {
        let known = ["match".to_owned(), "count".to_owned()];
        assert!(check_keys("match=a&&count=1&match", &known).is_ok() && check_keys("", &[]).is_ok());
        let told = check_keys("count=1&mat%63=web", &known).unwrap_err();
        assert_eq!(told, "unknown key `matc`, did you mean `match`? (known: `match`, `count`)");
        assert_eq!(check_keys("x", &[]).unwrap_err(), "unknown key `x`; none is read here");
        assert!(check_keys("%ff=1", &known).is_err());
    }

    #[test]
    fn what_is_not_asked_for_or_cannot_be_read_is_told() {
        let refusal = |query: &str| parse::<Asked>(query).unwrap_err();
        let known = "known: `match`, `count`, `depth`, `failed`, `at`";
        assert_eq!(refusal("mach=web"), format!("unknown key `mach`, did you mean `match`? ({known})"));
        assert_eq!(refusal("follow=true"), format!("unknown key `follow` ({known})"));
        assert_eq!(refusal("count=1&count=2"), "`count` is given more than once");
        assert_eq!(refusal("count=-1"), "`count`: `-1` is not a whole number from 0 to 65535");
        assert_eq!(refusal("failed=yes"), "`failed`: `yes` is not `true` or `false`");
        assert_eq!(refusal("depth=deep"), "`depth`: `deep` is none of `table`, `full`");
        let told = refusal("at=soon");
        assert!(told.starts_with("`at`: `soon`: ") && told.len() > 20, "{told}");
        let told = parse::<Needs>("").unwrap_err();
        assert_eq!(told, "`expr` is missing");
        assert_eq!(refusal("match=%ff"), "the query is no UTF-8");
    }
}
