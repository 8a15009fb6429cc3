//! What units need on this host: programs, files, directories, container engines.

use super::super::facts::{Engine, FileState, HostFacts, Reference, ReferenceUse, Survey, UnitFacts};
use super::super::finding::Finding;
use super::ours;

/// Without these a unit is not started. Source: systemd.unit(5).
const REQUIREMENTS: [&str; 3] = ["Requires", "Requisite", "BindsTo"];

/// Finds the services of ours that a unit requires and that are not installed; of others nothing is known here.
fn missing_units(survey: &Survey, unit: &UnitFacts) -> Vec<Finding> {
    let required = REQUIREMENTS.iter().flat_map(|key| unit.values(key)).flat_map(str::split_whitespace);
    let is_ours = |name: &&str| name.starts_with("taskflows-") && name.ends_with(".service");
    let is_there = |name: &str| {
        ours(survey).any(|other| other.unit == name && !matches!(other.file, FileState::Missing))
    };
    let finding = |name: &str| {
        let service = name.trim_start_matches("taskflows-").trim_end_matches(".service");
        Finding::error(
            "needs",
            &unit.unit,
            format!("requires {name}, which does not exist, so it never starts"),
        )
        .remedy(format!("define {service} and tf create FILE, or take it out of the definition"))
    };
    required.filter(is_ours).filter(|name| !is_there(name)).map(finding).collect()
}

pub(super) fn judge(survey: &Survey, host: &HostFacts, findings: &mut Vec<Finding>) {
    let mut complete = 0;
    for unit in ours(survey) {
        let FileState::Ours { references, .. } = &unit.file else { continue };
        let missing = references.iter().filter_map(|needed| Some((needed, host.missing.get(needed)?)));
        let before = findings.len();
        findings.extend(missing.map(|(needed, how)| absent(&unit.unit, needed, how)));
        findings.extend(missing_units(survey, unit));
        complete += usize::from(findings.len() == before && !references.is_empty());
    }
    if complete > 0 {
        let message = format!("what {} is there", needs(complete));
        findings.push(Finding::ok("needs", "programs and files", message));
    }
    judge_engines(survey, host, findings);
}

fn needs(units: usize) -> String {
    format!("{} need{}", super::count(units, "unit"), if units == 1 { "s" } else { "" })
}

fn absent(unit: &str, needed: &Reference, how: &str) -> Finding {
    let (message, remedy) = words_for(needed, how);
    Finding::error("needs", unit, message).remedy(remedy)
}

/// Says what of a unit's needs is not there, `reads variables from a.env, which does not exist`, and what helps.
pub(in crate::inspect) fn words_for(needed: &Reference, how: &str) -> (String, String) {
    let path = &needed.path;
    match needed.purpose {
        ReferenceUse::Program if path.contains('/') => {
            (format!("runs {path}, {how}"), "install it, or give its right path in the definition".to_owned())
        }
        ReferenceUse::Program => (
            format!("runs {path}, which is in none of the directories in which systemd looks"),
            format!("give its full path in the definition (command -v {path})"),
        ),
        ReferenceUse::EnvironmentFile => (
            format!("reads variables from {path}, {how}"),
            format!("write {path}, or take it out of the definition"),
        ),
        ReferenceUse::WorkingDirectory => (format!("works in {path}, {how}"), format!("mkdir -p {path}")),
        ReferenceUse::Credential => {
            (format!("reads a secret from {path}, {how}"), format!("install -m 600 /dev/stdin {path}"))
        }
    }
}

fn judge_engines(survey: &Survey, host: &HostFacts, findings: &mut Vec<Finding>) {
    for engine in &host.engines {
        let user = ours(survey).find(|unit| runs(&unit.file, engine));
        let Some(unit) = user else {
            findings.push(idle(engine));
            continue;
        };
        match (&engine.program, &engine.trouble) {
            // That its program is missing is told of each unit.
            (None, _) => {}
            (Some(_), Some(trouble)) => {
                let message = format!("does not answer, and {} needs it: {trouble}", unit.unit);
                let remedy = match engine.options.as_slice() {
                    [] => format!("sudo systemctl start {0}; {0} info", engine.name),
                    options => format!("{} {} info", engine.name, options.join(" ")),
                };
                findings.push(Finding::error("container", &engine.name, message).remedy(remedy));
            }
            (Some(_), None) => {
                let message = match engine.options.as_slice() {
                    [] => "answers".to_owned(),
                    options => format!("answers ({})", options.join(" ")),
                };
                findings.push(Finding::ok("container", &engine.name, message));
            }
        }
    }
}

fn runs(file: &FileState, engine: &Engine) -> bool {
    let FileState::Ours { references, .. } = file else { return false };
    references.iter().any(|needed| needed.engine() == Some(&engine.name) && needed.options == engine.options)
}

fn idle(engine: &Engine) -> Finding {
    let message = match (&engine.program, &engine.trouble) {
        (None, _) => "is not installed, and no unit needs it",
        (Some(_), Some(_)) => "does not answer, and no unit needs it",
        (Some(_), None) => "answers",
    };
    match engine.trouble {
        Some(_) => Finding::info("container", &engine.name, message),
        None => Finding::ok("container", &engine.name, message),
    }
}
