use thiserror::Error;

use super::{Panel, PanelView};
use crate::{ServiceName, TimeSpan};

/// How many units wide a dashboard is, and so how many panels a row has at most. Source: Grafana's grid.
pub const GRID: u32 = 24;

/// Rows that hold more of these than anybody looks at are a mistake.
const MOST_ROWS: usize = 200;

/// A dashboard: a title, and rows of panels.
///
/// Its title tells it from others: two with the same one are the same dashboard.
///
/// ```
/// use taskflows_core::grafana::{Dashboard, Panel};
///
/// let worker = "worker".parse()?;
/// let panels = vec![Panel::logs(worker)];
/// let dashboard = Dashboard::new("Worker logs", vec![panels])?;
/// assert_eq!(dashboard.places()[0].w, 24);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Dashboard {
    title: String,
    /// Invariant: each row has 1 to 24 panels, whose widths fit it.
    rows: Vec<Vec<Panel>>,
}

/// Where a panel stands, in units of the grid, from the left and from the top.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// How far from the left.
    pub x: u32,
    /// How far from the top.
    pub y: u32,
    /// How wide.
    pub w: u32,
    /// How high.
    pub h: u32,
}

/// Why there can be no such dashboard. Rows are counted from 1.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum DashboardError {
    /// Its title is empty, longer than 189 characters, or holds a control character.
    #[error("`{}` is no title: one line of 1 to 189 characters", title.escape_debug())]
    Title {
        /// The title.
        title: String,
    },
    /// It has no panel, or too many rows.
    #[error("a dashboard has 1 to {MOST_ROWS} rows, not {rows}")]
    Rows {
        /// How many rows it has.
        rows: usize,
    },
    /// A row has none or too many.
    #[error("a row has 1 to {GRID} panels; row {row} has {panels}")]
    Row {
        /// The row.
        row: usize,
        /// How many panels it has.
        panels: usize,
    },
    /// The widths of a row are too small or do not fit it.
    #[error("{reason} in row {row}")]
    Width {
        /// The row.
        row: usize,
        /// What is wrong.
        reason: String,
    },
    /// A length of time that Grafana cannot be told.
    #[error("`{key}` is at least a second, and whole seconds, in row {row}")]
    Span {
        /// The row.
        row: usize,
        /// Which one.
        key: &'static str,
    },
    /// A text to look for that is empty, which every line holds.
    #[error("the `text` to look for is empty in row {row}")]
    Text {
        /// The row.
        row: usize,
    },
}

impl DashboardError {
    /// Returns the row that is wrong, from 1; `None` where it is the whole.
    pub fn row(&self) -> Option<usize> {
        match self {
            Self::Title { .. } | Self::Rows { .. } => None,
            Self::Row { row, .. } | Self::Width { row, .. } | Self::Span { row, .. } | Self::Text { row } => {
                Some(*row)
            }
        }
    }
}

impl Dashboard {
    /// Takes a title and rows of panels, from the top.
    ///
    /// # Errors
    /// When the title cannot be one, when there is no row, or a row holds none or more than 24 panels, or panels that do
    /// not fit it.
    pub fn new(title: &str, rows: Vec<Vec<Panel>>) -> Result<Self, DashboardError> {
        let title = title.trim();
        if title.is_empty() || title.chars().count() > 189 || title.chars().any(char::is_control) {
            return Err(DashboardError::Title { title: title.to_owned() });
        }
        if rows.is_empty() || rows.len() > MOST_ROWS {
            return Err(DashboardError::Rows { rows: rows.len() });
        }
        rows.iter().zip(1..).try_for_each(|(panels, row)| check_row(row, panels))?;
        Ok(Self { title: title.to_owned(), rows })
    }

    /// Makes a dashboard with one panel for each service, `columns` (1 to 24) beside each other.
    ///
    /// # Errors
    /// As [`Dashboard::new`], as when there is no service or no column.
    pub fn of_services(
        title: &str,
        services: impl IntoIterator<Item = ServiceName>,
        columns: usize,
    ) -> Result<Self, DashboardError> {
        let panels: Vec<Panel> = services.into_iter().map(Panel::logs).collect();
        Self::in_columns(title, &panels, columns)
    }

