//! Options of container engines: each is a flag, or an error that says what to write instead; none is dropped.

use jiff::tz::{TimeZone, TimeZoneDatabase};
use taskflows_core::schedule::Zones;
use taskflows_core::{
    Argument, BuildSpec, CgroupConfig, Container, Environment, Format, OptionKind, Service, Source, read,
};

fn arguments(container: &Container) -> Vec<String> {
    words(&container.arguments("c", &container.environment, &[], container.cgroup_config.as_ref()))
}

fn words(arguments: &[Argument]) -> Vec<String> {
    arguments.iter().map(|argument| argument.with_home("/home/ada")).collect()
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
        assert!(words(&spec.arguments()).iter().any(|option| option.starts_with(rule.flag)), "{}", rule.key);
    }
}

#[test]
fn a_dockerfile_is_one_of_the_directory_that_is_built() {
    let build = |file: &str| {
        let spec = BuildSpec::new("x".parse().unwrap(), "~/app".parse().unwrap());
        words(&spec.option("dockerfile", [file]).unwrap().arguments()).join(" ")
    };
    assert_eq!(build("Dockerfile.prod"), "build --tag=x --file=/home/ada/app/Dockerfile.prod /home/ada/app");
    assert_eq!(build("/srv/Dockerfile"), "build --tag=x --file=/srv/Dockerfile /home/ada/app");
}

#[test]
fn a_variable_that_would_steer_the_engine_is_not_one_of_its_own() {
    let mut container = Container::new("x").unwrap();
    for (name, value) in [("DOCKER_HOST", "tcp://db:2375"), ("PATH", "/opt/bin"), ("TOKEN", "secret")] {
        container.environment.insert(name.parse().unwrap(), value.parse().unwrap());
    }
    let arguments = arguments(&container);
    for flag in ["--env=DOCKER_HOST=tcp://db:2375", "--env=PATH=/opt/bin", "--env=TOKEN"] {
        assert!(arguments.iter().any(|argument| argument == flag), "{flag}: {arguments:?}");
    }
}

#[test]
fn names_of_images_are_those_that_engines_take() {
    let good = [
        "x",
        "python:3.12",
        "library/python",
        "a.b/c_d/e__f-g:V1.2_x",
        "localhost/x",
        "localhost:5000/x",
        "registry.example.org:5000/team/app:1.2",
        "x@sha256:0123456789abcdef0123456789abcdef",
    ];
    for text in good {
        assert!(Container::new(text).is_ok(), "{text}");
    }
    let bad = [
        "",
        "Nginx",
        "x@@",
        "x@sha256:",
        "x:",
        ":x",
        "-x",
        "x/",
        "x//y",
        "x:a/b:c:d",
        "x y",
        "$x",
        "x:-1",
        "Nginx::/x@@",
        "host:port/x",
        "a..b",
    ];
    for text in bad {
        assert!(Container::new(text).is_err(), "{text}");
    }
}

