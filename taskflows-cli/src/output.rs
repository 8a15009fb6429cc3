//! Results as tables for people and as data for programs.

use comfy_table::{Attribute, Cell, Color, ColumnConstraint, ContentArrangement, Table, Width, presets};
use serde::Serialize;

use crate::arguments::Format;
use crate::{CliError, Exit, Ui};

/// One result that can stand in a table.
pub(crate) trait Row: Serialize {
    /// The titles of the columns; the wide ones are left out of a plain table.
    const COLUMNS: &'static [Column];

    /// The texts, one for each column.
    fn cells(&self) -> Vec<Styled>;

    /// The name, for `-o name`.
    fn name(&self) -> String;
}

/// A column's title, and whether only a wide table has it.
pub(crate) struct Column {
    pub(crate) title: &'static str,
    pub(crate) wide: bool,
    /// So many characters are never broken.
    pub(crate) least: usize,
}

/// A column of every table.
pub(crate) const fn column(title: &'static str) -> Column {
    Column { title, wide: false, least: title.len() }
}

/// A column of every table whose texts have so many characters and are not broken.
pub(crate) const fn whole(title: &'static str, least: usize) -> Column {
    Column { title, wide: false, least }
}

/// A column of wide tables.
pub(crate) const fn wide(title: &'static str) -> Column {
    Column { title, wide: true, least: title.len() }
}

/// A text and how it looks.
pub(crate) struct Styled {
    pub(crate) text: String,
    pub(crate) tone: Tone,
}

/// What a text tells at a glance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    Plain,
    Good,
    Bad,
    Busy,
    Faint,
}

impl From<String> for Styled {
    fn from(text: String) -> Self {
        Self { text, tone: Tone::Plain }
    }
}

impl From<&str> for Styled {
    fn from(text: &str) -> Self {
        Self::from(text.to_owned())
    }
}

/// Writes `rows` in the format that was asked for.
pub(crate) fn emit<R: Row>(ui: &mut Ui<'_>, format: Format, rows: &[R]) -> Result<(), CliError> {
    match format {
        Format::Table => table(ui, rows, false)?,
        Format::Wide => table(ui, rows, true)?,
        Format::Name => {
            for row in rows {
                writeln!(ui.out, "{}", row.name())?;
            }
        }
        _ => data(ui, format, rows)?,
    }
    Ok(())
}

/// Writes `rows` as data; a format for people is none.
pub(crate) fn data<S: Serialize>(ui: &mut Ui<'_>, format: Format, rows: &[S]) -> Result<(), CliError> {
    let failed = |error: &dyn std::fmt::Display| {
        CliError::new(Exit::Failed, format!("could not write the output: {error}"))
    };
    match format {
        Format::Jsonl => {
            for row in rows {
                let line = serde_json::to_string(row).map_err(|error| failed(&error))?;
                writeln!(ui.out, "{line}")?;
            }
        }
        Format::Yaml => {
            let text = serde_saphyr::to_string(&rows).map_err(|error| failed(&error))?;
            write!(ui.out, "{text}")?;
        }
        _ => {
            let text = serde_json::to_string_pretty(rows).map_err(|error| failed(&error))?;
            writeln!(ui.out, "{text}")?;
        }
    }
    Ok(())
}

/// The space after each column.
const GAP: u16 = 2;

fn table<R: Row>(ui: &mut Ui<'_>, rows: &[R], wide: bool) -> Result<(), CliError> {
    if rows.is_empty() {
        return Ok(());
    }
    let shown: Vec<bool> = R::COLUMNS.iter().map(|column| wide || !column.wide).collect();
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    // Who asks for more columns than fit scrolls or pages; words that are broken nobody can read.
    match ui.width.filter(|_| !wide) {
        Some(width) => table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width),
        None => table.set_content_arrangement(ContentArrangement::Disabled),
    };
    if ui.colour {
        table.enforce_styling()
    } else {
        table.force_no_tty()
    };
    let titles = R::COLUMNS.iter().zip(&shown).filter(|(_, shown)| **shown);
    table.set_header(titles.map(|(column, _)| Cell::new(column.title).add_attribute(Attribute::Dim)));
    let titles = R::COLUMNS.iter().map(|column| column.title.len());
    let mut longest: Vec<usize> = titles.collect();
    for row in rows {
        let cells = row.cells();
        for (longest, cell) in longest.iter_mut().zip(&cells) {
            *longest = (*longest).max(cell.text.chars().count());
        }
        let cells = cells.into_iter().zip(&shown).filter(|(_, shown)| **shown);
        table.add_row(cells.map(|(styled, _)| cell(styled)));
    }
    // Where all texts are shorter than what is not broken, others may have the space.
    let least = R::COLUMNS.iter().zip(longest).map(|(column, longest)| column.least.min(longest));
    let least = least.zip(&shown).filter(|(_, shown)| **shown).map(|(least, _)| least);
    for (column, least) in table.column_iter_mut().zip(least) {
        column.set_padding((0, GAP));
        // A title is not broken, however narrow the terminal.
        let width = u16::try_from(least).unwrap_or(u16::MAX).saturating_add(GAP);
        column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(width)));
    }
    for line in table.lines() {
        writeln!(ui.out, "{}", line.trim_end())?;
    }
    Ok(())
}

fn cell(styled: Styled) -> Cell {
    let cell = Cell::new(styled.text);
    match styled.tone {
        Tone::Plain => cell,
        Tone::Good => cell.fg(Color::Green),
        Tone::Bad => cell.fg(Color::Red),
        Tone::Busy => cell.fg(Color::Yellow),
        Tone::Faint => cell.add_attribute(Attribute::Dim),
    }
}

/// Writes a word in its tone, where results may be coloured.
pub(crate) fn paint(colour: bool, tone: Tone, word: &str) -> String {
    use anstyle::{AnsiColor, Effects, Style};
    let style = match tone {
        Tone::Plain => Style::new(),
        Tone::Good => AnsiColor::Green.on_default(),
        Tone::Bad => AnsiColor::Red.on_default(),
        Tone::Busy => AnsiColor::Yellow.on_default(),
        Tone::Faint => Style::new() | Effects::DIMMED,
    };
    if colour { format!("{style}{word}{style:#}") } else { word.to_owned() }
}
