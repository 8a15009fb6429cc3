use taskflows_security::Role;

use super::AuditRecord;

/// The services that an answer is about, beside it: for the record of who changed what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditNames(pub Vec<String>);

/// Who came in by an answer that anybody may ask for, beside it: for the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AuditLogin {
    /// Somebody did.
    In {
        /// Who.
        name: String,
        /// What they may do.
        role: Role,
    },
    /// Nobody did.
    Out {
        /// Who it would have been, where there is somebody of that name.
        claimed: Option<String>,
        /// Why, which is not sent.
        reason: String,
    },
}

impl AuditLogin {
    /// Writes who it was into a record; returns why nobody came in.
    pub(crate) fn tell(self, record: &mut AuditRecord) -> Option<String> {
        match self {
            Self::In { name, role } => {
                record.who = Some(name);
                record.role = Some(role);
                None
            }
            Self::Out { claimed, reason } => {
                record.claimed = claimed.or(record.claimed.take());
                Some(reason)
            }
        }
    }
}
