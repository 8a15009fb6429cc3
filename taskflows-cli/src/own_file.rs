//! Files of the data directory that nobody else may change, replaced as a whole.

use std::fs::{DirBuilder, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;

use rustix::fd::OwnedFd;
use rustix::fs::{FlockOperation, Mode, OFlags, flock, fsync, open};
use rustix::io::Errno;

/// Makes the directory where it is missing, so that only its owner may look into it.
pub(crate) fn make_directory(directory: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(directory)
}

/// Opens the lock at `path` and waits for it. A change takes milliseconds, so whoever holds it is done soon.
pub(crate) fn lock(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let held = open(path, flags, Mode::RUSR | Mode::WUSR)?;
    flock(&held, FlockOperation::LockExclusive)?;
    Ok(held)
}

/// Puts a file of mode 0600 in the place of `name`: whoever reads it finds the old one or the new one.
pub(crate) fn replace(directory: &Path, name: &str, text: &str) -> io::Result<()> {
    let mut file = tempfile::Builder::new().prefix(name).tempfile_in(directory)?;
    file.write_all(text.as_bytes())?;
    file.write_all(b"\n")?;
    file.as_file().sync_all()?;
    file.persist(directory.join(name))?;
    fsync(File::open(directory)?)?;
    Ok(())
}

/// Reads a file that nobody else can change, since programs that run as us are named in it.
pub(crate) fn read(path: &Path) -> io::Result<String> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let mut file = File::from(match open(path, flags, Mode::empty()) {
        Err(Errno::LOOP) => return Err(refused("it is a symbolic link: put the file itself there")),
        other => other?,
    });
    // What is looked at is what is read, whatever takes its name meanwhile.
    let about = file.metadata()?;
    if !about.is_file() {
        return Err(refused("it is no regular file"));
    }
    let me = rustix::process::geteuid().as_raw();
    check_owner(about.uid(), me, "it")?;
    if about.mode() & 0o022 != 0 {
        return Err(refused("others may change it: `chmod go-w` it first"));
    }
    // Who owns the directory can put another file of ours in its place.
    check_owner(path.parent().unwrap_or(path).metadata()?.uid(), me, "its directory")?;
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    Ok(text)
}

fn refused(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, reason.to_owned())
}

pub(crate) fn check_owner(owner: u32, me: u32, what: &str) -> io::Result<()> {
    if owner == me || owner == 0 {
        return Ok(());
    }
    Err(refused(&format!(
        "{what} belongs to another user (uid {owner}), who could have programs run as you: look at what it \
         says, then `chown` it to you or to root, or set TASKFLOWS_DATA_DIR to a directory of your own"
    )))
}
