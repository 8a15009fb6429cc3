//! Results as tables for people and as data for programs.

use comfy_table::{Attribute, Cell, Color, ColumnConstraint, ContentArrangement, Table, Width, presets};
use jiff::Timestamp;
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

    /// The time by which rows are in order, where they are; those of several servers are put into it as well.
    fn time(&self) -> Option<Timestamp> {
        None
    }
}

/// A column's title, and whether only a wide table has it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    pub(crate) title: &'static str,
    pub(crate) wide: bool,
    /// So many characters are never broken.
    pub(crate) least: usize,
    /// Where a text has more, it is broken in any case, and the column has its share of the space.
    pub(crate) yields: bool,
}

/// A column of every table.
pub(crate) const fn column(title: &'static str) -> Column {
    Column { title, wide: false, least: title.len(), yields: false }
}

/// A column of every table whose texts are not broken where none of them has more characters.
pub(crate) const fn unbroken(title: &'static str, most: usize) -> Column {
    Column { title, wide: false, least: most, yields: true }
}

/// A column of every table whose texts have so many characters and are not broken.
pub(crate) const fn whole(title: &'static str, least: usize) -> Column {
    Column { title, wide: false, least, yields: false }
}

/// A column of wide tables.
pub(crate) const fn wide(title: &'static str) -> Column {
    Column { title, wide: true, least: title.len(), yields: false }
}

/// A text and how it looks.
#[derive(Clone, Debug)]
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

/// Rows as a table shows them, whatever they are rows of.
#[derive(Clone, Debug, Default)]
pub(crate) struct Grid {
    pub(crate) columns: Vec<Column>,
    pub(crate) rows: Vec<GridRow>,
}

/// One of them.
#[derive(Clone, Debug)]
pub(crate) struct GridRow {
    pub(crate) cells: Vec<Styled>,
    pub(crate) time: Option<Timestamp>,
}

impl Grid {
    fn of<R: Row>(rows: &[R]) -> Self {
        Self {
            columns: R::COLUMNS.to_vec(),
            rows: rows.iter().map(|row| GridRow { cells: row.cells(), time: row.time() }).collect(),
        }
    }
}

/// Writes `rows` in the format that was asked for.
pub(crate) fn emit<R: Row>(ui: &mut Ui<'_>, format: Format, rows: &[R]) -> Result<(), CliError> {
    match format {
        Format::Table | Format::Wide => {
            let grid = Grid::of(rows);
            match ui.out.gathering() {
                Some(gathering) => gathering.grid(grid),
                None => write_grid(ui, &grid, format == Format::Wide)?,
            }
        }
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
    if let Some(gathering) = ui.out.gathering() {
        for row in rows {
            gathering.value(serde_json::to_value(row).map_err(|error| failed(&error))?);
        }
        return Ok(());
    }
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

/// Writes a table that fits the terminal, or one with all its columns that may not.
pub(crate) fn write_grid(ui: &mut Ui<'_>, grid: &Grid, wide: bool) -> Result<(), CliError> {
    if grid.rows.is_empty() {
        return Ok(());
    }
    let shown: Vec<bool> = grid.columns.iter().map(|column| wide || !column.wide).collect();
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
    let titles = grid.columns.iter().zip(&shown).filter(|(_, shown)| **shown);
    table.set_header(titles.map(|(column, _)| Cell::new(column.title).add_attribute(Attribute::Dim)));
    let mut longest: Vec<usize> = grid.columns.iter().map(|column| column.title.len()).collect();
    for row in &grid.rows {
        for (longest, cell) in longest.iter_mut().zip(&row.cells) {
            *longest = (*longest).max(cell.text.chars().count());
        }
        let cells = row.cells.iter().zip(&shown).filter(|(_, shown)| **shown);
        table.add_row(cells.map(|(styled, _)| cell(styled)));
    }
    // Where all texts are shorter than what is not broken, others may have the space.
    let least = grid.columns.iter().zip(longest).map(|(column, longest)| match column.yields {
        true if longest > column.least => column.title.len(),
        _ => column.least.min(longest),
    });
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

fn cell(styled: &Styled) -> Cell {
    let cell = Cell::new(&styled.text);
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
