use std::fmt;
use std::net::IpAddr;

use async_trait::async_trait;
use jiff::Timestamp;
use taskflows_security::Role;
use thiserror::Error;

/// What somebody asked for, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRecord {
    /// When it arrived.
    pub time: Timestamp,
    /// What the answer's `X-Request-Id` says.
    pub request_id: String,
    /// Who asked; `None` where nobody was recognised.
    pub who: Option<String>,
    /// What they may do.
    pub role: Option<Role>,
    /// From where; `None` over a socket of this host.
    pub address: Option<IpAddr>,
    /// `POST` and so on.
    pub method: String,
    /// The path as it was sent, of bounded length and without control characters. It holds no secret; a query may.
    pub path: String,
    /// What was changed, where the route says so.
    pub names: Vec<String>,
    /// Who a signed request says that it is from; nobody has seen to that.
    pub claimed: Option<String>,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuditOutcome {
    /// It was not let through, for a reason that is not sent.
    Refused {
        /// The status that was sent.
        status: u16,
        /// Why: of bounded length and without control characters.
        reason: String,
    },
    /// The route answered.
    Answered {
        /// The status that was sent.
        status: u16,
        /// The word for programs of what went wrong, where there is one.
        code: Option<String>,
    },
}

/// Why a record could not be written.
#[derive(Debug, Error)]
#[error("the audit log could not be written: {0}")]
pub struct AuditError(pub String);

/// Keeps who changed what, and who was refused.
#[async_trait]
pub trait Audit: fmt::Debug + Send + Sync {
    /// Writes that a change is about to be made. A change is not made where this fails.
    ///
    /// # Errors
    /// When it cannot be written.
    async fn begin(&self, record: &AuditRecord) -> Result<(), AuditError>;

    /// Writes what became of it. A refusal has no beginning.
    async fn end(&self, record: &AuditRecord, outcome: &AuditOutcome);
}

/// Tells the log of the server, and keeps nothing itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct LogAudit;

#[async_trait]
impl Audit for LogAudit {
    async fn begin(&self, record: &AuditRecord) -> Result<(), AuditError> {
        let (who, what) = (record.who.as_deref().unwrap_or("-"), &record.path);
        tracing::info!(request_id = record.request_id, who, method = record.method, what, "a change begins");
        Ok(())
    }

    async fn end(&self, record: &AuditRecord, outcome: &AuditOutcome) {
        let who = record.who.as_deref().unwrap_or("-");
        let address = record.address.map(|address| address.to_string()).unwrap_or_default();
        let (id, method, what) = (&record.request_id, &record.method, &record.path);
        match outcome {
            AuditOutcome::Refused { status, reason } => {
                tracing::warn!(request_id = id, who, address, method, what, status, reason, "refused");
            }
            AuditOutcome::Answered { status, code } => {
                tracing::info!(request_id = id, who, address, method, what, status, code, "a change ended");
            }
        }
    }
}
