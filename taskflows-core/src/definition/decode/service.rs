use std::collections::BTreeMap;

use super::constraint::constraint;
use super::fields::{Fields, Reader, chain};
use super::schedule::schedules;
use crate::definition::node::{Node, Value};
use crate::definition::problem::Problem;
use crate::schedule::Zones;
use crate::service::{
    CommandLine, CredentialName, Directives, NotifyAccess, Relation, Relations, RestartCondition,
    RestartPolicy, Section, Service, UnitReference, Watchdog, shell_syntax,
};
use crate::{TimeSpan, UnitPath, VariableName, VariableValue, nearest};

const KEYS: [&str; 32] = [
    "name",
    "description",
    "start_command",
    "stop_command",
    "restart_command",
    "start_schedule",
    "stop_schedule",
    "restart_schedule",
    "env",
    "env_file",
    "working_directory",
    "timeout",
    "restart_policy",
    "enabled",
    "system_load_constraints",
    "start_before",
    "start_after",
    "wants",
    "upholds",
    "requires",
    "requisite",
    "binds_to",
    "on_failure",
    "on_success",
    "part_of",
    "propagate_stop_to",
    "propagate_stop_from",
    "conflicts",
    "kill_signal",
    "watchdog",
    "credentials",
    "systemd",
];

const PLANNED: [&str; 6] = ["task", "alerts", "environment", "cgroup_config", "alert_on_missed_run", "type"];

const WATCHDOG_KEYS: [&str; 3] = ["interval", "restart_on_hang", "notify_access"];
const POLICY_KEYS: [&str; 4] = ["condition", "delay", "max_attempts", "window"];

/// Returns where a service says its name.
pub(super) fn name_of(node: &Node) -> Option<&Node> {
    match &node.value {
        Value::Table(entries) => entries.iter().find(|(key, _)| key.text == "name").map(|(_, node)| node),
        _ => None,
    }
}

pub(super) fn service<'a>(reader: &mut Reader<'a>, node: &'a Node, zones: &Zones) -> Option<Service> {
    let fields = reader.table(node, "a service", &KEYS, &PLANNED)?;
    for key in ["name", "start_command"] {
        if fields.get(key).is_none() {
            reader.missing(&fields, key, "a service");
        }
    }
    // Every field is read before the first that is wrong ends it, so that all problems are told.
    let name = fields.get("name").and_then(|node| reader.parsed(node));
    let start_command = command(reader, &fields, "start_command");
    let start_schedule = schedules(reader, &fields, "start_schedule", zones);
    let systemd = directives(reader, &fields, start_schedule.is_empty());
    let service = Service {
        description: fields.get("description").and_then(|node| reader.parsed(node)),
        stop_command: command(reader, &fields, "stop_command"),
        restart_command: command(reader, &fields, "restart_command"),
        start_schedule,
        stop_schedule: schedules(reader, &fields, "stop_schedule", zones),
        restart_schedule: schedules(reader, &fields, "restart_schedule", zones),
        env: variables(reader, &fields),
        env_file: paths(reader, &fields, "env_file"),
        working_directory: paths(reader, &fields, "working_directory").pop(),
        timeout: fields.get("timeout").and_then(|node| length(reader, node)),
        restart_policy: fields
            .get("restart_policy")
            .and_then(|node| policy(reader, node))
            .unwrap_or_default(),
        enabled: fields.get("enabled").and_then(|node| reader.boolean(node)).unwrap_or(false),
        system_load_constraints: constraints(reader, &fields),
        relations: relations(reader, &fields),
        kill_signal: fields.get("kill_signal").and_then(|node| {
            let text = reader.amount(node)?;
            reader.parse(node, text)
        }),
        watchdog: fields.get("watchdog").and_then(|node| watchdog(reader, node)),
        credentials: credentials(reader, &fields),
        systemd,
        source: reader.source.origin.as_deref().and_then(|path| path.parse().ok()),
        start_command: start_command?,
        name: name?,
    };
    Some(service)
}

