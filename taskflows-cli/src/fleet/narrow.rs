//! Which of the services on a command line each server has.

use taskflows_core::{NamePattern, ServiceName};

use super::selection::ServerChoice;
use crate::Verb;
use crate::arguments::{
    ActArguments, LogsArguments, Names, NextArguments, OptionalSelector, RemoveArguments, Selector,
    StartArguments, Wanted,
};
use crate::select::is_own;

/// Returns the services that a command selects, where it selects any.
pub(super) fn wanted(verb: &Verb) -> &[Wanted] {
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

/// Returns the servers that stand before the services of a command, and whether one stands before each of them.
pub(super) fn servers(verb: &Verb) -> (Vec<&ServerChoice>, bool) {
    let named: Vec<Option<&ServerChoice>> = match verb {
        Verb::Run(run) => vec![run.service.server.as_ref()],
        Verb::Why(why) => vec![why.service.server.as_ref()],
        verb => wanted(verb).iter().map(|wanted| wanted.server.as_ref()).collect(),
    };
    let is_all = !named.is_empty() && named.iter().all(Option::is_some);
    (named.into_iter().flatten().collect(), is_all)
}

/// Tells whether a command changes services that are taskflows itself, and nothing else.
pub(super) fn changes_own(verb: &Verb) -> bool {
    let changes = matches!(
        verb,
        Verb::Start(_)
            | Verb::Stop(_)
            | Verb::Restart(_)
            | Verb::Enable(_)
            | Verb::Disable(_)
            | Verb::Remove(_)
    );
    changes && wanted(verb).iter().all(|wanted| wanted.server.is_none() && is_own(wanted.what.as_str()))
}

/// Returns the same command for other patterns; `None` where it has none.
pub(super) fn with_patterns(verb: &Verb, patterns: Vec<NamePattern>) -> Option<Verb> {
    let services = patterns.into_iter().map(Wanted::from).collect();
    let act = |act: &ActArguments, services| ActArguments {
        selector: selector(&act.selector, services),
        ..act.clone()
    };
    Some(match verb {
        Verb::List(list) => Verb::List(OptionalSelector { services, ..list.clone() }),
        Verb::Status(status) => Verb::Status(OptionalSelector { services, ..status.clone() }),
        Verb::Next(next) => {
            let selector = OptionalSelector { services, ..next.selector.clone() };
            Verb::Next(NextArguments { selector, ..next.clone() })
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

fn selector(selector: &Selector, services: Vec<Wanted>) -> Selector {
    Selector { names: Names { services }, ..selector.clone() }
}

/// Returns for each server, by the patterns that may be for it and the names it has of what they select, those of the
/// patterns that are for it. One that selects nothing anywhere is for all, so that each says what it has to say of that.
pub(super) fn narrowed(patterns: &[Vec<NamePattern>], found: &[Vec<ServiceName>]) -> Vec<Vec<NamePattern>> {
    let selects =
        |pattern: &NamePattern, names: &[ServiceName]| names.iter().any(|name| pattern.matches(name));
    let of_all = || patterns.iter().zip(found);
    let somewhere =
        |pattern: &NamePattern| of_all().any(|(own, names)| own.contains(pattern) && selects(pattern, names));
    let of_one = |(own, names): (&Vec<NamePattern>, &Vec<ServiceName>)| {
        own.iter().filter(|pattern| selects(pattern, names) || !somewhere(pattern)).cloned().collect()
    };
    of_all().map(of_one).collect()
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
            let told = narrowed(&[parse(patterns), parse(patterns)], &found.map(names));
            assert_eq!(told, expected.map(parse), "{patterns}");
        };
        check("a b", ["a", "b"], ["a", "b"]);
        check("a b", ["a b", "b"], ["a b", "b"]);
        check("a x-*", ["a", ""], ["a x-*", "x-*"]);
        check("w*", ["web", "worker web"], ["w*", "w*"]);
        check("a", ["a", ""], ["a", ""]);
        let told = narrowed(&[parse("a b"), parse("b")], &["a", "b"].map(names));
        assert_eq!(told, ["a", "b"].map(parse), "one that is for a server alone");
    }
}
