//! Files that only their owner may read, replaced as a whole under a lock.

use std::fs::{DirBuilder, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fd::OwnedFd;
use rustix::fs::{FlockOperation, Mode, OFlags, flock, fsync, open};
use rustix::io::Errno;

/// How long is waited for another that changes the same file.
const WAIT: Duration = Duration::from_secs(5);
/// A file larger than this is none of ours.
const LARGEST: u64 = 16 << 20;

/// Reads a file that nobody else can read or change; `None` where it is not there.
pub(crate) fn read(path: &Path) -> io::Result<Option<String>> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let mut file = File::from(match open(path, flags, Mode::empty()) {
        Err(Errno::NOENT) => return Ok(None),
        Err(Errno::LOOP) => return Err(refused("it is a symbolic link: put the file itself there")),
        other => other?,
    });
    // What is looked at is what is read, whatever takes its name meanwhile.
    let about = file.metadata()?;
    let me = rustix::process::geteuid().as_raw();
    if !about.is_file() || about.len() > LARGEST {
        return Err(refused("it is no file of ours"));
    }
    if about.uid() != me && about.uid() != 0 {
        return Err(refused("it belongs to another user"));
    }
    if about.mode() & 0o077 != 0 {
        return Err(refused("others may read or change it: `chmod 600` it first"));
    }
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    Ok(Some(text))
}

/// Waits for the lock of a file and holds it; the directory is made where it is missing.
pub(crate) fn lock(directory: &Path, name: &str) -> io::Result<OwnedFd> {
    DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let held = open(directory.join(format!("{name}.lock")), flags, Mode::RUSR | Mode::WUSR)?;
    let began = Instant::now();
    loop {
        match flock(&held, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) if began.elapsed() < WAIT => std::thread::sleep(Duration::from_millis(5)),
            Err(Errno::WOULDBLOCK) => {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "another process holds its lock"));
            }
            locked => return Ok(locked.map(|()| held)?),
        }
    }
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

fn refused(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, reason.to_owned())
}
