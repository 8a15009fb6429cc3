use std::borrow::Cow;
use std::collections::HashMap;

use futures_util::future::join_all;
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use taskflows_core::effects::ServiceError;
use taskflows_core::{ExitKind, RunEnd};
use zbus::message::Sequence;
use zbus::{Message, ObjectPath, OwnedObjectPath, OwnedVariant, Type};

use super::connect::Bus;
use super::unit_path;
use crate::unit::{UnitName, is_support_unit};

const DESTINATION: &str = "org.freedesktop.systemd1";
const OBJECT: &str = "/org/freedesktop/systemd1";
const MANAGER: &str = "org.freedesktop.systemd1.Manager";
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";

/// Every unit that may be ours; whether it is, its file tells.
const PATTERN: &str = "*taskflows-*";

/// A value of a property.
pub(crate) type Value = OwnedVariant;

/// A unit that the manager has loaded, as `ListUnitsByPatterns` tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unit {
    /// Of a service; nobody asks for a timer's.
    pub(crate) description: String,
    pub(crate) load_state: Word,
    pub(crate) active_state: Word,
    pub(crate) sub_state: Word,
    /// Whether a job is queued for it.
    pub(crate) has_job: bool,
}

/// Units by their names.
pub(crate) type Units = HashMap<String, Unit>;

