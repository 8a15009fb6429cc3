use thiserror::Error;

/// Why Grafana made no dashboard of it. None of the texts holds the token.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum GrafanaError {
    /// The address or the token cannot be used.
    #[error("cannot use Grafana: {reason}")]
    Unusable {
        /// Why.
        reason: String,
    },
    /// It does not answer.
    #[error("could not reach Grafana at {address}: {reason}")]
    Unreachable {
        /// Its scheme, host and port.
        address: String,
        /// What went wrong.
        reason: String,
    },
    /// What answers there is not Grafana's API.
    #[error("{address} does not answer as Grafana does: {reason}")]
    Stranger {
        /// Its scheme, host and port.
        address: String,
        /// How it answers.
        reason: String,
    },
    /// The token is unknown or has expired: status 401.
    #[error("Grafana does not know the API key (401{said})")]
    Unauthorized {
        /// What it said, with a colon before it, if anything.
        said: String,
    },
    /// The token may not do it: status 403.
    #[error("the API key may not {operation} in Grafana (403{said})")]
    Forbidden {
        /// What was tried.
        operation: String,
        /// What it said, with a colon before it, if anything.
        said: String,
    },
    /// There is no data source with logs.
    #[error("Grafana has no data source `{wanted}` of type Loki{others}")]
    NoDatasource {
        /// The one that was looked for.
        wanted: String,
        /// Those that there are, with a semicolon before them, if any.
        others: String,
    },
    /// A dashboard with this uid was made by somebody else.
    #[error("the dashboard `{title}` was not made by taskflows: it has no tag `taskflows`")]
    NotOurs {
        /// Its title.
        title: String,
    },
    /// Somebody saved it at the same time, or another one has its title: status 412.
    #[error("the dashboard `{title}` is in the way of another: {said}")]
    Conflict {
        /// Its title.
        title: String,
        /// What it said.
        said: String,
    },
    /// It answered with another error.
    #[error("Grafana could not {operation}: it answered {status}{said}")]
    Failed {
        /// What was tried.
        operation: String,
        /// The status.
        status: u16,
        /// What it said, with a colon before it, if anything.
        said: String,
    },
}

impl GrafanaError {
    /// Tells whether it concerns all dashboards, so that another need not be tried.
    pub fn is_of_all(&self) -> bool {
        !matches!(self, Self::NotOurs { .. } | Self::Conflict { .. } | Self::Failed { .. })
    }

    /// Tells whether it did not answer.
    pub fn is_unreachable(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }

    /// Tells whether the dashboard is somebody else's, which is written over only where that is asked for.
    pub fn is_not_ours(&self) -> bool {
        matches!(self, Self::NotOurs { .. })
    }
}
