//! The check against a journal, a Fluent Bit and a Loki that are stand-ins, each of which can be broken. The real Fluent Bit and
//! the real Loki do not run here.

#[path = "../../../../../taskflows-logging/tests/support/server.rs"]
#[allow(dead_code, reason = "other tests use the rest of it")]
mod server;

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::net::UnixDatagram;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use server::{Request, Response, nobody, serve};
use taskflows_core::effects::{LogEntry, LogOrigin};
use taskflows_core::testing::MemoryLogReader;
use taskflows_logging::loki::LokiSettings;

use super::pipeline::Pipeline;
use super::stage::{Stage, StageResult};
use super::{forward, tell};
use crate::arguments::Format;
use crate::{CliError, Exit, Ui};

/// A Loki that keeps lines, and what is wrong with it.
#[derive(Default)]
struct Loki {
    lines: Vec<String>,
    /// In place of an answer, by the beginning of the path.
    faults: Vec<(&'static str, Response)>,
    /// Whether lines are taken and lost.
    loses: bool,
    refused: u64,
    users: usize,
    headers: Vec<(String, String)>,
}

impl Loki {
    fn take(&mut self, line: String) {
        match self.loses {
            true => self.refused += 1,
            false => self.lines.push(line),
        }
    }

    fn answer(&mut self, request: &Request) -> Response {
        let list = |items: &[String]| Response::json(200, &json!({ "status": "success", "data": items }));
        self.headers.clone_from(&request.headers);
        let path = request.path.split('?').next().unwrap();
        if let Some((_, response)) = self.faults.iter().find(|(own, _)| path.starts_with(own)) {
            return response.clone();
        }
        match path {
            "/ready" => Response::text(200, "text/plain", "ready"),
            "/loki/api/v1/push" => {
                let body: Value = serde_json::from_slice(&request.body).unwrap();
                self.take(body["streams"][0]["values"][0][1].as_str().unwrap().to_owned());
                Response::text(204, "text/plain", "")
            }
            "/loki/api/v1/query_range" => {
                assert!(request.path.contains("tfcheck-"), "{}", request.path);
                let found: Vec<Value> = self.lines.iter().map(|line| json!(["1", line])).collect();
                Response::json(200, &json!({ "data": { "result": [{ "stream": {}, "values": found }] } }))
            }
            "/loki/api/v1/labels" => list(&["service_name".to_owned(), "user_id".to_owned()]),
            "/loki/api/v1/label/user_id/values" => {
                list(&(0..self.users).map(|user| user.to_string()).collect::<Vec<_>>())
            }
            "/loki/api/v1/label/service_name/values" => list(&["web".to_owned()]),
            "/loki/api/v1/series" => Response::json(200, &json!({ "data": [{}, {}, {}] })),
            "/metrics" => {
                let text = "loki_discarded_samples_total{reason=\"rate_limited\",tenant=\"fake\"}";
                Response::text(200, "text/plain", &format!("{text} {}\n", self.refused))
            }
            _ => Response::text(404, "text/plain", "404 page not found"),
        }
    }
}

/// How the forward input answers.
#[derive(Clone, Copy, PartialEq)]
enum Forward {
    Acknowledges,
    Closes,
    SaysNothing,
    SaysOther,
}

/// All that a line goes through.
struct World {
    pipeline: Pipeline,
    loki: Arc<Mutex<Loki>>,
    _directory: tempfile::TempDir,
}

impl World {
    /// A world in which all is as it should be.
    fn new() -> Self {
        Self::with(Forward::Acknowledges, true)
    }

    fn with(forward: Forward, journal_is_read: bool) -> Self {
        let loki = Arc::new(Mutex::new(Loki::default()));
        let own = Arc::clone(&loki);
        let address = serve(move |request| own.lock().unwrap().answer(request));
        let health = serve(|request| match request.path.as_str() {
            "/api/v1/health" => Response::text(200, "text/plain", "ok\n"),
            _ => Response::text(404, "text/plain", ""),
        });
        let directory = tempfile::tempdir().unwrap();
        let logs = Arc::new(MemoryLogReader::default());
        let journal = directory.path().join("socket");
        let (socket, own, reader) =
            (UnixDatagram::bind(&journal).unwrap(), Arc::clone(&loki), Arc::clone(&logs));
        std::thread::spawn(move || journald(&socket, &own, journal_is_read.then_some(&reader)));
        let pipeline = Pipeline {
            journal,
            logs,
            fluent_bit: Some(fluent_bit(forward, Arc::clone(&loki))),
            health: format!("http://{health}"),
            loki: Some(LokiSettings::new(&address.to_string())),
            host: "web1".to_owned(),
            timeout: Duration::from_millis(400),
            patience: Duration::from_millis(400),
            chance: 7,
        };
        Self { pipeline, loki, _directory: directory }
    }

