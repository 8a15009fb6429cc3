use taskflows_logging::loki::LokiError;

use super::stage::Fault;

/// Says what went wrong while Loki was asked to do something, such as to `take the line`, and what can be done about it.
pub(super) fn fault(operation: &str, error: &LokiError) -> Fault {
    match error {
        LokiError::Unusable { reason } => {
            Fault::new(format!("cannot use Loki's address or certificate: {reason}"))
                .hint("correct TASKFLOWS_LOKI_URL, TASKFLOWS_LOKI_CA_FILE or `[loki]` in config.toml")
        }
        LokiError::Unreachable { .. } => Fault::new(error.to_string()).hint(
            "start Loki (`tf logging setup loki` writes its configuration), or correct TASKFLOWS_LOKI_URL",
        ),
        LokiError::Refused { status: 503, said, .. } => Fault::new(format!("Loki is not ready: {said}"))
            .hint("it takes about 15 s to start; its own log says what it waits for"),
        LokiError::Refused { status, said, .. } => {
            let said = if said.is_empty() { String::new() } else { format!(": {said}") };
            Fault::new(format!("Loki did not {operation}: it answered {status}{said}")).hint(hint(*status))
        }
        _ => Fault::new(error.to_string())
            .hint("is it Loki that listens there? TASKFLOWS_LOKI_URL is its address without `/loki/api`"),
    }
}

const fn hint(status: u16) -> &'static str {
    match status {
        401 | 403 => {
            "correct TASKFLOWS_LOKI_USER and TASKFLOWS_LOKI_PASSWORD, and TASKFLOWS_LOKI_TENANT where it has tenants"
        }
        429 => "it is asked or sent too much: raise its limits, or send less (`limits_config`)",
        300..=399 => "correct TASKFLOWS_LOKI_URL: where it points to is not followed",
        404 => "is it Loki that listens there? TASKFLOWS_LOKI_URL is its address without `/loki/api`",
        _ => "Loki's own log says more",
    }
}
