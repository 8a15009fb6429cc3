//! Definitions that arrive as data, and those that are sent.

mod collected;
mod local;
mod order;

pub use local::LocalDefiner;
pub use order::{Ordered, order_of};
