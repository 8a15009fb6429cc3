//! The manager: whether it answers, is new enough, and outlives the session.

use super::super::facts::{HostFacts, Linger, Silence, Survey, UnitFacts};
use super::super::finding::Finding;
use super::{ours, systemctl};

/// taskflows is tested with this version and later ones.
const OLDEST: u32 = 250;

/// Directives with the version of systemd that first knew them. Source: systemd's NEWS, and systemd.unit(5),
/// systemd.service(5), systemd.exec(5), systemd.resource-control(5), systemd.timer(5).
const SINCE: [(&str, u32); 29] = [
    ("LoadCredential", 247),
    ("SetCredential", 247),
    ("FixedRandomDelay", 247),
    ("CPUQuotaPeriodSec", 242),
    ("OOMPolicy", 243),
    ("AllowedCPUs", 244),
    ("ManagedOOMSwap", 247),
    ("ManagedOOMMemoryPressure", 247),
    ("ManagedOOMPreference", 248),
    ("ExecSearchPath", 250),
    ("OnClockChange", 242),
    ("OnTimezoneChange", 242),
    ("Upholds", 249),
    ("OnSuccess", 249),
    ("PropagatesStopTo", 249),
    ("StopPropagatedFrom", 249),
    ("ConditionMemoryPressure", 250),
    ("ConditionCPUPressure", 250),
    ("ConditionIOPressure", 250),
    ("AssertMemoryPressure", 250),
    ("AssertCPUPressure", 250),
    ("AssertIOPressure", 250),
    ("LoadCredentialEncrypted", 250),
    ("RestartSteps", 254),
    ("RestartMaxDelaySec", 254),
    ("RestartMode", 254),
    ("MemoryZSwapMax", 253),
    ("ImportCredential", 254),
    ("DeferReactivation", 257),
];

/// Releases of the year 2024 in which a condition on the pressure of processors reads the number that kernels
/// since 5.13 still keep. Any that is older, of the same line, may read one that is always 0.
const READS_PROCESSOR_PRESSURE: [(u32, u32); 5] = [(252, 30), (253, 25), (254, 20), (255, 12), (256, 5)];

pub(super) fn judge(survey: &Survey, host: &HostFacts, findings: &mut Vec<Finding>) {
    match &survey.manager {
        Err(silence) => findings.push(unreachable(survey, silence)),
        Ok(manager) => {
            let message = format!("answers; systemd {}", manager.version);
            findings.push(Finding::ok("manager", &manager.name, message));
            findings.extend(judge_version(survey, &manager.version));
        }
    }
    findings.push(judge_linger(survey, host));
    if survey.is_interrupted {
        let message = "an earlier change was cut off in the middle";
        findings.push(
            Finding::warning("interrupted", survey.unit_directory.display().to_string(), message)
                .remedy("run the last tf create or tf remove again"),
        );
    }
}

fn unreachable(survey: &Survey, silence: &Silence) -> Finding {
    let (subject, remedy) = match (survey.is_user_scope, silence.is_absent) {
        (true, true) => ("the systemd user manager", "loginctl enable-linger (starts it now and at boot)"),
        (true, false) => ("the systemd user manager", "journalctl --user -n 50 (what it last said)"),
        (false, true) => ("the systemd manager", "systemctl status (containers often have no systemd)"),
        (false, false) => ("the systemd manager", "journalctl _PID=1 -n 50 (what it last said)"),
    };
    Finding::error("manager", subject, format!("does not answer: {}", silence.reason)).remedy(remedy)
}

/// Reads `252.38-1~deb12u1` as 252 and 38.
fn numbers(version: &str) -> Option<(u32, u32)> {
    let part = |text: &str| text.chars().take_while(char::is_ascii_digit).collect::<String>().parse().ok();
    let (major, rest) = version.split_once('.').unwrap_or((version, ""));
    Some((part(major.trim_start_matches('v'))?, part(rest).unwrap_or(0)))
}

