//! How a command ends that several servers answered, and what is said of those that did not.

use taskflows_api::client::remedy;

use crate::ui::{error_style, note_style};
use crate::{CliError, Exit, Ui};

use super::engine::Answer;
use super::merge::listed;

/// How a command ended on one server.
#[derive(Debug)]
pub(super) enum End {
    /// It ran to its end.
    Ended(Exit),
    /// It was refused, or went wrong.
    Failed(CliError),
    /// There was no answer: `connection refused`.
    Silent(String),
    /// The server has none of the services that others have.
    NothingThere,
}

impl End {
    /// Tells whether the server had nothing of what was asked about, which is no failure where another has.
    fn is_nothing(&self) -> bool {
        match self {
            Self::NothingThere => true,
            Self::Failed(error) => error.exit == Exit::NoSuchService,
            Self::Ended(exit) => *exit == Exit::NoSuchService,
            Self::Silent(_) => false,
        }
    }

    /// Returns the exit code where the command told what it was asked.
    fn told(&self) -> Option<Exit> {
        match self {
            Self::Ended(exit @ (Exit::Ok | Exit::Pending | Exit::NotActive)) => Some(*exit),
            _ => None,
        }
    }

    fn failure(&self) -> Option<Exit> {
        match self {
            _ if self.told().is_some() => None,
            Self::Ended(exit) => Some(*exit),
            Self::Failed(error) => Some(error.exit),
            Self::Silent(_) => Some(Exit::Unreachable),
            Self::NothingThere => Some(Exit::NoSuchService),
        }
    }
}

/// Returns the exit code for how a command ended on each server.
pub(super) fn exit<'a>(ends: impl Iterator<Item = &'a End> + Clone) -> Exit {
    // Which of what was found says most: a change that waits, or a service that does not run.
    let told = ends.clone().filter_map(End::told);
    let told = told.max_by_key(|exit| exit.code());
    let matters = |end: &&End| match end {
        End::NothingThere => false,
        end => told.is_none() || !end.is_nothing(),
    };
    let mut failures = ends.filter(matters).filter_map(End::failure);
    match (told, failures.next()) {
        (Some(told), None) => told,
        (Some(_), Some(_)) => Exit::Partial,
        (None, None) => Exit::Ok,
        (None, Some(first)) => match failures.find(|other| *other != first) {
            None => first,
            // Some said no, and of the others nothing is known.
            Some(_) => Exit::Partial,
        },
    }
}

/// Tells what went wrong on which server, and returns how the command ends.
pub(super) fn tell(ui: &mut Ui<'_>, answers: Vec<Answer>) -> Result<Exit, CliError> {
    ui.out.flush()?;
    let exit = exit(answers.iter().map(|answer| &answer.end));
    let has_told = answers.iter().any(|answer| answer.end.told().is_some());
    let mut failed: Vec<(CliError, Vec<&str>)> = Vec::new();
    let mut silent: Vec<(&str, Vec<&str>)> = Vec::new();
    let is_reader_gone = |end: &End| matches!(end, End::Failed(error) if error.is_reader_gone);
    if answers.iter().any(|answer| is_reader_gone(&answer.end)) {
        return Ok(Exit::Ok);
    }
    for answer in &answers {
        let server = answer.server.as_str();
        match &answer.end {
            End::Failed(error) if !(has_told && answer.end.is_nothing()) => {
                let same = |(other, _): &&mut (CliError, Vec<&str>)| other.message == error.message;
                match failed.iter_mut().find(same) {
                    Some((first, servers)) => {
                        servers.push(server);
                        // A name that one server knows says more than where to look for names.
                        let is_near = |hint: &String| hint.starts_with("did you mean");
                        first.hint = error.hint.clone().filter(is_near).or(first.hint.take());
                    }
                    None => failed.push((error.clone(), vec![server])),
                }
            }
            End::Silent(reason) => match silent.iter_mut().find(|(other, _)| other == reason) {
                Some((_, servers)) => servers.push(server),
                None => silent.push((reason, vec![server])),
            },
            _ => {}
        }
    }
    for (error, servers) in &mut failed {
        let is_of_all = servers.len() == answers.len();
        let before = if is_of_all { String::new() } else { format!("{}: ", listed(servers)) };
        // Where it was looked for in vain.
        if is_of_all && servers.len() > 1 && error.exit == Exit::NoSuchService && !error.is_report {
            error.message = format!("{} on {}", error.message, listed(servers));
        }
        tell_error(ui, &before, error)?;
    }
    tell_silent(ui, answers.len(), &silent)?;
    Ok(exit)
}

