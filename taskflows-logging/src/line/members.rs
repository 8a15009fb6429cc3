use super::text;

/// Members of a JSON object, rendered one after the other: `"a":1,"b":"x"`. None has the key of another.
#[derive(Clone, Debug, Default)]
pub(crate) struct Members {
    json: Vec<u8>,
    spans: Vec<Span>,
}

/// Where a member stands in the text: its key without quotes, and its value.
#[derive(Clone, Copy, Debug)]
struct Span {
    key_start: usize,
    key_end: usize,
    value_end: usize,
}

impl Span {
    const fn start(self) -> usize {
        self.key_start - 1
    }

    const fn value_start(self) -> usize {
        self.key_end + 2
    }
}

impl Members {
    pub(crate) fn clear(&mut self) {
        self.json.clear();
        self.spans.clear();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.json
    }

    /// Adds a member whose value `write` renders, unless there is one of that key.
    pub(crate) fn add(&mut self, key: &str, write: impl FnOnce(&mut Vec<u8>)) {
        let before = self.json.len();
        if before > 0 {
            self.json.push(b',');
        }
        let key_start = self.json.len() + 1;
        text::string(&mut self.json, key);
        let key_end = self.json.len() - 1;
        if self.holds(&self.json[key_start..key_end]) {
            self.json.truncate(before);
            return;
        }
        self.json.push(b':');
        write(&mut self.json);
        self.spans.push(Span { key_start, key_end, value_end: self.json.len() });
    }

    /// Adds the members of another whose keys are not here yet.
    pub(crate) fn merge(&mut self, other: &Self) {
        if self.is_empty() {
            self.json.extend_from_slice(&other.json);
            self.spans.extend_from_slice(&other.spans);
            return;
        }
        for span in &other.spans {
            if !self.holds(&other.json[span.key_start..span.key_end]) {
                self.push(&other.json, *span);
            }
        }
    }

    /// Returns each key and each value, both as JSON, the key without its quotes.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.spans.iter().map(|span| {
            (&self.json[span.key_start..span.key_end], &self.json[span.value_start()..span.value_end])
        })
    }

    fn holds(&self, key: &[u8]) -> bool {
        self.spans.iter().any(|span| self.json[span.key_start..span.key_end] == *key)
    }

    fn push(&mut self, json: &[u8], span: Span) {
        if !self.is_empty() {
            self.json.push(b',');
        }
        let at = self.json.len();
        self.json.extend_from_slice(&json[span.start()..span.value_end]);
        let move_to = |position: usize| position - span.start() + at;
        self.spans.push(Span {
            key_start: move_to(span.key_start),
            key_end: move_to(span.key_end),
            value_end: move_to(span.value_end),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(pairs: &[(&str, i64)]) -> Members {
        let mut members = Members::default();
        for (key, value) in pairs {
            members.add(key, |json| text::number(json, value));
        }
        members
    }

    fn check(members: &Members, expected: &str) {
        assert_eq!(std::str::from_utf8(members.as_bytes()).unwrap(), expected);
    }

    #[test]
    fn the_first_of_two_members_of_a_name_stays() {
        check(&members(&[("a", 1), ("b\"", 2), ("a", 3), ("b\"", 4)]), r#""a":1,"b\"":2"#);
    }

    #[test]
    fn merging_adds_what_is_not_there() {
        let mut inner = members(&[("a", 1), ("b", 2)]);
        inner.merge(&members(&[("b", 3), ("c", 4)]));
        inner.merge(&members(&[("c", 5), ("d", 6)]));
        check(&inner, r#""a":1,"b":2,"c":4,"d":6"#);
        let mut empty = Members::default();
        empty.merge(&inner);
        empty.merge(&members(&[("d", 7), ("e", 8)]));
        check(&empty, r#""a":1,"b":2,"c":4,"d":6,"e":8"#);
        let last = empty.iter().last().map(|(key, value)| (key.to_vec(), value.to_vec()));
        assert_eq!(last, Some((b"e".to_vec(), b"8".to_vec())));
    }
}
