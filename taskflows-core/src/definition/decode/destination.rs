use serde_json::{Map, Value as Json};

use super::fields::{Fields, Reader};
use super::service::path;
use super::variables;
use crate::alerting::{Destination, DestinationKind};
use crate::definition::node::{Node, Value};
use crate::definition::problem::Problem;
use crate::definition::shape::{Field, Object, Shape, field, required};
use crate::nearest;
use crate::service::CommandLine;

const URL: Shape = Shape::Pattern("^https?://");
const ADDRESS: Shape = Shape::Pattern("^\\S+@\\S+$");

const SENDER: Shape = Shape::Pattern("^(\\S+@\\S+|[^<>]*<\\S+@\\S+>)$");
const CA_FILE: Field = field("ca_file", Shape::Text, "a file of certificates that are trusted as well");
const HEADERS: Field = field("headers", Shape::Map(&Shape::Text), "more headers");
const ALLOW_HTTP: Field = field(
    "allow_http",
    Shape::Flag,
    "whether the address may begin with http, so that others can read along",
);

const fn kind(words: &'static [&'static str]) -> Field {
    required("type", Shape::Words(words), "what it is")
}

static SLACK: Object = Object {
    what: "a Slack destination",
    fields: &[
        kind(&["slack"]),
        field("channel", Shape::Text, "the channel; not needed where `webhook_url` says it"),
        field("bot_token", Shape::Text, "the token of a bot; else SLACK_BOT_TOKEN of who sends"),
        field("webhook_url", URL, "an incoming webhook, in place of a bot"),
        field("api_url", URL, "where the Web API is; https://slack.com/api/ unless told"),
    ],
    refused: &[],
};
static EMAIL: Object = Object {
    what: "an email destination",
    fields: &[
        kind(&["email"]),
        required("addr", SENDER, "who it is from: an address, or `Alerts <alerts@example.org>`"),
        field("password", Shape::Text, "the password of its mailbox; without one nobody logs in"),
        required("receiver_addr", Shape::OneOrMany(&ADDRESS), "the addresses it is for"),
        field("smtp_server", Shape::Text, "the server that takes it; smtp.gmail.com unless told"),
        field("smtp_port", Shape::Whole(1, 65_535), "its port; 465 unless told"),
        field("username", Shape::Text, "who logs in there; `addr` unless told"),
        field(
            "tls",
            Shape::Words(&["implicit", "starttls", "none"]),
            "how it is kept from others; told by the port unless told",
        ),
        CA_FILE,
    ],
    refused: &[],
};
static DISCORD: Object = Object {
    what: "a Discord destination",
    fields: &[kind(&["discord"]), required("webhook_url", URL, "the webhook of the channel")],
    refused: &[],
};
static WEBHOOK: Object = Object {
    what: "a webhook destination",
    fields: &[
        kind(&["webhook"]),
        required("url", URL, "where JSON is posted to"),
        field("secret", Shape::Text, "what the body is signed with"),
        HEADERS,
        CA_FILE,
        ALLOW_HTTP,
    ],
    refused: &[],
};
static PAGERDUTY: Object = Object {
    what: "a PagerDuty destination",
    fields: &[
        kind(&["pagerduty"]),
        required("routing_key", Shape::Text, "the integration key of the service"),
        field("url", URL, "another address of its events"),
    ],
    refused: &[],
};
static ALERTMANAGER: Object = Object {
    what: "an Alertmanager destination",
    fields: &[
        kind(&["alertmanager"]),
        required("url", URL, "where it is, without `/api`"),
        field("labels", Shape::Map(&Shape::Text), "labels of each alert, for its routes"),
        HEADERS,
        CA_FILE,
        ALLOW_HTTP,
    ],
    refused: &[],
};
static COMMAND: Object = Object {
    what: "a command destination",
    fields: &[
        kind(&["command"]),
        required(
            "command",
            Shape::List(&Shape::Text),
            "a program and its arguments; it reads the alert from stdin",
        ),
    ],
    refused: &[],
};

/// Any destination, by its type.
pub(super) const DESTINATIONS: Shape = Shape::Any(&[
    Shape::Table(&SLACK),
    Shape::Table(&EMAIL),
    Shape::Table(&DISCORD),
    Shape::Table(&WEBHOOK),
    Shape::Table(&PAGERDUTY),
    Shape::Table(&ALERTMANAGER),
    Shape::Table(&COMMAND),
]);

