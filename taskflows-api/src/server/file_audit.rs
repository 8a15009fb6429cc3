use async_trait::async_trait;
use taskflows_security::{AuditLog, AuditResult};

use super::text::with_causes;
use super::{Audit, AuditError, AuditOutcome, AuditRecord};

/// Keeps records in `audit.jsonl`. A change is on the disk before it is made.
#[derive(Clone, Debug)]
pub struct FileAudit(AuditLog);

impl FileAudit {
    /// Keeps records in this log.
    #[must_use]
    pub fn new(log: AuditLog) -> Self {
        Self(log)
    }

    async fn write(&self, record: taskflows_security::AuditRecord) -> Result<(), AuditError> {
        let log = self.0.clone();
        let written = tokio::task::spawn_blocking(move || match record.result {
            AuditResult::Begun => log.begin(&record),
            _ => log.append(&record),
        });
        match written.await {
            Ok(written) => written.map_err(|error| AuditError(with_causes(&error))),
            Err(gone) => Err(AuditError(gone.to_string())),
        }
    }
}

fn kept(record: &AuditRecord, result: AuditResult) -> taskflows_security::AuditRecord {
    let action = format!("{} {}", record.method, record.path);
    taskflows_security::AuditRecord {
        who: record.who.clone(),
        role: record.role,
        address: record.address.map(|address| address.to_canonical().to_string()),
        request_id: Some(record.request_id.clone()),
        target: record.names.clone(),
        claimed: record.claimed.clone(),
        ..taskflows_security::AuditRecord::new(record.time, action, result)
    }
}

#[async_trait]
impl Audit for FileAudit {
    async fn begin(&self, record: &AuditRecord) -> Result<(), AuditError> {
        self.write(kept(record, AuditResult::Begun)).await
    }

    async fn end(&self, record: &AuditRecord, outcome: &AuditOutcome) {
        let (result, reason) = match outcome {
            AuditOutcome::Refused { status, reason } => {
                (AuditResult::Refused, Some(format!("{status}: {reason}")))
            }
            AuditOutcome::Answered { status, .. } if *status < 400 => (AuditResult::Done, None),
            AuditOutcome::Answered { status, code: Some(code) } => {
                (AuditResult::Failed, Some(format!("{status}: {code}")))
            }
            AuditOutcome::Answered { status, code: None } => (AuditResult::Failed, Some(status.to_string())),
        };
        if let Err(error) =
            self.write(taskflows_security::AuditRecord { reason, ..kept(record, result) }).await
        {
            tracing::error!(
                request_id = record.request_id,
                error = error.0,
                "what became of a request is not kept"
            );
        }
    }
}
