use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rmp::encode::{
    ByteBuf, write_array_len, write_bin, write_bool, write_ext_meta, write_f64, write_map_len, write_nil,
    write_sint, write_str, write_uint,
};
use serde_json::{Map, Number, Value};
use uuid::Uuid;

use super::super::queue::{Batch, Queued};

/// The line as it was written: a map has no order, and who reads it may have less precise numbers. The kit's script takes
/// it for the line.
const LINE: &str = "taskflows_line";

/// A longer line is not sent twice over: Loki would cut it, and a receiver may take no such chunk.
const LONGEST_TWICE: usize = 256 * 1024;

const SECOND: i64 = 1_000_000_000;

/// Makes a name for a chunk: 128 bits by chance, in Base64.
pub(super) fn new_chunk() -> String {
    STANDARD.encode(Uuid::new_v4().as_bytes())
}

/// Returns a message in PackedForward mode, which asks for an acknowledgement:
/// `[tag, entries, {"size": n, "chunk": c}]`, where the entries are `[time, record]` one behind the other. A record is of
/// the line's fields, its text and, where there is one, the name of the service.
pub(super) fn packed_forward(tag: &str, service: Option<&str>, batch: &Batch, chunk: &str) -> Vec<u8> {
    let mut entries = ByteBuf::new();
    batch.iter().for_each(|line| write_entry(&mut entries, service, &line));
    let mut message = ByteBuf::with_capacity(entries.as_slice().len() + tag.len() + 64);
    // A buffer in memory takes everything: none of these fail, here and below.
    let _ = write_array_len(&mut message, 3);
    let _ = write_str(&mut message, tag);
    let _ = write_bin(&mut message, entries.as_slice());
    let _ = write_map_len(&mut message, 2);
    let _ = write_str(&mut message, "size");
    let _ = write_uint(&mut message, batch.len() as u64);
    let _ = write_str(&mut message, "chunk");
    let _ = write_str(&mut message, chunk);
    message.into_vec()
}

fn write_entry(out: &mut ByteBuf, service: Option<&str>, line: &Queued<'_>) {
    let _ = write_array_len(out, 2);
    write_time(out, line.timestamp_ns);
    match serde_json::from_slice::<Map<String, Value>>(line.json) {
        Ok(mut record) => {
            if let Some(service) = service {
                record.entry("service_name").or_insert_with(|| service.into());
            }
            match std::str::from_utf8(line.json) {
                Ok(text) if text.len() <= LONGEST_TWICE => record.insert(LINE.to_owned(), text.into()),
                _ => record.remove(LINE),
            };
            write_object(out, &record);
        }
        // As Fluent Bit has what it could not parse.
        Err(_) => {
            let _ = write_map_len(out, 1);
            let _ = write_str(out, "log");
            let _ = write_str(out, &String::from_utf8_lossy(line.json));
        }
    }
}

/// Writes an `EventTime`: extension type 0 of seconds and nanoseconds, 32 bits each. It can say 1970 to 2106.
fn write_time(out: &mut ByteBuf, timestamp_ns: i64) {
    let seconds = u32::try_from(timestamp_ns.div_euclid(SECOND).max(0)).unwrap_or(u32::MAX);
    let nanoseconds = timestamp_ns.rem_euclid(SECOND) as u32;
    let _ = write_ext_meta(out, 8, 0);
    out.as_mut_vec().extend_from_slice(&seconds.to_be_bytes());
    out.as_mut_vec().extend_from_slice(&nanoseconds.to_be_bytes());
}

fn write_object(out: &mut ByteBuf, object: &Map<String, Value>) {
    let _ = write_map_len(out, object.len() as u32);
    for (key, value) in object {
        let _ = write_str(out, key);
        write_value(out, value);
    }
}

/// Writes any value of JSON. Its depth is bounded by what the parser takes, 128.
fn write_value(out: &mut ByteBuf, value: &Value) {
    match value {
        Value::Null => {
            let _ = write_nil(out);
        }
        Value::Bool(value) => {
            let _ = write_bool(out, *value);
        }
        Value::Number(number) => write_number(out, number),
        Value::String(text) => {
            let _ = write_str(out, text);
        }
        Value::Array(values) => {
            let _ = write_array_len(out, values.len() as u32);
            values.iter().for_each(|value| write_value(out, value));
        }
        Value::Object(object) => write_object(out, object),
    }
}

fn write_number(out: &mut ByteBuf, number: &Number) {
    if let Some(number) = number.as_u64() {
        let _ = write_uint(out, number);
    } else if let Some(number) = number.as_i64() {
        let _ = write_sint(out, number);
    } else {
        let _ = write_f64(out, number.as_f64().unwrap_or(f64::NAN));
    }
}
