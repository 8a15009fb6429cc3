use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use crate::{ServiceName, TextError};

/// How a service stands to other units. Source: systemd.unit(5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Relation {
    /// It starts before them (`Before=`).
    Before,
    /// It starts after them (`After=`).
    After,
    /// It starts them too, and does not mind if that fails (`Wants=`).
    Wants,
    /// It starts them again whenever they stop (`Upholds=`).
    Upholds,
    /// It starts them too, and not without them (`Requires=`).
    Requires,
    /// It does not start unless they run already (`Requisite=`).
    Requisite,
    /// As `Requires`, and it stops when they do, for whatever reason (`BindsTo=`).
    BindsTo,
    /// They start when it fails (`OnFailure=`).
    OnFailure,
    /// They start when it ends well (`OnSuccess=`).
    OnSuccess,
    /// It stops and restarts with them (`PartOf=`).
    PartOf,
    /// They stop when it does (`PropagatesStopTo=`).
    PropagateStopTo,
    /// It stops when they do (`StopPropagatedFrom=`).
    PropagateStopFrom,
    /// It stops them when it starts, and the other way round (`Conflicts=`).
    Conflicts,
}

impl Relation {
    /// Every relation.
    pub const ALL: [Self; 13] = [
        Self::Before,
        Self::After,
        Self::Wants,
        Self::Upholds,
        Self::Requires,
        Self::Requisite,
        Self::BindsTo,
        Self::OnFailure,
        Self::OnSuccess,
        Self::PartOf,
        Self::PropagateStopTo,
        Self::PropagateStopFrom,
        Self::Conflicts,
    ];

    /// Returns its key in a definition: `start_after`, `binds_to`.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Before => "start_before",
            Self::After => "start_after",
            Self::Wants => "wants",
            Self::Upholds => "upholds",
            Self::Requires => "requires",
            Self::Requisite => "requisite",
            Self::BindsTo => "binds_to",
            Self::OnFailure => "on_failure",
            Self::OnSuccess => "on_success",
            Self::PartOf => "part_of",
            Self::PropagateStopTo => "propagate_stop_to",
            Self::PropagateStopFrom => "propagate_stop_from",
            Self::Conflicts => "conflicts",
        }
    }

    /// Returns its directive of `[Unit]`.
    pub fn directive(self) -> &'static str {
        match self {
            Self::Before => "Before",
            Self::After => "After",
            Self::Wants => "Wants",
            Self::Upholds => "Upholds",
            Self::Requires => "Requires",
            Self::Requisite => "Requisite",
            Self::BindsTo => "BindsTo",
            Self::OnFailure => "OnFailure",
            Self::OnSuccess => "OnSuccess",
            Self::PartOf => "PartOf",
            Self::PropagateStopTo => "PropagatesStopTo",
            Self::PropagateStopFrom => "StopPropagatedFrom",
            Self::Conflicts => "Conflicts",
        }
    }
}

/// The relations of a service, each with the units in the order they were named.
pub type Relations = BTreeMap<Relation, Vec<UnitReference>>;

/// A unit that a [`Relation`] names.
///
/// A bare name is a service of ours; a name with one of systemd's suffixes is a unit as it stands.
///
/// ```
/// use taskflows_core::UnitReference;
///
/// assert!(matches!("database".parse()?, UnitReference::Service(_)));
/// assert!(matches!("network-online.target".parse()?, UnitReference::Unit(_)));
/// # Ok::<(), taskflows_core::TextError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum UnitReference {
    /// A service of ours.
    Service(ServiceName),
    /// Any unit of systemd's.
    Unit(ForeignUnit),
}

/// The name of a unit with its suffix, without specifiers.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ForeignUnit(String);

impl ForeignUnit {
    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What units are called. Source: systemd.unit(5).
const SUFFIXES: [&str; 11] = [
    "service",
    "socket",
    "device",
    "mount",
    "automount",
    "swap",
    "target",
    "path",
    "timer",
    "slice",
    "scope",
];

impl FromStr for UnitReference {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let stem =
            text.rsplit_once('.').filter(|(_, suffix)| SUFFIXES.contains(suffix)).map(|(stem, _)| stem);
        let Some(stem) = stem else {
            let name = text.parse::<ServiceName>();
            return name.map(Self::Service).map_err(|error| {
                TextError::new(
                    text,
                    format!("is neither a service nor a unit such as network.target: {error}"),
                )
            });
        };
        let allowed = |c: char| c.is_ascii_alphanumeric() || ":-_.\\@".contains(c);
        match stem.chars().find(|c| !allowed(*c)) {
            _ if stem.is_empty() => Err(TextError::new(text, "has nothing before its suffix")),
            Some(c) => {
                Err(TextError::new(text, format!("holds `{}`, which no unit name can", c.escape_debug())))
            }
            None if text.len() > 255 => {
                Err(TextError::new(text, "is longer than a unit name can be (255 bytes)"))
            }
            None => Ok(Self::Unit(ForeignUnit(text.to_owned()))),
        }
    }
}

impl fmt::Display for UnitReference {
    /// Writes it as in a definition.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service(name) => name.fmt(f),
            Self::Unit(unit) => f.write_str(unit.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_name_is_ours_and_a_suffix_makes_a_unit() {
        let read = |text: &str| text.parse::<UnitReference>().unwrap();
        assert_eq!(read("data base"), UnitReference::Service("data_base".parse().unwrap()));
        assert!(matches!(read("db.main"), UnitReference::Service(_)));
        for unit in ["docker.service", "getty@tty1.service", "dev-disk\\x2dby.device", "-.mount"] {
            assert_eq!(read(unit).to_string(), unit);
        }
    }

    #[test]
    fn what_names_no_unit_is_refused() {
        for text in ["", ".service", "a b.service", "%i.service", "a\n[Service].target", "x/y.mount"] {
            assert!(text.parse::<UnitReference>().is_err(), "{text:?}");
        }
    }
}
