//! Units of our own beside those of services: what sends alerts, and what looks for missed runs.

use std::collections::BTreeMap;

use super::RenderContext;
use super::escape::{assignment, path, specifier_free};
use super::{mark, task};

/// The unit that waits for alerts. No service has units of such a name: theirs begin with `taskflows-`, `stop-` or
/// `restart-`.
pub const SENDER_PATH: &str = "own-taskflows-alerts.path";
/// The unit that sends them.
pub const SENDER_SERVICE: &str = "own-taskflows-alerts.service";
/// The unit that starts the look for missed runs.
pub const MONITOR_TIMER: &str = "own-taskflows-monitor.timer";
/// The unit that looks.
pub const MONITOR_SERVICE: &str = "own-taskflows-monitor.service";

/// The file in the data directory that is there while alerts wait to be sent.
pub const OUTBOX_DUE: &str = "outbox.due";

/// Tells whether a name is that of such a unit.
pub(crate) fn is_support_unit(name: &str) -> bool {
    [SENDER_PATH, SENDER_SERVICE, MONITOR_TIMER, MONITOR_SERVICE].contains(&name)
}

/// The variable by which `tf` finds its data where the usual place is not meant.
const DATA_DIRECTORY: &str = "TASKFLOWS_DATA_DIR";

/// Writes the units that any service with alerts needs, by their file names.
///
/// The sender is started when [`OUTBOX_DUE`] is there and again while it stays; the monitor each minute.
pub fn support_units(context: &RenderContext) -> BTreeMap<String, String> {
    let due = format!("{}/{OUTBOX_DUE}", path(&context.data_directory).trim_end_matches('/'));
    let units = [
        (SENDER_PATH, "Watches for alerts to send", String::new(), path_lines(&due), "default.target"),
        // Were it refused a start it would be given up; how often it starts is limited by the wait instead.
        (SENDER_SERVICE, "Sends alerts", "StartLimitIntervalSec=0\n".to_owned(), sender(context), ""),
        (
            MONITOR_TIMER,
            "Looks for missed runs each minute",
            String::new(),
            TIMER.to_owned(),
            "timers.target",
        ),
        // What ended the watch for alerts, it begins again.
        (MONITOR_SERVICE, "Looks for missed runs", format!("Wants={SENDER_PATH}\n"), monitor(context), ""),
    ];
    let unit = |(name, description, head, body, target): (&str, &str, String, String, &str)| {
        let install =
            if target.is_empty() { String::new() } else { format!("\n[Install]\nWantedBy={target}\n") };
        let text = format!(
            "# Written by taskflows for services with alerts; the next `tf create` writes it again.\n\
             [Unit]\nDescription={}\n{}{head}\n{body}{install}",
            specifier_free(description),
            mark::own_lines(&context.version),
        );
        (name.to_owned(), mark::seal(&text))
    };
    units.map(unit).into_iter().collect()
}

fn path_lines(due: &str) -> String {
    format!("[Path]\nPathExists={due}\nUnit={SENDER_SERVICE}\n")
}

/// Not at the full minute, when most services start.
const TIMER: &str = "[Timer]\nOnCalendar=*:*:30\nAccuracySec=1s\n";

/// That a message was given up (6) is told by its channel; to start again would not bring it back.
fn sender(context: &RenderContext) -> String {
    format!(
        "[Service]\nType=exec\nExecStart={}\n{}SuccessExitStatus=6\nRestart=on-failure\nRestartSec=15s\nTimeoutStopSec=30s\nNice=10\n\
         SyslogIdentifier=own-taskflows-alerts\n",
        task::own_command(context, &["alert", "send", "--linger"]),
        data_directory(context),
    )
}

/// The journal would have two lines of the manager's each minute.
fn monitor(context: &RenderContext) -> String {
    format!(
        "[Service]\nType=oneshot\nExecStart={}\n{}TimeoutStartSec=55s\nNice=10\nSyslogLevel=notice\n\
         LogLevelMax=notice\nSyslogIdentifier=own-taskflows-monitor\n",
        task::own_command(context, &["monitor", "check", "--no-fail"]),
        data_directory(context),
    )
}

fn data_directory(context: &RenderContext) -> String {
    told_directory(context).map_or(String::new(), |value| format!("Environment={value}\n"))
}

/// Returns the assignment of the variable by which a unit's `tf` finds our data, where that is to be told.
pub(super) fn told_directory(context: &RenderContext) -> Option<String> {
    context.tells_data_directory.then(|| assignment(DATA_DIRECTORY, context.data_directory.as_str()))
}
