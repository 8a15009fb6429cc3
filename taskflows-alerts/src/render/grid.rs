//! Rows whose columns stand below each other.

use super::text::{LINE, UNCLEAN, WIDE, classes, one_line, width};

/// A cell that is wider pushes only its own row aside.
const WIDEST: usize = 40;
const SPACES: &str = "                                          ";
const DASHES: &str = "------------------------------------------";

/// Writes a table: the headings, where there are any, a line, and the rows.
pub(super) fn table(columns: &[String], rows: &[Vec<String>], out: &mut String) {
    let mut widths = vec![0; columns.len()];
    // Each cell is looked at once; a table may have thousands.
    let mut cells = Vec::with_capacity((rows.len() + 1) * columns.len());
    for row in std::iter::once(columns).chain(rows.iter().map(Vec::as_slice)) {
        widths.resize(widths.len().max(row.len()), 0);
        for (widest, cell) in widths.iter_mut().zip(row) {
            let cell = Cell::measure(cell);
            *widest = cell.width.min(WIDEST).max(*widest);
            cells.push(cell);
        }
    }
    let mut cells = cells.iter();
    if !columns.is_empty() {
        write_row(columns, &mut cells, &widths, out);
        write_rule(&widths, out);
    }
    for row in rows {
        write_row(row, &mut cells, &widths, out);
    }
}

struct Cell {
    width: usize,
    /// It is not shown as it stands.
    is_odd: bool,
}

impl Cell {
    fn measure(text: &str) -> Self {
        if classes(text) & (UNCLEAN | LINE | WIDE) == 0 {
            return Self { width: text.len(), is_odd: false };
        }
        Self { width: width(&one_line(text)), is_odd: true }
    }
}

fn write_row<'a>(
    row: &[String],
    cells: &mut impl Iterator<Item = &'a Cell>,
    widths: &[usize],
    out: &mut String,
) {
    let mut missing = 0;
    for ((text, widest), cell) in row.iter().zip(widths).zip(cells) {
        out.push_str(&SPACES[..missing]);
        if cell.is_odd {
            out.push_str(&one_line(text))
        } else {
            out.push_str(text)
        }
        missing = widest.saturating_sub(cell.width) + 2;
    }
    out.push('\n');
}

fn write_rule(widths: &[usize], out: &mut String) {
    for (column, widest) in widths.iter().enumerate() {
        out.push_str(if column == 0 { "" } else { "  " });
        out.push_str(&DASHES[..*widest]);
    }
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::table;

    fn check(columns: &[&str], rows: &[&[&str]], expected: &str) {
        let texts = |row: &[&str]| row.iter().map(|cell| (*cell).to_owned()).collect::<Vec<_>>();
        let rows: Vec<_> = rows.iter().map(|row| texts(row)).collect();
        let mut out = String::new();
        table(&texts(columns), &rows, &mut out);
        assert_eq!(out, expected);
    }

    #[test]
    fn columns_stand_below_each_other() {
        check(
            &["Name", "N"],
            &[&["日本", "1"], &["a\nb", "22"], &["\u{1b}[1mbold\u{1b}[0m", "3"]],
            "Name  N\n----  --\n日本  1\na b   22\nbold  3\n",
        );
    }

    #[test]
    fn rows_may_have_more_or_fewer_cells_than_there_are_headings() {
        check(&["A"], &[&[], &["1", "2"], &["3"]], "A\n-  -\n\n1  2\n3\n");
        check(&[], &[&["1", "2"], &["33"]], "1   2\n33\n");
        check(&[], &[], "");
    }

    #[test]
    fn a_cell_that_is_too_wide_pushes_its_own_row_aside() {
        let wide = "x".repeat(60);
        let (dashes, spaces) = ("-".repeat(40), " ".repeat(41));
        check(
            &["A", "B"],
            &[&[&wide, "1"], &["2", "3"]],
            &format!("A{spaces}B\n{dashes}  -\n{wide}  1\n2{spaces}3\n"),
        );
    }
}
