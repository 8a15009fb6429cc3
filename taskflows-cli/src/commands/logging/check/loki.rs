//! What is asked of Loki about the marked line and about itself. Source: Loki's documentation, "Loki HTTP API".

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Url};
use rustls::ClientConfig;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls_platform_verifier::Verifier;
use serde_json::{Value, json};
use taskflows_logging::loki::LokiSettings;

use super::stage::Fault;

/// As much of an answer is read.
const MOST: usize = 32 << 20;

/// As much of what it says is told.
const SAID: usize = 200;

/// How far back labels and streams are looked at.
const BACK: Duration = Duration::from_secs(3_600);

/// Every stream has this label, where the pipeline is ours.
const EVERYTHING: &str = r#"{service_name=~".+"}"#;

/// Loki, as far as a check needs it.
pub(super) struct Loki {
    client: Client,
    base: Url,
    settings: LokiSettings,
}

/// An answer, whatever its status.
pub(super) struct Answer {
    pub(super) status: u16,
    body: Vec<u8>,
}

impl Loki {
    pub(super) fn new(settings: &LokiSettings) -> Result<Self, Fault> {
        let unusable = |reason: String| {
            Fault::new(format!("cannot use Loki's address or certificate: {reason}"))
                .hint("correct TASKFLOWS_LOKI_URL, TASKFLOWS_LOKI_CA_FILE or `[loki]` in config.toml")
        };
        let base = Url::parse(&format!("{}/", settings.url)).map_err(|error| unusable(error.to_string()))?;
        let client = client(&base, settings).map_err(unusable)?;
        Ok(Self { client, base, settings: settings.clone() })
    }

    /// Asks whether it is ready. One behind a gateway that hides this says nothing of it: `None`.
    pub(super) async fn ready(&self) -> Result<Option<()>, Fault> {
        let answer = self.get("ready", &[]).await?;
        match answer.status {
            200..=299 => Ok(Some(())),
            404 => Ok(None),
            503 => Err(Fault::new(format!("Loki is not ready: {}", answer.said(self)))
                .hint("it takes about 15 s to start; its own log says what it waits for")),
            _ => Err(self.refusal("say whether it is ready", &answer)),
        }
    }

    /// Sends one line.
    pub(super) async fn push(&self, labels: &[(&str, &str)], at: Timestamp, line: &str) -> Result<(), Fault> {
        let labels: BTreeMap<_, _> = labels.iter().copied().collect();
        let values = [[at.as_nanosecond().to_string(), line.to_owned()]];
        let body = json!({ "streams": [{ "stream": labels, "values": values }] });
        let url = self.url("loki/api/v1/push")?;
        let answer = self.send(self.client.post(url).json(&body)).await?;
        answer.success(self, "take the line").map(drop)
    }

