use futures_util::future::join_all;
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use taskflows_core::effects::ServiceError;
use zbus::{OwnedObjectPath, OwnedVariant, Type};

use super::connect::Bus;
use super::unit_path;
use crate::unit::UnitName;

const DESTINATION: &str = "org.freedesktop.systemd1";
const OBJECT: &str = "/org/freedesktop/systemd1";
const MANAGER: &str = "org.freedesktop.systemd1.Manager";
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";

/// A value of a property.
pub(crate) type Value = OwnedVariant;

/// A unit that the manager has loaded, as `ListUnitsByPatterns` tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unit {
    pub(crate) name: String,
    pub(crate) load_state: String,
    pub(crate) active_state: String,
    pub(crate) sub_state: String,
    /// Whether a job is queued for it.
    pub(crate) has_job: bool,
}

/// name, description, load, active, sub, following, path, job id, job type, job path
type UnitTuple =
    (String, String, String, String, String, String, OwnedObjectPath, u32, String, OwnedObjectPath);

impl Bus {
    async fn call<B, R>(&self, operation: &str, method: &str, body: &B) -> Result<R, ServiceError>
    where
        B: Serialize + Type + Sync,
        R: DeserializeOwned + Type,
    {
        let limit = if method == "Reload" { self.limits.reload } else { self.limits.read };
        let call = async {
            let reply =
                self.connection.call_method(Some(DESTINATION), OBJECT, Some(MANAGER), method, body).await?;
            reply.body().deserialize()
        };
        self.within(limit, operation, call).await
    }

    /// Returns every loaded unit of ours, in no order. One call, whatever the number.
    pub(crate) async fn units(&self, patterns: &[&str]) -> Result<Vec<Unit>, ServiceError> {
        let none: &[&str] = &[];
        let tuples: Vec<UnitTuple> =
            self.call("list the units", "ListUnitsByPatterns", &(none, patterns)).await?;
        let unit = |(name, _, load_state, active_state, sub_state, _, _, job, _, _): UnitTuple| Unit {
            name,
            load_state,
            active_state,
            sub_state,
            has_job: job != 0,
        };
        Ok(tuples.into_iter().map(unit).collect())
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

    /// Queues a job for each of `units` without waiting in between, and returns the answers in order.
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

    /// Asks the manager to send its signals. Between two peers, as in a test, nobody needs to.
    pub(crate) async fn subscribe(&self) -> Result<(), ServiceError> {
        if !self.connection.is_bus() {
            return Ok(());
        }
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

    /// Returns when the last process of a service unit ended, where the manager remembers it.
    pub(crate) async fn exit_time(&self, unit: UnitName) -> Result<Option<Timestamp>, ServiceError> {
        let value = self.property(&unit.to_string(), "Service", "ExecMainExitTimestamp").await?;
        Ok(value.downcast_ref::<u64>().ok().and_then(realtime))
    }
}

/// Reads microseconds since 1970; zero and the greatest number mean never.
pub(crate) fn realtime(micros: u64) -> Option<Timestamp> {
    let set = i64::try_from(micros).ok().filter(|&micros| micros > 0)?;
    Timestamp::from_microsecond(set).ok()
}
