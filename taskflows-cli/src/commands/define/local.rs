use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use taskflows_api::ports::{DefineError, Definer};
use taskflows_api::wire::{Applied, Misfit, Order, Scope};
use taskflows_core::effects::{Edits, Removal};
use taskflows_core::{Format, ServiceName, Source, read_document};
use tokio::runtime::Handle;

use super::collected::Collected;
use super::error::define_error;
use crate::arguments::SourceArguments;
use crate::commands::create::install;
use crate::commands::prune::{Request, request_of};
use crate::commands::remark_interruption;
use crate::commands::remove::take_away;
use crate::commands::show::remark_drop_ins;
use crate::definitions::{Definitions, wrong};
use crate::{App, CliError, Exit, Ui};

/// Takes definitions for this host, by the same way as `tf plan`, `tf create` and `tf remove`.
///
/// Each order is carried out to its end on a thread of its own, whoever asked goes away or not.
#[derive(Clone)]
pub struct LocalDefiner(Arc<App>);

impl fmt::Debug for LocalDefiner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LocalDefiner").finish()
    }
}

impl LocalDefiner {
    /// Takes definitions for the host of `app`.
    pub fn new(app: Arc<App>) -> Self {
        Self(app)
    }

    /// Does what reads and writes files apart from what answers requests.
    async fn apart<W>(&self, work: W) -> Result<Applied, DefineError>
    where
        W: AsyncFnOnce(&App, &mut Collected) -> Result<Applied, CliError> + Send + 'static,
    {
        let (app, handle) = (Arc::clone(&self.0), Handle::current());
        let done = tokio::task::spawn_blocking(move || {
            let mut collected = Collected::default();
            handle.block_on(work(&app, &mut collected))
        });
        match done.await {
            Ok(result) => result.map_err(define_error),
            Err(_) => Err(DefineError::Failed { reason: "it broke off in the middle".to_owned() }),
        }
    }
}

#[async_trait]
impl Definer for LocalDefiner {
    async fn plan(&self, order: &Order) -> Result<Applied, DefineError> {
        let order = order.clone();
        self.apart(async move |app: &App, collected: &mut Collected| plan(app, collected, &order).await).await
    }

    async fn apply(&self, order: &Order) -> Result<Applied, DefineError> {
        let order = order.clone();
        self.apart(async move |app: &App, collected: &mut Collected| apply(app, collected, &order).await)
            .await
    }

    async fn remove(&self, names: &[ServiceName]) -> Result<Applied, DefineError> {
        let names = names.to_vec();
        self.apart(async move |app: &App, collected: &mut Collected| remove(app, collected, &names).await)
            .await
    }
}

async fn plan(app: &App, collected: &mut Collected, order: &Order) -> Result<Applied, CliError> {
    let mut ui = collected.ui();
    remark_interruption(&mut ui, app);
    let request = request(&mut ui, app, order).await?;
    plan_request(app, collected, &request).await
}

/// Plans what is asked for; what was remarked of it stands before the plan.
pub(super) async fn plan_request(
    app: &App,
    collected: &mut Collected,
    request: &Request,
) -> Result<Applied, CliError> {
    let plan = app.services.plan(request.wanted()).await?;
    let notes = collected.take();
    request.groups.show(&mut collected.ui());
    let changes_groups = !request.groups.is_empty();
    Ok(Applied { plan: plan.into(), changes_groups, notes, told: collected.take() })
}

async fn apply(app: &App, collected: &mut Collected, order: &Order) -> Result<Applied, CliError> {
    let request = request(&mut collected.ui(), app, order).await?;
    apply_request(app, collected, &request, order.edits.into()).await
}

/// Does what is asked for.
pub(super) async fn apply_request(
    app: &App,
    collected: &mut Collected,
    request: &Request,
    edits: Edits,
) -> Result<Applied, CliError> {
    let plan = install(&mut collected.ui(), app, request, edits).await?;
    let notes = collected.take();
    let mut ui = collected.ui();
    if let Some(hint) = app.linger_hint.as_ref().filter(|_| !plan.is_empty()) {
        ui.remark(format!("note: {hint}"));
    }
    for removal in &request.removals {
        remark_drop_ins(&mut ui, app, &removal.name).await;
    }
    let changes_groups = !request.groups.is_empty();
    Ok(Applied { plan: plan.into(), changes_groups, notes, told: collected.take() })
}

