//! `tf api`: the server of this host.
//!
//! Each verb has its file. `tf api security …` is `tf security …`.

pub(crate) mod certificate;
mod foreground;
mod host;
mod lock;
mod place;
mod register;
mod remove;
mod security;
mod start;
mod status;
mod unit;
mod warning;

use std::sync::Arc;

use serde_json::Value;
use taskflows_api::Access;
use taskflows_api::server::{Api, AuthorityChain};
use taskflows_core::effects::{Action, Effect, Target};
use taskflows_security::{MemoryPeople, MemorySessions, MemoryThrottle, MemoryTokens};

use super::security::security as security_verb;
use super::setup_ui::setup_ui;
use crate::arguments::{ApiVerb, Global};
use crate::{App, CliError, Exit, Ui};

/// Starts and stops the API, and tells of it.
pub(super) async fn api(
    ui: &mut Ui<'_>,
    app: &App,
    global: &Global,
    verb: &ApiVerb,
) -> Result<Exit, CliError> {
    match verb {
        ApiVerb::Start(arguments) if arguments.foreground => foreground::serve(ui, app, arguments).await,
        ApiVerb::Start(arguments) => start::start(ui, app, global, arguments).await,
        ApiVerb::Stop => stop(ui, app).await,
        ApiVerb::Restart => start::restart(ui, app).await,
        ApiVerb::Remove { dry_run } => remove::remove(ui, app, *dry_run).await,
        ApiVerb::Status => status::status(ui, app, global).await,
        ApiVerb::Openapi => openapi(ui, app),
        ApiVerb::SetupUi(arguments) => setup_ui(ui, app, arguments),
        ApiVerb::Security { verb } => security_verb(ui, app, global, verb),
    }
}

async fn stop(ui: &mut Ui<'_>, app: &App) -> Result<Exit, CliError> {
    if matches!(place::installed(app).await?, place::Installed::No) {
        return Err(place::not_set_up());
    }
    match unit::perform(app, Action::Stop).await? {
        Effect::AlreadyStopped => ui.remark("The API was not running."),
        _ => ui.remark("The API is stopped. It starts again at boot; `tf api remove` takes it away."),
    }
    Ok(Exit::Ok)
}

/// Writes what `/openapi.json` answers, without a server.
fn openapi(ui: &mut Ui<'_>, app: &App) -> Result<Exit, CliError> {
    let nobody = Access {
        people: Arc::new(MemoryPeople::new(None)),
        sessions: Arc::new(MemorySessions::default()),
        tokens: Arc::new(MemoryTokens::default()),
        throttle: Arc::new(MemoryThrottle::default()),
        secure_cookies: false,
    };
    let api = Api::new(host::host(app, String::new(), nobody), Arc::new(AuthorityChain::default()));
    let text = serde_json::to_value(api.document())
        .and_then(|document: Value| serde_json::to_string_pretty(&document));
    let text = text.map_err(|error| CliError::new(Exit::Failed, format!("the document: {error}")))?;
    writeln!(ui.out, "{text}")?;
    Ok(Exit::Ok)
}

/// The whole service, not its timers, of which it has none.
const WHOLE: Target = Target::Service;
