#![doc = include_str!("../README.md")]

mod incidents;
mod nonces;
mod outbox;
mod outbox_row;
mod people;
mod process;
mod run_rows;
mod runs;
mod schema;
mod store;

pub use nonces::SqliteNonceStore;
pub use process::{is_gone, own_mark};
pub use runs::{Retention, SqliteRunStore};
pub use store::{Store, StoreError};
