use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::{Line, Sink};

/// Shows lines to people.
#[derive(Debug, Default)]
pub(super) struct Console {
    dropped: AtomicU64,
}

impl Console {
    /// Whether colours are shown: on a terminal whose owner does not mind them.
    pub(super) fn is_coloured() -> bool {
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        !no_color && io::stdout().is_terminal()
    }
}

impl Sink for Console {
    fn write(&self, line: &Line<'_>) {
        let mut stdout = io::stdout().lock();
        if stdout.write_all(line.json).and_then(|()| stdout.write_all(b"\n")).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn flush(&self, _limit: Duration) -> bool {
        io::stdout().lock().flush().is_ok()
    }

    fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    fn last_error(&self) -> Option<String> {
        None
    }
}
