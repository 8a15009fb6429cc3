use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What stands for itself in a part of a path or a query. Source: RFC 3986, section 2.3.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A path and a query, encoded as they are sent and signed.
#[derive(Clone, Debug)]
pub(super) struct Target {
    text: String,
    has_query: bool,
}

impl Target {
    /// Begins with a path that needs no encoding.
    pub(super) fn new(path: &str) -> Self {
        Self { text: path.to_owned(), has_query: false }
    }

    /// Adds a part to the path.
    pub(super) fn part(mut self, part: &str) -> Self {
        self.text.push('/');
        self.text.extend(utf8_percent_encode(part, ENCODED));
        self
    }

    /// Adds a pair to the query.
    pub(super) fn pair(mut self, key: &str, value: &str) -> Self {
        self.text.push(if self.has_query { '&' } else { '?' });
        self.has_query = true;
        self.text.extend(utf8_percent_encode(key, ENCODED));
        self.text.push('=');
        self.text.extend(utf8_percent_encode(value, ENCODED));
        self
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_end_a_part_is_encoded() {
        let target = Target::new("/api").part("a b/c").pair("match", "web-*&x=1").pair("count", "5");
        assert_eq!(target.into_text(), "/api/a%20b%2Fc?match=web-%2A%26x%3D1&count=5");
    }
}
