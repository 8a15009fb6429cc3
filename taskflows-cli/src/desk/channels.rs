use std::collections::BTreeMap;

use futures_util::future::join_all;
use taskflows_alerts::outbox::{ChannelStatus, Outbox};
use taskflows_alerts::{Channel, Component, Delivery, Field, Message, Tone as MessageTone};
use taskflows_api::wire::{AlertChannel, ChannelTest};

use crate::alerting::AlertDesk;
use crate::error::chain;
use crate::ui::harmless;
use crate::{App, CliError, Exit};

pub(super) fn channels(app: &App) -> Result<Vec<AlertChannel>, CliError> {
    let desk = AlertDesk::open(&app.data_directory)?;
    let known = desk.store()?.channels();
    let mut known = known.map_err(|error| CliError::new(Exit::Failed, chain(&error)))?;
    // A channel that never had a message is one as well.
    let named = desk.groups().values().flat_map(|group| &group.rules.channels);
    for channel in named {
        if !known.iter().any(|status| status.channel == *channel) {
            known.push(ChannelStatus { channel: channel.clone(), ..ChannelStatus::default() });
        }
    }
    known.sort_by(|one, other| one.channel.cmp(&other.channel));
    let groups_of = |channel: &String| {
        let has = desk.groups().iter().filter(|(_, group)| group.rules.channels.contains(channel));
        has.map(|(key, _)| key.clone()).collect::<Vec<_>>()
    };
    let told = known.into_iter().map(|status| AlertChannel {
        groups: groups_of(&status.channel),
        channel: harmless(&status.channel),
        queued: status.queued,
        oldest: status.oldest,
        next_attempt: status.next_attempt,
        undelivered: status.undelivered,
        dropped: status.dropped,
        last_success: status.last_success,
        last_error: status.last_error.as_deref().map(harmless),
    });
    Ok(told.collect())
}

/// Sends to each channel at once, past the queue, so that what is wrong is told here and now.
pub(super) async fn test(app: &App, name: Option<&str>) -> Result<Vec<ChannelTest>, CliError> {
    let desk = AlertDesk::open(&app.data_directory)?;
    let (channels, mut tests) = meant(app, &desk, name)?;
    let message = message(app);
    let key = format!("test/{}", taskflows_runtime::process::new_run_id());
    let delivery = Delivery { message: &message, key: &key, thread: None };
    let attempts = channels.iter().map(|channel| channel.notifier.notify(&delivery));
    for (channel, result) in channels.iter().zip(join_all(attempts).await) {
        let error = result.err().map(|error| chain(&error));
        tests.push(ChannelTest { channel: channel.id.clone(), arrived: error.is_none(), error });
    }
    Ok(tests)
}

/// Returns the channels that are meant, and what is said of destinations that cannot be any.
fn meant(
    app: &App,
    desk: &AlertDesk,
    name: Option<&str>,
) -> Result<(Vec<Channel>, Vec<ChannelTest>), CliError> {
    let mut channels: BTreeMap<String, Channel> = BTreeMap::new();
    let mut broken = Vec::new();
    for (key, group) in desk.groups() {
        for destination in &group.destinations {
            let ids = destination.channel_ids();
            if name.is_some_and(|name| name != key && !ids.iter().any(|id| id == name)) {
                continue;
            }
            match destination.channels(&|variable| (app.variable)(variable)) {
                Ok(found) => {
                    let wanted =
                        found.into_iter().filter(|one| name.is_none_or(|name| name == key || name == one.id));
                    channels.extend(wanted.map(|one| (one.id.clone(), one)));
                }
                Err(error) => broken.extend(ids.into_iter().map(|channel| ChannelTest {
                    channel,
                    arrived: false,
                    error: Some(chain(&error)),
                })),
            }
        }
    }
    if channels.is_empty() && broken.is_empty() {
        let known: Vec<&str> = desk.groups().keys().map(String::as_str).collect();
        return Err(match name {
            Some(name) => CliError::new(
                Exit::NoSuchService,
                format!("no group or channel of alerts is called `{name}`"),
            )
            .hint(if known.is_empty() {
                "this host has none".to_owned()
            } else {
                format!("there is {}", known.join(", "))
            }),
            None => CliError::new(Exit::NoSuchService, "this host has no group of alerts")
                .hint("`tf create` keeps those of a definition: [alerts.NAME]"),
        });
    }
    Ok((channels.into_values().collect(), broken))
}

fn message(app: &App) -> Message {
    let facts = app.facts("tf");
    Message {
        title: format!("A test from taskflows on {}", facts.host),
        body: vec![Component::Text {
            text: "If you read this, alerts of this host arrive here. Nothing is wrong.".to_owned(),
            tone: MessageTone::Good,
        }],
        fields: vec![Field { name: "Host".to_owned(), value: facts.host }],
        at: Some((app.now)()),
        ..Message::default()
    }
}
