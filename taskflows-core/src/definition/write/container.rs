use std::collections::BTreeMap;

use serde_json::Value;

use super::cgroup;
use super::service::{command, variables};
use super::table::Table;
use crate::service::{BUILD, BuildSpec, Container, Image, OptionKind, OptionRule, RUN, Volume};

pub(super) fn container(container: &Container) -> Value {
    let Container {
        image: image_of,
        name,
        command: runs,
        persisted,
        environment,
        env_file,
        volumes,
        ulimits,
        ports,
        cgroup_config,
        restart_policy,
        engine,
        engine_host,
        options: told,
    } = container;
    let mut table = Table::default();
    table.put("type", "DockerContainer");
    table.put("image", image(image_of));
    table.text("name", name.as_ref());
    table.maybe("command", runs.as_ref().map(command));
    table.flag("persisted", *persisted);
    variables(&mut table, "environment", environment);
    table.texts("env_file", env_file);
    table.list("volumes", volumes.iter().map(volume));
    table.texts("ulimits", ulimits);
    table.texts("ports", ports);
    table.maybe("cgroup_config", cgroup_config.as_ref().map(cgroup::limits));
    table.maybe("restart_policy", restart_policy.map(|condition| condition.as_str()));
    table.text("engine", engine.as_ref());
    table.text("engine_host", engine_host.as_ref());
    options(&mut table, &RUN, told);
    table.into()
}

fn image(image: &Image) -> Value {
    let spec = match image {
        Image::Named(name) => return name.as_str().into(),
        Image::Built(spec) => spec.as_ref(),
    };
    let BuildSpec { tag, path, timeout, options: told } = spec;
    let mut table = Table::default();
    table.text("tag", Some(tag));
    table.text("path", Some(path));
    table.text("timeout", timeout.as_ref());
    options(&mut table, &BUILD, told);
    table.into()
}

fn volume(volume: &Volume) -> Value {
    let Volume { host_path, container_path, read_only } = volume;
    let mut table = Table::default();
    table.put("host_path", host_path.as_str());
    table.put("container_path", container_path.as_str());
    table.flag("read_only", *read_only);
    table.into()
}

/// Writes options of an engine, which are kept as their flags take them.
fn options(table: &mut Table, rules: &[OptionRule], told: &BTreeMap<&'static str, Vec<String>>) {
    for rule in rules {
        let Some(values) = told.get(rule.key) else { continue };
        let first = || values.first().map(String::as_str).unwrap_or_default();
        match rule.kind {
            OptionKind::Flag => table.put(rule.key, first() == "true"),
            // Kept as `1.500000000`, and written in billionths.
            OptionKind::Billionths => {
                table.put(rule.key, first().replace('.', "").parse::<u64>().unwrap_or_default());
            }
            OptionKind::Many | OptionKind::Pairs(_) => {
                table.put(rule.key, values.iter().map(String::as_str).collect::<Value>());
            }
            OptionKind::Text
            | OptionKind::Words(_)
            | OptionKind::Whole
            | OptionKind::Size
            | OptionKind::Span => table.put(rule.key, first()),
        }
    }
}
