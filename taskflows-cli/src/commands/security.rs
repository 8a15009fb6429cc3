//! `tf security`: the secret by which requests to this host are signed.

use std::io::Read;

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use taskflows_security::{
    PreviousSecret, RotateError, SecurityFile, SecurityFileError, SecuritySettings, check_secret,
    fingerprint, machine_mark, random_secret,
};
use zeroize::Zeroizing;

use super::audit::recorded;
use crate::arguments::{Format, Global, RotateArguments, SecurityVerb};
use crate::error::chain;
use crate::output::{Column, Row, Styled, column, emit};
use crate::{App, CliError, Exit, Ui, show};

/// More is read of no secret, and of no file with one, in bytes.
const LONGEST_INPUT: u64 = 65_536;

/// Carries out `tf security`, which `tf api security` is as well.
pub(crate) fn security(
    ui: &mut Ui<'_>,
    app: &App,
    global: &Global,
    verb: &SecurityVerb,
) -> Result<Exit, CliError> {
    let file = security_file(app)?;
    match verb {
        SecurityVerb::Setup { dry_run } => setup(ui, app, &file, *dry_run),
        SecurityVerb::Status => status(ui, app, global, &file),
        SecurityVerb::RegenerateSecret(rotate) => {
            if existing(&file)?.is_none_or(|settings| settings.secret.is_none()) {
                return Err(CliError::new(
                    Exit::NoSuchService,
                    "there is no secret yet to put another in the place of",
                )
                .hint("`tf security setup` makes the first"));
            }
            let secret = SecretString::from(random_secret().as_str());
            replace(ui, app, &file, "security.regenerate-secret", secret, *rotate)
        }
        SecurityVerb::SetSecret { source, rotate } => {
            let secret = read_secret(ui, source)?;
            replace(ui, app, &file, "security.set-secret", secret, *rotate)
        }
        SecurityVerb::Disable { dry_run } => disable(ui, app, &file, *dry_run),
    }
}

/// Returns where the settings of this host are.
///
/// # Errors
/// When nobody knows the home directory.
pub(crate) fn security_file(app: &App) -> Result<SecurityFile, CliError> {
    let directory = app.security_directory.as_ref().ok_or_else(|| {
        CliError::new(Exit::Usage, "HOME is not set, so there is no place for the security settings")
            .hint("set HOME to your home directory")
    })?;
    Ok(SecurityFile::new(directory))
}

impl From<SecurityFileError> for CliError {
    fn from(error: SecurityFileError) -> Self {
        let (exit, hint) = match &error {
            SecurityFileError::NotFound(_) => {
                (Exit::Failed, Some("`tf security setup` makes the secret".to_owned()))
            }
            SecurityFileError::Exposed { path, .. } => (
                Exit::Permission,
                Some(format!(
                    "`chmod go= {}`; if others could have read the secret, `tf security regenerate-secret`",
                    path.display()
                )),
            ),
            SecurityFileError::Foreign { .. } => (Exit::Permission, None),
            _ => (Exit::Failed, None),
        };
        Self { hint, ..Self::new(exit, chain(&error)) }
    }
}

impl From<RotateError> for CliError {
    fn from(error: RotateError) -> Self {
        let (exit, hint) = match error {
            RotateError::TooLong => (
                Exit::Usage,
                "`--grace 24h` is a day; hosts have the new secret by `tf security set-secret -`",
            ),
            RotateError::TooMany => {
                (Exit::Failed, "`tf security status` shows when they end; without --grace they end at once")
            }
        };
        Self::new(exit, error.to_string()).hint(hint)
    }
}

fn existing(file: &SecurityFile) -> Result<Option<SecuritySettings>, CliError> {
    match file.load() {
        Err(error) if error.is_not_found() => Ok(None),
        loaded => Ok(Some(loaded?)),
    }
}

