use std::fmt;

use taskflows_core::ServiceName;

const PREFIX: &str = "taskflows-";

/// The name of a unit of ours: `taskflows-web.service`, `stop-taskflows-web.timer`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UnitName {
    /// What the unit is for.
    pub role: Role,
    /// Whether it is the timer, not the service.
    pub timer: bool,
    /// Whose it is.
    pub service: ServiceName,
}

/// What a unit does for its service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// Runs it.
    Main,
    /// Stops it on a schedule.
    Stop,
    /// Restarts it on a schedule.
    Restart,
}

impl Role {
    /// Every role; the main one first.
    pub const ALL: [Self; 3] = [Self::Main, Self::Stop, Self::Restart];

    fn prefix(self) -> &'static str {
        match self {
            Self::Main => "",
            Self::Stop => "stop-",
            Self::Restart => "restart-",
        }
    }
}

impl UnitName {
    /// Names the service unit of `service`.
    pub fn service(service: &ServiceName) -> Self {
        Self { role: Role::Main, timer: false, service: service.clone() }
    }

    /// Names the start timer of `service`.
    pub fn timer(service: &ServiceName) -> Self {
        Self { role: Role::Main, timer: true, service: service.clone() }
    }

    /// Tells whether it is the unit that runs the service itself.
    pub fn is_service(&self) -> bool {
        self.role == Role::Main && !self.timer
    }

    /// Tells whether it is the timer that starts the service.
    pub fn is_start_timer(&self) -> bool {
        self.role == Role::Main && self.timer
    }

    /// Names every unit that `service` may have.
    pub fn all(service: &ServiceName) -> impl Iterator<Item = Self> {
        Role::ALL
            .into_iter()
            .flat_map(move |role| [false, true].map(|timer| Self { role, timer, service: service.clone() }))
    }

    /// Tells whether a name may be one of ours; to be sure, [`UnitName::parse`] reads it.
    pub(crate) fn is_like_ours(text: &str) -> bool {
        Role::ALL
            .into_iter()
            .any(|role| text.strip_prefix(role.prefix()).is_some_and(|rest| rest.starts_with(PREFIX)))
    }

    /// Reads a unit's name, `None` where it cannot be one of ours.
    ///
    /// ```
    /// use taskflows_systemd::{Role, UnitName};
    ///
    /// let unit = UnitName::parse("stop-taskflows-web.timer").unwrap();
    /// assert_eq!((unit.role, unit.timer, unit.service.as_str()), (Role::Stop, true, "web"));
    /// assert_eq!(UnitName::parse("web.service"), None);
    /// ```
    pub fn parse(text: &str) -> Option<Self> {
        let (stem, timer) = match text.strip_suffix(".timer") {
            Some(stem) => (stem, true),
            None => (text.strip_suffix(".service")?, false),
        };
        let role =
            |role: &Role| stem.strip_prefix(role.prefix())?.strip_prefix(PREFIX).map(|name| (*role, name));
        let (role, name) = Role::ALL.iter().find_map(role)?;
        // A name that only parses after a change (a space) is not the name of this file.
        let service: ServiceName =
            name.parse().ok().filter(|parsed: &ServiceName| parsed.as_str() == name)?;
        Some(Self { role, timer, service })
    }
}

impl fmt::Display for UnitName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let suffix = if self.timer { "timer" } else { "service" };
        write!(f, "{}{PREFIX}{}.{suffix}", self.role.prefix(), self.service)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_of_a_service_reads_back() {
        let service: ServiceName = "a.b-c_d".parse().unwrap();
        let units: Vec<UnitName> = UnitName::all(&service).collect();
        assert_eq!(units.len(), 6);
        for unit in units {
            assert_eq!(UnitName::parse(&unit.to_string()), Some(unit));
        }
    }

    #[test]
    fn other_units_are_not_ours() {
        for text in
            ["taskflows-.service", "taskflows-a b.service", "a.service", "taskflows-a.socket", "taskflows-a"]
        {
            assert_eq!(UnitName::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_service_called_like_a_helper_is_a_service() {
        let unit = UnitName::parse("taskflows-stop-taskflows-x.service").unwrap();
        assert_eq!((unit.role, unit.service.as_str()), (Role::Main, "stop-taskflows-x"));
    }
}
