use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What stands for itself in a part of a path. Source: RFC 3986, section 2.3.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Returns the path of `parts` below one that needs no encoding, as it is sent and signed.
pub(super) fn path(below: &str, parts: &[&str]) -> String {
    parts.iter().fold(below.to_owned(), |mut path, part| {
        path.push('/');
        path.extend(utf8_percent_encode(part, ENCODED));
        path
    })
}

/// Returns a path with a query.
pub(super) fn with_query(path: &str, pairs: &[(&str, &str)]) -> String {
    match serde_html_form::to_string(pairs) {
        Ok(query) if !query.is_empty() => format!("{path}?{query}"),
        // Pairs of text can always be written.
        _ => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_end_a_part_is_encoded() {
        let target = with_query(&path("/api", &["a b/c"]), &[("match", "web-*&x=1"), ("count", "5")]);
        assert_eq!(target, "/api/a%20b%2Fc?match=web-*%26x%3D1&count=5");
        assert_eq!(with_query("/api", &[]), "/api");
    }
}
