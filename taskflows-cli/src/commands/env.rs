use std::io::Write as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Serialize;
use taskflows_core::effects::{EnvironmentError, EnvironmentUsers, NamedEnvironment};
use taskflows_core::{EnvironmentName, Format as Notation, ServiceName, Source, read_environment};

use super::confirm::ask;
use super::editor::Editor;
use crate::arguments::{EnvArguments, EnvEditArguments, EnvVerb, EnvWhat, Format, Global};
use crate::definitions::{format_of, open, wrong};
use crate::needs::remark_missing_of;
use crate::output::{Column, Row, Styled, Tone, column, data, emit, wide};
use crate::run::report;
use crate::{App, CliError, Exit, Ui};

#[derive(Serialize)]
struct EnvRow {
    name: String,
    kind: &'static str,
    /// The environment as it was written.
    environment: serde_json::Value,
    description: Option<String>,
    used_by: Vec<String>,
    created_at: Timestamp,
    updated_at: Timestamp,
    #[serde(skip)]
    what: String,
}

impl Row for EnvRow {
    const COLUMNS: &'static [Column] =
        &[column("NAME"), column("KIND"), column("WHAT"), column("USED BY"), wide("DESCRIPTION")];

    fn cells(&self) -> Vec<Styled> {
        let used = match self.used_by.as_slice() {
            [] => Styled { text: "-".to_owned(), tone: Tone::Faint },
            [one] => one.as_str().into(),
            [first, rest @ ..] => format!("{first} and {} more", rest.len()).into(),
        };
        vec![
            self.name.as_str().into(),
            self.kind.into(),
            self.what.as_str().into(),
            used,
            self.description.as_deref().unwrap_or("-").into(),
        ]
    }

    fn name(&self) -> String {
        self.name.clone()
    }
}

pub(super) async fn env(
    ui: &mut Ui<'_>,
    app: &App,
    global: &Global,
    verb: &EnvVerb,
) -> Result<Exit, CliError> {
    match verb {
        EnvVerb::List => list(ui, app, global).await,
        EnvVerb::Show { name } => show(ui, app, global, name).await,
        EnvVerb::Create(arguments) => create(ui, app, arguments).await,
        EnvVerb::Edit(arguments) => edit(ui, app, arguments).await,
        EnvVerb::Remove { names, dry_run } => remove(ui, app, names, *dry_run).await,
    }
}

/// Returns the services that use each environment.
async fn users(app: &App) -> Result<EnvironmentUsers, CliError> {
    Ok(EnvironmentUsers::find(&*app.services).await?)
}

fn row(one: NamedEnvironment, users: &EnvironmentUsers) -> EnvRow {
    EnvRow {
        used_by: users.of(&one.name).iter().map(ToString::to_string).collect(),
        name: one.name.to_string(),
        kind: one.environment.kind(),
        what: one.environment.to_string(),
        environment: one.definition,
        description: one.description.map(|text| text.to_string()),
        created_at: one.created_at,
        updated_at: one.updated_at,
    }
}

async fn list(ui: &mut Ui<'_>, app: &App, global: &Global) -> Result<Exit, CliError> {
    let kept = app.environments.list().await?;
    let users = if kept.is_empty() { EnvironmentUsers::default() } else { users(app).await? };
    let rows: Vec<EnvRow> = kept.into_iter().map(|one| row(one, &users)).collect();
    if rows.is_empty() {
        ui.remark("No environments are kept here. `tf env create NAME …` keeps one.");
    }
    emit(ui, global.output, &rows)?;
    Ok(Exit::Ok)
}

async fn find(app: &App, name: &EnvironmentName) -> Result<NamedEnvironment, CliError> {
    let kept = app.environments.list().await?;
    match kept.iter().find(|one| one.name == *name) {
        Some(found) => Ok(found.clone()),
        None => Err(EnvironmentError::not_found(name, kept.iter().map(|one| &one.name)).into()),
    }
}

