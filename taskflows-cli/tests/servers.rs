//! `tf server` and `tf context`, with a server that answers `/health` on loopback.

#![expect(clippy::unwrap_used, reason = "a test that unwraps fails as it should")]

mod host;

use std::io::{Read, Write};
use std::net::TcpListener;

use clap::Parser;
use host::{Host, check};
use taskflows_cli::{Arguments, Choice, choose};

const ID: &str = "0123456789abcdef0123456789abcdef";

/// Answers `/health` with an id and refuses all else, and returns the address.
fn serve(id: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for socket in listener.incoming() {
            let mut socket = socket.unwrap();
            let mut bytes = [0; 4096];
            let read = socket.read(&mut bytes).unwrap_or_default();
            let is_health = bytes[..read].starts_with(b"GET /health ");
            let (status, body) = match is_health {
                true => {
                    let time = jiff::Timestamp::now();
                    let health = format!(
                        r#"{{"status": "ok", "server_id": "{id}", "hostname": "web1", "version": "1.2.3", "time": "{time}"}}"#
                    );
                    ("200 OK", health)
                }
                false => ("401 Unauthorized", r#"{"title": "Unauthorized", "status": 401}"#.to_owned()),
            };
            let length = body.len();
            let _ = write!(
                socket,
                "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
            );
        }
    });
    address
}

/// A host that has a key and an id.
fn keyed() -> Host {
    let mut host = Host::new();
    let directory = host.files.path().join(".services");
    let file = taskflows_security::SecurityFile::new(&directory);
    file.make_directory().unwrap();
    let set = |settings: &mut taskflows_security::SecuritySettings| {
        settings.secret = Some("a-secret-of-thirty-two-characters".to_owned().into());
        settings.server_id = Some("f".repeat(32));
        Ok::<_, taskflows_security::SecurityFileError>(())
    };
    file.change(set).unwrap();
    host.app.security_directory = Some(directory);
    host
}

#[test]
fn servers_are_added_listed_and_forgotten() {
    let mut host = keyed();
    host.tf("server list");
    host.tf("context");
    host.tf("server add web1 10.0.0.1 --group web --group eu --offline");
    host.tf("server add db1 https://db1.example.com:443 --offline");
    host.tf("server add web1 10.0.0.2 --offline");
    host.tf("server add web3 10.0.0.1:7777 --offline");
    host.tf("server list");
    host.tf("server list -o json");
    host.tf("server list -o name");
    host.tf("context");
    host.tf("context -s @web -s local");
    host.tf("context -s wbe1");
    host.tf("context -s 10.0.0.9:80 -o jsonl");
    host.tf("server remove web1 wbe2");
    host.tf("server remove web1 db1");
    host.tf("context");
    // The clock of the test is the manager's.
    assert!(host.transcript.contains("2026-11-24T12:00:00Z"));
    check!(host);
}

#[test]
fn a_server_is_asked_for_its_id_before_it_is_added() {
    let mut host = keyed();
    let (address, other, own) = (serve(ID), serve("not hex"), serve("ffffffffffffffffffffffffffffffff"));
    host.tf(&format!("server add web1 {address}"));
    host.tf(&format!("server add other {other}"));
    host.tf(&format!("server add desk {own}"));
    host.tf("server add gone 127.0.0.1:1");
    host.tf("server list");
    host.tf("context");
    let clean = |text: &str| {
        let named = text.replace(&address, "web1:1").replace(&other, "other:1").replace(&own, "desk:1");
        named.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>()
    };
    let lines = clean(&host.transcript);
    for expected in [
        format!("! Added web1 at web1:1: host web1, taskflows 1.2.3, id {ID}."),
        "! error: other did not tell its id, so it is no server of taskflows".to_owned(),
        "! It is this host, which commands do not ask through its API.".to_owned(),
        "! error: gone did not answer: connection refused".to_owned(),
        "| desk desk:1 - this host".to_owned(),
        "| web1 web1:1 -".to_owned(),
        "| desk this host registered".to_owned(),
        "| web1 web1:1 registered".to_owned(),
    ] {
        assert!(lines.contains(&expected), "{expected}\n{}", host.transcript);
    }
}

#[test]
fn a_test_of_servers_tells_what_is_wrong_with_each() {
    let mut host = keyed();
    let address = serve(ID);
    host.tf(&format!("server add web1 {address}"));
    host.tf("server add gone 127.0.0.1:1 --offline");
    host.transcript.clear();
    host.tf("server test -o json");
    for expected in [
        "\"problem\": \"connection refused\"",
        "\"is_recognised\": false",
        "\"version\": \"1.2.3\"",
        "= Partial",
    ] {
        assert!(host.transcript.contains(expected), "{expected}\n{}", host.transcript);
    }
    host.tf("server test gone -o name");
    assert!(host.transcript.ends_with("= Unreachable\n\n"), "{}", host.transcript);
    host.tf("server test nobody");
    assert!(host.transcript.ends_with("= NoSuchService\n\n"), "{}", host.transcript);
}

