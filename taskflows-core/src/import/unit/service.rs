use super::convert::Conversion;
use super::file::Directives;
use super::words::{self, path, split, unexpanded, unspecified};
use crate::import::draft::Value;
use crate::{
    CommandLine, Comparison, CredentialName, Line, NotifyAccess, Pressure, PressureSpan, Relation,
    RestartCondition, Section, Signal, TimeSpan, UnitPath, UnitReference, VariableName, VariableValue,
};

/// What systemd takes where a unit says nothing; taskflows has other defaults.
const RESTART_DELAY: &str = "100ms";
const START_LIMIT: (&str, u32) = ("10s", 5);
const STOP_LIMIT: &str = "90s";

/// What a program may begin with that systemd gives a meaning.
const PREFIXES: [char; 6] = ['@', '-', ':', '+', '!', '|'];

pub(super) fn convert(conversion: &mut Conversion<'_>, directives: &Directives) {
    kind(conversion, directives);
    start_command(conversion, directives);
    command(conversion, directives, "ExecStop", "stop_command");
    command(conversion, directives, "ExecReload", "restart_command");
    description(conversion, directives);
    relations(conversion, directives);
    constraints(conversion, directives);
    environment(conversion, directives);
    environment_files(conversion, directives);
    credentials(conversion, directives);
    working_directory(conversion, directives);
    run_limit(conversion, directives);
    restart(conversion, directives);
    kill_signal(conversion, directives);
    stop_limit(conversion, directives);
}

/// Reads how the service tells that it has started, and its watchdog with it.
fn kind(conversion: &mut Conversion<'_>, directives: &Directives) {
    for (key, what) in
        [("BusName", "a service that the bus starts"), ("Sockets", "a service that a socket starts")]
    {
        if !directives.values("Service", key).is_empty() {
            conversion.impossible(&format!("Service.{key}"), &format!("{what} has no counterpart"));
        }
    }
    match directives.last("Service", "Type") {
        None | Some("simple") => {
            conversion.finish("Service", "Type");
            let text = "its start fails where the program cannot be run, as with Type=exec";
            conversion.approximate("Service.Type", text);
        }
        Some("exec") => conversion.keep(directives, "Service", "Type", "the same"),
        Some("dbus") => {
            conversion.impossible(
                "Service.Type",
                "a service that is known by its name on the bus has no counterpart",
            );
        }
        Some("notify") => watchdog(conversion, directives),
        Some(_) => {}
    }
}

/// A watchdog makes a service one that notifies, so it is a field of those alone.
fn watchdog(conversion: &mut Conversion<'_>, directives: &Directives) {
    let interval = directives.last("Service", "WatchdogSec").filter(|text| is_length(text));
    let access = directives.last("Service", "NotifyAccess").unwrap_or("main");
    let Some(interval) = interval.filter(|_| access.parse::<NotifyAccess>().is_ok()) else { return };
    let table = vec![
        ("interval".to_owned(), interval.into()),
        // What follows its end is said by the restart policy.
        ("restart_on_hang".to_owned(), Value::Truth(false)),
        ("notify_access".to_owned(), access.into()),
    ];
    conversion.draft.set("watchdog", Value::Table(table));
    for key in ["Type", "WatchdogSec", "NotifyAccess"] {
        conversion.keep(directives, "Service", key, "watchdog");
    }
}

/// Tells whether a text is a length of time that is neither zero nor without end.
pub(super) fn is_length(text: &str) -> bool {
    text.parse::<TimeSpan>().is_ok_and(|span| !span.is_zero())
}

