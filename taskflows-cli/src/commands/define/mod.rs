//! Definitions that arrive as data, and those that are sent.

mod collected;
mod error;
mod local;
mod order;
mod reading;

pub use local::LocalDefiner;
pub use order::{Ordered, order_of};
pub(super) use reading::plan_in;
pub(crate) use reading::{Defined, Reading, carry_out};
