use std::sync::Arc;

use super::problem::{DefinitionError, Problem};

/// The notation of a definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// <https://toml.io>
    Toml,
    /// <https://yaml.org>
    Yaml,
    /// <https://www.json.org>
    Json,
}

impl Format {
    /// Returns the format that the name of a file tells, `None` where it tells none.
    pub fn from_path(path: &str) -> Option<Self> {
        let (_, suffix) = path.rsplit_once('.')?;
        match suffix.to_ascii_lowercase().as_str() {
            "toml" => Some(Self::Toml),
            "yaml" | "yml" => Some(Self::Yaml),
            "json" => Some(Self::Json),
            _ => None,
        }
    }

    /// Guesses the format of a text without a name: what begins with `{` is JSON, what reads as TOML is
    /// TOML, the rest is YAML, unless its first line looks like TOML.
    pub fn guess(text: &str) -> Self {
        let begin = text.trim_start_matches('\u{feff}').trim_start();
        if begin.starts_with('{') {
            return Self::Json;
        }
        let line =
            begin.lines().find(|line| !line.trim().is_empty() && !line.starts_with('#')).unwrap_or_default();
        let looks_like_toml =
            line.starts_with("[[") || line.split_once('=').is_some_and(|(key, _)| !key.contains(':'));
        if looks_like_toml || super::toml::parse(text).is_ok() { Self::Toml } else { Self::Yaml }
    }
}

/// A definition's text, with what is needed to speak about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    pub(super) name: String,
    pub(super) text: String,
    pub(super) format: Format,
    pub(super) base: Option<String>,
    pub(super) origin: Option<String>,
}

impl Source {
    /// Takes a text that messages call `name`.
    pub fn new(name: impl Into<String>, text: impl Into<String>, format: Format) -> Self {
        let mut text: String = text.into();
        if text.starts_with('\u{feff}') {
            text.remove(0);
        }
        Self { name: name.into(), text, format, base: None, origin: None }
    }

    /// Takes the bytes of a file.
    ///
    /// # Errors
    /// When they are not UTF-8; the place of the first wrong byte is told.
    pub fn from_bytes(
        name: impl Into<String>,
        bytes: Vec<u8>,
        format: Format,
    ) -> Result<Self, DefinitionError> {
        let name = name.into();
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Self::new(name, text, format)),
            Err(error) => {
                let at = error.utf8_error().valid_up_to();
                let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
                let problem =
                    Problem::error("the file is not UTF-8", at..at + '\u{fffd}'.len_utf8(), "this byte");
                Err(DefinitionError::new(vec![problem.locate(&Arc::new(Self::new(name, text, format)))]))
            }
        }
    }

    /// Returns the absolute directory that relative paths in the definition start from.
    pub fn base(&self) -> Option<&str> {
        self.base.as_deref()
    }

    /// Sets the absolute directory that relative paths in the definition start from.
    #[must_use]
    pub fn with_base(mut self, directory: impl Into<String>) -> Self {
        self.base = Some(directory.into());
        self
    }

    /// Forgets the directory, so that a relative path is an error: for what is kept apart from its file.
    #[must_use]
    pub fn without_base(self) -> Self {
        Self { base: None, ..self }
    }

    /// Returns the absolute path that is written into units, where there is one.
    pub fn origin(&self) -> Option<&str> {
        self.origin.as_deref()
    }

    /// Sets the absolute path that is written into units, so that people find the definition again.
    #[must_use]
    pub fn with_origin(mut self, path: impl Into<String>) -> Self {
        self.origin = Some(path.into());
        self
    }
}
