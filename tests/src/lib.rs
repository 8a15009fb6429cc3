#![doc = include_str!("../README.md")]

mod engine;
mod live;

pub use engine::{Engine, IMAGE};
pub use live::{LiveManager, Output, repository, tf_binary, wait_until};
