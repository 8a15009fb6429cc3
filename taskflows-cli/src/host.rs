//! What this host is like beside its service manager.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use rustix::fs::{Access, access};
use taskflows_core::effects::HostProbe;
use taskflows_core::inspect::{
    Clock, DirectoryFacts, DirectoryUse, Engine, HostFacts, Linger, Mode, Questions, Reading, Reference,
    ReferenceUse, Resource, Space,
};
use tokio::process::Command;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// The wait for files, which a lost network share may keep for ever.
const FILES_LIMIT: Duration = Duration::from_secs(5);

/// The wait for another program's answer.
const PROGRAM_LIMIT: Duration = Duration::from_secs(3);

/// Where systemd looks for a program that is named without a path. Source: systemd.service(5), "Command lines".
const PROGRAM_PATH: [&str; 6] =
    ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// The database of zones that systemd reads.
const ZONES: &str = "/usr/share/zoneinfo";

/// Where logind keeps the users and seats it knows, and the users that linger.
const USERS: &str = "/run/systemd/users";
const SEATS: &str = "/run/systemd/seats";
const LINGERING: &str = "/var/lib/systemd/linger";

/// This host, as its files and programs tell.
#[derive(Debug)]
pub(crate) struct LocalHost {
    home: Option<PathBuf>,
}

impl LocalHost {
    /// Looks at this host for a user whose home directory is `home`.
    pub(crate) fn new(home: Option<PathBuf>) -> Self {
        Self { home }
    }
}

#[async_trait]
impl HostProbe for LocalHost {
    async fn look(&self, questions: &Questions) -> HostFacts {
        let needed = questions.references.clone();
        let (questions, home) = (questions.clone(), self.home.clone());
        let files = async {
            let looked =
                timeout(FILES_LIMIT, spawn_blocking(move || look_at_files(&questions, home.as_deref())))
                    .await;
            looked.ok().and_then(Result::ok).unwrap_or_default()
        };
        let (files, clock, engines) = tokio::join!(files, clock(), engines(&needed));
        HostFacts { clock, engines, ..files }
    }
}

fn look_at_files(questions: &Questions, home: Option<&Path>) -> HostFacts {
    let zones = Path::new(ZONES);
    let is_missing = |zone: &&String| zone.as_str() != "UTC" && !zones.join(zone.as_str()).is_file();
    let missing =
        questions.references.iter().filter_map(|needed| Some((needed.clone(), absent(needed, home)?)));
    HostFacts {
        linger: if questions.is_user_scope { linger() } else { Linger::NoLogind },
        pressure: pressure(),
        memory: memory(),
        cpus: cpus(),
        has_zones: zones.is_dir(),
        missing_zones: questions.zones.iter().filter(is_missing).cloned().collect(),
        missing: missing.collect(),
        directories: questions.directories.iter().map(directory).collect(),
        space: space(questions.directories.iter().map(|(_, path)| path.as_path())),
        uid: rustix::process::getuid().as_raw(),
        ..HostFacts::default()
    }
}

fn linger() -> Linger {
    // Without anybody logged in there is still the seat, and without a seat somebody who lingers.
    let holds_any = |path: &&str| fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_some());
    if ![USERS, SEATS, LINGERING].iter().any(holds_any) {
        return Linger::NoLogind;
    }
    let uid = rustix::process::getuid().as_raw().to_string();
    let session = fs::read_to_string(Path::new(USERS).join(&uid)).unwrap_or_default();
    let told = session.lines().find_map(|line| line.strip_prefix("NAME=")).map(str::to_owned);
    let Some(user) = told.or_else(|| user_name(&uid)) else { return Linger::NoLogind };
    if Path::new(LINGERING).join(&user).exists() { Linger::On } else { Linger::Off { user } }
}

fn user_name(uid: &str) -> Option<String> {
    let users = fs::read_to_string("/etc/passwd").ok()?;
    let name = |line: &str| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == uid).then(|| name.to_owned())
    };
    users.lines().find_map(name)
}

fn pressure() -> BTreeMap<Resource, Reading> {
    let read = |(resource, file): (Resource, &str)| {
        let text = fs::read_to_string(Path::new("/proc/pressure").join(file)).ok()?;
        Some((resource, reading(&text)?))
    };
    [(Resource::Cpu, "cpu"), (Resource::Memory, "memory"), (Resource::Io, "io")]
        .into_iter()
        .filter_map(read)
        .collect()
}

