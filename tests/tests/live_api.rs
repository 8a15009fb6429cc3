//! `tf api` against a real manager: set up, asked, started again after a crash, stopped; and sockets that systemd opens for it.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;
use taskflows_tests::{LiveManager, tf_binary, wait_until};

const SOON: Duration = Duration::from_secs(20);
const UNIT: &str = "taskflows-srv-api.service";

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// Returns the status and the body of an answer.
fn ask(port: u16, request: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    write!(stream, "{request} HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.get(9..12)?.parse().ok()?, body.to_owned()))
}

fn status(manager: &LiveManager, exit: i32) -> Value {
    let told = manager.tf(&["api", "status", "-o", "json"]).expect(exit).stdout;
    let rows: Value = serde_json::from_str(&told).unwrap();
    rows[0].clone()
}

#[test]
fn the_api_is_a_service_that_is_set_up_asked_restarted_and_stopped() {
    let manager = LiveManager::start();
    let port = free_port();
    let listen = format!("127.0.0.1:{port}");
    assert_eq!(status(&manager, 3)["state"], "not set up");
    manager.tf(&["api", "restart"]).expect(4);

    let began = Instant::now();
    let told = manager.tf(&["api", "start", "--listen", &listen]).expect(0).stderr;
    assert!(told.contains(&format!("The API answers at http://{listen}.")), "{told}");
    println!("set up and answering within {:?}", began.elapsed());
    assert_eq!(manager.property(UNIT, "Type"), "notify");
    assert_eq!(manager.property(UNIT, "Restart"), "always");
    assert_eq!(manager.property(UNIT, "WatchdogUSec"), "30s");
    assert_eq!(manager.property(UNIT, "UnitFileState"), "enabled");

    let (code, body) = ask(port, "GET /health").unwrap();
    let health: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((code, &health["status"]), (200, &Value::from("ok")));
    assert_eq!(health["server_id"].as_str().unwrap().len(), 32);
    assert_eq!(ask(port, "GET /api/services").unwrap().0 / 100, 4, "nobody is recognised");

    let idle = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    let row = status(&manager, 0);
    assert_eq!((&row["state"], &row["server_id"]), (&Value::from("running"), &health["server_id"]));
    assert!(row["clients"].as_u64().unwrap() >= 1, "{row}");
    assert!(row["uptime_seconds"].as_i64().unwrap() < 60, "{row}");
    drop(idle);
    manager.tf(&["api", "status"]).expect(0);

    // Once more changes nothing, and another address does.
    let pid = manager.property(UNIT, "MainPID");
    manager.tf(&["api", "start", "--listen", &listen]).expect(0);
    assert_eq!(manager.property(UNIT, "MainPID"), pid);
    println!("resident: {} KiB", resident_kib(&pid));
    manager.tf(&["api", "restart"]).expect(0);
    assert_ne!(manager.property(UNIT, "MainPID"), pid);
    assert_eq!(ask(port, "GET /health").unwrap().0, 200);
    assert_eq!(status(&manager, 0)["server_id"], health["server_id"], "it is made once");

    // A crash is followed by a new start.
    manager.systemctl(&["kill", "-s", "KILL", UNIT]).expect(0);
    wait_until("it answers again", SOON, || ask(port, "GET /health").is_some());

    manager.tf(&["api", "stop"]).expect(0);
    assert!(ask(port, "GET /health").is_none());
    assert_eq!(status(&manager, 3)["state"], "stopped");
    assert_eq!(manager.property(UNIT, "Result"), "success");
    let told = manager.tf(&["api", "remove"]).expect(0).stderr;
    assert!(told.contains("its unit is gone") && told.contains("audit log"), "{told}");
    assert_eq!(status(&manager, 3)["state"], "not set up");
    assert_eq!(manager.property(UNIT, "LoadState"), "not-found");
    manager.tf(&["api", "remove"]).expect(4);
}

#[test]
fn what_is_not_said_again_stays_as_it_was_and_what_changes_is_told() {
    let manager = LiveManager::start();
    let ports = [free_port(), free_port()].map(|port| format!("127.0.0.1:{port}"));
    let data = manager.home().join("other data");
    let mut first = manager.command(tf_binary());
    first.args(["api", "start", "--listen", &ports[0]]).env("TASKFLOWS_DATA_DIR", &data);
    assert!(first.output().unwrap().status.success());
    assert!(data.join("servers.json").exists(), "the server has the data of who started it");
    let told = manager.tf(&["api", "start"]).expect(0).stderr;
    assert!(told.contains(&format!("Kept as it was set up: --listen {}.", ports[0])), "{told}");
    let is_told = format!("Its TASKFLOWS_DATA_DIR was `{}`, and is unset now", data.display());
    assert!(told.contains(&is_told), "{told}");
    let told = manager.tf(&["api", "start", "--listen", &ports[1]]).expect(0).stderr;
    assert!(told.contains(&format!("It listened at {}, and now does at {}.", ports[0], ports[1])), "{told}");
    assert!(!told.contains("Kept") && !told.contains("TASKFLOWS_DATA_DIR"), "{told}");
    manager.tf(&["api", "remove"]).expect(0);
}

#[test]
fn why_it_does_not_start_is_told() {
    let manager = LiveManager::start();
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let told = manager.tf(&["api", "start", "--listen", &address]).expect(1).stderr;
    assert!(told.contains("Address already in use") && told.contains("--listen"), "{told}");
    drop(taken);
    let missing = ["api", "start", "--listen", &address, "--tls-cert", "no.pem", "--tls-key", "no.pem"];
    let told = manager.tf(&missing).expect(2).stderr;
    assert!(told.contains("no.pem") && told.contains("No such file"), "{told}");
    assert_eq!(status(&manager, 3)["state"], "not set up", "nothing was changed");

    manager.tf(&["security", "setup"]).expect(0);
    let secret = manager.home().join(".services/security.json");
    manager.tf(&["api", "start", "--listen", &address]).expect(0);
    let pid = manager.property(UNIT, "MainPID");
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o644)).unwrap();
    for verb in ["start", "restart"] {
        let told = manager.tf(&["api", verb]).expect(5).stderr;
        assert!(told.contains("others may look into") && told.contains("chmod"), "{told}");
    }
    assert_eq!(manager.property(UNIT, "MainPID"), pid, "the one that runs goes on");
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();

    // What only the server itself finds out: its own lines say it.
    manager.tf(&["api", "stop"]).expect(0);
    let store = manager.home().join(".local/state/taskflows/state.db");
    std::fs::remove_file(&store).unwrap();
    std::fs::create_dir(&store).unwrap();
    for verb in ["start", "restart"] {
        let told = manager.tf(&["api", verb]).expect(1).stderr;
        assert!(told.contains("could not open") && told.contains("tf api stop"), "{told}");
    }
    std::fs::remove_dir(&store).unwrap();
    manager.tf(&["api", "start"]).expect(0);
}

