//! Limits on what a service may use: one model, written as systemd's directives or as flags of a container engine.

mod parts;
mod table;

use std::collections::BTreeMap;

use thiserror::Error;

pub use parts::{
    BlockWeight, Capability, CpuList, Device, DevicePath, DeviceRule, ManagedOom, OomPolicy, OomPreference,
    OomScore, OwnerName, Percent, Positive, Weight,
};
use table::TABLE;

use crate::{ByteSize, TimeSpan, UnitPath, VariableName, VariableValue};

/// What a service may use of the machine, and what it may do to it.
///
/// Around a plain process these are directives of the unit; around a container they are flags of the engine, which
/// keeps its containers in control groups of its own. What one of the two has no word for is refused there, not
/// dropped. Source: systemd.resource-control(5), systemd.exec(5), docker-run(1).
///
/// ```
/// use taskflows_core::CgroupConfig;
///
/// let limits = CgroupConfig { memory_limit: Some("2GB".parse()?), ..CgroupConfig::default() };
/// assert!(limits.directives().contains(&("MemoryMax", "2147483648".to_owned())));
/// assert_eq!(limits.flags(), ["--memory=2147483648"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CgroupConfig {
    /// Processor time in a period, in microseconds.
    pub cpu_quota: Option<Positive>,
    /// The period of `cpu_quota` in microseconds, 1,000 to 1,000,000; 100,000 unless told.
    pub cpu_period: Option<Positive>,
    /// The share of processor time beside others, 100 being usual.
    pub cpu_weight: Option<Weight>,
    /// The same on the scale of container engines, 1024 being usual.
    pub cpu_shares: Option<Positive>,
    /// The processors it may run on.
    pub cpuset_cpus: Option<CpuList>,
    /// The most memory; beyond it the kernel kills.
    pub memory_limit: Option<ByteSize>,
    /// Beyond so much memory it is slowed down and its memory taken back. Engines know no such bound: around a
    /// container it is the limit, where no `memory_limit` is told.
    pub memory_high: Option<ByteSize>,
    /// What it is held to when memory is short.
    pub memory_reservation: Option<ByteSize>,
    /// Memory that is left to it while others have some to give.
    pub memory_low: Option<ByteSize>,
    /// Memory that is never taken from it; around a container, memory that is left to it as by `memory_low`.
    pub memory_min: Option<ByteSize>,
    /// The most memory and swap together.
    pub memory_swap_limit: Option<ByteSize>,
    /// The most swap.
    pub memory_swap_max: Option<ByteSize>,
    /// How readily its memory is swapped out; containers only.
    pub memory_swappiness: Option<Percent>,
    /// The share of input and output beside others, 100 being usual.
    pub io_weight: Option<Weight>,
    /// The same on the scale of container engines, a tenth of that of control groups.
    pub blkio_weight: Option<BlockWeight>,
    /// The most bytes a second read from each device.
    pub device_read_bps: BTreeMap<DevicePath, ByteSize>,
    /// The most bytes a second written to each device.
    pub device_write_bps: BTreeMap<DevicePath, ByteSize>,
    /// The most reads a second from each device.
    pub device_read_iops: BTreeMap<DevicePath, Positive>,
    /// The most writes a second to each device.
    pub device_write_iops: BTreeMap<DevicePath, Positive>,
    /// The most processes and threads.
    pub pids_limit: Option<Positive>,
    /// The most open files of a process.
    pub nofile_limit: Option<Positive>,
    /// How readily the kernel kills it when memory is gone.
    pub oom_score_adj: Option<OomScore>,
    /// What becomes of the rest when one process of it was killed for memory.
    pub oom_policy: Option<OomPolicy>,
    /// Whether systemd-oomd may kill it when swap runs out.
    pub managed_oom_swap: Option<ManagedOom>,
    /// Whether systemd-oomd may kill it under memory pressure.
    pub managed_oom_memory_pressure: Option<ManagedOom>,
    /// The memory pressure from which it may.
    pub managed_oom_memory_pressure_limit: Option<Percent>,
    /// Whether systemd-oomd should rather take others.
    pub managed_oom_preference: Option<OomPreference>,
    /// The file system is read-only for it.
    pub read_only_rootfs: bool,
    /// Capabilities it must do without; `ALL` is all of them.
    pub cap_drop: Vec<Capability>,
    /// Capabilities it keeps, or for a container gets.
    pub cap_add: Vec<Capability>,
    /// Devices it may use.
    pub devices: Vec<Device>,
    /// Rules for devices by their numbers; containers only.
    pub device_cgroup_rules: Vec<DeviceRule>,
    /// Environment variables; those of the service win.
    pub environment: BTreeMap<VariableName, VariableValue>,
    /// The user it runs as.
    pub user: Option<OwnerName>,
    /// The group it runs as; for a container, one more group.
    pub group: Option<OwnerName>,
    /// The directory it runs in; that of the service wins.
    pub working_dir: Option<UnitPath>,
    /// How long a start may take.
    pub timeout_start: Option<TimeSpan>,
    /// How long a stop may take before it is killed.
    pub timeout_stop: Option<TimeSpan>,
}

/// The period of a processor quota where none is told, in microseconds.
pub(crate) const DEFAULT_PERIOD: i64 = 100_000;