#[test]
fn the_id_of_a_server_is_kept_when_it_is_asked_first_and_no_other_has_it() {
    let mut host = keyed();
    let (address, clone) = (serve(ID), serve(ID));
    host.tf(&format!("server add web1 {address} --offline"));
    host.tf("server test web1");
    host.tf("server test web1");
    assert_eq!(host.transcript.matches(&format!("! Kept the id of web1: {ID}.")).count(), 1);
    host.tf("server list -o json");
    assert!(host.transcript.contains(&format!("\"server_id\": \"{ID}\"")), "{}", host.transcript);
    let mut told = |line: &str| {
        host.transcript.clear();
        host.tf(line);
        host.transcript.clone()
    };
    let text = told(&format!("server add web2 {clone}"));
    assert!(text.contains(&format!("{clone} has the id of `web1` at {address}: {ID}")), "{text}");
    told(&format!("server add web2 {clone} --offline"));
    let text = told("server test web2 -o json");
    assert!(text.contains("it has the id of `web1`") && !text.contains("Kept"), "{text}");
    // One that is not registered can be tested as well.
    let other = serve("00000000000000000000000000000001");
    let text = told(&format!("server test {other} -o json"));
    assert!(text.contains("\"is_reachable\": true") && !text.contains("Kept"), "{text}");
    // The machine at the address is another one now.
    let file = host.app.data_directory.join("servers.json");
    let written = std::fs::read_to_string(&file).unwrap().replace(ID, "00000000000000000000000000000002");
    std::fs::write(&file, written).unwrap();
    host.transcript.clear();
    host.tf("server test web1 -o json");
    let expected = format!("its id is {ID}, not 00000000000000000000000000000002");
    assert!(
        host.transcript.contains(&expected) && host.transcript.contains("= Permission"),
        "{}",
        host.transcript
    );
}

#[test]
fn two_servers_that_tell_one_id_when_both_are_asked_first_are_told_of_and_none_is_kept() {
    let mut host = keyed();
    for (name, address) in [("web1", serve(ID)), ("web2", serve(ID))] {
        host.tf(&format!("server add {name} {address} --offline"));
    }
    host.transcript.clear();
    host.tf("server test -o json");
    let text = &host.transcript;
    assert!(text.contains("it has the id of `web2`") && text.contains("it has the id of `web1`"), "{text}");
    assert!(!text.contains("Kept") && text.contains("= Permission"), "{text}");
}

#[test]
fn a_command_asks_this_host_one_other_or_several() {
    let mut host = keyed();
    let chosen = |host: &Host, line: &str| {
        let arguments = Arguments::try_parse_from(line.split(' ')).unwrap();
        match choose(&host.app, &arguments) {
            Ok(Choice::Here) => "here".to_owned(),
            Ok(Choice::One(_)) => "one".to_owned(),
            Ok(Choice::Several(servers)) => format!("{} servers", servers.len()),
            Err(error) => format!("{:?}", error.exit),
        }
    };
    assert_eq!(chosen(&host, "tf list"), "here");
    assert_eq!(chosen(&host, "tf stop nobody/x y"), "NoSuchService", "it is not taken for this host");
    host.tf("server add web1 10.0.0.1 --group web --offline");
    host.tf("server add web2 10.0.0.2 --offline");
    for (line, expected) in [
        ("tf list", "2 servers"),
        ("tf list -s web1", "one"),
        ("tf -s web1 list", "one"),
        ("tf list -s @web", "1 servers"),
        ("tf list -s local", "here"),
        ("tf list -s web1 -s local", "2 servers"),
        ("tf list -s nobody", "NoSuchService"),
        ("tf list -s x*", "NoSuchService"),
        ("tf list -s @nobody", "NoSuchService"),
        ("tf stop web1/x", "one"),
        ("tf run web1/x", "one"),
        ("tf why local/x", "here"),
        ("tf stop local/x", "here"),
        ("tf stop web1/x web2/y", "2 servers"),
        ("tf stop web1/x y", "2 servers"),
        ("tf stop web1/x web1/y", "one"),
        ("tf stop 10.0.0.1:7777/x", "one"),
        ("tf stop web1/x -s web2", "Usage"),
        ("tf stop web1/x -s local", "Usage"),
        ("tf logs web1/x --source loki", "Usage"),
        ("tf stop nobody/x", "NoSuchService"),
        ("tf remove srv-api", "here"),
        ("tf remove srv-api -s web1", "one"),
        ("tf remove srv-api web", "2 servers"),
        ("tf status srv-api", "2 servers"),
        ("tf run web", "here"),
        ("tf run web -s web1", "one"),
        ("tf run web -s web*", "Usage"),
        ("tf calendar daily", "here"),
        ("tf calendar daily -s web1", "Usage"),
        ("tf doctor", "2 servers"),
        ("tf doctor -s @web", "1 servers"),
        ("tf alert list -s web1", "one"),
        ("tf alert ack web", "here"),
        ("tf why web -s web1", "one"),
        ("tf alert send -s web1", "Usage"),
        ("tf doctor -s local", "here"),
        ("tf validate a.toml -s web1", "Usage"),
        ("tf server list -s web1", "Usage"),
        ("tf logs web --source loki", "here"),
        ("tf logs web", "2 servers"),
        ("tf context -s web1", "here"),
    ] {
        assert_eq!(chosen(&host, line), expected, "{line}");
    }
}
