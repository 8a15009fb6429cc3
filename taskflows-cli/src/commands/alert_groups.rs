//! What definitions change of the groups of alerts that this host keeps.

use std::collections::BTreeSet;

use taskflows_core::alerting::{AlertGroup, Destination};
use taskflows_core::effects::Removal;
use taskflows_core::{Service, ServiceName};

use crate::alert_groups::{GroupChanges, Kept, owner};
use crate::definitions::Definitions;
use crate::error::chain;
use crate::{AlertGroups, App, CliError, KeptGroup, Ui};

/// The variables that may hold the token of a bot of Slack, the first that is set.
const TOKENS: [&str; 2] = ["SLACK_BOT_TOKEN", "SERVICES_SLACK_BOT_TOKEN"];

/// What changes of the groups of alerts.
#[derive(Debug, Default)]
pub(super) struct GroupPlan {
    /// Before services change: what they tell is there.
    pub(super) before: GroupChanges,
    /// After they have: nobody tells it any more.
    pub(super) after: GroupChanges,
    /// The groups that are new.
    fresh: BTreeSet<String>,
}

/// Tells of destinations that nothing can ever be sent to, such as an address that is none.
fn remark_unusable(ui: &mut Ui<'_>, app: &App, key: &str, group: &AlertGroup) {
    // What lacks a token was told of already.
    for destination in group.destinations().filter(|destination| !destination.lacks_token()) {
        let read = serde_json::from_value::<taskflows_alerts::Destination>(destination.to_json());
        let reason = match read {
            Ok(destination) => {
                destination.channels(&|name| (app.variable)(name)).err().map(|error| chain(&error))
            }
            Err(error) => Some(error.to_string()),
        };
        if let Some(reason) = reason {
            ui.remark(format!("note: nobody can be told by the alert group {key}: {reason}"));
        }
    }
}

impl GroupPlan {
    /// Compares what definitions say with what is kept, and remarks what is kept although it is defined no more.
    pub(super) async fn of(
        ui: &mut Ui<'_>,
        app: &App,
        definitions: &Definitions,
        gone: &[Removal],
    ) -> Result<Self, CliError> {
        let kept = AlertGroups::new(&app.data_directory).list()?;
        let mut desired = definitions.alerts.clone();
        desired.extend(definitions.services.iter().flat_map(own_groups));
        if kept.is_empty() && desired.is_empty() {
            return Ok(Self::default());
        }
        for (key, group) in &mut desired {
            add_tokens(ui, app, key, &mut group.group, kept.get(key).map(|kept| &kept.group));
        }
        let mut changing: BTreeSet<&str> =
            definitions.services.iter().map(|service| service.name.as_str()).collect();
        changing.extend(gone.iter().map(|removal| removal.name.as_str()));
        let left = kept.iter().filter(|(key, _)| !desired.contains_key(*key));
        let (own, shared): (Vec<_>, Vec<_>) = left.partition(|(key, _)| owner(key).is_some());
        let own = own
            .into_iter()
            .map(|(key, _)| key)
            .filter(|key| owner(key).is_some_and(|service| changing.contains(service)));
        let mut removes: BTreeSet<String> = own.cloned().collect();
        let came_from_here =
            |kept: &KeptGroup| kept.source.as_ref().is_some_and(|source| definitions.files.contains(source));
        let shared: Vec<&String> =
            shared.into_iter().filter(|(_, kept)| came_from_here(kept)).map(|(key, _)| key).collect();
        if !shared.is_empty() {
            let used = used(app, definitions, &changing, &kept, &desired).await?;
            for key in shared {
                match used.iter().find(|(name, _)| name == key) {
                    None => drop(removes.insert(key.clone())),
                    Some((_, by)) => {
                        ui.remark(format!(
                            "note: the alert group {key} is defined no more, and kept for {by}"
                        ));
                    }
                }
            }
        }
        let fresh = desired.keys().filter(|key| !kept.contains_key(*key)).cloned().collect();
        desired.retain(|key, group| kept.get(key) != Some(group));
        desired.iter().for_each(|(key, kept)| remark_unusable(ui, app, key, &kept.group));
        let before = GroupChanges { writes: desired, removes: BTreeSet::new() };
        Ok(Self { before, after: GroupChanges { writes: Kept::new(), removes }, fresh })
    }

