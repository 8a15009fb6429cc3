//! Services with anything that a definition can say.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::str::FromStr;
use std::time::Duration;

use proptest::collection::{btree_map, vec};
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;
use taskflows_core::alerting::{AlertUse, GroupName};
use taskflows_core::task::{Backoff, TaskPolicy};
use taskflows_core::{
    BuildSpec, Calendar, CgroupConfig, CommandLine, CondaEnvironment, Container, Environment,
    EnvironmentChoice, Format, Image, LoadConstraint, Periodic, Pressure, PressureSpan, PythonVenv, Relation,
    RelativeTo, Requirement, RestartCondition, RestartPolicy, Schedule, Section, Service, ServiceTask,
    Source, StartOn, TimeSpan, UvProject, Watchdog, read_alert_group,
};

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-zA-Z0-9 ./_:=%${}\"'\\\\-]{0,12}",
        Just("${env:HOME}".to_owned()),
        Just("$${env:A:-b} yes".to_owned()),
        Just("true".to_owned()),
        Just("12".to_owned()),
        "\\PC{0,8}",
    ]
}

/// Texts that are of a type.
pub(crate) fn parsed<T: FromStr + Debug>(texts: impl Strategy<Value = String>) -> impl Strategy<Value = T> {
    texts.prop_filter_map("it is none", |text| text.parse().ok())
}

fn one_of<T: FromStr<Err: Debug> + Debug>(texts: &'static [&'static str]) -> impl Strategy<Value = T> {
    select(texts).prop_map(|text| text.parse().unwrap())
}

fn span() -> impl Strategy<Value = TimeSpan> {
    prop_oneof![1..10_000_000u64, 1..u64::MAX].prop_map(TimeSpan::from_micros)
}

fn length() -> impl Strategy<Value = Duration> {
    span().prop_map(TimeSpan::duration)
}

fn path() -> impl Strategy<Value = taskflows_core::UnitPath> {
    parsed(prop_oneof!["/[a-z ${}:]{1,8}(/[a-z.]{1,4})?", "~/[a-z]{1,5}"])
}

fn command() -> BoxedStrategy<CommandLine> {
    ("(/usr/bin/)?[a-z]{1,6}", vec(text(), 0..4))
        .prop_filter_map("no command", |(program, arguments)| {
            CommandLine::from_argv(std::iter::once(program).chain(arguments)).ok()
        })
        .boxed()
}

fn variables() -> impl Strategy<Value = BTreeMap<taskflows_core::VariableName, taskflows_core::VariableValue>>
{
    btree_map(parsed("[A-Z_][A-Z0-9_]{0,5}"), parsed(text()), 0..3)
}

fn schedule() -> BoxedStrategy<Schedule> {
    let instant = (0..4_000_000_000i64)
        .prop_map(|second| Calendar::from_datetime(jiff::Timestamp::from_second(second).unwrap()));
    const TEXTS: [&str; 5] =
        ["Mon..Fri 09:00", "*-*-01 04:00 Europe/Berlin", "hourly", "*:0/5", "Sat *-2/3~1 1,2:00:00.5 UTC"];
    let calendar = prop_oneof![instant, select(TEXTS.as_slice()).prop_map(|text| text.parse().unwrap())];
    let options = (span(), of(span()));
    let calendar = (calendar, any::<bool>(), options).prop_map(|(mut one, persistent, (accuracy, delay))| {
        (one.persistent, one.accuracy, one.randomized_delay) = (persistent, accuracy, delay);
        Schedule::from(one)
    });
    let periodic =
        (one_of::<StartOn>(&StartOn::TEXTS), span(), one_of(&RelativeTo::TEXTS), span(), of(span()));
    let periodic = periodic.prop_map(|(start_on, period, relative_to, accuracy, delay)| {
        let mut one = Periodic::new(start_on, period, relative_to).unwrap();
        (one.accuracy, one.randomized_delay) = (accuracy, delay);
        Schedule::from(one)
    });
    prop_oneof![calendar, periodic].boxed()
}

