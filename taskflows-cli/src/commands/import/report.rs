//! What is told of an import.

use std::fmt::Write as _;
use std::path::Path;

use jiff::Timestamp;
use serde::Serialize;
use taskflows_core::import::{Finding, Import, Imported, Verdict};

use crate::ui::harmless;
use crate::{App, Ui, show};

/// Where the text after the verdict begins.
const INDENT: usize = 13;

/// A line is no longer where the terminal does not say.
const WIDTH: u16 = 80;

/// One item as data.
#[derive(Serialize)]
pub(super) struct ItemRow<'a> {
    place: &'a str,
    source: &'a str,
    verdict: &'static str,
    name: Option<&'a str>,
    findings: Vec<FindingRow<'a>>,
    schedules: &'a [String],
    /// The first runs as they are now and as they will be: RFC 3339 in UTC.
    old: &'a [Timestamp],
    new: &'a [Timestamp],
    toml: Option<&'a str>,
}

#[derive(Serialize)]
struct FindingRow<'a> {
    part: &'a str,
    verdict: &'static str,
    text: &'a str,
    column: Option<usize>,
}

pub(super) fn rows(import: &Import) -> Vec<ItemRow<'_>> {
    import.items.iter().map(row).collect()
}

fn row(item: &Imported) -> ItemRow<'_> {
    ItemRow {
        place: &item.place,
        source: &item.source,
        verdict: item.verdict().as_str(),
        name: item.name.as_deref(),
        findings: item.findings.iter().map(finding).collect(),
        schedules: &item.schedules,
        old: &item.old,
        new: &item.new,
        toml: item.toml.as_deref(),
    }
}

fn finding(finding: &Finding) -> FindingRow<'_> {
    FindingRow {
        part: &finding.part,
        verdict: finding.verdict.as_str(),
        text: &finding.text,
        column: finding.column,
    }
}

/// Writes each item with its verdict, what is to be said of it, and its coming runs.
pub(super) fn report(app: &App, import: &Import, width: Option<u16>) -> String {
    let mut text = String::new();
    let width = usize::from(width.unwrap_or(WIDTH)).max(INDENT + 20);
    for item in &import.items {
        let name = item.name.as_ref().filter(|_| item.toml.is_some());
        let column = item.findings.iter().find_map(|finding| finding.column);
        let title = match (name, column) {
            (Some(name), _) => format!("{}: {name}", item.place),
            (None, Some(column)) => format!("{}, column {column}", item.place),
            (None, None) => item.place.clone(),
        };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{:<INDENT$}{}", item.verdict(), harmless(&title));
        for finding in item.findings.iter().filter(|finding| finding.verdict > Verdict::Exact) {
            tell_finding(&mut text, item, finding, width);
        }
        tell_kept(&mut text, item, width);
        tell_runs(&mut text, app, item);
    }
    text
}

fn tell_finding(text: &mut String, item: &Imported, finding: &Finding, width: usize) {
    if let Some(column) = finding.column {
        // A tab stays one, so that the sign stands below its place.
        let blank = |c: char| {
            if c == '\t' { "\t".to_owned() } else { " ".repeat(harmless(&c.to_string()).chars().count()) }
        };
        let before: String = item.source.chars().take(column.saturating_sub(1)).map(blank).collect();
        paragraph(text, &harmless(&finding.text), width);
        let _ = writeln!(text, "{:INDENT$}  {}", "", harmless(&item.source));
        let _ = writeln!(text, "{:INDENT$}  {}^", "", before);
    } else if !finding.text.is_empty() {
        paragraph(text, &harmless(&format!("{}: {}", finding.part, finding.text)), width);
    }
}

