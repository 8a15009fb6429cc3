use std::collections::BTreeMap;
use std::fmt::Display;

use serde_json::Value;

use super::service::variables;
use super::table::Table;
use crate::ByteSize;
use crate::service::{CgroupConfig, Device, DevicePath, Positive};

/// Writes every limit: one that is new is missing here until it is written.
#[expect(clippy::too_many_lines, reason = "a line for each limit")]
pub(super) fn limits(limits: &CgroupConfig) -> Value {
    let CgroupConfig {
        cpu_quota,
        cpu_period,
        cpu_weight,
        cpu_shares,
        cpuset_cpus,
        memory_limit,
        memory_high,
        memory_reservation,
        memory_low,
        memory_min,
        memory_swap_limit,
        memory_swap_max,
        memory_swappiness,
        io_weight,
        blkio_weight,
        device_read_bps,
        device_write_bps,
        device_read_iops,
        device_write_iops,
        pids_limit,
        nofile_limit,
        oom_score_adj,
        oom_policy,
        managed_oom_swap,
        managed_oom_memory_pressure,
        managed_oom_memory_pressure_limit,
        managed_oom_preference,
        read_only_rootfs,
        cap_drop,
        cap_add,
        devices,
        device_cgroup_rules,
        environment,
        user,
        group,
        working_dir,
        timeout_start,
        timeout_stop,
    } = limits;
    let mut table = Table::default();
    let texts: [(&str, Option<&dyn Display>); 28] = [
        ("cpu_quota", shown(cpu_quota)),
        ("cpu_period", shown(cpu_period)),
        ("cpu_weight", shown(cpu_weight)),
        ("cpu_shares", shown(cpu_shares)),
        ("cpuset_cpus", shown(cpuset_cpus)),
        ("memory_limit", shown(memory_limit)),
        ("memory_high", shown(memory_high)),
        ("memory_reservation", shown(memory_reservation)),
        ("memory_low", shown(memory_low)),
        ("memory_min", shown(memory_min)),
        ("memory_swap_limit", shown(memory_swap_limit)),
        ("memory_swap_max", shown(memory_swap_max)),
        ("memory_swappiness", shown(memory_swappiness)),
        ("io_weight", shown(io_weight)),
        ("blkio_weight", shown(blkio_weight)),
        ("pids_limit", shown(pids_limit)),
        ("nofile_limit", shown(nofile_limit)),
        ("oom_score_adj", shown(oom_score_adj)),
        ("oom_policy", shown(oom_policy)),
        ("managed_oom_swap", shown(managed_oom_swap)),
        ("managed_oom_memory_pressure", shown(managed_oom_memory_pressure)),
        ("managed_oom_memory_pressure_limit", shown(managed_oom_memory_pressure_limit)),
        ("managed_oom_preference", shown(managed_oom_preference)),
        ("user", shown(user)),
        ("group", shown(group)),
        ("working_dir", shown(working_dir)),
        ("timeout_start", shown(timeout_start)),
        ("timeout_stop", shown(timeout_stop)),
    ];
    texts.into_iter().for_each(|(key, text)| table.text(key, text));
    rates(&mut table, "device_read_bps", device_read_bps);
    rates(&mut table, "device_write_bps", device_write_bps);
    counts(&mut table, "device_read_iops", device_read_iops);
    counts(&mut table, "device_write_iops", device_write_iops);
    table.flag("read_only_rootfs", *read_only_rootfs);
    table.texts("cap_drop", cap_drop.iter().map(|one| one.as_str()));
    table.texts("cap_add", cap_add.iter().map(|one| one.as_str()));
    table.texts("devices", devices.iter().map(device));
    table.texts("device_cgroup_rules", device_cgroup_rules);
    variables(&mut table, "environment", environment);
    table.into()
}

fn shown<T: Display>(value: &Option<T>) -> Option<&dyn Display> {
    value.as_ref().map(|value| value as &dyn Display)
}

fn rates(table: &mut Table, key: &str, rates: &BTreeMap<DevicePath, ByteSize>) {
    table.pairs(key, rates.iter().map(|(device, rate)| (device.as_str(), rate.bytes().into())));
}

fn counts(table: &mut Table, key: &str, counts: &BTreeMap<DevicePath, Positive>) {
    table.pairs(key, counts.iter().map(|(device, count)| (device.as_str(), count.get().into())));
}

/// A container engine is always told a path inside; here one stands only where it was said.
fn device(device: &Device) -> String {
    match &device.inside {
        Some(inside) => format!("{}:{inside}:{}", device.path, device.rights()),
        None => format!("{}:{}", device.path, device.rights()),
    }
}
