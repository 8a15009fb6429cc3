use std::collections::BTreeMap;

use super::directives::directives;
use super::fields::{Fields, Reader, chain};
use super::schedule::schedules;
use super::variables::warn_of_name;
use super::{Known, alerts, cgroup, constraint, environment, schedule, task};
use crate::alerting::AlertUse;
use crate::definition::node::{Node, Value};
use crate::definition::problem::Problem;
use crate::definition::shape::{Field, Object, Shape, field, required};
use crate::service::{
    CommandLine, CredentialName, NotifyAccess, Relation, Relations, RestartCondition, RestartPolicy, Service,
    UnitReference, Watchdog, shell_syntax,
};
use crate::{TimeSpan, UnitPath, VariableName, VariableValue};

const RELATION: Shape = Shape::OneOrMany(&Shape::Text);

const fn relation(relation: Relation, about: &'static str) -> Field {
    field(relation.key(), RELATION, about)
}

pub(super) const VARIABLES: Shape = Shape::Map(&Shape::Any(&[Shape::Scalar, Shape::Flag]));

static WATCHDOG: Object = Object {
    what: "a watchdog",
    fields: &[
        required("interval", Shape::Span, "how long it may be silent (WatchdogSec=)"),
        field(
            "restart_on_hang",
            Shape::Flag,
            "start it again after that, where no restart policy says otherwise",
        ),
        field("notify_access", Shape::Words(&NotifyAccess::TEXTS), "which processes may speak for it"),
    ],
    refused: &[],
};

static POLICY: Object = Object {
    what: "a restart policy",
    fields: &[
        required(
            "condition",
            Shape::Words(&RestartCondition::TEXTS),
            "which ends are followed by a new start",
        ),
        field("delay", Shape::Span, "the wait before it (RestartSec=)"),
        field("max_attempts", Shape::Whole(0, u32::MAX as i64), "starts allowed within `window`"),
        field("window", Shape::Span, "the time in which starts are counted (StartLimitIntervalSec=)"),
    ],
    refused: &[],
};

const WATCHDOGS: &[Shape] = &[Shape::Span, Shape::Table(&WATCHDOG)];
const POLICIES: &[Shape] = &[Shape::Words(&RestartCondition::TEXTS), Shape::Table(&POLICY)];

/// A command as a string that is split, or as its arguments.
const COMMAND: Shape = Shape::Any(&[Shape::Text, Shape::List(&Shape::Text)]);

pub(super) static SERVICE: Object = Object {
    what: "a service",
    fields: &SERVICE_FIELDS,
    refused: &[(
        "alert_on_missed_run",
        "is said by `alerts`: a group tells of missed runs unless its `send_on` says otherwise, and its \
         `missed_after` how late one may be",
    )],
};

