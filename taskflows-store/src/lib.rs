#![doc = include_str!("../README.md")]

mod process;
mod run_rows;
mod runs;
mod schema;
mod store;

pub use process::own_mark;
pub use runs::{Retention, SqliteRunStore};
pub use store::{Store, StoreError};
