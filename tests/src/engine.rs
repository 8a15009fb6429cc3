use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::live::{Output, run, wait_until};

/// The image that [`Engine`] has: busybox and nothing else.
pub const IMAGE: &str = "busybox:test";

/// The programs of the image, all of them busybox.
const PROGRAMS: [&str; 14] =
    ["sh", "sleep", "echo", "cat", "env", "true", "false", "id", "dd", "ls", "wc", "tail", "kill", "touch"];

/// A private docker engine, which ends with the value. Its containers have no network.
#[derive(Debug)]
pub struct Engine {
    directory: TempDir,
    daemon: Child,
}

impl Engine {
    /// Starts one and gives it an image.
    ///
    /// # Panics
    /// When it does not start, as without root or the package docker.io.
    pub fn start() -> Self {
        let directory = tempfile::Builder::new().prefix("tfe").rand_bytes(4).tempdir_in("/tmp").unwrap();
        let at = |name: &str| directory.path().join(name).display().to_string();
        let log = std::fs::File::create(directory.path().join("log")).unwrap();
        let daemon = Command::new("dockerd")
            .args(["--bridge=none", "--iptables=false", "--storage-driver=overlay2"])
            .arg(format!("--data-root={}", at("data")))
            .arg(format!("--exec-root={}", at("exec")))
            .arg(format!("--pidfile={}", at("pid")))
            .arg(format!("--host=unix://{}", at("docker.sock")))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("dockerd is installed: scripts/test sees to it");
        let engine = Self { directory, daemon };
        wait_until("the engine answers", Duration::from_secs(30), || engine.docker(&["version"]).code == 0);
        engine.import(&engine.directory.path().join("image"));
        engine
    }

    /// Makes the image of the busybox that is installed here.
    fn import(&self, root: &Path) {
        let programs = root.join("bin");
        std::fs::create_dir_all(&programs).unwrap();
        std::fs::copy("/bin/busybox", programs.join("busybox")).expect("busybox-static is installed");
        for program in PROGRAMS {
            std::os::unix::fs::symlink("busybox", programs.join(program)).unwrap();
        }
        let tree = root.with_extension("tar");
        let packed = run(Command::new("tar").arg("-C").arg(root).arg("-cf").arg(&tree).arg("."), None);
        packed.expect(0);
        self.docker(&["import", &tree.display().to_string(), IMAGE]).expect(0);
    }

    /// Returns the file of its image, as `import` takes it.
    pub fn image(&self) -> std::path::PathBuf {
        self.directory.path().join("image.tar")
    }

    /// Returns where it listens, as `DOCKER_HOST` has it.
    pub fn host(&self) -> String {
        format!("unix://{}/docker.sock", self.directory.path().display())
    }

    /// Runs `docker`.
    #[track_caller]
    pub fn docker(&self, arguments: &[&str]) -> Output {
        run(Command::new("docker").args(arguments).env("DOCKER_HOST", self.host()), None)
    }

    /// Returns the names of all containers, running or not.
    #[track_caller]
    pub fn containers(&self) -> Vec<String> {
        let names = self.docker(&["ps", "--all", "--format", "{{.Names}}"]).expect(0).stdout;
        names.lines().map(str::to_owned).collect()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        for container in self.docker(&["ps", "--all", "--quiet"]).stdout.lines() {
            self.docker(&["rm", "--force", container]);
        }
        // It ends its own children, containerd among them, when it is asked to end.
        let _ = Command::new("kill").arg(self.daemon.id().to_string()).status();
        let _ = self.daemon.wait();
    }
}
