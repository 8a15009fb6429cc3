use std::sync::Arc;

use taskflows_api::ports::DefineError;
use taskflows_api::wire::Fault;

use crate::error::Cause;
use crate::{CliError, Exit};

/// Hands an error on to who sent the order.
pub(super) fn define_error(error: CliError) -> DefineError {
    let words = || match &error.hint {
        Some(hint) => format!("{}; {hint}", error.message),
        None => error.message.clone(),
    };
    match error.cause.as_deref() {
        Some(Cause::Definition(error)) => error.into(),
        None if error.exit == Exit::Usage => DefineError::wrong(words()),
        None => DefineError::Failed { reason: words() },
        Some(Cause::Services(_)) => match error.cause.and_then(Arc::into_inner) {
            Some(Cause::Services(error)) => DefineError::Services(error),
            _ => DefineError::Failed { reason: error.message },
        },
    }
}

/// Reports what another host has against an order as this one would.
impl From<DefineError> for CliError {
    fn from(error: DefineError) -> Self {
        match error {
            DefineError::Services(error) => error.into(),
            DefineError::Definition { report, fault } => {
                let has_places = matches!(&*fault, Fault::Definition { flaws, .. } if !flaws.is_empty());
                Self { is_report: has_places, ..Self::new(Exit::Usage, report) }
            }
            other => Self::new(Exit::Failed, other.to_string()),
        }
    }
}
