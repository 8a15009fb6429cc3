//! Whether the process that drives a run is still there.

use std::collections::HashMap;
use std::fs;

use taskflows_core::task::ProcessMark;

/// The running boot and the processes that were looked at, each once.
#[derive(Debug, Default)]
pub(crate) struct Processes {
    boot: Option<String>,
    started: HashMap<u32, Option<u64>>,
}

impl Processes {
    /// Tells whether the process of this mark is gone.
    pub(crate) fn is_gone(&mut self, mark: &ProcessMark) -> bool {
        let boot = self.boot.get_or_insert_with(|| boot_id().unwrap_or_default());
        // Where /proc tells nothing, nothing is known to be gone.
        if boot.is_empty() {
            return false;
        }
        let started = self.started.entry(mark.pid).or_insert_with(|| start_ticks(&mark.pid.to_string()));
        *boot != mark.boot || *started != Some(mark.started)
    }
}

/// Tells whether the process of a mark is gone; where `/proc` tells nothing, none is.
pub fn is_gone(mark: &ProcessMark) -> bool {
    Processes::default().is_gone(mark)
}

/// Returns the mark of this process; `None` where `/proc` does not tell it.
pub fn own_mark() -> Option<ProcessMark> {
    Some(ProcessMark { boot: boot_id()?, pid: std::process::id(), started: start_ticks("self")? })
}

fn boot_id() -> Option<String> {
    let text = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(text.trim().to_owned())
}

/// Returns when a process started; `None` where it is gone, or dead and only not yet waited for.
fn start_ticks(process: &str) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name may hold anything, a parenthesis too; what follows it holds none. Source: proc_pid_stat(5).
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    let state = fields.next()?;
    (!matches!(state, "Z" | "X" | "x")).then_some(())?;
    fields.nth(18)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_known_by_its_boot_number_and_start() {
        let own = own_mark().unwrap();
        let mut processes = Processes::default();
        assert!(!processes.is_gone(&own));
        assert!(processes.is_gone(&ProcessMark { started: own.started + 1, ..own.clone() }));
        assert!(processes.is_gone(&ProcessMark { boot: "another".to_owned(), ..own.clone() }));
        // Beyond the greatest number that Linux gives.
        assert!(processes.is_gone(&ProcessMark { pid: 1 << 23, ..own }));
    }

    #[test]
    fn a_process_that_nobody_has_waited_for_is_gone() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pid = child.id().to_string();
        let is_dead = || start_ticks(&pid).is_none();
        for _ in 0..2_000 {
            if is_dead() {
                break;
            }
            std::thread::yield_now();
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        assert!(is_dead());
        child.wait().unwrap();
    }
}
