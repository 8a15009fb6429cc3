//! The host: clock, zones, pressure, directories, room, journal.

use super::super::facts::{
    Clock, DirectoryFacts, DirectoryUse, HostFacts, JournalFacts, Mode, Resource, Space, Survey, UnitFacts,
};
use super::super::finding::Finding;
use super::super::measure::bytes;
use super::{calendars, ours};

/// With less room than this, the next change or list may fail.
const LITTLE_ROOM: u64 = 100 << 20;

/// With fewer files than this, too.
const FEW_FILES: u64 = 1_000;

pub(super) fn judge(survey: &Survey, host: &HostFacts, findings: &mut Vec<Finding>) {
    findings.push(judge_clock(host.clock));
    judge_zones(survey, host, findings);
    judge_pressure(survey, host, findings);
    findings.extend(host.directories.iter().flat_map(|directory| judge_directory(directory, host.uid)));
    findings.extend(host.space.iter().map(judge_space));
    findings.push(judge_journal(&survey.journal));
}

fn judge_clock(clock: Clock) -> Finding {
    match clock {
        Clock::Synchronised => Finding::ok("clock", "clock", "is set by the network"),
        Clock::Unsynchronised => {
            Finding::warning("clock", "clock", "is not set by the network, so schedules may drift")
                .remedy("timedatectl set-ntp true (or start chronyd, ntpd)")
        }
        Clock::Unknown => {
            Finding::info("clock", "clock", "nobody here tells whether it is set by the network")
        }
    }
}

fn judge_zones(survey: &Survey, host: &HostFacts, findings: &mut Vec<Finding>) {
    const INSTALL: &str = "install the package tzdata";
    if !host.has_zones {
        let message = "/usr/share/zoneinfo is missing, so systemd knows no zone but UTC";
        findings.push(Finding::warning("zones", "time zones", message).remedy(INSTALL));
    } else if host.missing_zones.is_empty() {
        findings.push(Finding::ok("zones", "time zones", "are all there"));
    }
    for unit in ours(survey) {
        let missing = calendars(unit)
            .filter_map(|spec| spec.zone_name().map(str::to_owned))
            .find(|zone| zone != "UTC" && host.missing_zones.contains(zone));
        if let Some(zone) = missing {
            let message =
                format!("names the zone {zone}, which this host does not have, so it will not elapse");
            findings.push(Finding::error("zones", &unit.unit, message).remedy(INSTALL));
        }
    }
}

/// A limit on pressure that the kernel does not keep counts as met.
fn judge_pressure(survey: &Survey, host: &HostFacts, findings: &mut Vec<Finding>) {
    let resource = |key: &str| match key.strip_prefix("Condition").or_else(|| key.strip_prefix("Assert"))? {
        "CPUPressure" => Some((Resource::Cpu, "processor")),
        "MemoryPressure" => Some((Resource::Memory, "memory")),
        "IOPressure" => Some((Resource::Io, "IO")),
        _ => None,
    };
    let without = |unit: &UnitFacts| {
        let asked = unit.directives().iter().filter_map(|line| resource(&line.key));
        asked.filter(|(resource, _)| !host.pressure.contains_key(resource)).map(|(_, word)| word).next()
    };
    let mut all_kept = true;
    for unit in ours(survey) {
        if let Some(word) = without(unit) {
            all_kept = false;
            let message =
                format!("limits {word} pressure, which this kernel does not keep: the limit has no effect");
            findings.push(
                Finding::warning("pressure", &unit.unit, message)
                    .remedy("boot with psi=1 (a kernel with CONFIG_PSI)"),
            );
        }
    }
    if all_kept {
        let message = match host.pressure.len() {
            3 => "is kept by this kernel",
            _ => "is not kept by this kernel, and no unit needs it",
        };
        findings.push(Finding::ok("pressure", "pressure", message));
    }
}

fn judge_directory(directory: &DirectoryFacts, uid: u32) -> Vec<Finding> {
    let subject = directory.path.display().to_string();
    let name = directory.purpose.as_str();
    let mode = match &directory.mode {
        Err(reason) => {
            let message = format!("the {name} cannot be looked at: {reason}");
            return vec![
                Finding::error("directory", subject, message).remedy("give it back to yourself with chown"),
            ];
        }
        Ok(None) => {
            return vec![Finding::ok(
                "directory",
                subject,
                format!("the {name} is made when it is first needed"),
            )];
        }
        Ok(Some(mode)) => *mode,
    };
    if !mode.is_directory {
        let message = format!("the {name} is no directory");
        return vec![
            Finding::error("directory", &subject, message).remedy(format!("mv {subject} {subject}.old")),
        ];
    }
    let mut findings = wrong_mode(directory, &mode);
    if mode.owner != uid && !(mode.owner == 0 && directory.purpose != DirectoryUse::Security) {
        let message = format!("the {name} belongs to the user with id {}", mode.owner);
        findings.push(
            Finding::error("directory", &subject, message).remedy(format!("sudo chown {uid} {subject}")),
        );
    }
    if findings.is_empty() {
        let message = format!("the {name} is yours (mode {:04o})", mode.bits);
        findings.push(Finding::ok("directory", subject, message));
    }
    findings
}

/// Who may write where units are may run anything as their user.
fn wrong_mode(directory: &DirectoryFacts, mode: &Mode) -> Vec<Finding> {
    let subject = directory.path.display().to_string();
    let name = directory.purpose.as_str();
    let shown = format!("{:04o}", mode.bits);
    let is_private = directory.purpose == DirectoryUse::Security;
    if mode.bits & 0o022 != 0 {
        let message = format!("others may write to the {name} (mode {shown}), and so run commands as you");
        let bits = if is_private { 0o700 } else { mode.bits & 0o755 };
        return vec![
            Finding::error("directory", &subject, message).remedy(format!("chmod {bits:04o} {subject}")),
        ];
    }
    if is_private && mode.bits & 0o077 != 0 {
        let message = format!("others may look into the {name} (mode {shown})");
        return vec![Finding::error("directory", &subject, message).remedy(format!("chmod 0700 {subject}"))];
    }
    if mode.bits & 0o300 != 0o300 {
        let message = format!("you may not write to the {name} (mode {shown})");
        return vec![Finding::error("directory", &subject, message).remedy(format!("chmod u+rwx {subject}"))];
    }
    Vec::new()
}

fn judge_space(space: &Space) -> Finding {
    let subject = space.path.display().to_string();
    let little = space.free_bytes < LITTLE_ROOM;
    let few = space.free_files.is_some_and(|files| files < FEW_FILES);
    if little || few {
        let message = match (little, space.free_files) {
            (false, Some(files)) => format!("only {files} more files fit its file system"),
            _ => format!("only {} are free on its file system", bytes(space.free_bytes)),
        };
        let remedy = format!("free some room; `df -h {subject}` shows how much there is");
        return Finding::warning("space", subject, message).remedy(remedy);
    }
    Finding::ok("space", subject, format!("{} are free", bytes(space.free_bytes)))
}

fn judge_journal(journal: &JournalFacts) -> Finding {
    if let Some(reason) = &journal.unreadable {
        return Finding::warning("journal", "journal", format!("cannot be read: {reason}"))
            .remedy("sudo usermod -aG systemd-journal $USER, and log in again");
    }
    match journal.is_persistent {
        Some(false) => {
            Finding::warning("journal", "journal", "is kept in memory: logs and history end with a reboot")
                .remedy("sudo mkdir -p /var/log/journal && sudo systemctl restart systemd-journald")
        }
        _ => Finding::ok("journal", "journal", "can be read and outlives a reboot"),
    }
}
