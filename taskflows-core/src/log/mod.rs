//! Lines of logs: what is looked for in them, and what a structured one says.

mod level;
mod pattern;
mod structured;
mod text;

pub use level::{level_word, priority_of};
pub use pattern::{LogPattern, ParseLogPatternError};
pub use structured::StructuredLine;