fn constraint() -> BoxedStrategy<LoadConstraint> {
    let comparison = || one_of(&taskflows_core::Comparison::TEXTS);
    let pressure = (0..=10_000u32, one_of::<PressureSpan>(&PressureSpan::SPELLINGS), 0..3).prop_map(
        |(hundredths, timespan, kind)| {
            let limit = Pressure::new(f64::from(hundredths) / 100.0, timespan).unwrap();
            [Requirement::CpuPressure, Requirement::MemoryPressure, Requirement::IoPressure][kind as usize](
                limit,
            )
        },
    );
    let requirement = prop_oneof![
        pressure,
        (comparison(), any::<u64>())
            .prop_map(|(comparison, amount)| Requirement::Cpus { comparison, amount }),
        (comparison(), any::<u64>()).prop_map(|(comparison, bytes)| {
            Requirement::Memory { comparison, amount: taskflows_core::ByteSize::new(bytes) }
        }),
    ];
    (requirement, any::<bool>())
        .prop_map(|(requirement, silent)| LoadConstraint { requirement, silent })
        .boxed()
}

/// Limits that fit a process and a container alike, or only one of the two: what does not fit is left out by then.
#[expect(clippy::too_many_lines, reason = "a line for each limit")]
fn limits() -> BoxedStrategy<CgroupConfig> {
    let number = || parsed("[1-9][0-9]{3,4}");
    let size = || (6u64 << 20..1 << 40).prop_map(taskflows_core::ByteSize::new);
    let devices = || parsed("/dev/[a-z]{1,3}");
    let cpu = (of(number()), of(number()), of(number()), of(one_of(&["1", "500"])), of(one_of(&["0-3,8"])));
    let memory = (of(size()), of(size()), of(size()), of(size()), of(one_of(&["0", "60", "100"])));
    let io = (
        of(one_of(&["100"])),
        of(one_of(&["10", "1000"])),
        btree_map(devices(), size(), 0..2),
        btree_map(devices(), number(), 0..2),
    );
    let oom = (
        of(one_of(&taskflows_core::OomPolicy::TEXTS)),
        of(one_of(&taskflows_core::ManagedOom::TEXTS)),
        of(one_of(&["0", "100"])),
        of(one_of(&taskflows_core::OomPreference::TEXTS)),
        of(one_of(&["-1000", "7"])),
    );
    let rest = (
        any::<bool>(),
        vec(one_of(&["ALL", "CHOWN", "cap_net_admin"]), 0..3),
        vec(parsed("/dev/[a-z]{1,3}(:/dev/x)?(:rw?)?"), 0..3),
        vec(one_of(&["c 42:* rwm"]), 0..2),
        variables(),
        of(parsed("[a-z]{1,5}")),
        of(path()),
        of(span()),
    );
    (cpu, memory, io, oom, rest)
        .prop_map(|(cpu, memory, io, oom, rest)| {
            let mut one = CgroupConfig::default();
            (one.cpu_quota, one.cpu_period, one.cpu_shares, one.cpu_weight, one.cpuset_cpus) = cpu;
            (one.memory_limit, one.memory_high, one.memory_low, one.memory_swap_max, one.memory_swappiness) =
                memory;
            (one.memory_min, one.memory_reservation) = (one.memory_low, one.memory_high);
            (one.io_weight, one.blkio_weight, one.device_read_bps, one.device_read_iops) = io;
            (one.device_write_bps, one.device_write_iops) =
                (one.device_read_bps.clone(), one.device_read_iops.clone());
            (one.pids_limit, one.nofile_limit) = (one.cpu_quota, one.cpu_period);
            (
                one.oom_policy,
                one.managed_oom_swap,
                one.managed_oom_memory_pressure_limit,
                one.managed_oom_preference,
                one.oom_score_adj,
            ) = oom;
            one.managed_oom_memory_pressure = one.managed_oom_swap;
            (
                one.read_only_rootfs,
                one.cap_drop,
                one.devices,
                one.device_cgroup_rules,
                one.environment,
                one.user,
                one.working_dir,
                one.timeout_start,
            ) = rest;
            (one.cap_add, one.group, one.timeout_stop) =
                (one.cap_drop.clone(), one.user.clone(), one.timeout_start);
            one
        })
        .boxed()
}

