//! Which formats each command has.

use clap::ValueEnum;

use crate::arguments::{
    AlertVerb, ApiVerb, EnvVerb, Format, LoggingVerb, MonitorVerb, SecurityVerb, ServerVerb, TokenVerb, Verb,
};
use crate::{CliError, Exit};

const TABLE: &[Format] = &[Format::Table, Format::Wide];
const DATA: &[Format] = &[Format::Table, Format::Wide, Format::Json, Format::Jsonl, Format::Yaml];
const ALL: &[Format] =
    &[Format::Table, Format::Wide, Format::Json, Format::Jsonl, Format::Yaml, Format::Name];

const LINES: &[Format] =
    &[Format::Table, Format::Wide, Format::Json, Format::Jsonl, Format::Yaml, Format::Raw];

/// Refuses a format that a command does not have, since a program that asks for it would read something else.
pub(crate) fn check_format(verb: &Verb, format: Format) -> Result<(), CliError> {
    let formats = formats(verb);
    if formats.contains(&format) {
        return Ok(());
    }
    // Wide is no more than the table where there are no more columns.
    let there: Vec<String> =
        formats.iter().filter(|one| **one != Format::Wide).map(|one| word(*one)).collect();
    let hint = match there.as_slice() {
        [_] => "it tells on stderr what it did, and its exit code says whether that failed".to_owned(),
        there => format!("it has {}", there.join(", ")),
    };
    Err(CliError::new(Exit::Usage, format!("this command has no output as `{}`", word(format))).hint(hint))
}

fn word(format: Format) -> String {
    format.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

fn formats(verb: &Verb) -> &'static [Format] {
    match verb {
        Verb::Calendar(_) | Verb::Timespan(_) => DATA,
        Verb::Logs(_) => LINES,
        Verb::Env { verb: EnvVerb::Create(_) | EnvVerb::Edit(_) | EnvVerb::Remove { .. } } => TABLE,
        Verb::Exec(_) | Verb::Run(_) | Verb::Retry(_) => TABLE,
        Verb::Monitor { verb: MonitorVerb::Install } => TABLE,
        Verb::Logging { verb: LoggingVerb::Check(_) } => ALL,
        Verb::Logging { verb: LoggingVerb::Setup(_) } => TABLE,
        Verb::Remove(_) | Verb::Completion { .. } | Verb::Man { .. } => TABLE,
        Verb::Alert { verb: AlertVerb::List(_) | AlertVerb::Test(_) } => ALL,
        Verb::Api { verb: ApiVerb::Status } => ALL,
        // It is JSON however it is asked for.
        Verb::Api { verb: ApiVerb::Openapi } => &[Format::Table, Format::Wide, Format::Json],
        Verb::Api { verb: ApiVerb::Security { verb } } | Verb::Security { verb } => of_security(verb),
        Verb::Api { .. } => TABLE,
        Verb::Audit(_) => DATA,
        Verb::Server { verb: ServerVerb::Add(_) | ServerVerb::Remove { .. } } => TABLE,
        Verb::Server { .. } | Verb::Context => ALL,
        Verb::Alert { .. } | Verb::Hook { .. } => TABLE,
        Verb::Token { verb: TokenVerb::List } => ALL,
        Verb::Token { .. } => TABLE,
        // It is JSON however it is asked for.
        Verb::Schema => &[Format::Table, Format::Wide, Format::Json],
        Verb::Create(_)
        | Verb::Plan(_)
        | Verb::Diff(_)
        | Verb::Edit(_)
        | Verb::Validate(_)
        | Verb::Render(_)
        | Verb::Import(_)
        | Verb::Env { verb: EnvVerb::List | EnvVerb::Show { .. } }
        | Verb::List(_)
        | Verb::Next(_)
        | Verb::Start(_)
        | Verb::Stop(_)
        | Verb::Restart(_)
        | Verb::Enable(_)
        | Verb::Disable(_)
        | Verb::Status(_)
        | Verb::Show(_)
        | Verb::History(_)
        | Verb::Doctor
        | Verb::Monitor { verb: MonitorVerb::Check(_) | MonitorVerb::Status }
        | Verb::Why(_) => ALL,
    }
}

/// Those of `tf security`, which `tf api security` is as well.
pub(crate) fn of_security(verb: &SecurityVerb) -> &'static [Format] {
    match verb {
        SecurityVerb::Status => ALL,
        _ => TABLE,
    }
}
