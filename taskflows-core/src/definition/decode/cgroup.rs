use std::collections::BTreeMap;
use std::error::Error;
use std::str::FromStr;

use super::fields::{Fields, Reader};
use super::service::{VARIABLES, length, path, variables};
use crate::ByteSize;
use crate::definition::node::{Node, Value};
use crate::definition::problem::Problem;
use crate::definition::shape::{Object, Shape, field};
use crate::service::{
    BlockWeight, CgroupConfig, ManagedOom, OomPolicy, OomPreference, OomScore, Percent, Positive, Weight,
};

const COUNT: Shape = Shape::Whole(Positive::RANGE.0, Positive::RANGE.1);
const PERCENT: Shape = Shape::Whole(Percent::RANGE.0, Percent::RANGE.1);
const SHARE: Shape = Shape::Whole(Weight::RANGE.0, Weight::RANGE.1);
const BLOCK_SHARE: Shape = Shape::Whole(BlockWeight::RANGE.0, BlockWeight::RANGE.1);
const SCORE: Shape = Shape::Whole(OomScore::RANGE.0, OomScore::RANGE.1);
const TEXTS: Shape = Shape::OneOrMany(&Shape::Text);

static LIMITS: Object = Object {
    what: "a cgroup_config",
    fields: &[
        field("type", Shape::Words(&["CgroupConfig"]), "what it is, for files that say it of everything"),
        field(
            "cpu_quota",
            Shape::Any(&[COUNT, Shape::Pattern("^[0-9]+(\\.[0-9]+)?%$")]),
            "processor time in a period, in microseconds, or in percent of one processor: `\"50%\"`",
        ),
        field("cpu_period", COUNT, "the period of cpu_quota in microseconds, 100000 unless told"),
        field("cpu_weight", SHARE, "the share of processor time beside others, 100 being usual"),
        field("cpu_shares", COUNT, "the same on the scale of container engines, 1024 being usual"),
        field(
            "cpuset_cpus",
            Shape::Pattern("^[0-9]+(-[0-9]+)?(,[0-9]+(-[0-9]+)?)*$"),
            "processors it may run on: `0-3,8`",
        ),
        field("memory_limit", Shape::Size, "the most memory (MemoryMax=)"),
        field("memory_high", Shape::Size, "beyond so much memory it is slowed down (MemoryHigh=)"),
        field("memory_reservation", Shape::Size, "what it is held to when memory is short"),
        field(
            "memory_low",
            Shape::Size,
            "memory that is left to it while others have some to give (MemoryLow=)",
        ),
        field("memory_min", Shape::Size, "memory that is never taken from it (MemoryMin=)"),
        field("memory_swap_limit", Shape::Size, "the most memory and swap together"),
        field("memory_swap_max", Shape::Size, "the most swap (MemorySwapMax=)"),
        field("memory_swappiness", PERCENT, "how readily it is swapped out; containers only"),
        field("io_weight", SHARE, "the share of input and output beside others (IOWeight=)"),
        field("blkio_weight", BLOCK_SHARE, "the same on the scale of container engines"),
        field(
            "device_read_bps",
            Shape::Map(&Shape::Size),
            "devices, and the most bytes a second read from them",
        ),
        field(
            "device_write_bps",
            Shape::Map(&Shape::Size),
            "devices, and the most bytes a second written to them",
        ),
        field("device_read_iops", Shape::Map(&COUNT), "devices, and the most reads a second from them"),
        field("device_write_iops", Shape::Map(&COUNT), "devices, and the most writes a second to them"),
        field("pids_limit", COUNT, "the most processes and threads (TasksMax=)"),
        field("nofile_limit", COUNT, "the most open files of a process (LimitNOFILE=)"),
        field("oom_score_adj", SCORE, "how readily the kernel kills it when memory is gone"),
        field(
            "oom_policy",
            Shape::Words(&OomPolicy::TEXTS),
            "what becomes of the rest when one process was killed",
        ),
        field(
            "managed_oom_swap",
            Shape::Words(&ManagedOom::TEXTS),
            "whether systemd-oomd may kill it for swap",
        ),
        field(
            "managed_oom_memory_pressure",
            Shape::Words(&ManagedOom::TEXTS),
            "whether it may for memory pressure",
        ),
        field(
            "managed_oom_memory_pressure_limit",
            Shape::Any(&[PERCENT, Shape::Pattern("^[0-9]+%$")]),
            "the memory pressure from which it may",
        ),
        field(
            "managed_oom_preference",
            Shape::Words(&OomPreference::TEXTS),
            "whether it should rather take others",
        ),
        field("read_only_rootfs", Shape::Flag, "the file system is read-only for it"),
        field("cap_add", TEXTS, "capabilities it keeps of those that go, or for a container gets"),
        field("cap_drop", TEXTS, "capabilities it must do without; ALL is all of them"),
        field("devices", TEXTS, "devices it may use: `/dev/ttyUSB0`, `/dev/sda:r`"),
        field("device_cgroup_rules", TEXTS, "rules for devices by their numbers; containers only"),
        field("environment", VARIABLES, "environment variables; those of the service win"),
        field("user", Shape::Scalar, "the user it runs as"),
        field("group", Shape::Scalar, "the group it runs as; for a container, one more"),
        field("working_dir", Shape::Text, "where it runs; the service's own wins"),
        field("timeout_start", Shape::Span, "how long a start may take (TimeoutStartSec=)"),
        field("timeout_stop", Shape::Span, "how long a stop may take before it is killed (TimeoutStopSec=)"),
    ],
    refused: &[],
};

