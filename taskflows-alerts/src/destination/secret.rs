use std::fmt;

use serde::{Deserialize, Serialize};

/// A password, a token, or an address that is as good as one.
///
/// `Debug` and `Display` show `***`. It serializes as it is, since definitions and `alerts.json` must hold it: whoever
/// writes it somewhere answers for who may read that.
#[derive(Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Returns the text itself, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Tells whether there is nothing to hide.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_shows_it_hides_it() {
        let secret = Secret::new("xoxb-1");
        assert_eq!(
            format!("{secret} {secret:?} {:#?}", Some(&secret)),
            "*** Secret(***) Some(\n    Secret(***),\n)"
        );
    }

    #[test]
    fn it_is_written_as_it_is() {
        assert_eq!(serde_json::to_string(&Secret::new("a\"b")).unwrap(), r#""a\"b""#);
        assert_eq!(serde_json::from_str::<Secret>(r#""x""#).unwrap().expose(), "x");
    }
}
