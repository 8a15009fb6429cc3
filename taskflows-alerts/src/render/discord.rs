mod embed;
mod markdown;

use serde_json::{Map, Value, json};

use self::embed::describe;
use self::markdown::{CONTENT, Mentions};
use super::bounded::Bounded;
use super::look::look;
use super::text::one_line;
use super::{address, lead_and_rest, subject, whole};
use crate::{Attachment, Component, Field, Message};

/// What all embeds may take is 6,000; so much of it is for the fields.
const FIELDS: usize = 2_000;
const DESCRIPTION: usize = 3_900;

/// A message for Discord.
#[derive(Clone, Debug, PartialEq)]
pub struct DiscordMessage {
    /// The body of the request: `content`, `embeds`, `allowed_mentions`.
    pub payload: Value,
    /// The attachments of the message; and `message.txt`, the whole message as [plain text](super::plain), where not all
    /// of it is in the embed.
    pub files: Vec<Attachment>,
}

/// Returns the message as the body of a Discord webhook: the title as content, which is what notifications show, and one
/// embed with the rest.
///
/// Every limit of Discord's is kept; what is too long is cut at a character boundary and marked `…`, and the whole goes
/// along as a file. Markdown in other people's text is escaped. `allowed_mentions` names whom the message calls and
/// nobody else: of [`Message::mentions`] the ids of users (`123…`) and roles (`&123…`), and `here`, `channel` (as
/// `@here`) and `everyone`.
/// Source: discord.com/developers/docs, resources Message (embed limits) and Webhook.
pub fn discord(message: &Message) -> DiscordMessage {
    let mentions = Mentions::read(&message.mentions);
    let mut content = Bounded::new(2_000);
    mentions.write(&mut content);
    content.push("**");
    subject::write(message, &mut content, CONTENT);
    content.push("**");
    let mut is_cut = content.is_cut();

    let (lead, rest) = lead_and_rest(message);
    let image = message.body.iter().find_map(picture);
    let mut description = Bounded::new(DESCRIPTION);
    describe(lead, &message.links, rest, image, &mut description);
    is_cut |= description.is_cut();
    let (fields, fields_are_cut) = fields(&message.fields);
    is_cut |= fields_are_cut;

    let mut embed = Map::new();
    embed.insert("color".to_owned(), look(message).color.into());
    embed.insert("description".to_owned(), description.finish().into());
    embed.insert("fields".to_owned(), fields.into());
    if let Some(url) = image.and_then(address::web_address) {
        embed.insert("image".to_owned(), json!({ "url": url }));
    }
    if let Some(at) = message.at {
        embed.insert("timestamp".to_owned(), at.to_string().into());
    }
    let mut files = message.attachments.clone();
    if is_cut {
        embed.insert(
            "footer".to_owned(),
            json!({ "text": "Shortened: all of it is in the file message.txt." }),
        );
        files.push(whole(message));
    }
    let payload = json!({
        "content": content.finish(),
        "embeds": [embed],
        "allowed_mentions": mentions.allowed(),
    });
    DiscordMessage { payload, files }
}

/// The first picture that can be loaded; an embed has place for one.
fn picture(piece: &Component) -> Option<&str> {
    match piece {
        Component::Image { url, .. } => {
            address::web_address(url).filter(|url| super::bounded::units(url) <= 2_000).map(|_| url.as_str())
        }
        _ => None,
    }
}

fn fields(fields: &[Field]) -> (Vec<Value>, bool) {
    let mut left = FIELDS;
    let mut is_cut = fields.len() > 25;
    let mut shown = Vec::with_capacity(fields.len().min(25));
    for field in fields.iter().take(25) {
        let name = embed::bounded(256.min(left), &mut is_cut, |out| {
            out.text(&one_line(&field.name), markdown::TEXT)
        });
        left -= super::bounded::units(&name);
        let value =
            embed::bounded(1_024.min(left), &mut is_cut, |out| out.text(field.value.trim(), markdown::TEXT));
        left -= super::bounded::units(&value);
        if name.is_empty() && value.is_empty() {
            continue;
        }
        // Discord refuses an empty name or value.
        let or_blank = |text: String| if text.trim().is_empty() { "\u{200b}".to_owned() } else { text };
        let is_short = value.len() <= 40;
        shown.push(json!({ "name": or_blank(name), "value": or_blank(value), "inline": is_short }));
    }
    (shown, is_cut)
}