pub(super) const SHAPE: Shape = Shape::Table(&LIMITS);

/// A number without a unit is one of bytes, which is seldom meant.
fn warn_of_little<'a>(reader: &mut Reader<'a>, fields: &Fields<'a>, key: &str) {
    let Some(node) = fields.get(key) else { return };
    let size = reader.amount(node).and_then(|text| text.parse::<ByteSize>().ok());
    if let Some(size) = size.filter(|size| (1..LEAST).contains(&size.bytes())) {
        let message = format!("`{key}` is {} bytes, with which nothing starts", size.bytes());
        let problem = Problem::warning(message, node.span.clone(), "");
        reader.warn(problem.help(format!("a unit says what is meant: `{}GB`", size.bytes())));
    }
}

/// What no program starts with.
const LEAST: u64 = 256 << 10;

pub(super) fn limits<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<CgroupConfig> {
    let fields = reader.table(node, &LIMITS)?;
    let cpu_period = scalar(reader, &fields, "cpu_period");
    ["memory_limit", "memory_high"].into_iter().for_each(|key| warn_of_little(reader, &fields, key));
    Some(CgroupConfig {
        cpu_quota: fields.get("cpu_quota").and_then(|node| quota(reader, node, cpu_period)),
        cpu_period,
        cpu_weight: scalar(reader, &fields, "cpu_weight"),
        cpu_shares: scalar(reader, &fields, "cpu_shares"),
        cpuset_cpus: scalar(reader, &fields, "cpuset_cpus"),
        memory_limit: scalar(reader, &fields, "memory_limit"),
        memory_high: scalar(reader, &fields, "memory_high"),
        memory_reservation: scalar(reader, &fields, "memory_reservation"),
        memory_low: scalar(reader, &fields, "memory_low"),
        memory_min: scalar(reader, &fields, "memory_min"),
        memory_swap_limit: scalar(reader, &fields, "memory_swap_limit"),
        memory_swap_max: scalar(reader, &fields, "memory_swap_max"),
        memory_swappiness: scalar(reader, &fields, "memory_swappiness"),
        io_weight: scalar(reader, &fields, "io_weight"),
        blkio_weight: scalar(reader, &fields, "blkio_weight"),
        device_read_bps: map(reader, &fields, "device_read_bps"),
        device_write_bps: map(reader, &fields, "device_write_bps"),
        device_read_iops: map(reader, &fields, "device_read_iops"),
        device_write_iops: map(reader, &fields, "device_write_iops"),
        pids_limit: scalar(reader, &fields, "pids_limit"),
        nofile_limit: scalar(reader, &fields, "nofile_limit"),
        oom_score_adj: scalar(reader, &fields, "oom_score_adj"),
        oom_policy: word(reader, &fields, "oom_policy", &OomPolicy::TEXTS),
        managed_oom_swap: word(reader, &fields, "managed_oom_swap", &ManagedOom::TEXTS),
        managed_oom_memory_pressure: word(reader, &fields, "managed_oom_memory_pressure", &ManagedOom::TEXTS),
        managed_oom_memory_pressure_limit: fields.get("managed_oom_memory_pressure_limit").and_then(|node| {
            let text = reader.amount(node)?;
            reader.parse(node, text.strip_suffix('%').unwrap_or(text))
        }),
        managed_oom_preference: word(reader, &fields, "managed_oom_preference", &OomPreference::TEXTS),
        read_only_rootfs: flag(reader, &fields, "read_only_rootfs"),
        cap_drop: list(reader, &fields, "cap_drop"),
        cap_add: list(reader, &fields, "cap_add"),
        devices: list(reader, &fields, "devices"),
        device_cgroup_rules: list(reader, &fields, "device_cgroup_rules"),
        environment: variables(reader, &fields, "environment"),
        user: scalar(reader, &fields, "user"),
        group: scalar(reader, &fields, "group"),
        working_dir: fields.get("working_dir").and_then(|node| path(reader, node)),
        timeout_start: fields.get("timeout_start").and_then(|node| length(reader, node)),
        timeout_stop: fields.get("timeout_stop").and_then(|node| length(reader, node)),
    })
}