/// Leaves of limits what fits.
fn fitting(mut limits: CgroupConfig, in_container: bool) -> Option<CgroupConfig> {
    match in_container {
        true => {
            (limits.oom_policy, limits.managed_oom_swap, limits.managed_oom_memory_pressure) =
                (None, None, None);
            (limits.managed_oom_memory_pressure_limit, limits.managed_oom_preference) = (None, None);
        }
        false => {
            limits.memory_swappiness = None;
            limits.device_cgroup_rules.clear();
            limits.devices.retain(|device| device.inside.is_none());
        }
    }
    limits.check(in_container).is_ok().then_some(limits)
}

pub(crate) fn container() -> BoxedStrategy<Container> {
    let named = one_of::<taskflows_core::ImageName>(&["python:3.12", "registry.example.org:5000/team/app"]);
    let image = prop_oneof![
        named.prop_map(Image::Named),
        (path(), of(span()), any::<bool>()).prop_map(|(path, timeout, quiet)| {
            let spec = BuildSpec::new("app:1".parse().unwrap(), path);
            let spec = spec.option("quiet", [quiet.to_string()]).unwrap();
            let mut spec = spec.option("buildargs", ["B=${env:X}", "A=2"]).unwrap();
            spec.timeout = timeout;
            Image::Built(Box::new(spec))
        }),
    ];
    let parts = (
        of(parsed("[a-z][a-z0-9]{1,6}")),
        of(command()),
        any::<bool>(),
        variables(),
        vec(path(), 0..2),
        vec(one_of(&["/srv/a b:/data:ro", "cache:/var/cache", "~/x:/y"]), 0..3),
        vec(one_of(&["nofile=1024:4096", "core=0", "memlock=1024:-1"]), 0..2),
        vec(one_of(&["80", "8080:80", "127.0.0.1::53/udp", "[::1]:8000-8001:80-81", "[::1]::9"]), 0..3),
    );
    let rest = (
        of(one_of::<RestartCondition>(&RestartCondition::TEXTS)),
        of(one_of(&["docker", "podman", "/usr/bin/nerdctl"])),
        of(one_of(&["unix:///run/user/1000/docker.sock"])),
        of(limits()),
    );
    let options = btree_map(select(Container::rules()).prop_map(|rule| rule.key), any::<u32>(), 0..6);
    (image, parts, rest, options)
        .prop_map(|(image, parts, rest, options)| {
            let mut one = Container::of(image);
            let (env_file, volumes, ports);
            (one.name, one.command, one.persisted, one.environment, env_file, volumes, one.ulimits, ports) =
                parts;
            (one.env_file, one.volumes, one.ports) = (env_file, volumes, ports);
            let limits;
            (one.restart_policy, one.engine, one.engine_host, limits) = rest;
            one.cgroup_config = limits.and_then(|limits| fitting(limits, true));
            for (key, number) in options {
                let values = option_values(key, number);
                one = one.clone().option(key, values).unwrap_or(one);
            }
            one
        })
        .boxed()
}

/// Values of any kind of option, by a number.
fn option_values(key: &str, number: u32) -> Vec<String> {
    use taskflows_core::OptionKind as Kind;
    let rule = Container::rules().iter().find(|rule| rule.key == key).unwrap();
    match rule.kind {
        Kind::Flag => vec![(number.is_multiple_of(2)).to_string()],
        Kind::Words(words) => vec![words[number as usize % words.len()].to_owned()],
        Kind::Many => vec!["b".to_owned(), number.to_string()],
        Kind::Pairs(join) => vec![format!("z{join}{number}"), format!("a{join}${{env:A}}")],
        Kind::Text if key == "stop_signal" => vec!["SIGINT".to_owned()],
        Kind::Text | Kind::Whole | Kind::Billionths | Kind::Size => vec![number.to_string()],
        Kind::Span => vec![format!("{number}ms")],
    }
}

