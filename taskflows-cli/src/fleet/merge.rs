//! What several servers answered, as one result.

use jiff::Timestamp;
use serde_json::Value;
use std::cmp::Reverse;
use std::collections::HashSet;

use super::engine::Answer;
use super::gathered::{with_server, write_lines};
use super::reach::Order;
use super::verdict::End;
use crate::arguments::Format;
use crate::output::{Column, Grid, GridRow, Styled, data, whole, write_grid};
use crate::{CliError, Ui};

/// So many names of servers are shown of a long list.
const SHOWN: usize = 5;

/// Of a longer name of a server a table shows a part.
const LONGEST_NAME: usize = 16;

/// Writes names in one line; of many the first ones.
pub(super) fn listed(servers: &[&str]) -> String {
    match servers.len().checked_sub(SHOWN) {
        None | Some(0) => servers.join(", "),
        Some(more) => format!("{} and {more} more", servers[..SHOWN].join(", ")),
    }
}

/// Writes the results of all servers in the format that was asked for.
pub(super) fn show(
    ui: &mut Ui<'_>,
    format: Format,
    order: Order,
    answers: &[Answer],
) -> Result<(), CliError> {
    match format {
        Format::Json | Format::Jsonl | Format::Yaml => show_values(ui, format, order, answers),
        Format::Name => show_names(ui, order, answers),
        Format::Table | Format::Wide | Format::Raw => {
            show_grids(ui, format == Format::Wide, order, answers)?;
            show_entries(ui, format == Format::Raw, order, answers)?;
            show_texts(ui, answers)
        }
    }
}

/// Writes the remarks of all servers, each line with the name of its server before it; the same remarks once.
pub(super) fn show_remarks(ui: &mut Ui<'_>, answers: &[Answer]) -> Result<(), CliError> {
    ui.out.flush()?;
    for (servers, text) in alike(answers, |answer| &answer.status) {
        write_lines(&mut *ui.status, &format!("{}: ", listed(&servers)), text)?;
    }
    Ok(())
}

/// Returns what servers wrote, each text once with those that wrote it, in the order of the servers.
pub(super) fn alike<'a>(
    answers: impl IntoIterator<Item = &'a Answer>,
    text: impl Fn(&'a Answer) -> &'a Vec<u8>,
) -> Vec<(Vec<&'a str>, &'a [u8])> {
    let mut alike: Vec<(Vec<&str>, &[u8])> = Vec::new();
    for answer in answers {
        let text = text(answer);
        if text.is_empty() {
            continue;
        }
        match alike.iter_mut().find(|(_, other)| *other == text.as_slice()) {
            Some((servers, _)) => servers.push(&answer.server),
            None => alike.push((vec![&answer.server], text)),
        }
    }
    alike
}

fn show_values(ui: &mut Ui<'_>, format: Format, order: Order, answers: &[Answer]) -> Result<(), CliError> {
    let has_answered = |answer: &Answer| matches!(answer.end, End::Ended(_));
    let rows = answers.iter().flat_map(|answer| {
        answer.gathered.values.iter().map(|value| with_server(&answer.server, value.clone()))
    });
    let mut rows: Vec<Value> = rows.collect();
    if !answers.iter().any(has_answered) && rows.is_empty() {
        return Ok(());
    }
    let key = match order {
        Order::Servers => "",
        Order::OldestFirst { .. } => "time",
        Order::NextFirst { .. } => "at",
        Order::NewestFirst { .. } => "started",
    };
    let time = |row: &Value| row.get(key).and_then(Value::as_str).and_then(|text| text.parse().ok());
    in_order(&mut rows, order, time);
    data(ui, format, &rows)
}

/// Writes names as commands take them: `web1/backup`. Runs are no server's: their ids are each there once.
fn show_names(ui: &mut Ui<'_>, order: Order, answers: &[Answer]) -> Result<(), CliError> {
    let answering = answers.iter().filter(|answer| !answer.gathered.text.is_empty()).count();
    let is_of_runs = matches!(order, Order::NewestFirst { .. });
    for answer in answers {
        let before = if answering > 1 && !is_of_runs { format!("{}/", answer.server) } else { String::new() };
        if !answer.gathered.text.is_empty() {
            write_lines(ui.out, &before, &answer.gathered.text)?;
        }
    }
    Ok(())
}

