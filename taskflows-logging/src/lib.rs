#![doc = include_str!("../README.md")]

mod configure;
mod context;
mod fluent_bit;
pub mod grafana;
mod http;
pub mod kit;
mod line;
mod logger;
pub mod loki;
mod sink;
#[cfg(feature = "tower")]
mod tower;

pub use configure::{ConfigureError, LoggingGuard, LokiLogging, configure_loki_logging};
pub use context::{
    RequestContext, clear_request_context, current_request_context, generate_request_id, in_request_context,
    set_request_context, with_request_context,
};
pub use fluent_bit::{FluentBitHealth, fluent_bit_health};
pub use line::{Json, LokiLayer, json};
pub use logger::{Fields, StructLogger, get_struct_logger};
pub use sink::{Labels, Line, Sink, SinkConfig, SinkError};
#[cfg(feature = "tower")]
pub use tower::{RequestContextLayer, RequestContextService};
