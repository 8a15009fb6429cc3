use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use tempfile::TempDir;

/// What a command wrote and how it ended.
#[derive(Clone, Debug)]
pub struct Output {
    /// The exit code; -1 where a signal ended it.
    pub code: i32,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl Output {
    /// Fails the test unless the command ended with `code`.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }
}

/// A private `systemd --user` manager and journal, which end with the value.
#[derive(Debug)]
pub struct LiveManager {
    directory: TempDir,
    variables: Vec<(String, String)>,
}

impl LiveManager {
    /// Starts one; it takes a third of a second.
    ///
    /// # Panics
    /// When it does not start, as without root.
    pub fn start() -> Self {
        // A socket's path has 108 bytes, so the directory's is short.
        let directory = tempfile::Builder::new().prefix("tf").rand_bytes(4).tempdir_in("/tmp").unwrap();
        let variables = start(directory.path());
        Self { directory, variables }
    }

    /// Ends the manager and starts it again on the same directories, as a reboot does.
    pub fn reboot(&mut self) {
        user_manager("stop", self.directory.path());
        self.variables = start(self.directory.path());
    }

    /// Ends the manager, and starts it again once `time` has passed.
    pub fn off_until(&mut self, time: SystemTime) {
        user_manager("stop", self.directory.path());
        let wait = time.duration_since(SystemTime::now()).unwrap_or_default();
        std::thread::sleep(wait + Duration::from_millis(500));
        self.variables = start(self.directory.path());
    }

    /// Returns a command that runs beside the manager, in its environment and no other.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(self.variables.iter().map(|(name, value)| (name, value)));
        // `tf` is found as a user finds it.
        let installed = tf_binary().parent().map(Path::to_owned).unwrap_or_default();
        let path = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{}:{path}", installed.display())).env("LANG", "C.UTF-8");
        command.current_dir(self.home());
        command
    }

    /// Runs `tf`.
    #[track_caller]
    pub fn tf(&self, arguments: &[&str]) -> Output {
        run(self.command(tf_binary()).args(arguments), None)
    }

    /// Runs `tf` with `input` on its standard input.
    #[track_caller]
    pub fn tf_with(&self, arguments: &[&str], input: &str) -> Output {
        run(self.command(tf_binary()).args(arguments), Some(input))
    }

    /// Runs `systemctl --user`.
    #[track_caller]
    pub fn systemctl(&self, arguments: &[&str]) -> Output {
        run(self.command("systemctl").arg("--user").args(arguments), None)
    }

    /// Returns a property of a unit as systemd has it.
    #[track_caller]
    pub fn property(&self, unit: &str, name: &str) -> String {
        self.systemctl(&["show", unit, "--value", "-p", name]).expect(0).stdout.trim().to_owned()
    }

    /// Writes a file into the home directory and returns its path as text.
    #[track_caller]
    pub fn write(&self, name: &str, text: &str) -> String {
        let path = self.home().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    /// Returns the home directory of the manager's user.
    pub fn home(&self) -> PathBuf {
        self.directory.path().join("home")
    }

    /// Returns the directory of unit files.
    pub fn unit_directory(&self) -> PathBuf {
        self.home().join(".config/systemd/user")
    }

    /// Returns the directory of journal files, as `journalctl --directory` takes it.
    pub fn journal_directory(&self) -> PathBuf {
        self.directory.path().join("journal")
    }

    /// Returns one of the manager's variables.
    pub fn variable(&self, name: &str) -> &str {
        self.variables.iter().find(|(own, _)| own == name).map_or("", |(_, value)| value)
    }

    /// Returns the process id of the manager.
    pub fn pid(&self) -> i32 {
        self.variable("TASKFLOWS_MANAGER_PID").parse().unwrap()
    }
}

impl Drop for LiveManager {
    fn drop(&mut self) {
        user_manager("stop", self.directory.path());
    }
}

fn start(directory: &Path) -> Vec<(String, String)> {
    let output = user_manager("start", directory);
    assert_eq!(output.code, 0, "{}{}", output.stdout, output.stderr);
    let exports = output.stdout.lines().filter_map(|line| line.strip_prefix("export "));
    let assignments = exports.flat_map(|line| line.split(' ')).filter_map(|word| word.split_once('='));
    assignments.map(|(name, value)| (name.to_owned(), value.trim_matches('\'').to_owned())).collect()
}

fn user_manager(verb: &str, directory: &Path) -> Output {
    run(Command::new(repository().join("scripts/user-manager")).arg(verb).arg(directory), None)
}

#[track_caller]
pub(crate) fn run(command: &mut Command, input: Option<&str>) -> Output {
    command.stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() });
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    if let Some(input) = input {
        // A program that refuses its arguments ends without having read.
        let written = child.stdin.take().unwrap().write_all(input.as_bytes());
        assert!(written.is_ok() || written.is_err_and(|err| err.kind() == ErrorKind::BrokenPipe));
    }
    let output = child.wait_with_output().unwrap();
    Output {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Returns the root of the repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Returns the `tf` of this build, which lies beside the directory of the tests.
///
/// # Panics
/// When it has not been built: `cargo build` comes before `cargo test`, as `scripts/test` has it.
pub fn tf_binary() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let profile = own.ancestors().find(|path| path.join("deps").is_dir()).unwrap();
    let binary = profile.join("tf");
    assert!(binary.is_file(), "run `cargo build` first: {} is missing", binary.display());
    binary
}

/// Waits until `done` says so, at most `limit`.
///
/// # Panics
/// When it does not in time.
#[track_caller]
pub fn wait_until(what: &str, limit: Duration, mut done: impl FnMut() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < limit, "not within {limit:?}: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
