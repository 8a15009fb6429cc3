#![doc = include_str!("../README.md")]
#![expect(clippy::unwrap_used, reason = "a test helper that fails fails the test")]

mod live;

pub use live::{LiveManager, Output, repository, tf_binary, wait_until};