fn judge_version(survey: &Survey, version: &str) -> Vec<Finding> {
    let Some((major, point)) = numbers(version) else { return Vec::new() };
    let mut findings = Vec::new();
    if major < OLDEST {
        let message = format!("is older than {OLDEST}, the oldest that taskflows is made for");
        findings.push(
            Finding::warning("version", format!("systemd {version}"), message)
                .remedy(format!("upgrade systemd to {OLDEST} or later")),
        );
    }
    for unit in ours(survey) {
        findings.extend(too_new(unit, version, major));
    }
    if !reads_processor_pressure(major, point) {
        let uses = |unit: &&UnitFacts| unit.directives().iter().any(|line| line.key.ends_with("CPUPressure"));
        findings.extend(ours(survey).filter(uses).map(|unit| {
            let message = format!(
                "systemd {version} may read processor pressure as 0 always, so that its limit never holds it back"
            );
            Finding::warning("version", &unit.unit, message).remedy(
                "upgrade systemd to 252.30, 255.12, 257 or later",
            )
        }));
    }
    findings
}

/// Finds the lines that this version does not know: it ignores them with no more than a line in the journal.
fn too_new(unit: &UnitFacts, version: &str, major: u32) -> Option<Finding> {
    let since = |key: &str| SINCE.iter().find(|(known, since)| *known == key && *since > major);
    let (key, since) = unit.directives().iter().find_map(|line| since(&line.key))?;
    let message = format!("uses {key}=, which systemd {version} does not know and ignores");
    Some(
        Finding::error("version", &unit.unit, message)
            .remedy(format!("upgrade systemd to {since} or later, or leave it out")),
    )
}

fn reads_processor_pressure(major: u32, point: u32) -> bool {
    major >= 257 || READS_PROCESSOR_PRESSURE.iter().any(|(line, first)| *line == major && point >= *first)
}

/// Without lingering a user's services end with the last session, and timers do not elapse until the next.
fn judge_linger(survey: &Survey, host: &HostFacts) -> Finding {
    if !survey.is_user_scope {
        return Finding::ok("linger", "the system scope", "does not depend on a session");
    }
    match &host.linger {
        Linger::On => Finding::ok("linger", "services", "go on while you are logged out"),
        Linger::NoLogind => Finding::info(
            "linger",
            "logind",
            "does not run, so no logout ends the manager; nor does a boot start it",
        ),
        Linger::Off { user } => {
            let starts: Vec<&UnitFacts> = ours(survey).filter(|unit| unit.is_enabled).collect();
            let remedy = format!("loginctl enable-linger {user}");
            match starts.first() {
                Some(first) => {
                    let more = match starts.len() - 1 {
                        0 => String::new(),
                        more => format!(" and {more} more"),
                    };
                    let message =
                        format!("is off: {}{more} will not run while you are logged out", first.unit);
                    Finding::error("linger", format!("lingering of {user}"), message).remedy(remedy)
                }
                None => {
                    Finding::info("linger", format!("lingering of {user}"), "is off; nothing is enabled yet")
                        .remedy(remedy)
                }
            }
        }
    }
}

/// Names what lists the state of everything, for remedies.
pub(super) fn show_unit(survey: &Survey, unit: &str) -> String {
    format!("{} status {unit}", systemctl(survey))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_distributions_write_them() {
        for (text, read) in [
            ("252.38-1~deb12u1", Some((252, 38))),
            ("257", Some((257, 0))),
            ("v256.4-1.fc41", Some((256, 4))),
            ("249 (249.11-0ubuntu3)", Some((249, 11))),
            ("next", None),
        ] {
            assert_eq!(numbers(text), read, "{text}");
        }
    }

    #[test]
    fn old_releases_misread_processor_pressure() {
        for ((major, point), reads) in
            [((250, 9), false), ((252, 22), false), ((252, 38), true), ((256, 1), false), ((257, 0), true)]
        {
            assert_eq!(reads_processor_pressure(major, point), reads, "{major}.{point}");
        }
    }
}