/// Writes a certificate for this host and its key; it holds from so many days from now on until so many.
fn certify(manager: &LiveManager, from: i64, until: i64) -> (String, String) {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let at = |days: i64| {
        let seconds = now.as_secs().checked_add_signed(days * 24 * 3_600).unwrap();
        rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(seconds)
    };
    let mut parameters = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    (parameters.not_before, parameters.not_after) = (at(from), at(until));
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = parameters.self_signed(&key).unwrap();
    (manager.write("tls.pem", &certificate.pem()), manager.write("tls.key", &key.serialize_pem()))
}

#[test]
fn it_speaks_tls_takes_a_renewed_certificate_and_warns_of_one_that_ends() {
    let manager = LiveManager::start();
    let port = free_port();
    let address = format!("https://127.0.0.1:{port}");
    let listen = format!("127.0.0.1:{port}");
    let (cert, key) = certify(&manager, -1, 400);
    manager.tf(&["security", "setup"]).expect(0);
    let start = ["api", "start", "--listen", &listen, "--tls-cert", &cert, "--tls-key", &key];
    let told = manager.tf(&start).expect(0).stderr;
    assert!(told.contains(&format!("The API answers at {address}.")) && !told.contains("warning"), "{told}");
    assert_eq!(ask(port, "GET /health"), None, "without TLS there is no answer");
    // Another who has the secret, and knows of no server yet.
    let client = |arguments: &[&str]| {
        let mut command = manager.command(tf_binary());
        command.args(arguments).env("TASKFLOWS_DATA_DIR", manager.home().join("client"));
        command.output().unwrap().status.code().unwrap()
    };
    assert_eq!(client(&["server", "add", "web", &address]), 9);
    assert_eq!(client(&["server", "add", "web", &address, "--ca-file", &cert]), 0);
    assert_eq!(client(&["server", "test", "web"]), 0);
    let doctor = manager.tf(&["doctor", "-s", "local", "-v"]).stdout;
    assert!(doctor.contains("tls.pem: holds until"), "{doctor}");

    // Who trusts the new one alone is served once it is read.
    let pid = manager.property(UNIT, "MainPID");
    certify(&manager, -100, 3);
    assert_eq!(client(&["server", "test", "web"]), 9);
    wait_until("the new certificate is served", SOON * 3, || client(&["server", "test", "web"]) == 0);
    assert_eq!(manager.property(UNIT, "MainPID"), pid, "without a new start");
    let told = manager.tf(&["api", "status"]).expect(0).stderr;
    assert!(told.contains("warning: the certificate") && told.contains("expires at"), "{told}");
    assert!(status(&manager, 0)["certificate_expires"].is_string());

    certify(&manager, -9, -1);
    let told = manager.tf(&["api", "restart"]).expect(0).stderr;
    assert!(told.contains("expired at"), "{told}");
    let doctor = manager.tf(&["doctor", "-s", "local"]).expect(1).stdout;
    assert!(doctor.contains("expired at") && doctor.contains("fix: put a new one"), "{doctor}");
    let told = manager.tf(&["api", "start", "--no-tls"]).expect(0).stderr;
    assert!(told.contains("TLS was on") && told.contains(&format!("answers at http://{listen}")), "{told}");
    assert_eq!(ask(port, "GET /health").unwrap().0, 200);
}

