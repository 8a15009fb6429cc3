//! Server-sent events out of the bytes of a stream. Source: WHATWG HTML, "Server-sent events", "Parsing an event stream".

/// The largest event that is read, in bytes.
const LARGEST_EVENT: usize = 65 << 20;

/// What a server said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerEvent {
    /// Its name; `message` where it has none.
    pub name: String,
    /// What it is about.
    pub data: String,
}

/// An event that is larger than is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooLarge;

/// Reads events from pieces that end anywhere.
#[derive(Debug, Default)]
pub(super) struct EventParser {
    line: Vec<u8>,
    /// Whether the last byte was a carriage return, of which a line feed would be a part.
    after_return: bool,
    is_begun: bool,
    name: String,
    data: String,
    id: Option<String>,
    /// The id from which the stream can be gone on; that of the last event that was whole.
    pub(super) last_id: Option<String>,
}

impl EventParser {
    /// Begins with a new connection, on which what was not whole comes again.
    pub(super) fn reconnected(&mut self) {
        *self = Self { last_id: self.last_id.take(), ..Self::default() };
        self.id.clone_from(&self.last_id);
    }

    /// Reads the next piece; the events that are whole with it are added to `to`.
    pub(super) fn feed(&mut self, mut bytes: &[u8], to: &mut Vec<ServerEvent>) -> Result<(), TooLarge> {
        while let Some(end) = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            let (line, rest) = bytes.split_at(end);
            let is_second = self.after_return && line.is_empty() && rest.first() == Some(&b'\n');
            self.after_return = rest.first() == Some(&b'\r');
            bytes = rest.get(1..).unwrap_or_default();
            if !is_second {
                self.extend(line)?;
                let line = std::mem::take(&mut self.line);
                to.extend(self.read(&line));
            }
        }
        if !bytes.is_empty() {
            self.after_return = false;
        }
        self.extend(bytes)
    }

    fn extend(&mut self, bytes: &[u8]) -> Result<(), TooLarge> {
        if self.line.len() + self.data.len() + bytes.len() > LARGEST_EVENT {
            return Err(TooLarge);
        }
        self.line.extend_from_slice(bytes);
        Ok(())
    }

    /// Reads a line, and returns the event that it ends.
    fn read(&mut self, line: &[u8]) -> Option<ServerEvent> {
        let is_first = !std::mem::replace(&mut self.is_begun, true);
        let line = if is_first { line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line) } else { line };
        if line.is_empty() {
            return self.dispatch();
        }
        let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
        let (field, value) = line.split_at(colon);
        let value = value.strip_prefix(b":").unwrap_or(value);
        let value = String::from_utf8_lossy(value.strip_prefix(b" ").unwrap_or(value));
        match field {
            b"event" => self.name = value.into_owned(),
            b"data" => {
                self.data.push_str(&value);
                self.data.push('\n');
            }
            b"id" if !value.contains('\0') => self.id = Some(value.into_owned()),
            // A comment, or what a later version adds.
            _ => {}
        }
        None
    }

    fn dispatch(&mut self) -> Option<ServerEvent> {
        self.last_id.clone_from(&self.id);
        let (name, mut data) = (std::mem::take(&mut self.name), std::mem::take(&mut self.data));
        data.pop()?;
        let name = if name.is_empty() { "message".to_owned() } else { name };
        Some(ServerEvent { name, data })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, events: &[(&str, &str)], last_id: Option<&str>) {
        let bytes = text.as_bytes();
        for cut in 0..=bytes.len() {
            let (mut parser, mut found) = (EventParser::default(), Vec::new());
            parser.feed(&bytes[..cut], &mut found).unwrap();
            parser.feed(&bytes[cut..], &mut found).unwrap();
            let found: Vec<_> = found.iter().map(|one| (one.name.as_str(), one.data.as_str())).collect();
            assert_eq!(found, events, "cut at {cut}");
            assert_eq!(parser.last_id.as_deref(), last_id, "cut at {cut}");
        }
    }

    #[test]
    fn the_examples_of_the_standard_are_read() {
        check("data: YHOO\ndata: +2\ndata: 10\n\n", &[("message", "YHOO\n+2\n10")], None);
        check(
            ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n",
            &[("message", "first event"), ("message", "second event")],
            Some(""),
        );
        check("data\n\ndata\ndata\n\ndata:", &[("message", ""), ("message", "\n")], None);
        check("data:test\n\ndata: test\n\n", &[("message", "test"), ("message", "test")], None);
    }

    #[test]
    fn lines_end_in_three_ways_and_a_mark_may_come_first() {
        check("\u{feff}event: a\r\ndata: 1\r\n\r\n", &[("a", "1")], None);
        check("event: a\rdata: 1\r\rdata: 2\n\n", &[("a", "1"), ("message", "2")], None);
        check("data: 1\r\n\ndata: 2\r\n\r\n", &[("message", "1"), ("message", "2")], None);
    }

    #[test]
    fn an_id_counts_once_its_event_is_whole() {
        check("id: 1\ndata: a\n\nid: 2\ndata: b\n", &[("message", "a")], Some("1"));
        check("id: 7\n\n", &[], Some("7"));
        check("id: a\0b\ndata: x\n\n", &[("message", "x")], None);
        check("event: x\n\ndata: y\nretry: 5\nother: z\n\n", &[("message", "y")], None);
    }

    #[test]
    fn what_was_not_whole_is_forgotten_with_its_connection() {
        let (mut parser, mut found) = (EventParser::default(), Vec::new());
        parser.feed(b"id: 1\ndata: a\n\nid: 2\nevent: x\ndata: b", &mut found).unwrap();
        parser.reconnected();
        parser.feed(b"data: c\n\n", &mut found).unwrap();
        assert_eq!(found.iter().map(|one| one.data.as_str()).collect::<Vec<_>>(), ["a", "c"]);
        assert_eq!((found[1].name.as_str(), parser.last_id.as_deref()), ("message", Some("1")));
    }

    #[test]
    fn an_event_without_end_is_refused() {
        let (mut parser, mut found) = (EventParser::default(), Vec::new());
        let piece = vec![b'x'; 1 << 20];
        let refused = (0..70).find(|_| parser.feed(&piece, &mut found).is_err());
        assert_eq!((refused, found.len()), (Some(65), 0));
    }

    proptest! {
        #[test]
        fn whatever_comes_in_whatever_pieces_reads_the_same(
            bytes in prop::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), Just(b':'), Just(b' '), any::<u8>(), Just(b'd')], 0..80),
            cut in 0usize..80,
        ) {
            let cut = cut.min(bytes.len());
            let (mut whole, mut parts) = (Vec::new(), Vec::new());
            EventParser::default().feed(&bytes, &mut whole).unwrap();
            let mut parser = EventParser::default();
            parser.feed(&bytes[..cut], &mut parts).unwrap();
            parser.feed(&bytes[cut..], &mut parts).unwrap();
            prop_assert_eq!(whole, parts);
        }
    }
}
