//! What a realistic alert, and one piece of each kind, look like in each renderer.

#![expect(clippy::unwrap_used, reason = "a test that unwraps fails as it should")]

mod messages;

use serde_json::Value;
use taskflows_alerts::{Attachment, Message, render};

/// JSON with its keys in order, whatever features another crate turns on.
fn pretty(value: &Value) -> String {
    fn sorted(value: &Value) -> Value {
        match value {
            Value::Object(map) => {
                let mut keys: Vec<_> = map.keys().collect();
                keys.sort();
                keys.into_iter().map(|key| (key.clone(), sorted(&map[key]))).collect()
            }
            Value::Array(items) => items.iter().map(sorted).collect(),
            other => other.clone(),
        }
    }
    serde_json::to_string_pretty(&sorted(value)).unwrap()
}

fn names(files: &[Attachment]) -> Vec<&str> {
    files.iter().map(|file| file.name.as_str()).collect()
}

fn check(name: &str, message: &Message) {
    insta::assert_snapshot!(format!("{name}_plain"), render::plain(message));
    insta::assert_snapshot!(format!("{name}_html"), render::html(message));
    let slack = render::slack(message);
    let (blocks, files) = (pretty(&slack.blocks.into()), names(&slack.files));
    insta::assert_snapshot!(
        format!("{name}_slack"),
        format!("{}\n---\n{blocks}\n---\n{files:?}", slack.text)
    );
    let discord = render::discord(message);
    let files = names(&discord.files);
    insta::assert_snapshot!(
        format!("{name}_discord"),
        format!("{}\n---\n{files:?}", pretty(&discord.payload))
    );
}

#[test]
fn a_failure_alert() {
    check("failure", &messages::failure());
}

#[test]
fn a_message_with_everything() {
    check("everything", &messages::everything());
}

#[test]
fn a_table_that_is_too_long_goes_along_as_a_file() {
    let message = messages::table(200);
    let slack = render::slack(&message);
    assert_eq!(names(&slack.files), ["message.txt"]);
    let whole = String::from_utf8(slack.files[0].content.clone()).unwrap();
    assert!(whole.contains("service-199"), "{whole}");
    let table = slack.blocks[2]["text"]["text"].as_str().unwrap();
    assert!(table.contains("service-020") && !table.contains("service-199"), "{table}");
    assert!(table.ends_with("\n…\n```"), "{table}");
}

#[test]
fn subjects_say_the_gravity_first() {
    let subject = |message: Message| render::subject(&message);
    assert_eq!(subject(messages::failure()), "[CRITICAL] nightly-backup failed on db1");
    assert_eq!(subject(messages::failure().resolved()), "[RESOLVED] nightly-backup failed on db1");
    assert_eq!(subject(Message::new("Done")), "Done");
    assert_eq!(subject(Message::new("a\r\nBcc: x@example.org\u{1b}[1m")), "a Bcc: x@example.org");
    assert_eq!(subject(Message::new(" \n")), "(no title)");
    assert_eq!(subject(Message::new("é".repeat(300))), format!("{}…", "é".repeat(199)));
}

#[test]
fn a_message_is_read_from_json_that_leaves_out_what_is_empty() {
    let message: Message = serde_json::from_str(
        r#"{ "title": "t", "body": [{ "type": "text", "text": "x" }, { "type": "table" }, { "type": "divider" },
            { "type": "link", "url": "https://x" }, { "type": "metric", "name": "n" }], "fields": [{ "name": "n" }],
            "attachments": [{ "name": "a", "content": "eA==" }] }"#,
    )
    .unwrap();
    assert_eq!((message.body.len(), message.fields[0].value.as_str()), (5, ""));
    assert_eq!(message.attachments[0].content, b"x");
    let again: Message = serde_json::from_str(&serde_json::to_string(&message).unwrap()).unwrap();
    assert_eq!(again, message);
}
