use std::collections::BTreeMap;

use super::options::{BUILD, OptionError, OptionRule};
use crate::service::Argument;
use crate::words::checked_text;
use crate::{TimeSpan, UnitPath};

checked_text! {
    /// The name of an image: `python:3.12`, `registry.example.org:5000/team/app@sha256:…`.
    ImageName, is_image_name, "is no name of an image such as python:3.12"
}

/// `[host[:port]/]path[:tag][@digest]`. Source: the grammar of references in the distribution project.
fn is_image_name(text: &str) -> bool {
    let (rest, digest) = text.split_once('@').map_or((text, None), |(rest, digest)| (rest, Some(digest)));
    let (path, tag) = match rest.rsplit_once(':') {
        Some((path, tag)) if !tag.contains('/') => (path, Some(tag)),
        _ => (rest, None),
    };
    let (host, path) = match path.split_once('/') {
        Some((host, path)) if host.contains(['.', ':']) || host == "localhost" => (Some(host), path),
        _ => (None, path),
    };
    text.len() <= 400
        && host.is_none_or(is_host)
        && path.split('/').all(is_component)
        && tag.is_none_or(is_tag)
        && digest.is_none_or(is_digest)
}

fn is_host(text: &str) -> bool {
    let (name, port) = text.split_once(':').map_or((text, None), |(name, port)| (name, Some(port)));
    let plain = |label: &str| {
        let inner = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        !label.is_empty() && label.bytes().all(inner) && !label.starts_with('-') && !label.ends_with('-')
    };
    name.split('.').all(plain) && port.is_none_or(|port| port.parse::<u16>().is_ok())
}

fn is_component(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let ends = text.bytes().next().is_some_and(plain) && text.bytes().next_back().is_some_and(plain);
    ends && text.bytes().all(|b| plain(b) || b"._-".contains(&b)) && !text.contains("..")
}

fn is_tag(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_.-".contains(&b);
    (1..=128).contains(&text.len()) && text.bytes().all(plain) && !text.starts_with(['.', '-'])
}

fn is_digest(text: &str) -> bool {
    text.split_once(':').is_some_and(|(algorithm, hex)| {
        let begins = algorithm.starts_with(|c: char| c.is_ascii_alphabetic());
        begins
            && algorithm.bytes().all(|b| b.is_ascii_alphanumeric() || b"+._-".contains(&b))
            && !hex.is_empty()
            && hex.bytes().all(|b| b.is_ascii_hexdigit())
    })
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
    /// How long it may take, 30 minutes where nothing is told.
    pub timeout: Option<TimeSpan>,
    pub(crate) options: BTreeMap<&'static str, Vec<String>>,
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

    /// Returns the arguments for the engine that build it, from `build` on.
    pub fn arguments(&self) -> Vec<Argument> {
        let mut arguments = vec![Argument::from("build".to_owned()), format!("--tag={}", self.tag).into()];
        let mut options = self.options.clone();
        // An engine looks for a relative one where it was started, people where they build.
        let relative = |files: &Vec<String>| files.first().is_some_and(|file| !file.starts_with('/'));
        if options.get("dockerfile").is_some_and(relative) {
            let files = options.remove("dockerfile").into_iter().flatten();
            arguments
                .extend(files.map(|file| Argument::path("--file=", self.path.as_str(), &format!("/{file}"))));
        }
        arguments.extend(OptionRule::write(&BUILD, &options).into_iter().map(Argument::from));
        arguments.push(Argument::path("", self.path.as_str(), ""));
        arguments
    }
}
