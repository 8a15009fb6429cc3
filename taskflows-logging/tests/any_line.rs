//! Any names and any values make one valid line that says them.

#![allow(clippy::unwrap_used, reason = "what fails fails the test")]

mod common;

use std::sync::OnceLock;

use common::{logged, logging};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Map, Value, json as value};
use taskflows_logging::{Fields, LokiLogging, RequestContext, get_struct_logger, in_request_context, json};
use tracing::callsite::{Callsite, Identifier};
use tracing::field::{FieldSet, Value as FieldValue, debug, display};
use tracing::metadata::Kind;
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Span};

const LIMIT: usize = 12;

#[derive(Clone, Debug)]
enum Any {
    Text(String),
    Debug(String),
    Display(String),
    Signed(i64),
    Unsigned(u64),
    Wide(i128),
    Float(f64),
    Bool(bool),
    Nested(Value),
}

/// The fields of an event or of a span.
type Said = Vec<(String, Any)>;

fn cut(text: &str) -> Value {
    match text.char_indices().nth(LIMIT) {
        Some((end, _)) => format!("{}... (truncated)", &text[..end]).into(),
        None => text.into(),
    }
}

fn cut_within(value: &Value) -> Value {
    match value {
        Value::String(text) => cut(text),
        Value::Array(items) => items.iter().map(cut_within).collect(),
        Value::Object(members) => {
            members.iter().map(|(key, value)| (key.clone(), cut_within(value))).collect::<Map<_, _>>().into()
        }
        other => other.clone(),
    }
}

impl Any {
    fn expected(&self) -> Value {
        match self {
            Self::Text(text) | Self::Display(text) => cut(text),
            Self::Debug(text) => cut(&format!("{text:?}")),
            Self::Signed(number) => (*number).into(),
            Self::Unsigned(number) => (*number).into(),
            Self::Wide(number) => serde_json::from_str(&number.to_string()).unwrap(),
            Self::Float(number) => (*number).into(),
            Self::Bool(yes) => (*yes).into(),
            Self::Nested(value) => cut_within(value),
        }
    }

    fn field(&self) -> Box<dyn FieldValue + '_> {
        match self {
            Self::Text(text) => Box::new(text.as_str()),
            Self::Debug(text) => Box::new(debug(text)),
            Self::Display(text) => Box::new(display(text)),
            Self::Signed(number) => Box::new(*number),
            Self::Unsigned(number) => Box::new(*number),
            Self::Wide(number) => Box::new(*number),
            Self::Float(number) => Box::new(*number),
            Self::Bool(yes) => Box::new(*yes),
            Self::Nested(value) => Box::new(json(value)),
        }
    }

    fn json(&self) -> Value {
        match self {
            Self::Text(text) | Self::Debug(text) | Self::Display(text) => text.as_str().into(),
            other => other.expected_uncut(),
        }
    }

    fn expected_uncut(&self) -> Value {
        match self {
            Self::Nested(value) => value.clone(),
            other => other.expected(),
        }
    }
}

fn texts() -> impl Strategy<Value = String> {
    prop_oneof![".{0,20}", any::<String>(), "[\\x00-\\x1f\"\\\\\u{7f}\u{2028}é😀]{0,20}"]
}

fn nested() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        texts().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((texts(), inner), 0..4).prop_map(|members| members.into_iter().collect::<Map<_, _>>().into()),
        ]
    })
}

fn values() -> impl Strategy<Value = Any> {
    prop_oneof![
        texts().prop_map(Any::Text),
        texts().prop_map(Any::Debug),
        texts().prop_map(Any::Display),
        any::<i64>().prop_map(Any::Signed),
        any::<u64>().prop_map(Any::Unsigned),
        any::<i128>().prop_map(Any::Wide),
        any::<f64>().prop_map(Any::Float),
        Just(Any::Float(f64::NAN)),
        any::<bool>().prop_map(Any::Bool),
        nested().prop_map(Any::Nested),
    ]
}

/// Names, few enough that they meet. Those that mean something else are in the tables of other tests.
fn names() -> impl Strategy<Value = String> {
    let special = ["message", "event", "request_id", "trace_id"];
    prop_oneof!["[a-c]", "taskflows_[ab]", "severity|app|context", texts()]
        .prop_filter("it means something", move |name| !special.contains(&&**name) && !name.starts_with("r#"))
}

fn said() -> impl Strategy<Value = Said> {
    vec((names(), values()), 0..5)
}

/// The place of an event or a span, made at run time; the few of a test are never given back.
#[derive(Default)]
struct Place(OnceLock<Metadata<'static>>);

impl Callsite for Place {
    fn set_interest(&self, _interest: Interest) {}

    fn metadata(&self) -> &Metadata<'_> {
        self.0.get().unwrap()
    }
}

fn place(kind: Kind, names: Vec<&str>) -> &'static Metadata<'static> {
    let place: &'static Place = Box::leak(Box::default());
    let names: Vec<&'static str> = names.into_iter().map(|name| &*String::from(name).leak()).collect();
    let fields = FieldSet::new(names.leak(), Identifier(place));
    place.0.get_or_init(|| {
        Metadata::new("place", "target", Level::INFO, Some("file.rs"), Some(7), Some("module"), fields, kind)
    })
}