/// The keys of a service; its name is the first.
pub(super) const SERVICE_FIELDS: [Field; 38] = [
    required("name", Shape::Pattern(NAME), "its name, unique on a host"),
    field("type", Shape::Words(&["Service"]), "what it is, for files that say it of everything"),
    field("description", Shape::Text, "one line about it"),
    field("start_command", COMMAND, "what it runs; needed unless a container says it"),
    field("stop_command", COMMAND, "what stops it, instead of a signal (ExecStop=)"),
    field("restart_command", COMMAND, "what refreshes it while it runs (ExecReload=)"),
    field("environment", environment::SHAPE, "what its commands run in"),
    field("start_schedule", schedule::SHAPE, "when it starts"),
    field("stop_schedule", schedule::SHAPE, "when it stops"),
    field("restart_schedule", schedule::SHAPE, "when it restarts"),
    field("env", VARIABLES, "environment variables"),
    field("env_file", Shape::OneOrMany(&Shape::Text), "files of environment variables, read at each start"),
    field("working_directory", Shape::Text, "where it runs: absolute, `~/…`, or beside this file"),
    field(
        "timeout",
        Shape::Span,
        "how long a run may take, all attempts of a task included (RuntimeMaxSec=)",
    ),
    field("restart_policy", Shape::Any(POLICIES), "what follows its end"),
    field("task", Shape::Table(&task::TASK), "make its runs a managed task: attempts, limits, waits"),
    field("alerts", alerts::USES, "who is told of its runs: names of groups, and groups of its own"),
    field("enabled", Shape::Flag, "also start it at boot, or login"),
    field("system_load_constraints", CONSTRAINTS, "states of the machine without which it does not start"),
    field("startup_requirements", CONSTRAINTS, "another name of `system_load_constraints`"),
    relation(Relation::Before, "it starts before them (Before=)"),
    relation(Relation::After, "it starts after them (After=)"),
    relation(Relation::Wants, "it starts them too (Wants=)"),
    relation(Relation::Upholds, "it starts them again whenever they stop (Upholds=)"),
    relation(Relation::Requires, "it starts them too, and not without them (Requires=)"),
    relation(Relation::Requisite, "it does not start unless they run already (Requisite=)"),
    relation(Relation::BindsTo, "as `requires`, and it stops when they do (BindsTo=)"),
    relation(Relation::OnFailure, "they start when it fails (OnFailure=)"),
    relation(Relation::OnSuccess, "they start when it ends well (OnSuccess=)"),
    relation(Relation::PartOf, "it stops and restarts with them (PartOf=)"),
    relation(Relation::PropagateStopTo, "they stop when it does (PropagatesStopTo=)"),
    relation(Relation::PropagateStopFrom, "it stops when they do (StopPropagatedFrom=)"),
    relation(Relation::Conflicts, "it stops them when it starts, and the other way round (Conflicts=)"),
    field("kill_signal", Shape::Scalar, "the signal that asks it to end, SIGTERM unless told"),
    field("watchdog", Shape::Any(WATCHDOGS), "end it when it stops telling that it is alive"),
    field(
        "credentials",
        Shape::Map(&Shape::Text),
        "secrets: names and the files that are read at each start",
    ),
    field("cgroup_config", cgroup::SHAPE, "what it may use of the machine"),
    field("systemd", Shape::Directives, "any directive of systemd, by section"),
];

/// The rule of [`ServiceName`](crate::ServiceName), less what a pattern cannot say.
pub(super) const NAME: &str = "^[A-Za-z0-9_ ]([A-Za-z0-9._ -]*[A-Za-z0-9_ ])?$";
const CONSTRAINTS: Shape = Shape::OneOrMany(&constraint::SHAPE);

/// Returns where a service says what it says of `key`.
pub(super) fn part_of<'n>(node: &'n Node, key: &str) -> Option<&'n Node> {
    match &node.value {
        Value::Table(entries) => entries.iter().find(|(own, _)| own.text == key).map(|(_, node)| node),
        _ => None,
    }
}

pub(super) fn service<'a>(reader: &mut Reader<'a>, node: &'a Node, known: &Known<'_>) -> Option<Service> {
    let before = reader.told.errors.len();
    let fields = reader.table(node, &SERVICE)?;
    if fields.get("start_command").is_none() && fields.get("environment").is_none() {
        reader.missing(&fields, "start_command");
    }
    // Every field is read before the first that is wrong ends it, so that all problems are told.
    let name = fields.get("name").and_then(|node| reader.parsed(node));
    let start_schedule = schedules(reader, &fields, "start_schedule", known.zones);
    let systemd = directives(reader, &fields, start_schedule.is_empty());
    let service = Service {
        description: fields.get("description").and_then(|node| reader.parsed(node)),
        start_command: command(reader, &fields, "start_command"),
        stop_command: command(reader, &fields, "stop_command"),
        restart_command: command(reader, &fields, "restart_command"),
        environment: fields.get("environment").and_then(|node| environment::choice(reader, node, known)),
        start_schedule,
        stop_schedule: schedules(reader, &fields, "stop_schedule", known.zones),
        restart_schedule: schedules(reader, &fields, "restart_schedule", known.zones),
        env: variables(reader, &fields, "env"),
        env_file: paths(reader, &fields, "env_file"),
        working_directory: paths(reader, &fields, "working_directory").pop(),
        timeout: fields.get("timeout").and_then(|node| length(reader, node)),
        restart_policy: fields
            .get("restart_policy")
            .and_then(|node| policy(reader, node))
            .unwrap_or_default(),
        task: fields.get("task").and_then(|node| task::task(reader, node)),
        alerts: alert_uses(reader, &fields, known),
        enabled: fields.get("enabled").and_then(|node| reader.boolean(node)).unwrap_or(false),
        system_load_constraints: constraints(reader, &fields),
        relations: relations(reader, &fields),
        kill_signal: fields.get("kill_signal").and_then(|node| reader.scalar(node)),
        watchdog: fields.get("watchdog").and_then(|node| watchdog(reader, node)),
        credentials: credentials(reader, &fields),
        cgroup_config: fields.get("cgroup_config").and_then(|node| cgroup::limits(reader, node)),
        systemd,
        source: known.origin.and_then(|path| path.parse().ok()),
        name: name?,
    };
    if reader.told.errors.len() == before {
        conflicts(reader, &fields, &service);
        alerts::warn_of_untold(reader, alerts_of(node), &service, known.alerts);
    }
    Some(service)
}

