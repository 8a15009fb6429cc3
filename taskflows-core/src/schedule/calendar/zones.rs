use jiff::tz::{TimeZone, TimeZoneDatabase};
use thiserror::Error;

use super::spec::CalendarSpec;
use crate::name::Quoted;
use crate::nearest;

/// The zones that expressions name, and the host's own. Whoever runs the program supplies both.
#[derive(Clone, Debug)]
pub struct Zones {
    database: TimeZoneDatabase,
    local: TimeZone,
}

impl Zones {
    /// Takes zones by name from `database`; an expression without a zone means `local`.
    pub fn new(database: TimeZoneDatabase, local: TimeZone) -> Self {
        Self { database, local }
    }

    /// Returns the zone in which `spec` is meant.
    ///
    /// # Errors
    /// When it names a zone that the database does not have under exactly that name.
    pub fn resolve(&self, spec: &CalendarSpec) -> Result<TimeZone, UnknownZoneError> {
        spec.zone_name().map_or_else(|| Ok(self.local.clone()), |name| self.named(name))
    }

    /// Returns the zone called `name`, in the spelling of the database: systemd looks for a file.
    ///
    /// # Errors
    /// When there is no such zone.
    pub fn named(&self, name: &str) -> Result<TimeZone, UnknownZoneError> {
        if name == "UTC" {
            return Ok(TimeZone::UTC);
        }
        let found = self.database.get(name).ok().filter(|zone| zone.iana_name() == Some(name));
        found.ok_or_else(|| UnknownZoneError { name: name.to_owned(), near: self.near(name) })
    }

    fn near(&self, name: &str) -> Option<String> {
        let names: Vec<String> = self.database.available().map(|name| name.to_string()).collect();
        let same = names.iter().find(|known| known.eq_ignore_ascii_case(name)).map(String::as_str);
        same.or_else(|| nearest(name, names.iter().map(String::as_str))).map(str::to_owned)
    }
}

/// A zone that does not exist.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "there is no time zone {}{}",
    Quoted(name),
    near.as_ref().map_or_else(
        || "; write UTC or a name such as Europe/Berlin (abbreviations such as CEST are no zones)".to_owned(),
        |near| format!(", did you mean `{near}`?")
    )
)]
pub struct UnknownZoneError {
    name: String,
    near: Option<String>,
}
