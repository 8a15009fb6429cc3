//! Rows whose columns stand below each other.

use super::text::{one_line, width};

/// A cell that is wider pushes only its own row aside.
const WIDEST: usize = 40;
const SPACES: &str = "                                          ";
const DASHES: &str = "------------------------------------------";

/// How wide each column is.
pub(super) struct Grid {
    widths: Vec<usize>,
}

impl Grid {
    pub(super) fn measure<'a>(rows: impl Iterator<Item = &'a [String]>) -> Self {
        let mut widths = Vec::new();
        for row in rows {
            widths.resize(widths.len().max(row.len()), 0);
            for (widest, cell) in widths.iter_mut().zip(row) {
                *widest = width(&one_line(cell)).min(WIDEST).max(*widest);
            }
        }
        Self { widths }
    }

    /// Writes a row and a line end.
    pub(super) fn row(&self, cells: &[String], out: &mut String) {
        let mut missing = 0;
        for (cell, widest) in cells.iter().zip(&self.widths) {
            out.push_str(&SPACES[..missing]);
            let cell = one_line(cell);
            out.push_str(&cell);
            missing = widest.saturating_sub(width(&cell)) + 2;
        }
        out.push('\n');
    }

    /// Writes the line between the headings and the rows.
    pub(super) fn rule(&self, out: &mut String) {
        for (column, widest) in self.widths.iter().enumerate() {
            out.push_str(if column == 0 { "" } else { "  " });
            out.push_str(&DASHES[..*widest]);
        }
        out.push('\n');
    }

    /// Writes the headings, where there are any, and the rows.
    pub(super) fn table(columns: &[String], rows: &[Vec<String>], out: &mut String) {
        let grid = Self::measure(std::iter::once(columns).chain(rows.iter().map(Vec::as_slice)));
        if !columns.is_empty() {
            grid.row(columns, out);
            grid.rule(out);
        }
        for row in rows {
            grid.row(row, out);
        }
    }
}