fn environment() -> BoxedStrategy<EnvironmentChoice> {
    prop_oneof![
        parsed("[a-z]([a-z.-]{0,5}[a-z])?").prop_map(EnvironmentChoice::named),
        "/[a-z ]{1,8}/v"
            .prop_map(|text| Environment::from(PythonVenv { path: text.parse().unwrap() }).into()),
        path().prop_map(|project| Environment::from(UvProject { project }).into()),
        (one_of(&["base", "my env", "/opt/envs/x"]), of(path())).prop_map(|(env_name, custom_path)| {
            Environment::from(CondaEnvironment { env_name, custom_path }).into()
        }),
        container().prop_map(|one| Environment::from(one).into()),
    ]
    .boxed()
}

pub(crate) fn alert() -> BoxedStrategy<AlertUse> {
    let groups = [
        r#"{"send_to": {"type": "slack", "channel": "ops", "bot_token": "${env:T}"}, "remind_every": "1h"}"#,
        r#"{"send_to": [{"type": "email", "addr": "A <a@b.c>", "receiver_addr": ["x@y.z"], "smtp_port": 25}],
            "send_on": ["failed", "recovered"], "quiet_hours": ["22:00-07:00 Europe/Berlin", "1:00-2:00"],
            "escalate": [{"after": "15min", "send_to": {"type": "pagerduty", "routing_key": "k"}}],
            "fallback": "all", "mention": ["@ada"], "missed_after": "1min", "slow_after": "2h 1us"}"#,
        r#"{"send_to": {"type": "webhook", "url": "https://x.y/z", "headers": {"B": "1", "A": "2"}, "secret": "s"}}"#,
        r#"{"send_to": {"type": "command", "command": ["/bin/page", "${env:X}"]}, "group_wait": "1s",
            "keep_firing_for": "5s"}"#,
    ];
    let inline = select(groups.to_vec())
        .prop_map(|text| read_alert_group(&Source::new("g", text, Format::Json)).unwrap().into());
    prop_oneof![parsed::<GroupName>("[a-z]{1,6}").prop_map(AlertUse::from), inline].boxed()
}

fn task() -> BoxedStrategy<ServiceTask> {
    let backoff =
        (length(), 1..u32::MAX, length(), 0..=100u8).prop_map(|(one, factor, other, jitter_percent)| {
            Backoff { initial: one.min(other), factor, max: one.max(other), jitter_percent }
        });
    (any::<u32>(), any::<bool>(), of(length()), of(length()), of(length()), backoff)
        .prop_map(|(retries, required, timeout, deadline, kill_after, backoff)| ServiceTask {
            policy: TaskPolicy { required, retries, timeout, deadline, backoff },
            kill_after,
        })
        .boxed()
}

fn policy() -> BoxedStrategy<RestartPolicy> {
    let attempts = of((any::<u32>(), span()));
    (one_of(&RestartCondition::TEXTS), of(span()), attempts)
        .prop_map(|(condition, delay, attempts)| {
            let mut one = RestartPolicy::new(condition);
            one.delay = delay.unwrap_or(TimeSpan::from_micros(0));
            if let Some((attempts, window)) = attempts {
                (one.max_attempts, one.window) = (Some(attempts), window);
            }
            one
        })
        .boxed()
}

fn watchdog() -> BoxedStrategy<Watchdog> {
    let access = one_of(&taskflows_core::NotifyAccess::TEXTS);
    (span(), any::<bool>(), access)
        .prop_map(|(interval, restart_on_hang, notify_access)| {
            let mut one = Watchdog::new(interval).unwrap();
            (one.restart_on_hang, one.notify_access) = (restart_on_hang, notify_access);
            one
        })
        .boxed()
}