/// Returns the names of servers as a table shows them: without the domain that all are in, and without the middle of what
/// is long still. Where two would be alike, they are whole.
fn shown(answers: &[Answer]) -> Vec<String> {
    let names: Vec<&str> = answers.iter().map(|answer| answer.server.as_str()).collect();
    let is_long = |name: &str| name.chars().count() > LONGEST_NAME;
    if !names.iter().any(|name| is_long(name)) {
        return names.into_iter().map(str::to_owned).collect();
    }
    let domain = |name: &str| name.find('.').map(|dot| name[dot..].to_owned());
    let common = names.first().and_then(|name| domain(name));
    let common = common.filter(|common| names.len() > 1 && names.iter().all(|name| name.ends_with(common)));
    let short = |name: &&str| {
        let name = name.strip_suffix(common.as_deref().unwrap_or_default()).unwrap_or(name);
        if !is_long(name) {
            return name.to_owned();
        }
        let letters: Vec<char> = name.chars().collect();
        let (first, last) = (&letters[..LONGEST_NAME / 2], &letters[letters.len() - LONGEST_NAME / 2 + 1..]);
        first.iter().chain(&['…']).chain(last).collect()
    };
    let shown: Vec<String> = names.iter().map(short).collect();
    let is_alike = shown.iter().collect::<HashSet<_>>().len() < names.len();
    if is_alike { names.into_iter().map(str::to_owned).collect() } else { shown }
}

fn show_grids(ui: &mut Ui<'_>, wide: bool, order: Order, answers: &[Answer]) -> Result<(), CliError> {
    let names =
        if wide { answers.iter().map(|answer| answer.server.clone()).collect() } else { shown(answers) };
    let longest = names.iter().map(|name| name.chars().count()).max().unwrap_or_default();
    let mut columns: Vec<Column> = vec![whole("SERVER", longest.max("SERVER".len()))];
    let first = answers.iter().flat_map(|answer| &answer.gathered.grids).next();
    let Some(first) = first else { return Ok(()) };
    columns.extend_from_slice(&first.columns);
    let row = |server: &str, row: &GridRow| {
        let cells = [Styled::from(server)].into_iter().chain(row.cells.iter().cloned());
        GridRow { cells: cells.collect(), time: row.time }
    };
    let rows = answers.iter().zip(&names).flat_map(|(answer, name)| {
        let rows = answer.gathered.grids.iter().flat_map(|grid| &grid.rows);
        rows.map(|one| row(name, one))
    });
    let mut rows: Vec<GridRow> = rows.collect();
    in_order(&mut rows, order, |row| row.time);
    write_grid(ui, &Grid { columns, rows }, wide)
}

/// Puts rows into their order where each has a time, and leaves as many as are wanted.
pub(super) fn in_order<T>(rows: &mut Vec<T>, order: Order, time: impl Fn(&T) -> Option<Timestamp>) {
    match order {
        Order::Servers => {}
        Order::OldestFirst { newest } => {
            rows.sort_by_key(&time);
            let more = rows.len().saturating_sub(newest.unwrap_or(usize::MAX));
            rows.drain(..more);
        }
        Order::NextFirst { at_most } => {
            rows.sort_by_key(&time);
            rows.truncate(at_most);
        }
        Order::NewestFirst { at_most } => {
            rows.sort_by_key(|row| Reverse(time(row)));
            rows.truncate(at_most);
        }
    }
}

/// Writes the entries of the logs of all servers in the order of time, each line with the name of its server before it.
fn show_entries(ui: &mut Ui<'_>, is_raw: bool, order: Order, answers: &[Answer]) -> Result<(), CliError> {
    let width = answers.iter().map(|answer| answer.server.chars().count()).max().unwrap_or_default();
    let entries = answers.iter().flat_map(|answer| {
        answer.gathered.entries.iter().map(|(time, text)| (*time, answer.server.as_str(), text.as_str()))
    });
    let mut entries: Vec<(Timestamp, &str, &str)> = entries.collect();
    in_order(&mut entries, order, |(time, ..)| Some(*time));
    for (_, server, text) in entries {
        let before = if is_raw { String::new() } else { format!("{server:<width$} ") };
        write_lines(ui.out, &before, text.as_bytes())?;
    }
    Ok(())
}

/// Writes the texts of all servers, each under the names of those that wrote it.
fn show_texts(ui: &mut Ui<'_>, answers: &[Answer]) -> Result<(), CliError> {
    for (index, (servers, text)) in alike(answers, |answer| &answer.gathered.text).into_iter().enumerate() {
        let gap = if index == 0 { "" } else { "\n" };
        writeln!(ui.out, "{gap}{}:", servers.join(", "))?;
        write_lines(ui.out, "", text)?;
    }
    Ok(())
}
