use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use rustix::fd::OwnedFd;
use rustix::fs::{Mode, OFlags, fsync, open, openat};
use taskflows_core::effects::ServiceError;

use crate::unit::{MOST_UNIT_BYTES, Mark};

/// The text of a unit file that is ours, and its mark.
#[derive(Clone, Debug)]
pub(crate) struct Text {
    pub(crate) text: String,
    pub(crate) mark: Mark,
}

pub(crate) fn file_error(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ServiceError {
    let path = path.to_owned();
    move |source| ServiceError::File { operation: operation.into(), path, source }
}

/// Opens a directory whose unit files are read; `None` where there is none.
///
/// Files are opened by their names in it: a list opens thousands, and the walk from the root to each
/// would be the larger part of its work.
pub(super) fn open_directory(path: &Path) -> Result<Option<OwnedFd>, ServiceError> {
    match open(path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()) {
        Ok(directory) => Ok(Some(directory)),
        Err(rustix::io::Errno::NOENT) => Ok(None),
        Err(error) => Err(file_error("open", path)(error.into())),
    }
}

/// Reads the unit file `name` of ours in `directory`, which is at `path`; `None` where there is no such
/// file.
///
/// # Errors
/// `NotOurs` when it is a symbolic link or anything but a regular file, or when it has no mark.
pub(super) fn read_unit(directory: &OwnedFd, path: &Path, name: &str) -> Result<Option<Text>, ServiceError> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let descriptor = match openat(directory, name, flags, Mode::empty()) {
        Ok(descriptor) => descriptor,
        Err(rustix::io::Errno::NOENT) => return Ok(None),
        Err(rustix::io::Errno::LOOP) => return Err(not_ours(path, name, "it is a symbolic link")),
        Err(error) => return Err(file_error("read", &path.join(name))(error.into())),
    };
    let not_ours = |reason| not_ours(path, name, reason);
    let failed = |error| file_error("read", &path.join(name))(error);
    let bytes = match read_whole(File::from(descriptor)) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::IsADirectory => {
            return Err(not_ours("it is a directory"));
        }
        Err(error) if error.kind() == io::ErrorKind::FileTooLarge => {
            return Err(not_ours("it is larger than any unit file"));
        }
        Err(error) => return Err(failed(error)),
    };
    if bytes.is_empty() {
        return Err(not_ours("it is empty, which systemd reads as masked"));
    }
    let text = String::from_utf8(bytes).map_err(|_| not_ours("it is not UTF-8"))?;
    let mark = Mark::read(&text).ok_or_else(|| not_ours("it has no X-Taskflows mark"))?;
    Ok(Some(Text { text, mark }))
}

fn not_ours(path: &Path, name: &str, reason: &str) -> ServiceError {
    ServiceError::NotOurs { path: path.join(name), reason: reason.to_owned() }
}

/// Reads a file to its end. A list reads a thousand, so no call is made that is not needed: most unit
/// files fit the first buffer, and what is shorter than that is the end, for a regular file.
fn read_whole(mut file: File) -> io::Result<Vec<u8>> {
    let mut buffer = [0; 4096];
    let mut bytes = Vec::new();
    loop {
        let read = file.read(&mut buffer)?;
        bytes.extend_from_slice(&buffer[..read]);
        if read < buffer.len() {
            return Ok(bytes);
        }
        if bytes.len() > MOST_UNIT_BYTES {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
    }
}

/// Writes a new file of mode 0600 and nothing but a new one.
pub(super) fn write_new(path: &Path, text: &str) -> Result<File, ServiceError> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let descriptor = open(path, flags, Mode::RUSR | Mode::WUSR)
        .map_err(|error| file_error("create", path)(error.into()))?;
    let mut file = File::from(descriptor);
    file.write_all(text.as_bytes()).map_err(file_error("write", path))?;
    Ok(file)
}

/// Makes the entries of a directory last through a power cut.
pub(super) fn sync_directory(path: &Path) -> Result<(), ServiceError> {
    let descriptor = open(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
        .map_err(|error| file_error("open", path)(error.into()))?;
    fsync(&descriptor).map_err(|error| file_error("sync", path)(error.into()))
}

/// Runs `operation` and takes it as done where what it wanted gone is gone already.
pub(super) fn if_present(result: io::Result<()>) -> io::Result<bool> {
    match result {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

pub(super) fn exists(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

pub(super) fn joined(directory: &Path, names: &[&str]) -> PathBuf {
    names.iter().fold(directory.to_owned(), |path, name| path.join(name))
}
