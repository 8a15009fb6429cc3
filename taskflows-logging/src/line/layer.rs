use std::sync::Arc;

use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::{LookupSpan, SpanRef};

use super::fingerprint::Place;
use super::visit::{Fields, Of};
use super::writer::{LineWriter, Severity};
use super::{Call, Parts, Scratch};
use crate::Sink;
use crate::configure::{ConfigureError, LoggingGuard, LokiLogging};

/// Writes events as lines of JSON, within a subscriber of your own.
///
/// ```
/// use taskflows_logging::{LokiLayer, LokiLogging};
/// use tracing_subscriber::layer::SubscriberExt;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (layer, guard) = LokiLayer::new(&LokiLogging { app_name: "shop".into(), ..LokiLogging::default() })?;
/// let subscriber = tracing_subscriber::registry().with(layer);
/// tracing::subscriber::with_default(subscriber, || tracing::debug!("not a word of this is held back"));
/// # drop(guard);
/// # Ok(())
/// # }
/// ```
///
/// It writes every event it is given: which ones are, says the subscriber around it. (`log_level` holds for
/// [`get_struct_logger`](crate::get_struct_logger) alone then.)
#[derive(Debug)]
pub struct LokiLayer {
    writer: Arc<LineWriter>,
}

impl LokiLayer {
    /// Makes the layer, and the guard that flushes its sinks when it is dropped.
    ///
    /// # Errors
    /// When the configuration cannot be used.
    pub fn new(logging: &LokiLogging) -> Result<(Self, LoggingGuard), ConfigureError> {
        let writer = Arc::new(logging.writer()?);
        Ok((Self { writer: Arc::clone(&writer) }, LoggingGuard::new(writer)))
    }

    /// Makes the layer with sinks of your own instead of those of `logging`.
    ///
    /// # Errors
    /// When the configuration cannot be used.
    pub fn with_sinks(
        logging: &LokiLogging,
        sinks: Vec<Box<dyn Sink>>,
    ) -> Result<(Self, LoggingGuard), ConfigureError> {
        let writer = Arc::new(logging.writer_to(sinks)?);
        Ok((Self { writer: Arc::clone(&writer) }, LoggingGuard::new(writer)))
    }

    pub(crate) fn writer(&self) -> &Arc<LineWriter> {
        &self.writer
    }

    fn parts(&self, metadata: &'static Metadata<'static>, record: impl Fn(&mut Fields<'_>)) -> Parts {
        let render = |of| {
            let mut parts = Parts::default();
            record(&mut Fields {
                parts: &mut parts,
                text: &mut String::new(),
                limit: self.writer.limit(),
                of,
            });
            parts
        };
        if metadata.name() != "task" {
            return render(Of::Span);
        }
        // Others may call a span so too, and mean what they like by its fields.
        Some(render(Of::Task)).filter(|parts| parts.ids.is_run()).unwrap_or_else(|| render(Of::Span))
    }
}

/// Adds what a span and those around it say, from the innermost outwards.
pub(crate) fn merge_spans<'a, S: LookupSpan<'a>>(parts: &mut Parts, innermost: SpanRef<'a, S>) {
    for span in innermost.scope() {
        if let Some(of_span) = span.extensions().get::<Parts>() {
            parts.merge(of_span);
        }
    }
}

impl<S> Layer<S> for LokiLayer
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            let parts = self.parts(attributes.metadata(), |fields| attributes.record(fields));
            span.extensions_mut().replace(parts);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            // What is recorded later wins. Values are rendered before the lock: they may log something themselves.
            let mut parts = self.parts(span.metadata(), |fields| values.record(fields));
            let mut extensions = span.extensions_mut();
            if let Some(before) = extensions.get_mut::<Parts>() {
                parts.merge(before);
            }
            extensions.replace(parts);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        Scratch::lend(|scratch| {
            let metadata = event.metadata();
            let is_record = metadata.target() == "log" && metadata.name() == "log event";
            take_fields(scratch, event, is_record, self.writer.limit());
            if let Some(span) = context.event_span(event) {
                merge_spans(&mut scratch.parts, span);
            }
            if is_record {
                self.write_record(scratch, metadata);
            } else {
                self.writer.write(scratch, &call(metadata));
            }
        });
    }
}

impl LokiLayer {
    fn write_record(&self, scratch: &mut Scratch, metadata: &Metadata<'_>) {
        let origin = std::mem::take(&mut scratch.origin);
        let place = Place { file: &origin.file, function: &origin.module, line: origin.line.unwrap_or(0) };
        let call = Call { severity: Severity::of(*metadata.level()), logger: &origin.target, place };
        self.writer.write(scratch, &call);
        scratch.origin = origin;
    }
}

fn take_fields(scratch: &mut Scratch, event: &Event<'_>, is_record: bool, limit: usize) {
    let Scratch { event: message, text, parts, origin, .. } = scratch;
    let fields = event.metadata().fields();
    let of = match fields.field("message") {
        _ if is_record => Of::Record(message, origin),
        Some(_) => Of::Event(message, "message"),
        None => Of::Event(message, "event"),
    };
    event.record(&mut Fields { parts, text, limit, of });
    if scratch.event.is_empty() && fields.field("message").is_none() {
        scratch.event.push_str(event.metadata().name());
    }
}

fn call<'a>(metadata: &Metadata<'a>) -> Call<'a> {
    let place = Place {
        file: metadata.file().unwrap_or_default(),
        function: metadata.module_path().unwrap_or_default(),
        line: metadata.line().unwrap_or_default(),
    };
    Call { severity: Severity::of(*metadata.level()), logger: metadata.target(), place }
}