async fn remove(app: &App, collected: &mut Collected, names: &[ServiceName]) -> Result<Applied, CliError> {
    let plan = take_away(&mut collected.ui(), app, names).await?;
    let notes = collected.take();
    let mut ui = collected.ui();
    for name in names {
        remark_drop_ins(&mut ui, app, name).await;
    }
    Ok(Applied { plan: plan.into(), changes_groups: false, notes, told: collected.take() })
}

/// Reads an order as if its definitions had been read from files of this host.
///
/// No file that it names is looked at, but a container engine and a conda that rendering needs: whoever sends it would learn
/// of this host's files from what is noted of them.
async fn request(ui: &mut Ui<'_>, app: &App, order: &Order) -> Result<Request, CliError> {
    let definitions = definitions(app, order)?;
    definitions.check_environments(app, ui.colour).await?;
    definitions.check_alerts(app, ui.colour)?;
    let (include, exclude) = (patterns(&order.scope.include)?, patterns(&order.scope.exclude)?);
    let meant = SourceArguments { files: Vec::new(), include, exclude };
    request_of(ui, app, definitions, &meant, order.prune).await
}

fn definitions(app: &App, order: &Order) -> Result<Definitions, CliError> {
    // With lines, so that what is wrong has a place in a few words of context.
    let text = serde_json::to_string_pretty(&order.definition).map_err(|error| usage(&error))?;
    let source = Source::new("definition", text, Format::Json);
    let mut definition = read_document(&source, &app.zones).map_err(|error| wrong(&error, false))?;
    if !definition.dashboards.is_empty() {
        return Err(CliError::new(Exit::Usage, "dashboards are made by who defines them, and are not sent"));
    }
    for service in &mut definition.services {
        let origin = order.sources.get(service.name.as_str());
        service.source = origin.map(|origin| origin.parse()).transpose().map_err(|error| usage(&error))?;
    }
    let mut definitions = Definitions::of(&source, definition);
    let is_service = |name: &str| name.parse().is_ok_and(|name| definitions.defined.contains(&name));
    check_keys("service", order.sources.keys(), is_service)?;
    check_keys("alert group", order.group_sources.keys(), |name| definitions.alerts.contains_key(name))?;
    check_places(order)?;
    for (name, group) in &mut definitions.alerts {
        group.source = order.group_sources.get(name).cloned();
    }
    let scope = &order.scope;
    definitions.files = scope.files.iter().cloned().collect();
    definitions.directories = scope.directories.keys().map(Into::into).collect();
    definitions.present = Some(scope.directories.values().flatten().cloned().collect());
    let left_out: Result<Vec<ServiceName>, _> = scope.left_out.iter().map(|name| name.parse()).collect();
    definitions.defined.extend(left_out.map_err(|error| usage(&error))?);
    let leaving: Result<Vec<Removal>, Misfit> = order.removals.iter().map(Removal::try_from).collect();
    definitions.leaving = leaving.map_err(|error| usage(&error))?;
    Ok(definitions)
}

fn check_keys<'k>(
    what: &str,
    mut named: impl Iterator<Item = &'k String>,
    is_defined: impl Fn(&str) -> bool,
) -> Result<(), CliError> {
    match named.find(|name| !is_defined(name)) {
        None => Ok(()),
        Some(name) => {
            let message = format!(
                "it is said where the {what} `{}` comes from, and none is defined",
                name.escape_debug()
            );
            Err(CliError::new(Exit::Usage, message))
        }
    }
}

/// Refuses files that are not said to be another host's: what is created from here has a path alone, and would be taken
/// for gone from a file of the same path there.
fn check_places(order: &Order) -> Result<(), CliError> {
    let Scope { files, directories, .. } = &order.scope;
    let sources = order.sources.values().chain(order.group_sources.values()).chain(files);
    let mut places = sources.chain(directories.keys()).chain(directories.values().flatten());
    let is_of_a_host = |place: &&String| {
        place
            .split_once(':')
            .is_some_and(|(host, path)| !host.is_empty() && !host.contains('/') && !path.is_empty())
    };
    match places.find(|place| !is_of_a_host(place)) {
        None => Ok(()),
        Some(place) => {
            let message = format!("`{}` is written without its host: `host:/path`", place.escape_debug());
            Err(CliError::new(Exit::Usage, message))
        }
    }
}

fn patterns(texts: &[String]) -> Result<Vec<taskflows_core::NamePattern>, CliError> {
    texts.iter().map(|text| text.parse().map_err(|error| usage(&error))).collect()
}

fn usage(error: &dyn std::error::Error) -> CliError {
    CliError::new(Exit::Usage, error.to_string())
}
