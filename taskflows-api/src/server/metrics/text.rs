use std::fmt::{self, Write as _};

use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

/// In which of two formats metrics are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// Source: the exposition format of Prometheus, 0.0.4.
    Plain,
    /// Source: OpenMetrics 1.0.
    OpenMetrics,
}

impl Format {
    /// Chooses by the header `Accept`.
    pub(crate) fn accepted(accept: &str) -> Self {
        match accept.to_ascii_lowercase().contains("application/openmetrics-text") {
            true => Self::OpenMetrics,
            false => Self::Plain,
        }
    }

    /// Returns the type of the content.
    pub(crate) const fn content_type(self) -> &'static str {
        match self {
            Self::Plain => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

pub(super) fn write(registry: &Registry, format: Format) -> Result<String, fmt::Error> {
    let mut text = String::new();
    encode(&mut text, registry)?;
    match format {
        Format::OpenMetrics => Ok(text),
        Format::Plain => plain(&text),
    }
}

/// Rewrites what older readers know otherwise: there a counter is called as its samples are, an info is a gauge, and
/// units and an end are not written.
fn plain(text: &str) -> Result<String, fmt::Error> {
    let mut plain = String::with_capacity(text.len());
    // The help stands before the type by which it is named.
    let mut help = None;
    for line in text.lines() {
        let mut words = line.splitn(4, ' ');
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some("#"), Some("HELP"), Some(name), told) => help = Some((name, told.unwrap_or_default())),
            (Some("#"), Some("TYPE"), Some(name), Some(kind)) => {
                let (suffix, kind) = match kind {
                    "counter" => ("_total", kind),
                    "info" => ("_info", "gauge"),
                    _ => ("", kind),
                };
                if let Some((_, told)) = help.take().filter(|(of, _)| *of == name) {
                    writeln!(plain, "# HELP {name}{suffix} {told}")?;
                }
                writeln!(plain, "# TYPE {name}{suffix} {kind}")?;
            }
            (Some("#"), ..) => {}
            _ => writeln!(plain, "{line}")?,
        }
    }
    Ok(plain)
}
