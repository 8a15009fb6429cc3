use std::collections::BTreeMap;
use std::fmt::Write as _;

use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A file of the kit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KitFile {
    /// Where it belongs, below the directory of the kit, with `/`.
    pub path: String,
    /// Its mode.
    pub mode: u32,
    /// What it says.
    pub text: String,
}

impl KitFile {
    pub(super) fn new(path: impl Into<String>, text: impl Into<String>) -> Self {
        // Containers read them as users of their own; there is no secret in any.
        Self { path: path.into(), mode: 0o644, text: text.into() }
    }
}

/// What is to be done about a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// There is none yet.
    Create,
    /// It says what it should.
    Keep,
    /// It is as we wrote it, and says something else.
    Replace,
    /// Somebody else wrote it, or has changed it since.
    Refuse,
}

/// What was written, by which a change of somebody else is seen.
///
/// It lies beside the files as JSON: `{"version":1,"files":{"docker-compose.yml":"<MD5>"},"options":["--profile=s3"]}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    version: u32,
    files: BTreeMap<String, String>,
    /// The options that were given, which hold until others are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
}

/// Why what lies there is no manifest.
#[derive(Debug, Error)]
#[error("not a list of what was written")]
pub struct ParseManifestError {
    source: serde_json::Error,
}

impl Manifest {
    /// Its name in the directory.
    pub const NAME: &'static str = ".taskflows-logging.json";

    /// Reads it.
    ///
    /// # Errors
    /// When the text is none.
    pub fn read(text: &str) -> Result<Self, ParseManifestError> {
        serde_json::from_str(text).map_err(|source| ParseManifestError { source })
    }

    /// Writes it.
    pub fn to_text(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }

    /// Says what is to be done about `file`, in whose place `existing` is.
    ///
    /// ```
    /// use taskflows_logging::kit::{Decision, Manifest, Part, Pipeline};
    ///
    /// let files = Pipeline::default().files(Part::Loki);
    /// let mut written = Manifest::default();
    /// assert_eq!(written.decide(&files[0], None), Decision::Create);
    /// assert_eq!(written.decide(&files[0], Some(b"mine")), Decision::Refuse);
    /// written.note("loki/loki.yaml", b"as it was");
    /// assert_eq!(written.decide(&files[0], Some(b"as it was")), Decision::Replace);
    /// ```
    pub fn decide(&self, file: &KitFile, existing: Option<&[u8]>) -> Decision {
        match existing {
            None => Decision::Create,
            Some(text) if text == file.text.as_bytes() => Decision::Keep,
            Some(text) if self.files.get(&file.path) == Some(&fingerprint(text)) => Decision::Replace,
            Some(_) => Decision::Refuse,
        }
    }

    /// Takes note of what was written.
    pub fn note(&mut self, path: &str, text: &[u8]) {
        self.version = 1;
        self.files.insert(path.to_owned(), fingerprint(text));
    }
}

fn fingerprint(text: &[u8]) -> String {
    let mut hex = String::new();
    for byte in Md5::digest(text) {
        // Writing to a string does not fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}
