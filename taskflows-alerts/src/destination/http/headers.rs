use std::collections::BTreeMap;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use crate::Secret;

/// Reads the headers that a destination adds; a value may hold a token and is not shown by `Debug`.
pub(in crate::destination) fn headers(table: &BTreeMap<String, Secret>) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for (name, value) in table {
        let told = |what: &str| format!("`headers`: {what} `{}`", name.escape_debug());
        let header = HeaderName::try_from(name).map_err(|_| told("there is no header"))?;
        let mut value =
            HeaderValue::try_from(value.expose()).map_err(|_| told("no value for a header in"))?;
        value.set_sensitive(true);
        headers.insert(header, value);
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_or_refused_without_its_value() {
        let table = |name: &str, value: &str| BTreeMap::from([(name.to_owned(), Secret::from(value))]);
        let read = headers(&table("Authorization", "Bearer hush")).unwrap();
        assert_eq!(read["authorization"], "Bearer hush");
        assert!(!format!("{read:?}").contains("hush"));
        for (name, value) in [("a b", "x"), ("", "x"), ("x", "hush\r\ny: z")] {
            let error = headers(&table(name, value)).unwrap_err();
            assert!(!error.contains("hush"), "{error}");
        }
    }
}
