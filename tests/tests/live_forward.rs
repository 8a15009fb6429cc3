//! A program's lines, from the program to whoever takes them.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use taskflows_tests::{ForwardMessage, ForwardReceiver, Forwarding};

/// The example of the crate `taskflows-logging`, which tests build with everything else.
fn emit(arguments: &[&str]) -> Command {
    let own = std::env::current_exe().unwrap();
    let profile = own.ancestors().find(|path| path.join("deps").is_dir()).unwrap();
    let path: PathBuf = profile.join("examples/emit");
    assert!(
        path.is_file(),
        "run `cargo build -p taskflows-logging --examples`: {} is missing",
        path.display()
    );
    let mut command = Command::new(path);
    command.args(arguments);
    command
}

/// Lets a program write so many lines to a receiver.
fn forward(receiver: &ForwardReceiver, count: u64) -> Vec<ForwardMessage> {
    let count = count.to_string();
    let output = emit(&[&count, "60", "fluent-bit", receiver.address(), "app.test"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stderr).starts_with("arrived: true, lost: 0"));
    receiver.messages()
}

fn numbers<'a>(messages: impl Iterator<Item = &'a ForwardMessage>) -> Vec<u64> {
    let records = messages.flat_map(|message| &message.entries);
    records.map(|(_, _, record)| record["context"]["number"].as_u64().unwrap()).collect()
}

#[test]
fn a_program_brings_its_lines_to_a_receiver_that_acknowledges_them() {
    let receiver = ForwardReceiver::start([Forwarding::Acknowledge]);
    let messages = forward(&receiver, 10_000);
    assert_eq!(numbers(messages.iter()), (0..10_000).collect::<Vec<_>>());
    assert!(messages.len() > 1 && messages.iter().all(|message| message.is_acknowledged));
    assert!(messages.iter().all(|message| message.tag == "app.test"));
    let (seconds, nanoseconds, record) = &messages[0].entries[0];
    let time = u64::from(*seconds) * 1_000_000_000 + u64::from(*nanoseconds);
    assert_eq!(record["timestamp_ns"].as_u64(), Some(time));
    assert_eq!(record["event"], "größer");
    let context = record["context"].as_object().unwrap();
    assert_eq!(context["ratio"], 0.5);
    assert_eq!(context["below"], -1);
    assert_eq!(context["list"], serde_json::json!([null, true, {}]));
}

#[test]
fn what_was_not_acknowledged_comes_again_under_the_same_name() {
    use Forwarding::{Acknowledge, AcknowledgeAnother, CloseAfter, Forget};
    let deeds = [CloseAfter(1), CloseAfter(50_000), Forget, AcknowledgeAnother, Acknowledge];
    let receiver = ForwardReceiver::start(deeds);
    let messages = forward(&receiver, 1_000);
    let (taken, refused): (Vec<_>, Vec<_>) = messages.iter().partition(|message| message.is_acknowledged);
    assert_eq!(numbers(taken.iter().copied()), (0..1_000).collect::<Vec<_>>());
    assert_eq!(refused.len(), 2);
    for message in refused {
        assert!(taken.iter().any(|taken| taken.chunk == message.chunk && taken.entries == message.entries));
    }
}

#[test]
fn a_receiver_that_comes_after_the_lines_gets_them() {
    // An address of its own, so that nobody else takes the port meanwhile.
    let address = std::net::TcpListener::bind("127.0.0.9:0").unwrap().local_addr().unwrap().to_string();
    let mut command = emit(&["1000", "60", "fluent-bit", &address, "app.test"]);
    let mut program = command.stderr(Stdio::null()).spawn().unwrap();
    assert_eq!(program.try_wait().unwrap(), None);
    let receiver = ForwardReceiver::at(&address, [Forwarding::Acknowledge]);
    assert!(program.wait().unwrap().success());
    assert_eq!(numbers(receiver.messages().iter()), (0..1_000).collect::<Vec<_>>());
}

#[test]
fn a_program_whose_receiver_never_comes_ends_when_it_wants_to() {
    let address = std::net::TcpListener::bind("127.0.0.10:0").unwrap().local_addr().unwrap().to_string();
    let began = Instant::now();
    let output = emit(&["100000", "1", "fluent-bit", &address, "app.test"]).output().unwrap();
    assert!(began.elapsed() < Duration::from_secs(30));
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.starts_with("arrived: false") && told.contains("refused"), "{told}");
}

#[test]
fn programs_that_share_a_file_keep_their_lines_whole_over_its_rotations() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    let path = path.to_str().unwrap();
    let programs =
        [(); 3].map(|()| emit(&["2000", "1", "file", path, "100000"]).stderr(Stdio::null()).spawn().unwrap());
    for mut program in programs {
        assert!(program.wait().unwrap().success());
    }
    let mut lines = Vec::new();
    for file in std::fs::read_dir(directory.path()).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        for line in text.lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            let of = |name: &str| line["context"][name].as_u64().unwrap();
            lines.push((of("process"), of("number")));
        }
    }
    lines.sort_unstable();
    lines.dedup();
    assert_eq!(lines.len(), 6_000);
}

#[test]
fn a_program_whose_output_nobody_reads_any_more_runs_on_to_its_end() {
    let mut command = emit(&["10000", "1", "stdout"]);
    let mut program = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(program.stdout.take());
    let output = program.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("Broken pipe"));
}
