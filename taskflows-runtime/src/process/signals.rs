use std::fs;
use std::io;
use std::task::Poll;

use futures_util::future::poll_fn;
use rustix::process::Signal;
use tokio::signal::unix::{self, SignalKind};

/// What is passed on to the process.
const PASSED: [Signal; 6] =
    [Signal::TERM, Signal::INT, Signal::QUIT, Signal::HUP, Signal::USR1, Signal::USR2];

/// What came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// A child may be dead.
    Child,
    /// Somebody sent this.
    Signal(Signal),
}

/// The signals that this process is sent.
#[derive(Debug)]
pub(crate) struct Signals {
    child: unix::Signal,
    others: Vec<(Signal, unix::Signal)>,
}

impl Signals {
    /// Listens from now on. What was ignored when this process was started stays so, as `nohup` has it.
    pub(crate) fn listen() -> io::Result<Self> {
        let ignored = ignored();
        let mut others = Vec::new();
        for signal in PASSED.into_iter().filter(|signal| ignored >> (signal.as_raw() - 1) & 1 == 0) {
            others.push((signal, unix::signal(SignalKind::from_raw(signal.as_raw()))?));
        }
        Ok(Self { child: unix::signal(SignalKind::child())?, others })
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) -> Heard {
        poll_fn(|context| {
            for (signal, heard) in &mut self.others {
                if heard.poll_recv(context).is_ready() {
                    return Poll::Ready(Heard::Signal(*signal));
                }
            }
            self.child.poll_recv(context).map(|_| Heard::Child)
        })
        .await
    }

    /// Waits for one that ends the run.
    pub(crate) async fn end(&mut self) -> Signal {
        loop {
            match self.next().await {
                Heard::Signal(signal) if ends(signal) => return signal,
                _ => {}
            }
        }
    }
}

/// Tells whether a signal asks a process to end, and so the run.
pub(crate) fn ends(signal: Signal) -> bool {
    matches!(signal, Signal::TERM | Signal::INT | Signal::QUIT)
}

/// Returns the signals that are ignored, as bits. Source: proc_pid_status(5), `SigIgn`.
fn ignored() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default()
}
