//! What the API needs of a host beyond the traits of the core.

mod definer;

pub use definer::{DefineError, Definer};
