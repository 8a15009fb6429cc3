use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use taskflows_core::TimeSpan;
use taskflows_security::{ApiToken, Role, TokenStore, UserName, new_token};
use taskflows_store::Store;

use super::audit::recorded;
use crate::arguments::{Global, TokenVerb};
use crate::output::{Column, Row, Styled, Tone, column, emit};
use crate::show::{coming, past};
use crate::{App, CliError, Exit, Ui};

#[derive(Serialize)]
struct TokenRow {
    name: String,
    role: Role,
    created: Timestamp,
    last_used: Option<Timestamp>,
    expires: Option<Timestamp>,
    #[serde(skip)]
    shown: [Styled; 3],
}

impl Row for TokenRow {
    const COLUMNS: &'static [Column] =
        &[column("NAME"), column("ROLE"), column("CREATED"), column("LAST USED"), column("EXPIRES")];

    fn cells(&self) -> Vec<Styled> {
        let copy = |cell: &Styled| Styled { text: cell.text.clone(), tone: cell.tone };
        let mut cells = vec![self.name.as_str().into(), self.role.as_str().into()];
        cells.extend(self.shown.iter().map(copy));
        cells
    }

    fn name(&self) -> String {
        self.name.clone()
    }
}

pub(super) fn token(ui: &mut Ui<'_>, app: &App, global: &Global, verb: &TokenVerb) -> Result<Exit, CliError> {
    match verb {
        TokenVerb::Create { name, role, expires } => create(ui, app, name, *role, *expires),
        TokenVerb::List => list(ui, app, global),
        TokenVerb::Remove { names } => remove(ui, app, names),
    }
}

fn create(
    ui: &mut Ui<'_>,
    app: &App,
    name: &UserName,
    role: Role,
    expires: Option<TimeSpan>,
) -> Result<Exit, CliError> {
    let created = (app.now)();
    let end = |span: TimeSpan| {
        let long = SignedDuration::try_from(span.duration()).ok();
        let end = long.filter(|long| long.is_positive()).and_then(|long| created.checked_add(long).ok());
        end.ok_or_else(|| CliError::new(Exit::Usage, "the token would never end, or be over already"))
    };
    let expires = expires.map(end).transpose()?;
    let kept = ApiToken { name: name.to_string(), role, created, last_used: None, expires };
    let (text, digest) = new_token();
    recorded(app, "token.create", &[name.as_str(), role.as_str()], || {
        Ok(Store::open(&app.data_directory)?.add(&kept, digest)?)
    })?;
    writeln!(ui.out, "{}", *text)?;
    let until =
        expires.map_or_else(String::new, |end| format!(", until {}", coming(end, created, &app.display)));
    ui.remark(format!("{name} may ask the API of this host as {role}{until}; the token is not shown again"));
    Ok(Exit::Ok)
}

fn list(ui: &mut Ui<'_>, app: &App, global: &Global) -> Result<Exit, CliError> {
    let kept = match Store::open_existing(&app.data_directory)? {
        Some(store) => TokenStore::list(&store)?,
        None => Vec::new(),
    };
    let rows: Vec<TokenRow> = kept.into_iter().map(|one| row(app, one)).collect();
    if rows.is_empty() {
        ui.remark("There are no tokens. `tf token create NAME --role …` makes one.");
    }
    emit(ui, global.output, &rows)?;
    Ok(Exit::Ok)
}

fn row(app: &App, token: ApiToken) -> TokenRow {
    let now = (app.now)();
    let was = |at: Option<Timestamp>| match at {
        Some(at) => past(at, now, &app.display).into(),
        None => Styled { text: "-".to_owned(), tone: Tone::Faint },
    };
    let ends = match token.expires {
        None => Styled { text: "never".to_owned(), tone: Tone::Faint },
        Some(_) if token.is_over(now) => Styled { text: "is over".to_owned(), tone: Tone::Bad },
        Some(end) => coming(end, now, &app.display).into(),
    };
    let shown = [was(Some(token.created)), was(token.last_used), ends];
    let ApiToken { name, role, created, last_used, expires } = token;
    TokenRow { name, role, created, last_used, expires, shown }
}

fn remove(ui: &mut Ui<'_>, app: &App, names: &[String]) -> Result<Exit, CliError> {
    let Some(store) = Store::open_existing(&app.data_directory)? else {
        return Err(CliError::new(Exit::NoSuchService, "there are no tokens"));
    };
    for name in names {
        recorded(app, "token.remove", &[name.as_str()], || Ok(TokenStore::remove(&store, name)?))?;
        ui.remark(format!("the token {name} is worth nothing any more"));
    }
    Ok(Exit::Ok)
}
