//! One server for a data directory: each of two would take a request that the other has had already.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::str::FromStr;

use rustix::fs::{FlockOperation, Mode, OFlags, flock, open};
use rustix::io::Errno;
use taskflows_core::NamePattern;
use taskflows_core::effects::State;

use super::unit::NAME;
use crate::{App, CliError, Exit, own_file};

const FILE: &str = "api.lock";
/// The most digits that a process has.
const LONGEST: u64 = 10;

/// Who has the directory.
#[derive(Debug)]
enum Taken {
    /// This process, until it ends or drops it.
    Here(File),
    /// Another, as the file tells it.
    Elsewhere(String),
}

/// Takes the data directory for this process until it ends, and says who has it where another does.
pub(super) fn take(app: &App) -> Result<(), CliError> {
    match look(app)? {
        // What is written while the process ends is written by the only one as well.
        Taken::Here(held) => std::mem::forget(held),
        Taken::Elsewhere(process) => return Err(taken(app, &process)),
    }
    Ok(())
}

/// Refuses to start the service where a server that is not the service's has the data directory; `is_of_service` tells
/// whether that is the directory of the service as it is set up now.
pub(super) async fn check(app: &App, is_of_service: bool) -> Result<(), CliError> {
    let Taken::Elsewhere(process) = look(app)? else { return Ok(()) };
    if !is_of_service {
        return Err(taken(app, &process));
    }
    let pattern = NamePattern::from_str(NAME);
    let pattern = pattern.map_err(|error| CliError::new(Exit::Failed, error.to_string()))?;
    let listing = app.services.list(&[pattern]).await?.pop();
    match listing.map(|listing| listing.state) {
        Some(State::Running | State::Starting | State::Stopping) => Ok(()),
        _ => Err(taken(app, &process)),
    }
}

fn look(app: &App) -> Result<Taken, CliError> {
    let directory = &app.data_directory;
    try_take(directory).map_err(|error| {
        CliError::new(Exit::Failed, format!("`{}`: {error}", directory.join(FILE).display()))
    })
}

fn taken(app: &App, process: &str) -> CliError {
    let directory = app.data_directory.display();
    let text = format!("another API server runs over `{directory}`: {process}");
    CliError::new(Exit::Usage, text).hint(
        "`tf api stop` ends it where it is the service, else end that process; with another \
         TASKFLOWS_DATA_DIR two can run",
    )
}

fn try_take(directory: &Path) -> io::Result<Taken> {
    own_file::make_directory(directory)?;
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut file = File::from(open(directory.join(FILE), flags, Mode::RUSR | Mode::WUSR)?);
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {
            file.set_len(0)?;
            write!(file, "{}", std::process::id())?;
            Ok(Taken::Here(file))
        }
        Err(Errno::WOULDBLOCK) => {
            let mut text = String::new();
            file.take(LONGEST).read_to_string(&mut text)?;
            Ok(Taken::Elsewhere(match text.parse::<u32>() {
                Ok(process) => format!("process {process}"),
                // It has only just taken it.
                Err(_) => "a process that does not tell its number".to_owned(),
            }))
        }
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn one_has_a_directory_and_the_next_is_told_who() {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path().join("data");
        let Taken::Here(held) = try_take(&data).unwrap() else { panic!("nobody has it") };
        let mode = data.join(FILE).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        for _ in 0..2 {
            let Taken::Elsewhere(who) = try_take(&data).unwrap() else { panic!("it is held") };
            assert_eq!(who, format!("process {}", std::process::id()));
        }
        drop(held);
        assert!(matches!(try_take(&data).unwrap(), Taken::Here(_)));
        assert!(matches!(try_take(&directory.path().join("other")).unwrap(), Taken::Here(_)));
    }
}
