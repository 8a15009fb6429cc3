//! Rules from facts about a host to findings.

mod host;
mod manager;
mod references;
mod units;

pub(super) use references::words_for;

use std::path::Path;

use jiff::Timestamp;

use super::facts::{DirectoryUse, FileState, HostFacts, Questions, Survey, UnitFacts};
use super::finding::Finding;
use crate::schedule::{CalendarSpec, Zones};

/// Returns what a [`HostProbe`](crate::effects::HostProbe) has to look at for `survey`.
///
/// `security` is the directory of security settings.
pub fn questions(survey: &Survey, security: Option<&Path>) -> Questions {
    let mut questions = Questions {
        is_user_scope: survey.is_user_scope,
        directories: vec![
            (DirectoryUse::Units, survey.unit_directory.clone()),
            (DirectoryUse::State, survey.state_directory.clone()),
        ],
        ..Questions::default()
    };
    questions.directories.extend(security.map(|path| (DirectoryUse::Security, path.to_owned())));
    for unit in ours(survey) {
        if let FileState::Ours { references, .. } = &unit.file {
            questions.references.extend(references.iter().cloned());
        }
        questions.zones.extend(calendars(unit).filter_map(|spec| spec.zone_name().map(str::to_owned)));
    }
    questions.references.sort();
    questions.references.dedup();
    questions.zones.sort();
    questions.zones.dedup();
    questions
}

/// Judges a host: the worst findings first, and what is as it should be last.
pub fn diagnose(survey: &Survey, host: &HostFacts, now: Timestamp, zones: &Zones) -> Vec<Finding> {
    let mut findings = Vec::new();
    manager::judge(survey, host, &mut findings);
    host::judge(survey, host, &mut findings);
    units::judge(survey, now, zones, &mut findings);
    references::judge(survey, host, &mut findings);
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    findings
}

/// Iterates over the units that are named as ours are, where the directory could be read.
fn ours(survey: &Survey) -> impl Iterator<Item = &UnitFacts> {
    survey.units.iter().flatten()
}

/// Iterates over the calendar expressions of a timer that can be read.
fn calendars(unit: &UnitFacts) -> impl Iterator<Item = CalendarSpec> {
    unit.values("OnCalendar").filter_map(|text| text.parse().ok())
}

/// Writes `systemctl --user` or `systemctl`.
fn systemctl(survey: &Survey) -> &'static str {
    if survey.is_user_scope { "systemctl --user" } else { "systemctl" }
}

/// Writes `1 unit`, `2 units`.
fn count(number: usize, word: &str) -> String {
    format!("{number} {word}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests;
