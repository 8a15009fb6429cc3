use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use taskflows_core::effects::LogError;

use super::LokiSettings;
use super::http::Http;
use super::logql::Query;

/// Asks Loki about itself: is it there, what does it keep, what did it refuse.
///
/// ```no_run
/// use taskflows_logging::loki::{LokiProbe, LokiSettings};
///
/// # async fn show() -> Result<(), Box<dyn std::error::Error>> {
/// let probe = LokiProbe::new(LokiSettings::new("http://localhost:3100"));
/// probe.ready().await?;
/// println!("{} labels", probe.labels().await?.len());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct LokiProbe {
    http: Http,
}

impl LokiProbe {
    /// Asks there. Nothing is asked yet.
    pub fn new(settings: LokiSettings) -> Self {
        Self { http: Http::new(settings) }
    }

    /// Asks whether it takes and answers requests.
    ///
    /// # Errors
    /// When it is not reached, or says that it is not ready, and why.
    pub async fn ready(&self) -> Result<(), LogError> {
        self.http.get("/ready", &[]).await?;
        Ok(())
    }

    /// Returns its version, such as `3.5.1`.
    ///
    /// # Errors
    /// When it does not say it.
    pub async fn version(&self) -> Result<String, LogError> {
        let build: Build = self.json("/loki/api/v1/status/buildinfo", &[]).await?;
        Ok(build.version)
    }

    /// Returns the names of the labels that entries of the last six hours have.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn labels(&self) -> Result<Vec<String>, LogError> {
        Ok(self.json::<List<String>>("/loki/api/v1/labels", &[]).await?.data.unwrap_or_default())
    }

    /// Returns the values that a label has in entries of the last six hours.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn label_values(&self, name: &str) -> Result<Vec<String>, LogError> {
        let name = percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC);
        // A dot or an underscore may stand as it is, and Loki wants it so.
        let path = format!("/loki/api/v1/label/{}/values", name.to_string().replace("%5F", "_"));
        Ok(self.json::<List<String>>(&path, &[]).await?.data.unwrap_or_default())
    }

    /// Returns how many streams of the last six hours a selector such as `{service_name="web"}` selects.
    ///
    /// # Errors
    /// When it does not answer, or the query is more than a selector.
    pub async fn series(&self, selector: &Query) -> Result<usize, LogError> {
        let query = [("match[]", selector.as_str())];
        Ok(self
            .json::<List<Value>>("/loki/api/v1/series", &query)
            .await?
            .data
            .map_or(0, |streams| streams.len()))
    }

    /// Returns how many lines it refused since it started, by the reason that it gives, such as `rate_limited`; of all
    /// tenants together.
    ///
    /// # Errors
    /// When its figures (`/metrics`) are not reached, as where only its API is open.
    pub async fn discarded(&self) -> Result<BTreeMap<String, u64>, LogError> {
        let body = self.http.get("/metrics", &[]).await?;
        let text = String::from_utf8_lossy(&body);
        if !text.lines().any(|line| line.starts_with("loki_")) {
            return Err(LogError::Failed {
                reason: "what is answered at /metrics are no figures of Loki".to_owned(),
            });
        }
        Ok(discarded(&text))
    }

    /// Sends one line, written at `timestamp_ns` (nanoseconds since 1970), with these labels.
    ///
    /// # Errors
    /// When it is not taken, with Loki's words.
    pub async fn push(&self, labels: &[(&str, &str)], timestamp_ns: i64, line: &str) -> Result<(), LogError> {
        let labels: BTreeMap<_, _> = labels.iter().copied().collect();
        let values = [[timestamp_ns.to_string(), line.to_owned()]];
        let body = json!({ "streams": [{ "stream": labels, "values": values }] });
        self.http.post("/loki/api/v1/push", body.to_string()).await?;
        Ok(())
    }

    async fn json<T: DeserializeOwned>(&self, path: &str, query: &[(&str, &str)]) -> Result<T, LogError> {
        let body = self.http.get(path, query).await?;
        serde_json::from_slice(&body).map_err(|error| LogError::Failed {
            reason: format!("what Loki answers at {path} is not what it should be: {error}"),
        })
    }
}

#[derive(Deserialize)]
struct Build {
    version: String,
}

#[derive(Deserialize)]
struct List<T> {
    // Loki leaves it out, or writes `null`, where there is nothing.
    data: Option<Vec<T>>,
}

/// Reads `loki_discarded_samples_total{reason="rate_limited",tenant="fake"} 12` out of figures in Prometheus' text format.
fn discarded(text: &str) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for line in text.lines() {
        let Some(rest) = line.strip_prefix("loki_discarded_samples_total{") else { continue };
        let Some((labels, count)) = rest.rsplit_once('}') else { continue };
        let reason = labels.split_once("reason=\"").and_then(|(_, rest)| rest.split('"').next());
        let count = count.split_whitespace().next().and_then(|count| count.parse::<f64>().ok());
        if let (Some(reason), Some(count)) = (reason, count) {
            // Counts are written as floating-point numbers; such a large one as would not fit is the largest.
            let sum: &mut u64 = counts.entry(reason.to_owned()).or_default();
            *sum = sum.saturating_add(count as u64);
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refused_lines_are_counted_by_reason() {
        let text = "# HELP loki_discarded_samples_total x\n\
            loki_discarded_samples_total{policy=\"\",reason=\"rate_limited\",tenant=\"a\"} 12\n\
            loki_discarded_samples_total{reason=\"rate_limited\",tenant=\"b\"} 1e+03\n\
            loki_discarded_samples_total{reason=\"line_too_long\",tenant=\"b\"} 3\n\
            loki_discarded_bytes_total{reason=\"line_too_long\",tenant=\"b\"} 9\n\
            loki_discarded_samples_total{nonsense";
        let expected = [("line_too_long".to_owned(), 3), ("rate_limited".to_owned(), 1012)];
        assert_eq!(discarded(text), BTreeMap::from(expected));
    }
}
