use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a host says to anybody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// `ok`.
    pub status: String,
    /// What requests for this server are signed with.
    pub server_id: String,
    /// The name of the host.
    pub hostname: String,
    /// The version of its `tf`.
    pub version: String,
    /// Its time, by which a clock that is off is seen.
    #[schema(value_type = String, format = DateTime)]
    pub time: Timestamp,
}