fn tell_error(ui: &mut Ui<'_>, before: &str, error: &CliError) -> Result<(), CliError> {
    let (red, cyan) = (error_style(), note_style());
    // A report of several lines stands alone.
    match error.is_report {
        true if before.is_empty() => writeln!(ui.status, "{}", error.message)?,
        true => writeln!(ui.status, "{before}\n{}", error.message)?,
        false => writeln!(ui.status, "{before}{red}error{red:#}: {}", error.message)?,
    }
    if let Some(hint) = &error.hint {
        writeln!(ui.status, "{before}{cyan}hint{cyan:#}: {hint}")?;
    }
    Ok(())
}

fn tell_silent(ui: &mut Ui<'_>, all: usize, silent: &[(&str, Vec<&str>)]) -> Result<(), CliError> {
    let count: usize = silent.iter().map(|(_, servers)| servers.len()).sum();
    if count == 0 {
        return Ok(());
    }
    let reasons: Vec<String> =
        silent.iter().map(|(reason, servers)| format!("{} ({reason})", listed(servers))).collect();
    let reasons = reasons.join(", ");
    let red = error_style();
    match (count, all) {
        (1, 1) => writeln!(ui.status, "{red}error{red:#}: {reasons} did not answer")?,
        (count, all) if count == all => {
            writeln!(ui.status, "{red}error{red:#}: none of {all} servers answered: {reasons}")?;
        }
        (count, all) => writeln!(ui.status, "{count} of {all} servers did not answer: {reasons}")?,
    }
    for (reason, servers) in silent {
        if let Some(remedy) = remedy(reason) {
            let cyan = note_style();
            writeln!(ui.status, "{}: {cyan}hint{cyan:#}: {remedy}", listed(servers))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(word: &str) -> End {
        match word {
            "ok" => End::Ended(Exit::Ok),
            "pending" => End::Ended(Exit::Pending),
            "idle" => End::Ended(Exit::NotActive),
            "partial" => End::Ended(Exit::Partial),
            "failed" => End::Failed(CliError::new(Exit::Failed, "x")),
            "denied" => End::Failed(CliError::new(Exit::Permission, "x")),
            "usage" => End::Failed(CliError::new(Exit::Usage, "x")),
            "none" => End::Failed(CliError::new(Exit::NoSuchService, "x")),
            "nothing" => End::NothingThere,
            "silent" => End::Silent("connection refused".to_owned()),
            other => panic!("{other}"),
        }
    }

    #[test]
    fn the_exit_code_tells_of_all_servers() {
        for (ends, expected) in [
            ("ok ok ok", 0),
            ("ok ok silent", 6),
            ("ok failed", 6),
            ("ok partial", 6),
            ("partial partial", 6),
            ("silent silent", 9),
            ("silent", 9),
            ("denied denied", 5),
            ("usage usage usage", 2),
            ("failed denied", 6),
            ("none none", 4),
            ("none ok", 0),
            ("nothing ok", 0),
            ("nothing failed", 1),
            ("none silent", 6),
            ("none none ok silent", 6),
            ("pending ok", 7),
            ("pending silent", 6),
            ("idle ok", 3),
            ("idle none", 3),
            ("failed silent", 6),
        ] {
            let ends: Vec<End> = ends.split(' ').map(end).collect();
            assert_eq!(exit(ends.iter()).code(), expected, "{ends:?}");
        }
    }
}
