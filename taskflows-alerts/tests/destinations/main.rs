//! Each destination against a server that answers what a test tells it.

#![allow(missing_docs, clippy::unwrap_used, reason = "a test that unwraps fails as it should")]

mod alertmanager;
mod answers;
mod certificates;
mod channels;
mod command;
mod discord;
mod email;
mod pagerduty;
mod slack;
mod smtp;
mod webhook;

use std::time::Duration;

use taskflows_alerts::{
    Attachment, Channel, Delivery, Destination, Limits, Message, MessageState, NotifyError, Receipt, Severity,
};

/// Limits under which a test that waits for them is short, and a slow machine still answers in time.
const SHORT: Limits = Limits { connect: Duration::from_millis(500), whole: Duration::from_millis(700) };

fn nothing_set(_: &str) -> Option<String> {
    None
}

#[track_caller]
fn channel(destination: impl Into<Destination>) -> Channel {
    channel_within(Limits::default(), destination)
}

#[track_caller]
fn channel_within(limits: Limits, destination: impl Into<Destination>) -> Channel {
    let mut channels = destination.into().channels_within(limits, &nothing_set).unwrap();
    assert_eq!(channels.len(), 1);
    channels.remove(0)
}

fn message() -> Message {
    Message {
        severity: Severity::Error,
        state: MessageState::Firing,
        title: "backup failed".into(),
        dedup_key: Some("backup@a".into()),
        labels: [("host".into(), "a".into()), ("service".into(), "backup".into())].into(),
        ..Message::default()
    }
}

fn with_a_file() -> Message {
    let content = b"line 1\nline 2\n".to_vec();
    let file = Attachment { name: "log.txt".into(), media_type: "text/plain; charset=utf-8".into(), content };
    Message { attachments: vec![file], ..message() }
}

async fn notify(channel: &Channel, message: &Message) -> Result<Receipt, NotifyError> {
    channel.notifier.notify(&Delivery { message, key: "key-1", thread: None }).await
}

async fn amend(channel: &Channel, receipt: &Receipt, message: &Message) -> Result<Receipt, NotifyError> {
    channel.notifier.amend(receipt, &Delivery { message, key: "key-2", thread: None }).await
}

#[track_caller]
fn assert_permanent(outcome: Result<Receipt, NotifyError>, words: &[&str]) {
    let error = outcome.unwrap_err();
    assert!(!error.is_transient(), "{error}");
    for word in words {
        assert!(error.to_string().contains(word), "{word:?} is not in: {error}");
    }
}

#[track_caller]
fn assert_transient(outcome: Result<Receipt, NotifyError>, words: &[&str]) -> Option<Duration> {
    let error = outcome.unwrap_err();
    for word in words {
        assert!(error.to_string().contains(word), "{word:?} is not in: {error}");
    }
    match error {
        NotifyError::Transient { retry_after, .. } => retry_after,
        other => panic!("{other}"),
    }
}