async fn show(ui: &mut Ui<'_>, app: &App, global: &Global, name: &EnvironmentName) -> Result<Exit, CliError> {
    let found = find(app, name).await?;
    let users = users(app).await?;
    match global.output {
        Format::Table | Format::Wide => {
            for line in head(&found, users.of(name)) {
                writeln!(ui.out, "# {line}")?;
            }
            write!(ui.out, "{}", toml(&found.definition)?)?;
        }
        Format::Name => writeln!(ui.out, "{name}")?,
        format => data(ui, format, &[row(found, &users)])?,
    }
    Ok(Exit::Ok)
}

/// Returns what is known of an environment besides itself, a line each.
fn head(one: &NamedEnvironment, users: &[ServiceName]) -> Vec<String> {
    let mut lines = vec![one.name.to_string()];
    lines.extend(one.description.as_ref().map(ToString::to_string));
    lines.push(match users {
        [] => "no service uses it".to_owned(),
        users => format!("used by {}", joined(users)),
    });
    lines
}

/// Writes an environment as a file would hold it.
fn toml(definition: &serde_json::Value) -> Result<String, CliError> {
    let mut bare = definition.clone();
    if let Some(table) = bare.as_object_mut() {
        // TOML has no word for nothing, which is what is not there.
        table.retain(|_, value| !value.is_null());
    }
    toml::to_string(&bare)
        .map_err(|error| CliError::new(Exit::Failed, format!("could not write the output: {error}")))
}

/// Returns the source of an environment that the options say, `None` where they say nothing.
fn told(ui: &mut Ui<'_>, what: &EnvWhat) -> Result<Option<Source>, CliError> {
    let absolute = |path: &Path| -> Result<PathBuf, CliError> {
        std::path::absolute(path).map_err(|error| {
            CliError::new(Exit::Usage, format!("could not find {}: {error}", path.display()))
        })
    };
    let value = match what {
        EnvWhat { file: Some(file), .. } if file.as_os_str() == "-" || format_of(file).is_some() => {
            return open(ui, file).map(Some);
        }
        EnvWhat { file: Some(file), .. } => {
            let message = format!("the name of {} ends in none of .toml, .yaml, .yml, .json", file.display());
            return Err(CliError::new(Exit::Usage, message)
                .hint("pass it on stdin (`--file -`) to have its format guessed"));
        }
        EnvWhat { venv: Some(path), .. } => serde_json::json!({ "path": absolute(path)? }),
        EnvWhat { uv: Some(path), .. } => serde_json::json!({ "project": absolute(path)? }),
        EnvWhat { conda: Some(name), .. } => serde_json::json!({ "env_name": name }),
        EnvWhat { image: Some(image), .. } => serde_json::json!({ "image": image }),
        _ => return Ok(None),
    };
    Ok(Some(Source::new("<options>", value.to_string(), Notation::Json)))
}

/// Reads an environment as it will be kept: on its own, so that what it names is absolute.
fn read(ui: &Ui<'_>, source: Source) -> Result<(taskflows_core::Environment, serde_json::Value), CliError> {
    let alone = source.without_base();
    read_environment(&alone).map_err(|error| wrong(&error, ui.colour))
}

fn described(text: Option<&String>) -> Result<Option<taskflows_core::Line>, CliError> {
    let parsed = text.map(|text| text.parse()).transpose();
    parsed.map_err(|error| CliError::new(Exit::Usage, format!("--description: {error}")))
}

async fn create(ui: &mut Ui<'_>, app: &App, arguments: &EnvArguments) -> Result<Exit, CliError> {
    let name = &arguments.name;
    let Some(source) = told(ui, &arguments.what)? else {
        return Err(CliError::new(Exit::Usage, format!("what is `{name}`?"))
            .hint("say --venv PATH, --uv PATH, --conda NAME, --image IMAGE, or --file FILE"));
    };
    let (environment, definition) = read(ui, source)?;
    let now = (app.now)();
    let description = described(arguments.description.as_ref())?;
    let kind = environment.kind();
    remark_missing_of(ui, app, &environment);
    let new = NamedEnvironment {
        name: name.clone(),
        description,
        definition,
        environment,
        created_at: now,
        updated_at: now,
    };
    if arguments.dry_run {
        ui.remark(format!("Would keep {name}, a {kind}:"));
        write!(ui.out, "{}", toml(&new.definition)?)?;
        return Ok(Exit::Ok);
    }
    app.environments.create(new).await?;
    ui.remark(format!("Kept {name}, a {kind}; a service uses it by `environment = \"{name}\"`."));
    Ok(Exit::Ok)
}

