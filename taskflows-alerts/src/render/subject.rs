use super::bounded::{Bounded, Markup};
use super::look::look;
use super::text::one_line;
use crate::Message;

/// Returns the message in one line of at most 200 UTF-16 units: what a lock screen and the list of a mail box show.
///
/// The word for what is grave stands in front, `[CRITICAL]`, `[ERROR]`, `[WARNING]`, and `[RESOLVED]` for what is over;
/// what is good to know has none. There are no control characters and no line ends.
pub fn subject(message: &Message) -> String {
    let mut out = Bounded::new(200);
    write(message, &mut out, Markup { special: 0, escape: |_, _| None });
    out.finish()
}

/// Writes the line in a markup that leaves the brackets as they are.
pub(super) fn write(message: &Message, out: &mut Bounded, markup: Markup) {
    if let Some(word) = look(message).word {
        out.push("[");
        out.push(word);
        out.push("] ");
    }
    let title = one_line(&message.title);
    out.text(if title.trim().is_empty() { "(no title)" } else { title.trim() }, markup);
}