/// Reads a destination, whose `type` tells what it needs.
pub(super) fn destination<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<Destination> {
    let Value::Table(entries) = &node.value else {
        reader.wrong(node, "a destination is a table such as { type = \"slack\", channel = \"ops\" }");
        return None;
    };
    let Some(told) = entries.iter().find(|(key, _)| key.text == "type").map(|(_, node)| node) else {
        untyped(reader, node);
        return None;
    };
    let kind = kind_of(reader, told)?;
    let object = match kind {
        DestinationKind::Slack => &SLACK,
        DestinationKind::Email => &EMAIL,
        DestinationKind::Discord => &DISCORD,
        DestinationKind::Webhook => &WEBHOOK,
        DestinationKind::Pagerduty => &PAGERDUTY,
        DestinationKind::Alertmanager => &ALERTMANAGER,
        DestinationKind::Command => &COMMAND,
    };
    let fields = reader.table(node, object)?;
    if kind == DestinationKind::Slack
        && fields.get("channel").is_none()
        && fields.get("webhook_url").is_none()
    {
        reader.missing(&fields, "channel");
        return None;
    }
    let (mut read, mut all_right) = (Map::new(), true);
    for field in object.fields.iter().filter(|field| field.key != "type") {
        let Some(node) = fields.get(field.key) else {
            all_right &= !field.required;
            continue;
        };
        warn_of_literal(reader, field.key, node);
        match value(reader, &fields, field, node) {
            Some(value) => drop(read.insert(field.key.to_owned(), value)),
            None => all_right = false,
        }
    }
    all_right.then(|| Destination::new(kind, read))
}

fn untyped(reader: &mut Reader<'_>, node: &Node) {
    let help = format!("one of {}", DestinationKind::TEXTS.join(", "));
    reader.error(Problem::error("a destination needs `type`", node.span.clone(), "").help(help));
}

fn kind_of<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<DestinationKind> {
    let text = reader.string(node)?;
    // The names of types in programs are meant as well.
    if let Ok(kind) = text.to_ascii_lowercase().parse() {
        return Some(kind);
    }
    let message = format!("unknown type of destination `{}`", text.escape_debug());
    let help = nearest(text, DestinationKind::TEXTS).map_or_else(
        || format!("known types: {}", DestinationKind::TEXTS.join(", ")),
        |near| format!("did you mean `{near}`?"),
    );
    reader.error(Problem::error(message, node.span.clone(), "").help(help));
    None
}

/// Reads a value by the shape of its field.
fn value<'a>(reader: &mut Reader<'a>, fields: &Fields<'a>, field: &Field, node: &'a Node) -> Option<Json> {
    match (field.key, field.shape) {
        ("ca_file", _) => path(reader, node).map(|path| path.as_str().into()),
        ("addr", _) => sender(reader, node),
        (_, Shape::Flag) => reader.boolean(node).map(Json::from),
        ("command", _) => command(reader, fields, node),
        (_, Shape::Pattern(pattern)) if pattern.starts_with("^http") => url(reader, node).map(Json::from),
        (_, Shape::Pattern(_)) => address(reader, node).map(Json::from),
        (_, Shape::OneOrMany(_)) => addresses(reader, node),
        (_, Shape::Whole(low, high)) => {
            let number: i64 = reader.number(node, "a whole number")?;
            if !(low..=high).contains(&number) {
                reader.wrong(node, format!("`{}` is a number from {low} to {high}", field.key));
                return None;
            }
            Some(number.into())
        }
        (_, Shape::Words(words)) => word(reader, node, words),
        (key, Shape::Map(_)) => pairs(reader, node, key == "labels"),
        _ => text(reader, node).map(Json::from),
    }
}

/// Reads a text of one line that is not empty.
pub(super) fn text<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<String> {
    let text = reader.string(node)?;
    let wrong = match text {
        _ if text.trim().is_empty() => "the text is empty",
        _ if text.chars().any(char::is_control) => "the text holds a control character",
        _ => return Some(text.to_owned()),
    };
    reader.wrong(node, wrong);
    None
}

