use std::collections::BTreeMap;

use super::options::{BUILD, OptionError, OptionRule};
use crate::words::checked_text;
use crate::{TimeSpan, UnitPath};

checked_text! {
    /// The name of an image: `python:3.12`, `registry.example.org:5000/team/app@sha256:…`.
    ImageName, is_image_name, "is no name of an image such as python:3.12"
}

fn is_image_name(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_.-/:@+".contains(&b);
    text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.bytes().all(plain) && text.len() <= 400
}

/// What a container is made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Image {
    /// An image that the engine has or fetches.
    Named(ImageName),
    /// An image that is built where the engine has none of its name.
    Built(Box<BuildSpec>),
}

impl Image {
    /// Returns its name.
    pub fn name(&self) -> &ImageName {
        match self {
            Self::Named(name) => name,
            Self::Built(spec) => &spec.tag,
        }
    }
}

/// How an image is built: `docker build` with these options. Source: docker-build(1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildSpec {
    /// The name it gets; one that is there already is used as it is.
    pub tag: ImageName,
    /// The directory that is built.
    pub path: UnitPath,
    /// How long it may take; as long as it does, where nothing is told.
    pub timeout: Option<TimeSpan>,
    options: BTreeMap<&'static str, Vec<String>>,
}

impl BuildSpec {
    /// Builds `path` under the name `tag`.
    pub fn new(tag: ImageName, path: UnitPath) -> Self {
        Self { tag, path, timeout: None, options: BTreeMap::new() }
    }

    /// Every option, by the key it has in a definition.
    pub fn rules() -> &'static [OptionRule] {
        &BUILD
    }

    /// Sets the option `key`.
    ///
    /// # Errors
    /// When there is no such option, or a value is none for it.
    pub fn option<I>(mut self, key: &str, values: I) -> Result<Self, OptionError>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        let (key, values) = OptionRule::read(&BUILD, key, values)?;
        self.options.insert(key, values);
        Ok(self)
    }

    /// Returns the arguments for the engine that build it, from `build` on; what is missing is the directory.
    pub fn options(&self) -> Vec<String> {
        let mut options = vec!["build".to_owned(), format!("--tag={}", self.tag)];
        options.extend(OptionRule::write(&BUILD, &self.options));
        options
    }
}
