//! What routes of people and tokens do, each in its place, and what they tell where it fails.

use std::time::Duration;

use axum::http::StatusCode;
use taskflows_security::{KeptError, LONGEST_PASSWORD, PasswordDigest};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use crate::server::Problem;

/// So many passwords are looked at, or made, at once: each takes a core for 20 ms, and 19 MiB.
static LOOKS: Semaphore = Semaphore::const_new(2);
/// How long somebody waits for their turn.
const TURN: Duration = Duration::from_secs(10);

/// Does what may wait for the disk beside what else the server does.
pub(in crate::server) async fn beside<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work).await.map_err(|_| unavailable())
}

/// Does what takes a core and memory, when it is its turn.
pub(in crate::server) async fn in_turn<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Problem> {
    match tokio::time::timeout(TURN, LOOKS.acquire()).await {
        Ok(Ok(_turn)) => beside(work).await,
        _ => Err(unavailable()),
    }
}

fn unavailable() -> Problem {
    Problem::busy("it cannot be done now")
}

/// Tells that what is kept failed. The cause is for the log of this host.
pub(in crate::server) fn failed(error: KeptError) -> Problem {
    tracing::error!(error = &error as &dyn std::error::Error, "who may ask cannot be looked up or kept");
    unavailable()
}

/// Tells what is wrong with what somebody wants.
pub(in crate::server) fn invalid(reason: impl ToString) -> Problem {
    Problem::invalid(reason.to_string())
}

/// Tells who manages people or tokens why that cannot be.
pub(in crate::server) fn told(error: KeptError) -> Problem {
    match &error {
        KeptError::NotFound { what, .. } => {
            Problem::new(StatusCode::NOT_FOUND, error.to_string()).with_code(format!("no-such-{what}"))
        }
        KeptError::Exists { .. } => Problem::new(StatusCode::CONFLICT, error.to_string()).with_code("exists"),
        _ => failed(error),
    }
}

/// Returns what is kept of a new password, when it is its turn.
pub(in crate::server) async fn digest(password: Zeroizing<String>) -> Result<PasswordDigest, Problem> {
    debug_assert!(password.len() <= LONGEST_PASSWORD, "its strength was looked at");
    in_turn(move || PasswordDigest::of(&password)).await
}