    /// Makes a dashboard of panels, `columns` (1 to 24) beside each other. Those of the last row are as wide as the others.
    ///
    /// # Errors
    /// As [`Dashboard::new`].
    pub fn in_columns(title: &str, panels: &[Panel], columns: usize) -> Result<Self, DashboardError> {
        if columns == 0 {
            return Err(DashboardError::Row { row: 1, panels: 0 });
        }
        let wide = |panel: &Panel| panel.clone().width_fr(1.0 / columns as f64);
        let rows = panels.chunks(columns).map(|row| row.iter().map(wide).collect()).collect();
        Self::new(title, rows)
    }

    /// Returns its title.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// Returns the panels, row by row, from the top.
    pub fn rows(&self) -> &[Vec<Panel>] {
        &self.rows
    }

    /// Returns where each panel stands, row by row, each from the left.
    pub fn places(&self) -> Vec<Place> {
        let (mut places, mut y) = (Vec::new(), 0);
        for row in &self.rows {
            let mut x = 0;
            for (panel, w) in row.iter().zip(widths(row)) {
                places.push(Place { x, y, w, h: panel.height.units() });
                x += w;
            }
            y += row.iter().map(|panel| panel.height.units()).max().unwrap_or_default();
        }
        places
    }
}

/// So far from what it should be, a part of a row was only rounded.
const ROUNDING: f64 = 1e-3;

fn check_row(row: usize, panels: &[Panel]) -> Result<(), DashboardError> {
    if panels.is_empty() || panels.len() > GRID as usize {
        return Err(DashboardError::Row { row, panels: panels.len() });
    }
    let wrong = |reason: String| Err(DashboardError::Width { row, reason });
    let least = 1.0 / f64::from(GRID);
    let told = || panels.iter().filter_map(|panel| panel.width_fr);
    if let Some(part) = told().find(|part| !(least - ROUNDING..=1.0).contains(part)) {
        return wrong(format!("`width_fr` is a part of the row, from 1/24 (0.042) to 1, and not {part},"));
    }
    let (sum, others) = (told().sum::<f64>(), panels.len() - told().count());
    if sum > 1.0 + ROUNDING {
        return wrong(format!("the parts `width_fr` add up to {:.3}, more than 1,", sum));
    }
    if others > 0 && (1.0 - sum) / (others as f64) < least - ROUNDING {
        return wrong("the parts `width_fr` leave no room for the other panels".to_owned());
    }
    panels.iter().try_for_each(|panel| check_panel(row, panel))
}

fn check_panel(row: usize, panel: &Panel) -> Result<(), DashboardError> {
    let (text, period) = match &panel.view {
        PanelView::Logs => (None, None),
        PanelView::Search { text } => (Some(text), None),
        PanelView::Count { text, period } => (text.as_ref(), Some(*period)),
    };
    if text.is_some_and(String::is_empty) {
        return Err(DashboardError::Text { row });
    }
    let is_whole = |span: TimeSpan| !span.is_zero() && span.micros().is_multiple_of(1_000_000);
    let spans = [("period", period), ("time_from", panel.time_from), ("time_shift", panel.time_shift)];
    match spans.into_iter().find(|(_, span)| span.is_some_and(|span| !is_whole(span))) {
        Some((key, _)) => Err(DashboardError::Span { row, key }),
        None => Ok(()),
    }
}

/// Returns the widths of the panels of a row that fits: each at least 1, together what the parts say, 24 at most.
///
/// Not the widths are rounded but where the panels end, so that what is rounded off does not add up.
fn widths(row: &[Panel]) -> Vec<u32> {
    let told: f64 = row.iter().filter_map(|panel| panel.width_fr).sum();
    let others = row.iter().filter(|panel| panel.width_fr.is_none()).count();
    let share = ((1.0 - told) / others.max(1) as f64).max(0.0);
    let (mut widths, mut end, mut before) = (Vec::new(), 0.0, 0);
    for (panel, left) in row.iter().zip((0..row.len()).rev()) {
        end += panel.width_fr.unwrap_or(share) * f64::from(GRID);
        // So much room must be left for those that follow.
        let last = GRID.saturating_sub(u32::try_from(left).unwrap_or(GRID));
        let here = whole(end).clamp(before + 1, last.max(before + 1));
        widths.push(here - before);
        before = here;
    }
    widths
}