fn setup(ui: &mut Ui<'_>, app: &App, file: &SecurityFile, dry_run: bool) -> Result<Exit, CliError> {
    if dry_run {
        // A directory that is too wide and empty is narrowed, so it is no reason to refuse.
        let before = existing(file).or_else(|error| match file.path().symlink_metadata() {
            Err(_) => Ok(None),
            Ok(_) => Err(error),
        })?;
        let is_there = before.as_ref().is_some_and(|settings| settings.secret.is_some());
        let path = file.path().display();
        ui.remark(match is_there {
            true => format!("Would keep the secret in {path}."),
            false => format!("Would make a secret in {path}."),
        });
        return Ok(Exit::Ok);
    }
    if let Some(mode) = file.make_directory()? {
        let directory = file.path().parent().unwrap_or(file.path());
        ui.remark(format!("Made {} yours alone; its mode was {mode:o}.", directory.display()));
    }
    let before = existing(file)?.unwrap_or_default();
    let is_complete = before.secret.is_some() && own_id(&before).is_some() && before.enable_hmac;
    let after = match is_complete {
        true => before.clone(),
        false => recorded(app, "security.setup", &[], || {
            file.change::<CliError>(|settings| {
                settings.secret.get_or_insert_with(|| SecretString::from(random_secret().as_str()));
                settings.ensure_server_id(machine_mark().as_deref());
                settings.enable_hmac = true;
                Ok(())
            })
        })?,
    };
    let print = after.secret.as_ref().map(fingerprint).unwrap_or_default();
    let path = file.path().display();
    ui.remark(match before.secret.is_some() {
        true => format!("The secret {print} that is in {path} is kept."),
        false => format!("Made a secret, {print}, in {path}."),
    });
    if before.secret.is_some() && !before.enable_hmac {
        ui.remark("Requests have to be signed again.");
    }
    if before.secret.is_none() {
        ui.remark("Other hosts take it over by `tf security set-secret -`.");
    }
    Ok(Exit::Ok)
}

/// Returns the id of this host, where it is not that of a machine from which the file was copied.
fn own_id(settings: &SecuritySettings) -> Option<String> {
    settings.own_server_id(machine_mark().as_deref()).map(str::to_owned)
}

/// Of another host's `security.json` its secret alone.
#[derive(Deserialize)]
struct Copied {
    hmac_secret: String,
}

/// Takes the secret out of the text of a `security.json`, or the text itself.
fn secret_in(text: &str) -> Result<Zeroizing<String>, CliError> {
    if text.trim_start().starts_with('{') {
        // The words of the error could hold a piece of the secret.
        let copied = serde_json::from_str::<Copied>(text).map_err(|error| {
            let place = format!("line {}, column {}", error.line(), error.column());
            CliError::new(Exit::Usage, format!("this is no security.json with a `hmac_secret`: {place}"))
        });
        return copied.map(|copied| Zeroizing::new(copied.hmac_secret));
    }
    let secret = text.strip_suffix('\n').unwrap_or(text);
    Ok(Zeroizing::new(secret.strip_suffix('\r').unwrap_or(secret).to_owned()))
}

/// Reads one line, or a whole `security.json`.
fn read_secret(ui: &mut Ui<'_>, source: &str) -> Result<SecretString, CliError> {
    if source != "-" {
        // It is not told again: it may be the secret.
        return Err(CliError::new(Exit::Usage, "a secret is taken from standard input alone")
            .hint("`tf security set-secret -`; if what you wrote is a secret, others may have seen it"));
    }
    if ui.interactive {
        ui.remark("The secret, then Enter and Ctrl-D:");
    }
    let mut text = Zeroizing::new(String::new());
    let read = (&mut *ui.input).take(LONGEST_INPUT).read_to_string(&mut text);
    read.map_err(|error| CliError::new(Exit::Usage, format!("could not read the secret: {error}")))?;
    let secret = secret_in(&text)?;
    check_secret(&secret).map_err(|reason| {
        CliError::new(Exit::Usage, format!("this is no secret to sign with: {reason}"))
            .hint("`tf security regenerate-secret` makes one")
    })?;
    Ok(SecretString::from(secret.as_str()))
}

fn replace(
    ui: &mut Ui<'_>,
    app: &App,
    file: &SecurityFile,
    action: &str,
    secret: SecretString,
    rotate: RotateArguments,
) -> Result<Exit, CliError> {
    let (now, print) = ((app.now)(), fingerprint(&secret));
    let grace = rotate.grace.map_or(Ok(SignedDuration::ZERO), |grace| {
        SignedDuration::try_from(grace.duration()).map_err(|_| CliError::from(RotateError::TooLong))
    })?;
    if rotate.dry_run {
        let mut settings = existing(file)?.unwrap_or_default();
        settings.rotate(secret, grace, now)?;
        ui.remark("Would put another secret in the place of the one there is.");
        remark_previous(ui, app, &settings, now);
        return Ok(Exit::Ok);
    }
    file.make_directory()?;
    let settings = recorded(app, action, &[], || {
        file.change::<CliError>(|settings| {
            settings.ensure_server_id(machine_mark().as_deref());
            Ok(settings.rotate(secret, grace, now)?)
        })
    })?;
    ui.remark(format!("The secret is {print} from now on; servers take it with the next request."));
    remark_previous(ui, app, &settings, now);
    if !settings.enable_hmac {
        ui.remark(
            "note: requests of your user on this host need no signature; `tf security setup` ends that",
        );
    }
    Ok(Exit::Ok)
}

