//! Where this process keeps its alerts, and what is known of its host.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use jiff::tz::TimeZone;
use taskflows_alerts::outbox::{AlertStore, MemoryAlertStore, Outbox};
use taskflows_alerts::task_events::RunFacts;
use taskflows_core::grafana::Explore;
use taskflows_store::{SqliteRunStore, Store};

/// Used where it exists and can be written, as `tf` does.
const SHARED_DATA: &str = "/opt/taskflows/data";

/// What is kept of alerts and runs.
pub(super) struct Kept {
    pub(super) alerts: Arc<dyn AlertStore>,
    pub(super) outbox: Arc<dyn Outbox>,
    /// `None` where nothing outlives this process.
    pub(super) runs: Option<SqliteRunStore>,
}

/// Returns what this process keeps, in `state.db` beside what `tf` keeps. Where that cannot be used it is in memory: a
/// task is told of all the same, for as long as its process lives.
pub(super) fn kept() -> &'static Kept {
    static KEPT: OnceLock<Kept> = OnceLock::new();
    KEPT.get_or_init(|| {
        let directory = data_directory(&|name| std::env::var_os(name).map(PathBuf::from));
        let opened = directory.as_deref().map(|path| (path, Store::open(path)));
        match opened {
            Some((path, Ok(store))) => Kept {
                alerts: Arc::new(store.clone()),
                outbox: Arc::new(store),
                runs: Some(SqliteRunStore::new(path)),
            },
            failed => {
                let error = failed.and_then(|(_, store)| store.err()).map(|error| error.to_string());
                let error = error.unwrap_or_else(|| "neither TASKFLOWS_DATA_DIR nor HOME is set".to_owned());
                tracing::warn!(error, "alerts are kept in memory: they are lost with this process");
                let store = Arc::new(MemoryAlertStore::default());
                Kept { alerts: store.clone(), outbox: store, runs: None }
            }
        }
    })
}

fn data_directory(variable: &dyn Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    let absolute = |name: &str| variable(name).filter(|path| path.is_absolute());
    if let Some(path) = absolute("TASKFLOWS_DATA_DIR") {
        return Some(path);
    }
    let shared = Path::new(SHARED_DATA);
    if rustix::fs::access(shared, rustix::fs::Access::WRITE_OK).is_ok() {
        return Some(shared.to_owned());
    }
    let state = absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")));
    state.map(|path| path.join("taskflows"))
}

/// Begins what is told of a task of this process.
pub(super) fn facts(task: &str) -> RunFacts {
    let text = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = host.trim().split('.').next().filter(|host| !host.is_empty()).unwrap_or("localhost");
    let mut facts = RunFacts::new(task, host);
    facts.explore = text("TASKFLOWS_GRAFANA").map(|url| Explore::new(&url));
    let zone = text("TASKFLOWS_DISPLAY_TIMEZONE").and_then(|name| TimeZone::get(&name).ok());
    facts.zone = zone.unwrap_or(TimeZone::UTC);
    facts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_stands_where_tf_looks_for_it() {
        let among = |all: &'static [(&str, &str)]| {
            move |name: &str| all.iter().find(|(own, _)| *own == name).map(|(_, path)| PathBuf::from(path))
        };
        let chosen = among(&[("TASKFLOWS_DATA_DIR", "/a"), ("HOME", "/home/me")]);
        assert_eq!(data_directory(&chosen), Some("/a".into()));
        if !Path::new(SHARED_DATA).exists() {
            let home = among(&[("TASKFLOWS_DATA_DIR", "relative"), ("HOME", "/home/me")]);
            assert_eq!(data_directory(&home), Some("/home/me/.local/state/taskflows".into()));
            assert_eq!(data_directory(&|_| None), None);
        }
    }
}
