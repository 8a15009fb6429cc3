//! The log of the whole process, which this process has one of.

#![allow(clippy::unwrap_used, reason = "what fails fails the test")]

use std::collections::BTreeMap;
use std::time::Duration;

use taskflows_logging::{ConfigureError, LokiLogging, configure_loki_logging};

#[test]
fn a_process_is_configured_once() {
    let console = LokiLogging { console: true, ..LokiLogging::default() };
    let wrong = LokiLogging { log_level: "LOUD".into(), ..console.clone() };
    let error = configure_loki_logging(wrong).unwrap_err();
    assert_eq!(error.to_string(), "`LOUD` is no level to log at, such as `INFO` or `INFO,my_crate=debug`");
    let extra_labels = BTreeMap::from([("event".to_owned(), "x".to_owned())]);
    let error = configure_loki_logging(LokiLogging { extra_labels, ..console.clone() }).unwrap_err();
    assert!(matches!(error, ConfigureError::Label { name } if name == "event"));

    // A wrong configuration has installed nothing.
    let guard = configure_loki_logging(console.clone()).unwrap();
    tracing::info!(user_id = 7, "user_login");
    assert!(guard.flush(Duration::from_secs(1)));
    assert_eq!(guard.dropped(), 0);
    let error = configure_loki_logging(console).unwrap_err();
    assert!(matches!(error, ConfigureError::AlreadyConfigured));
    assert_eq!(error.to_string(), "logs are configured already");
}
