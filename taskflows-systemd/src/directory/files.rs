use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, fsync, open};
use taskflows_core::effects::ServiceError;

use crate::unit::Mark;

/// The text of a unit file that is ours, and its mark.
#[derive(Clone, Debug)]
pub(crate) struct Text {
    pub(crate) text: String,
    pub(crate) mark: Mark,
}

pub(crate) fn file_error(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ServiceError {
    let path = path.to_owned();
    move |source| ServiceError::File { operation, path, source }
}

/// Reads a unit file of ours; `None` where there is no such file.
///
/// # Errors
/// `NotOurs` when it is a symbolic link or anything but a regular file, or when it has no mark.
pub(crate) fn read_unit(path: &Path) -> Result<Option<Text>, ServiceError> {
    let not_ours = |reason: &str| ServiceError::NotOurs { path: path.to_owned(), reason: reason.to_owned() };
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let descriptor = match open(path, flags, Mode::empty()) {
        Ok(descriptor) => descriptor,
        Err(rustix::io::Errno::NOENT) => return Ok(None),
        Err(rustix::io::Errno::LOOP) => return Err(not_ours("it is a symbolic link")),
        Err(error) => return Err(file_error("read", path)(error.into())),
    };
    let mut file = File::from(descriptor);
    let metadata = file.metadata().map_err(file_error("read", path))?;
    if !metadata.is_file() {
        return Err(not_ours("it is not a regular file"));
    }
    let bytes = read_whole(&mut file, metadata.len()).map_err(file_error("read", path))?;
    if bytes.is_empty() {
        return Err(not_ours("it is empty, which systemd reads as masked"));
    }
    let text = String::from_utf8(bytes).map_err(|_| not_ours("it is not UTF-8"))?;
    let mark = Mark::read(&text).ok_or_else(|| not_ours("it has no X-Taskflows mark"))?;
    Ok(Some(Text { text, mark }))
}

/// Reads a file of about `size` bytes. A list reads thousands, so no call is made that is not needed.
fn read_whole(file: &mut File, size: u64) -> io::Result<Vec<u8>> {
    let size = usize::try_from(size).unwrap_or(0);
    let mut bytes = vec![0; size + 1];
    let mut filled = 0;
    loop {
        match file.read(&mut bytes[filled..])? {
            // Shorter than the buffer is the end, for a regular file.
            read if filled + read <= size => {
                bytes.truncate(filled + read);
                return Ok(bytes);
            }
            read => filled += read,
        }
        // It grew since its size was asked.
        bytes.resize(filled * 2, 0);
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
