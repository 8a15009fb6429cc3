//! What `tf` does for a service: it runs what is a task, and hears of the end of every run.

use std::time::Duration;

use taskflows_core::task::Backoff;
use taskflows_core::{Argument, Section, Service, TimeSpan};

use super::RenderContext;
use super::commands::Variables;
use super::escape::arguments;
use crate::Scope;

/// The option by which `tf` is told where it keeps its data.
const DATA_OPTION: &str = "--data-dir";

/// How much longer a stop may take than the task itself takes to kill what does not end.
const MARGIN: Duration = Duration::from_secs(30);

/// How long a container may take to end by itself, where nothing else is told.
const CONTAINER_GRACE: Duration = Duration::from_secs(45);

/// Returns what comes before the command of a task, as it stands in its line; nothing for a service that is none.
pub(super) fn runner(service: &Service, variables: &Variables, context: &RenderContext) -> String {
    let Some(task) = &service.task else { return String::new() };
    let mut words = vec![context.program.as_str().to_owned()];
    let mut add = |word: &str| words.push(word.to_owned());
    ["exec", "--service", service.name.as_str()].into_iter().for_each(&mut add);
    scope(context).iter().for_each(|word| add(word));
    let directory = own_directory(service, variables, context);
    directory.iter().for_each(|own| [DATA_OPTION, own].into_iter().for_each(&mut add));
    let policy = &task.policy;
    if policy.retries > 0 {
        add("--retries");
        add(&policy.retries.to_string());
    }
    for (option, span) in [
        ("--timeout", policy.timeout),
        ("--deadline", policy.deadline),
        ("--kill-after", kill_after(service)),
    ] {
        let Some(span) = span else { continue };
        add(option);
        add(&compact(TimeSpan::from(span)));
    }
    if policy.backoff != Backoff::default() {
        add("--backoff");
        add(&compact(policy.backoff));
    }
    if policy.required {
        add("--required");
    }
    let line = arguments(&words.into_iter().map(Argument::from).collect::<Vec<_>>());
    format!("{line}{} --", config_home(directory, context))
}

/// Returns the option that says where the configuration is, for those who are told where the data are: a user's manager
/// knows, whatever a service's variables say. Source: systemd.unit(5), `%E`.
fn config_home(directory: Option<&str>, context: &RenderContext) -> &'static str {
    directory.filter(|_| context.scope == Scope::User).map_or("", |_| " --config-home %E")
}

/// A text that reads back without its spaces.
fn compact(value: impl ToString) -> String {
    value.to_string().replace(' ', "")
}

/// A container that is asked to end is given the time that its engine would give it.
fn kill_after(service: &Service) -> Option<Duration> {
    let own = service.task.as_ref().and_then(|task| task.kill_after);
    let Some(container) = service.container() else { return own };
    let limits = container.cgroup_config.as_ref().or(service.cgroup_config.as_ref());
    let told = limits.and_then(|limits| limits.timeout_stop);
    own.or_else(|| told.map(TimeSpan::duration)).or(Some(CONTAINER_GRACE))
}

/// Returns how long a stop may take: longer than a task may take to kill what does not end.
pub(super) fn stop_limit(service: &Service, usual: TimeSpan) -> TimeSpan {
    let own = service.task.as_ref().and_then(|_| kill_after(service));
    match own {
        Some(kill_after) if kill_after >= usual.duration() => kill_after.saturating_add(MARGIN).into(),
        _ => usual,
    }
}

/// Writes the line that tells of the end of a run, which every service has: without it no run of it would be kept.
///
/// The run has its result by then, which the hook cannot change: `-` has its own failure ignored. `+` gives it the
/// rights of the manager where a service may be somebody else's, who could write no record. Source:
/// systemd.service(5), "Command lines".
pub(super) fn hook(service: &Service, variables: &Variables, context: &RenderContext) -> String {
    let rights = match context.scope {
        Scope::User => "-",
        Scope::System => "-+",
    };
    let mut words = vec!["hook", "stopped", service.name.as_str()];
    let directory = own_directory(service, variables, context);
    words.extend(directory.iter().flat_map(|directory| [DATA_OPTION, directory]));
    format!("{rights}{}{}", own_command(context, &words), config_home(directory, context))
}

/// Returns the data directory where the variables of a service might hide it from the `tf` that its unit runs.
fn own_directory<'a>(
    service: &Service,
    variables: &Variables,
    context: &'a RenderContext,
) -> Option<&'a str> {
    let told = ["Environment", "EnvironmentFile", "PassEnvironment", "UnsetEnvironment"];
    let is_passed = service.systemd.of(Section::Service).any(|(key, _)| told.contains(&key));
    let hides = ["HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "TASKFLOWS_DATA_DIR"];
    let is_hidden = variables.keys().any(|name| hides.contains(&name.as_str()));
    (is_hidden || is_passed || !service.env_file.is_empty()).then_some(context.data_directory.as_str())
}

/// Writes a command of `tf`.
pub(super) fn own_command(context: &RenderContext, words: &[&str]) -> String {
    let program = context.program.as_str();
    let words = std::iter::once(&program).chain(words).chain(scope(context));
    arguments(&words.map(|word| Argument::from((*word).to_owned())).collect::<Vec<_>>())
}

fn scope(context: &RenderContext) -> &'static [&'static str] {
    match context.scope {
        Scope::User => &[],
        Scope::System => &["--scope", "system"],
    }
}

/// Takes a line of ours apart: what `tf` is called by, and what it runs where it runs a task.
///
/// Options of ours hold no ` -- `, so the first is the one before the command.
pub(super) fn taken_apart(line: &str) -> Option<(&str, Option<&str>)> {
    if let Some((program, rest)) = line.split_once(" exec --service ") {
        return rest.split_once(" -- ").map(|(_, command)| (program, Some(command)));
    }
    line.split_once(" hook stopped ").map(|(program, _)| (program.trim_start_matches(['-', '+']), None))
}