/// Logs by an event in spans, the outermost first.
fn log(message: &str, event: &Said, spans: &[Said]) {
    let Some((outermost, inner)) = spans.split_first() else {
        let names = std::iter::once("message").chain(event.iter().map(|(name, _)| &**name)).collect();
        let message = display(message);
        with_values(place(Kind::EVENT, names), Some(&message), event, |metadata, values| {
            Event::dispatch(metadata, values);
        });
        return;
    };
    let names = outermost.iter().map(|(name, _)| &**name).collect();
    with_values(place(Kind::SPAN, names), None, outermost, |metadata, values| {
        Span::new(metadata, values).in_scope(|| log(message, event, inner));
    });
}

fn with_values(
    metadata: &'static Metadata<'static>,
    message: Option<&dyn FieldValue>,
    said: &Said,
    work: impl FnOnce(&'static Metadata<'static>, &tracing::field::ValueSet<'_>),
) {
    let fields: Vec<_> = metadata.fields().iter().collect();
    let own: Vec<Box<dyn FieldValue + '_>> = said.iter().map(|(_, value)| value.field()).collect();
    let all: Vec<&dyn FieldValue> = message.into_iter().chain(own.iter().map(|value| &**value)).collect();
    // The length is part of the type, so the empty places of a longer one name the first field without a value.
    let Some(first) = fields.first() else {
        return work(metadata, &metadata.fields().value_set(&[]));
    };
    let pairs: [_; 6] = std::array::from_fn(|at| (fields.get(at).unwrap_or(first), all.get(at).copied()));
    work(metadata, &metadata.fields().value_set(&pairs));
}

/// What a line must say: the first of a name stays, from the event outwards.
fn expected<'a>(sources: impl Iterator<Item = (&'a str, Value)>) -> (Map<String, Value>, Map<String, Value>) {
    let (mut top, mut context) = (Map::new(), Map::new());
    for (name, value) in sources {
        let object = if name.starts_with("taskflows_") { &mut top } else { &mut context };
        object.entry(name).or_insert(value);
    }
    (top, context)
}

/// Numbers are read back as serde_json reads them, which may differ in the last bit.
fn is_same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| is_same(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left.iter().all(|(key, value)| right.get(key).is_some_and(|other| is_same(value, other)))
        }
        (Value::Number(a), Value::Number(b)) if a.is_f64() || b.is_f64() => {
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            // The last bit of the smallest numbers is more than that part of them.
            (a - b).abs() <= (a.abs() * 1e-15).max(f64::from_bits(2))
        }
        _ => left == right,
    }
}

fn check(line: &Value, message: &str, top: &Map<String, Value>, context: &Map<String, Value>) {
    assert_eq!(line["event"], cut(message));
    let ours = line.as_object().unwrap().iter().filter(|(name, _)| name.starts_with("taskflows_"));
    let ours: Map<String, Value> = ours.map(|(name, value)| (name.clone(), value.clone())).collect();
    assert!(is_same(&ours.clone().into(), &top.clone().into()), "{ours:?}\n{top:?}");
    let said = line.get("context").cloned().unwrap_or_else(|| value!({}));
    assert!(is_same(&said, &context.clone().into()), "{said}\n{context:?}");
}

fn only_line(logging: &LokiLogging, work: impl FnOnce()) -> Value {
    let [line] = logged(logging, work).lines().try_into().unwrap();
    line
}

proptest! {
    #[test]
    fn an_event_is_one_line(message in texts(), event in said(), spans in vec(said(), 0..4)) {
        let logging = LokiLogging { max_string_length: LIMIT, ..logging() };
        let line = only_line(&logging, || log(&message, &event, &spans));
        let sources = std::iter::once(&event).chain(spans.iter().rev()).flatten();
        let (top, context) = expected(sources.map(|(name, value)| (&**name, value.expected())));
        check(&line, &message, &top, &context);
    }

    #[test]
    fn a_call_of_a_struct_logger_is_one_line(
        message in texts(), own in said(), bound in said(), spans in vec(said(), 0..3), request in said(),
    ) {
        let logging = LokiLogging { max_string_length: LIMIT, ..logging() };
        let fields = |said: &Said| {
            said.iter().fold(Fields::new(), |fields, (name, value)| fields.with(name.clone(), value.json()))
        };
        let context = RequestContext { fields: fields(&request), ..RequestContext::default() };
        let line = only_line(&logging, || in_request_context(context, || {
            in_spans(&spans, || get_struct_logger("any").bind(fields(&bound)).info(&message, fields(&own)));
        }));
        let last_first = |said: &Said| said.iter().rev().map(|(name, value)| (name.clone(), cut_within(&value.json()))).collect::<Vec<_>>();
        let from_spans = spans.iter().rev().flatten().map(|(name, value)| (name.clone(), value.expected()));
        let sources: Vec<(String, Value)> = last_first(&own).into_iter().chain(last_first(&bound)).chain(from_spans).chain(last_first(&request)).collect();
        let (top, context) = expected(sources.iter().map(|(name, value)| (&**name, value.clone())));
        check(&line, &message, &top, &context);
    }
}

fn in_spans(spans: &[Said], work: impl FnOnce()) {
    let Some((outermost, inner)) = spans.split_first() else {
        return work();
    };
    let names = outermost.iter().map(|(name, _)| &**name).collect();
    with_values(place(Kind::SPAN, names), None, outermost, |metadata, values| {
        Span::new(metadata, values).in_scope(|| in_spans(inner, work));
    });
}
