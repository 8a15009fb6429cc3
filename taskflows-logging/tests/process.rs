//! What needs the subscriber of the whole process.

#![allow(clippy::unwrap_used, reason = "what fails fails the test")]

mod common;

use common::{Memory, logging};
use serde_json::json as value;
use taskflows_logging::{LokiLayer, fields, get_struct_logger, json};
use tracing::info;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Says something of itself, and logs meanwhile.
struct Chatty;

impl std::fmt::Debug for Chatty {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        info!(of_inner = ?2, "inner event");
        get_struct_logger("inner").info("inner call", fields! { items: json_of_inner() });
        f.write_str("said")
    }
}

fn json_of_inner() -> Vec<u8> {
    info!(items = json([9]), "inner json");
    vec![1, 2]
}

#[test]
fn records_of_the_log_crate_and_lines_within_lines_are_lines() {
    let sink = Memory::default();
    let (layer, _guard) = LokiLayer::with_sinks(&logging(), vec![Box::new(sink.clone())]).unwrap();
    tracing_subscriber::registry().with(layer).init();

    info!(a = 1, chatty = ?Chatty, items = json([1]), "outer");
    let lines = sink.lines();
    let events: Vec<&str> = lines.iter().map(|line| line["event"].as_str().unwrap()).collect();
    assert_eq!(events, ["inner event", "inner json", "inner call", "outer"]);
    assert_eq!(lines[3]["context"], value!({"a": 1, "chatty": "said", "items": [1]}));
    assert_eq!(lines[2]["context"], value!({"items": [1, 2]}));

    log::warn!(target: "old::library", "it said {}", 7);
    let line = sink.last();
    assert_eq!((&line["event"], &line["logger"]), (&value!("it said 7"), &value!("old::library")));
    assert_eq!(line["severity"], "WARNING");
    assert_eq!(line.get("context"), None);
}
