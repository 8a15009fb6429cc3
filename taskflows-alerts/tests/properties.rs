//! No message breaks a limit of the place it goes to, and no text in one becomes markup.

#![expect(clippy::unwrap_used, reason = "a test that unwraps fails as it should")]

mod messages;

use proptest::prelude::*;
use serde_json::Value;
use taskflows_alerts::{Message, render};

type Checked = Result<(), TestCaseError>;
/// The name of a tag, and its attributes.
type Tag<'a> = (&'a str, Vec<(&'a str, &'a str)>);

fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

fn is_shown(ch: char) -> bool {
    matches!(ch, '\n' | '\t')
        || !(ch.is_control() || matches!(ch, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'))
}

/// All strings in `value`, with the keys they stand under.
fn strings<'a>(key: &'a str, value: &'a Value, out: &mut Vec<(&'a str, &'a str)>) {
    match value {
        Value::String(text) => out.push((key, text)),
        Value::Array(items) => items.iter().for_each(|item| strings(key, item, out)),
        Value::Object(map) => map.iter().for_each(|(key, value)| strings(key, value, out)),
        _ => {}
    }
}

/// What stands between `<` and `>` in mrkdwn; fails where one of them is alone.
fn angled(text: &str) -> Result<Vec<&str>, TestCaseError> {
    let mut found = Vec::new();
    let mut pieces = text.split('<');
    prop_assert!(!pieces.next().unwrap_or_default().contains('>'), "{text:?}");
    for piece in pieces {
        let (inside, after) =
            piece.split_once('>').ok_or_else(|| TestCaseError::fail(format!("{text:?}")))?;
        prop_assert!(!after.contains('>'), "{text:?}");
        found.push(inside);
    }
    Ok(found)
}

/// A call or a link that the message asks for.
fn is_asked_for(markup: &str, message: &Message) -> bool {
    let calls = |id: &str| message.mentions.iter().any(|who| who.trim().trim_start_matches('@') == id);
    let id = markup.strip_prefix("!subteam^").or(markup.strip_prefix('@')).or(markup.strip_prefix('!'));
    id.is_some_and(calls)
        || (markup.starts_with("!date^") && message.at.is_some())
        || ["http://", "https://", "mailto:"].iter().any(|scheme| markup.to_lowercase().starts_with(scheme))
}

fn check_text_object(object: &Value, limit: usize, message: &Message) -> Checked {
    let text = object["text"].as_str().unwrap();
    prop_assert!((1..=limit).contains(&units(text)) && !text.trim().is_empty(), "{} {text:?}", units(text));
    let entities = ["amp;", "lt;", "gt;"];
    let is_escaped = |after: &str| entities.iter().any(|entity| after.starts_with(entity));
    prop_assert!(text.split('&').skip(1).all(is_escaped), "{text:?}");
    let markup = angled(text)?;
    match object["type"].as_str().unwrap() {
        "plain_text" => prop_assert!(markup.is_empty(), "{text:?}"),
        "mrkdwn" => {
            prop_assert_eq!(&object["verbatim"], true);
            prop_assert!(markup.iter().all(|markup| is_asked_for(markup, message)), "{markup:?}");
        }
        other => prop_assert!(false, "{other}"),
    }
    Ok(())
}

fn check_block(block: &Value, message: &Message) -> Checked {
    match block["type"].as_str().unwrap() {
        "header" => check_text_object(&block["text"], 150, message),
        "section" if block.get("fields").is_some() => {
            let fields = block["fields"].as_array().unwrap();
            prop_assert!((1..=10).contains(&fields.len()));
            fields.iter().try_for_each(|field| check_text_object(field, 2_000, message))
        }
        "section" => check_text_object(&block["text"], 3_000, message),
        "context" => {
            let elements = block["elements"].as_array().unwrap();
            prop_assert!((1..=10).contains(&elements.len()));
            elements.iter().try_for_each(|element| check_text_object(element, 3_000, message))
        }
        "image" => {
            let url = block["image_url"].as_str().unwrap();
            prop_assert!(url.to_lowercase().starts_with("http") && units(url) <= 3_000, "{url}");
            prop_assert!((1..=2_000).contains(&units(block["alt_text"].as_str().unwrap())));
            Ok(())
        }
        "divider" => Ok(()),
        other => Err(TestCaseError::fail(other.to_owned())),
    }
}

/// The tags of `html` outside of text, each with its attributes; fails on a `<` that begins no tag of this form, and
/// on an element that is not closed where it should be.
fn tags(html: &str) -> Result<Vec<Tag<'_>>, TestCaseError> {
    let fail = |at: &str| TestCaseError::fail(at.chars().take(200).collect::<String>());
    let mut found = Vec::new();
    let mut open = Vec::new();
    let mut rest = html.strip_prefix("<!DOCTYPE html>").unwrap();
    while let Some(at) = rest.find('<') {
        prop_assert!(!rest[..at].contains('>'), "{:?}", &rest[..at]);
        let tag = &rest[at + 1..];
        if let Some(close) = tag.strip_prefix('/') {
            let (name, after) = close.split_once('>').ok_or_else(|| fail(tag))?;
            prop_assert_eq!(open.pop(), Some(name), "{}", &rest[..rest.len().min(99)]);
            rest = after;
            continue;
        }
        let name = &tag[..tag.find([' ', '>']).ok_or_else(|| fail(tag))?];
        let mut attributes = Vec::new();
        let mut after = &tag[name.len()..];
        while let Some(attribute) = after.strip_prefix(' ') {
            let (key, value) = attribute.split_once("=\"").ok_or_else(|| fail(attribute))?;
            let (value, next) = value.split_once('"').ok_or_else(|| fail(attribute))?;
            prop_assert!(!value.contains(['<', '>']), "{value:?}");
            attributes.push((key, value));
            after = next;
        }
        rest = after.strip_prefix('>').ok_or_else(|| fail(after))?;
        if !["meta", "br", "img"].contains(&name) {
            open.push(name);
        }
        found.push((name, attributes));
    }
    prop_assert!(open.is_empty() && !rest.contains('>'), "{open:?}");
    Ok(found)
}

