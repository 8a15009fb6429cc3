use std::fmt;
use std::sync::{Arc, LazyLock};

use jiff::tz::{TimeZone, TimeZoneDatabase};
use thiserror::Error;

use super::spec::CalendarSpec;
use crate::name::Quoted;
use crate::nearest;

/// The zones that expressions name, and the host's own. Whoever runs the program supplies both.
#[derive(Clone)]
pub struct Zones(Arc<Parts>);

struct Parts {
    database: Later<TimeZoneDatabase>,
    local: Later<TimeZone>,
}

/// A value that is made when it is first needed.
type Later<T> = LazyLock<T, Box<dyn FnOnce() -> T + Send + Sync>>;

impl Zones {
    /// Takes zones by name from `database`; an expression without a zone means `local`.
    pub fn new(database: TimeZoneDatabase, local: TimeZone) -> Self {
        Self::deferred(|| database, || local)
    }

    /// Does the same with values that are made when a zone is first looked for: to open a database is to
    /// walk a tree of directories, and most commands need none.
    pub fn deferred(
        database: impl FnOnce() -> TimeZoneDatabase + Send + Sync + 'static,
        local: impl FnOnce() -> TimeZone + Send + Sync + 'static,
    ) -> Self {
        let (database, local) = (LazyLock::new(Box::new(database) as _), LazyLock::new(Box::new(local) as _));
        Self(Arc::new(Parts { database, local }))
    }

    /// Makes what [`Zones::deferred`] put off, for who has the time now.
    pub fn open(&self) {
        LazyLock::force(&self.0.local);
    }

    /// Returns the zone in which `spec` is meant.
    ///
    /// # Errors
    /// When it names a zone that the database does not have under exactly that name.
    pub fn resolve(&self, spec: &CalendarSpec) -> Result<TimeZone, UnknownZoneError> {
        spec.zone_name().map_or_else(|| Ok(self.0.local.clone()), |name| self.named(name))
    }

    /// Returns the zone called `name`, in the spelling of the database: systemd looks for a file.
    ///
    /// # Errors
    /// When there is no such zone.
    pub fn named(&self, name: &str) -> Result<TimeZone, UnknownZoneError> {
        if name == "UTC" {
            return Ok(TimeZone::UTC);
        }
        let found = self.0.database.get(name).ok().filter(|zone| zone.iana_name() == Some(name));
        found.ok_or_else(|| UnknownZoneError { name: name.to_owned(), near: self.near(name) })
    }

    fn near(&self, name: &str) -> Option<String> {
        let names: Vec<String> = self.0.database.available().map(|name| name.to_string()).collect();
        let same = names.iter().find(|known| known.eq_ignore_ascii_case(name)).map(String::as_str);
        same.or_else(|| nearest(name, names.iter().map(String::as_str))).map(str::to_owned)
    }
}

impl fmt::Debug for Zones {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Zones").finish_non_exhaustive()
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
