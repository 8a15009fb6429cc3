//! Messages by chance: of any text, with markup of each kind, short, long and far too long.

use jiff::Timestamp;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use taskflows_alerts::{
    Attachment, Component, Field, Link, Message, MessageState, Severity, TimelineEntry, Tone,
};

/// What means something in HTML, mrkdwn, Markdown, a terminal or a mail.
const MARKUP: [&str; 48] = [
    "<",
    ">",
    "&",
    "\"",
    "'",
    "`",
    "```",
    "*",
    "_",
    "~",
    "|",
    "\\",
    "#",
    "@",
    ":",
    "\n",
    "\r\n",
    "\t",
    "\0",
    "\u{1b}[31m",
    "\u{1b}]0;t\u{7}",
    "\u{9b}",
    "\u{202e}",
    "\u{2028}",
    "\u{1f6a8}",
    "日本",
    "e\u{301}",
    "…",
    "&amp;",
    "&lt;",
    "<!channel>",
    "<!here>",
    "<@U024BE7LH>",
    "<http://evil.example|x>",
    "@everyone",
    "@here",
    "<@123456789012345678>",
    "[x](http://evil.example)",
    "</td></tr>",
    "<script>",
    "\" onload=\"x",
    "-->",
    "http://evil.example",
    "Bcc: x@example.org",
    ":fire:",
    " ",
    "word ",
    "long words of some text ",
];

const URLS: [&str; 10] = [
    "https://example.org/a?b=c&d=e",
    "http://x",
    "HTTPS://example.org/<b>|)\"'`",
    "mailto:ops@example.org",
    "javascript:alert(1)",
    "data:text/html,<script>",
    "",
    "https://",
    " https://example.org/\u{202e}",
    "https://example.org/\n\"",
];

pub(crate) fn text() -> impl Strategy<Value = String> {
    let marked = || vec(select(MARKUP.as_slice()), 0..12).prop_map(|pieces| pieces.concat());
    let long = (select(MARKUP.as_slice()), 0..9_000_usize)
        .prop_map(|(piece, bytes)| piece.repeat(bytes / piece.len()));
    prop_oneof![4 => any::<String>(), 6 => marked(), 4 => "[a-z0-9 ./-]{0,40}", 1 => long]
}

fn url() -> impl Strategy<Value = String> {
    let long = (0..9_000_usize).prop_map(|length| format!("https://example.org/{}", "a".repeat(length)));
    prop_oneof![4 => select(URLS.as_slice()).prop_map(str::to_owned), 1 => text(), 1 => long]
}

fn tone() -> impl Strategy<Value = Tone> {
    select([Tone::Neutral, Tone::Good, Tone::Warning, Tone::Bad].as_slice())
}

fn at() -> impl Strategy<Value = Timestamp> {
    let (first, last) = (Timestamp::MIN.as_second(), Timestamp::MAX.as_second());
    prop_oneof![1 => first..=last, 3 => 0..4_000_000_000_i64]
        .prop_map(|second| Timestamp::from_second(second).unwrap())
}

fn field() -> impl Strategy<Value = Field> {
    (text(), text()).prop_map(|(name, value)| Field { name, value })
}

fn link() -> impl Strategy<Value = Link> {
    (text(), url()).prop_map(|(text, url)| Link { text, url })
}

fn table() -> impl Strategy<Value = Component> {
    let rows =
        prop_oneof![4 => vec(vec(text(), 0..5), 0..4), 1 => vec(vec("[a-z<`]{0,20}".boxed(), 0..5), 0..200)];
    (option::of(text()), vec(text(), 0..5), rows).prop_map(|(title, columns, rows)| Component::Table {
        title,
        columns,
        rows,
    })
}

fn component() -> impl Strategy<Value = Component> {
    let metric = (text(), text(), option::of(text()), tone());
    prop_oneof![
        (text(), tone()).prop_map(|(text, tone)| Component::Text { text, tone }),
        vec(field(), 0..6).prop_map(|pairs| Component::KeyValues { pairs }),
        table(),
        (vec(text(), 0..6), any::<bool>()).prop_map(|(items, ordered)| Component::List { items, ordered }),
        (text(), option::of(text())).prop_map(|(text, language)| Component::Code { text, language }),
        (url(), text()).prop_map(|(url, alt)| Component::Image { url, alt }),
        Just(Component::Divider),
        link().prop_map(Component::Link),
        (text(), tone()).prop_map(|(text, tone)| Component::Status { text, tone }),
        vec((at(), text()), 0..4).prop_map(|entries| Component::Timeline {
            entries: entries.into_iter().map(|(at, text)| TimelineEntry { at, text }).collect()
        }),
        metric.prop_map(|(name, value, change, tone)| Component::Metric { name, value, change, tone }),
    ]
}

fn mention() -> impl Strategy<Value = String> {
    let known = select(
        ["U024BE7LH", "S0615G0KT", "here", "@channel", "everyone", "@oncall", "123456789012345678"]
            .as_slice(),
    );
    prop_oneof![4 => known.prop_map(str::to_owned), 1 => text()]
}

/// Any message at all.
pub(crate) fn message() -> impl Strategy<Value = Message> {
    let severity =
        select([Severity::Info, Severity::Warning, Severity::Error, Severity::Critical].as_slice());
    let state = select([MessageState::Notice, MessageState::Firing, MessageState::Resolved].as_slice());
    let body = prop_oneof![6 => vec(component(), 0..6), 1 => vec(component(), 40..80)];
    let fields = prop_oneof![6 => vec(field(), 0..8), 1 => vec(field(), 20..70)];
    let content = "[a-z]{0,9}".prop_map(|text| {
        vec![Attachment {
            name: "a.txt".to_owned(),
            media_type: "text/plain".to_owned(),
            content: text.into_bytes(),
        }]
    });
    let rest = (vec(link(), 0..4), vec(mention(), 0..5), option::of(at()), content);
    (severity, state, text(), body, fields, rest).prop_map(
        |(severity, state, title, body, fields, (links, mentions, at, attachments))| Message {
            severity,
            state,
            title,
            body,
            fields,
            links,
            mentions,
            at,
            attachments,
            ..Message::default()
        },
    )
}
