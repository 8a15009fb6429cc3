use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::{CWD, RenameFlags, renameat_with};

use crate::{CliError, Exit};

/// Writes a definition: all of it or nothing, and over a file that exists only where `force` is set.
pub(super) fn write(path: &Path, text: &str, force: bool) -> Result<(), CliError> {
    if !path.extension().is_some_and(|suffix| suffix.eq_ignore_ascii_case("toml")) {
        let message = format!("{} is written as TOML, so its name has to end in .toml", path.display());
        return Err(CliError::new(Exit::Usage, message));
    }
    let Some(name) = path.file_name() else {
        return Err(CliError::new(Exit::Usage, format!("{} names no file", path.display())));
    };
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let new = parent.join(format!(".{}.{}.new", name.to_string_lossy(), std::process::id()));
    let written = write_new(&new, text).and_then(|()| put(&new, path, force)).and_then(|()| sync(parent));
    written.map_err(|error| {
        // Where it cannot be taken away again, nothing reads it.
        let _ = std::fs::remove_file(&new);
        refused(path, &error)
    })
}

fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o644).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn put(new: &Path, path: &Path, force: bool) -> io::Result<()> {
    let flags = if force { RenameFlags::empty() } else { RenameFlags::NOREPLACE };
    match renameat_with(CWD, new, CWD, path, flags) {
        // A file system that does not know the flag: to look first leaves a moment in which a file may come.
        Err(rustix::io::Errno::INVAL) if !path.exists() => std::fs::rename(new, path),
        Err(rustix::io::Errno::INVAL) => Err(io::ErrorKind::AlreadyExists.into()),
        done => Ok(done?),
    }
}

fn sync(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

fn refused(path: &Path, error: &io::Error) -> CliError {
    let path = path.display();
    match error.kind() {
        io::ErrorKind::AlreadyExists => {
            CliError::new(Exit::Usage, format!("{path} exists")).hint("--force writes over it")
        }
        io::ErrorKind::PermissionDenied => {
            CliError::new(Exit::Permission, format!("could not write {path}: {error}"))
        }
        _ => CliError::new(Exit::Failed, format!("could not write {path}: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_written_once_and_over_only_by_force() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("jobs.toml");
        write(&path, "a", false).unwrap();
        assert_eq!(write(&path, "b", false).unwrap_err().exit, Exit::Usage);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "a");
        write(&path, "b", true).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "b");
        // Nothing else is left behind.
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_name_that_create_would_not_read_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["jobs.yaml", "jobs", "..", "missing/jobs.toml"] {
            assert!(write(&directory.path().join(name), "a", true).is_err(), "{name}");
        }
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}
