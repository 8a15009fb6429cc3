use std::collections::BTreeMap;

use futures_util::future::join_all;
use serde::Serialize;
use taskflows_alerts::{Channel, Component, Delivery, Field, Message, Tone as MessageTone};

use crate::alerting::AlertDesk;
use crate::arguments::{AlertTestArguments, Global};
use crate::error::chain;
use crate::output::{Column, Row, Styled, Tone, column, emit};
use crate::{App, CliError, Exit, Ui};

/// What became of the test of a channel.
#[derive(Serialize)]
struct TestRow {
    channel: String,
    arrived: bool,
    error: Option<String>,
}

impl Row for TestRow {
    const COLUMNS: &'static [Column] = &[column("CHANNEL"), column("RESULT")];

    fn cells(&self) -> Vec<Styled> {
        let result = match &self.error {
            None => Styled { text: "taken".into(), tone: Tone::Good },
            Some(error) => Styled { text: error.clone(), tone: Tone::Bad },
        };
        vec![self.channel.as_str().into(), result]
    }

    fn name(&self) -> String {
        self.channel.clone()
    }
}

/// Sends to each channel at once, past the queue, so that what is wrong is told here and now.
pub(super) async fn test(
    ui: &mut Ui<'_>,
    app: &App,
    global: &Global,
    arguments: &AlertTestArguments,
) -> Result<Exit, CliError> {
    let desk = AlertDesk::open(&app.data_directory)?;
    for trouble in desk.troubles() {
        ui.remark(format!("note: {trouble}"));
    }
    let (channels, mut rows) = channels(app, &desk, arguments.name.as_deref())?;
    let message = message(app);
    let key = format!("test/{}", taskflows_runtime::process::new_run_id());
    let delivery = Delivery { message: &message, key: &key, thread: None };
    let attempts = channels.iter().map(|channel| channel.notifier.notify(&delivery));
    for (channel, result) in channels.iter().zip(join_all(attempts).await) {
        let error = result.err().map(|error| chain(&error));
        rows.push(TestRow { channel: channel.id.clone(), arrived: error.is_none(), error });
    }
    let failed = rows.iter().filter(|row| !row.arrived).count();
    emit(ui, global.output, &rows)?;
    Ok(match failed {
        0 => Exit::Ok,
        all if all == rows.len() => Exit::Failed,
        _ => Exit::Partial,
    })
}

/// Returns the channels that are meant, and what is said of destinations that cannot be any.
fn channels(
    app: &App,
    desk: &AlertDesk,
    name: Option<&str>,
) -> Result<(Vec<Channel>, Vec<TestRow>), CliError> {
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
                Err(error) => broken.extend(ids.into_iter().map(|channel| TestRow {
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
