use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use super::source::JournalSource;

/// Where journald keeps its files. Source: systemd-journald.service(8).
const DIRECTORIES: [&str; 2] = ["/var/log/journal", "/run/log/journal"];

/// The state of the journal's files by their names, sizes and times.
///
/// journald touches a file at most 250 ms after it wrote to it, for those who watch it. So an equal stamp
/// means that nothing was written but in the last quarter of a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp(u64);

impl Stamp {
    /// Looks at the journal's files; `None` where there are none to be seen.
    pub(super) fn of(source: &JournalSource) -> Option<Self> {
        let directories: Vec<PathBuf> = match &source.directory {
            Some(directory) => vec![directory.clone()],
            None => DIRECTORIES.map(PathBuf::from).to_vec(),
        };
        let mut files = Files::default();
        for directory in directories {
            files.add(&directory);
            // One directory for each machine whose journal is kept here.
            for entry in directory.read_dir().into_iter().flatten().flatten() {
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    files.add(&entry.path());
                }
            }
        }
        (files.number > 0).then_some(Self(files.sum))
    }

    /// Reads what [`Stamp::to_text`] wrote.
    pub(super) fn from_text(text: &str) -> Option<Self> {
        u64::from_str_radix(text, 16).ok().map(Self)
    }

    pub(super) fn to_text(self) -> String {
        format!("{:x}", self.0)
    }
}

#[derive(Default)]
struct Files {
    number: usize,
    sum: u64,
}

impl Files {
    fn add(&mut self, directory: &Path) {
        for entry in directory.read_dir().into_iter().flatten().flatten() {
            let name = entry.file_name();
            let metadata = match fs::metadata(entry.path()) {
                Ok(metadata) if metadata.is_file() => metadata,
                _ => continue,
            };
            let mut hasher = DefaultHasher::new();
            (&name, metadata.len(), metadata.modified().ok()).hash(&mut hasher);
            self.number += 1;
            // In whatever order a directory tells them.
            self.sum = self.sum.wrapping_add(hasher.finish());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_changes_with_any_file() {
        let directory = tempfile::tempdir().unwrap();
        let source =
            JournalSource { directory: Some(directory.path().to_owned()), ..JournalSource::default() };
        assert_eq!(Stamp::of(&source), None);
        fs::create_dir(directory.path().join("machine")).unwrap();
        let file = directory.path().join("machine/user-1000.journal");
        fs::write(&file, "a").unwrap();
        let one = Stamp::of(&source).unwrap();
        assert_eq!(Stamp::of(&source), Some(one));
        assert_eq!(Stamp::from_text(&one.to_text()), Some(one));
        let later = std::time::SystemTime::now() + std::time::Duration::from_secs(1);
        fs::File::options().write(true).open(&file).unwrap().set_modified(later).unwrap();
        assert_ne!(Stamp::of(&source), Some(one));
    }
}
