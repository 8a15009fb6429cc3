//! Which of the services on a command line each server has.

use taskflows_core::{NamePattern, ServiceName};

use crate::Verb;
use crate::arguments::{
    ActArguments, LogsArguments, Names, NextArguments, OptionalSelector, RemoveArguments, Selector,
    StartArguments,
};

/// Returns the patterns of a command that selects services, where it has any.
pub(super) fn patterns(verb: &Verb) -> &[NamePattern] {
    match verb {
        Verb::List(selector) | Verb::Status(selector) => &selector.services,
        Verb::Next(next) => &next.selector.services,
        Verb::Show(names) => &names.services,
        Verb::Start(start) => &start.act.selector.names.services,
        Verb::Stop(act) | Verb::Restart(act) => &act.selector.names.services,
        Verb::Enable(selector) | Verb::Disable(selector) => &selector.names.services,
        Verb::Remove(remove) => &remove.selector.names.services,
        Verb::Logs(logs) => &logs.services,
        _ => &[],
    }
}

/// Returns the same command for other patterns; `None` where it has none.
pub(super) fn with_patterns(verb: &Verb, services: Vec<NamePattern>) -> Option<Verb> {
    let act = |act: &ActArguments, services| ActArguments {
        selector: selector(&act.selector, services),
        ..act.clone()
    };
    Some(match verb {
        Verb::List(_) => Verb::List(OptionalSelector { services }),
        Verb::Status(_) => Verb::Status(OptionalSelector { services }),
        Verb::Next(next) => {
            Verb::Next(NextArguments { selector: OptionalSelector { services }, ..next.clone() })
        }
        Verb::Show(_) => Verb::Show(Names { services }),
        Verb::Start(start) => Verb::Start(StartArguments { act: act(&start.act, services), ..start.clone() }),
        Verb::Stop(stop) => Verb::Stop(act(stop, services)),
        Verb::Restart(restart) => Verb::Restart(act(restart, services)),
        Verb::Enable(enable) => Verb::Enable(selector(enable, services)),
        Verb::Disable(disable) => Verb::Disable(selector(disable, services)),
        Verb::Remove(remove) => {
            Verb::Remove(RemoveArguments { selector: selector(&remove.selector, services), ..remove.clone() })
        }
        Verb::Logs(logs) => Verb::Logs(LogsArguments { services, ..logs.clone() }),
        _ => return None,
    })
}

fn selector(selector: &Selector, services: Vec<NamePattern>) -> Selector {
    Selector { names: Names { services }, ..selector.clone() }
}

/// Returns for each server, by the names it has of what `patterns` select, those of the patterns that are for it. One
/// that selects nothing anywhere is for all, so that each says what it has to say of that.
pub(super) fn narrowed(patterns: &[NamePattern], found: &[Vec<ServiceName>]) -> Vec<Vec<NamePattern>> {
    let selects =
        |pattern: &NamePattern, names: &[ServiceName]| names.iter().any(|name| pattern.matches(name));
    let somewhere = |pattern: &NamePattern| found.iter().any(|names| selects(pattern, names));
    let of_one = |names: &Vec<ServiceName>| {
        let meant = patterns.iter().filter(|pattern| selects(pattern, names) || !somewhere(pattern));
        meant.cloned().collect()
    };
    found.iter().map(of_one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_server_is_asked_for_what_it_has() {
        let parse = |words: &str| -> Vec<NamePattern> {
            words.split_whitespace().map(|word| word.parse().unwrap()).collect()
        };
        let names = |words: &str| -> Vec<ServiceName> {
            words.split_whitespace().map(|word| word.parse().unwrap()).collect()
        };
        let check = |patterns: &str, found: [&str; 2], expected: [&str; 2]| {
            let told = narrowed(&parse(patterns), &found.map(names));
            assert_eq!(told, expected.map(parse), "{patterns}");
        };
        check("a b", ["a", "b"], ["a", "b"]);
        check("a b", ["a b", "b"], ["a b", "b"]);
        check("a x-*", ["a", ""], ["a x-*", "x-*"]);
        check("w*", ["web", "worker web"], ["w*", "w*"]);
        check("a", ["a", ""], ["a", ""]);
    }
}