fn resident_kib(pid: &str) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn an_address_that_others_reach_needs_signed_requests() {
    let manager = LiveManager::start();
    let listen = format!("0.0.0.0:{}", free_port());
    for way in
        [&["api", "start", "--listen", &listen][..], &["api", "start", "--foreground", "--listen", &listen]]
    {
        let told = manager.tf(way).expect(2).stderr;
        assert!(told.contains("requests are not signed") && told.contains("tf security setup"), "{told}");
    }
    manager.tf(&["security", "setup"]).expect(0);
    let file = manager.home().join(".services/security.json");
    manager.tf(&["api", "start", "--listen", &listen]).expect(0);
    let kept: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    assert!(kept["hmac_secret"].is_string() && kept["server_id"].is_string(), "both are kept");
    manager.tf(&["api", "stop"]).expect(0);
}

struct Served(Child);

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn signal(child: &Child, name: &str) {
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
}

#[test]
fn in_the_foreground_it_serves_where_it_is_told_and_ends_by_itself() {
    let manager = LiveManager::start();
    let port = free_port();
    let mut command = manager.command(tf_binary());
    command.args(["api", "start", "--foreground", "--enable-ui", "--listen", &format!("127.0.0.1:{port}")]);
    let began = Instant::now();
    let mut served = Served(command.stderr(Stdio::piped()).spawn().unwrap());
    while ask(port, "GET /health").is_none() {
        assert!(began.elapsed() < SOON);
        std::thread::sleep(Duration::from_millis(1));
    }
    println!("first answer after {:?}", began.elapsed());
    let kept = std::fs::read_to_string(manager.home().join(".local/state/taskflows/ui_config.json")).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&kept).unwrap()["enabled"], true);
    let printed = manager.tf(&["api", "openapi"]).expect(0).stdout;
    let printed: Value = serde_json::from_str(&printed).unwrap();
    let document: Value = serde_json::from_str(&ask(port, "GET /openapi.json").unwrap().1).unwrap();
    assert_eq!(printed, document);
    signal(&served.0, "INT");
    assert_eq!(served.0.wait().unwrap().code(), Some(0));
    let mut told = String::new();
    served.0.stderr.take().unwrap().read_to_string(&mut told).unwrap();
    assert!(told.contains(&format!("http://127.0.0.1:{port}")), "{told}");
    let warnings = told.matches("warning: there is no secret").count();
    assert!(warnings == 1 && told.contains("`tf security setup`"), "{told}");
}

