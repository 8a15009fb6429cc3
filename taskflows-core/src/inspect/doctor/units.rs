//! The units: whether files and manager agree, and whether they do what they are for.

use jiff::Timestamp;

use super::super::facts::{FileState, LoadedUnit, Survey, UnitFacts};
use super::super::finding::Finding;
use super::manager::show_unit;
use super::{calendars, count, ours, systemctl};
use crate::schedule::Zones;

pub(super) fn judge(survey: &Survey, now: Timestamp, zones: &Zones, findings: &mut Vec<Finding>) {
    if let Err(reason) = &survey.units {
        let directory = survey.unit_directory.display().to_string();
        findings.push(
            Finding::error("units", &directory, format!("the unit files cannot be read: {reason}"))
                .remedy(format!("ls -ld {directory}")),
        );
        return;
    }
    let mut good = 0;
    for unit in ours(survey) {
        let before = findings.len();
        judge_file(survey, unit, findings);
        if let Some(loaded) = &unit.loaded {
            judge_loaded(survey, unit, loaded, findings);
        }
        if unit.is_timer() && unit.is_enabled {
            findings.extend(judge_timer(survey, unit, now, zones));
        }
        good += usize::from(findings.len() == before);
        findings.extend(switched_off(unit));
    }
    let message = match good {
        0 => "none is installed".to_owned(),
        _ => format!("{} as taskflows wrote them, and in force", count(good, "file")),
    };
    if good > 0 || ours(survey).next().is_none() {
        findings.push(Finding::ok("units", "unit files", message));
    }
}

fn judge_file(survey: &Survey, unit: &UnitFacts, findings: &mut Vec<Finding>) {
    let path = unit.path.display();
    findings.extend(match &unit.file {
        FileState::Ours { is_intact: true, .. } => None,
        FileState::Ours { is_intact: false, .. } => Some(
            Finding::warning("drift", &unit.unit, "was changed by hand since taskflows wrote it")
                .remedy("tf diff FILE shows how; tf create --force FILE writes over it"),
        ),
        FileState::Masked => Some(
            Finding::error(
                "masked",
                &unit.unit,
                "is empty or a link to /dev/null, so systemd never starts it",
            )
            .remedy(format!("rm {path}; tf create FILE")),
        ),
        FileState::Foreign { reason } => Some(
            Finding::warning(
                "foreign",
                &unit.unit,
                format!("is named as ours are, and is not ours: {reason}"),
            )
            .remedy(format!("mv {path} to another name, if taskflows is to use this one")),
        ),
        FileState::Unreadable { reason } => Some(
            Finding::error("units", &unit.unit, format!("cannot be read: {reason}"))
                .remedy(format!("ls -l {path}")),
        ),
        FileState::Missing => missing(survey, unit),
    });
}

/// Judges a unit that the manager has and the directory has not.
fn missing(survey: &Survey, unit: &UnitFacts) -> Option<Finding> {
    let loaded = unit.loaded.as_ref()?;
    let reload = format!("{} daemon-reload", systemctl(survey));
    if loaded.load_state == "not-found" {
        let message = "is needed by another unit or was removed, and there is no such file";
        let remedy = format!(
            "define it, or see what names it: {} list-dependencies --reverse {}",
            systemctl(survey),
            unit.unit
        );
        return Some(Finding::warning("drift", &unit.unit, message).remedy(remedy));
    }
    match &loaded.fragment {
        Some(fragment) if *fragment != unit.path => Some(Finding::info(
            "foreign",
            &unit.unit,
            format!("is named as ours are and comes from {}", fragment.display()),
        )),
        _ => Some(Finding::warning("drift", &unit.unit, "is loaded, and its file is gone").remedy(format!(
            "{} stop {}; {reload}",
            systemctl(survey),
            unit.unit
        ))),
    }
}

