//! What a plan means for people: when what is scheduled comes next, and what becomes of what runs.

use std::collections::{BTreeSet, HashSet};
use std::path::PathBuf;

use jiff::Timestamp;
use taskflows_core::effects::Next;
use taskflows_core::schedule::Zones;
use taskflows_core::{Change, Consequence, FileChange, Occasion, Run, Service, Step};

use super::list::foretell;
use crate::directory::{Changes, Installed, UnitDirectory};
use crate::journal::Latest;
use crate::unit::{Mark, Role, TimerLines, UnitName};

/// Directives of `[Service]` that are in force for a process which runs as soon as the manager has read
/// them, because they are about what comes later (its end, its restart) or are limits of its control group.
/// Seen on a manager that runs; whatever is not named here needs a restart.
const IN_FORCE_AT_ONCE: [&str; 18] = [
    "Restart",
    "RestartSec",
    "TimeoutStopSec",
    "ExecStop",
    "ExecStopPost",
    "ExecReload",
    "KillSignal",
    "KillMode",
    "SendSIGKILL",
    "SuccessExitStatus",
    "RestartPreventExitStatus",
    "MemoryMax",
    "MemoryLimit",
    "TasksMax",
    "CPUQuota",
    "RuntimeMaxSec",
    "CPUWeight",
    "CPUShares",
];

/// Everything that decides what a plan means.
pub(super) struct Weighing<'a> {
    started: HashSet<&'a str>,
    stopped: HashSet<&'a str>,
    linked: HashSet<&'a PathBuf>,
    unlinked: HashSet<&'a PathBuf>,
    active: BTreeSet<&'a str>,
    latest: Option<&'a Latest>,
    now: Timestamp,
    zones: &'a Zones,
}

/// One service whose change is weighed.
struct Case<'a> {
    step: &'a Step,
    /// As it is to be; `None` where it goes.
    service: Option<&'a Service>,
    /// As it is; `None` where it is new.
    installed: Option<&'a Installed>,
    runs: bool,
    last: Option<Run>,
}

impl<'a> Weighing<'a> {
    /// Weighs `changes` where `active` units run.
    pub(super) fn new(
        changes: &'a Changes,
        active: BTreeSet<&'a str>,
        latest: Option<&'a Latest>,
        now: Timestamp,
        zones: &'a Zones,
    ) -> Self {
        Self {
            started: changes.starts.iter().chain(&changes.resets).map(String::as_str).collect(),
            stopped: changes.stops.iter().map(String::as_str).collect(),
            linked: changes.links.iter().collect(),
            unlinked: changes.unlinks.iter().collect(),
            active,
            latest,
            now,
            zones,
        }
    }

    /// Returns what a step means.
    pub(super) fn of(
        &self,
        step: &Step,
        service: Option<&Service>,
        installed: Option<&Installed>,
    ) -> Vec<Consequence> {
        if step.change == Change::Unchanged {
            return Vec::new();
        }
        let runs = self.active.contains(UnitName::service(&step.name).to_string().as_str());
        let last = self.latest.and_then(|latest| latest.runs.run(&step.name));
        let case = Case { step, service, installed, runs, last };
        let mut told: Vec<Consequence> = case.source().into_iter().collect();
        match case.service.is_some_and(|service| installed.is_none() && service.start_schedule.is_empty()) {
            true => told.push(Consequence::WaitsForStart),
            false => told.extend(Role::ALL.into_iter().filter_map(|role| self.schedule(&case, role))),
        }
        told.extend(self.boot(&case));
        told.extend(self.disabled(&case));
        told.extend(self.run(&case));
        told.extend(step.change.files().iter().find_map(container_goes));
        told
    }