const TAGS: [&str; 24] = [
    "html", "head", "meta", "title", "style", "body", "table", "tr", "td", "th", "div", "span", "a", "img",
    "br", "ul", "ol", "li", "pre", "p", "b", "i", "hr", "code",
];
const ATTRIBUTES: [&str; 17] = [
    "lang",
    "charset",
    "name",
    "content",
    "class",
    "style",
    "role",
    "width",
    "cellpadding",
    "cellspacing",
    "border",
    "align",
    "valign",
    "href",
    "src",
    "alt",
    "rel",
];

fn check_html(html: &str) -> Checked {
    for (name, attributes) in tags(html)? {
        prop_assert!(TAGS.contains(&name), "<{name}>");
        for (key, value) in attributes {
            prop_assert!(ATTRIBUTES.contains(&key), "{key}={value:?}");
            let url = value.to_lowercase();
            let is_link = ["http://", "https://", "mailto:"].iter().any(|scheme| url.starts_with(scheme));
            prop_assert!(is_link || !["href", "src"].contains(&key), "{key}={value:?}");
        }
    }
    Ok(())
}

fn check_embed(embed: &Value) -> Checked {
    let text = |value: &Value| units(value.as_str().unwrap_or_default());
    let fields = embed["fields"].as_array().unwrap();
    prop_assert!(fields.len() <= 25);
    for field in fields {
        prop_assert!(
            (1..=256).contains(&text(&field["name"])) && (1..=1_024).contains(&text(&field["value"]))
        );
    }
    prop_assert!(text(&embed["description"]) <= 4_096 && text(&embed["footer"]["text"]) <= 2_048);
    let of_fields: usize = fields.iter().map(|field| text(&field["name"]) + text(&field["value"])).sum();
    prop_assert!(text(&embed["description"]) + text(&embed["footer"]["text"]) + of_fields <= 6_000);
    check_markdown(embed["description"].as_str().unwrap(), &["<t:"])?;
    fields.iter().try_for_each(|field| {
        check_markdown(field["name"].as_str().unwrap(), &[])?;
        check_markdown(field["value"].as_str().unwrap(), &[])
    })
}