    fn break_loki(&self, path: &'static str, status: u16, said: &str) {
        self.loki.lock().unwrap().faults.push((path, Response::text(status, "text/plain", said)));
    }

    fn check(&self) -> Vec<Stage> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(self.pipeline.check())
    }
}

/// Keeps entries, and hands them on to Loki as Fluent Bit does.
fn journald(socket: &UnixDatagram, loki: &Mutex<Loki>, reader: Option<&Arc<MemoryLogReader>>) {
    let mut bytes = [0; 4096];
    while let Ok(length) = socket.recv(&mut bytes) {
        let entry = String::from_utf8(bytes[..length].to_vec()).unwrap();
        let field = |name: &str| entry.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        let (message, identifier) = (field("MESSAGE").unwrap(), field("SYSLOG_IDENTIFIER").unwrap());
        assert_eq!(field("TASKFLOWS_CHECK"), message.split(' ').next_back());
        let service = identifier.strip_prefix("taskflows-").unwrap().parse().unwrap();
        let entry = LogEntry {
            time: Timestamp::now(),
            service,
            origin: LogOrigin::Process,
            run: None,
            attempt: None,
            priority: 6,
            message: message.to_owned(),
        };
        if let Some(reader) = reader {
            reader.write(entry);
        }
        loki.lock().unwrap().take(message.to_owned());
    }
}

/// Listens for one line of the forward protocol, and hands it on to Loki.
fn fluent_bit(answer: Forward, loki: Arc<Mutex<Loki>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut bytes = vec![0; 4096];
        let length = stream.read(&mut bytes).unwrap();
        let text = String::from_utf8_lossy(&bytes[..length]).into_owned();
        let line = &text[text.find("{\"timestamp\"").unwrap()..=text.rfind("\"}").unwrap() + 1];
        assert_eq!(serde_json::from_str::<Value>(line).unwrap()["app"], "logging-check");
        match answer {
            Forward::Acknowledges => {
                loki.lock().unwrap().take(line.to_owned());
                stream.write_all(&acknowledgement("0000000000000007")).unwrap();
            }
            Forward::SaysOther => stream.write_all(&acknowledgement("0000000000000008")).unwrap(),
            Forward::SaysNothing => std::thread::sleep(Duration::from_secs(5)),
            Forward::Closes => {}
        }
    });
    address
}

/// As another encoder may write it: with a byte for the length.
fn acknowledgement(chunk: &str) -> Vec<u8> {
    [b"\x81\xa3ack\xd9", &[chunk.len() as u8][..], chunk.as_bytes()].concat()
}

fn results(stages: &[Stage]) -> BTreeMap<&'static str, StageResult> {
    stages.iter().map(|stage| (stage.stage, stage.result)).collect()
}

fn shown(stages: &[Stage], format: Format) -> (String, String, Result<Exit, CliError>) {
    let (mut out, mut status, mut input) = (Vec::new(), Vec::new(), std::io::empty());
    let mut ui = Ui {
        out: &mut out,
        status: &mut status,
        input: &mut input,
        width: None,
        colour: false,
        interactive: false,
        quiet: false,
    };
    let result = tell(&mut ui, format, stages);
    let text = |bytes: Vec<u8>| String::from_utf8(anstream::adapter::strip_bytes(&bytes).into_vec()).unwrap();
    (text(out), text(status), result)
}

/// Checks where it stops, with what is said and what can be done.
#[track_caller]
fn stops(world: &World, stage: &str, detail: &str, hint: &str) {
    let stages = world.check();
    let failed: Vec<&Stage> = stages.iter().filter(|one| one.result == StageResult::Failed).collect();
    let first = failed.first().unwrap_or_else(|| panic!("{stages:?}"));
    assert_eq!(first.stage, stage, "{stages:?}");
    assert!(first.detail.contains(detail), "{first:?}");
    let told = first.hint.clone().unwrap_or_default();
    assert!(told.contains(hint) && !told.is_empty(), "{first:?}");
    let (_, _, result) = shown(&stages, Format::Table);
    let error = result.unwrap_err();
    assert_eq!((error.exit, error.hint), (Exit::Failed, Some(told)));
    assert!(!format!("{stages:?}").contains("hunter2"), "{stages:?}");
}

