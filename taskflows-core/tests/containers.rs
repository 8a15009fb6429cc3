//! Options of container engines: each is a flag, or an error that says what to write instead; none is dropped.

use taskflows_core::{Argument, BuildSpec, CgroupConfig, Container, OptionKind};

fn arguments(container: &Container) -> Vec<String> {
    let none: [taskflows_core::VariableName; 0] = [];
    let arguments = container.arguments("c", none.iter(), container.cgroup_config.as_ref());
    arguments.iter().map(|argument: &Argument| argument.with_home("/home/ada")).collect()
}

/// A value that an option takes, and what its flag is given.
fn sample(kind: OptionKind, key: &str) -> (Vec<String>, Vec<String>) {
    let one = |value: &str, written: &str| (vec![value.to_owned()], vec![written.to_owned()]);
    match kind {
        OptionKind::Flag => one("true", ""),
        OptionKind::Text => one("a b", "a b"),
        OptionKind::Words(words) => one(words[0], words[0]),
        OptionKind::Whole => one("5", "5"),
        OptionKind::Size => one("1K", "1024"),
        OptionKind::Span => one("1.5s", "1500ms"),
        OptionKind::Billionths => one("1500000000", "1.500000000"),
        OptionKind::Many => (vec!["x".into(), "y".into()], vec!["x".into(), "y".into()]),
        OptionKind::Pairs(join) => {
            let pair = format!("{key}{join}1");
            (vec![pair.clone()], vec![pair])
        }
    }
}

#[test]
fn every_option_is_written_as_its_flag() {
    let mut seen = 0;
    for rule in Container::rules() {
        let (values, written) = sample(rule.kind, rule.key);
        let container = Container::new("x").unwrap().option(rule.key, &values).unwrap();
        let arguments = arguments(&container);
        for value in written {
            let flag = if value.is_empty() { rule.flag.to_owned() } else { format!("{}={value}", rule.flag) };
            assert!(arguments.contains(&flag), "{}: {arguments:?}", rule.key);
        }
        seen += 1;
    }
    assert!(seen > 40);
    for rule in BuildSpec::rules() {
        let (values, _) = sample(rule.kind, rule.key);
        let spec =
            BuildSpec::new("x".parse().unwrap(), "/x".parse().unwrap()).option(rule.key, &values).unwrap();
        assert!(spec.options().iter().any(|option| option.starts_with(rule.flag)), "{}", rule.key);
    }
}

#[test]
fn a_value_that_an_option_does_not_take_is_refused() {
    let container = Container::new("x").unwrap();
    for (key, value) in [
        ("init", "maybe"),
        ("hostname", ""),
        ("pull", "sometimes"),
        ("shm_size", "big"),
        ("health_interval", "soon"),
        ("health_retries", "-1"),
        ("extra_hosts", "nowhere"),
        ("hostname", "a\0b"),
        ("no_such", "x"),
    ] {
        assert!(container.clone().option(key, [value]).is_err(), "{key}={value}");
    }
    assert!(container.clone().option("hostname", ["a", "b"]).is_err());
    assert!(container.option("hostname", [""; 0]).is_err());
}

#[test]
fn what_docker_would_misread_is_written_whole() {
    let mut container = Container::new("registry.example.org:5000/team/app:1.2@sha256:0123").unwrap();
    container.ulimits.push("nofile=4096".parse().unwrap());
    container.volumes.push("~/a b:/data:ro".parse().unwrap());
    container.cgroup_config = Some(CgroupConfig {
        cap_drop: vec!["ALL".parse().unwrap()],
        cap_add: vec!["CAP_CHOWN".parse().unwrap()],
        devices: vec!["/dev/sda:/dev/disk:r".parse().unwrap()],
        ..CgroupConfig::default()
    });
    let arguments = arguments(&container);
    for flag in [
        "--ulimit=nofile=4096:4096",
        "--volume=/home/ada/a b:/data:ro",
        "--cap-drop=ALL",
        "--cap-add=CHOWN",
        "--device=/dev/sda:/dev/disk:r",
    ] {
        assert!(arguments.iter().any(|argument| argument == flag), "{flag}: {arguments:?}");
    }
    assert_eq!(arguments.last().unwrap(), "registry.example.org:5000/team/app:1.2@sha256:0123");
    assert!(!arguments.iter().any(|argument| argument.contains("restart") || argument == "-d"));
}

