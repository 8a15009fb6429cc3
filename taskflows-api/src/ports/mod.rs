//! What the API needs of a host beyond the traits of the core.

mod definer;
mod desk;

pub use definer::{DefineError, Definer};
pub use desk::{Desk, DeskError};
