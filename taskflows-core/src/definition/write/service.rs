use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::schedule::schedule;
use super::table::Table;
use super::{cgroup, environment};
use crate::alerting::AlertUse;
use crate::service::{
    CommandLine, Directives, LoadConstraint, Pressure, Relations, Requirement, RestartPolicy, Section,
    Service, ServiceTask, Watchdog,
};
use crate::task::{Backoff, TaskPolicy};
use crate::{TimeSpan, VariableName, VariableValue};

/// Writes every field: one that is new is missing here until it is written.
pub(super) fn service(service: &Service) -> Value {
    let Service {
        name,
        description,
        start_command,
        stop_command,
        restart_command,
        environment,
        start_schedule,
        stop_schedule,
        restart_schedule,
        env,
        env_file,
        working_directory,
        timeout,
        restart_policy,
        task,
        alerts,
        enabled,
        system_load_constraints,
        relations,
        kill_signal,
        watchdog,
        credentials,
        cgroup_config,
        systemd,
        // Whoever sends it says where it came from beside it.
        source: _,
    } = service;
    let mut table = Table::default();
    table.text("name", Some(name));
    table.text("description", description.as_ref());
    table.maybe("start_command", start_command.as_ref().map(command));
    table.maybe("stop_command", stop_command.as_ref().map(command));
    table.maybe("restart_command", restart_command.as_ref().map(command));
    table.maybe("environment", environment.as_ref().and_then(environment::choice));
    table.list("start_schedule", start_schedule.iter().map(schedule));
    table.list("stop_schedule", stop_schedule.iter().map(schedule));
    table.list("restart_schedule", restart_schedule.iter().map(schedule));
    variables(&mut table, "env", env);
    table.texts("env_file", env_file);
    table.text("working_directory", working_directory.as_ref());
    table.text("timeout", timeout.as_ref());
    table.maybe("restart_policy", policy(restart_policy));
    table.maybe("task", task.as_ref().map(task_of));
    table.list("alerts", alerts.iter().map(alert));
    table.flag("enabled", *enabled);
    table.list("system_load_constraints", system_load_constraints.iter().map(constraint));
    relations_of(&mut table, relations);
    table.text("kill_signal", kill_signal.as_ref());
    table.maybe("watchdog", watchdog.as_ref().map(watchdog_of));
    table.pairs("credentials", credentials.iter().map(|(name, path)| (name.as_str(), path.as_str().into())));
    table.maybe("cgroup_config", cgroup_config.as_ref().map(cgroup::limits));
    table.maybe("systemd", directives(systemd));
    table.into()
}

/// Writes the arguments: no text is split, and none expanded.
pub(super) fn command(command: &CommandLine) -> Value {
    command.argv().iter().map(String::as_str).collect()
}

pub(super) fn variables(table: &mut Table, key: &str, variables: &BTreeMap<VariableName, VariableValue>) {
    table.pairs(key, variables.iter().map(|(name, value)| (name.as_str(), value.as_str().into())));
}

fn policy(policy: &RestartPolicy) -> Option<Value> {
    if *policy == RestartPolicy::default() {
        return None;
    }
    let RestartPolicy { condition, delay, max_attempts, window } = policy;
    let mut table = Table::default();
    table.put("condition", condition.as_str());
    table.text("delay", Some(delay));
    table.maybe("max_attempts", *max_attempts);
    table.text("window", Some(window).filter(|window| !window.is_zero()));
    Some(table.into())
}

fn task_of(task: &ServiceTask) -> Value {
    let ServiceTask { policy, kill_after } = task;
    let TaskPolicy { required, retries, timeout, deadline, backoff } = policy;
    let Backoff { initial, factor, max, jitter_percent } = backoff;
    let mut waits = Table::default();
    waits.put("initial", span(*initial));
    waits.put("factor", *factor);
    waits.put("max", span(*max));
    waits.put("jitter_percent", *jitter_percent);
    let mut table = Table::default();
    table.put("retries", *retries);
    table.flag("required", *required);
    table.maybe("timeout", timeout.map(span));
    table.maybe("deadline", deadline.map(span));
    table.maybe("kill_after", kill_after.map(span));
    table.put("backoff", waits);
    table.into()
}

fn span(length: Duration) -> String {
    TimeSpan::from(length).to_string()
}

fn alert(one: &AlertUse) -> Value {
    match one {
        AlertUse::Named(name) => name.as_str().into(),
        AlertUse::Inline(group) => group.to_json(),
    }
}

fn constraint(constraint: &LoadConstraint) -> Value {
    let LoadConstraint { requirement, silent } = constraint;
    let mut table = Table::default();
    let mut pressure = |kind: &str, Pressure { max_percent, timespan }: &Pressure| {
        table.put("type", kind);
        table.put("max_percent", *max_percent);
        table.put("timespan", timespan.as_str());
    };
    match requirement {
        Requirement::MemoryPressure(limit) => pressure("MemoryPressure", limit),
        Requirement::CpuPressure(limit) => pressure("CPUPressure", limit),
        Requirement::IoPressure(limit) => pressure("IOPressure", limit),
        Requirement::Memory { comparison, amount } => {
            table.put("type", "Memory");
            table.put("constraint", comparison.as_str());
            table.put("amount", amount.bytes());
        }
        Requirement::Cpus { comparison, amount } => {
            table.put("type", "CPUs");
            table.put("constraint", comparison.as_str());
            table.put("amount", *amount);
        }
    }
    table.flag("silent", *silent);
    table.into()
}

fn relations_of(table: &mut Table, relations: &Relations) {
    for (relation, units) in relations {
        table.texts(relation.key(), units);
    }
}

fn watchdog_of(watchdog: &Watchdog) -> Value {
    let Watchdog { interval, restart_on_hang, notify_access } = watchdog;
    let mut table = Table::default();
    table.text("interval", Some(interval));
    table.put("restart_on_hang", *restart_on_hang);
    table.put("notify_access", notify_access.as_str());
    table.into()
}

/// Writes the sections in the order in which they were begun, and their directives in theirs. One that was added
/// twice has the values of both.
fn directives(directives: &Directives) -> Option<Value> {
    if directives.is_empty() {
        return None;
    }
    let mut table = Table::default();
    for section in directives.sections() {
        let mut lines: Vec<(&str, Vec<Value>)> = Vec::new();
        for (key, values) in directives.of(section) {
            let values = values.iter().map(|value| Value::from(value.as_str()));
            match lines.iter_mut().find(|(own, _)| *own == key) {
                Some((_, earlier)) => earlier.extend(values),
                None => lines.push((key, values.collect())),
            }
        }
        let lines = lines.into_iter().map(|(key, values)| (key, Value::Array(values)));
        table.pairs(Section::as_str(section), lines);
    }
    Some(table.into())
}
