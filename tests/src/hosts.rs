use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::live::{Output, repository, run, tf_binary};

/// The user whose services run on each host.
const USER: &str = "deploy";

/// Hosts with systemd as their first process, on a network that only they are on; they end with the value.
///
/// The name of host 1 is `h1`; each has the others' in its `/etc/hosts`. On each lives the user `deploy`, whose manager
/// lingers, and `tf` is in the path.
#[derive(Debug)]
pub struct LiveHosts {
    directory: TempDir,
    user: String,
}

impl LiveHosts {
    /// Starts `count` of them; it takes a second or two.
    ///
    /// # Panics
    /// When they do not start, as without root.
    pub fn start(count: usize) -> Self {
        let directory = tempfile::Builder::new().prefix("th").rand_bytes(4).tempdir_in("/tmp").unwrap();
        // One network for each test that runs at the same time is given by the namespace, so all may be the same.
        let bind = format!("{}:/usr/local/bin/tf", tf_binary().display());
        let count_text = count.to_string();
        script(directory.path(), "up", &[&count_text, "--bind", &bind]).expect(0);
        let mut hosts = Self { directory, user: String::new() };
        for host in 1..=count {
            let make =
                format!("useradd --create-home --shell /bin/sh {USER} && loginctl enable-linger {USER}");
            hosts.root(host, &["sh", "-c", &make]).expect(0);
            hosts.user = hosts.root(host, &["id", "-u", USER]).expect(0).stdout.trim().to_owned();
            hosts.wait_for_manager(host);
        }
        hosts
    }

    /// Runs a command as root.
    #[track_caller]
    pub fn root(&self, host: usize, command: &[&str]) -> Output {
        let host = host.to_string();
        script(self.directory.path(), "exec", &[&[host.as_str()], command].concat())
    }

    /// Returns a command that runs as the user of the services, in their home and with their bus.
    pub fn command(&self, host: usize, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(repository().join("scripts/hosts"));
        command.arg("exec").arg(self.directory.path()).arg(host.to_string());
        command.args(["runuser", "-u", USER, "--", "env"]).arg(format!("--chdir=/home/{USER}"));
        command.arg(format!("XDG_RUNTIME_DIR=/run/user/{}", self.user)).arg(format!("HOME=/home/{USER}"));
        command.arg(format!("USER={USER}")).arg(program);
        command
    }

    /// Runs `tf` as the user of the services.
    #[track_caller]
    pub fn tf(&self, host: usize, arguments: &[&str]) -> Output {
        run(self.command(host, "tf").args(arguments), None)
    }

    /// Runs `tf` with `input` on its standard input.
    #[track_caller]
    pub fn tf_with(&self, host: usize, arguments: &[&str], input: &str) -> Output {
        run(self.command(host, "tf").args(arguments), Some(input))
    }

    /// Runs a line of shell as the user of the services.
    #[track_caller]
    pub fn shell(&self, host: usize, line: &str) -> Output {
        run(self.command(host, "sh").args(["-c", line]), None)
    }

    /// Writes a file into the home directory of the user.
    #[track_caller]
    pub fn write(&self, host: usize, name: &str, text: &str) {
        run(self.command(host, "tee").arg(name), Some(text)).expect(0);
    }

    /// Pulls a host's cable out.
    #[track_caller]
    pub fn unplug(&self, host: usize) {
        script(self.directory.path(), "link", &[&host.to_string(), "down"]).expect(0);
    }

    /// Plugs a host's cable in.
    #[track_caller]
    pub fn plug(&self, host: usize) {
        script(self.directory.path(), "link", &[&host.to_string(), "up"]).expect(0);
    }

    /// Cuts a host's power and starts it again on the same disk.
    #[track_caller]
    pub fn power_cycle(&self, host: usize) {
        script(self.directory.path(), "crash", &[&host.to_string()]).expect(0);
        script(self.directory.path(), "boot", &[&host.to_string()]).expect(0);
        self.wait_for_manager(host);
    }

    #[track_caller]
    fn wait_for_manager(&self, host: usize) {
        let line = "for _ in $(seq 100); do [ -S $XDG_RUNTIME_DIR/systemd/private ] && break; sleep 0.05; done; \
                    systemctl --user is-system-running --wait";
        assert_eq!(self.shell(host, line).stdout.trim(), "running");
    }
}

impl Drop for LiveHosts {
    fn drop(&mut self) {
        script(self.directory.path(), "down", &[]);
    }
}

#[track_caller]
fn script(directory: &Path, verb: &str, arguments: &[&str]) -> Output {
    run(Command::new(repository().join("scripts/hosts")).arg(verb).arg(directory).args(arguments), None)
}