/// Reads `some avg10=0.00 avg60=0.00 avg300=0.00 total=0` and the line for `full`. Kernels since 5.13 keep the
/// latter at 0 for processors, and it counts as not there.
fn reading(text: &str) -> Option<Reading> {
    let line = |kind: &str| {
        let fields = text.lines().find_map(|line| line.strip_prefix(kind))?;
        let field = |name: &str| fields.split_whitespace().find_map(|field| field.strip_prefix(name));
        let average = |name: &str| field(name)?.parse::<f64>().ok();
        Some(([average("avg10=")?, average("avg60=")?, average("avg300=")?], field("total=")? != "0"))
    };
    let some = line("some")?.0;
    Some(Reading { some, full: line("full").filter(|(_, counted)| *counted).map(|(full, _)| full) })
}

fn memory() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let kibibytes = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    kibibytes.split_whitespace().next()?.parse::<u64>().ok().map(|kibibytes| kibibytes << 10)
}

/// Counts the processors that may be used, as systemd does.
fn cpus() -> Option<u64> {
    let text = fs::read_to_string("/proc/self/status").ok()?;
    let list = text.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?.trim();
    let count = |range: &str| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        Some(last.parse::<u64>().ok()?.checked_sub(first.parse().ok()?)? + 1)
    };
    list.split(',').map(count).sum()
}

/// Says how something that a unit needs is not there; `None` where it is.
fn absent(needed: &Reference, home: Option<&Path>) -> Option<String> {
    let text = &needed.path;
    if needed.purpose == ReferenceUse::Program && !text.contains('/') {
        let search: Option<Vec<PathBuf>> = needed.search.iter().map(|place| at_home(place, home)).collect();
        let is_there = match search.as_deref() {
            Some([]) => find(text).is_some(),
            Some(places) => places.iter().any(|place| is_program(&place.join(text))),
            None => true,
        };
        return (!is_there).then(|| "it was not found".to_owned());
    }
    let path = at_home(text, home)?;
    let metadata = match fs::metadata(&path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Some("which does not exist".to_owned());
        }
        Err(error) => return Some(format!("which cannot be looked at: {error}")),
    };
    let may = |what| access(&path, what).is_ok();
    match needed.purpose {
        ReferenceUse::Program if !metadata.is_file() => Some("which is no file".to_owned()),
        ReferenceUse::Program if !may(Access::EXEC_OK) => Some("which may not be executed".to_owned()),
        ReferenceUse::WorkingDirectory if !metadata.is_dir() => Some("which is no directory".to_owned()),
        ReferenceUse::WorkingDirectory if !may(Access::EXEC_OK) => {
            Some("which may not be entered".to_owned())
        }
        ReferenceUse::EnvironmentFile | ReferenceUse::Credential if !may(Access::READ_OK) => {
            Some("which may not be read".to_owned())
        }
        _ => None,
    }
}

/// Puts the home directory in place of `~`; `None` where it is not known.
fn at_home(path: &str, home: Option<&Path>) -> Option<PathBuf> {
    match path.strip_prefix('~') {
        Some(rest) => Some(home?.join(rest.trim_start_matches('/'))),
        None => Some(PathBuf::from(path)),
    }
}

fn find(program: &str) -> Option<PathBuf> {
    let mut places = PROGRAM_PATH.iter().map(|directory| Path::new(directory).join(program));
    places.find(|path| is_program(path))
}

fn is_program(path: &Path) -> bool {
    path.is_file() && access(path, Access::EXEC_OK).is_ok()
}

fn directory((purpose, path): &(DirectoryUse, PathBuf)) -> DirectoryFacts {
    let mode = match fs::metadata(path) {
        Ok(metadata) => Ok(Some(Mode {
            owner: metadata.uid(),
            bits: metadata.mode() & 0o7777,
            is_directory: metadata.is_dir(),
        })),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.to_string()),
    };
    DirectoryFacts { purpose: *purpose, path: path.clone(), mode }
}

/// Returns the room on the file systems of `paths`, each once.
fn space<'a>(paths: impl Iterator<Item = &'a Path>) -> Vec<Space> {
    let mut seen = Vec::new();
    let mut spaces = Vec::new();
    for path in paths {
        let Some(there) = path.ancestors().find(|path| path.is_dir()) else { continue };
        let (Ok(metadata), Ok(system)) = (fs::metadata(there), rustix::fs::statvfs(there)) else { continue };
        if seen.contains(&metadata.dev()) {
            continue;
        }
        seen.push(metadata.dev());
        spaces.push(Space {
            path: there.to_owned(),
            free_bytes: system.f_bavail.saturating_mul(system.f_frsize),
            // Some file systems make room for files as they need it, and count none.
            free_files: (system.f_files > 0).then_some(system.f_favail),
        });
    }
    spaces
}