    /// Tells whether nothing changes.
    pub(super) fn is_empty(&self) -> bool {
        self.before == GroupChanges::default() && self.after == GroupChanges::default()
    }

    /// Says what would change.
    pub(super) fn show(&self, ui: &mut Ui<'_>) {
        self.each(ui, ["to create", "to update", "to remove"]);
    }

    /// Says what was changed.
    pub(super) fn tell(&self, ui: &mut Ui<'_>) {
        self.each(ui, ["created", "updated", "removed"]);
    }

    fn each(&self, ui: &mut Ui<'_>, [create, update, remove]: [&str; 3]) {
        for key in self.before.writes.keys() {
            let word = if self.fresh.contains(key) { create } else { update };
            ui.remark(format!("Alert group {key}: {word}."));
        }
        for key in &self.after.removes {
            ui.remark(format!("Alert group {key}: {remove}."));
        }
    }
}

fn own_groups(service: &Service) -> Vec<(String, KeptGroup)> {
    let source = service.source.as_ref().map(|source| source.as_str().to_owned());
    let kept = |group: &AlertGroup| KeptGroup { source: source.clone(), group: group.clone() };
    service.own_alert_groups().map(|(key, group)| (key, kept(group))).collect()
}

/// Returns the names of groups that somebody names once all is changed, with who does.
async fn used(
    app: &App,
    definitions: &Definitions,
    changing: &BTreeSet<&str>,
    kept: &Kept,
    desired: &Kept,
) -> Result<Vec<(String, String)>, CliError> {
    let mut used = Vec::new();
    let mut add = |service: &ServiceName, groups: Vec<String>| {
        used.extend(groups.into_iter().map(|group| (group, service.to_string())));
    };
    for service in &definitions.services {
        add(&service.name, service.alert_mark().map(|mark| mark.groups).unwrap_or_default());
    }
    for (service, mark) in app.services.alerts(&[]).await? {
        if !changing.contains(service.as_str()) {
            add(&service, mark.groups);
        }
    }
    let others = kept.iter().filter(|(key, _)| !desired.contains_key(*key)).chain(desired);
    for (key, other) in others {
        let fallback = other.group.fallback.as_ref().map(|name| name.as_str().to_owned());
        used.extend(fallback.map(|name| (name, format!("the alert group {key}"))));
    }
    Ok(used)
}

/// Writes the token of a bot of Slack into a group that does not say it: who sends has not the variables of who
/// defines. Without such a variable now, the token of the last time stays.
fn add_tokens(ui: &mut Ui<'_>, app: &App, key: &str, group: &mut AlertGroup, before: Option<&AlertGroup>) {
    let told = token(app);
    let earlier = |own: &Destination| {
        let is_same =
            |one: &&Destination| one.kind() == own.kind() && one.get("channel") == own.get("channel");
        let same = before?.destinations().find(is_same)?;
        same.get("bot_token")?.as_str().map(str::to_owned)
    };
    for destination in group.destinations_mut().filter(|one| one.lacks_token()) {
        match told.clone().or_else(|| earlier(destination)) {
            Some(token) => destination.put_token(&token),
            None => ui.remark(format!(
                "note: the alert group {key} posts to Slack, and has no token: set {} or write `bot_token`",
                TOKENS[0]
            )),
        }
    }
}

/// Writes the token of who defines into a group that is sent to another host, where there is one.
pub(super) fn add_own_token(app: &App, group: &mut AlertGroup) {
    let Some(token) = token(app) else { return };
    group.destinations_mut().for_each(|destination| destination.put_token(&token));
}

fn token(app: &App) -> Option<String> {
    TOKENS.iter().find_map(|name| (app.variable)(name)).filter(|token| !token.is_empty())
}