#[test]
fn limits_that_an_engine_refuses_are_refused_first() {
    let refused = |limits: CgroupConfig, inside: bool| limits.check(inside).unwrap_err().to_string();
    let none = CgroupConfig::default;
    let small = CgroupConfig { memory_limit: some("1MB"), ..none() };
    assert!(small.check(false).is_ok() && refused(small, true).contains("6MB"));
    let much = CgroupConfig { memory_limit: some("1G"), memory_reservation: some("2G"), ..none() };
    assert!(refused(much, true).contains("more than the limit"));
    let short = CgroupConfig { cpu_period: some("10"), ..none() };
    assert!(refused(short, false).contains("between 1000 and 1000000"));
    let inside = CgroupConfig { devices: vec!["/dev/null:/dev/x".parse().unwrap()], ..none() };
    assert!(inside.check(true).is_ok() && refused(inside, false).contains("within a container"));
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
    let mut container =
        Container::new("registry.example.org:5000/team/app:1.2@sha256:0123456789abcdef0123456789abcdef")
            .unwrap();
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
    assert_eq!(
        arguments.last().unwrap(),
        "registry.example.org:5000/team/app:1.2@sha256:0123456789abcdef0123456789abcdef"
    );
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
    check(CgroupConfig { memory_min: some("1K"), ..none() }, "MemoryMin=1024", "--memory-reservation=1024");
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
        CgroupConfig {
            cap_drop: capabilities(&["ALL"]),
            cap_add: capabilities(&["NET_BIND_SERVICE"]),
            user: some("bob"),
            ..none()
        },
        "CapabilityBoundingSet=CAP_NET_BIND_SERVICE AmbientCapabilities=CAP_NET_BIND_SERVICE User=bob",
        "--cap-add=NET_BIND_SERVICE --cap-drop=ALL --user=bob",
    );
    let slip = "NET_ADMN".parse::<taskflows_core::Capability>().unwrap_err().to_string();
    assert!(slip.contains("did you mean `NET_ADMIN`?"), "{slip}");
    check(
        CgroupConfig { read_only_rootfs: true, ..none() },
        "ProtectSystem=strict ReadOnlyPaths=/",
        "--read-only",
    );
}

fn environment(text: &str) -> Result<Environment, String> {
    let zones = Zones::new(TimeZoneDatabase::bundled(), TimeZone::UTC);
    let text = format!("[[services]]\nname = \"a\"\nstart_command = \"x\"\nenvironment = {text}\n");
    let source = Source::new("a.toml", &text, Format::Toml).with_base("/srv".to_owned());
    let services = read(&source, &zones).map_err(|error| error.to_string())?.services;
    let choice = services[0].environment.as_ref().expect("the service has one");
    Ok(choice.environment().expect("it is not one of a name").clone())
}

#[test]
fn an_environment_is_what_its_keys_tell_and_a_path_is_one_beside_the_file() {
    let own =
        ["env_file", "environment", "name", "ports", "volumes", "ulimits", "persisted", "engine", "command"];
    let keys = own.into_iter().chain(Container::rules().iter().map(|rule| rule.key));
    for key in keys {
        // Whatever is wrong with the value, it is a container's.
        let told = environment(&format!("{{ image = \"x\", {key} = \"y\" }}"));
        assert!(told.as_ref().err().is_none_or(|told| !told.contains("unknown key")), "{key}: {told:?}");
    }
    let conda = |name: &str| match environment(&format!("{{ env_name = \"{name}\" }}")) {
        Ok(Environment::Conda(conda)) => conda.env_name.as_str().to_owned(),
        other => panic!("{other:?}"),
    };
    assert_eq!(conda("science"), "science");
    assert_eq!(conda("envs/x"), "/srv/envs/x");
    assert_eq!(conda("~/envs/x"), "~/envs/x");
    let told = environment("{ path = \"/srv/a:b\" }").unwrap_err();
    assert!(told.contains("no search path can hold"), "{told}");
    let told = environment("{ image = \"x\", stop_signal = \"SIGNOPE\" }").unwrap_err();
    assert!(told.contains("no signal such as SIGINT"), "{told}");
}

#[test]
fn two_services_do_not_share_a_container() {
    let zones = Zones::new(TimeZoneDatabase::bundled(), TimeZone::UTC);
    let services = |second: &str| {
        let text = format!(
            "[[services]]\nname = \"a\"\nenvironment = {{ image = \"x\", name = \"db\" }}\n\
             [[services]]\nname = \"b\"\nenvironment = {{ image = \"x\", {second} }}\n"
        );
        read(&Source::new("a.toml", &text, Format::Toml), &zones).unwrap().services
    };
    let told = Service::check_together(&services("name = \"db\"")).unwrap_err().to_string();
    assert!(told.contains("`b`") && told.contains("that of `a` too"), "{told}");
    assert!(Service::check_together(&services("name = \"db\", engine = \"podman\"")).is_ok());
    assert!(Service::check_together(&services("name = \"db-2\"")).is_ok());
}
