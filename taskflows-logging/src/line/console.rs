use super::parts::{Parts, some};
use super::writer::Severity;

const RESET: &[u8] = b"\x1b[0m";

/// Appends a line for people: `INFO shop: user_login user_id=7 request_id="…"`, behind the time.
pub(crate) fn write(
    line: &mut Vec<u8>,
    is_coloured: bool,
    severity: Severity,
    logger: &str,
    event: &str,
    parts: &Parts,
) {
    line.push(b' ');
    let colour = if is_coloured { colour_of(severity) } else { "" };
    line.extend_from_slice(colour.as_bytes());
    line.extend_from_slice(format!("{:>8}", severity.name()).as_bytes());
    if is_coloured {
        line.extend_from_slice(RESET);
    }
    line.push(b' ');
    write_plain(line, logger);
    line.extend_from_slice(b": ");
    write_plain(line, event);
    let ids = [
        ("request_id", &parts.ids.request_id),
        ("trace_id", &parts.ids.trace_id),
        ("run_id", &parts.ids.run_id),
    ];
    for (name, id) in ids {
        if let Some(id) = some(id) {
            line.extend_from_slice(format!(" {name}={id:?}").as_bytes());
        }
    }
    for (key, value) in parts.top.iter().chain(parts.context.iter()) {
        line.push(b' ');
        line.extend_from_slice(key);
        line.push(b'=');
        line.extend_from_slice(value);
    }
}

/// Appends a text in which nothing moves the cursor of a terminal.
fn write_plain(line: &mut Vec<u8>, text: &str) {
    for character in text.chars() {
        if character.is_control() {
            line.extend(character.escape_default().map(|escaped| escaped as u8));
        } else {
            line.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }
}

const fn colour_of(severity: Severity) -> &'static str {
    match severity {
        Severity::Debug => "\x1b[2m",
        Severity::Info => "\x1b[32m",
        Severity::Warning => "\x1b[33m",
        Severity::Error | Severity::Critical => "\x1b[31m",
    }
}
