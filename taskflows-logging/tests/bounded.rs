//! What a program pays for receivers that do not read: no wait, and no more memory than was promised. Alone in its
//! process, whose memory it measures.

use std::net::TcpListener;
use std::time::Duration;

use taskflows_logging::loki::LokiSettings;
use taskflows_logging::{Labels, Line, SinkConfig};
use tracing::Level;

const LINES: u64 = 1_000_000;

/// Returns how much memory the process has, as far as the kernel says so.
fn resident_mib() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = text.split(' ').nth(1)?.parse().ok()?;
    Some(pages * 4096 / (1024 * 1024))
}

#[test]
fn a_million_lines_for_nobody_cost_neither_time_nor_memory() {
    // They connect, since the kernel accepts for them, and then nothing happens.
    let mute = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let [forward, loki] = mute.each_ref().map(|listener| listener.local_addr().unwrap().to_string());
    let settings = LokiSettings::new(&loki);
    let configs = [
        SinkConfig::FluentBit { address: forward, tag: "t".to_owned() },
        SinkConfig::Loki { settings, labels_compat: false },
    ];
    let labels = Labels { app: "app".to_owned(), ..Labels::default() };
    let sinks = configs.map(|config| config.build(&labels).unwrap());
    let before = resident_mib().unwrap();
    for number in 0..LINES {
        let json = format!("{{\"event\":\"{number}\",\"context\":{{\"text\":\"{}\"}}}}", "x".repeat(400));
        let line = Line {
            timestamp_ns: number as i64,
            level: Level::INFO,
            json: json.as_bytes(),
            event: "",
            logger: "app",
            request_id: Some("r"),
            trace_id: None,
            run_id: None,
            attempt: None,
            file: file!(),
            file_line: line!(),
        };
        sinks.iter().for_each(|sink| sink.write(&line));
    }
    let grown = resident_mib().unwrap().saturating_sub(before);
    // Two queues of 8 MiB, and what is being sent once more in the form in which it is sent.
    assert!(grown < 48, "{grown} MiB");
    for sink in &sinks {
        assert!(!sink.flush(Duration::from_millis(1)));
        let dropped = sink.dropped();
        assert!(dropped > LINES * 9 / 10 && dropped < LINES, "{dropped}");
    }
    println!("grown by {grown} MiB");
}
