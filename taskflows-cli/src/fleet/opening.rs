//! The first lines of logs that several servers are followed in: they are put in order before any is shown.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io::{self, Write};
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{Instant, sleep};

use super::gathered::Shared;
use super::merge::in_order;
use super::reach::Order;

/// After so long without a line the servers have told what was written before.
const QUIET: Duration = Duration::from_millis(300);
/// So long a server is waited for that tells nothing.
const SILENT: Duration = Duration::from_secs(1);
/// After so long lines are shown that come without a pause.
const LONGEST: Duration = Duration::from_secs(2);

/// Lines that are held back until the servers have told what was written before.
#[derive(Debug)]
pub(super) struct Opening {
    servers: usize,
    held: RefCell<Held>,
}

#[derive(Debug, Default)]
struct Held {
    lines: Vec<(Timestamp, Vec<u8>)>,
    heard: BTreeSet<String>,
    is_open: bool,
}

impl Opening {
    pub(super) fn new(servers: usize) -> Self {
        Self { servers, held: RefCell::default() }
    }

    /// Writes lines of a server, or holds them back.
    pub(super) fn write<W: Write + ?Sized>(
        &self,
        out: &mut W,
        server: &str,
        time: Option<Timestamp>,
        lines: Vec<u8>,
    ) -> io::Result<()> {
        let mut held = self.held.borrow_mut();
        match time.filter(|_| !held.is_open) {
            None => out.write_all(&lines),
            Some(time) => {
                if !held.heard.contains(server) {
                    held.heard.insert(server.to_owned());
                }
                held.lines.push((time, lines));
                Ok(())
            }
        }
    }

    /// Waits until no more lines are expected that were written before.
    pub(super) async fn settled(&self) {
        let began = Instant::now();
        loop {
            let before = self.held.borrow().lines.len();
            sleep(QUIET).await;
            let held = self.held.borrow();
            let is_quiet = held.lines.len() == before;
            let are_all = held.heard.len() == self.servers || began.elapsed() >= SILENT;
            if (is_quiet && are_all) || began.elapsed() >= LONGEST {
                return;
            }
        }
    }

    /// Writes what was held back, and holds back nothing from now on.
    pub(super) fn open(&self, shared: &Shared<'_, '_>, order: Order) -> io::Result<()> {
        let mut held = self.held.borrow_mut();
        held.is_open = true;
        let mut lines = std::mem::take(&mut held.lines);
        in_order(&mut lines, order, |(time, _)| Some(*time));
        let mut ui = shared.borrow_mut();
        for (_, lines) in lines {
            ui.out.write_all(&lines)?;
        }
        ui.out.flush()
    }
}
