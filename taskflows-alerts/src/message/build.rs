use jiff::Timestamp;

use super::{Attachment, Component, Field, Link, Message, MessageState, Severity, TimelineEntry, Tone};

/// A message grows by what is put to it, in the order in which it is shown.
///
/// ```
/// use taskflows_alerts::{Message, Severity, render};
///
/// let message = Message::new("Backup of orders failed")
///     .severity(Severity::Error)
///     .text("The disk of db1 is full.")
///     .field("Host", "db1")
///     .field("Exit", "1")
///     .code("pg_dump: error: could not write to file: No space left on device")
///     .link("Runbook", "https://wiki.example.org/backup");
/// assert_eq!(render::subject(&message), "[ERROR] Backup of orders failed");
/// ```
impl Message {
    /// Returns a message that has a title and nothing else: a [notice](MessageState::Notice) that is
    /// [good to know](Severity::Info).
    #[must_use]
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), ..Self::default() }
    }

    /// Says how grave it is.
    #[must_use]
    pub fn severity(self, severity: Severity) -> Self {
        Self { severity, ..self }
    }

    /// Says that what it tells of lasts.
    #[must_use]
    pub fn firing(self) -> Self {
        Self { state: MessageState::Firing, ..self }
    }

    /// Says that what it tells of is over.
    #[must_use]
    pub fn resolved(self) -> Self {
        Self { state: MessageState::Resolved, ..self }
    }

    /// Puts a piece of any kind at the end of the body.
    #[must_use]
    pub fn component(mut self, component: Component) -> Self {
        self.body.push(component);
        self
    }

    /// Adds a paragraph.
    #[must_use]
    pub fn text(self, text: impl Into<String>) -> Self {
        self.component(Component::Text { text: text.into(), tone: Tone::Neutral })
    }

    /// Adds a state in a word.
    #[must_use]
    pub fn status(self, text: impl Into<String>, tone: Tone) -> Self {
        self.component(Component::Status { text: text.into(), tone })
    }

    /// Adds pairs of a name and a value to the body. Facts that each reader needs are better [fields](Self::field),
    /// which stand above it.
    #[must_use]
    pub fn key_values<N: Into<String>, V: Into<String>>(
        self,
        pairs: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let field = |(name, value): (N, V)| Field { name: name.into(), value: value.into() };
        self.component(Component::KeyValues { pairs: pairs.into_iter().map(field).collect() })
    }

    /// Adds a table: its headings, and rows of as many cells.
    #[must_use]
    pub fn table<C, R>(self, columns: C, rows: impl IntoIterator<Item = R>) -> Self
    where
        C: IntoIterator<Item: Into<String>>,
        R: IntoIterator<Item: Into<String>>,
    {
        let rows = rows.into_iter().map(texts).collect();
        self.component(Component::Table { title: None, columns: texts(columns), rows })
    }

    /// Adds items one below the other.
    #[must_use]
    pub fn list(self, items: impl IntoIterator<Item: Into<String>>) -> Self {
        self.component(Component::List { items: texts(items), ordered: false })
    }

    /// Adds numbered items.
    #[must_use]
    pub fn numbered(self, items: impl IntoIterator<Item: Into<String>>) -> Self {
        self.component(Component::List { items: texts(items), ordered: true })
    }

    /// Adds text of a program, kept as it stands: lines of a log, a command. Where it does not fit, its end is shown.
    #[must_use]
    pub fn code(self, text: impl Into<String>) -> Self {
        self.component(Component::Code { text: text.into(), language: None })
    }

    /// Adds a picture that is at `url`, and in words what it shows.
    #[must_use]
    pub fn image(self, url: impl Into<String>, alt: impl Into<String>) -> Self {
        self.component(Component::Image { url: url.into(), alt: alt.into() })
    }

    /// Adds a line between two parts.
    #[must_use]
    pub fn divider(self) -> Self {
        self.component(Component::Divider)
    }

    /// Adds what happened, in the order of time.
    #[must_use]
    pub fn timeline<T: Into<String>>(self, entries: impl IntoIterator<Item = (Timestamp, T)>) -> Self {
        let entry = |(at, text): (Timestamp, T)| TimelineEntry { at, text: text.into() };
        self.component(Component::Timeline { entries: entries.into_iter().map(entry).collect() })
    }

    /// Adds a number that matters, with its unit.
    #[must_use]
    pub fn metric(self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let (name, value) = (name.into(), value.into());
        self.component(Component::Metric { name, value, change: None, tone: Tone::Neutral })
    }

    /// Adds a short fact. Facts stand below the text that the body begins with, and above the rest of it.
    #[must_use]
    pub fn field(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.fields.push(Field { name: name.into(), value: value.into() });
        self
    }

    /// Adds where more is found. Links stand below the fields.
    #[must_use]
    pub fn link(mut self, text: impl Into<String>, url: impl Into<String>) -> Self {
        self.links.push(Link { text: text.into(), url: url.into() });
        self
    }

    /// Adds a file: its name without a directory, its media type, its content.
    #[must_use]
    pub fn attachment(
        mut self,
        name: impl Into<String>,
        media_type: impl Into<String>,
        content: impl Into<Vec<u8>>,
    ) -> Self {
        let (name, media_type, content) = (name.into(), media_type.into(), content.into());
        self.attachments.push(Attachment { name, media_type, content });
        self
    }

    /// Says what it is about: messages of one key belong together.
    #[must_use]
    pub fn dedup_key(self, key: impl Into<String>) -> Self {
        Self { dedup_key: Some(key.into()), ..self }
    }

    /// Adds who is to be called by name; see [`Message::mentions`].
    #[must_use]
    pub fn mention(mut self, who: impl Into<String>) -> Self {
        self.mentions.push(who.into());
        self
    }

    /// Says when what it tells of happened.
    #[must_use]
    pub fn at(self, at: Timestamp) -> Self {
        Self { at: Some(at), ..self }
    }

    /// Adds what machines go by; see [`Message::labels`].
    #[must_use]
    pub fn label(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.insert(name.into(), value.into());
        self
    }
}

fn texts(items: impl IntoIterator<Item: Into<String>>) -> Vec<String> {
    items.into_iter().map(Into::into).collect()
}
