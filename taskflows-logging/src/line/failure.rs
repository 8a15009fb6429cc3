use std::backtrace::{Backtrace, BacktraceStatus};
use std::error::Error;

use super::members::Members;
use super::text;

/// So many causes are told, and so many frames.
const MAX_CAUSES: usize = 16;
const MAX_FRAMES: usize = 20;
/// Frames of those who carry an event here, which tell nothing about it.
const CARRIERS: [&str; 10] = [
    "std::",
    "<std::",
    "core::",
    "<core::",
    "<dyn core::",
    "<&T as tracing",
    "tracing",
    "<tracing",
    "taskflows_logging::line",
    "<taskflows_logging::line",
];

/// Where their code is, as inlined frames have no path in their names.
const PLACES: [&str; 3] = ["/rustc/", "/tracing-", "src/line/failure.rs"];

/// Adds an error: `name` is what it says, `name_chain` what its causes say, and `name_backtrace` from where it was
/// logged, where `RUST_BACKTRACE` or `RUST_LIB_BACKTRACE` asks for that.
pub(crate) fn add(members: &mut Members, name: &str, error: &(dyn Error + 'static), limit: usize) {
    members.add(name, |json| text::cut_string(json, &said(error, limit), limit));
    if error.source().is_some() {
        let texts = causes(error).map(|cause| said(cause, limit));
        members.add(&format!("{name}_chain"), |json| list(json, texts, limit));
    }
    let backtrace = Backtrace::capture();
    if backtrace.status() == BacktraceStatus::Captured {
        let frames = frames_of(&backtrace.to_string());
        members.add(&format!("{name}_backtrace"), |json| list(json, frames.into_iter(), limit));
    }
}

/// Returns what caused an error, from the next to the last, 16 at most.
pub(crate) fn causes<'a>(error: &'a dyn Error) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    let next =
        |cause: &&'a (dyn Error + 'static)| -> Option<&'a (dyn Error + 'static)> { Error::source(*cause) };
    std::iter::successors(error.source(), next).take(MAX_CAUSES)
}

fn said(error: &dyn Error, limit: usize) -> String {
    let mut said = String::new();
    text::format(&mut said, limit, format_args!("{error}"));
    said
}

fn list(json: &mut Vec<u8>, texts: impl Iterator<Item = String>, limit: usize) {
    json.push(b'[');
    for (index, item) in texts.enumerate() {
        if index > 0 {
            json.push(b',');
        }
        text::cut_string(json, &item, limit);
    }
    json.push(b']');
}

/// Takes the frames out of a backtrace as `std` shows it: a number and a function, and below it where that is.
fn frames_of(backtrace: &str) -> Vec<String> {
    let mut frames: Vec<String> = Vec::new();
    let mut is_wanted = false;
    for line in backtrace.lines().map(str::trim) {
        if let Some(place) = line.strip_prefix("at ") {
            let is_carrier = PLACES.iter().any(|part| place.contains(part));
            match frames.last_mut().filter(|_| is_wanted) {
                Some(_) if is_carrier => drop(frames.pop()),
                Some(frame) => *frame = format!("{frame} at {place}"),
                None => {}
            }
        } else if let Some((_, function)) = line.split_once(": ") {
            is_wanted = frames.len() < MAX_FRAMES && !CARRIERS.iter().any(|name| function.starts_with(name));
            if is_wanted {
                frames.push(function.to_owned());
            }
        }
    }
    frames
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_stand_beside_their_places_without_those_that_carry_the_event() {
        let backtrace = "   0: <std::backtrace::Backtrace>::create\n   1: tracing_core::event::Event::dispatch\n             \
                         at ./event.rs:1:1\n   2: shop::pay\n             at ./src/pay.rs:7:9\n   3: shop::main\n";
        assert_eq!(frames_of(backtrace), ["shop::pay at ./src/pay.rs:7:9", "shop::main"]);
        let long = "  1: shop::again\n             at x.rs:1\n".repeat(100);
        assert_eq!(frames_of(&long).len(), MAX_FRAMES);
        assert_eq!(frames_of(&long)[MAX_FRAMES - 1], "shop::again at x.rs:1");
    }
}