#[test]
fn a_line_that_goes_all_the_way_is_told_with_how_late_it_was() {
    let stages = World::new().check();
    assert!(stages.iter().all(|stage| stage.result == StageResult::Ok), "{stages:?}");
    let names: Vec<&str> = stages.iter().map(|stage| stage.stage).collect();
    assert_eq!(
        names,
        [
            "journal",
            "Fluent Bit",
            "forward",
            "Loki",
            "journal to Loki",
            "forward to Loki",
            "labels",
            "refused"
        ]
    );
    let (out, status, result) = shown(&stages, Format::Table);
    assert!(
        out.contains("2 labels, 3 streams in the last six hours") && out.contains("nothing since it started"),
        "{out}"
    );
    assert!(out.contains("arrived after"), "{out}");
    assert_eq!((status.trim(), result.unwrap()), ("All that is configured works.", Exit::Ok));
    let (out, _, _) = shown(&stages, Format::Json);
    let rows: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&rows[4]["stage"], &rows[4]["result"]), (&json!("journal to Loki"), &json!("ok")));
    assert!(rows[4]["duration_ms"].is_u64(), "{out}");
}

#[test]
fn without_fluent_bit_a_line_is_sent_to_loki_itself() {
    let mut world = World::new();
    (world.pipeline.fluent_bit, world.pipeline.health) = (None, format!("http://{}", nobody()));
    let settings = world.pipeline.loki.as_mut().unwrap();
    settings.basic_auth = Some(("me".to_owned(), "hunter2".to_owned()));
    settings.tenant = Some("team".to_owned());
    world.loki.lock().unwrap().faults.push(("/metrics", Response::text(404, "text/plain", "")));
    let stages = world.check();
    let results = results(&stages);
    assert_eq!(results["push to Loki"], StageResult::Ok, "{stages:?}");
    assert_eq!((results["Fluent Bit"], results["refused"]), (StageResult::Skipped, StageResult::Skipped));
    // It arrived all the same, by one that nobody told of.
    assert!(matches!(results["journal to Loki"], StageResult::Ok | StageResult::Skipped));
    assert!(!results.contains_key("forward"));
    let headers = world.loki.lock().unwrap().headers.clone();
    let header = |name: &str| headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.clone());
    assert_eq!(header("x-scope-orgid").as_deref(), Some("team"));
    assert!(header("authorization").is_some_and(|value| value.starts_with("Basic ")));
}

#[test]
fn without_loki_what_is_before_it_is_checked() {
    let mut world = World::new();
    world.pipeline.loki = None;
    let stages = world.check();
    assert_eq!(results(&stages)["forward"], StageResult::Ok);
    assert_eq!(results(&stages)["Loki"], StageResult::Skipped);
    assert_eq!(shown(&stages, Format::Table).2.unwrap(), Exit::Ok);
}

#[test]
fn a_broken_journal_is_found() {
    let mut world = World::new();
    world.pipeline.journal = "/nowhere/socket".into();
    stops(&world, "journal", "could not write to the journal at /nowhere/socket", "systemd-journald");
    let world = World::with(Forward::Acknowledges, false);
    stops(&world, "journal", "journalctl does not show it after 400 ms", "journalctl -n 5");
}

#[test]
fn a_broken_fluent_bit_is_found() {
    let mut world = World::new();
    let ill = serve(|_| Response::text(500, "text/plain", "error\n"));
    world.pipeline.health = format!("http://{ill}");
    stops(&world, "Fluent Bit", "it is not well (500 error)", "look at its log");
    let mut world = World::new();
    world.pipeline.fluent_bit = Some(nobody().to_string());
    stops(
        &world,
        "forward",
        "could not reach Fluent Bit's forward input at 127.0.0.1:",
        "TASKFLOWS_FLUENT_BIT",
    );
    for (answer, said) in [
        (Forward::Closes, "it closed the connection"),
        (Forward::SaysNothing, "no answer within 400 ms"),
        (Forward::SaysOther, "its answer is another"),
    ] {
        stops(&World::with(answer, true), "forward", said, "without a shared key");
    }
}

