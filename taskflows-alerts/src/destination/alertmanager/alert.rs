use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::render;
use crate::{Delivery, MessageState, Receipt, Severity};

/// How long what lasts is taken to last without another word. Left open, the server would call it over after five
/// minutes (its `resolve_timeout`).
const FIRING: SignedDuration = SignedDuration::from_hours(7 * 24);
/// How long a notice stands, so that the server's own waits (`group_wait`) do not outlast it.
const NOTICE: SignedDuration = SignedDuration::from_mins(10);

/// What is needed of the labels of a message to tell one thing from another, over all that is told of it.
const IDENTITY: [&str; 2] = ["host", "service"];

/// Returns an alert, and what makes the next message about the same thing change it: its labels and its beginning.
///
/// An alert is told from others by all its labels, so those of the former are kept: the severity of an end is another.
/// Source: Alertmanager's `api/v2/openapi.yaml`, `postableAlert`.
pub(super) fn alert(
    delivery: &Delivery<'_>,
    own: &BTreeMap<String, String>,
    former: Option<&Receipt>,
    now: Timestamp,
) -> (Value, Receipt) {
    let message = delivery.message;
    let at = message.at.unwrap_or(now);
    let kept = |key: &str| former.map(|receipt| receipt.0[key].clone()).filter(|value| !value.is_null());
    let labels = kept("labels").unwrap_or_else(|| json!(labels(delivery, own)));
    let begun = kept("startsAt").unwrap_or_else(|| at.to_string().into());
    let beginning = begun.as_str().and_then(|text| text.parse().ok()).unwrap_or(at);
    let until = match message.state {
        MessageState::Resolved => at,
        MessageState::Firing => later(now, FIRING),
        MessageState::Notice => later(now, NOTICE),
    };
    let link = message.links.iter().find(|link| link.url.starts_with("http"));
    let mut alert = json!({
        "labels": labels,
        "annotations": annotations(delivery),
        "startsAt": begun,
        // An end before the beginning is refused.
        "endsAt": until.max(beginning).to_string(),
    });
    if let Some(link) = link {
        alert["generatorURL"] = link.url.as_str().into();
    }
    (alert, Receipt(json!({ "labels": labels, "startsAt": begun })))
}

fn later(now: Timestamp, span: SignedDuration) -> Timestamp {
    now.saturating_add(span).unwrap_or(Timestamp::MAX)
}

fn labels(delivery: &Delivery<'_>, own: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let message = delivery.message;
    let mut labels = BTreeMap::from([
        ("alertname".to_owned(), "Taskflows".to_owned()),
        ("severity".to_owned(), severity(message.severity).to_owned()),
        ("incident".to_owned(), message.dedup_key.as_deref().unwrap_or(delivery.key).to_owned()),
    ]);
    for name in IDENTITY {
        labels.extend(message.labels.get(name).map(|value| (name.to_owned(), value.clone())));
    }
    labels.extend(own.iter().map(|(name, value)| (label_name(name), value.clone())));
    // An empty label is as good as none, and some versions refuse it.
    labels.retain(|_, value| !value.is_empty());
    labels
}

/// A name with other letters is refused, the whole alert with it. Source: the data model of Prometheus.
fn label_name(name: &str) -> String {
    let letter = |char: char| if char.is_ascii_alphanumeric() { char } else { '_' };
    let name: String = name.chars().map(letter).collect();
    if name.starts_with(|first: char| first.is_ascii_digit()) || name.is_empty() {
        format!("_{name}")
    } else {
        name
    }
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Error => "error",
        Severity::Critical => "critical",
    }
}

fn annotations(delivery: &Delivery<'_>) -> BTreeMap<String, String> {
    let message = delivery.message;
    let mut annotations = BTreeMap::new();
    for (name, value) in &message.labels {
        if !IDENTITY.contains(&name.as_str()) {
            annotations.insert(label_name(name), value.clone());
        }
    }
    annotations.insert("summary".to_owned(), message.title.clone());
    annotations.insert("description".to_owned(), render::plain(message));
    annotations
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Message;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn firing() -> Message {
        Message {
            severity: Severity::Critical,
            state: MessageState::Firing,
            title: "backup failed".into(),
            dedup_key: Some("backup@a".into()),
            labels: [("host", "a"), ("service", "backup"), ("run", "1f"), ("kind", "failed")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            ..Message::default()
        }
    }

    fn check(message: &Message, former: Option<&Receipt>) -> (Value, Receipt) {
        let own =
            BTreeMap::from([("team-name".to_owned(), "data".to_owned()), ("none".to_owned(), String::new())]);
        alert(&Delivery { message, key: "key-1", thread: None }, &own, former, NOW)
    }

    #[test]
    fn an_end_changes_the_alert_that_was_begun() {
        let (begun, receipt) = check(&firing(), None);
        let labels = json!({"alertname": "Taskflows", "severity": "critical", "incident": "backup@a", "host": "a",
            "service": "backup", "team_name": "data"});
        assert_eq!(begun["labels"], labels);
        assert_eq!(begun["endsAt"], "1970-01-08T00:00:00Z");
        assert_eq!(begun["annotations"]["run"], "1f");
        let over = Message {
            state: MessageState::Resolved,
            severity: Severity::Info,
            at: Some(NOW + SignedDuration::from_secs(5)),
            ..firing()
        };
        let (ended, _) = check(&over, Some(&receipt));
        assert_eq!(ended["labels"], labels);
        assert_eq!(ended["startsAt"], begun["startsAt"]);
        assert_eq!(ended["endsAt"], "1970-01-01T00:00:05Z");
    }

    #[test]
    fn a_label_has_a_name_that_is_taken() {
        for (name, taken) in [("team", "team"), ("a.b-c", "a_b_c"), ("1st", "_1st"), ("ä", "_"), ("", "_")] {
            assert_eq!(label_name(name), taken);
        }
    }
}
