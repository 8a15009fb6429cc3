#![doc = include_str!("../README.md")]

mod live;

pub use live::{LiveManager, Output, repository, tf_binary, wait_until};