fn start_command(conversion: &mut Conversion<'_>, directives: &Directives) {
    let values = directives.values("Service", "ExecStart");
    let commands: Option<Vec<Vec<String>>> =
        values.iter().map(|value| words::commands(value)).collect::<Option<Vec<_>>>().map(|all| all.concat());
    let is_several = commands.as_ref().map_or(values.len(), Vec::len) > 1;
    let argvs =
        commands.as_ref().and_then(|all| all.iter().map(|words| argv(words)).collect::<Option<Vec<_>>>());
    match (values, argvs.as_deref()) {
        ([], _) => conversion
            .impossible("Service.ExecStart", "a service of a definition runs something, this one nothing"),
        _ if is_several && directives.last("Service", "Type") != Some("oneshot") => conversion.impossible(
            "Service.ExecStart",
            "systemd runs several commands one after the other only with Type=oneshot",
        ),
        (_, Some([argv])) => {
            conversion.draft.set("start_command", argv.clone());
            conversion.keep(directives, "Service", "ExecStart", "start_command");
        }
        (_, Some(argvs @ [_, ..])) => {
            let lines: Vec<String> = argvs.iter().map(shell_words::join).collect();
            let shell = ["/bin/sh".to_owned(), "-c".to_owned(), lines.join(" && ")];
            conversion.draft.set("start_command", shell.to_vec());
            conversion.finish("Service", "ExecStart");
            conversion.approximate(
                "Service.ExecStart",
                "one shell runs its commands, each once the one before has succeeded",
            );
        }
        (_, _) => {
            let first = commands.as_ref().and_then(|all| all.first());
            conversion.draft.set("start_command", shown(first.map_or(&[], Vec::as_slice)));
            conversion.pass(Section::Service, "ExecStart", values);
            let text = "it is what runs; start_command only shows it, and a change of that changes nothing until this line is gone";
            conversion.approximate("Service.ExecStart", text);
        }
    }
}

/// Returns the arguments of a command that means the same without systemd's own syntax.
fn argv(words: &[String]) -> Option<Vec<String>> {
    let plain = |word: &String| unexpanded(&unspecified(word)?);
    let argv = words.iter().map(plain).collect::<Option<Vec<String>>>()?;
    let has_prefix = words.first().is_some_and(|program| program.starts_with(PREFIXES));
    (!has_prefix && CommandLine::from_argv(argv.iter().map(String::as_str)).is_ok()).then_some(argv)
}

/// Returns what is shown for a command that is passed through: its words, with what only systemd replaces as it
/// stands.
fn shown(words: &[String]) -> Vec<String> {
    let Some((program, arguments)) = words.split_first() else { return vec!["true".to_owned()] };
    let path = program.trim_start_matches(PREFIXES);
    let prefixes = &program[..program.len() - path.len()];
    // After `@` the next word is the name that the program is told.
    let arguments = arguments.get(usize::from(prefixes.contains('@'))..).unwrap_or_default();
    let base = path.rsplit('/').next().unwrap_or_default();
    [path, base]
        .into_iter()
        .map(|program| std::iter::once(program).chain(arguments.iter().map(String::as_str)))
        .find(|argv| CommandLine::from_argv(argv.clone()).is_ok())
        .map_or_else(|| vec!["true".to_owned()], |argv| argv.map(plainly).collect())
}

/// Returns a word with the doubled signs undone where nothing in it is replaced.
fn plainly(word: &str) -> String {
    unspecified(word).and_then(|word| unexpanded(&word)).unwrap_or_else(|| word.to_owned())
}

/// Makes a field of a single plain command; others are passed through.
fn command(conversion: &mut Conversion<'_>, directives: &Directives, key: &str, field: &'static str) {
    if let [value] = directives.values("Service", key)
        && let Some([words]) = words::commands(value).as_deref()
        && let Some(argv) = argv(words)
    {
        conversion.draft.set(field, argv);
        conversion.keep(directives, "Service", key, field);
    }
}

fn description(conversion: &mut Conversion<'_>, directives: &Directives) {
    let text = directives.last("Unit", "Description").and_then(unspecified);
    if let Some(text) = text.filter(|text| text.parse::<Line>().is_ok()) {
        conversion.draft.set("description", text);
        conversion.keep(directives, "Unit", "Description", "description");
    }
}

