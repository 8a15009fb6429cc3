use std::io::Write as _;

use md5::{Digest, Md5};

/// How many fingerprints a thread remembers.
const SLOTS: usize = 128;
/// What is longer is hashed each time: it is hardly the same message again.
const MAX_REMEMBERED: usize = 512;

/// Where a line was written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    pub(crate) file: &'a str,
    pub(crate) function: &'a str,
    pub(crate) line: u32,
}

/// The first eight hexadecimal digits of MD5 over `event|logger|file|function|line`, remembered for each place while
/// the message there is the same.
#[derive(Debug, Default)]
pub(crate) struct Fingerprints {
    slots: Vec<Slot>,
    input: Vec<u8>,
}

#[derive(Clone, Debug, Default)]
struct Slot {
    input: Vec<u8>,
    digits: [u8; 8],
}

impl Fingerprints {
    pub(crate) fn of(&mut self, event: &str, logger: &str, place: Place<'_>) -> [u8; 8] {
        self.input.clear();
        for part in [event, logger, place.file, place.function] {
            self.input.extend_from_slice(part.as_bytes());
            self.input.push(b'|');
        }
        super::text::number(&mut self.input, place.line);
        if self.input.len() > MAX_REMEMBERED {
            return digits_of(&self.input);
        }
        self.slots.resize(SLOTS, Slot::default());
        // Lines differ within a file, and lengths between files.
        let index = (place.line as usize).wrapping_mul(31).wrapping_add(place.file.len()) % SLOTS;
        let slot = &mut self.slots[index];
        if slot.input != self.input {
            slot.digits = digits_of(&self.input);
            slot.input.clear();
            slot.input.extend_from_slice(&self.input);
        }
        slot.digits
    }
}

fn digits_of(input: &[u8]) -> [u8; 8] {
    let hash = Md5::digest(input);
    let mut digits = [b'0'; 8];
    let first = hash.iter().take(4).fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
    // Eight digits into eight bytes.
    let _ = write!(&mut digits[..], "{first:08x}");
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(fingerprints: &mut Fingerprints, event: &str, line: u32, expected: &str) {
        let place = Place { file: "a.py", function: "f", line };
        let digits = fingerprints.of(event, "my.mod", place);
        assert_eq!(std::str::from_utf8(&digits).unwrap(), expected);
    }

    #[test]
    fn a_fingerprint_is_the_first_half_word_of_md5() {
        let mut fingerprints = Fingerprints::default();
        for _ in 0..2 {
            check(&mut fingerprints, "user_login", 12, "874652ed");
        }
    }

    #[test]
    fn two_places_that_share_a_slot_have_fingerprints_of_their_own() {
        let mut fingerprints = Fingerprints::default();
        check(&mut fingerprints, "user_login", 12, "874652ed");
        let other = Place { file: "a.py", function: "f", line: 12 + 128 };
        assert_ne!(fingerprints.of("user_login", "my.mod", other), *b"874652ed");
        check(&mut fingerprints, "user_login", 12, "874652ed");
        assert_ne!(fingerprints.of(&"x".repeat(1000), "my.mod", other), *b"874652ed");
    }
}
