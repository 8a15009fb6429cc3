use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::OptionFuture;
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, wait, waitpid};
use taskflows_core::ExitKind;
use taskflows_journal::JournalEntry;
use tokio::time::{Instant, sleep_until, timeout};

use super::command::{ProcessCommand, StartError};
use super::outputs::Outputs;
use super::pump::Pump;
use super::signals::{Heard, Signals, ends};
use super::tail::Tail;
use super::tree::Tree;

/// How one attempt of a command went.
#[derive(Debug)]
pub(crate) struct Ended {
    /// What the process did.
    pub(crate) exit: ExitKind,
    /// Whether it was ended because it took too long.
    pub(crate) is_timed_out: bool,
    /// The signal by which somebody wanted the run to end.
    pub(crate) cancelled: Option<Signal>,
    /// Its last lines.
    pub(crate) tail: String,
    /// Why not all of its output arrived.
    pub(crate) lost: Option<io::Error>,
}

/// What is the same for every attempt.
pub(crate) struct Attempts<'a> {
    pub(crate) command: &'a ProcessCommand,
    pub(crate) outputs: &'a Outputs,
    /// Whether somebody who wants an end kills what does not end by itself.
    pub(crate) is_managed: bool,
}

impl Attempts<'_> {
    /// Starts the command and waits for its end, which comes after `limit` at the latest, and the time it is given to end.
    pub(crate) async fn make(
        &self,
        limit: Option<Duration>,
        variables: &[(&str, String)],
        fields: &JournalEntry,
        signals: &mut Signals,
    ) -> Result<Ended, StartError> {
        let tail = Arc::new(Mutex::new(Tail::default()));
        let (stdio, pipes) = self.outputs.connect(fields).map_err(StartError::Output)?.split();
        let pumps = pipes.pump(&tail).map_err(StartError::Output)?;
        let child = self.command.start(stdio, variables)?;
        let leader = Pid::from_child(&child);
        let leads = !self.command.shares_group;
        let tree = Tree { leader, leads, adopts: self.command.adopts };
        let watched = self.watch(tree, limit, signals).await;
        let (lost, late) = self.drain(pumps, watched.is_stopped(), signals).await;
        let tail = tail.lock().unwrap_or_else(PoisonError::into_inner).text();
        let Watched { exit, is_timed_out, cancelled } = watched;
        Ok(Ended { exit, is_timed_out, cancelled: cancelled.or(late), tail, lost })
    }

    /// Waits until the process that was started is gone, and sees to what it left.
    async fn watch(&self, tree: Tree, limit: Option<Duration>, signals: &mut Signals) -> Watched {
        let mut limit_at = limit.and_then(|limit| Instant::now().checked_add(limit));
        let mut kill_at = None;
        let (mut is_timed_out, mut cancelled, mut passed) = (false, None, None);
        let status = loop {
            let sleep = |at: Option<Instant>| OptionFuture::from(at.map(sleep_until));
            tokio::select! {
                heard = signals.next() => match heard {
                    Heard::Child => if let Some(status) = self.reap(tree.leader) {
                        break status;
                    },
                    Heard::Signal(signal) => {
                        passed = Some(signal);
                        // The terminal told the whole group already, and many a program goes on after Ctrl-C.
                        if !tree.leads && matches!(signal, Signal::INT | Signal::QUIT) {
                            continue;
                        }
                        tree.signal(signal);
                        if ends(signal) && cancelled.is_none() {
                            cancelled = Some(signal);
                            kill_at = kill_at.or_else(|| (!self.is_managed).then(|| self.kill_at())?);
                        }
                    }
                },
                Some(()) = sleep(limit_at) => {
                    (is_timed_out, limit_at) = (true, None);
                    tree.ask();
                    kill_at = self.kill_at();
                }
                Some(()) = sleep(kill_at) => {
                    kill_at = None;
                    tree.kill().await;
                    // Its end may have been told while it was killed.
                    if let Some(status) = self.reap(tree.leader) {
                        break status;
                    }
                }
            }
        };
        let exit = exit(status);
        // What ended by a signal that was passed on was wanted no longer.
        cancelled = cancelled.or_else(|| passed.filter(|signal| exit == ExitKind::Killed(signal.as_raw())));
        if is_timed_out || kill_at.is_some() {
            self.end_rest(tree, kill_at).await;
        } else if tree.has_group() {
            tree.end_group(self.command.kill_after).await;
        }
        Watched { exit, is_timed_out, cancelled }
    }

    fn kill_at(&self) -> Option<Instant> {
        Instant::now().checked_add(self.command.kill_after)
    }

    /// Ends what the process left though it was asked to end as well.
    async fn end_rest(&self, tree: Tree, kill_at: Option<Instant>) {
        while !tree.is_gone() {
            if kill_at.is_none_or(|at| Instant::now() >= at) {
                return tree.kill().await;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
            self.reap_others();
        }
    }

    /// Takes note of children that are dead, and returns how the one that was started ended, if it did.
    fn reap(&self, leader: Pid) -> Option<WaitStatus> {
        if !self.command.adopts {
            return waitpid(Some(leader), WaitOptions::NOHANG).ok()?.map(|(_, status)| status);
        }
        let mut own = None;
        while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
            if pid == leader {
                own = Some(status);
            }
        }
        own
    }

    fn reap_others(&self) {
        while self.command.adopts && matches!(wait(WaitOptions::NOHANG), Ok(Some(_))) {}
    }

    /// Waits until the output has arrived; whoever wants the run to end waits for a slow reader no longer than he would
    /// for the process. Returns why some was lost, and the signal that came meanwhile.
    async fn drain(
        &self,
        pumps: Vec<Pump>,
        is_stopped: bool,
        signals: &mut Signals,
    ) -> (Option<io::Error>, Option<Signal>) {
        let mut draining = std::pin::pin!(async {
            let mut lost = None;
            for mut pump in pumps {
                lost = lost.or(pump.drained().await);
            }
            lost
        });
        let patience = self.command.kill_after;
        if is_stopped {
            return (timeout(patience, draining).await.ok().flatten(), None);
        }
        let late = tokio::select! {
            biased;
            lost = &mut draining => return (lost, None),
            signal = signals.end() => signal,
        };
        (timeout(patience, draining).await.ok().flatten(), Some(late))
    }
}

struct Watched {
    exit: ExitKind,
    is_timed_out: bool,
    cancelled: Option<Signal>,
}

impl Watched {
    fn is_stopped(&self) -> bool {
        self.is_timed_out || self.cancelled.is_some()
    }
}

fn exit(status: WaitStatus) -> ExitKind {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => ExitKind::Exited(code),
        (None, Some(signal)) => ExitKind::Killed(signal),
        // Neither is waited for without being asked for.
        (None, None) => ExitKind::Exited(1),
    }
}
