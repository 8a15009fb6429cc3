use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;

use crate::live::wait_until;

/// The user it knows, and the password.
const USER: &str = "alerts";
const PASSWORD: &str = "p4ss w0rd";

/// A real mail server (exim) on loopback, which ends with the value.
///
/// It has TLS from the beginning on one port and STARTTLS on another, takes mail only from who has named user and
/// password over TLS, refuses the receiver `gone`, and puts all mail into one box.
#[derive(Debug)]
pub struct MailServer {
    directory: TempDir,
    daemon: Child,
    /// The port where STARTTLS is offered.
    pub starttls_port: u16,
    /// The port where TLS begins at once.
    pub tls_port: u16,
}

impl MailServer {
    /// Starts one.
    ///
    /// # Panics
    /// When it does not start, as without root or the package exim4-daemon-light.
    pub fn start() -> Self {
        let directory = tempfile::Builder::new().prefix("tfm").rand_bytes(4).tempdir_in("/tmp").unwrap();
        std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let (starttls_port, tls_port) = (free_port(), free_port());
        certify(&directory);
        let configuration = directory.path().join("exim.conf");
        let at = directory.path().display().to_string();
        let text = CONFIGURATION
            .replace("@DIR@", &at)
            .replace("@STARTTLS@", &starttls_port.to_string())
            .replace("@TLS@", &tls_port.to_string())
            .replace("@USER@", USER)
            .replace("@PASSWORD@", PASSWORD);
        std::fs::write(&configuration, text).unwrap();
        let owned_by = |owner: &str, name: &str| {
            let changed = as_root("chown").arg(owner).arg(directory.path().join(name)).status().unwrap();
            assert!(changed.success(), "exim is installed: scripts/test sees to it");
        };
        for name in ["spool", "log", "mail"] {
            std::fs::create_dir(directory.path().join(name)).unwrap();
            owned_by("Debian-exim:", name);
        }
        // The server reads no configuration that others could change.
        owned_by("root:Debian-exim", "exim.conf");
        owned_by("root:Debian-exim", "key.pem");
        let log = std::fs::File::create(directory.path().join("daemon.log")).unwrap();
        let daemon = as_root("exim4")
            .arg("-C")
            .arg(&configuration)
            .arg("-bdf")
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("exim is installed: scripts/test sees to it");
        let server = Self { directory, daemon, starttls_port, tls_port };
        wait_until("the mail server answers", Duration::from_secs(20), || {
            [starttls_port, tls_port]
                .iter()
                .all(|port| TcpStream::connect((Ipv4Addr::LOCALHOST, *port)).is_ok())
        });
        server
    }

    /// Returns the user and the password.
    pub fn credentials(&self) -> (&'static str, &'static str) {
        (USER, PASSWORD)
    }

    /// Returns the file of the authority that has signed its certificate, which is for `localhost`.
    pub fn ca_file(&self) -> PathBuf {
        self.directory.path().join("ca.pem")
    }

    /// Waits until there are `count` mails and returns them, the oldest first.
    ///
    /// # Panics
    /// When there are not so many within 20 seconds, or more.
    #[track_caller]
    pub fn mails(&self, count: usize) -> Vec<String> {
        wait_until("the mails are delivered", Duration::from_secs(20), || self.delivered().len() >= count);
        let mails = self.delivered();
        assert_eq!(mails.len(), count, "{mails:#?}");
        mails
    }

    fn delivered(&self) -> Vec<String> {
        let Ok(directory) = std::fs::read_dir(self.directory.path().join("mail/new")) else {
            return Vec::new();
        };
        let mut files: Vec<_> = directory
            .map(|entry| entry.unwrap().path())
            .map(|path| (std::fs::metadata(&path).unwrap().modified().unwrap(), path))
            .collect();
        files.sort();
        files.iter().map(|(_, path)| std::fs::read_to_string(path).unwrap()).collect()
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        // The daemon's own number: the child may be `sudo`.
        if let Ok(pid) = std::fs::read_to_string(self.directory.path().join("spool/exim.pid")) {
            let _ = as_root("kill").arg(pid.trim()).status();
        } else {
            let _ = self.daemon.kill();
        }
        let _ = self.daemon.wait();
        // What it has started still writes its log, and would make the directory again.
        for _ in 0..500 {
            if !is_named_by_a_process(&self.directory.path().display().to_string()) {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        // The box is another user's.
        let _ = as_root("rm").arg("-rf").arg(self.directory.path()).status();
    }
}

/// Tells whether a process has `text` among its arguments.
fn is_named_by_a_process(text: &str) -> bool {
    let Ok(processes) = std::fs::read_dir("/proc") else { return false };
    let arguments = processes.flatten().filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    arguments.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).any(|all| all.contains(text))
}

fn as_root(program: &str) -> Command {
    if std::fs::metadata("/proc/self").unwrap().uid() == 0 {
        return Command::new(program);
    }
    let mut command = Command::new("sudo");
    command.arg(program);
    command
}

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// Makes an authority, and a certificate of it for `localhost`.
fn certify(directory: &TempDir) {
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let leaf =
        CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
    let write = |name: &str, text: String| std::fs::write(directory.path().join(name), text).unwrap();
    write("ca.pem", authority.pem());
    write("cert.pem", leaf.pem());
    write("key.pem", key.serialize_pem());
}

const CONFIGURATION: &str = r"
primary_hostname = localhost
daemon_smtp_ports = @STARTTLS@ : @TLS@
tls_on_connect_ports = @TLS@
local_interfaces = 127.0.0.1
spool_directory = @DIR@/spool
log_file_path = @DIR@/log/%slog
pid_file_path = @DIR@/spool/exim.pid
tls_advertise_hosts = *
tls_certificate = @DIR@/cert.pem
tls_privatekey = @DIR@/key.pem
auth_advertise_hosts = ${if eq{$tls_in_cipher}{}{}{*}}
acl_smtp_rcpt = check_rcpt
message_size_limit = 10M
begin acl
check_rcpt:
  require authenticated = *
  deny    local_parts = gone
          message = no such mailbox
  accept
begin routers
all:
  driver = accept
  transport = box
begin transports
box:
  driver = appendfile
  directory = @DIR@/mail
  maildir_format
  mode = 0644
  directory_mode = 0755
  user = Debian-exim
  envelope_to_add
  return_path_add
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_condition = ${if and{{eq{$auth2}{@USER@}}{eq{$auth3}{@PASSWORD@}}}}
  server_set_id = $auth2
";