pub(super) fn scalar<'a, T>(reader: &mut Reader<'a>, fields: &Fields<'a>, key: &str) -> Option<T>
where
    T: FromStr,
    T::Err: Error,
{
    fields.get(key).and_then(|node| reader.scalar(node))
}

fn word<'a, T>(reader: &mut Reader<'a>, fields: &Fields<'a>, key: &str, words: &[&str]) -> Option<T>
where
    T: FromStr,
    T::Err: Error,
{
    fields.get(key).and_then(|node| reader.word(node, words))
}

pub(super) fn flag<'a>(reader: &mut Reader<'a>, fields: &Fields<'a>, key: &str) -> bool {
    fields.get(key).and_then(|node| reader.boolean(node)).unwrap_or(false)
}

fn list<'a, T>(reader: &mut Reader<'a>, fields: &Fields<'a>, key: &str) -> Vec<T>
where
    T: FromStr,
    T::Err: Error,
{
    let Some(node) = fields.get(key) else { return Vec::new() };
    Reader::one_or_many(node).iter().filter_map(|item| reader.parsed(item)).collect()
}

fn map<'a, K, V>(reader: &mut Reader<'a>, fields: &Fields<'a>, key: &str) -> BTreeMap<K, V>
where
    K: FromStr + Ord,
    K::Err: Error,
    V: FromStr,
    V::Err: Error,
{
    let mut map = BTreeMap::new();
    let Some(node) = fields.get(key) else { return map };
    let Value::Table(entries) = &node.value else {
        reader.wrong(node, format!("`{key}` is a table of devices and amounts"));
        return map;
    };
    for (key, node) in entries {
        let (name, value) = (reader.key(key), reader.scalar(node));
        if let (Some(name), Some(value)) = (name, value) {
            map.insert(name, value);
        }
    }
    map
}

/// Reads microseconds, or a percentage of one processor.
fn quota<'a>(reader: &mut Reader<'a>, node: &'a Node, period: Option<Positive>) -> Option<Positive> {
    let text = reader.amount(node)?;
    let Some(percent) = text.strip_suffix('%') else { return reader.parse(node, text) };
    let period = period.map_or(100_000, Positive::get) as f64;
    let micros = percent
        .parse::<f64>()
        .ok()
        .map(|percent| percent / 100.0 * period)
        .filter(|n| (1.0..1e15).contains(n));
    // In this range a whole number has its own float.
    let quota = micros.and_then(|micros| Positive::new(micros.round() as i64));
    if quota.is_none() {
        reader.wrong(node, format!("`{}` is no share of a processor such as 50%", text.escape_debug()));
    }
    quota
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::cgroup_keys;

    #[test]
    fn every_limit_can_be_written_in_a_definition() {
        let own: Vec<&str> =
            LIMITS.keys().filter(|key| !["type", "environment", "working_dir"].contains(key)).collect();
        assert_eq!(own, cgroup_keys());
    }
}