fn relations(conversion: &mut Conversion<'_>, directives: &Directives) {
    for relation in Relation::ALL {
        let key = relation.directive();
        let words: Vec<&str> =
            directives.values("Unit", key).iter().flat_map(|value| value.split_whitespace()).collect();
        // A name without a suffix is a service in a definition, and none at all here.
        let is_unit = |word: &&str| matches!(word.parse(), Ok(UnitReference::Unit(_)));
        if words.is_empty() || !words.iter().all(is_unit) {
            continue;
        }
        let named = |word: &&str| conversion.named.get(*word).map_or(*word, String::as_str).into();
        let units: Vec<Value> = words.iter().map(named).collect();
        conversion.draft.set(relation.key(), Value::one_or_many(units));
        conversion.keep(directives, "Unit", key, relation.key());
    }
}

fn constraints(conversion: &mut Conversion<'_>, directives: &Directives) {
    let mut tables = Vec::new();
    for (prefix, silent) in [("Condition", true), ("Assert", false)] {
        for kind in ["Memory", "CPUs", "CPUPressure", "MemoryPressure", "IOPressure"] {
            let key = format!("{prefix}{kind}");
            let values = directives.values("Unit", &key);
            let read: Option<Vec<Value>> =
                values.iter().map(|value| constraint(kind, value, silent)).collect();
            if let Some(read) = read.filter(|read| !read.is_empty()) {
                tables.extend(read);
                conversion.keep(directives, "Unit", &key, "system_load_constraints");
            }
        }
    }
    if !tables.is_empty() {
        conversion.draft.set("system_load_constraints", Value::List(tables));
    }
}

/// Reads the value of a condition, `None` where it says more than a constraint can.
fn constraint(kind: &str, value: &str, silent: bool) -> Option<Value> {
    let mut table = vec![("type".to_owned(), kind.into())];
    if kind.ends_with("Pressure") {
        let (percent, timespan) = value.split_once('/').unwrap_or((value, "5min"));
        let percent = percent.strip_suffix('%')?;
        Pressure::new(percent.parse().ok()?, timespan.parse::<PressureSpan>().ok()?).ok()?;
        // A whole number of percent is all that a draft writes.
        table.push(("max_percent".to_owned(), Value::Number(percent.parse().ok()?)));
        table.push(("timespan".to_owned(), timespan.into()));
    } else {
        let amount = value.trim_start_matches(['<', '>', '=', '!']);
        let sign = &value[..value.len() - amount.len()];
        let sign = if sign.is_empty() { Comparison::AtLeast } else { sign.parse().ok()? };
        let amount = amount.trim();
        table.push(match kind {
            "CPUs" => ("amount".to_owned(), Value::Number(amount.parse().ok()?)),
            _ => ("amount".to_owned(), amount.into()),
        });
        table.push(("constraint".to_owned(), sign.as_str().into()));
    }
    table.push(("silent".to_owned(), Value::Truth(silent)));
    Some(Value::Table(table))
}

fn environment(conversion: &mut Conversion<'_>, directives: &Directives) {
    let mut variables: Vec<(String, Value)> = Vec::new();
    for value in directives.values("Service", "Environment") {
        let Some(words) = split(value) else { return };
        for word in words {
            let Some((name, value)) = unspecified(&word).and_then(|word| assignment(&word)) else { return };
            // The last value of a variable counts.
            variables.retain(|(own, _)| *own != name);
            variables.push((name, value.into()));
        }
    }
    if !variables.is_empty() {
        conversion.draft.set("env", Value::Table(variables));
        conversion.keep(directives, "Service", "Environment", "env");
    }
}

fn assignment(word: &str) -> Option<(String, String)> {
    let (name, value) = word.split_once('=')?;
    let is_kept = name.parse::<VariableName>().is_ok() && value.parse::<VariableValue>().is_ok();
    is_kept.then(|| (name.to_owned(), value.to_owned()))
}

