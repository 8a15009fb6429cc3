use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::super::place::fingerprint;
use crate::render;
use crate::{Delivery, Message, MessageState, Severity};

/// Bounds of the API: characters of the summary and of the key, bytes of it all.
const SUMMARY: usize = 1024;
const KEY: usize = 255;
const WHOLE: usize = 512 * 1024;
/// Bytes of the text in the details; what is escaped in JSON grows up to six times.
const TEXT: usize = 48 * 1024;

/// Tells whether a message wakes nobody: it is good to know, and over once told.
pub(super) fn is_change(message: &Message) -> bool {
    message.state == MessageState::Notice && message.severity == Severity::Info
}

/// Returns the event of a message, in the form that `is_change` calls for.
///
/// Source: <https://developer.pagerduty.com/docs/events-api-v2/trigger-events/> and `…/send-change-events/`.
pub(super) fn event(routing_key: &str, delivery: &Delivery<'_>, now: Timestamp) -> Value {
    let message = delivery.message;
    let mut event = json!({
        "routing_key": routing_key,
        "payload": payload(message, now),
        "links": links(message),
    });
    if !is_change(message) {
        event["event_action"] = action(message.state).into();
        event["dedup_key"] = dedup_key(message.dedup_key.as_deref().unwrap_or(delivery.key)).into();
        event["client"] = "taskflows".into();
    }
    if event.to_string().len() > WHOLE {
        event["payload"]["custom_details"] = json!({ "text": "left out: too long" });
        event["links"] = json!([]);
    }
    event
}

fn action(state: MessageState) -> &'static str {
    match state {
        MessageState::Resolved => "resolve",
        MessageState::Notice | MessageState::Firing => "trigger",
    }
}

/// A key that is too long is told apart by its fingerprint.
fn dedup_key(key: &str) -> String {
    if key.chars().count() <= KEY { key.to_owned() } else { fingerprint(key, 32) }
}

fn payload(message: &Message, now: Timestamp) -> Value {
    let label = |name: &str| message.labels.get(name).filter(|value| !value.is_empty());
    let mut payload = json!({
        "summary": summary(message),
        "source": label("host").map_or("taskflows", String::as_str),
        "timestamp": message.at.unwrap_or(now).to_string(),
        "custom_details": details(message),
    });
    if !is_change(message) {
        payload["severity"] = severity(message.severity).into();
        for (key, name) in [("component", "service"), ("class", "kind")] {
            if let Some(value) = label(name) {
                payload[key] = value.as_str().into();
            }
        }
    }
    payload
}

/// The API refuses an event without a summary.
fn summary(message: &Message) -> String {
    let title: String = message.title.trim().chars().take(SUMMARY).collect();
    if title.is_empty() { "taskflows".into() } else { title }
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Error => "error",
        Severity::Critical => "critical",
    }
}

fn details(message: &Message) -> Value {
    let mut details: Map<String, Value> =
        message.labels.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
    for field in &message.fields {
        details.insert(field.name.clone(), field.value.as_str().into());
    }
    let text = render::plain(message);
    details.insert("text".into(), text[..text.floor_char_boundary(TEXT)].into());
    details.into()
}

fn links(message: &Message) -> Vec<Value> {
    let on_the_web = |url: &str| url.starts_with("https://") || url.starts_with("http://");
    let links = message.links.iter().filter(|link| on_the_web(&link.url));
    links.map(|link| json!({ "href": link.url, "text": link.text })).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Component, Field, Tone};

    fn check(message: Message) -> Value {
        let delivery = Delivery { message: &message, key: "key-1", thread: None };
        event("rk", &delivery, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn what_lasts_is_triggered_and_resolved_by_one_key() {
        let firing = Message {
            severity: Severity::Critical,
            state: MessageState::Firing,
            title: "backup failed".into(),
            dedup_key: Some("backup@a".into()),
            labels: [("host".into(), "a".into()), ("service".into(), "backup".into())].into(),
            ..Message::default()
        };
        let event = check(firing.clone());
        assert_eq!((&event["event_action"], &event["dedup_key"]), (&json!("trigger"), &json!("backup@a")));
        assert_eq!(event["payload"]["severity"], "critical");
        assert_eq!(event["payload"]["source"], "a");
        assert_eq!(event["payload"]["component"], "backup");
        assert_eq!(event["payload"]["timestamp"], "1970-01-01T00:00:00Z");
        let over = check(Message { state: MessageState::Resolved, severity: Severity::Info, ..firing });
        assert_eq!((&over["event_action"], &over["dedup_key"]), (&json!("resolve"), &json!("backup@a")));
    }

    #[test]
    fn what_is_good_to_know_wakes_nobody() {
        let event = check(Message { title: "backup begins".into(), ..Message::default() });
        assert!(event.get("event_action").is_none() && event.get("dedup_key").is_none(), "{event}");
        assert_eq!(event["payload"]["summary"], "backup begins");
        let warning = Message { severity: Severity::Warning, ..Message::default() };
        assert_eq!(check(warning)["event_action"], "trigger");
    }

    #[test]
    fn no_message_breaks_a_bound() {
        let text = "\u{1}é".repeat(100_000);
        let event = check(Message {
            state: MessageState::Firing,
            title: "é".repeat(3000),
            dedup_key: Some("é".repeat(300)),
            body: vec![Component::Text { text: text.clone(), tone: Tone::Neutral }],
            fields: vec![Field { name: "output".into(), value: text.repeat(2) }],
            ..Message::default()
        });
        assert_eq!(event["payload"]["summary"].as_str().unwrap().chars().count(), 1024);
        assert_eq!(event["dedup_key"].as_str().unwrap().len(), 64);
        assert!(event.to_string().len() <= WHOLE);
        assert_eq!(check(Message::default())["payload"]["summary"], "taskflows");
    }
}