    /// Tells what becomes of one of its schedules.
    fn schedule(&self, case: &Case<'_>, role: Role) -> Option<Consequence> {
        let timer = UnitName { role, timer: true, service: case.step.name.clone() }.to_string();
        let file = case.step.change.files().iter().find(|file| file.file == timer)?;
        let is_new = case.installed.is_none();
        let starts = self.started.contains(timer.as_str());
        if let Some(text) = file.after.as_deref().filter(|_| role == Role::Main && starts) {
            let lines = TimerLines::read(text);
            if counts_from_past(text) {
                return Some(Consequence::StartsAtOnce);
            }
            if is_new && lines.calendars.is_empty() && lines.has_periods() && !lines.uncertain {
                return Some(Consequence::WaitsForStart);
            }
        }
        let (before, after) = (self.before(case, file, &timer), self.after(case, file, &timer));
        match after {
            // The new length of time is over already.
            Next::At(at) if at <= self.now && role == Role::Main => Some(Consequence::StartsAtOnce),
            _ => Consequence::of_schedule(occasion(role), is_new, before, after),
        }
    }

    /// Tells when the timer was to elapse next.
    fn before(&self, case: &Case<'_>, file: &FileChange, timer: &str) -> Next {
        match &file.before {
            None => Next::Unscheduled,
            Some(_) if !self.active.contains(timer) => Next::Off,
            Some(text) => self.foretell(text, case.runs, case.last.as_ref()),
        }
    }

    /// Tells when the timer elapses next once the change is in force.
    fn after(&self, case: &Case<'_>, file: &FileChange, timer: &str) -> Next {
        match &file.after {
            None => Next::Unscheduled,
            // It counts from now.
            Some(text) if self.started.contains(timer) => self.foretell(text, false, None),
            Some(text) if self.active.contains(timer) => self.foretell(text, case.runs, case.last.as_ref()),
            Some(_) => Next::Off,
        }
    }

    fn foretell(&self, text: &str, runs: bool, last: Option<&Run>) -> Next {
        foretell(&TimerLines::read(text), runs, last, self.now, self.zones)
    }

    /// Tells whether it starts with the machine from now on, or no longer.
    fn boot(&self, case: &Case<'_>) -> Option<Consequence> {
        case.service?;
        let link = UnitDirectory::link(&UnitName::service(&case.step.name));
        match (self.linked.contains(&link), self.unlinked.contains(&link)) {
            (true, _) => Some(Consequence::StartsAtBoot),
            (_, true) => Some(Consequence::StartsAtBootNoLonger),
            _ => None,
        }
    }

    /// Tells that it was disabled, with its timers, and stays so.
    fn disabled(&self, case: &Case<'_>) -> Option<Consequence> {
        let (installed, service) = (case.installed?, case.service?);
        let mut timers = installed.units.keys().filter(|unit| unit.timer).peekable();
        timers.peek()?;
        let is_off =
            !installed.is_enabled() && timers.all(|timer| !self.active.contains(timer.to_string().as_str()));
        (is_off && service.is_scheduled()).then_some(Consequence::StaysDisabled)
    }

    /// Tells what becomes of the run that is under way.
    fn run(&self, case: &Case<'_>) -> Option<Consequence> {
        let unit = UnitName::service(&case.step.name).to_string();
        if self.stopped.contains(unit.as_str()) {
            return Some(Consequence::Stops);
        }
        let service = case.service.filter(|_| case.runs)?;
        let file = case.step.change.files().iter().find(|file| file.file == unit);
        let (before, after) = match file.map(|file| (&file.before, &file.after)) {
            Some((Some(before), Some(after))) => (before, after),
            // The schedules alone change.
            _ => return Some(Consequence::RunContinues),
        };
        match reach(before, after) {
            Reach::Nothing => None,
            Reach::Running => Some(Consequence::AppliesAtOnce),
            Reach::Restart if service.start_schedule.is_empty() => Some(Consequence::RestartNeeded),
            Reach::Restart => Some(Consequence::RunContinues),
        }
    }
}

impl Case<'_> {
    /// Tells that it was defined elsewhere.
    fn source(&self) -> Option<Consequence> {
        let before = self.installed?.units.values().next()?.text.mark.source.clone();
        let after = self.service?.source.as_ref().map(|source| source.as_str().to_owned());
        (before != after).then_some(Consequence::ComesFrom { from: before, to: after })
    }
}