fn command<'a>(reader: &mut Reader<'a>, fields: &Fields<'a>, key: &str) -> Option<CommandLine> {
    let node = fields.get(key)?;
    let command = match &node.value {
        Value::List(items) => {
            let words: Vec<Option<&str>> = items.iter().map(|item| reader.string(item)).collect();
            CommandLine::from_argv(words.into_iter().collect::<Option<Vec<_>>>()?)
        }
        _ => {
            let text = reader.string(node)?;
            warn_of_shell(reader, node, text);
            CommandLine::split(text)
        }
    };
    match command {
        Ok(command) => Some(command),
        Err(error) => {
            reader.wrong(node, chain(&error));
            None
        }
    }
}

fn warn_of_shell(reader: &mut Reader<'_>, node: &Node, text: &str) {
    if let Some(piece) = shell_syntax(text) {
        let message =
            format!("no shell reads this command: `{}` is passed on as it stands", piece.escape_debug());
        let help = "for a shell, write a list: [\"bash\", \"-c\", \"…\"]";
        reader.warnings.push(Problem::warning(message, node.span.clone(), "").help(help));
    }
}

fn variables<'a>(reader: &mut Reader<'a>, fields: &Fields<'a>) -> BTreeMap<VariableName, VariableValue> {
    let mut variables = BTreeMap::new();
    let Some(node) = fields.get("env") else { return variables };
    let Value::Table(entries) = &node.value else {
        reader.wrong(node, "`env` is a table of names and values");
        return variables;
    };
    for (key, node) in entries {
        let name = reader.key::<VariableName>(key);
        let text = match &node.value {
            Value::Bool(truth) => Some(if *truth { "true" } else { "false" }),
            Value::Null => Some(""),
            _ => reader.amount(node),
        };
        let value = text.and_then(|text| reader.parse(node, text));
        if let (Some(name), Some(value)) = (name, value) {
            variables.insert(name, value);
        }
    }
    variables
}

fn relations<'a>(reader: &mut Reader<'a>, fields: &Fields<'a>) -> Relations {
    let mut relations = Relations::new();
    for relation in Relation::ALL {
        let Some(node) = fields.get(relation.key()) else { continue };
        let units: Vec<UnitReference> =
            Reader::one_or_many(node).iter().filter_map(|item| reader.parsed(item)).collect();
        if !units.is_empty() {
            relations.insert(relation, units);
        }
    }
    relations
}

/// Reads a table of options, or the interval alone.
fn watchdog<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<Watchdog> {
    if !matches!(node.value, Value::Table(_)) {
        return Watchdog::new(length(reader, node)?);
    }
    let fields = reader.table(node, "a watchdog", &WATCHDOG_KEYS, &[])?;
    let Some(interval) = fields.get("interval") else {
        reader.missing(&fields, "interval", "a watchdog");
        return None;
    };
    let mut watchdog = Watchdog::new(length(reader, interval)?)?;
    if let Some(restart) = fields.get("restart_on_hang") {
        watchdog.restart_on_hang = reader.boolean(restart)?;
    }
    if let Some(access) = fields.get("notify_access") {
        watchdog.notify_access = reader.word(access, &NotifyAccess::TEXTS)?;
    }
    Some(watchdog)
}

fn credentials<'a>(reader: &mut Reader<'a>, fields: &Fields<'a>) -> BTreeMap<CredentialName, UnitPath> {
    let mut credentials = BTreeMap::new();
    let Some(node) = fields.get("credentials") else { return credentials };
    let Value::Table(entries) = &node.value else {
        reader.wrong(node, "`credentials` is a table of names and files");
        return credentials;
    };
    for (key, node) in entries {
        let name = reader.key::<CredentialName>(key);
        if let (Some(name), Some(file)) = (name, path(reader, node)) {
            credentials.insert(name, file);
        }
    }
    credentials
}