/// Outside of code, each special character is escaped or belongs to a link, bold text or `ours`.
fn check_markdown(text: &str, ours: &[&str]) -> Checked {
    let parts: Vec<_> = text.split("```").collect();
    prop_assert!(parts.len() % 2 == 1, "{text:?}");
    for part in parts.iter().step_by(2) {
        let mut rest = *part;
        while let Some(at) = rest.find(['\\', '<', '[', '`', '_', '~', '|', '#']) {
            let found = &rest[at..];
            rest = if let Some(escaped) = found.strip_prefix('\\') {
                let mut chars = escaped.chars();
                prop_assert!(chars.next().is_some_and(|ch| ch.is_ascii_punctuation()), "{text:?}");
                chars.as_str()
            } else if found.starts_with('[') {
                let (shown, url) =
                    found.split_once("](").ok_or_else(|| TestCaseError::fail(text.to_owned()))?;
                let url = url.split(')').next().unwrap_or_default();
                prop_assert!(url.to_lowercase().starts_with("http"), "{found:?}");
                &found[shown.len() + 3 + url.len()..]
            } else {
                prop_assert!(ours.iter().any(|ours| found.starts_with(ours)), "{found:?} in {text:?}");
                &found[1..]
            };
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn a_subject_is_one_short_line(message in messages::any::message()) {
        let subject = render::subject(&message);
        prop_assert!((1..=200).contains(&units(&subject)));
        prop_assert!(subject.chars().all(|ch| is_shown(ch) && !matches!(ch, '\n' | '\t')), "{subject:?}");
    }

    #[test]
    fn no_control_character_gets_anywhere(message in messages::any::message()) {
        prop_assert!(render::plain(&message).chars().all(is_shown));
        prop_assert!(render::html(&message).chars().all(is_shown));
        let slack = render::slack(&message);
        let (blocks, discord) = (Value::from(slack.blocks), render::discord(&message).payload);
        let mut all = vec![("text", slack.text.as_str())];
        strings("", &blocks, &mut all);
        strings("", &discord, &mut all);
        for (key, text) in all {
            prop_assert!(text.chars().all(is_shown), "{key}: {text:?}");
        }
    }

    #[test]
    fn slack_takes_every_message_and_sees_no_markup_but_ours(message in messages::any::message()) {
        let slack = render::slack(&message);
        prop_assert!((1..=3_900).contains(&units(&slack.text)));
        prop_assert!(angled(&slack.text)?.is_empty());
        prop_assert!((1..=50).contains(&slack.blocks.len()));
        slack.blocks.iter().try_for_each(|block| check_block(block, &message))?;
        let blocks = Value::from(slack.blocks);
        let mut all = Vec::new();
        strings("", &blocks, &mut all);
        let sum: usize = all.iter().filter(|(key, _)| *key != "type").map(|(_, text)| units(text)).sum();
        prop_assert!(sum <= 9_000, "{sum}");
        prop_assert!(slack.files.len() <= message.attachments.len() + 1);
    }

    #[test]
    fn discord_takes_every_message_and_calls_nobody_else(message in messages::any::message()) {
        let payload = render::discord(&message).payload;
        let content = payload["content"].as_str().unwrap();
        prop_assert!((1..=2_000).contains(&units(content)));
        prop_assert_eq!(payload["embeds"].as_array().unwrap().len(), 1);
        check_embed(&payload["embeds"][0])?;
        let calls = |who: &str| message.mentions.iter().any(|asked| asked.trim().trim_start_matches('@') == who);
        let calls_all = calls("here") || calls("channel") || calls("everyone");
        let at_all = content.matches("@here").count() + content.matches("@everyone").count();
        prop_assert_eq!(at_all, usize::from(calls_all), "{}", content);
        let allowed = &payload["allowed_mentions"];
        prop_assert_eq!(allowed["parse"].as_array().unwrap().len(), usize::from(calls_all));
        for user in allowed["users"].as_array().unwrap() {
            prop_assert!(calls(user.as_str().unwrap()));
        }
    }

    #[test]
    fn html_holds_our_tags_and_no_other(message in messages::any::message()) {
        check_html(&render::html(&message))?;
    }
}

/// The checks above are worth something only if they fail.
#[test]
fn the_checks_refuse_what_they_are_for() {
    let message = Message::new("t").mention("here");
    let mrkdwn = |text: &str| serde_json::json!({ "type": "mrkdwn", "text": text, "verbatim": true });
    let refused = ["<!channel>", "a < b", "a > b", "a & b", "<@U024BE7LH>", "<javascript:x|y>", " "];
    for text in refused {
        assert!(check_text_object(&mrkdwn(text), 3_000, &message).is_err(), "{text}");
    }
    assert!(check_text_object(&mrkdwn("&lt;b&gt; <!here> <http://x|y>"), 3_000, &message).is_ok());
    assert!(check_text_object(&mrkdwn("12345"), 4, &message).is_err());
    for html in [
        "<script>",
        "<b onload=\"x\"></b>",
        "<a href=\"javascript:x\"></a>",
        "a < b",
        "<b>",
        "</b>",
        "<b x></b>",
    ] {
        assert!(check_html(&format!("<!DOCTYPE html><html>{html}</html>")).is_err(), "{html}");
    }
    assert!(check_html("<!DOCTYPE html><html><b>&lt;<br></b></html>").is_ok());
    for markdown in ["a_b", "[x](javascript:y)", "<@1>", "```", "`x`", "\\a"] {
        assert!(check_markdown(markdown, &[]).is_err(), "{markdown}");
    }
}
