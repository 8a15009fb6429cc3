//! One line by Fluent Bit's forward protocol, in the mode of one message, with an acknowledgement. Source: "Forward Protocol
//! Specification v1", of Fluentd.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::stage::{Fault, shown};

/// The port of the input unless another is told.
const PORT: u16 = 24224;

/// Returns the host and the port of `host`, `host:port` or `[::1]:port`.
pub(super) fn place(address: &str) -> (String, u16) {
    let is_bare = address.matches(':').count() > 1 && !address.starts_with('[');
    let parts = if is_bare { None } else { address.rsplit_once(':') };
    match parts.and_then(|(host, port)| Some((host, port.parse().ok()?))) {
        Some((host, port)) => (bare(host), port),
        None => (bare(address), PORT),
    }
}

fn bare(host: &str) -> String {
    host.trim_start_matches('[').trim_end_matches(']').to_owned()
}

/// Sends a [`message`], and waits until it is acknowledged.
pub(super) async fn send(
    address: &str,
    message: &[u8],
    chunk: &str,
    patience: Duration,
) -> Result<(), Fault> {
    let (host, port) = place(address);
    let down = |reason: String| {
        Fault::new(format!("could not reach Fluent Bit's forward input at {host}:{port}: {reason}")).hint(
            "start Fluent Bit with a `forward` input there (`tf logging setup fluent-bit` writes one), \
             or correct TASKFLOWS_FLUENT_BIT",
        )
    };
    let stream = timeout(patience, TcpStream::connect((host.as_str(), port))).await;
    let mut stream = stream
        .map_err(|_| down(format!("no connection within {}", shown(patience))))?
        .map_err(|error| down(error.to_string()))?;
    let unacked = |reason: &str| {
        Fault::new(format!("{host}:{port} did not acknowledge the line: {reason}"))
            .hint("look whether it is a `forward` input that listens there, without a shared key, and at Fluent Bit's own log")
    };
    let answer = timeout(patience, exchange(&mut stream, message)).await;
    let answer = answer
        .map_err(|_| unacked(&format!("no answer within {}", shown(patience))))?
        .map_err(|error| unacked(&error.to_string()))?;
    match acknowledged(&answer) {
        Some(of) if of == chunk.as_bytes() => Ok(()),
        None if answer.is_empty() => Err(unacked("it closed the connection")),
        _ => Err(unacked("its answer is another")),
    }
}

/// Sends, and reads an acknowledgement, or what shows that it is none.
async fn exchange(stream: &mut TcpStream, message: &[u8]) -> std::io::Result<Vec<u8>> {
    stream.write_all(message).await?;
    let (mut answer, mut part) = (Vec::new(), [0; 256]);
    while acknowledged(&answer).is_none() && ACKNOWLEDGEMENT.starts_with(&answer[..answer.len().min(5)]) {
        match stream.read(&mut part).await? {
            0 => break,
            count => answer.extend_from_slice(&part[..count]),
        }
        if answer.len() > 4 * part.len() {
            break;
        }
    }
    Ok(answer)
}

/// `{"ack":`
const ACKNOWLEDGEMENT: &[u8] = b"\x81\xa3ack";

/// Returns the chunk that is acknowledged, once it is there: a string of MessagePack, of whichever of its lengths.
fn acknowledged(answer: &[u8]) -> Option<&[u8]> {
    let rest = answer.strip_prefix(ACKNOWLEDGEMENT)?;
    let (length, text) = match rest {
        [first @ 0xa0..=0xbf, text @ ..] => (usize::from(first & 0x1f), text),
        [0xd9, length, text @ ..] => (usize::from(*length), text),
        [0xda, high, low, text @ ..] => (usize::from(u16::from_be_bytes([*high, *low])), text),
        _ => return None,
    };
    text.get(..length)
}

/// `[tag, time, {"log": line}, {"chunk": chunk}]`
pub(super) fn message(tag: &str, seconds: u64, line: &str, chunk: &str) -> Vec<u8> {
    let mut out = vec![0x94];
    text(&mut out, tag);
    out.push(0xcf);
    out.extend_from_slice(&seconds.to_be_bytes());
    for (key, value) in [("log", line), ("chunk", chunk)] {
        out.push(0x81);
        text(&mut out, key);
        text(&mut out, value);
    }
    out
}

/// Writes a string of MessagePack; ours are short.
fn text(out: &mut Vec<u8>, text: &str) {
    match text.len() {
        length @ 0..=31 => out.push(0xa0 | length as u8),
        length => {
            out.push(0xda);
            out.extend_from_slice(&u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes());
        }
    }
    out.extend_from_slice(&text.as_bytes()[..text.len().min(usize::from(u16::MAX))]);
}