#[test]
fn a_broken_loki_is_found() {
    let mut world = World::new();
    world.pipeline.loki = Some(LokiSettings::new(&nobody().to_string()));
    stops(&world, "Loki", "could not reach Loki at http://127.0.0.1:", "TASKFLOWS_LOKI_URL");
    let skipped = results(&world.check());
    assert_eq!(skipped["journal to Loki"], StageResult::Skipped);
    let loki = |path: &'static str, status: u16, said: &str| {
        let mut world = World::new();
        world.pipeline.loki.as_mut().unwrap().basic_auth = Some(("me".to_owned(), "hunter2".to_owned()));
        world.break_loki(path, status, said);
        world
    };
    let starts = loki("/ready", 503, "Ingester not ready: waiting for 15s after being ready");
    stops(&starts, "Loki", "Loki is not ready: Ingester not ready", "about 15 s");
    stops(&loki("/ready", 401, "no hunter2"), "Loki", "it answered 401: no …", "TASKFLOWS_LOKI_PASSWORD");
    let query = "/loki/api/v1/query_range";
    stops(
        &loki(query, 500, "too many\noutstanding requests"),
        "journal to Loki",
        "500: too many outstanding",
        "log",
    );
    stops(&loki(query, 200, "<html>"), "journal to Loki", "is not what Loki answers", "is it Loki");
    stops(&loki("/loki/api/v1/labels", 403, "no"), "labels", "did not list its labels", "TENANT");
    let hidden = loki("/ready", 404, "");
    assert_eq!(results(&hidden.check())["Loki"], StageResult::Ok, "a gateway may hide it");
}

#[test]
fn a_line_that_is_lost_on_the_way_is_told_with_what_loki_refused() {
    let world = World::new();
    world.loki.lock().unwrap().loses = true;
    stops(&world, "journal to Loki", "the line did not arrive within 400 ms", "Fluent Bit reads the journal");
    let mut world = World::new();
    (world.pipeline.fluent_bit, world.pipeline.health) = (None, format!("http://{}", nobody()));
    world.loki.lock().unwrap().loses = true;
    let stages = world.check();
    let refused = stages.iter().find(|stage| stage.stage == "refused").unwrap();
    assert_eq!(refused.result, StageResult::Failed, "{stages:?}");
    assert!(refused.detail.contains("of them during this check"), "{refused:?}");
    assert_eq!(results(&stages)["journal to Loki"], StageResult::Skipped, "{stages:?}");
    for (status, hint) in [(429, "limits_config"), (400, "log"), (302, "not followed")] {
        let mut world = World::new();
        (world.pipeline.fluent_bit, world.pipeline.health) = (None, format!("http://{}", nobody()));
        world.break_loki("/loki/api/v1/push", status, "entry too far behind");
        stops(&world, "push", &format!("it answered {status}: entry too far behind"), hint);
    }
}

#[test]
fn labels_with_many_values_are_told_and_are_no_failure() {
    let world = World::new();
    world.loki.lock().unwrap().users = 150;
    let stages = world.check();
    let (_, status, result) = shown(&stages, Format::Table);
    assert!(status.contains("labels with more than 100 values make Loki slow: user_id (150)"), "{status}");
    assert_eq!(result.unwrap(), Exit::Ok);
}

#[test]
fn an_address_of_a_forward_input_has_a_port_or_the_usual_one() {
    for (text, host, port) in [
        ("localhost", "localhost", 24224),
        ("fb:1", "fb", 1),
        ("[::1]:5", "::1", 5),
        ("[::1]", "::1", 24224),
        ("::1", "::1", 24224),
    ] {
        assert_eq!(forward::place(text), (host.to_owned(), port), "{text}");
    }
}

#[test]
fn a_message_has_the_bytes_of_the_specification() {
    let bytes = forward::message("t", 1, "x", "c");
    assert_eq!(bytes, b"\x94\xa1t\xcf\0\0\0\0\0\0\0\x01\x81\xa3log\xa1x\x81\xa5chunk\xa1c");
    let long = forward::message("t", 1, &"y".repeat(300), "c");
    assert_eq!(long[17..20], [0xda, 1, 44], "{long:?}");
}
