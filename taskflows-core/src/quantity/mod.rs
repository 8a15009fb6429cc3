//! Amounts as people write them: `5min`, `2GB`.

mod size;
mod span;

pub use size::{ByteSize, ParseByteSizeError};
pub use span::{ParseTimeSpanError, TimeSpan};