/// Rounds to a unit of the grid. A half that was rounded down before is a half still.
fn whole(units: f64) -> u32 {
    (0..=GRID).rev().find(|unit| f64::from(*unit) - 0.5 <= units + 1e-9).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(parts: &[Option<f64>]) -> Vec<Panel> {
        let panel = |part: &Option<f64>| Panel { width_fr: *part, ..Panel::logs("web".parse().unwrap()) };
        parts.iter().map(panel).collect()
    }

    #[track_caller]
    fn check(parts: &[Option<f64>], wide: &[u32]) {
        let dashboard = Dashboard::new("x", vec![row(parts)]).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(dashboard.places().iter().map(|place| place.w).collect::<Vec<_>>(), wide);
    }

    #[test]
    fn the_widths_of_a_row_add_up() {
        check(&[None], &[24]);
        check(&[None, None, None], &[8, 8, 8]);
        check(&[None; 5], &[5, 5, 4, 5, 5]);
        check(&[None; 24], &[1; 24]);
        check(&[Some(0.5), None, None], &[12, 6, 6]);
        check(&[Some(0.33), Some(0.33), Some(0.33)], &[8, 8, 8]);
        check(&[Some(0.25)], &[6]);
        check(&[Some(0.042), None], &[1, 23]);
        check(&[Some(1.0 / 24.0 * 1.5), Some(1.0 / 24.0), None], &[2, 1, 21]);
    }

    #[test]
    fn every_number_of_panels_fills_the_row_and_none_is_without_width() {
        for count in 1..=24 {
            let places = Dashboard::new("x", vec![row(&vec![None; count])]).unwrap().places();
            assert_eq!(places.iter().map(|place| place.w).sum::<u32>(), 24, "{count}");
            assert!(places.iter().all(|place| place.w >= 1), "{count}");
        }
    }

    #[test]
    fn rows_stand_below_each_other() {
        use super::super::PanelHeight;
        let mut first = row(&[None, None]);
        first[1].height = PanelHeight::ExtraLarge;
        let places = Dashboard::new("x", vec![first, row(&[None])]).unwrap().places();
        assert_eq!(places[1], Place { x: 12, y: 0, w: 12, h: 20 });
        assert_eq!(places[2], Place { x: 0, y: 20, w: 24, h: 10 });
    }

    #[test]
    fn columns_are_as_wide_in_the_last_row() {
        let names = ["a", "b", "c"].map(|name| name.parse().unwrap());
        let places = Dashboard::of_services("All", names, 2).unwrap().places();
        assert_eq!(places[2], Place { x: 0, y: 10, w: 12, h: 10 });
        assert!(Dashboard::of_services("All", [], 2).is_err());
        assert!(Dashboard::of_services("All", ["a".parse().unwrap()], 0).is_err());
        assert!(Dashboard::of_services("All", ["a".parse().unwrap()], 25).is_err());
    }

    #[test]
    fn what_does_not_fit_is_told_with_its_row() {
        let wrong = |rows: Vec<Vec<Panel>>| Dashboard::new("x", rows).unwrap_err().to_string();
        assert_eq!(wrong(vec![]), "a dashboard has 1 to 200 rows, not 0");
        assert_eq!(wrong(vec![row(&[None]), vec![]]), "a row has 1 to 24 panels; row 2 has 0");
        assert_eq!(wrong(vec![row(&[None; 25])]), "a row has 1 to 24 panels; row 1 has 25");
        for (parts, said) in [
            (vec![Some(0.01), None], "and not 0.01, in row 1"),
            (vec![Some(f64::NAN)], "and not NaN, in row 1"),
            (vec![Some(1.5)], "and not 1.5, in row 1"),
            (vec![Some(0.7), Some(0.7)], "add up to 1.400, more than 1, in row 1"),
            (vec![Some(1.0), None], "leave no room for the other panels in row 1"),
        ] {
            assert!(wrong(vec![row(&parts)]).ends_with(said), "{}", wrong(vec![row(&parts)]));
        }
        let web = || Panel::logs("web".parse().unwrap());
        let short = web().time_from(TimeSpan::from_micros(1_500_000));
        assert_eq!(wrong(vec![vec![short]]), "`time_from` is at least a second, and whole seconds, in row 1");
        let never = web().period(TimeSpan::from_secs(0));
        assert_eq!(wrong(vec![vec![never]]), "`period` is at least a second, and whole seconds, in row 1");
        assert_eq!(wrong(vec![vec![web().text("")]]), "the `text` to look for is empty in row 1");
        for title in ["", "  ", "a\nb", &"x".repeat(190)] {
            assert!(matches!(Dashboard::new(title, vec![row(&[None])]), Err(DashboardError::Title { .. })));
        }
    }
}