async fn clock() -> Clock {
    if Path::new("/run/systemd/timesync/synchronized").exists() {
        return Clock::Synchronised;
    }
    match answer("timedatectl", &["show", "--property=NTPSynchronized", "--value"]).await.as_deref() {
        Ok("yes") => Clock::Synchronised,
        Ok("no") => Clock::Unsynchronised,
        _ => Clock::Unknown,
    }
}

/// Looks for a container engine, and asks it for its version, which takes its daemon where it has one.
/// Asks each engine that a unit needs where the unit would ask it, and the others where they are by themselves.
async fn engines(needed: &[Reference]) -> Vec<Engine> {
    let mut asked: Vec<(String, Option<PathBuf>, Vec<String>)> = Vec::new();
    for reference in needed {
        let Some(name) = reference.engine() else { continue };
        let program =
            if reference.path.contains('/') { Some(reference.path.clone().into()) } else { find(name) };
        asked.push((
            name.to_owned(),
            program.filter(|program| is_program(program)),
            reference.options.clone(),
        ));
    }
    for name in Engine::NAMES {
        if !asked.iter().any(|(own, ..)| own == name) {
            asked.push((name.to_owned(), find(name), Vec::new()));
        }
    }
    asked.dedup_by(|a, b| (&a.0, &a.2) == (&b.0, &b.2));
    join_all(asked.into_iter().map(|(name, program, options)| engine(name, program, options))).await
}

async fn engine(name: String, program: Option<PathBuf>, options: Vec<String>) -> Engine {
    let trouble = match &program {
        Some(program) => {
            let words: Vec<&str> = options.iter().map(String::as_str).chain(["version"]).collect();
            answer(program, &words).await.err()
        }
        None => None,
    };
    Engine { name, program, options, trouble }
}

/// Returns what a program prints, or why it does not.
async fn answer(program: impl AsRef<std::ffi::OsStr>, arguments: &[&str]) -> Result<String, String> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    let output = timeout(PROGRAM_LIMIT, command.output()).await;
    let output = output.map_err(|_| format!("no answer within {PROGRAM_LIMIT:?}"))?;
    let output = output.map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().rfind(|line| !line.trim().is_empty());
    Err(last.map_or_else(|| output.status.to_string(), |line| line.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pressure_is_read_and_processors_have_no_full_one() {
        let some = "some avg10=2.37 avg60=3.15 avg300=2.04 total=18874735\n";
        let both = format!("{some}full avg10=0.10 avg60=0.00 avg300=0.00 total=7\n");
        let read = reading(&both).unwrap();
        assert_eq!((read.some, read.full), ([2.37, 3.15, 2.04], Some([0.1, 0.0, 0.0])));
        let kept_at_zero = format!("{some}full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n");
        assert_eq!(reading(&kept_at_zero).unwrap().full, None);
        assert_eq!(reading(some).unwrap().full, None);
        assert_eq!(reading(""), None);
    }

    #[test]
    fn what_a_unit_needs_is_looked_for() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("file"), "").unwrap();
        let check = |purpose, path: &str, expected: Option<&str>| {
            let needed = Reference::new(purpose, path);
            assert_eq!(absent(&needed, Some(home.path())).as_deref(), expected, "{path}");
        };
        check(ReferenceUse::Program, "true", None);
        check(ReferenceUse::Program, "no-such-program", Some("it was not found"));
        check(ReferenceUse::Program, "/bin/true", None);
        check(ReferenceUse::Program, "~/file", Some("which may not be executed"));
        check(ReferenceUse::Program, "/bin", Some("which is no file"));
        check(ReferenceUse::EnvironmentFile, "~/file", None);
        check(ReferenceUse::Credential, "~/none", Some("which does not exist"));
        check(ReferenceUse::WorkingDirectory, "~", None);
        check(ReferenceUse::WorkingDirectory, "~/file", Some("which is no directory"));
    }

    #[test]
    fn room_is_that_of_what_is_there() {
        let directory = tempfile::tempdir().unwrap();
        let below = directory.path().join("a/b");
        let spaces = space([below.as_path(), directory.path()].into_iter());
        assert_eq!(spaces.len(), 1);
        assert_eq!(spaces[0].path, directory.path());
    }
}
