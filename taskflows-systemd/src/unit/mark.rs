use std::fmt::Write as _;

use sha2::{Digest, Sha256};
use taskflows_core::Service;
use taskflows_core::alerting::AlertMark;

const VERSION: &str = "X-Taskflows-Version=";
const SOURCE: &str = "X-Taskflows-Source=";
const HASH: &str = "X-Taskflows-Hash=";
const BOOT: &str = "X-Taskflows-Enabled=yes";
const ENVIRONMENT: &str = "X-Taskflows-Environment=";
/// The key under which a container is noted.
pub(super) const CONTAINER: &str = "X-Taskflows-Container";

/// The lines in `[Unit]` by which a unit file is known to be ours.
///
/// systemd ignores keys that begin with `X-` (systemd.unit(5)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The version that wrote the file.
    pub version: String,
    /// The definition file the service came from.
    pub source: Option<String>,
    /// The fingerprint of the text as it was written.
    pub hash: String,
    /// Whether the definition wants the service started at boot (`enabled = true`).
    pub starts_at_boot: bool,
    /// The name of the environment that the host keeps and the service runs in.
    pub environment: Option<String>,
    /// Who is told of its runs.
    pub alerts: Option<AlertMark>,
    /// The container that the service runs in.
    pub container: Option<MarkedContainer>,
}

/// The container of a service, as its unit file tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarkedContainer {
    /// Its name.
    pub name: String,
    /// What is known of one that is kept between runs.
    pub kept: Option<KeptContainer>,
}

/// A container that outlives the runs of its service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptContainer {
    /// The fingerprint of what it was made from: with another one it is made anew.
    pub definition: String,
    /// The engine's program and its options.
    pub engine: Vec<String>,
}

impl MarkedContainer {
    /// Writes it as [`MarkedContainer::read`] reads it.
    pub(super) fn write(&self) -> String {
        let kept = self.kept.iter().flat_map(|kept| std::iter::once(&kept.definition).chain(&kept.engine));
        shell_words::join(std::iter::once(&self.name).chain(kept))
    }

    fn read(text: &str) -> Option<Self> {
        let mut words = shell_words::split(text).ok()?.into_iter();
        let name = words.next()?;
        let kept = words.next().map(|definition| KeptContainer { definition, engine: words.collect() });
        Some(Self { name, kept })
    }
}

impl Mark {
    /// Reads the mark of a unit file, `None` where there is none.
    pub fn read(text: &str) -> Option<Self> {
        let (mut version, mut source, mut hash, mut starts_at_boot) = (None, None, None, false);
        let (mut environment, mut container, mut alerts) = (None, None, None);
        for line in header(text) {
            if !line.starts_with("X-Taskflows-") {
                continue;
            }
            let value = |key| line.strip_prefix(key).map(str::to_owned);
            version = version.or_else(|| value(VERSION));
            source = source.or_else(|| value(SOURCE));
            hash = hash.or_else(|| value(HASH));
            starts_at_boot |= line == BOOT;
            environment = environment.or_else(|| value(ENVIRONMENT));
            let told = |key| line.strip_prefix(key).and_then(|rest| rest.strip_prefix('='));
            container = container.or_else(|| MarkedContainer::read(told(CONTAINER)?));
            alerts = alerts.or_else(|| told(AlertMark::KEY)?.parse().ok());
        }
        Some(Self { version: version?, source, hash: hash?, starts_at_boot, environment, alerts, container })
    }

    /// Tells whether `text` is still what was written under this mark.
    pub fn is_intact(&self, text: &str) -> bool {
        self.hash == fingerprint(text)
    }
}

/// The lines up to the end of the first section, where the mark stands.
fn header(text: &str) -> impl Iterator<Item = &str> {
    let mut sections = 0;
    text.lines().take_while(move |line| {
        sections += usize::from(line.starts_with('['));
        sections < 2
    })
}

/// Returns the lines of the mark for a text that has none yet, its hash left open.
pub(super) fn lines(version: &str, service: &Service, starts_at_boot: bool) -> String {
    let mut lines = format!("{VERSION}{version}\n");
    if starts_at_boot {
        lines.push_str(BOOT);
        lines.push('\n');
    }
    // Writing to a String cannot fail.
    if let Some(source) = &service.source {
        let _ = writeln!(lines, "{SOURCE}{source}");
    }
    if let Some(name) = service.environment.as_ref().and_then(|choice| choice.name()) {
        let _ = writeln!(lines, "{ENVIRONMENT}{name}");
    }
    lines + HASH + "\n"
}

/// Returns the lines of the mark of a unit that is no service's.
pub(super) fn own_lines(version: &str) -> String {
    format!("{VERSION}{version}\n{HASH}\n")
}

/// Fills in the fingerprint of a text that holds [`lines`].
pub(super) fn seal(text: &str) -> String {
    let open = format!("\n{HASH}\n");
    text.replacen(&open, &format!("\n{HASH}{}\n", fingerprint(text)), 1)
}

/// Tells whether two unit files mean the same: they differ at most in the version that wrote them.
pub fn same_meaning(a: &str, b: &str) -> bool {
    meaning(a).eq(meaning(b))
}

fn meaning(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive('\n').filter(|line| !line.starts_with(VERSION) && !line.starts_with(HASH))
}

/// Returns 32 hex digits of SHA-256 over all lines but the version and the hash itself.
fn fingerprint(text: &str) -> String {
    let mut hasher = Sha256::new();
    meaning(text).for_each(|line| hasher.update(line));
    let mut hex = String::with_capacity(32);
    for byte in &hasher.finalize()[..16] {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(version: &str, body: &str) -> String {
        let service = Service::builder("a").start_command("x").source("/a.toml").build().unwrap();
        seal(&format!("[Unit]\nDescription=x\n{}\n[Service]\n{body}\n", lines(version, &service, true)))
    }

    #[test]
    fn a_mark_reads_back_and_tells_an_edit() {
        let text = unit("0.1.0", "ExecStart=/bin/true");
        let mark = Mark::read(&text).unwrap();
        assert_eq!((mark.version.as_str(), mark.source.as_deref()), ("0.1.0", Some("/a.toml")));
        assert_eq!(mark.hash.len(), 32);
        assert!(mark.is_intact(&text) && mark.starts_at_boot);
        assert!(!mark.is_intact(&text.replace("/bin/true", "/bin/false")));
    }

    #[test]
    fn a_newer_version_alone_is_no_change() {
        assert!(same_meaning(&unit("0.1.0", "A=1"), &unit("0.2.0", "A=1")));
        assert!(!same_meaning(&unit("0.1.0", "A=1"), &unit("0.1.0", "A=2")));
    }

    #[test]
    fn a_mark_outside_the_first_section_does_not_count() {
        assert_eq!(Mark::read("[Unit]\n[Service]\nX-Taskflows-Version=1\nX-Taskflows-Hash=2\n"), None);
        assert_eq!(Mark::read(""), None);
    }
}
