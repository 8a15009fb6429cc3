//! Who may change what over HTTP, against a real manager: set up by commands, asked over sockets, told by `tf audit`; and a
//! server that is killed while it writes.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::{Value, json};
use taskflows_security::{SignedParts, SigningKey, random_hex};
use taskflows_tests::{LiveManager, tf_binary, wait_until};

const SOON: Duration = Duration::from_secs(20);
const PASSWORD: &str = "a quiet river in autumn";
const SERVICE: &str = "[[services]]\nname = \"sleeper\"\nstart_command = \"sleep 600\"\n";

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// An answer: its status, its head and its body.
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// The cookies as a browser would send them.
    fn cookies(&self) -> String {
        let set = self.head.lines().filter_map(|line| line.strip_prefix("set-cookie: "));
        set.map(|line| line.split(';').next().unwrap()).collect::<Vec<_>>().join("; ")
    }
}

fn send(port: u16, request: &str) -> Option<Answer> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()?;
    stream.set_read_timeout(Some(SOON)).unwrap();
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some(Answer { status: head.get(9..12)?.parse().ok()?, head: head.to_owned(), body: body.to_owned() })
}

fn ask(port: u16, method: &str, path: &str, headers: &str, body: &Value) -> Answer {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let kind = if body.is_empty() { "" } else { "content-type: application/json\r\n" };
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{kind}{headers}content-length: {length}\r\n\r\n{body}"
    );
    send(port, &request).expect("an answer")
}

/// What signs for the server whose settings are in `security.json`.
struct Signer {
    key: SigningKey,
    server_id: String,
}

impl Signer {
    fn of(manager: &LiveManager) -> Self {
        let text = std::fs::read_to_string(manager.home().join(".services/security.json")).unwrap();
        let settings: Value = serde_json::from_str(&text).unwrap();
        let key = SigningKey::new(settings["hmac_secret"].as_str().unwrap());
        Self { key, server_id: settings["server_id"].as_str().unwrap().to_owned() }
    }

    fn headers(&self, method: &str, path: &str, body: &Value) -> String {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let (timestamp, nonce) = (Timestamp::now().as_second().to_string(), random_hex::<16>());
        let (nonce, server_id, body) = (nonce.as_str(), self.server_id.as_str(), body.as_bytes());
        let parts = SignedParts { timestamp: &timestamp, nonce, server_id, method, path, query: "", body };
        let signature = self.key.sign(&parts);
        format!("x-hmac-signature: {signature}\r\nx-timestamp: {timestamp}\r\nx-nonce: {nonce}\r\n")
    }
}

/// Sets up signing, a login and a token of a viewer, and starts the API. Returns its port and the token.
fn set_up(manager: &LiveManager) -> (u16, String) {
    manager.tf(&["security", "setup"]).expect(0);
    manager.tf_with(&["api", "setup-ui", "--username", "ada"], &format!("{PASSWORD}\n")).expect(0);
    let port = free_port();
    manager.tf(&["api", "start", "--listen", &format!("127.0.0.1:{port}")]).expect(0);
    let made = manager.tf(&["token", "create", "looks", "--role", "viewer"]).expect(0).stdout;
    (port, made.trim().to_owned())
}

