//! From services back to a definition: definitions that travel as data.

mod cgroup;
mod container;
mod environment;
mod schedule;
mod service;
mod table;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::Service;
use crate::alerting::{AlertGroup, GroupName};
use table::Table;

/// Writes services and groups of alerts as a definition, secrets of the groups included.
///
/// [`read_document`](crate::read_document) reads it as the same services, but for the files they came from. Nothing is
/// left that refers to anything else: defaults and environments of the definition stand in each service, paths are
/// absolute, and a text that holds `${env:` means just that. An environment that the host keeps is named.
///
/// ```
/// use taskflows_core::schedule::Zones;
/// use taskflows_core::{Format, Service, Source, read_document, write_document};
///
/// let web = [Service::builder("web").start_command("echo '${env:HOME}'").build()?];
/// let document = write_document(&web, &Default::default());
/// assert_eq!(document["services"][0]["start_command"][1], "${env:HOME}");
/// let zones = Zones::new(jiff::tz::TimeZoneDatabase::bundled(), jiff::tz::TimeZone::UTC);
/// let read = read_document(&Source::new("sent", document.to_string(), Format::Json), &zones)?;
/// assert_eq!(read.services, web);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn write_document(services: &[Service], alerts: &BTreeMap<GroupName, AlertGroup>) -> Value {
    let mut table = Table::default();
    table.put("version", 1);
    table.put("services", services.iter().map(service::service).collect::<Vec<Value>>());
    table.pairs("alerts", alerts.iter().map(|(name, group)| (name.as_str(), group.to_json())));
    table.into()
}