fn some<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> Option<T> {
    Some(text.parse().expect("a value that is right"))
}

#[track_caller]
fn check(limits: CgroupConfig, directives: &str, flags: &str) {
    let lines = limits.directives().into_iter().filter(|(key, _)| !key.ends_with("Accounting"));
    let lines: Vec<String> = lines.map(|(key, value)| format!("{key}={value}")).collect();
    assert_eq!((lines.join(" ").as_str(), limits.flags().join(" ").as_str()), (directives, flags));
}

fn none() -> CgroupConfig {
    CgroupConfig::default()
}

#[test]
fn the_same_limit_is_a_directive_and_a_flag() {
    check(CgroupConfig { cpu_quota: some("12345"), ..none() }, "CPUQuota=12.34%", "--cpu-quota=12345");
    check(
        CgroupConfig { cpu_quota: some("50000"), cpu_period: some("20000"), ..none() },
        "CPUQuota=250% CPUQuotaPeriodSec=20000us",
        "--cpu-quota=50000 --cpu-period=20000",
    );
    check(CgroupConfig { cpu_quota: some("1"), ..none() }, "CPUQuota=0.01%", "--cpu-quota=1");
    check(CgroupConfig { cpu_weight: some("50"), ..none() }, "CPUWeight=50", "--cpu-shares=512");
    check(CgroupConfig { cpu_shares: some("2048"), ..none() }, "CPUWeight=200", "--cpu-shares=2048");
    check(CgroupConfig { cpu_shares: some("2"), ..none() }, "CPUWeight=1", "--cpu-shares=2");
    check(
        CgroupConfig { cpu_shares: some("512"), cpu_weight: some("300"), ..none() },
        "CPUWeight=300",
        "--cpu-shares=512",
    );
    check(
        CgroupConfig { memory_high: some("1K"), ..none() },
        "MemoryHigh=1024",
        "--memory=1024 --memory-reservation=1024",
    );
    check(
        CgroupConfig { memory_reservation: some("7"), ..none() },
        "MemoryHigh=7 MemoryLow=5",
        "--memory-reservation=7",
    );
    check(
        CgroupConfig { memory_limit: some("1K"), memory_swap_limit: some("3K"), ..none() },
        "MemoryMax=1024 MemorySwapMax=2048",
        "--memory=1024 --memory-swap=3072",
    );
    check(
        CgroupConfig { memory_limit: some("1K"), memory_swap_max: some("0"), ..none() },
        "MemoryMax=1024 MemorySwapMax=0",
        "--memory=1024 --memory-swap=1024",
    );
    check(CgroupConfig { io_weight: some("50"), ..none() }, "IOWeight=50", "--blkio-weight=10");
    check(CgroupConfig { blkio_weight: some("500"), ..none() }, "IOWeight=5000", "--blkio-weight=500");
}

#[test]
fn capabilities_are_those_that_are_left() {
    let capabilities = |names: &[&str]| names.iter().map(|name| name.parse().unwrap()).collect();
    check(
        CgroupConfig { cap_drop: capabilities(&["NET_RAW", "mknod"]), ..none() },
        "CapabilityBoundingSet=~CAP_NET_RAW CAP_MKNOD",
        "--cap-drop=NET_RAW --cap-drop=MKNOD",
    );
    check(
        CgroupConfig { cap_drop: capabilities(&["ALL"]), ..none() },
        "CapabilityBoundingSet=",
        "--cap-drop=ALL",
    );
    check(
        CgroupConfig { read_only_rootfs: true, ..none() },
        "ProtectSystem=strict ReadOnlyPaths=/",
        "--read-only",
    );
}
