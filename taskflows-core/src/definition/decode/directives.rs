use super::fields::{Fields, Reader, chain};
use crate::definition::node::{Key, Node, Value};
use crate::definition::problem::Problem;
use crate::nearest;
use crate::service::{Directives, Section};

/// Every directive of the three sections: those that systemd 252 tells with `--dump-configuration-items`, and those
/// that the manual pages of 258 add.
const KNOWN: &str = include_str!("directives.txt");

/// Directives that take the place of what a field says.
const REPLACED: [(Section, &str, &str); 8] = [
    (Section::Unit, "Description", "description"),
    (Section::Service, "ExecStart", "start_command"),
    (Section::Service, "WorkingDirectory", "working_directory"),
    (Section::Service, "RuntimeMaxSec", "timeout"),
    (Section::Service, "Restart", "restart_policy"),
    (Section::Service, "KillSignal", "kill_signal"),
    (Section::Service, "WatchdogSec", "watchdog"),
    (Section::Service, "NotifyAccess", "watchdog"),
];

/// Reads the directives that are passed through as they are.
pub(super) fn directives<'a>(reader: &mut Reader<'a>, fields: &Fields<'a>, no_timer: bool) -> Directives {
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
            warn_of_directive(reader, section, key);
            warn_of_replaced(reader, fields, section, key);
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

fn known(section: Section) -> impl Iterator<Item = &'static str> {
    let lines = KNOWN.lines().skip_while(move |line| line.trim_matches(['[', ']']) != section.as_str());
    lines.skip(1).take_while(|line| !line.starts_with('['))
}

/// systemd passes over what it does not know, and says so in its journal only.
fn warn_of_directive(reader: &mut Reader<'_>, section: Section, key: &Key) {
    if key.text.starts_with("X-") || known(section).any(|known| known == key.text) {
        return;
    }
    let message = format!(
        "`{}` is no directive of [{section}] that is known: systemd ignores it",
        key.text.escape_debug()
    );
    let elsewhere = Section::TEXTS
        .into_iter()
        .filter_map(Section::from_text)
        .find(|other| known(*other).any(|known| known == key.text));
    let problem = Problem::warning(message, key.span.clone(), "");
    reader.warn(match (elsewhere, nearest(&key.text, known(section))) {
        (Some(other), _) => problem.help(format!("it stands in [{other}]")),
        (None, Some(near)) => problem.help(format!("did you mean `{near}`?")),
        (None, None) => problem,
    });
}

fn warn_of_replaced(reader: &mut Reader<'_>, fields: &Fields<'_>, section: Section, key: &Key) {
    let replaced = REPLACED.iter().find(|(of, directive, _)| *of == section && key.text == *directive);
    if let Some((_, directive, field)) = replaced.filter(|(_, _, field)| fields.get(field).is_some()) {
        let message =
            format!("`systemd.{section}.{directive}` takes the place of `{field}`, which does nothing");
        reader.warn(Problem::warning(message, key.span.clone(), "").help("leave one of the two out"));
    }
}
