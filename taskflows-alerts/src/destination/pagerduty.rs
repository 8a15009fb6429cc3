use serde::{Deserialize, Serialize};

use super::Secret;

#[cfg(feature = "pagerduty")]
mod event;
#[cfg(feature = "pagerduty")]
mod notifier;

/// A PagerDuty service, by the Events API v2.
///
/// What lasts triggers an incident and resolves it when it is over; what is only good to know becomes a change event,
/// which wakes nobody.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PagerDuty {
    /// The integration key of the service.
    pub routing_key: Secret,
    /// Where the API is, if not at `https://events.pagerduty.com`: `https://events.eu.pagerduty.com`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

impl PagerDuty {
    /// Names a service by its integration key.
    pub fn new(routing_key: impl Into<Secret>) -> Self {
        Self { routing_key: routing_key.into(), ..Self::default() }
    }
}
