use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Seek as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};

use super::{Line, Sink, SinkError};

/// A file to which each line is appended by one write, so that programs that share it keep their lines whole.
#[derive(Debug)]
pub(super) struct FileSink {
    path: PathBuf,
    max_bytes: u64,
    max_rotations: u32,
    state: Mutex<State>,
}

struct State {
    file: Option<File>,
    /// As large it is as far as is known: another program may append to it as well.
    size: u64,
    /// So many bytes may be written before its size is looked up again.
    unchecked: u64,
    /// The line that is written.
    buffer: Vec<u8>,
    /// Whether the file ends within a line that could not be taken back.
    is_cut: bool,
    dropped: u64,
    last_error: Option<String>,
}

impl FileSink {
    pub(super) fn open(path: &Path, max_bytes: u64, max_rotations: u32) -> Result<Self, SinkError> {
        if max_bytes == 0 {
            return Err(SinkError::unusable("a file of no bytes holds no line"));
        }
        let file = append(path)
            .map_err(|error| SinkError::failed(format!("open the log file `{}`", path.display()), error))?;
        let state = State {
            file: Some(file),
            size: 0,
            unchecked: 0,
            buffer: Vec::new(),
            is_cut: false,
            dropped: 0,
            last_error: None,
        };
        Ok(Self { path: path.to_owned(), max_bytes, max_rotations, state: Mutex::new(state) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn append(&self, state: &mut State) -> io::Result<()> {
        let length = state.buffer.len() as u64;
        let file = self.file_with_room(state, length)?;
        match write_whole(&file, &state.buffer) {
            Ok(()) => state.is_cut = false,
            Err(Unwritten { error, is_cut }) => {
                state.file = Some(file);
                state.is_cut |= is_cut;
                return Err(error);
            }
        }
        state.file = Some(file);
        state.size += length;
        state.unchecked = state.unchecked.saturating_sub(length);
        Ok(())
    }

    /// Takes the file out of the state, rotated before where the line has no room.
    fn file_with_room(&self, state: &mut State, length: u64) -> io::Result<File> {
        let mut file = match state.file.take() {
            Some(file) => file,
            None => append(&self.path)?,
        };
        if state.unchecked == 0 || state.size + length > self.max_bytes {
            state.size = file.metadata()?.len();
            state.unchecked = self.max_bytes / 16;
        }
        if state.size > 0 && state.size + length > self.max_bytes {
            // On a failure the file is opened again, at the next line.
            if self.rotate(&file)? {
                file = append(&self.path)?;
                state.size = file.metadata()?.len();
                state.is_cut = false;
            }
        }
        Ok(file)
    }

    /// Moves the file out of the way, or finds that another program has. Returns whether there is a new one to open.
    fn rotate(&self, file: &File) -> io::Result<bool> {
        if flock(file, FlockOperation::NonBlockingLockExclusive).is_err() {
            // Another program rotates it just now: this line still goes to the old one.
            return Ok(false);
        }
        let own = file.metadata()?;
        match std::fs::metadata(&self.path) {
            Ok(named) if (named.dev(), named.ino()) != (own.dev(), own.ino()) => return Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
            Err(error) => return Err(error),
            Ok(_) => {}
        }
        if self.max_rotations == 0 {
            std::fs::remove_file(&self.path)?;
            return Ok(true);
        }
        // Only as many move as must: one that could not be finished the last time costs no older file.
        let free = (1..self.max_rotations).find(|number| !self.older(*number).exists());
        for number in (1..free.unwrap_or(self.max_rotations)).rev() {
            std::fs::rename(self.older(number), self.older(number + 1))?;
        }
        std::fs::rename(&self.path, self.older(1))?;
        Ok(true)
    }

    fn older(&self, number: u32) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{number}"));
        name.into()
    }
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)
}

/// Without the line that was written last.
impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").field("dropped", &self.dropped).finish_non_exhaustive()
    }
}

struct Unwritten {
    error: io::Error,
    /// Whether a part of it stands in the file.
    is_cut: bool,
}

/// Appends all of it or nothing, as far as that is to be had on a full disk.
fn write_whole(mut file: &File, bytes: &[u8]) -> Result<(), Unwritten> {
    let mut written = 0;
    while written < bytes.len() {
        match file.write(&bytes[written..]) {
            Ok(0) => return Err(taken_back(file, written, io::ErrorKind::WriteZero.into())),
            Ok(count) => written += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(taken_back(file, written, error)),
        }
    }
    Ok(())
}

/// Takes the beginning of a line out of the file again, unless something stands behind it already.
fn taken_back(mut file: &File, written: usize, error: io::Error) -> Unwritten {
    let end = file.stream_position().ok();
    let length = file.metadata().ok().map(|it| it.len());
    let is_cut = written > 0
        && match end {
            Some(end) if Some(end) == length => file.set_len(end.saturating_sub(written as u64)).is_err(),
            _ => true,
        };
    Unwritten { error, is_cut }
}