/// Reads a path; one that is not absolute stands beside the definition.
fn path<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<UnitPath> {
    let text = reader.string(node)?;
    let path = match &reader.source.base {
        Some(base) => UnitPath::resolve(text, base),
        None => text.parse(),
    };
    path.map_err(|error| reader.wrong(node, error.to_string())).ok()
}

fn paths<'a>(reader: &mut Reader<'a>, fields: &Fields<'a>, key: &str) -> Vec<UnitPath> {
    let Some(node) = fields.get(key) else { return Vec::new() };
    if key == "working_directory" && matches!(node.value, Value::List(_)) {
        reader.wrong(node, "there is one working directory");
        return Vec::new();
    }
    Reader::one_or_many(node).iter().filter_map(|item| path(reader, item)).collect()
}

/// Reads a length of time that is not zero; a number is seconds.
pub(super) fn length<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<TimeSpan> {
    let text = reader.amount(node)?;
    let span: TimeSpan = reader.parse(node, text)?;
    if span.is_zero() {
        reader.wrong(node, "the length of time is zero");
        return None;
    }
    Some(span)
}

fn policy<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<RestartPolicy> {
    if !matches!(node.value, Value::Table(_)) {
        return reader.word(node, &RestartCondition::TEXTS).map(RestartPolicy::new);
    }
    let fields = reader.table(node, "a restart policy", &POLICY_KEYS, &[])?;
    let Some(condition) = fields.get("condition") else {
        reader.missing(&fields, "condition", "a restart policy");
        return None;
    };
    let mut policy = RestartPolicy::new(reader.word(condition, &RestartCondition::TEXTS)?);
    if let Some(delay) = fields.get("delay") {
        let text = reader.amount(delay)?;
        policy.delay = reader.parse(delay, text)?;
    }
    if let Some(attempts) = fields.get("max_attempts") {
        policy.max_attempts = Some(reader.number(attempts, "a whole number")?);
        policy.window = RestartPolicy::DEFAULT_WINDOW;
    }
    if let Some(window) = fields.get("window") {
        policy.window = length(reader, window)?;
    }
    Some(policy)
}

fn constraints<'a>(reader: &mut Reader<'a>, fields: &Fields<'a>) -> Vec<crate::LoadConstraint> {
    let Some(node) = fields.get("system_load_constraints") else { return Vec::new() };
    Reader::one_or_many(node).iter().filter_map(|item| constraint(reader, item)).collect()
}

fn directives<'a>(reader: &mut Reader<'a>, fields: &Fields<'a>, no_timer: bool) -> Directives {
    let mut directives = Directives::default();
    let Some(node) = fields.get("systemd") else { return directives };
    let Value::Table(sections) = &node.value else {
        reader.wrong(node, "`systemd` is a table of the sections Unit, Service and Timer");
        return directives;
    };
    for (key, node) in sections {
        let Some(section) = Section::from_text(&key.text) else {
            let problem = Problem::error(
                format!("unknown section `{}`", key.text.escape_debug()),
                key.span.clone(),
                "",
            );
            let near = nearest(&key.text, Section::TEXTS).unwrap_or("Service");
            reader.error(problem.help(format!("did you mean `{near}`?")));
            continue;
        };
        if section == Section::Timer && no_timer {
            reader.error(Problem::error("`systemd.Timer` needs a `start_schedule`", key.span.clone(), ""));
        }
        let Value::Table(entries) = &node.value else {
            reader.wrong(node, format!("`systemd.{section}` is a table of directives"));
            continue;
        };
        for (key, node) in entries {
            let values: Option<Vec<&str>> =
                Reader::one_or_many(node).iter().map(|item| directive_value(reader, item)).collect();
            let inserted = values.map(|values| directives.insert(section, &key.text, values));
            if let Some(Err(error)) = inserted {
                reader.error(Problem::error(chain(&error), node.span.clone(), ""));
            }
        }
    }
    directives
}

fn directive_value<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<&'a str> {
    match &node.value {
        Value::Bool(truth) => Some(if *truth { "yes" } else { "no" }),
        _ => reader.amount(node),
    }
}
