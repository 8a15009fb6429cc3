//! Block Kit blocks, and the limits they keep.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::mrkdwn::{MRKDWN, pair};
use crate::Field;
use crate::render::bounded::{Bounded, units};
use crate::render::look::moment;
use crate::render::text::one_line;

/// A block whose text would have to be shorter is left out.
const LEAST: usize = 40;
/// What a block takes of the sum, beside its text.
const FRAME: usize = 100;
/// What the note of a file and the time take.
const FOOT: usize = 400;

/// The blocks of a message, as many as Slack takes.
pub(super) struct Blocks {
    blocks: Vec<Value>,
    /// How many units all further blocks may take.
    left: usize,
    /// How many blocks there may be.
    most: usize,
    is_cut: bool,
}

impl Blocks {
    pub(super) fn new() -> Self {
        // Two of the fifty are for the note and the time.
        Self { blocks: Vec::with_capacity(8), left: 9_000 - FOOT, most: 48, is_cut: false }
    }

    /// Lets `fill` add so many blocks that take so many units.
    pub(super) fn within(&mut self, units: usize, blocks: usize, fill: impl FnOnce(&mut Self)) {
        let (units, most) = (units.min(self.left), self.most);
        self.left -= units;
        let kept = std::mem::replace(&mut self.left, units);
        self.most = most.min(self.blocks.len() + blocks);
        fill(self);
        self.left += kept;
        self.most = most;
    }

    /// Text that is shown as it is.
    pub(super) fn plain(&mut self, fill: impl FnOnce(&mut Bounded)) {
        self.section(fill, |text| json!({ "type": "plain_text", "text": text, "emoji": false }));
    }

    /// Text with formatting. What Slack is told to take verbatim it does not search for names and addresses.
    pub(super) fn mrkdwn(&mut self, fill: impl FnOnce(&mut Bounded)) {
        self.section(fill, mrkdwn);
    }

    pub(super) fn header(&mut self, fill: impl FnOnce(&mut Bounded)) {
        let Some(text) = self.written(150, fill) else { return };
        let text = json!({ "type": "plain_text", "text": text, "emoji": false });
        self.blocks.push(json!({ "type": "header", "text": text }));
    }

    /// At most ten.
    pub(super) fn fields<'a>(&mut self, fields: impl Iterator<Item = &'a Field>) {
        if !self.has_room() {
            self.is_cut |= fields.count() > 0;
            return;
        }
        let mut shown = Vec::with_capacity(10);
        for field in fields {
            let text = self.written_more(2_000, |out| pair(&field.name, "\n", &field.value, out));
            shown.extend(text.map(mrkdwn));
        }
        if !shown.is_empty() {
            self.left = self.left.saturating_sub(FRAME);
            self.blocks.push(json!({ "type": "section", "fields": shown }));
        }
    }

    pub(super) fn image(&mut self, url: &str, alt: &str) {
        let cost = FRAME + units(url);
        if !self.has_room() || cost + LEAST > self.left {
            self.is_cut = true;
            return;
        }
        self.left -= cost;
        let alt = one_line(alt);
        let alt = if alt.trim().is_empty() { "picture" } else { alt.trim() };
        let alt =
            self.written_more(2_000, |out| out.text(alt, MRKDWN)).unwrap_or_else(|| "picture".to_owned());
        self.blocks.push(json!({ "type": "image", "image_url": url, "alt_text": alt }));
    }

    pub(super) fn divider(&mut self) {
        if !self.has_room() {
            self.is_cut = true;
            return;
        }
        self.left -= FRAME;
        self.blocks.push(json!({ "type": "divider" }));
    }

    /// Ends with a note where something was left out, and with the time, which Slack shows in the reader's own zone.
    pub(super) fn finish(mut self, at: Option<Timestamp>) -> (Vec<Value>, bool) {
        if self.is_cut {
            self.blocks.push(context("Shortened: all of it is in the file message.txt.".to_owned()));
        }
        if let Some(at) = at {
            // Slack's form knows no time before 1970.
            let date =
                format!("<!date^{}^{{date_short_pretty}} {{time_secs}}|{}>", at.as_second(), moment(at));
            let is_known = at.as_second() > 0;
            self.blocks.push(context(if is_known { date } else { moment(at).to_string() }));
        }
        (self.blocks, self.is_cut)
    }

    fn section(&mut self, fill: impl FnOnce(&mut Bounded), text_object: impl FnOnce(String) -> Value) {
        let Some(text) = self.written(3_000, fill) else { return };
        self.blocks.push(json!({ "type": "section", "text": text_object(text) }));
    }

    fn has_room(&self) -> bool {
        self.blocks.len() < self.most && self.left >= FRAME + LEAST
    }

    /// Returns what `fill` writes as the text of one more block, and nothing where it writes nothing.
    fn written(&mut self, limit: usize, fill: impl FnOnce(&mut Bounded)) -> Option<String> {
        let has_room = self.has_room();
        if has_room {
            self.left -= FRAME;
        }
        let limit = if has_room { limit } else { 0 };
        let text = self.written_more(limit, fill);
        if has_room && text.is_none() {
            self.left += FRAME;
        }
        text
    }

    /// Slack refuses a text of blanks.
    fn written_more(&mut self, limit: usize, fill: impl FnOnce(&mut Bounded)) -> Option<String> {
        let mut out = Bounded::new(limit.min(self.left));
        fill(&mut out);
        self.is_cut |= out.is_cut();
        let text = out.finish();
        self.left -= units(&text);
        (!text.trim().is_empty()).then_some(text)
    }
}

fn mrkdwn(text: String) -> Value {
    json!({ "type": "mrkdwn", "text": text, "verbatim": true })
}

fn context(text: String) -> Value {
    json!({ "type": "context", "elements": [mrkdwn(text)] })
}
