use std::cell::Cell;

use super::clock::Clock;
use super::fingerprint::{Fingerprints, Place};
use super::parts::Parts;
use super::visit::Origin;
use super::writer::Severity;

/// A thread that wrote a giant line gives its memory back.
const MAX_KEPT: usize = 256 * 1024;

/// Memory that one thread uses again for each line.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    pub(crate) line: Vec<u8>,
    pub(crate) event: String,
    pub(crate) text: String,
    pub(crate) parts: Parts,
    pub(crate) origin: Origin,
    pub(crate) clock: Clock,
    pub(crate) fingerprints: Fingerprints,
}

/// What is known of a line beside its fields.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call<'a> {
    pub(crate) severity: Severity,
    pub(crate) logger: &'a str,
    pub(crate) place: Place<'a>,
}

thread_local! {
    static KEPT: Cell<Option<Box<Scratch>>> = const { Cell::new(None) };
}

impl Scratch {
    /// Lends this thread's memory. A value that logs while it is logged, and a thread at its very end, have some of
    /// their own.
    pub(crate) fn lend<R>(work: impl FnOnce(&mut Self) -> R) -> R {
        let mut scratch = KEPT.try_with(Cell::take).ok().flatten().unwrap_or_default();
        scratch.clear();
        let result = work(&mut scratch);
        if scratch.line.capacity() <= MAX_KEPT {
            let _ = KEPT.try_with(|kept| kept.set(Some(scratch)));
        }
        result
    }

    fn clear(&mut self) {
        self.line.clear();
        self.event.clear();
        self.text.clear();
        self.parts.clear();
        self.origin.clear();
    }
}