/// The least memory that docker lets a container have, in bytes.
const LEAST_MEMORY: u64 = 6 << 20;

impl CgroupConfig {
    /// Returns the lines of `[Service]` that hold a process to it.
    ///
    /// `environment` and `working_dir` are not among them: the service's own come first.
    pub fn directives(&self) -> Vec<(&'static str, String)> {
        let accounting = ["CPUAccounting", "MemoryAccounting", "IOAccounting", "TasksAccounting"];
        let mut lines: Vec<_> = accounting.map(|key| (key, "yes".to_owned())).into();
        lines.extend(TABLE.iter().filter_map(|rule| rule.directive).flat_map(|write| write(self)));
        lines
    }

    /// Returns the flags that make `docker run` or `podman run` hold a container to it, each one argument.
    ///
    /// `environment` and `working_dir` are not among them, as for [`CgroupConfig::directives`].
    pub fn flags(&self) -> Vec<String> {
        let written = TABLE.iter().filter_map(|rule| rule.flag).flat_map(|write| write(self));
        written
            .map(|(flag, value)| if value.is_empty() { flag.to_owned() } else { format!("{flag}={value}") })
            .collect()
    }

    /// Looks for what cannot be, and for what has no meaning around a container, or without one.
    ///
    /// # Errors
    /// Names the first such field.
    pub fn check(&self, in_container: bool) -> Result<(), CgroupError> {
        let error = |field, reason: &str| Err(CgroupError { field, reason: reason.to_owned() });
        let sizes = [
            ("memory_limit", self.memory_limit),
            ("memory_high", self.memory_high),
            ("memory_reservation", self.memory_reservation),
            ("memory_low", self.memory_low),
            ("memory_min", self.memory_min),
            ("memory_swap_limit", self.memory_swap_limit),
        ];
        if let Some((field, _)) =
            sizes.into_iter().find(|(_, size)| size.is_some_and(|size| size.bytes() == 0))
        {
            return error(field, "is zero");
        }
        for rule in TABLE {
            let (said, how) = match in_container {
                true => (rule.flag.is_some(), "has no meaning for a container"),
                false => (rule.directive.is_some(), "has a meaning for a container only"),
            };
            if !said && (rule.is_set)(self) {
                return error(rule.key, how);
            }
        }
        if self.cpu_period.is_some_and(|period| !(1_000..=1_000_000).contains(&period.get())) {
            return error("cpu_period", "is not between 1000 and 1000000 microseconds");
        }
        match in_container {
            true => self.check_around()?,
            false if self.devices.iter().any(|device| device.inside.is_some()) => {
                return error("devices", "name a path within a container, and there is none");
            }
            false => {}
        }
        match (self.memory_swap_limit, self.memory_swap_max) {
            (Some(_), Some(_)) => {
                error("memory_swap_limit", "says what `memory_swap_max` says otherwise: leave one out")
            }
            (Some(limit), None) if self.memory_limit.is_none_or(|memory| memory > limit) => error(
                "memory_swap_limit",
                "counts memory and swap together, so it needs a `memory_limit` below it",
            ),
            (None, Some(_)) if in_container && self.most_memory().is_none() => {
                error("memory_swap_max", "needs a `memory_limit` around a container")
            }
            _ if !in_container && !self.cap_add.is_empty() && !self.drops_all() => error(
                "cap_add",
                "keeps capabilities of those that `cap_drop = [\"ALL\"]` takes; without it nothing is added",
            ),
            _ => Ok(()),
        }
    }

    /// What an engine refuses when the container is made, which may be at night.
    fn check_around(&self) -> Result<(), CgroupError> {
        let error = |field, reason: &str| Err(CgroupError { field, reason: reason.to_owned() });
        match (self.most_memory(), self.reserved_memory()) {
            (Some(most), _) if most.bytes() < LEAST_MEMORY => {
                error("memory_limit", "is less than the 6MB that a container needs")
            }
            (Some(most), Some(reserved)) if most < reserved => {
                error("memory_reservation", "is more than the limit")
            }
            _ if self.cpu_quota.is_some_and(|quota| quota.get() < 1_000) => {
                error("cpu_quota", "is less than 1000 microseconds, the least around a container")
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn drops_all(&self) -> bool {
        self.cap_drop.iter().any(Capability::is_all)
    }

    /// Returns the most memory that a container engine is told, which knows no other upper bound.
    pub(crate) fn most_memory(&self) -> Option<ByteSize> {
        self.memory_limit.or(self.memory_high)
    }

    /// Returns the memory that an engine is told to leave to a container.
    pub(crate) fn reserved_memory(&self) -> Option<ByteSize> {
        self.memory_reservation.or(self.memory_high).or(self.memory_low).or(self.memory_min)
    }
}

/// Returns the key of every field that stands in the table, in order.
#[cfg(test)]
pub(crate) fn keys() -> Vec<&'static str> {
    TABLE.iter().map(|rule| rule.key).collect()
}

/// A limit that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{field}` {reason}")]
pub struct CgroupError {
    field: &'static str,
    reason: String,
}

impl CgroupError {
    /// Returns the field that is wrong.
    pub fn field(&self) -> &'static str {
        self.field
    }
}
