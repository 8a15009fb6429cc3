//! Writes lines to a sink and says how many were lost:
//!
//! `emit COUNT SECONDS stdout | journald | file PATH MAX_BYTES | fluent-bit HOST:PORT TAG | loki URL`
//!
//! `COUNT` lines are written at once, `SECONDS` is waited for their arrival. Ends with 1 where something has not arrived.

use std::error::Error;
use std::io::Write as _;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use taskflows_logging::loki::LokiSettings;
use taskflows_logging::{Labels, Line, Sink, SinkConfig};
use tracing::Level;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let [count, seconds, sink @ ..] = &arguments[..] else { return Err("COUNT SECONDS SINK".into()) };
    let labels = Labels {
        app: "emit".to_owned(),
        environment: "test".to_owned(),
        service: std::env::var("TASKFLOWS_TASK").ok(),
        ..Labels::default()
    };
    let sink = config(sink)?.build(&labels)?;
    for number in 0..count.parse()? {
        write(&*sink, number)?;
    }
    let arrived = sink.flush(Duration::from_secs(seconds.parse()?));
    let reason = sink.last_error().unwrap_or_default();
    writeln!(std::io::stderr(), "arrived: {arrived}, lost: {}, {reason}", sink.dropped())?;
    Ok(if arrived && sink.dropped() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn config(sink: &[&str]) -> Result<SinkConfig, Box<dyn Error>> {
    Ok(match sink {
        ["stdout"] => SinkConfig::Stdout,
        ["journald"] => SinkConfig::Journald,
        ["file", path, max] => {
            SinkConfig::File { path: path.into(), max_bytes: max.parse()?, max_rotations: 1_000 }
        }
        ["fluent-bit", address, tag] => {
            SinkConfig::FluentBit { address: (*address).to_owned(), tag: (*tag).to_owned() }
        }
        ["loki", url] => SinkConfig::Loki { settings: LokiSettings::new(url), labels_compat: false },
        _ => return Err("no such sink".into()),
    })
}

fn write(sink: &dyn Sink, number: u64) -> Result<(), Box<dyn Error>> {
    let timestamp_ns = i64::try_from(SystemTime::UNIX_EPOCH.elapsed()?.as_nanos())?;
    let line = serde_json::json!({
        "timestamp_ns": timestamp_ns,
        "event": "größer",
        "severity": "INFO",
        "level_name": "info",
        "logger": "emit",
        "app": "emit",
        "environment": "test",
        "request_id": "r-1",
        "context": {"number": number, "process": std::process::id(), "ratio": 0.5, "below": -1, "list": [null, true, {}]},
    });
    sink.write(&Line {
        timestamp_ns,
        level: Level::INFO,
        json: line.to_string().as_bytes(),
        event: "größer",
        logger: "emit",
        request_id: Some("r-1"),
        trace_id: None,
        run_id: None,
        attempt: None,
        file: file!(),
        file_line: line!(),
    });
    Ok(())
}