pub(crate) fn service() -> impl Strategy<Value = Service> {
    let commands = (command(), of(command()), of(command()), of(environment())).boxed();
    let schedules = (vec(schedule(), 0..3), vec(schedule(), 0..2), vec(schedule(), 0..2));
    let places = (variables(), vec(path(), 0..3), of(path()), of(span()), of(parsed(text())));
    let behaviour = (policy(), of(task()), vec(alert(), 0..3), any::<bool>(), vec(constraint(), 0..3));
    let units = parsed(prop_oneof!["[a-z][a-z0-9.]{0,5}[a-z]", Just("network-online.target".to_owned())]);
    let relations = btree_map(select(Relation::ALL.to_vec()), vec(units, 1..3), 0..4);
    let rest = (
        relations,
        of((1..=64i32).prop_map(|number| taskflows_core::Signal::from_number(number).unwrap())),
        of(watchdog()),
        btree_map(parsed("[a-z]{1,5}"), path(), 0..2),
        of(limits()),
        vec((select(Section::TEXTS.to_vec()), "[A-Z][a-z]{1,6}", vec("[a-z ${}:]{0,6}", 1..3)), 0..4),
    );
    let all = (
        "[a-z][a-z0-9_.-]{0,8}[a-z0-9]",
        commands,
        schedules.boxed(),
        places.boxed(),
        behaviour.boxed(),
        rest.boxed(),
    );
    all.prop_filter_map("parts that cannot be together", assembled)
}

type Parts = (
    String,
    (CommandLine, Option<CommandLine>, Option<CommandLine>, Option<EnvironmentChoice>),
    (Vec<Schedule>, Vec<Schedule>, Vec<Schedule>),
    (
        BTreeMap<taskflows_core::VariableName, taskflows_core::VariableValue>,
        Vec<taskflows_core::UnitPath>,
        Option<taskflows_core::UnitPath>,
        Option<TimeSpan>,
        Option<taskflows_core::Line>,
    ),
    (RestartPolicy, Option<ServiceTask>, Vec<AlertUse>, bool, Vec<LoadConstraint>),
    (
        taskflows_core::Relations,
        Option<taskflows_core::Signal>,
        Option<Watchdog>,
        BTreeMap<taskflows_core::CredentialName, taskflows_core::UnitPath>,
        Option<CgroupConfig>,
        Vec<(&'static str, String, Vec<String>)>,
    ),
);

fn assembled((name, commands, schedules, places, behaviour, rest): Parts) -> Option<Service> {
    let mut one = Service::builder(name).start_command("x").build().ok()?;
    one.start_command = Some(commands.0);
    (one.stop_command, one.restart_command, one.environment) = (commands.1, commands.2, commands.3);
    (one.start_schedule, one.stop_schedule, one.restart_schedule) = schedules;
    (one.env, one.env_file, one.working_directory, one.timeout, one.description) = places;
    (one.restart_policy, one.task, one.alerts, one.enabled, one.system_load_constraints) = behaviour;
    let mut seen = Vec::new();
    one.alerts.retain(|alert| {
        let is_new = !matches!(alert, AlertUse::Named(_)) || !seen.contains(alert);
        seen.push(alert.clone());
        is_new
    });
    let (limits, systemd);
    (one.relations, one.kill_signal, one.watchdog, one.credentials, limits, systemd) = rest;
    let container = one.container().cloned();
    one.cgroup_config = limits.and_then(|limits| fitting(limits, container.is_some()));
    if let Some(container) = container {
        (one.watchdog, one.kill_signal) = (None, None);
        one.credentials.clear();
        one.cgroup_config = one.cgroup_config.filter(|_| container.cgroup_config.is_none());
    }
    let mut seen: Vec<(&str, String)> = Vec::new();
    let mut systemd: Vec<_> = systemd
        .into_iter()
        .filter(|(section, ..)| *section != "Timer" || !one.start_schedule.is_empty())
        .collect();
    systemd.sort_by_key(|(section, ..)| *section);
    for (section, key, values) in systemd {
        if !seen.contains(&(section, key.clone())) {
            seen.push((section, key.clone()));
            let values: Vec<&str> = values.iter().map(|value| value.trim()).collect();
            one.systemd.insert(Section::from_text(section)?, &key, values).ok()?;
        }
    }
    one.check().is_ok().then_some(one)
}
