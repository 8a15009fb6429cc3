#![doc = include_str!("../README.md")]

mod configure;
mod context;
pub mod grafana;
pub mod kit;
mod line;
mod logger;
pub mod loki;
mod sink;
#[cfg(feature = "tower")]
mod tower;

pub use configure::LokiLogging;
pub use sink::{Labels, Line, Sink, SinkConfig, SinkError};
