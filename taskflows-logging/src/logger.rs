//! Loggers that carry their fields with them, beside `tracing`'s macros.

mod fields;

use std::borrow::Cow;
use std::panic::Location;

use tracing::{Dispatch, dispatcher};
use tracing_subscriber::Registry;
use tracing_subscriber::registry::LookupSpan;

pub use fields::Fields;

use crate::line::{Call, LokiLayer, Place, Scratch, Severity, cut, merge_spans};

/// Returns a logger of a name, which lines show as `logger`.
///
/// ```
/// use serde_json::json;
/// use taskflows_logging::{fields, get_struct_logger};
///
/// let logger = get_struct_logger("my_module");
/// logger.info("user_action", fields! { user_id: 123, action: "login", ip: "192.168.1.1" });
/// logger.info("order_processed", fields! { order_id: 12345, items: json!([{"sku": "ABC", "qty": 2}]) });
/// ```
pub fn get_struct_logger(name: impl Into<Cow<'static, str>>) -> StructLogger {
    StructLogger { name: name.into(), bound: Fields::new() }
}

/// Writes the lines that `tracing`'s events make too, of names and fields that are known at run time only.
///
/// Fields of a call come before bound ones, those before the fields of the spans around, and those before the request
/// context. A line goes where the subscriber's [`LokiLayer`] sends it, and nowhere while there is none: before
/// [`configure_loki_logging`](crate::configure_loki_logging) nothing is written. The other layers of a subscriber do not
/// see it.
///
/// The fingerprint is made of the place of the call; there is no function in it.
#[derive(Clone, Debug)]
pub struct StructLogger {
    name: Cow<'static, str>,
    bound: Fields,
}

impl StructLogger {
    /// Returns such a logger whose lines have these fields too. A field of the same name takes the place of the one before.
    ///
    /// ```
    /// use taskflows_logging::{fields, get_struct_logger};
    ///
    /// let logger = get_struct_logger("checkout").bind(fields! { order_id: 12345 });
    /// logger.warning("payment_slow", fields! { duration_ms: 2300 });
    /// ```
    #[must_use]
    pub fn bind(&self, fields: Fields) -> Self {
        let mut bound = self.clone();
        bound.bound.update(fields);
        bound
    }

    /// Writes what helps to find a mistake.
    #[track_caller]
    pub fn debug(&self, event: &str, fields: Fields) {
        self.log(Severity::Debug, event, &fields);
    }

    /// Writes what happened.
    #[track_caller]
    pub fn info(&self, event: &str, fields: Fields) {
        self.log(Severity::Info, event, &fields);
    }

    /// Writes what may become a problem.
    #[track_caller]
    pub fn warning(&self, event: &str, fields: Fields) {
        self.log(Severity::Warning, event, &fields);
    }

    /// Writes what failed.
    #[track_caller]
    pub fn error(&self, event: &str, fields: Fields) {
        self.log(Severity::Error, event, &fields);
    }

    /// Writes what somebody must look at now.
    #[track_caller]
    pub fn critical(&self, event: &str, fields: Fields) {
        self.log(Severity::Critical, event, &fields);
    }

    #[track_caller]
    fn log(&self, severity: Severity, event: &str, fields: &Fields) {
        let caller = Location::caller();
        let place = Place { file: caller.file(), function: "", line: caller.line() };
        let call = Call { severity, logger: &self.name, place };
        dispatcher::get_default(|dispatch| {
            if let Some(layer) = dispatch.downcast_ref::<LokiLayer>()
                && layer.writer().is_enabled(&self.name, severity.level())
            {
                self.write(dispatch, layer, &call, event, fields);
            }
        });
    }

    fn write(&self, dispatch: &Dispatch, layer: &LokiLayer, call: &Call<'_>, event: &str, fields: &Fields) {
        let limit = layer.writer().limit();
        Scratch::lend(|scratch| {
            scratch.event.push_str(event);
            cut(&mut scratch.event, limit);
            for (name, value) in fields.iter().chain(self.bound.iter()) {
                scratch.parts.add(name, value, limit);
            }
            let current = dispatch.current_span();
            let registry = dispatch.downcast_ref::<Registry>();
            if let Some(span) = registry.zip(current.id()).and_then(|(registry, id)| registry.span(id)) {
                merge_spans(&mut scratch.parts, span);
            }
            layer.writer().write(scratch, call);
        });
    }
}
