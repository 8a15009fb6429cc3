//! A sink that keeps what it is given, and a reader of JSON that is strict about keys.
#![allow(dead_code, unreachable_pub, missing_docs)]

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use taskflows_logging::{Line, LokiLayer, LokiLogging, Sink};
use tracing_subscriber::layer::SubscriberExt;

/// What a sink was given of a line, beside its JSON.
#[derive(Clone, Debug, PartialEq)]
pub struct Taken {
    pub json: String,
    pub level: tracing::Level,
    pub event: String,
    pub logger: String,
    pub request_id: Option<String>,
    pub run: Option<(String, Option<u32>)>,
}

#[derive(Clone, Debug, Default)]
pub struct Memory {
    pub taken: Arc<Mutex<Vec<Taken>>>,
    pub dropped: Arc<AtomicU64>,
}

impl Sink for Memory {
    fn write(&self, line: &Line<'_>) {
        let own = |text: Option<&str>| text.map(str::to_owned);
        self.taken.lock().unwrap().push(Taken {
            json: String::from_utf8(line.json.to_vec()).unwrap(),
            level: line.level,
            event: line.event.to_owned(),
            logger: line.logger.to_owned(),
            request_id: own(line.request_id),
            run: line.run_id.map(|run| (run.to_owned(), line.attempt)),
        });
    }

    fn flush(&self, _limit: Duration) -> bool {
        true
    }

    fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    fn last_error(&self) -> Option<String> {
        Some("no route to host".to_owned())
    }
}

impl Memory {
    pub fn lines(&self) -> Vec<Value> {
        self.taken.lock().unwrap().iter().map(|taken| strict(&taken.json)).collect()
    }

    pub fn last(&self) -> Value {
        self.lines().pop().unwrap()
    }
}

pub fn logging() -> LokiLogging {
    LokiLogging {
        app_name: "shop".to_owned(),
        environment: Some("test".to_owned()),
        include_hostname: false,
        ..LokiLogging::default()
    }
}

/// Runs `work` with its lines going to a sink, which is returned.
pub fn logged(logging: &LokiLogging, work: impl FnOnce()) -> Memory {
    let sink = Memory::default();
    let (layer, guard) = LokiLayer::with_sinks(logging, vec![Box::new(sink.clone())]).unwrap();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), work);
    drop(guard);
    sink
}

/// Reads JSON in which no object may name a key twice.
pub fn strict(json: &str) -> Value {
    assert!(!json.contains(['\n', '\r']), "a line has no newline: {json}");
    serde_json::from_str::<Strict>(json).unwrap_or_else(|error| panic!("{error}: {json}")).0
}

struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Self)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(Strict(item)) = items.next_element()? {
            array.push(item);
        }
        Ok(array.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some((key, Strict(value))) = members.next_entry::<String, Strict>()? {
            if object.insert(key.clone(), value).is_some() {
                return Err(Error::custom(format!("the key `{key}` is there twice")));
            }
        }
        Ok(object.into())
    }
}