#[test]
fn one_server_runs_over_a_data_directory_and_the_next_is_told_which() {
    let manager = LiveManager::start();
    let port = free_port();
    let listen = |port: u16| format!("127.0.0.1:{port}");
    let mut command = manager.command(tf_binary());
    command.args(["api", "start", "--foreground", "--listen", &listen(port)]);
    let mut served = Served(command.stderr(Stdio::null()).spawn().unwrap());
    wait_until("it answers", SOON, || ask(port, "GET /health").is_some());

    let other = listen(free_port());
    let ways =
        [&["api", "start", "--foreground", "--listen", &other][..], &["api", "start", "--listen", &other]];
    let holder = format!("process {}", served.0.id());
    for way in ways {
        let told = manager.tf(way).expect(2).stderr;
        assert!(told.contains("another API server runs over") && told.contains(&holder), "{told}");
    }
    assert_eq!(status(&manager, 3)["state"], "not set up", "nothing is installed in vain");
    served.0.kill().unwrap();
    served.0.wait().unwrap();

    // The service has it as well, and is started once more by who is used to it.
    manager.tf(&["api", "start", "--listen", &other]).expect(0);
    manager.tf(&["api", "start", "--listen", &other]).expect(0);
    let told = manager.tf(&["api", "start", "--foreground", "--listen", &listen(port)]).expect(2).stderr;
    assert!(told.contains(&format!("process {}", manager.property(UNIT, "MainPID"))), "{told}");
    manager.tf(&["api", "stop"]).expect(0);
}

#[test]
fn a_server_that_is_told_to_end_in_the_midst_of_an_apply_ends_after_it() {
    let manager = LiveManager::start();
    for verb in ["setup", "disable"] {
        manager.tf(&["security", verb]).expect(0);
    }
    let port = free_port();
    let mut command = manager.command(tf_binary());
    command.args(["api", "start", "--foreground", "--listen", &format!("127.0.0.1:{port}")]);
    let mut served = Served(command.stderr(Stdio::null()).spawn().unwrap());
    wait_until("it answers", SOON, || ask(port, "GET /health").is_some());

    // Somebody else is changing the units, for which the order waits.
    let area = manager.unit_directory().join(".taskflows");
    std::fs::create_dir_all(&area).unwrap();
    let lock = std::fs::File::create(area.join("lock")).unwrap();
    lock.lock().unwrap();
    let order = r#"{"definition": {"services": [{"name": "late", "start_command": "true"}]}}"#;
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    write!(
        stream,
        "POST /api/apply HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{order}",
        order.len()
    )
    .unwrap();
    let audit = manager.home().join(".local/state/taskflows/audit.jsonl");
    let begun = || std::fs::read_to_string(&audit).is_ok_and(|text| text.contains("POST /api/apply"));
    wait_until("the order is begun", SOON, begun);
    // Who sent it is gone as well.
    drop(stream);
    signal(&served.0, "TERM");
    std::thread::sleep(Duration::from_secs(1));
    assert!(served.0.try_wait().unwrap().is_none(), "it waits for the order");
    assert!(ask(port, "GET /health").is_none(), "nobody else is taken");
    drop(lock);
    assert_eq!(served.0.wait().unwrap().code(), Some(0));
    assert!(manager.unit_directory().join("taskflows-late.service").exists());
    let told = std::fs::read_to_string(&audit).unwrap();
    let last: Value = serde_json::from_str(told.lines().last().unwrap()).unwrap();
    assert_eq!(last["result"], "done", "{told}");
}

#[test]
fn a_socket_that_systemd_opened_is_served() {
    let manager = LiveManager::start();
    let port = free_port();
    let socket = manager.home().join("api.sock");
    let mut command = manager.command("systemd-socket-activate");
    command.args(["-l", &format!("127.0.0.1:{port}"), "-l", &socket.display().to_string()]);
    // What listens passes on only these.
    for name in ["HOME", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"] {
        command.args(["-E", name]);
    }
    // The address that is given is not used.
    command.arg(tf_binary()).args(["api", "start", "--foreground", "--listen", "127.0.0.1:1"]);
    let _served = Served(command.stderr(Stdio::null()).spawn().unwrap());
    wait_until("it answers", SOON, || ask(port, "GET /health").is_some_and(|(code, _)| code == 200));
    let mut stream = std::os::unix::net::UnixStream::connect(&socket).unwrap();
    stream.write_all(b"GET /health HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}
