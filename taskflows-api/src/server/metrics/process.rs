//! What this process uses, by the names that every client library of Prometheus has.

use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// A tick of `/proc`, the same on every Linux that is left. Source: proc_pid_stat(5), times(2).
const TICKS_PER_SECOND: f64 = 100.0;

/// Registers what the system tells of this process; what it does not tell is left out.
pub(super) fn register(registry: &mut Registry) {
    if let Some(seconds) = cpu_seconds() {
        let counter: Counter<f64, AtomicU64> = Counter::default();
        counter.inc_by(seconds);
        registry.register("process_cpu_seconds", "Processor time that was used", counter);
    }
    let memory = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    for (field, name, help) in [
        ("VmRSS:", "process_resident_memory_bytes", "Memory that is used"),
        ("VmSize:", "process_virtual_memory_bytes", "Memory that is reserved"),
    ] {
        if let Some(kib) = kib(&memory, field) {
            gauge(registry, name, help, kib * 1_024);
        }
    }
    if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
        let open = i64::try_from(open.count()).unwrap_or(i64::MAX);
        gauge(registry, "process_open_fds", "Files and connections that are open", open);
    }
}

fn gauge(registry: &mut Registry, name: &str, help: &str, value: i64) {
    let gauge: Gauge = Gauge::default();
    gauge.set(value);
    registry.register(name, help, gauge);
}

/// Reads user and system time, which are the 14th and 15th field; the second may hold anything, in parentheses.
fn cpu_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<f64>().ok();
    Some((ticks()? + ticks()?) / TICKS_PER_SECOND)
}

fn kib(status: &str, field: &str) -> Option<i64> {
    status.lines().find_map(|line| line.strip_prefix(field))?.trim().strip_suffix(" kB")?.parse().ok()
}
