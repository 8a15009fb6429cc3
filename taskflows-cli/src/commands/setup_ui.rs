use std::io;

use taskflows_security::{
    LONGEST_PASSWORD, PasswordDigest, PeopleFiles, PeopleStore, Person, Role, SessionStore, WeakPassword,
    check_password, password_matches,
};
use taskflows_store::Store;
use tokio::signal::unix::{SignalKind, signal};
use zeroize::Zeroizing;

use super::audit::recorded;
use crate::arguments::SetupUiArguments;
use crate::{App, CliError, Exit, Ui};

/// Lets somebody log in, or changes with what and as what.
pub(super) fn setup_ui(ui: &mut Ui<'_>, app: &App, arguments: &SetupUiArguments) -> Result<Exit, CliError> {
    let name = &arguments.username;
    let files = PeopleFiles::new(&app.data_directory);
    // What is damaged is told before anybody types a password in vain.
    let known = files.get(name.as_str())?;
    let password = match ui.interactive {
        true => asked(name.as_str())?,
        false => piped(ui)?,
    };
    check_password(name.as_str(), &password).map_err(weak)?;
    let is_enabled_now = files.enable()?;
    if is_enabled_now {
        ui.remark("logins to the API of this host are on");
    }
    recorded(app, "person.set", &[arguments.username.as_str()], || match known {
        None => add(ui, app, &files, arguments, &password),
        Some(person) => change(ui, app, &files, arguments, &person, &password),
    })?;
    Ok(Exit::Ok)
}

fn add(
    ui: &mut Ui<'_>,
    app: &App,
    files: &PeopleFiles,
    arguments: &SetupUiArguments,
    password: &str,
) -> Result<(), CliError> {
    let role = arguments.role.unwrap_or(Role::Admin);
    let name = arguments.username.clone();
    let password = PasswordDigest::of(password);
    files.add(Person { name, password, role, created_at: (app.now)(), last_login: None })?;
    ui.remark(format!("{} may log in, as {role}", arguments.username));
    Ok(())
}

fn change(
    ui: &mut Ui<'_>,
    app: &App,
    files: &PeopleFiles,
    arguments: &SetupUiArguments,
    person: &Person,
    password: &str,
) -> Result<(), CliError> {
    let name = person.name.as_str();
    let role = arguments.role.unwrap_or(person.role);
    let is_same_password = password_matches(Some(&person.password), password);
    if is_same_password && role == person.role {
        ui.remark(format!("{name} may log in already, as {role}, with this password"));
        return Ok(());
    }
    let digest = (!is_same_password).then(|| PasswordDigest::of(password));
    // First: where sessions cannot be ended, nothing is changed.
    let store = Store::open_existing(&app.data_directory)?;
    let end_sessions = || store.as_ref().map_or(Ok(0), |store| store.revoke_user(name));
    let ended = end_sessions()?;
    files.change(name, &mut |person| {
        person.role = role;
        if let Some(digest) = &digest {
            person.password = digest.clone();
        }
    })?;
    if digest.is_some() {
        ui.remark(format!("the password of {name} is changed"));
    }
    if role != person.role {
        ui.remark(format!("{name} is {role} now, and was {}", person.role));
    }
    // And those that were begun meanwhile, with what held before.
    match ended + end_sessions()? {
        0 => {}
        1 => ui.remark(format!("a session of {name} was ended")),
        many => ui.remark(format!("{many} sessions of {name} were ended")),
    }
    Ok(())
}

fn weak(reason: WeakPassword) -> CliError {
    CliError::new(Exit::Usage, reason.to_string())
        .hint("a few words that do not belong together are a good one")
}

/// Asks for a password twice. It is not seen as it is typed.
fn asked(name: &str) -> Result<Zeroizing<String>, CliError> {
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::Interrupted => CliError::new(Exit::Interrupted, "interrupted; nothing was changed"),
        _ => CliError::new(Exit::Failed, format!("could not ask for the password: {error}"))
            .hint("it is read from stdin where that is no terminal"),
    };
    // At Ctrl-C the prompt raises the signal before it gives the terminal back. Where that ended the process, nothing that
    // is typed afterwards would be seen.
    let _heard = signal(SignalKind::interrupt()).map_err(failed)?;
    let ask = |prompt: String| rpassword::prompt_password(prompt).map(Zeroizing::new).map_err(failed);
    let first = ask(format!("Password of {name}: "))?;
    check_password(name, &first).map_err(weak)?;
    match *ask("The same again: ".to_owned())? == *first {
        true => Ok(first),
        false => Err(CliError::new(Exit::Usage, "the two passwords differ, so nothing was changed")),
    }
}

/// Reads a password, which is the first line of stdin.
fn piped(ui: &mut Ui<'_>) -> Result<Zeroizing<String>, CliError> {
    // One more than is taken, so that one that is too long is told. Of this size from the start, so that no copy stays behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(LONGEST_PASSWORD + 2));
    let mut byte = [0];
    while bytes.len() < LONGEST_PASSWORD + 2 && ui.input.read(&mut byte)? == 1 && byte[0] != b'\n' {
        bytes.push(byte[0]);
    }
    let text = std::str::from_utf8(&bytes)
        .map_err(|_| CliError::new(Exit::Usage, "the password on stdin is not UTF-8"))?;
    let text = text.strip_suffix('\r').unwrap_or(text);
    match text.is_empty() {
        true => Err(CliError::new(Exit::Usage, "there is no password on stdin")
            .hint("pipe it there, or run this on a terminal to be asked")),
        false => Ok(Zeroizing::new(text.to_owned())),
    }
}