fn remark_previous(ui: &mut Ui<'_>, app: &App, settings: &SecuritySettings, now: Timestamp) {
    match settings.previous.first() {
        Some(previous) => ui.remark(format!(
            "The one before is good until {} ({}).",
            show::full(previous.until, &app.display),
            show::ahead(previous.until, now)
        )),
        None => ui.remark("None before it is good any more."),
    }
}

fn disable(ui: &mut Ui<'_>, app: &App, file: &SecurityFile, dry_run: bool) -> Result<Exit, CliError> {
    let before = file.load()?;
    if !before.enable_hmac {
        ui.remark("Nothing changed: requests of your user on this host need no signature as it is.");
        return Ok(Exit::Ok);
    }
    if dry_run {
        ui.remark("Would let requests of your user on this host in without a signature.");
        return Ok(Exit::Ok);
    }
    recorded(app, "security.disable", &[], || {
        file.change::<CliError>(|settings| {
            settings.enable_hmac = false;
            Ok(())
        })
    })?;
    ui.remark(
        "warning: every program that runs as your user on this host can now change its services over the \
         API, without the secret.",
    );
    ui.remark(
        "Other users and other hosts are still refused without a signature, and so is who manages people and \
         tokens. The server does not start on another address than loopback. `tf security setup` takes this \
         back; the secret is kept.",
    );
    Ok(Exit::Ok)
}

#[derive(Serialize)]
struct SecurityRow {
    file: String,
    signed: bool,
    secret: Option<String>,
    server_id: Option<String>,
    window_seconds: u32,
    previous: Vec<PreviousRow>,
    #[serde(skip)]
    shown: Vec<String>,
}

#[derive(Serialize)]
struct PreviousRow {
    secret: String,
    until: Timestamp,
}

impl Row for SecurityRow {
    const COLUMNS: &'static [Column] =
        &[column("SIGNED"), column("SECRET"), column("WINDOW"), column("SERVER ID"), column("BEFORE IT")];

    fn cells(&self) -> Vec<Styled> {
        let text = |text: &Option<String>| text.as_deref().unwrap_or("-").into();
        let before = if self.shown.is_empty() { "-".to_owned() } else { self.shown.join("\n") };
        vec![
            if self.signed { "yes" } else { "no" }.into(),
            text(&self.secret),
            format!("{}s", self.window_seconds).into(),
            text(&self.server_id),
            before.into(),
        ]
    }

    fn name(&self) -> String {
        self.file.clone()
    }
}

/// Shows what is set: as lines for people, since nothing stands beside anything.
fn status(ui: &mut Ui<'_>, app: &App, global: &Global, file: &SecurityFile) -> Result<Exit, CliError> {
    let (settings, now) = (file.load()?, (app.now)());
    let good: Vec<&PreviousSecret> = settings.previous.iter().filter(|one| one.until > now).collect();
    let shown = |one: &&PreviousSecret| {
        format!("{} until {}", fingerprint(&one.secret), show::full(one.until, &app.display))
    };
    let previous = |one: &&PreviousSecret| PreviousRow { secret: fingerprint(&one.secret), until: one.until };
    let row = SecurityRow {
        file: file.path().display().to_string(),
        signed: settings.enable_hmac,
        secret: settings.secret.as_ref().map(fingerprint),
        server_id: own_id(&settings),
        window_seconds: settings.window_seconds,
        shown: good.iter().map(shown).collect(),
        previous: good.iter().map(previous).collect(),
    };
    match global.output {
        Format::Table => lines(ui, &row)?,
        format => emit(ui, format, std::slice::from_ref(&row))?,
    }
    let is_missing = settings.secret.is_none() || row.server_id.is_none();
    if is_missing {
        ui.remark("hint: `tf security setup` makes what is missing");
    }
    Ok(if settings.secret.is_none() && settings.enable_hmac { Exit::Failed } else { Exit::Ok })
}

fn lines(ui: &mut Ui<'_>, row: &SecurityRow) -> Result<(), CliError> {
    let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "none".to_owned());
    let signed = match row.signed {
        true => "have to be signed",
        false => "need no signature from your user on this host",
    };
    writeln!(ui.out, "Settings   {}", row.file)?;
    writeln!(ui.out, "Requests   {signed}")?;
    writeln!(ui.out, "Secret     {}", or_none(&row.secret))?;
    for before in &row.shown {
        writeln!(ui.out, "Before it  {before}")?;
    }
    writeln!(ui.out, "Window     {} s before and after the time of this host", row.window_seconds)?;
    writeln!(ui.out, "Server id  {}", or_none(&row.server_id))?;
    Ok(())
}