fn environment_files(conversion: &mut Conversion<'_>, directives: &Directives) {
    let values = directives.values("Service", "EnvironmentFile");
    let paths: Option<Vec<Value>> = values.iter().map(|value| unit_path(value)).collect();
    if let Some(paths) = paths.filter(|paths| !paths.is_empty()) {
        conversion.draft.set("env_file", Value::one_or_many(paths));
        conversion.keep(directives, "Service", "EnvironmentFile", "env_file");
    }
}

fn unit_path(text: &str) -> Option<Value> {
    path(text).filter(|path| path.parse::<UnitPath>().is_ok()).map(Value::from)
}

fn credentials(conversion: &mut Conversion<'_>, directives: &Directives) {
    let credential = |value: &String| {
        let (name, path) = value.split_once(':')?;
        name.parse::<CredentialName>().ok()?;
        Some((name.to_owned(), unit_path(path)?))
    };
    let values = directives.values("Service", "LoadCredential");
    let read: Option<Vec<(String, Value)>> = values.iter().map(credential).collect();
    if let Some(read) = read.filter(|read| !read.is_empty()) {
        conversion.draft.set("credentials", Value::Table(read));
        conversion.keep(directives, "Service", "LoadCredential", "credentials");
    }
}

fn working_directory(conversion: &mut Conversion<'_>, directives: &Directives) {
    if let Some(path) = directives.last("Service", "WorkingDirectory").and_then(unit_path) {
        conversion.draft.set("working_directory", path);
        conversion.keep(directives, "Service", "WorkingDirectory", "working_directory");
    }
}

fn run_limit(conversion: &mut Conversion<'_>, directives: &Directives) {
    let Some(text) = directives.last("Service", "RuntimeMaxSec") else { return };
    if is_length(text) {
        conversion.draft.set("timeout", text);
        conversion.keep(directives, "Service", "RuntimeMaxSec", "timeout");
    }
}

fn restart(conversion: &mut Conversion<'_>, directives: &Directives) {
    let Some(condition) = directives.last("Service", "Restart").filter(|text| *text != "unless-stopped")
    else {
        return;
    };
    if matches!(condition.parse(), Err(_) | Ok(RestartCondition::No)) {
        return;
    }
    let delay = directives.last("Service", "RestartSec").unwrap_or(RESTART_DELAY);
    let interval = directives.last("Unit", "StartLimitIntervalSec").unwrap_or(START_LIMIT.0);
    let burst = directives.last("Unit", "StartLimitBurst").map_or(Ok(START_LIMIT.1), str::parse);
    let (Ok(interval), Ok(burst), Ok(_)) = (interval.parse::<TimeSpan>(), burst, delay.parse::<TimeSpan>())
    else {
        return;
    };
    let mut table = vec![("condition".to_owned(), condition.into()), ("delay".to_owned(), delay.into())];
    if burst > 0 && !interval.is_zero() {
        table.push(("max_attempts".to_owned(), Value::Number(u64::from(burst))));
        table.push(("window".to_owned(), interval.to_string().into()));
    }
    conversion.draft.set("restart_policy", Value::Table(table));
    for (section, key) in [
        ("Service", "Restart"),
        ("Service", "RestartSec"),
        ("Unit", "StartLimitIntervalSec"),
        ("Unit", "StartLimitBurst"),
    ] {
        conversion.keep(directives, section, key, "restart_policy");
    }
}

fn kill_signal(conversion: &mut Conversion<'_>, directives: &Directives) {
    let signal = directives.last("Service", "KillSignal").filter(|text| text.parse::<Signal>().is_ok());
    if let Some(signal) = signal {
        conversion.draft.set("kill_signal", signal);
        conversion.keep(directives, "Service", "KillSignal", "kill_signal");
    }
}

fn stop_limit(conversion: &mut Conversion<'_>, directives: &Directives) {
    let is_set = |key| !directives.values("Service", key).is_empty();
    if !is_set("TimeoutStopSec") && !is_set("TimeoutSec") {
        conversion.draft.pass(Section::Service, "TimeoutStopSec", vec![STOP_LIMIT.to_owned()]);
    }
}
