use std::collections::VecDeque;

/// The most lines that are kept, and the most bytes of all of them together.
pub const TAIL_LINES: usize = 100;
/// The most bytes that are kept.
pub const TAIL_BYTES: usize = 64 << 10;

/// The last lines of several streams, in the order in which they were finished.
///
/// ```
/// use taskflows_runtime::process::Tail;
///
/// let mut tail = Tail::default();
/// tail.push(0, b"one\nhalf a li");
/// tail.push(1, b"two\n");
/// tail.push(0, b"ne\n");
/// assert_eq!(tail.text(), "one\ntwo\nhalf a line\n");
/// ```
#[derive(Debug, Default)]
pub struct Tail {
    lines: VecDeque<Vec<u8>>,
    bytes: usize,
    /// What each stream wrote after its last line.
    open: [Vec<u8>; 2],
}

impl Tail {
    /// Adds what stream 0 or 1 wrote.
    pub fn push(&mut self, stream: usize, mut bytes: &[u8]) {
        let stream = stream.min(1);
        // A flood is looked at from its end: what would be dropped again is not copied.
        let mut ends = bytes.iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n');
        if let Some((end, _)) = ends.nth(TAIL_LINES) {
            self.open[stream].clear();
            bytes = &bytes[end + 1..];
        }
        let mut parts = bytes.split(|byte| *byte == b'\n');
        let rest = parts.next_back().unwrap_or_default();
        for part in parts {
            self.extend(stream, part);
            let line = std::mem::take(&mut self.open[stream]);
            self.finish(line);
        }
        self.extend(stream, rest);
    }

    /// Goes on with an open line, of which only the end is kept where it is too long.
    fn extend(&mut self, stream: usize, part: &[u8]) {
        let open = &mut self.open[stream];
        let part = &part[part.len().saturating_sub(TAIL_BYTES)..];
        let too_many = (open.len() + part.len()).saturating_sub(TAIL_BYTES);
        open.drain(..too_many);
        open.extend_from_slice(part);
    }

    fn finish(&mut self, line: Vec<u8>) {
        self.bytes += line.len() + 1;
        self.lines.push_back(line);
        while self.lines.len() > TAIL_LINES || self.bytes > TAIL_BYTES + 1 {
            self.bytes -= self.lines.pop_front().map_or(0, |line| line.len() + 1);
        }
    }

    /// Returns the lines, and what was written after them; what is not UTF-8 is replaced by U+FFFD.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let open = self.open.iter().filter(|open| !open.is_empty());
        for line in self.lines.iter().chain(open) {
            text.push_str(&String::from_utf8_lossy(line));
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_hundred_lines_stay() {
        let mut tail = Tail::default();
        for number in 0..250 {
            tail.push(0, format!("{number}\n").as_bytes());
        }
        let text = tail.text();
        assert_eq!(text.lines().count(), TAIL_LINES);
        assert!(text.starts_with("150\n") && text.ends_with("249\n"));
    }

    #[test]
    fn a_flood_in_one_piece_leaves_the_same_as_line_by_line() {
        let lines: Vec<String> = (0..1_000).map(|number| format!("line {number}\n")).collect();
        let (mut whole, mut parts) = (Tail::default(), Tail::default());
        for tail in [&mut whole, &mut parts] {
            tail.push(0, b"begun before ");
        }
        whole.push(0, lines.concat().as_bytes());
        lines.iter().for_each(|line| parts.push(0, line.as_bytes()));
        assert_eq!(whole.text(), parts.text());
    }

    #[test]
    fn memory_is_bounded_whatever_is_written() {
        let mut tail = Tail::default();
        for _ in 0..100 {
            tail.push(0, &[b'x'; 100_000]);
            tail.push(1, &[0xff; 70_000]);
        }
        assert!(tail.open.iter().all(|open| open.len() == TAIL_BYTES));
        tail.push(0, b"\n");
        tail.push(1, b"\n");
        assert!(tail.bytes <= TAIL_BYTES + 1 && tail.lines.len() == 1);
        tail.push(0, b"a \xff\n\n");
        assert_eq!(tail.text(), "a \u{fffd}\n\n");
    }
}
