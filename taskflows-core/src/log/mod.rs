//! Lines of logs: what is looked for in them, and what a structured one says.

mod pattern;
mod structured;

pub use pattern::{LogPattern, ParseLogPatternError};
pub use structured::StructuredLine;