/// Writes what is kept, and how where that takes more than the name of a field.
fn tell_kept(text: &mut String, item: &Imported, width: usize) {
    let is_passed = |finding: &&Finding| finding.text == "passed through";
    let exact = || item.findings.iter().filter(|finding| finding.verdict == Verdict::Exact);
    let shown = |finding: &Finding| match finding.text.contains(' ') {
        true => format!("{} ({})", finding.part, finding.text),
        false => finding.part.clone(),
    };
    let kept: Vec<String> = exact().filter(|finding| !is_passed(finding)).map(shown).collect();
    let passed: Vec<String> = exact().filter(is_passed).map(|finding| finding.part.clone()).collect();
    for (how, parts) in [("kept", kept), ("passed through", passed)] {
        if item.toml.is_some() && !parts.is_empty() {
            paragraph(text, &harmless(&format!("{how}: {}", parts.join(", "))), width);
        }
    }
}

/// Writes words on as many lines as they take.
fn paragraph(text: &mut String, words: &str, width: usize) {
    let mut line = String::new();
    for word in words.split(' ') {
        if !line.is_empty() && INDENT + line.chars().count() + 1 + word.chars().count() > width {
            let _ = writeln!(text, "{:INDENT$}{line}", "");
            // What belongs to a paragraph stands a little further in.
            line = "  ".to_owned();
        }
        if !line.is_empty() && line != "  " {
            line.push(' ');
        }
        line.push_str(word);
    }
    let _ = writeln!(text, "{:INDENT$}{line}", "");
}

fn tell_runs(text: &mut String, app: &App, item: &Imported) {
    let time = |time: Option<&Timestamp>| time.map_or("-".to_owned(), |time| show::full(*time, &app.display));
    if item.toml.is_none() || (item.old.is_empty() && item.new.is_empty()) {
        return;
    }
    if item.old == item.new {
        let runs =
            if item.old.len() == 1 { "next run".to_owned() } else { format!("next {} runs", item.old.len()) };
        let _ = writeln!(text, "{:INDENT$}{runs} equal, the first {}", "", time(item.old.first()));
        return;
    }
    let _ = writeln!(text, "{:INDENT$}{:<30}new", "", "old");
    for (old, new) in side_by_side(&item.old, &item.new) {
        let _ = writeln!(text, "{:INDENT$}{:<30}{}", "", time(old), time(new));
    }
}

/// Puts equal times of two lists in one row. Where both have times left out at their ends, what only one
/// still holds says nothing.
fn side_by_side<'a>(
    old: &'a [Timestamp],
    new: &'a [Timestamp],
) -> Vec<(Option<&'a Timestamp>, Option<&'a Timestamp>)> {
    let end = match (old.last(), new.last()) {
        (Some(old), Some(new)) => *old.min(new),
        _ => Timestamp::MAX,
    };
    let mut all: Vec<&Timestamp> = old.iter().chain(new).filter(|time| **time <= end).collect();
    all.sort_unstable();
    all.dedup();
    all.into_iter()
        .map(|time| (old.iter().find(|own| *own == time), new.iter().find(|own| *own == time)))
        .collect()
}

/// Sums up, and tells what holds for all.
pub(super) fn conclude(ui: &mut Ui<'_>, import: &Import, written: Option<&Path>) {
    if import.items.is_empty() {
        return;
    }
    import.remarks.iter().for_each(|remark| ui.remark(format!("note: {remark}")));
    let count = |verdict| import.items.iter().filter(|item| item.verdict() == verdict).count();
    let counts = [Verdict::Exact, Verdict::Approximate, Verdict::Impossible]
        .into_iter()
        .filter(|verdict| count(*verdict) > 0)
        .map(|verdict| format!("{} {verdict}", count(verdict)));
    ui.remark(format!("{}.", counts.collect::<Vec<_>>().join(", ")));
    match (written, import.services()) {
        (None, _) => {}
        (Some(_), 0) => ui.remark("No service is left, so no file was written."),
        (Some(path), services) => {
            let services =
                if services == 1 { "1 service".to_owned() } else { format!("{services} services") };
            let path = path.display();
            ui.remark(format!("Wrote {services} to {path}; `tf create {path}` installs them."));
        }
    }
}
