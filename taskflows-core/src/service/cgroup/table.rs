use super::{CgroupConfig, DEFAULT_PERIOD};
use crate::ByteSize;

/// Keys and values, as one side writes them.
type Written = Vec<(&'static str, String)>;

/// How one field is said to systemd and to a container engine; `None` where there is no word for it.
pub(super) struct Rule {
    pub(super) key: &'static str,
    pub(super) is_set: fn(&CgroupConfig) -> bool,
    pub(super) directive: Option<fn(&CgroupConfig) -> Written>,
    pub(super) flag: Option<fn(&CgroupConfig) -> Written>,
}

fn one(key: &'static str, value: Option<impl ToString>) -> Written {
    value.map(|value| (key, value.to_string())).into_iter().collect()
}

fn bytes(key: &'static str, size: Option<ByteSize>) -> Written {
    one(key, size.map(ByteSize::bytes))
}

fn many(key: &'static str, values: impl Iterator<Item = String>) -> Written {
    values.map(|value| (key, value)).collect()
}

macro_rules! rule {
    ($field:ident, $is_set:expr, $directive:expr, $flag:expr) => {
        Rule { key: stringify!($field), is_set: $is_set, directive: $directive, flag: $flag }
    };
    // The usual one: a value, by one name on each side.
    ($field:ident: $directive:literal, $flag:literal) => {
        rule!(
            $field,
            |c| c.$field.is_some(),
            Some(|c| one($directive, c.$field)),
            Some(|c| one($flag, c.$field))
        )
    };
    // One that systemd alone has.
    ($field:ident: $directive:literal) => {
        rule!($field, |c| c.$field.is_some(), Some(|c| one($directive, c.$field)), None)
    };
}

/// Every field in the order in which it is written.
pub(super) static TABLE: &[Rule] = &[
    rule!(
        cpu_quota,
        |c| c.cpu_quota.is_some(),
        Some(|c| one("CPUQuota", quota(c))),
        Some(|c| one("--cpu-quota", c.cpu_quota))
    ),
    rule!(
        cpu_period,
        |c| c.cpu_period.is_some(),
        Some(|c| one("CPUQuotaPeriodSec", c.cpu_period.map(|period| format!("{period}us")))),
        Some(|c| one("--cpu-period", c.cpu_period))
    ),
    rule!(
        cpu_weight,
        |c| c.cpu_weight.is_some(),
        Some(|c| one("CPUWeight", c.cpu_weight)),
        Some(|c| one(
            "--cpu-shares",
            c.cpu_weight.filter(|_| c.cpu_shares.is_none()).map(|w| w.get() * 1024 / 100)
        ))
    ),
    rule!(
        cpu_shares,
        |c| c.cpu_shares.is_some(),
        Some(|c| one(
            "CPUWeight",
            c.cpu_shares.filter(|_| c.cpu_weight.is_none()).map(|s| weight_of(s.get()))
        )),
        Some(|c| one("--cpu-shares", c.cpu_shares))
    ),
    rule!(
        cpuset_cpus,
        |c| c.cpuset_cpus.is_some(),
        Some(|c| one("AllowedCPUs", c.cpuset_cpus.as_ref())),
        Some(|c| one("--cpuset-cpus", c.cpuset_cpus.as_ref()))
    ),
    rule!(
        memory_limit,
        |c| c.memory_limit.is_some(),
        Some(|c| bytes("MemoryMax", c.memory_limit)),
        Some(|c| bytes("--memory", c.most_memory()))
    ),
    rule!(
        memory_high,
        |c| c.memory_high.is_some(),
        Some(|c| bytes("MemoryHigh", c.memory_high)),
        // With the limit above and the reservation below.
        Some(|_| Vec::new())
    ),
    rule!(
        memory_reservation,
        |c| c.memory_reservation.is_some(),
        Some(reservation),
        Some(|c| bytes("--memory-reservation", c.reserved_memory()))
    ),
    rule!(
        memory_low,
        |c| c.memory_low.is_some(),
        Some(|c| bytes("MemoryLow", c.memory_low)),
        Some(|_| Vec::new())
    ),
    rule!(
        memory_min,
        |c| c.memory_min.is_some(),
        Some(|c| bytes("MemoryMin", c.memory_min)),
        Some(|_| Vec::new())
    ),
    rule!(
        memory_swap_limit,
        |c| c.memory_swap_limit.is_some(),
        Some(|c| {
            let swap = |(both, memory): (ByteSize, ByteSize)| both.bytes().saturating_sub(memory.bytes());
            one("MemorySwapMax", c.memory_swap_limit.zip(c.memory_limit).map(swap))
        }),
        Some(|c| bytes("--memory-swap", c.memory_swap_limit))
    ),
    rule!(
        memory_swap_max,
        |c| c.memory_swap_max.is_some(),
        Some(|c| bytes("MemorySwapMax", c.memory_swap_max)),
        Some(|c| {
            let both = |(swap, memory): (ByteSize, ByteSize)| swap.bytes().saturating_add(memory.bytes());
            one("--memory-swap", c.memory_swap_max.zip(c.most_memory()).map(both))
        })
    ),
    rule!(
        memory_swappiness,
        |c| c.memory_swappiness.is_some(),
        None,
        Some(|c| one("--memory-swappiness", c.memory_swappiness))
    ),
    rule!(
        io_weight,
        |c| c.io_weight.is_some(),
        Some(|c| one("IOWeight", c.io_weight)),
        Some(|c| {
            let scaled =
                c.io_weight.filter(|_| c.blkio_weight.is_none()).map(|w| (w.get() / 10).clamp(10, 1_000));
            one("--blkio-weight", scaled)
        })
    ),
    rule!(
        blkio_weight,
        |c| c.blkio_weight.is_some(),
        Some(|c| one("IOWeight", c.blkio_weight.filter(|_| c.io_weight.is_none()).map(|w| w.get() * 10))),
        Some(|c| one("--blkio-weight", c.blkio_weight))
    ),
    rule!(
        device_read_bps,
        |c| !c.device_read_bps.is_empty(),
        Some(|c| many(
            "IOReadBandwidthMax",
            c.device_read_bps.iter().map(|(d, n)| format!("{d} {}", n.bytes()))
        )),
        Some(|c| many(
            "--device-read-bps",
            c.device_read_bps.iter().map(|(d, n)| format!("{d}:{}", n.bytes()))
        ))
    ),
    rule!(
        device_write_bps,
        |c| !c.device_write_bps.is_empty(),
        Some(|c| many(
            "IOWriteBandwidthMax",
            c.device_write_bps.iter().map(|(d, n)| format!("{d} {}", n.bytes()))
        )),
        Some(|c| many(
            "--device-write-bps",
            c.device_write_bps.iter().map(|(d, n)| format!("{d}:{}", n.bytes()))
        ))
    ),
    rule!(
        device_read_iops,
        |c| !c.device_read_iops.is_empty(),
        Some(|c| many("IOReadIOPSMax", c.device_read_iops.iter().map(|(d, n)| format!("{d} {n}")))),
        Some(|c| many("--device-read-iops", c.device_read_iops.iter().map(|(d, n)| format!("{d}:{n}"))))
    ),
    rule!(
        device_write_iops,
        |c| !c.device_write_iops.is_empty(),
        Some(|c| many("IOWriteIOPSMax", c.device_write_iops.iter().map(|(d, n)| format!("{d} {n}")))),
        Some(|c| many("--device-write-iops", c.device_write_iops.iter().map(|(d, n)| format!("{d}:{n}"))))
    ),
    rule!(pids_limit: "TasksMax", "--pids-limit"),
    rule!(
        nofile_limit,
        |c| c.nofile_limit.is_some(),
        Some(|c| one("LimitNOFILE", c.nofile_limit)),
        Some(|c| one("--ulimit", c.nofile_limit.map(|n| format!("nofile={n}:{n}"))))
    ),
    rule!(oom_score_adj: "OOMScoreAdjust", "--oom-score-adj"),
    rule!(oom_policy: "OOMPolicy"),
    rule!(managed_oom_swap: "ManagedOOMSwap"),
    rule!(managed_oom_memory_pressure: "ManagedOOMMemoryPressure"),
    rule!(
        managed_oom_memory_pressure_limit,
        |c| c.managed_oom_memory_pressure_limit.is_some(),
        Some(|c| {
            let limit = c.managed_oom_memory_pressure_limit.map(|limit| format!("{limit}%"));
            one("ManagedOOMMemoryPressureLimit", limit)
        }),
        None
    ),
    rule!(managed_oom_preference: "ManagedOOMPreference"),
    rule!(
        read_only_rootfs,
        |c| c.read_only_rootfs,
        Some(|c| match c.read_only_rootfs {
            true => vec![("ProtectSystem", "strict".to_owned()), ("ReadOnlyPaths", "/".to_owned())],
            false => Vec::new(),
        }),
        Some(|c| one("--read-only", c.read_only_rootfs.then_some("")))
    ),
    rule!(
        cap_add,
        |c| !c.cap_add.is_empty(),
        // With those that are dropped.
        Some(|_| Vec::new()),
        Some(|c| many("--cap-add", c.cap_add.iter().map(|cap| cap.as_str().to_owned())))
    ),
    rule!(
        cap_drop,
        |c| !c.cap_drop.is_empty(),
        Some(bounding_set),
        Some(|c| many("--cap-drop", c.cap_drop.iter().map(|cap| cap.as_str().to_owned())))
    ),
    rule!(
        devices,
        |c| !c.devices.is_empty(),
        Some(|c| many(
            "DeviceAllow",
            c.devices.iter().map(|device| format!("{} {}", device.path, device.rights()))
        )),
        Some(|c| many("--device", c.devices.iter().map(ToString::to_string)))
    ),
    rule!(
        device_cgroup_rules,
        |c| !c.device_cgroup_rules.is_empty(),
        None,
        Some(|c| many("--device-cgroup-rule", c.device_cgroup_rules.iter().map(ToString::to_string)))
    ),
    rule!(
        user,
        |c| c.user.is_some(),
        Some(|c| one("User", c.user.as_ref())),
        Some(|c| one("--user", c.user.as_ref()))
    ),
    rule!(
        group,
        |c| c.group.is_some(),
        Some(|c| one("Group", c.group.as_ref())),
        Some(|c| one("--group-add", c.group.as_ref()))
    ),
    rule!(
        timeout_start,
        |c| c.timeout_start.is_some(),
        Some(|c| one("TimeoutStartSec", c.timeout_start)),
        // The unit's own line holds for what comes before the start.
        Some(|_| Vec::new())
    ),
    rule!(
        timeout_stop,
        |c| c.timeout_stop.is_some(),
        Some(|c| one("TimeoutStopSec", c.timeout_stop)),
        Some(|c| one("--stop-timeout", c.timeout_stop.map(|span| span.duration().as_secs().max(1))))
    ),
];

/// Returns the quota in percent of one processor. systemd reads two decimals.
fn quota(config: &CgroupConfig) -> Option<String> {
    let period = config.cpu_period.map_or(DEFAULT_PERIOD, |period| period.get());
    let hundredths = i128::from(config.cpu_quota?.get()) * 10_000 / i128::from(period);
    // A share too small to be written is the least one: zero would be no limit.
    let hundredths = hundredths.max(1);
    let (whole, part) = (hundredths / 100, hundredths % 100);
    Some(match part {
        0 => format!("{whole}%"),
        part => format!("{whole}.{}%", format!("{part:02}").trim_end_matches('0')),
    })
}

fn weight_of(shares: i64) -> i64 {
    (i128::from(shares) * 100 / 1024).clamp(1, 10_000) as i64
}

fn reservation(config: &CgroupConfig) -> Written {
    let reserved = config.memory_reservation;
    let high = bytes("MemoryHigh", reserved.filter(|_| config.memory_high.is_none()));
    let low = reserved
        .filter(|_| config.memory_low.is_none())
        .map(|size| size.bytes() / 4 * 3 + size.bytes() % 4 * 3 / 4);
    [high, one("MemoryLow", low)].concat()
}

/// Returns what is left of all capabilities: those that are kept where all go, else all but those that go.
fn bounding_set(config: &CgroupConfig) -> Written {
    let names = |capabilities: &[super::Capability]| {
        let names: Vec<String> =
            capabilities.iter().map(|capability| format!("CAP_{}", capability.as_str())).collect();
        names.join(" ")
    };
    match (config.drops_all(), config.cap_drop.is_empty()) {
        // Whoever is not root has none of those it may have, unless they are handed to it.
        (true, _) if config.user.is_some() && !config.cap_add.is_empty() => {
            ["CapabilityBoundingSet", "AmbientCapabilities"].map(|key| (key, names(&config.cap_add))).into()
        }
        (true, _) => vec![("CapabilityBoundingSet", names(&config.cap_add))],
        (false, false) => vec![("CapabilityBoundingSet", format!("~{}", names(&config.cap_drop)))],
        (false, true) => Vec::new(),
    }
}