/// Returns where a service says who is told: beside its task or within it.
pub(super) fn alerts_of(node: &Node) -> Option<&Node> {
    let said = |node: &&Node| node.value != Value::Null;
    part_of(node, "alerts").filter(said).or_else(|| part_of(part_of(node, "task")?, "alerts").filter(said))
}

fn alert_uses<'a>(reader: &mut Reader<'a>, fields: &Fields<'a>, known: &Known<'_>) -> Vec<AlertUse> {
    let (own, of_task) = (fields.get("alerts"), fields.get("task").and_then(|task| part_of(task, "alerts")));
    let of_task = of_task.filter(|node| node.value != Value::Null);
    if let (Some(_), Some(twice)) = (own, of_task) {
        reader.wrong(twice, "the service's `alerts` says the same: leave one of the two out");
    }
    own.or(of_task).map(|node| alerts::uses(reader, node, known.zones)).unwrap_or_default()
}

/// Tells of fields that cannot be together, where each is right by itself.
fn conflicts<'a>(reader: &mut Reader<'a>, fields: &Fields<'a>, service: &Service) {
    let Err(error) = service.check() else { return };
    // The limits may be those of the container.
    let place = fields.get(error.field()).or_else(|| fields.get("environment"));
    match place {
        Some(node) => reader.wrong(node, error.to_string()),
        None => reader.error(Problem::error(error.to_string(), fields.span(), "")),
    }
}

pub(super) fn command<'a>(reader: &mut Reader<'a>, fields: &Fields<'a>, key: &str) -> Option<CommandLine> {
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
        reader.warn(Problem::warning(message, node.span.clone(), "").help(help));
    }
}

pub(super) fn variables<'a>(
    reader: &mut Reader<'a>,
    fields: &Fields<'a>,
    key: &str,
) -> BTreeMap<VariableName, VariableValue> {
    let mut variables = BTreeMap::new();
    let Some(node) = fields.get(key) else { return variables };
    let Value::Table(entries) = &node.value else {
        reader.wrong(node, format!("`{key}` is a table of names and values"));
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
            warn_of_name(reader, name.as_str(), node);
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
    let fields = reader.table(node, &WATCHDOG)?;
    let mut watchdog = Watchdog::new(length(reader, fields.get("interval")?)?)?;
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
pub(super) fn path<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<UnitPath> {
    let text = reader.string(node)?;
    let path = match &reader.source.base {
        Some(base) => UnitPath::resolve(text, base),
        None => text.parse(),
    };
    path.map_err(|error| reader.wrong(node, error.to_string())).ok()
}

pub(super) fn paths<'a>(reader: &mut Reader<'a>, fields: &Fields<'a>, key: &str) -> Vec<UnitPath> {
    let Some(node) = fields.get(key) else { return Vec::new() };
    if key == "working_directory" && matches!(node.value, Value::List(_)) {
        reader.wrong(node, "there is one working directory");
        return Vec::new();
    }
    Reader::one_or_many(node).iter().filter_map(|item| path(reader, item)).collect()
}

/// Reads a length of time that is not zero; a number is seconds.
pub(super) fn length<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<TimeSpan> {
    let span: TimeSpan = reader.scalar(node)?;
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
    let fields = reader.table(node, &POLICY)?;
    let mut policy = RestartPolicy::new(reader.word(fields.get("condition")?, &RestartCondition::TEXTS)?);
    if let Some(delay) = fields.get("delay") {
        policy.delay = reader.scalar(delay)?;
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
    let (own, other) = (fields.get("system_load_constraints"), fields.get("startup_requirements"));
    if let (Some(_), Some(twice)) = (own, other) {
        reader.wrong(twice, "`system_load_constraints` says the same: leave one of the two out");
    }
    let Some(node) = own.or(other) else { return Vec::new() };
    Reader::one_or_many(node).iter().filter_map(|item| constraint::constraint(reader, item)).collect()
}