async fn edit(ui: &mut Ui<'_>, app: &App, arguments: &EnvEditArguments) -> Result<Exit, CliError> {
    let name = &arguments.name;
    let before = find(app, name).await?;
    let mut after = before.clone();
    if let Some(source) = told(ui, &arguments.what)? {
        (after.environment, after.definition) = read(ui, source)?;
    } else if arguments.description.is_none() && arguments.rename.is_none() {
        (after.environment, after.definition) = in_editor(ui, app, &before, arguments.yes)?;
    }
    if arguments.description.is_some() {
        after.description = described(arguments.description.as_ref())?;
    }
    after.name = arguments.rename.clone().unwrap_or(after.name);
    if after.environment != before.environment {
        remark_missing_of(ui, app, &after.environment);
    }
    if after == before {
        ui.remark(format!("Nothing changed: {name} is as it was."));
        return Ok(Exit::Ok);
    }
    let users = users(app).await?;
    if after.name != before.name {
        users.check_unused(name)?;
    }
    if arguments.dry_run {
        ui.remark(format!("Would change {name}:"));
        write!(ui.out, "{}", toml(&after.definition)?)?;
        return Ok(Exit::Ok);
    }
    after.updated_at = (app.now)();
    app.environments.replace(name, after).await?;
    ui.remark(format!("Changed {name}."));
    if !users.of(name).is_empty() {
        let users = joined(users.of(name));
        ui.remark(format!("`tf create` on their definitions applies it to {users}."));
    }
    Ok(Exit::Ok)
}

/// Lets the user change an environment in an editor until it is right, or until they leave it as it was.
fn in_editor(
    ui: &mut Ui<'_>,
    app: &App,
    before: &NamedEnvironment,
    yes: bool,
) -> Result<(taskflows_core::Environment, serde_json::Value), CliError> {
    let editor = Editor::choose(app.editor.as_deref(), ui.interactive, yes)?;
    let failed =
        |error: std::io::Error| CliError::new(Exit::Failed, format!("could not write a copy: {error}"));
    let mut copy = tempfile::Builder::new()
        .prefix(&format!("{}-", before.name))
        .suffix(".toml")
        .tempfile()
        .map_err(failed)?;
    copy.write_all(toml(&before.definition)?.as_bytes()).map_err(failed)?;
    loop {
        editor.run(copy.path(), None)?;
        let text = std::fs::read(copy.path()).map_err(failed)?;
        let source = Source::from_bytes(before.name.as_str(), text, Notation::Toml);
        let read = source.map_err(|error| wrong(&error, ui.colour)).and_then(|source| read(ui, source));
        match read {
            Err(error) if ui.interactive => {
                report(ui, &error);
                if ask(ui, "Edit again? [Y/n]").is_none_or(|answer| answer == "n" || answer == "no") {
                    return Ok((before.environment.clone(), before.definition.clone()));
                }
            }
            other => return other,
        }
    }
}

fn joined(users: &[ServiceName]) -> String {
    users.iter().map(ServiceName::as_str).collect::<Vec<_>>().join(", ")
}

async fn remove(
    ui: &mut Ui<'_>,
    app: &App,
    names: &[EnvironmentName],
    dry_run: bool,
) -> Result<Exit, CliError> {
    let users = users(app).await?;
    // All or none: what is refused for one changes nothing.
    for name in names {
        find(app, name).await?;
        users.check_unused(name)?;
    }
    for name in names {
        if dry_run {
            ui.remark(format!("Would forget {name}."));
            continue;
        }
        app.environments.remove(name).await?;
        ui.remark(format!("Forgot {name}."));
    }
    Ok(Exit::Ok)
}
