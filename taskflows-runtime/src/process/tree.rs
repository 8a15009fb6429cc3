//! The processes that a command left, and their end.

use std::collections::BTreeSet;
use std::fs;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group, test_kill_process_group};
use tokio::time::sleep;

/// A process as `/proc` has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seen {
    pid: i32,
    parent: i32,
    group: i32,
    is_dead: bool,
}

/// Reads `/proc/PID/stat`. Source: proc_pid_stat(5).
fn read_stat(text: &str) -> Option<Seen> {
    let (pid, rest) = text.split_once(' ')?;
    // The name may hold anything, a parenthesis too; what follows it holds none.
    let mut fields = rest.rsplit_once(')')?.1.split_ascii_whitespace();
    let state = fields.next()?;
    Some(Seen {
        pid: pid.parse().ok()?,
        parent: fields.next()?.parse().ok()?,
        group: fields.next()?.parse().ok()?,
        is_dead: matches!(state, "Z" | "X" | "x"),
    })
}

fn all() -> Vec<Seen> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let is_process = |name: &str| name.bytes().all(|byte| byte.is_ascii_digit());
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok().filter(|name| is_process(name)))
        .filter_map(|pid| read_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?))
        .collect()
}

/// Returns the living of `processes` that are in the group of `leader` where it leads one, or descend from one of `roots`.
fn members(processes: &[Seen], roots: &[i32], group: Option<i32>) -> Vec<i32> {
    let mut family: BTreeSet<i32> = roots.iter().copied().collect();
    let in_group = |one: &&Seen| Some(one.group) == group;
    family.extend(processes.iter().filter(in_group).map(|one| one.pid));
    loop {
        let before = family.len();
        family.extend(
            processes
                .iter()
                .filter(|one| family.contains(&one.parent))
                .map(|one| one.pid)
                .collect::<Vec<_>>(),
        );
        if family.len() == before {
            break;
        }
    }
    let own = std::process::id() as i32;
    let lives = |one: &&Seen| !one.is_dead && one.pid != own && family.contains(&one.pid);
    processes.iter().filter(lives).map(|one| one.pid).collect()
}

/// The processes of one command.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tree {
    /// The process that was started.
    pub(crate) leader: Pid,
    /// Whether it leads a group of its own.
    pub(crate) leads: bool,
    /// Whether what loses its parent becomes our child, so that all our descendants are of this command.
    pub(crate) adopts: bool,
}

/// How long it is waited for processes to be gone that were killed. One that a device holds is not gone even then.
const KILLED: Duration = Duration::from_secs(2);

impl Tree {
    /// Sends a signal to the group, or where there is none to the process that was started.
    pub(crate) fn signal(&self, signal: Signal) {
        // One that is gone by now needs no signal.
        let _ = if self.leads {
            kill_process_group(self.leader, signal)
        } else {
            kill_process(self.leader, signal)
        };
    }

    /// Sends a signal to every process there is.
    fn signal_all(&self, signal: Signal) {
        let members = self.members();
        if self.leads {
            let _ = kill_process_group(self.leader, signal);
        }
        let group = if self.leads { Some(self.leader.as_raw_nonzero().get()) } else { None };
        let processes = all();
        for pid in members {
            let is_reached = processes.iter().any(|one| one.pid == pid && Some(one.group) == group);
            if let Some(pid) = Pid::from_raw(pid).filter(|_| !is_reached) {
                let _ = kill_process(pid, signal);
            }
        }
    }

    fn members(&self) -> Vec<i32> {
        let leader = self.leader.as_raw_nonzero().get();
        let own = std::process::id() as i32;
        let roots: &[i32] = if self.adopts { &[leader, own] } else { &[leader] };
        members(&all(), roots, self.leads.then_some(leader))
    }

    /// Tells whether the group still has processes in it.
    pub(crate) fn has_group(&self) -> bool {
        // Cheap where there are none, which is almost always; those that are dead and not waited for count as well.
        self.leads && test_kill_process_group(self.leader).is_ok() && !self.members_of_group().is_empty()
    }

    fn members_of_group(&self) -> Vec<i32> {
        let leader = self.leader.as_raw_nonzero().get();
        all().iter().filter(|one| one.group == leader && !one.is_dead).map(|one| one.pid).collect()
    }

    /// Ends what is left of the group after its leader: asks first, and kills after `kill_after`.
    pub(crate) async fn end_group(&self, kill_after: Duration) {
        self.signal(Signal::TERM);
        self.signal(Signal::CONT);
        if !gone(kill_after, || self.members_of_group().is_empty()).await {
            self.signal(Signal::KILL);
            gone(KILLED, || self.members_of_group().is_empty()).await;
        }
    }

    /// Asks every process to end.
    pub(crate) fn ask(&self) {
        self.signal_all(Signal::TERM);
        // One that was stopped hears it only then.
        self.signal_all(Signal::CONT);
    }

    /// Tells whether no process is left.
    pub(crate) fn is_gone(&self) -> bool {
        self.members().is_empty()
    }

    /// Kills every process until none is left.
    pub(crate) async fn kill(&self) {
        let began = Instant::now();
        while !self.is_gone() && began.elapsed() < KILLED {
            // What it forked in between is killed the next time.
            self.signal_all(Signal::KILL);
            sleep(Duration::from_millis(2)).await;
        }
    }
}

/// Waits until `is_gone` says so, at most `limit`.
async fn gone(limit: Duration, is_gone: impl Fn() -> bool) -> bool {
    let (began, mut pause) = (Instant::now(), Duration::from_millis(1));
    loop {
        if is_gone() {
            return true;
        }
        let left = limit.saturating_sub(began.elapsed());
        if left.is_zero() {
            return false;
        }
        sleep(pause.min(left)).await;
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_hold_anything() {
        let seen = read_stat("42 (a) R 7 (b)) S 7 40 40 0 -1").unwrap();
        assert_eq!(seen, Seen { pid: 42, parent: 7, group: 40, is_dead: false });
        assert!(read_stat("42 (x) Z 7 40 40").unwrap().is_dead);
        assert_eq!(read_stat("42"), None);
    }

    #[test]
    fn descendants_are_found_whatever_group_they_went_to() {
        let process = |pid, parent, group, is_dead| Seen { pid, parent, group, is_dead };
        let there = [
            process(10, 1, 10, true),
            process(11, 10, 10, false),
            process(12, 11, 12, false),
            process(13, 12, 12, false),
            process(14, 1, 10, false),
            process(15, 1, 15, false),
            process(16, 14, 16, true),
        ];
        assert_eq!(members(&there, &[10], Some(10)), [11, 12, 13, 14]);
        assert_eq!(members(&there, &[12], None), [12, 13]);
    }
}
