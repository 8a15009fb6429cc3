#![doc = include_str!("../README.md")]

mod incidents;
mod outbox;
mod outbox_row;
mod schema;
mod store;

pub use store::{Store, StoreError};
