use std::cell::RefCell;
use std::io::{self, Write};

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::opening::Opening;
use crate::Ui;
use crate::output::{Grid, Tone, paint};
use crate::ui::Out;

/// What a command on one of several servers wrote, as what it is.
#[derive(Debug, Default)]
pub struct Gathered {
    /// Tables.
    pub(super) grids: Vec<Grid>,
    /// Rows of data.
    pub(super) values: Vec<Value>,
    /// What is shown of entries of a log, with the time of each.
    pub(super) entries: Vec<(Timestamp, String)>,
    /// Everything else.
    pub(super) text: Vec<u8>,
}

impl Gathered {
    pub(crate) fn grid(&mut self, grid: Grid) {
        self.grids.push(grid);
    }

    pub(crate) fn value(&mut self, value: Value) {
        self.values.push(value);
    }

    pub(crate) fn entry(&mut self, time: Timestamp, text: String) {
        self.entries.push((time, text));
    }
}

/// Puts the server before the other keys of a row.
pub(super) fn with_server(server: &str, value: Value) -> Value {
    match value {
        Value::Object(row) => {
            let mut all = Map::with_capacity(row.len() + 1);
            all.insert("server".to_owned(), server.into());
            // A row may name a server of its own, as nothing does now.
            all.extend(row.into_iter().filter(|(key, _)| key != "server"));
            Value::Object(all)
        }
        other => other,
    }
}

/// The results of one server, kept until those of all are there.
#[derive(Debug, Default)]
pub(super) struct Kept(pub(super) Gathered);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.text.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Out for Kept {
    fn gathering(&mut self) -> Option<&mut Gathered> {
        Some(&mut self.0)
    }
}

/// The streams of the command itself, which several servers write to in turn.
pub(super) type Shared<'a, 'b> = RefCell<&'a mut Ui<'b>>;

/// The results of one server, shown as they come: each line with the server's name before it.
pub(super) struct Live<'a, 'b, 'c> {
    shared: &'c Shared<'a, 'b>,
    opening: &'c Opening,
    server: &'c str,
    /// The name as it stands before a line.
    before: String,
    /// Whether messages are shown as they were written.
    is_raw: bool,
    gathered: Gathered,
}

impl<'a, 'b, 'c> Live<'a, 'b, 'c> {
    pub(super) fn new(
        shared: &'c Shared<'a, 'b>,
        opening: &'c Opening,
        server: &'c str,
        width: usize,
        is_raw: bool,
    ) -> Self {
        let colour = shared.borrow().colour;
        let before = format!("{} ", paint(colour, Tone::Faint, &format!("{server:<width$}")));
        Self { shared, opening, server, before, is_raw, gathered: Gathered::default() }
    }
}

impl Write for Live<'_, '_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.gathered.text.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        let gathered = std::mem::take(&mut self.gathered);
        let mut ui = self.shared.borrow_mut();
        for value in gathered.values {
            let time = value.get("time").and_then(Value::as_str).and_then(|time| time.parse().ok());
            let line = format!("{}\n", with_server(self.server, value));
            self.opening.write(ui.out, self.server, time, line.into_bytes())?;
        }
        let before = if self.is_raw { "" } else { self.before.as_str() };
        for (time, text) in gathered.entries {
            let mut lines = Vec::new();
            write_lines(&mut lines, before, text.as_bytes())?;
            self.opening.write(ui.out, self.server, Some(time), lines)?;
        }
        if !gathered.text.is_empty() {
            write_lines(ui.out, before, &gathered.text)?;
        }
        ui.out.flush()
    }
}

impl Out for Live<'_, '_, '_> {
    fn gathering(&mut self) -> Option<&mut Gathered> {
        Some(&mut self.gathered)
    }
}

/// The remarks of one server, shown as they come.
pub(super) struct LiveRemarks<'a, 'b, 'c> {
    pub(super) shared: &'c Shared<'a, 'b>,
    pub(super) server: &'c str,
    pub(super) line: Vec<u8>,
}

impl Write for LiveRemarks<'_, '_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.line.extend_from_slice(bytes);
        if self.line.ends_with(b"\n") {
            let text = std::mem::take(&mut self.line);
            let mut ui = self.shared.borrow_mut();
            write_lines(&mut *ui.status, &format!("{}: ", self.server), &text)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes each line of `text` with `before` before it.
pub(super) fn write_lines<W: Write + ?Sized>(out: &mut W, before: &str, text: &[u8]) -> io::Result<()> {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    for line in text.split(|byte| *byte == b'\n') {
        out.write_all(before.as_bytes())?;
        out.write_all(line)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}
