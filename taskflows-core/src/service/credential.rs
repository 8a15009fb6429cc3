use std::fmt;
use std::str::FromStr;

use crate::TextError;

/// The name under which a process finds a secret in `$CREDENTIALS_DIRECTORY`: a file name of letters,
/// digits, `_`, `-` and `.`. Source: systemd.exec(5), `LoadCredential=`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CredentialName(String);

impl CredentialName {
    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CredentialName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for CredentialName {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"_-.".contains(&b);
        if text.is_empty() || !text.bytes().all(plain) || text.starts_with('.') || text.len() > 200 {
            return Err(TextError::new(text, "is no name for a credential (letters, digits, `_`, `-`, `.`)"));
        }
        Ok(Self(text.to_owned()))
    }
}
