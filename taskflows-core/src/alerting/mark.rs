use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// What the unit of a service says of its alerts: the keys of the groups that are told, and no secret.
///
/// As text it is JSON in one line, the value of `X-Taskflows-Alerts=`.
///
/// ```
/// use taskflows_core::alerting::AlertMark;
///
/// let mark: AlertMark = r#"{"groups":["ops","web/1"]}"#.parse()?;
/// assert_eq!(mark.groups, ["ops", "web/1"]);
/// assert_eq!(AlertMark::of_unit(&format!("[Unit]\nX-Taskflows-Alerts={mark}\n")), Some(mark));
/// # Ok::<(), taskflows_core::alerting::ParseAlertMarkError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertMark {
    /// The groups by their keys in `alerts.json`: names, and `SERVICE/1` for the first of a service's own.
    pub groups: Vec<String>,
}

impl AlertMark {
    /// The key of the line in `[Unit]`.
    pub const KEY: &'static str = "X-Taskflows-Alerts";

    /// Reads the line of a unit's first section; `None` where there is none, or none that can be read.
    pub fn of_unit(text: &str) -> Option<Self> {
        let mut sections = 0;
        let mut head = text.lines().take_while(|line| {
            sections += usize::from(line.starts_with('['));
            sections < 2
        });
        head.find_map(|line| line.strip_prefix(Self::KEY)?.strip_prefix('=')?.parse().ok())
    }
}

impl fmt::Display for AlertMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = serde_json::to_string(self).map_err(|_| fmt::Error)?;
        f.write_str(&text)
    }
}

/// A text that is no [`AlertMark`].
#[derive(Debug, Error)]
#[error("the line of alerts of a unit cannot be read")]
pub struct ParseAlertMarkError(#[source] serde_json::Error);

impl FromStr for AlertMark {
    type Err = ParseAlertMarkError;

    /// Reads what [`AlertMark`] writes; keys of a later version are passed over.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        serde_json::from_str(text).map_err(ParseAlertMarkError)
    }
}
