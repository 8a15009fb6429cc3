//! What the manager tells by itself.

use std::collections::HashMap;
use std::num::NonZeroUsize;

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use jiff::Timestamp;
use taskflows_core::effects::ServiceError;
use zbus::message::{Sequence, Type as MessageType};
use zbus::{Message, MessageStream, OwnedObjectPath, OwnedVariant};

use super::connect::Bus;
use super::manager::{Word, realtime, word};
use super::path::unit_of;
use crate::unit::UnitName;

const MESSAGE_BUS: &str = "org.freedesktop.DBus";

/// So many messages wait to be read at most.
const MOST_QUEUED: NonZeroUsize = NonZeroUsize::new(4_096).expect("it is not zero");

/// What the bus is to pass on. Of units the states alone, which are in the interface of every unit.
const RULES: [&str; 7] = [
    "type='signal',sender='org.freedesktop.systemd1',interface='org.freedesktop.DBus.Properties',\
     member='PropertiesChanged',path_namespace='/org/freedesktop/systemd1/unit',arg0='org.freedesktop.systemd1.Unit'",
    "type='signal',sender='org.freedesktop.systemd1',interface='org.freedesktop.systemd1.Manager',member='UnitNew'",
    "type='signal',sender='org.freedesktop.systemd1',interface='org.freedesktop.systemd1.Manager',member='UnitRemoved'",
    "type='signal',sender='org.freedesktop.systemd1',interface='org.freedesktop.systemd1.Manager',member='JobRemoved'",
    "type='signal',sender='org.freedesktop.systemd1',interface='org.freedesktop.systemd1.Manager',member='UnitFilesChanged'",
    "type='signal',sender='org.freedesktop.systemd1',interface='org.freedesktop.systemd1.Manager',member='Reloading'",
    "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0='org.freedesktop.systemd1'",
];

/// A signal, and where in the order of all messages it came.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) position: Sequence,
    pub(crate) signal: Signal,
}

/// What a signal says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// The state of a unit is this, since then.
    Unit { unit: UnitName, active: Option<Word>, since: Option<Timestamp> },
    /// Something was done about a unit, and how it stands is not said.
    Stirred(UnitName),
    /// A unit was unloaded.
    Unloaded(UnitName),
    /// Unit files changed.
    Files,
    /// The manager begins to read all unit files again, or has done so.
    Reloading(bool),
    /// Another process is the manager now, or none.
    Replaced,
}

/// Signals in order, until the connection ends.
pub(crate) type Signals = BoxStream<'static, Heard>;

impl Bus {
    /// Begins to hear of units named as ours, of files and of the manager itself.
    pub(crate) async fn listen(&self) -> Result<Signals, ServiceError> {
        // From here on messages are kept. One stream for all kinds keeps them in order, and there is room for what a
        // reload brings: an answer that stands behind a full queue would never be read.
        let mut connection = self.connection.clone();
        connection.set_max_queued(MOST_QUEUED);
        let messages = MessageStream::from(connection);
        for rule in RULES {
            self.ask_bus::<()>("watch the manager's signals", "AddMatch", rule).await?;
        }
        let operation = "find the manager on the bus";
        let manager: String = self.ask_bus(operation, "GetNameOwner", "org.freedesktop.systemd1").await?;
        self.subscribe().await?;
        let heard = messages.filter_map(move |message| {
            let heard = message.ok().and_then(|message| {
                Some(Heard { position: message.recv_position(), signal: read(&message, &manager)? })
            });
            std::future::ready(heard)
        });
        Ok(heard.boxed())
    }

    async fn ask_bus<R>(&self, operation: &str, method: &str, argument: &str) -> Result<R, ServiceError>
    where
        R: serde::de::DeserializeOwned + zbus::Type,
    {
        let call = async {
            let (path, body) = ("/org/freedesktop/DBus", (argument,));
            let reply = self
                .connection
                .call_method(Some(MESSAGE_BUS), path, Some(MESSAGE_BUS), method, &body)
                .await?;
            reply.body().deserialize()
        };
        self.within(self.limits.read, operation, call).await
    }
}

/// Reads a signal of `manager` or of the bus. Whoever else sends one to us says nothing we believe.
fn read(message: &Message, manager: &str) -> Option<Signal> {
    if message.message_type() != MessageType::Signal {
        return None;
    }
    let header = message.header();
    let (sender, member) = (header.sender()?.as_str(), header.member()?.as_str());
    if sender == MESSAGE_BUS {
        return (member == "NameOwnerChanged").then_some(Signal::Replaced);
    }
    if sender != manager {
        return None;
    }
    match member {
        "PropertiesChanged" => changed(message, ours(&unit_of(header.path()?.as_str())?)?),
        "UnitNew" => about(message).map(Signal::Stirred),
        "UnitRemoved" => about(message).map(Signal::Unloaded),
        "JobRemoved" => {
            let body: (u32, OwnedObjectPath, String, String) = message.body().deserialize().ok()?;
            ours(&body.2).map(Signal::Stirred)
        }
        "UnitFilesChanged" => Some(Signal::Files),
        "Reloading" => message.body().deserialize().ok().map(Signal::Reloading),
        _ => None,
    }
}

/// Reads the unit that `UnitNew` and `UnitRemoved` name.
fn about(message: &Message) -> Option<UnitName> {
    let (unit, _): (String, OwnedObjectPath) = message.body().deserialize().ok()?;
    ours(&unit)
}

/// Reads the name of a unit by which the state of a service is known: the one that runs it, or its start timer.
fn ours(name: &str) -> Option<UnitName> {
    UnitName::parse(name).filter(|unit| unit.is_service() || unit.is_start_timer())
}

fn changed(message: &Message, unit: UnitName) -> Option<Signal> {
    type Changed = (String, HashMap<String, OwnedVariant>, Vec<String>);
    let (_, properties, _): Changed = message.body().deserialize().ok()?;
    let active = properties.get("ActiveState").and_then(|value| value.downcast_ref::<&str>().ok()).map(word);
    let since = properties.get("StateChangeTimestamp").and_then(|value| value.downcast_ref::<u64>().ok());
    Some(Signal::Unit { unit, active, since: since.and_then(realtime) })
}
