//! The tables, as a list of changes: a file made by an older version is brought up to date when it is opened.

use rusqlite::{Connection, TransactionBehavior};

/// What each version added. Only ever appended to.
const CHANGES: [&str; 6] = [
    include_str!("runs.sql"),
    include_str!("alerts.sql"),
    include_str!("history.sql"),
    include_str!("nonces.sql"),
    include_str!("people.sql"),
    include_str!("known.sql"),
];

/// Brings the file up to date. `user_version` counts the changes it has had.
///
/// # Errors
/// When it cannot be changed, or has had more changes than this version knows.
pub(crate) fn migrate(connection: &mut Connection) -> rusqlite::Result<Result<(), u32>> {
    let had: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let known = u32::try_from(CHANGES.len()).unwrap_or(u32::MAX);
    if had >= known {
        return Ok(if had > known { Err(had) } else { Ok(()) });
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have been faster.
    let had: u32 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    for change in CHANGES.iter().skip(had as usize) {
        transaction.execute_batch(change)?;
    }
    transaction.pragma_update(None, "user_version", known.max(had))?;
    transaction.commit()?;
    Ok(Ok(()))
}