fn occasion(role: Role) -> Occasion {
    match role {
        Role::Main => Occasion::Run,
        Role::Stop => Occasion::Stop,
        Role::Restart => Occasion::Restart,
    }
}

/// Tells whether a timer that is started elapses at once: it counts from the start of the machine or of
/// the manager, which is longer ago. Source: systemd.timer(5), `OnBootSec=`.
fn counts_from_past(text: &str) -> bool {
    text.lines().any(|line| line.starts_with("OnBootSec=") || line.starts_with("OnStartupSec="))
}

/// What a changed service unit reaches of a run that is under way.
#[derive(Debug, PartialEq, Eq)]
enum Reach {
    /// Nothing of it changes.
    Nothing,
    /// All that changes is in force for it.
    Running,
    /// Something is not in force before a restart.
    Restart,
}

fn reach(before: &str, after: &str) -> Reach {
    let differ = |wanted: fn(&Directive<'_>) -> bool| {
        !directives(before).filter(wanted).eq(directives(after).filter(wanted))
    };
    match (differ(|line| !is_in_force_at_once(line)), differ(|_| true)) {
        (true, _) => Reach::Restart,
        (false, true) => Reach::Running,
        (false, false) => Reach::Nothing,
    }
}

/// Section, key and value of a line.
type Directive<'a> = (&'a str, &'a str, &'a str);

/// `[Unit]` is about the unit among others, which the manager minds without the process.
fn is_in_force_at_once((section, key, _): &Directive<'_>) -> bool {
    *section != "[Service]" || IN_FORCE_AT_ONCE.contains(key)
}

/// Iterates over the lines that say something to systemd.
fn directives(text: &str) -> impl Iterator<Item = Directive<'_>> {
    let mut section = "";
    text.lines().filter_map(move |line| {
        if line.starts_with('[') {
            section = line;
        }
        let (key, value) = line.split_once('=').filter(|_| !line.starts_with(['#', ';', '[']))?;
        (!key.starts_with("X-")).then_some((section, key, value))
    })
}

/// Tells of a container that is kept by `before` and not by `after`, or made from something else.
fn container_goes(change: &FileChange) -> Option<Consequence> {
    let container = |text: &Option<String>| Mark::read(text.as_deref()?)?.container;
    let before = container(&change.before)?;
    let kept = before.kept?;
    let is_same = container(&change.after).is_some_and(|after| {
        let definition = after.kept.map(|kept| kept.definition);
        after.name == before.name && definition.as_ref() == Some(&kept.definition)
    });
    (!is_same).then_some(Consequence::ContainerGoes { container: before.name })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(unit: (&str, &str), service: (&str, &str), reached: Reach) {
        let text = |unit: &str, service: &str| {
            format!("[Unit]\nDescription=x\nX-Taskflows-Hash={unit}{service}\n{unit}\n[Service]\n{service}\n")
        };
        assert_eq!(
            reach(&text(unit.0, service.0), &text(unit.1, service.1)),
            reached,
            "{unit:?} {service:?}"
        );
    }

    #[test]
    fn what_a_process_began_with_needs_a_restart() {
        check(("", ""), ("ExecStart=a", "ExecStart=b"), Reach::Restart);
        check(
            ("", ""),
            ("Environment=A=1\nEnvironment=A=2", "Environment=A=2\nEnvironment=A=1"),
            Reach::Restart,
        );
        check(("After=a.service", "After=b.service"), ("User=a", ""), Reach::Restart);
    }

    #[test]
    fn relations_and_limits_need_none() {
        check(("After=a.service", "After=b.service"), ("ExecStart=a", "ExecStart=a"), Reach::Running);
        check(("", ""), ("MemoryMax=1G\nExecStart=a", "ExecStart=a"), Reach::Running);
        check(("", ""), ("TimeoutStopSec=1", "TimeoutStopSec=2"), Reach::Running);
    }

    #[test]
    fn our_own_mark_is_nothing_to_a_process() {
        check(
            ("X-Taskflows-Source=/a", "X-Taskflows-Source=/b"),
            ("ExecStart=a", "ExecStart=a"),
            Reach::Nothing,
        );
    }
}
