use std::fmt;
use std::sync::{Arc, LazyLock};

use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};

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

    /// Returns the zone in which `spec` is meant. What the host's own clocks show is the host's zone.
    ///
    /// # Errors
    /// When it names a zone that the database does not have under exactly that name, or an abbreviation
    /// such as CET that the host's own clocks show for a part of the year: systemd lets the rest of the year
    /// pass, and never elapses again.
    pub fn resolve(&self, spec: &CalendarSpec) -> Result<TimeZone, UnknownZoneError> {
        let Some(name) = spec.zone_name() else { return Ok(self.0.local.clone()) };
        match shown(name, &self.0.local) {
            Shown::Never => self.named(name),
            Shown::Always => Ok(self.0.local.clone()),
            Shown::PartOfTheYear => {
                Err(UnknownZoneError { name: name.to_owned(), near: None, seasonal: true })
            }
        }
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
        found.ok_or_else(|| UnknownZoneError {
            name: name.to_owned(),
            near: self.near(name),
            seasonal: false,
        })
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

/// When the clocks of a zone show an abbreviation.
enum Shown {
    Never,
    PartOfTheYear,
    Always,
}

fn shown(name: &str, zone: &TimeZone) -> Shown {
    // No abbreviation has a slash.
    if name.contains('/') {
        return Shown::Never;
    }
    // From here on a zone follows one rule, if it changes its clocks at all.
    let since = Timestamp::constant(4_102_444_800, 0);
    let mut changes = zone.following(since).take(2);
    if changes.any(|change| change.abbreviation() == name) {
        Shown::PartOfTheYear
    } else if zone.to_offset_info(since).abbreviation() == name {
        Shown::Always
    } else {
        Shown::Never
    }
}

/// A zone that does not exist, or that systemd would not take for one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownZoneError {
    name: String,
    near: Option<String>,
    seasonal: bool,
}

impl fmt::Display for UnknownZoneError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Quoted(&self.name);
        match &self.near {
            _ if self.seasonal => write!(
                f,
                "{name} is what this host's clocks show for a part of the year, and systemd never elapses in the \
                 other; write the zone's own name, such as Europe/Berlin"
            ),
            Some(near) => write!(f, "there is no time zone {name}, did you mean `{near}`?"),
            None => write!(
                f,
                "there is no time zone {name}; write UTC or a name such as Europe/Berlin (abbreviations such as \
                 CEST are no zones)"
            ),
        }
    }
}

impl std::error::Error for UnknownZoneError {}