/// name, description, load, active, sub, following, path, job id, job type, job path
type UnitTuple<'a> =
    (&'a str, &'a str, &'a str, &'a str, &'a str, &'a str, ObjectPath<'a>, u32, &'a str, ObjectPath<'a>);

/// path, arguments, whether a failure is ignored, started and stopped by two clocks each, process, and how it
/// ended by waitid(2): code and status
type CommandTuple = (String, Vec<String>, bool, u64, u64, u64, u64, u32, i32, i32);

fn unit(tuple: UnitTuple<'_>) -> Option<(String, Unit)> {
    let (name, description, load_state, active_state, sub_state, _, _, job, _, _) = tuple;
    if !UnitName::is_like_ours(name) && !is_support_unit(name) {
        return None;
    }
    let description = if name.ends_with(".service") { description } else { "" };
    let unit = Unit {
        description: description.to_owned(),
        load_state: word(load_state),
        active_state: word(active_state),
        sub_state: word(sub_state),
        has_job: job != 0,
    };
    Some((name.to_owned(), unit))
}

/// A state. A list of a thousand services holds six thousand of them, and a dozen different ones.
pub(crate) type Word = Cow<'static, str>;

pub(super) fn word(text: &str) -> Word {
    const COMMON: [&str; 12] = [
        "loaded",
        "active",
        "inactive",
        "failed",
        "activating",
        "deactivating",
        "reloading",
        "dead",
        "waiting",
        "running",
        "elapsed",
        "exited",
    ];
    let known = COMMON.into_iter().find(|known| *known == text);
    known.map_or_else(|| Cow::Owned(text.to_owned()), Cow::Borrowed)
}

impl Bus {
    async fn send<B>(&self, method: &str, body: &B) -> zbus::Result<Message>
    where
        B: Serialize + Type + Sync,
    {
        self.connection.call_method(Some(DESTINATION), OBJECT, Some(MANAGER), method, body).await
    }

    async fn call<B, R>(&self, operation: &str, method: &str, body: &B) -> Result<R, ServiceError>
    where
        B: Serialize + Type + Sync,
        R: DeserializeOwned + Type,
    {
        let limit = if method == "Reload" { self.limits.reload } else { self.limits.read };
        let call = async { self.send(method, body).await?.body().deserialize() };
        self.within(limit, operation, call).await
    }

    /// Returns every loaded unit that is named as ours are, by its name. One call, whatever the number.
    pub(crate) async fn units(&self) -> Result<Units, ServiceError> {
        self.units_at().await.map(|(units, _)| units)
    }

    /// Returns what [`Bus::units`] does, and where in the order of all messages the answer came.
    pub(crate) async fn units_at(&self) -> Result<(Units, Sequence), ServiceError> {
        let none: &[&str] = &[];
        let call = async {
            let reply = self.send("ListUnitsByPatterns", &(none, &[PATTERN][..])).await?;
            // Thousands of texts, of which few are kept: they are read in place.
            let body = reply.body();
            let tuples: Vec<UnitTuple<'_>> = body.deserialize()?;
            let mut units = Units::with_capacity(tuples.len());
            units.extend(tuples.into_iter().filter_map(unit));
            Ok((units, reply.recv_position()))
        };
        self.within(self.limits.read, "list the units", call).await
    }

    /// Makes the manager read all unit files again.
    pub(crate) async fn reload(&self) -> Result<(), ServiceError> {
        self.call("reload the unit files", "Reload", &()).await
    }

    /// Queues a job by `StartUnit`, `StopUnit`, … and returns its object path.
    pub(crate) async fn queue(&self, method: &str, unit: &str) -> Result<OwnedObjectPath, ServiceError> {
        let verb = match method {
            "StartUnit" => "start",
            "StopUnit" => "stop",
            _ => "restart",
        };
        self.call(&format!("{verb} {unit}"), method, &(unit, "replace")).await
    }

    /// Queues a job for each of `units`, many at a time, and returns the answers in order.
    pub(crate) async fn queue_all(
        &self,
        method: &str,
        units: &[String],
    ) -> Vec<Result<OwnedObjectPath, ServiceError>> {
        join_all(units.iter().map(|unit| self.queue(method, unit))).await
    }

    /// Forgets that `unit` failed.
    pub(crate) async fn reset_failed(&self, unit: &str) -> Result<(), ServiceError> {
        self.call(&format!("reset {unit}"), "ResetFailedUnit", &(unit,)).await
    }

    /// Forgets when a timer last elapsed.
    pub(crate) async fn clean_state(&self, unit: &str) -> Result<(), ServiceError> {
        self.call(&format!("clean {unit}"), "CleanUnit", &(unit, &["state"][..])).await
    }

    /// Asks the manager to send its signals.
    pub(crate) async fn subscribe(&self) -> Result<(), ServiceError> {
        match self.call("subscribe to the manager's signals", "Subscribe", &()).await {
            Err(ServiceError::Refused { reason, .. }) if reason.contains("already subscribed") => Ok(()),
            other => other,
        }
    }

    /// Reads one property of a unit; an installed unit that is not loaded is loaded for it.
    pub(crate) async fn property(
        &self,
        unit: &str,
        interface: &str,
        name: &str,
    ) -> Result<Value, ServiceError> {
        let path = unit_path(unit);
        let interface = format!("org.freedesktop.systemd1.{interface}");
        let call = async {
            let body = (interface.as_str(), name);
            let reply = self
                .connection
                .call_method(Some(DESTINATION), path.as_str(), Some(PROPERTIES), "Get", &body)
                .await?;
            reply.body().deserialize::<OwnedVariant>()
        };
        self.within(self.limits.read, &format!("read {name} of {unit}"), call).await
    }

    /// Reads a property of the manager itself; `what` is said of it in errors.
    async fn own_property(&self, what: &str, name: &str) -> Result<Value, ServiceError> {
        let call = async {
            let body = (MANAGER, name);
            let reply = self
                .connection
                .call_method(Some(DESTINATION), OBJECT, Some(PROPERTIES), "Get", &body)
                .await?;
            reply.body().deserialize::<OwnedVariant>()
        };
        self.within(self.limits.read, &format!("read the manager's {what}"), call).await
    }

    /// Returns the version the manager says it has.
    pub(crate) async fn version(&self) -> Result<String, ServiceError> {
        let value = self.own_property("version", "Version").await?;
        Ok(value.downcast_ref::<&str>().map(str::to_owned).unwrap_or_default())
    }

    /// Returns when the manager came up.
    pub(crate) async fn began(&self) -> Result<Option<Timestamp>, ServiceError> {
        let value = self.own_property("start", "UserspaceTimestamp").await?;
        Ok(value.downcast_ref::<u64>().ok().and_then(realtime))
    }

    /// Reads every property of a timer as a timer, fifteen of them.
    pub(crate) async fn timer_properties(&self, unit: &str) -> Result<HashMap<String, Value>, ServiceError> {
        let path = unit_path(unit);
        let call = async {
            let body = ("org.freedesktop.systemd1.Timer",);
            let reply = self
                .connection
                .call_method(Some(DESTINATION), path.as_str(), Some(PROPERTIES), "GetAll", &body)
                .await?;
            reply.body().deserialize::<HashMap<String, OwnedVariant>>()
        };
        self.within(self.limits.read, &format!("read {unit}"), call).await
    }

    /// Adds to the end of a run that never began how the command ended that was to prepare it.
    pub(crate) async fn told_by_preparation(&self, unit: &str, end: RunEnd) -> RunEnd {
        let by_a_command = matches!(end.result.as_str(), "exit-code" | "signal" | "core-dump" | "timeout");
        if end.exit.is_some() || !by_a_command {
            return end;
        }
        match self.preparation(unit).await.and_then(|prepared| prepared.failure) {
            None => end,
            exit => RunEnd { exit, is_preparation: true, ..end },
        }
    }

    /// Returns how the last run of a service was prepared, where it has commands for that and they were called.
    pub(crate) async fn preparation(&self, unit: &str) -> Option<Preparation> {
        let value = self.property(unit, "Service", "ExecStartPre").await.ok()?;
        let commands: Vec<CommandTuple> = value.try_into().unwrap_or_default();
        let exit = |command: &CommandTuple| match (command.8, command.9) {
            (1, 0) | (0, _) => None,
            (1, status) => Some(ExitKind::Exited(status)),
            (_, signal) => Some(ExitKind::Killed(signal)),
        };
        let began = commands.iter().filter_map(|command| realtime(command.3)).max()?;
        Some(Preparation { began, failure: commands.iter().rev().find_map(exit) })
    }

    /// Names the manager in words.
    pub(crate) fn name(&self) -> String {
        self.what()
    }

    /// Returns when the last process of a service unit ended, where the manager remembers it.
    pub(crate) async fn exit_time(&self, unit: UnitName) -> Result<Option<Timestamp>, ServiceError> {
        let value = self.property(&unit.to_string(), "Service", "ExecMainExitTimestamp").await?;
        Ok(value.downcast_ref::<u64>().ok().and_then(realtime))
    }
}

/// How a run was prepared.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Preparation {
    /// When the last command for it began.
    pub(crate) began: Timestamp,
    /// How the one ended that failed.
    pub(crate) failure: Option<ExitKind>,
}

/// Reads microseconds since 1970; zero and the greatest number mean never.
pub(crate) fn realtime(micros: u64) -> Option<Timestamp> {
    let set = i64::try_from(micros).ok().filter(|&micros| micros > 0)?;
    Timestamp::from_microsecond(set).ok()
}