    /// Returns the lines since then in which `marker` stands.
    pub(super) async fn find(
        &self,
        marker: &str,
        since: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<String>, Fault> {
        // Letters, digits and `-` need no quotes within the quotes.
        let query = format!("{EVERYTHING} |= \"{marker}\"");
        let [start, end] = [since, until].map(|at| at.as_nanosecond().to_string());
        let parameters = [("query", query.as_str()), ("start", &start), ("end", &end), ("limit", "100")];
        let answer = self.get("loki/api/v1/query_range", &parameters).await?;
        let json = answer.success(self, "look for the line")?;
        let streams = json["data"]["result"].as_array().map(Vec::as_slice).unwrap_or_default();
        let values = streams.iter().filter_map(|stream| stream["values"].as_array()).flatten();
        Ok(values.filter_map(|value| value[1].as_str().map(str::to_owned)).collect())
    }

    /// Returns the labels of the last hour.
    pub(super) async fn labels(&self, now: Timestamp) -> Result<Vec<String>, Fault> {
        self.names("loki/api/v1/labels", now, "list its labels").await
    }

    /// Counts the values of a label in the last hour.
    pub(super) async fn values(&self, label: &str, now: Timestamp) -> Result<usize, Fault> {
        let path = format!("loki/api/v1/label/{label}/values");
        self.names(&path, now, "list the values of a label").await.map(|values| values.len())
    }

    /// Counts the streams of the last hour.
    pub(super) async fn series(&self, now: Timestamp) -> Result<usize, Fault> {
        let (start, end) = hour(now);
        let parameters = [("match[]", EVERYTHING), ("start", &start), ("end", &end)];
        let answer = self.get("loki/api/v1/series", &parameters).await?;
        let json = answer.success(self, "list its streams")?;
        Ok(json["data"].as_array().map_or(0, Vec::len))
    }

    /// Returns how many lines it refused since it started, by its reasons; `None` where its figures are not shown.
    pub(super) async fn discarded(&self) -> Option<BTreeMap<String, u64>> {
        let answer = self.get("metrics", &[]).await.ok().filter(|answer| answer.status == 200)?;
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        text.contains("loki_").then(|| discarded(&text))
    }

    /// Returns how Fluent Bit, which is asked the same way, answers about its health; `None` where it does not.
    pub(super) async fn health(&self) -> Option<(u16, String)> {
        let answer = self.get("api/v1/health", &[]).await.ok()?;
        Some((answer.status, answer.said(self)))
    }

    async fn names(&self, path: &str, now: Timestamp, operation: &str) -> Result<Vec<String>, Fault> {
        let (start, end) = hour(now);
        let answer = self.get(path, &[("start", &start), ("end", &end)]).await?;
        let json = answer.success(self, operation)?;
        let names = json["data"].as_array().map(Vec::as_slice).unwrap_or_default();
        Ok(names.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect())
    }

    fn url(&self, path: &str) -> Result<Url, Fault> {
        self.base.join(path).map_err(|error| Fault::new(error.to_string()))
    }

    async fn get(&self, path: &str, parameters: &[(&str, &str)]) -> Result<Answer, Fault> {
        self.send(self.client.get(self.url(path)?).query(parameters)).await
    }

    async fn send(&self, mut request: RequestBuilder) -> Result<Answer, Fault> {
        if let Some((user, password)) = &self.settings.basic_auth {
            request = request.basic_auth(user, Some(password));
        }
        if let Some(tenant) = &self.settings.tenant {
            request = request.header("X-Scope-OrgID", tenant);
        }
        let mut response = request.send().await.map_err(|error| self.unreachable(error))?;
        let mut body = Vec::new();
        while let Some(part) = response.chunk().await.map_err(|error| self.unreachable(error))? {
            if body.len() + part.len() > MOST {
                return Err(Fault::new("Loki's answer is longer than 32 MiB"));
            }
            body.extend_from_slice(&part);
        }
        Ok(Answer { status: response.status().as_u16(), body })
    }

    fn unreachable(&self, error: reqwest::Error) -> Fault {
        let reason = match error.is_timeout() {
            true => format!("no answer within {} s", self.settings.timeout.as_secs()),
            false => root_cause(&error.without_url()),
        };
        Fault::new(format!("could not reach Loki at {}: {reason}", self.address())).hint(
            "start Loki (`tf logging setup loki` writes its configuration), or correct TASKFLOWS_LOKI_URL",
        )
    }

    /// Returns the address without what may be secret in it.
    fn address(&self) -> String {
        let port = self.base.port().map(|port| format!(":{port}")).unwrap_or_default();
        format!("{}://{}{port}", self.base.scheme(), self.base.host_str().unwrap_or_default())
    }

    fn refusal(&self, operation: &str, answer: &Answer) -> Fault {
        let (status, said) = (answer.status, answer.said(self));
        let fault = Fault::new(format!("Loki did not {operation}: it answered {status}: {said}"));
        match status {
            401 | 403 => fault.hint(
                "correct TASKFLOWS_LOKI_USER and TASKFLOWS_LOKI_PASSWORD, and TASKFLOWS_LOKI_TENANT where it has tenants",
            ),
            429 => fault.hint("it is asked or sent too much: raise its limits, or send less (`limits_config`)"),
            300..=399 => fault.hint("correct TASKFLOWS_LOKI_URL: where it points to is not followed"),
            404 => fault.hint("is it Loki that listens there? TASKFLOWS_LOKI_URL is its address without `/loki/api`"),
            _ => fault.hint("Loki's own log says more"),
        }
    }
}

impl Answer {
    /// What it said, as one short line without the password.
    fn said(&self, loki: &Loki) -> String {
        let mut text = String::from_utf8_lossy(&self.body[..self.body.len().min(4 * SAID)]).into_owned();
        let password = loki.settings.basic_auth.as_ref().map(|(_, password)| password.as_str());
        if let Some(password) = password.filter(|password| !password.is_empty()) {
            text = text.replace(password, "…");
        }
        let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(SAID).collect();
        line.trim().to_owned()
    }

    fn success(&self, loki: &Loki, operation: &str) -> Result<Value, Fault> {
        if !(200..=299).contains(&self.status) {
            return Err(loki.refusal(operation, self));
        }
        if self.body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&self.body).map_err(|_| {
            Fault::new(format!("{} does not answer as Loki does: {}", loki.address(), self.said(loki)))
                .hint("is it Loki that listens there? TASKFLOWS_LOKI_URL is its address without `/loki/api`")
        })
    }
}

fn hour(now: Timestamp) -> (String, String) {
    let start = now.checked_sub(BACK).unwrap_or(now);
    (start.as_nanosecond().to_string(), now.as_nanosecond().to_string())
}

/// Reads `loki_discarded_samples_total{reason="rate_limited",tenant="fake"} 12` out of figures in Prometheus' text format.
pub(super) fn discarded(text: &str) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for line in text.lines() {
        let Some(rest) = line.strip_prefix("loki_discarded_samples_total{") else { continue };
        let Some((labels, count)) = rest.rsplit_once('}') else { continue };
        let reason = labels.split_once("reason=\"").and_then(|(_, rest)| rest.split('"').next());
        let count = count.split_whitespace().next().and_then(|count| count.parse::<f64>().ok());
        if let (Some(reason), Some(count)) = (reason, count) {
            let sum: &mut u64 = counts.entry(reason.to_owned()).or_default();
            *sum = sum.saturating_add(count as u64);
        }
    }
    counts
}

fn client(base: &Url, settings: &LokiSettings) -> Result<Client, String> {
    let mut client = Client::builder()
        .tls_backend_preconfigured(tls(settings)?)
        .user_agent(concat!("taskflows/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none())
        .timeout(settings.timeout);
    let host = base.host_str().unwrap_or_default().trim_matches(['[', ']']);
    if host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback()) {
        client = client.no_proxy();
    }
    client.build().map_err(|error| root_cause(&error))
}

fn tls(settings: &LokiSettings) -> Result<ClientConfig, String> {
    let mut authorities: Vec<CertificateDer<'static>> = Vec::new();
    if let Some(path) = &settings.ca_file {
        let unreadable = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let text = std::fs::read(path).map_err(|error| unreadable(&error))?;
        let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
        authorities = read.map_err(|error| unreadable(&error))?;
    }
    let provider = Arc::new(ring::default_provider());
    let told = |error: rustls::Error| error.to_string();
    let verifier = Verifier::new_with_extra_roots(authorities, provider.clone()).map_err(told)?;
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(told)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(config)
}

fn root_cause(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}