fn word<'a>(reader: &mut Reader<'a>, node: &'a Node, words: &[&str]) -> Option<Json> {
    let text = reader.string(node)?;
    if words.contains(&text) {
        return Some(text.into());
    }
    let message = format!("`{}` is none of {}", text.escape_debug(), words.join(", "));
    let problem = Problem::error(message, node.span.clone(), "");
    reader.error(match nearest(text, words.iter().copied()) {
        Some(near) => problem.help(format!("did you mean `{near}`?")),
        None => problem,
    });
    None
}

/// What an address on the web is, is told without the address: it may be the secret.
fn url<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<String> {
    let text = text(reader, node)?;
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let host = host.map(|rest| rest.split(['/', '?', '#']).next().unwrap_or_default());
    if host.is_none_or(str::is_empty) || text.contains(char::is_whitespace) {
        reader.wrong(node, "this is no address that begins with `https://` or `http://`");
        return None;
    }
    Some(text)
}

fn address<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<String> {
    let text = text(reader, node)?;
    if !is_address(&text) {
        reader.wrong(node, format!("`{}` is no mail address", text.escape_debug()));
        return None;
    }
    Some(text)
}

fn is_address(text: &str) -> bool {
    let is_one = text.rsplit_once('@').is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty());
    is_one && !text.contains([' ', ',', ';', '<', '>'])
}

fn addresses<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<Json> {
    let items = Reader::one_or_many(node);
    if items.is_empty() {
        reader.wrong(node, "nobody would be told: the list is empty");
        return None;
    }
    let all: Vec<Option<String>> = items.iter().map(|item| address(reader, item)).collect();
    let all: Vec<String> = all.into_iter().collect::<Option<_>>()?;
    Some(all.into())
}

/// Reads an address that a name may stand before.
fn sender<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<Json> {
    let text = text(reader, node)?;
    let address = match text.trim_end().strip_suffix('>').and_then(|text| text.split_once('<')) {
        Some((_, address)) => address,
        None => text.as_str(),
    };
    if !is_address(address) {
        reader.wrong(node, format!("`{}` is no mail address", text.escape_debug()));
        return None;
    }
    Some(text.into())
}

/// Reads headers, or labels.
fn pairs<'a>(reader: &mut Reader<'a>, node: &'a Node, are_labels: bool) -> Option<Json> {
    let what = if are_labels { "label" } else { "header" };
    let Value::Table(entries) = &node.value else {
        reader.wrong(node, format!("{what}s are a table of names and values"));
        return None;
    };
    let (mut read, mut all_right) = (Map::new(), true);
    for (key, node) in entries {
        // Source: RFC 9110, section 5.6.2; for labels the data model of Prometheus.
        let others = if are_labels { "_" } else { "!#$%&'*+-.^_`|~" };
        let is_token = |c: char| c.is_ascii_alphanumeric() || others.contains(c);
        let begins = key.text.starts_with(|c: char| !are_labels || !c.is_ascii_digit());
        if !begins || !key.text.chars().all(is_token) {
            let message = format!("`{}` is no name of a {what}", key.text.escape_debug());
            reader.error(Problem::error(message, key.span.clone(), ""));
            all_right = false;
        }
        match text(reader, node) {
            Some(text) => drop(read.insert(key.text.clone(), text.into())),
            None => all_right = false,
        }
    }
    all_right.then_some(Json::Object(read))
}

fn command<'a>(reader: &mut Reader<'a>, fields: &Fields<'a>, node: &'a Node) -> Option<Json> {
    if !matches!(node.value, Value::List(_)) {
        reader.wrong(node, "the command is a list: [\"/usr/local/bin/page\", \"--loud\"]");
        return None;
    }
    let command = super::service::command(reader, fields, "command")?;
    Some(CommandLine::argv(&command).to_vec().into())
}

/// Warns of a secret that whoever reads the file knows.
fn warn_of_literal(reader: &mut Reader<'_>, key: &str, node: &Node) {
    let opens = Destination::is_secret(key) && !matches!(key, "url" | "headers");
    if opens && !reader.told.expansions.holds(&node.span) && matches!(node.value, Value::String { .. }) {
        let message = format!("whoever may read this file knows the `{key}`");
        let name = variables::name_for(key);
        let help = format!("take it from a variable: `${{env:{name}}}`");
        reader.warn(Problem::warning(message, node.span.clone(), "").help(help));
    }
}
