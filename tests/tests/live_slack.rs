//! Slack by an emulator of its Web API: what was written is read back.

use serde_json::Value;
use taskflows_alerts::{Attachment, Channel, Delivery, Destination, Message, Slack};
use taskflows_tests::SlackEmulator;

fn channel(emulator: &SlackEmulator, name: &str) -> Channel {
    let slack = Slack { api_url: Some(emulator.api_url()), ..Slack::channel(name) };
    let env = |name: &str| (name == "SLACK_BOT_TOKEN").then(|| SlackEmulator::TOKEN.to_owned());
    Destination::from(slack).channels(&env).unwrap().remove(0)
}

fn titled(title: &str) -> Message {
    Message { title: title.into(), ..Message::default() }
}

fn messages(emulator: &SlackEmulator, method: &str, form: &str) -> Vec<Value> {
    let answer: Value = serde_json::from_str(&emulator.call(method, form)).unwrap();
    assert_eq!(answer["ok"], true, "{answer}");
    answer["messages"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_message_is_posted_changed_answered_and_given_a_file() {
    let emulator = SlackEmulator::start();
    let ops = channel(&emulator, "ops");
    let failed = titled("backup failed");
    let receipt = ops.notifier.notify(&Delivery { message: &failed, key: "1", thread: None }).await.unwrap();
    let history = format!("channel={}", receipt.0["channel"].as_str().unwrap());
    let posted = messages(&emulator, "conversations.history", &history);
    assert!(posted[0]["text"].as_str().unwrap().contains("backup failed"), "{posted:?}");
    assert_eq!(posted[0]["ts"], receipt.0["ts"]);

    let well = titled("backup is well");
    let receipt =
        ops.notifier.amend(&receipt, &Delivery { message: &well, key: "2", thread: None }).await.unwrap();
    let changed = messages(&emulator, "conversations.history", &history);
    assert_eq!(changed.len(), posted.len());
    assert!(changed[0]["text"].as_str().unwrap().contains("backup is well"), "{changed:?}");

    let content = b"line 1\nline 2\n".to_vec();
    let file = Attachment { name: "log.txt".into(), media_type: "text/plain".into(), content };
    let detail = Message { attachments: vec![file], ..titled("the last lines") };
    let below = Delivery { message: &detail, key: "3", thread: Some(&receipt) };
    ops.notifier.notify(&below).await.unwrap();
    let thread = format!("{history}&ts={}", receipt.0["ts"].as_str().unwrap());
    let replies = messages(&emulator, "conversations.replies", &thread);
    let text = serde_json::to_string(&replies).unwrap();
    assert!(text.contains("the last lines") && text.contains("log.txt"), "{text}");
    assert!(!text.contains("is missing here"), "{text}");
    assert!(replies[1..].iter().all(|reply| reply["thread_ts"] == receipt.0["ts"]), "{text}");
}

#[tokio::test]
async fn a_channel_that_is_none_is_told_with_its_remedy() {
    let emulator = SlackEmulator::start();
    let message = titled("backup failed");
    let delivery = Delivery { message: &message, key: "1", thread: None };
    let error = channel(&emulator, "nowhere").notifier.notify(&delivery).await.unwrap_err();
    assert!(!error.is_transient(), "{error}");
    assert!(
        error.to_string().contains("channel_not_found") && error.to_string().contains("/invite"),
        "{error}"
    );
}