fn records(manager: &LiveManager, more: &[&str]) -> Vec<Value> {
    let told = manager.tf(&[&["audit", "-n", "1000", "-o", "jsonl"], more].concat()).expect(0).stdout;
    told.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn what_is_changed_over_http_is_done_and_what_is_refused_is_not_and_both_are_told() {
    let manager = LiveManager::start();
    let file = manager.write("services.toml", SERVICE);
    manager.tf(&["create", &file]).expect(0);
    let (port, token) = set_up(&manager);
    let is_running = || manager.property("taskflows-sleeper.service", "ActiveState") == "active";
    let start = "/api/services/sleeper/start";

    // Nobody, and who may only look.
    assert_eq!(ask(port, "POST", start, "", &Value::Null).status, 401);
    let bearer = format!("authorization: Bearer {token}\r\n");
    assert_eq!(ask(port, "GET", "/api/services", &bearer, &Value::Null).json()[0]["name"], "sleeper");
    assert_eq!(ask(port, "POST", start, &bearer, &Value::Null).status, 403);
    let login = |password: &str| {
        ask(
            port,
            "POST",
            "/auth/login",
            "",
            &json!({"username": "ada", "password": password, "cookies": true}),
        )
    };
    assert_eq!(login("a loud river in spring").status, 401);
    assert!(!is_running());

    // A browser, which needs the token of its page.
    let page = login(PASSWORD);
    assert_eq!(page.status, 200, "{}", page.body);
    let cookie = format!("cookie: {}\r\n", page.cookies());
    assert_eq!(ask(port, "POST", start, &cookie, &Value::Null).status, 403);
    assert!(!is_running());
    let csrf = page.json()["csrf_token"].as_str().unwrap().to_owned();
    let meant = format!("{cookie}x-csrf-token: {csrf}\r\n");
    let started = ask(port, "POST", start, &meant, &Value::Null);
    assert!(matches!(started.status, 200 | 202), "{}", started.body);
    wait_until("it runs", SOON, is_running);

    // Who signs, once.
    let stop = "/api/services/sleeper/stop";
    let signed = Signer::of(&manager).headers("POST", stop, &Value::Null);
    assert_eq!(ask(port, "POST", stop, &signed, &Value::Null).status / 100, 2);
    wait_until("it is stopped", SOON, || !is_running());
    assert_eq!(ask(port, "POST", stop, &signed, &Value::Null).status, 401);

    // A token that is removed is worth nothing from then on.
    manager.tf(&["token", "remove", "looks"]).expect(0);
    assert_eq!(ask(port, "GET", "/api/services", &bearer, &Value::Null).status, 401);

    let all = records(&manager, &[]);
    let has = |records: &[Value], who: Value, action: &str, result: &str| {
        let is_it = |record: &&Value| {
            let told = record["action"].as_str().unwrap();
            record["who"] == who && told.contains(action) && record["result"] == result
        };
        let found = records.iter().find(is_it);
        let found = found.unwrap_or_else(|| panic!("{who} {action} {result} in {records:#?}"));
        if action.contains("POST") {
            assert_eq!(found["address"], "127.0.0.1");
            assert_eq!(found["request_id"].as_str().map(str::len), Some(36), "{found}");
        }
    };
    has(&all, json!("ada"), "POST", "done");
    has(&all, json!("signed"), "POST", "done");
    let failed = records(&manager, &["--failed"]);
    has(&failed, Value::Null, "POST", "refused");
    has(&failed, json!("token:looks"), "POST", "refused");
    has(&failed, json!("ada"), "POST", "refused");
    let is_bad = |record: &Value| record["result"] == "refused" || record["result"] == "failed";
    assert!(failed.iter().all(is_bad), "{failed:#?}");
    let text = std::fs::read_to_string(manager.home().join(".local/state/taskflows/audit.jsonl")).unwrap();
    for secret in [PASSWORD, token.as_str(), csrf.as_str(), "tft_", "eyJ"] {
        assert!(!text.contains(secret), "a secret stands in the audit log");
    }
    manager.tf(&["api", "stop"]).expect(0);
}

struct Served(Child);

impl Served {
    fn start(manager: &LiveManager, port: u16) -> Self {
        let mut command = manager.command(tf_binary());
        command.args(["api", "start", "--foreground", "--listen", &format!("127.0.0.1:{port}")]);
        let served = Self(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        let health = "GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
        wait_until("it answers", SOON, || send(port, health).is_some_and(|answer| answer.status == 200));
        served
    }

    /// As by `kill -9`.
    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_change_that_was_answered_is_refused_again_though_the_server_was_killed_while_it_wrote() {
    let manager = LiveManager::start();
    manager.tf(&["security", "setup"]).expect(0);
    let port = free_port();
    let mut served = Served::start(&manager, port);
    let signer = Signer::of(&manager);
    let path = "/api/environments";
    let mut answered = Vec::new();
    for round in 0..3 {
        // Changes, one after the other, until it is killed in the midst of them.
        let request = |number: usize| {
            let name = format!("e{round}-{number}");
            let body = json!({"name": name, "definition": {"path": "/srv/py"}});
            let headers = signer.headers("POST", path, &body);
            let (text, length) = (body.to_string(), body.to_string().len());
            let head = format!("POST {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n");
            let kind = "content-type: application/json\r\n";
            (name, format!("{head}{kind}{headers}content-length: {length}\r\n\r\n{text}"))
        };
        let end = Instant::now() + Duration::from_millis(150 + 70 * round);
        let killer = std::thread::scope(|scope| {
            let served = &mut served;
            let killer = scope.spawn(move || {
                std::thread::sleep(end.saturating_duration_since(Instant::now()));
                served.kill();
            });
            for number in 0.. {
                let (name, text) = request(number);
                match send(port, &text) {
                    Some(answer) => {
                        assert_eq!(answer.status, 201, "{}", answer.body);
                        answered.push((name, text));
                    }
                    None => break,
                }
            }
            killer.join()
        });
        killer.unwrap();
        served = Served::start(&manager, port);
        for (name, text) in &answered {
            assert_eq!(send(port, text).unwrap().status, 401, "{name} was carried out twice");
        }
    }
    assert!(answered.len() > 3, "{}", answered.len());
    // What was answered is there, each once.
    let headers = signer.headers("GET", path, &Value::Null);
    let kept = ask(port, "GET", path, &headers, &Value::Null).json();
    let kept: Vec<&str> = kept.as_array().unwrap().iter().filter_map(|one| one["name"].as_str()).collect();
    for (name, _) in &answered {
        assert_eq!(kept.iter().filter(|one| *one == name).count(), 1, "{name}");
    }
    println!("{} changes answered, each refused again after three kills", answered.len());
    // The record of changes can be read to its end, and each change stands in it.
    assert!(records(&manager, &["--action", path]).len() >= answered.len());
}
