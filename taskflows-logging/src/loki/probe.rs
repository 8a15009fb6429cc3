use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::answer::{Direction, QUERY_RANGE, rows};
use super::http::Http;
use super::logql::Query;
use super::{LokiError, LokiSettings};

/// Marked lines are few.
const MOST_FOUND: &str = "100";

/// What Loki says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// It takes and answers requests.
    Ready,
    /// It does not say: a gateway before it may let through its API alone.
    Untold,
}

/// Asks Loki about itself: is it there, what does it keep, what did it refuse. It asks once, and takes no for an answer.
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
        Self { http: Http::once(settings) }
    }

    /// Asks whether it takes and answers requests.
    ///
    /// # Errors
    /// When it is not reached, or says that it is not ready (status 503), and why.
    pub async fn ready(&self) -> Result<Readiness, LokiError> {
        match self.http.get("/ready", &[]).await {
            Ok(_) => Ok(Readiness::Ready),
            Err(LokiError::Refused { status: 404, .. }) => Ok(Readiness::Untold),
            Err(error) => Err(error),
        }
    }

    /// Returns its version, such as `3.5.1`.
    ///
    /// # Errors
    /// When it does not say it.
    pub async fn version(&self) -> Result<String, LokiError> {
        let build: Build = self.json("/loki/api/v1/status/buildinfo", &[]).await?;
        Ok(build.version)
    }

    /// Returns the names of the labels that entries of the last six hours have.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn labels(&self) -> Result<Vec<String>, LokiError> {
        Ok(self.json::<List<String>>("/loki/api/v1/labels", &[]).await?.data.unwrap_or_default())
    }

    /// Returns the values that a label has in entries of the last six hours.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn label_values(&self, name: &str) -> Result<Vec<String>, LokiError> {
        let name = percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC);
        // A dot or an underscore may stand as it is, and Loki wants it so.
        let path = format!("/loki/api/v1/label/{}/values", name.to_string().replace("%5F", "_"));
        Ok(self.json::<List<String>>(&path, &[]).await?.data.unwrap_or_default())
    }

    /// Returns how many streams of the last six hours a selector such as `{service_name="web"}` selects.
    ///
    /// # Errors
    /// When it does not answer, or the query is more than a selector.
    pub async fn series(&self, selector: &Query) -> Result<usize, LokiError> {
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
    pub async fn discarded(&self) -> Result<BTreeMap<String, u64>, LokiError> {
        let body = self.http.get("/metrics", &[]).await?;
        let text = String::from_utf8_lossy(&body);
        if !text.lines().any(|line| line.starts_with("loki_")) {
            let reason = "it holds no figures of Loki".to_owned();
            return Err(LokiError::Stranger { path: "/metrics".to_owned(), reason });
        }
        Ok(discarded(&text))
    }

    /// Sends one line, written at `timestamp_ns` (nanoseconds since 1970), with these labels.
    ///
    /// # Errors
    /// When it is not taken, with Loki's words.
    pub async fn push(
        &self,
        labels: &[(&str, &str)],
        timestamp_ns: i64,
        line: &str,
    ) -> Result<(), LokiError> {
        let labels: BTreeMap<_, _> = labels.iter().copied().collect();
        let values = [[timestamp_ns.to_string(), line.to_owned()]];
        let body = json!({ "streams": [{ "stream": labels, "values": values }] });
        self.http.post("/loki/api/v1/push", body.to_string()).await?;
        Ok(())
    }

    /// Returns the lines that a query selects, oldest first, at most a hundred, of those written between two instants
    /// in nanoseconds since 1970.
    ///
    /// # Errors
    /// When it does not answer, or what is answered is no answer to a query.
    pub async fn find(&self, query: &Query, since_ns: i64, until_ns: i64) -> Result<Vec<String>, LokiError> {
        let [start, end] = [since_ns, until_ns].map(|at| at.to_string());
        let direction = Direction::Forward;
        let parameters = [
            ("query", query.as_str()),
            ("start", &start),
            ("end", &end),
            ("limit", MOST_FOUND),
            ("direction", direction.word()),
        ];
        let body = self.http.get(QUERY_RANGE, &parameters).await?;
        Ok(rows(&body, direction)?.into_iter().map(|row| row.line).collect())
    }

    async fn json<T: DeserializeOwned>(&self, path: &str, query: &[(&str, &str)]) -> Result<T, LokiError> {
        let body = self.http.get(path, query).await?;
        serde_json::from_slice(&body).map_err(|error| LokiError::Stranger {
            path: path.to_owned(),
            reason: format!(
                "{error}: {}",
                self.http.quote(&String::from_utf8_lossy(&body[..body.len().min(200)]))
            ),
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
