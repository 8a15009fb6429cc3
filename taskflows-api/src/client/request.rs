use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::Method;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use jiff::Timestamp;
use rustls::ClientConfig;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde::de::DeserializeOwned;
use taskflows_security::{NONCE_HEADER, SIGNATURE_HEADER, SignedParts, SigningKey, TIMESTAMP_HEADER};

use super::ClientError;
use crate::server::Problem;

/// How long a server has to answer.
const DEADLINE: Duration = Duration::from_secs(10);
/// The greatest answer that is read, in bytes.
const LARGEST_ANSWER: usize = 64 << 20;

/// How a client shows who asks.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// Not at all.
    None,
    /// By signing with the shared key.
    Signed {
        /// The key.
        key: SigningKey,
        /// The id of the server that is asked.
        server_id: String,
    },
    /// By a token.
    Bearer(SecretString),
}

/// Asks one server. Cloning gives another handle of the same connections.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    server: String,
    base: String,
    credentials: Credentials,
    deadline: Duration,
    now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("server", &self.server)
            .field("base", &self.base)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// Makes a client of the server `name` at `base` (`http://host:port` or `https://host:port`). Nothing is sent yet.
    ///
    /// # Errors
    /// When the system's certificates cannot be read.
    pub fn new(name: &str, base: &str, credentials: Credentials) -> Result<Self, ClientError> {
        let malformed = |reason: String| ClientError::Malformed { server: name.to_owned(), reason };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let tls = builder.map_err(|error| malformed(error.to_string()))?;
        let tls = rustls_platform_verifier::BuilderVerifierExt::with_platform_verifier(tls)
            .map_err(|error| malformed(error.to_string()))?
            .with_no_client_auth();
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .connect_timeout(Duration::from_secs(5))
            .build()
            .map_err(|error| malformed(error.to_string()))?;
        Ok(Self {
            http,
            server: name.to_owned(),
            base: base.trim_end_matches('/').to_owned(),
            credentials,
            deadline: DEADLINE,
            now: Arc::new(Timestamp::now),
        })
    }

    /// Gives the server this long to answer.
    #[must_use]
    pub fn with_deadline(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    /// Returns the name by which messages call the server.
    #[must_use]
    pub fn server(&self) -> &str {
        &self.server
    }

    /// Asks for what is at `target`: a path, and a query where there is one, both encoded as they are sent.
    ///
    /// # Errors
    /// When there is no answer, a refusal, or none that can be read.
    pub async fn get<T: DeserializeOwned>(&self, target: &str) -> Result<T, ClientError> {
        self.send(Method::GET, target, None::<&()>).await
    }

    /// Sends `body` to `target` as JSON and reads the answer.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn send<B: Serialize + Sync, T: DeserializeOwned>(
        &self,
        method: Method,
        target: &str,
        body: Option<&B>,
    ) -> Result<T, ClientError> {
        let answer = tokio::time::timeout(self.deadline, self.answer(method, target, body)).await;
        let bytes = answer.unwrap_or_else(|_| {
            Err(self.unreachable(format!("no answer within {} s", self.deadline.as_secs())))
        })?;
        // An answer without a body reads as `null`.
        let bytes = if bytes.is_empty() { b"null".to_vec() } else { bytes };
        serde_json::from_slice(&bytes).map_err(|error| self.malformed(error.to_string()))
    }

    /// Returns the request for `target` with the credentials of this client.
    pub(crate) fn request(&self, method: Method, target: &str, body: Vec<u8>) -> reqwest::RequestBuilder {
        let request = self.http.request(method.clone(), format!("{}{target}", self.base));
        let request = match &self.credentials {
            Credentials::None => request,
            Credentials::Bearer(token) => {
                request.header(AUTHORIZATION, format!("Bearer {}", token.expose_secret()))
            }
            Credentials::Signed { key, server_id } => {
                let timestamp = (self.now)().as_second().to_string();
                let nonce = nonce();
                let (path, query) = target.split_once('?').unwrap_or((target, ""));
                let method = method.as_str();
                let parts = SignedParts {
                    timestamp: &timestamp,
                    nonce: &nonce,
                    server_id,
                    method,
                    path,
                    query,
                    body: &body,
                };
                request
                    .header(SIGNATURE_HEADER, key.sign(&parts))
                    .header(TIMESTAMP_HEADER, timestamp.as_str())
                    .header(NONCE_HEADER, nonce.as_str())
            }
        };
        match body.is_empty() {
            true => request,
            false => request.header(CONTENT_TYPE, "application/json").body(body),
        }
    }

    async fn answer<B: Serialize + Sync>(
        &self,
        method: Method,
        target: &str,
        body: Option<&B>,
    ) -> Result<Vec<u8>, ClientError> {
        let body = match body {
            None => Vec::new(),
            Some(body) => serde_json::to_vec(body).map_err(|error| self.malformed(error.to_string()))?,
        };
        let response = self.request(method, target, body).send().await;
        let mut response = response.map_err(|error| self.unreachable(reason(&error)))?;
        let status = response.status();
        let mut bytes = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(|error| self.unreachable(reason(&error)))? {
            if bytes.len() + piece.len() > LARGEST_ANSWER {
                return Err(self.malformed("it is too long".to_owned()));
            }
            bytes.extend_from_slice(&piece);
        }
        if status.is_success() {
            return Ok(bytes);
        }
        let problem = serde_json::from_slice(&bytes);
        let problem =
            problem.unwrap_or_else(|_| Problem::new(status, format!("HTTP status {}", status.as_u16())));
        Err(ClientError::Refused { server: self.server.clone(), problem })
    }

    pub(crate) fn unreachable(&self, reason: String) -> ClientError {
        ClientError::Unreachable { server: self.server.clone(), reason }
    }

    pub(crate) fn malformed(&self, reason: String) -> ClientError {
        ClientError::Malformed { server: self.server.clone(), reason }
    }
}

/// Returns the innermost cause of an error: `connection refused` rather than the address that was asked.
pub(crate) fn reason(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

/// Returns 128 bits of chance in hexadecimal digits.
fn nonce() -> String {
    taskflows_security::random_hex::<16>()
}