impl Sink for FileSink {
    fn write(&self, line: &Line<'_>) {
        let state = &mut *self.state();
        state.buffer.clear();
        if state.is_cut {
            state.buffer.push(b'\n');
        }
        state.buffer.extend_from_slice(line.json);
        state.buffer.push(b'\n');
        if let Err(error) = self.append(state) {
            state.dropped += 1;
            state.last_error = Some(format!("{}: {error}", self.path.display()));
        }
    }

    fn flush(&self, _: Duration) -> bool {
        true
    }

    fn dropped(&self) -> u64 {
        self.state().dropped
    }

    fn last_error(&self) -> Option<String> {
        self.state().last_error.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::super::line::tests::line;
    use super::*;

    fn numbers(path: &Path) -> Vec<u64> {
        let text = std::fs::read_to_string(path).unwrap();
        assert!(text.is_empty() || text.ends_with('\n'));
        text.lines().map(|line| line.parse().unwrap()).collect()
    }

    fn write(sink: &FileSink, numbers: std::ops::Range<u64>) {
        numbers.for_each(|number| sink.write(&line(number.to_string().as_bytes())));
    }

    #[test]
    fn files_are_rotated_before_they_grow_too_large_and_the_oldest_goes() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let sink = FileSink::open(&path, 30, 2).unwrap();
        write(&sink, 100..135);
        let older = |number| numbers(&directory.path().join(format!("log.{number}")));
        assert_eq!(numbers(&path), (128..135).collect::<Vec<_>>());
        assert_eq!(older(1), (121..128).collect::<Vec<_>>());
        assert_eq!(older(2), (114..121).collect::<Vec<_>>());
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 3);
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(sink.dropped(), 0);
    }

    #[test]
    fn none_is_kept_where_none_is_asked_for_and_a_line_larger_than_a_file_has_one_to_itself() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let sink = FileSink::open(&path, 10, 0).unwrap();
        write(&sink, 0..3);
        let long = "9".repeat(19);
        sink.write(&line(long.as_bytes()));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("{long}\n"));
        write(&sink, 4..5);
        assert_eq!(numbers(&path), [4]);
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_rotation_that_fails_loses_lines_but_no_older_file_and_recovers() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let sink = FileSink::open(&path, 8, 3).unwrap();
        write(&sink, 100..106);
        // No file can take the place of a directory that is not empty.
        let hurdle = directory.path().join("log.1");
        std::fs::rename(&hurdle, directory.path().join("saved")).unwrap();
        std::fs::create_dir_all(hurdle.join("x")).unwrap();
        std::fs::create_dir_all(directory.path().join("log.2/x")).ok();
        std::fs::create_dir_all(directory.path().join("log.3/x")).ok();
        let before = sink.dropped();
        write(&sink, 106..110);
        assert!(sink.dropped() > before, "{:?}", sink.last_error());
        for number in 1..=3 {
            let older = directory.path().join(format!("log.{number}"));
            std::fs::remove_dir_all(&older).or_else(|_| std::fs::remove_file(&older)).ok();
        }
        let before = sink.dropped();
        write(&sink, 110..112);
        assert_eq!((sink.dropped(), numbers(&path)), (before, vec![110, 111]));
    }

    #[test]
    fn a_full_disk_loses_lines_which_are_counted() {
        let sink = FileSink::open(Path::new("/dev/full"), 1_000, 1).unwrap();
        write(&sink, 0..10);
        assert_eq!(sink.dropped(), 10);
        assert!(sink.last_error().unwrap().contains("No space left"));
    }

    #[test]
    fn a_line_that_was_begun_is_taken_back() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut appended = append(file.path()).unwrap();
        appended.write_all(b"1\n23").unwrap();
        assert!(!taken_back(&appended, 2, io::ErrorKind::StorageFull.into()).is_cut);
        assert_eq!(std::fs::read(file.path()).unwrap(), b"1\n");
        appended.write_all(b"45").unwrap();
        append(file.path()).unwrap().write_all(b"6\n").unwrap();
        assert!(taken_back(&appended, 2, io::ErrorKind::StorageFull.into()).is_cut);
        assert_eq!(std::fs::read(file.path()).unwrap(), b"1\n456\n");
    }

    #[test]
    fn two_programs_share_a_file_and_its_rotation_and_lose_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let sinks = [0, 1].map(|_| FileSink::open(&path, 2_000, 1_000).unwrap());
        std::thread::scope(|scope| {
            for (sink, from) in sinks.iter().zip([10_000, 20_000]) {
                scope.spawn(move || write(sink, from..from + 5_000));
            }
        });
        let files = std::fs::read_dir(directory.path()).unwrap().map(|it| it.unwrap().path());
        let mut all: Vec<_> = files.flat_map(|path| numbers(&path)).collect();
        all.sort_unstable();
        assert_eq!(all, (10_000..15_000).chain(20_000..25_000).collect::<Vec<_>>());
        assert_eq!(sinks.map(|sink| sink.dropped()), [0, 0]);
    }

    #[test]
    fn a_file_that_cannot_be_is_an_error() {
        let error = FileSink::open(Path::new("/nonexistent/log"), 1, 1).unwrap_err();
        assert_eq!(error.to_string(), "could not open the log file `/nonexistent/log`");
        assert!(FileSink::open(Path::new("/tmp"), 0, 1).is_err());
    }
}