fn judge_loaded(survey: &Survey, unit: &UnitFacts, loaded: &LoadedUnit, findings: &mut Vec<Finding>) {
    let is_file = !matches!(unit.file, FileState::Missing | FileState::Masked);
    if is_file && matches!(loaded.load_state.as_str(), "bad-setting" | "error") {
        let message = format!("is not understood by systemd ({}), so it never starts", loaded.load_state);
        let remedy = format!("{}; tf create --force FILE", show_unit(survey, &unit.unit));
        findings.push(Finding::error("units", &unit.unit, message).remedy(remedy));
    } else if is_file && loaded.needs_reload {
        let message = "changed on disk since systemd read it, so what runs is not what stands there";
        let remedy = format!("{} daemon-reload", systemctl(survey));
        findings.push(Finding::warning("drift", &unit.unit, message).remedy(remedy));
    }
    if loaded.active_state == "failed" {
        findings.push(failed(survey, unit, loaded));
    }
}

fn failed(survey: &Survey, unit: &UnitFacts, loaded: &LoadedUnit) -> Finding {
    let ended = loaded.failure.as_ref().map(ToString::to_string);
    let message = match &ended {
        Some(ended) => format!("has failed: {ended}"),
        None => "has failed".to_owned(),
    };
    let limit = loaded.failure.as_ref().is_some_and(|end| end.result == "start-limit-hit");
    let remedy = match &unit.service {
        _ if limit => format!("mend the cause, then: {} reset-failed {}", systemctl(survey), unit.unit),
        Some(name) if !unit.is_timer() => format!("tf why {name}"),
        _ => show_unit(survey, &unit.unit),
    };
    let check = if limit { "start-limit" } else { "failed" };
    Finding::error(check, &unit.unit, message).remedy(remedy)
}

/// Tells of a unit that by its definition starts by itself, and was disabled.
fn switched_off(unit: &UnitFacts) -> Option<Finding> {
    let is_defined_so = unit.is_timer() || unit.values("X-Taskflows-Enabled").any(|value| value == "yes");
    let runs = unit.is_timer() && unit.loaded.as_ref().is_some_and(LoadedUnit::is_active);
    let name = unit.service.as_ref().filter(|_| is_defined_so && !unit.is_enabled && !runs)?;
    let message = match unit.is_timer() {
        true => "was disabled, so that nothing starts on its schedule",
        false => "was disabled, so that it does not start with the machine",
    };
    Some(Finding::info("disabled", &unit.unit, message).remedy(format!("tf enable {name}")))
}

/// Judges a timer that should elapse one day.
fn judge_timer(survey: &Survey, unit: &UnitFacts, now: Timestamp, zones: &Zones) -> Option<Finding> {
    if !matches!(unit.file, FileState::Ours { .. }) {
        return None;
    }
    let name = unit.service.as_ref().map_or_else(|| unit.unit.clone(), ToString::to_string);
    let broken = unit
        .loaded
        .as_ref()
        .is_some_and(|timer| timer.load_state != "loaded" || timer.active_state == "failed");
    if broken {
        return None;
    }
    if never_fires(unit, now, zones) {
        let message = "is enabled and will never elapse again: its times are all in the past, or impossible";
        let remedy = format!("change its schedule, or: tf disable {name}");
        return Some(Finding::warning("never", &unit.unit, message).remedy(remedy));
    }
    let inactive = !unit.loaded.as_ref().is_some_and(LoadedUnit::is_active);
    if survey.manager.is_ok() && inactive {
        let message =
            "is enabled and does not run, so nothing starts on schedule before the next boot or login";
        return Some(
            Finding::error("timer", &unit.unit, message).remedy(format!("tf start {name} --timers")),
        );
    }
    None
}

/// Tells whether every line of a timer is a calendar expression that has no elapse after `now`.
fn never_fires(unit: &UnitFacts, now: Timestamp, zones: &Zones) -> bool {
    let counts = |key: &str| {
        matches!(
            key,
            "OnActiveSec"
                | "OnBootSec"
                | "OnStartupSec"
                | "OnUnitActiveSec"
                | "OnUnitInactiveSec"
                | "OnClockChange"
                | "OnTimezoneChange"
        )
    };
    if unit.directives().iter().any(|line| counts(&line.key)) {
        return false;
    }
    // What cannot be read is systemd's to judge.
    let read = calendars(unit).count();
    let all = unit.values("OnCalendar").filter(|text| !text.is_empty()).count();
    all > 0
        && read == all
        && calendars(unit).all(|spec| match zones.resolve(&spec) {
            Ok(zone) => spec.next_after(now, &zone).is_none(),
            Err(_) => false,
        })
}
