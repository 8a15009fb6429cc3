use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use http::{Method, StatusCode};
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde::de::DeserializeOwned;
use taskflows_security::{NONCE_HEADER, SIGNATURE_HEADER, SignedParts, SigningKey, TIMESTAMP_HEADER};

use super::ClientError;
use super::keys::{Keys, is_same};
use super::reason::{CUT, no_answer_within, reason};
use super::tls::tls;
use crate::server::Problem;
use crate::wire::Health;

/// How long a server has to answer.
const DEADLINE: Duration = Duration::from_secs(10);
/// How long a connection may take to be there.
const CONNECT: Duration = Duration::from_secs(5);
/// How long a connection is kept that nobody uses; shorter than a server keeps it.
const IDLE: Duration = Duration::from_secs(8);
/// After so long without a word the other side is asked whether it is still there, which finds a host that lost its power.
const KEEPALIVE: Duration = Duration::from_secs(15);
/// The greatest answer that is read, in bytes.
const LARGEST_ANSWER: usize = 64 << 20;
/// The greatest refusal that is read, in bytes.
const LARGEST_REFUSAL: usize = 64 << 10;
/// How long a server is asked why it refused.
const EXPLANATION: Duration = Duration::from_secs(3);
/// What is said of an answer that no API of ours gives.
const NO_API: &str = "which the API of taskflows does not answer";
/// A clock that is off by more is told of: a third of the time in which a signature is good.
const SKEW: SignedDuration = SignedDuration::from_secs(100);
/// Who asks, as they say themselves. It is written down and never relied on.
const USER_HEADER: &str = "X-Taskflows-User";

/// How a client shows who asks.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// Not at all.
    None,
    /// By signing with the shared key.
    Signed {
        /// The key.
        key: SigningKey,
        /// The id of the server that is asked; empty where it is not known, and asked for first.
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
    credentials: Arc<Mutex<Credentials>>,
    keys: Option<Arc<Keys>>,
    others: Arc<BTreeMap<String, String>>,
    user: Option<HeaderValue>,
    deadline: Duration,
    trouble: Arc<Mutex<Option<String>>>,
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
        Self::trusting(name, base, credentials, None)
    }

    /// Makes the same, which trusts the certificates of `ca_file` (PEM) beside those of the system.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn trusting(
        name: &str,
        base: &str,
        credentials: Credentials,
        ca_file: Option<&Path>,
    ) -> Result<Self, ClientError> {
        let unusable = |reason: String| ClientError::Unreachable { server: name.to_owned(), reason };
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls(base, ca_file).map_err(unusable)?)
            .user_agent(concat!("taskflows/", env!("CARGO_PKG_VERSION")))
            // A signature is for one server and one path.
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT)
            .pool_idle_timeout(IDLE)
            .tcp_keepalive(KEEPALIVE)
            .tcp_keepalive_interval(KEEPALIVE / 3)
            .tcp_keepalive_retries(3)
            .build()
            .map_err(|error| unusable(error.to_string()))?;
        Ok(Self {
            http,
            server: name.to_owned(),
            base: base.trim_end_matches('/').to_owned(),
            credentials: Arc::new(Mutex::new(credentials)),
            keys: None,
            others: Arc::default(),
            user: None,
            deadline: DEADLINE,
            trouble: Arc::default(),
            now: Arc::new(Timestamp::now),
        })
    }

    /// Gives the server this long to answer.
    #[must_use]
    pub fn with_deadline(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    /// Has the keys read again by `read` where a signature is refused: the one that is in force, then those that still
    /// are for a grace. Whoever changes the key while commands run makes none of them fail.
    #[must_use]
    pub fn with_keys(self, read: impl Fn() -> Vec<SigningKey> + Send + Sync + 'static) -> Self {
        Self { keys: Some(Arc::new(Keys::new(read))), ..self }
    }

    /// Says which ids are known to be other servers', by their names: one that is asked for its id cannot have them.
    #[must_use]
    pub fn with_others(self, others: BTreeMap<String, String>) -> Self {
        Self { others: Arc::new(others), ..self }
    }

    /// Says who asks; a name that no header can have is left out.
    #[must_use]
    pub fn with_user(self, user: &str) -> Self {
        let is_plain =
            !user.is_empty() && user.len() <= 64 && user.bytes().all(|byte| byte.is_ascii_graphic());
        Self { user: HeaderValue::from_str(user).ok().filter(|_| is_plain), ..self }
    }

    /// Takes the time from `now`.
    #[must_use]
    pub fn with_clock(self, now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self { now: Arc::new(now), ..self }
    }

    /// Returns the name by which messages call the server.
    #[must_use]
    pub fn server(&self) -> &str {
        &self.server
    }

    /// Returns why the last request had no answer; `None` where it had one, or where there was none yet.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks the server whether it is there, which needs no credential.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn health(&self) -> Result<Health, ClientError> {
        let asked = self.within(self.answer(self.http.get(format!("{}/health", self.base))));
        self.read(&asked.await?)
    }

    /// Asks for the id of the server where it is needed and not known: by TLS, or on this host. Elsewhere anybody on the
    /// way could tell the id of another server, and hand on to that what is signed for it.
    ///
    /// # Errors
    /// As [`Self::get`], when there is no way to ask that can be relied on, and when the server tells an id that is another's.
    pub async fn learn_id(&self) -> Result<(), ClientError> {
        if !matches!(&*self.lock(), Credentials::Signed { server_id, .. } if server_id.is_empty()) {
            return Ok(());
        }
        if !is_reliable(&self.base) {
            return Err(ClientError::Unidentified { server: self.server.clone() });
        }
        let health = self.health().await?;
        if let Some(other) = self.others.get(&health.server_id) {
            return Err(ClientError::Impostor { server: self.server.clone(), other: other.clone() });
        }
        if let Credentials::Signed { server_id, .. } = &mut *self.lock() {
            *server_id = health.server_id;
        }
        Ok(())
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
        let body = body.map(serde_json::to_vec).transpose();
        let body = body.map_err(|error| self.malformed(error.to_string()))?.unwrap_or_default();
        let bytes = self.within(self.ask(method, target, body)).await?;
        self.read(&bytes)
    }

    fn read<T: DeserializeOwned>(&self, bytes: &[u8]) -> Result<T, ClientError> {
        // An answer without a body reads as `null`.
        let bytes = if bytes.is_empty() { b"null".as_slice() } else { bytes };
        serde_json::from_slice(bytes).map_err(|error| match bytes.trim_ascii_start().starts_with(b"<") {
            true => self.malformed(format!("it is a web page, {NO_API}")),
            false => self.malformed(error.to_string()),
        })
    }

    async fn within<T>(&self, asked: impl Future<Output = Result<T, ClientError>>) -> Result<T, ClientError> {
        let answer = tokio::time::timeout(self.deadline, asked).await;
        answer.unwrap_or_else(|_| Err(self.unreachable(no_answer_within(self.deadline))))
    }

    /// Asks, and once more with each other key where a signature is refused.
    async fn ask(&self, method: Method, target: &str, body: Vec<u8>) -> Result<Vec<u8>, ClientError> {
        self.learn_id().await?;
        let mut answer = self.attempt(&method, target, &body).await;
        for key in self.other_keys(&answer) {
            if let Credentials::Signed { key: own, .. } = &mut *self.lock() {
                *own = key;
            }
            answer = self.attempt(&method, target, &body).await;
            if !is_unauthorized(&answer) {
                return answer;
            }
        }
        match answer {
            Err(error) if error.status() == Some(401) => Err(self.explained(error).await),
            answer => answer,
        }
    }

    /// Returns the keys to try where an answer refuses the one that was used.
    fn other_keys(&self, answer: &Result<Vec<u8>, ClientError>) -> Vec<SigningKey> {
        let (Some(keys), true) = (&self.keys, is_unauthorized(answer)) else { return Vec::new() };
        let Credentials::Signed { key: used, .. } = self.lock().clone() else { return Vec::new() };
        keys.read().into_iter().filter(|key| !is_same(key, &used)).collect()
    }

    /// Asks once, and where a connection that was kept has gone meanwhile, once more: what only reads does no harm twice.
    async fn attempt(&self, method: &Method, target: &str, body: &[u8]) -> Result<Vec<u8>, ClientError> {
        let first = self.answer(self.request(method.clone(), target, body.to_vec())).await;
        match first {
            Err(ClientError::Unreachable { reason, .. }) if reason == CUT && method.is_safe() => {
                self.answer(self.request(method.clone(), target, body.to_vec())).await
            }
            first => first,
        }
    }

    /// Says of a refused signature what may be wrong with it.
    async fn explained(&self, error: ClientError) -> ClientError {
        let Ok(Ok(health)) = tokio::time::timeout(EXPLANATION, self.health()).await else { return error };
        let ClientError::Refused { server, mut problem } = error else { return error };
        let ahead = health.time.duration_since((self.now)());
        let is_other =
            matches!(&*self.lock(), Credentials::Signed { server_id, .. } if *server_id != health.server_id);
        let (code, detail) = if ahead.abs() > SKEW {
            let way = if ahead.is_negative() { "behind" } else { "ahead" };
            ("clock-skew", format!("{server}'s clock is {} s {way}", ahead.as_secs_f64().abs().round()))
        } else if is_other {
            ("other-server", format!("{server} is another server than the one that was registered"))
        } else {
            ("not-recognised", format!("{server} did not accept who asks"))
        };
        problem.code = Some(code.to_owned());
        problem.detail = Some(detail);
        ClientError::Refused { server, problem }
    }

    /// Returns the request for `target` with the credentials of this client.
    pub(crate) fn request(&self, method: Method, target: &str, body: Vec<u8>) -> reqwest::RequestBuilder {
        let request = self.http.request(method.clone(), format!("{}{target}", self.base));
        let request = match &self.user {
            Some(user) => request.header(USER_HEADER, user),
            None => request,
        };
        let request = match &*self.lock() {
            Credentials::None => request,
            Credentials::Bearer(token) => {
                request.header(AUTHORIZATION, format!("Bearer {}", token.expose_secret()))
            }
            Credentials::Signed { key, server_id } => {
                let timestamp = (self.now)().as_second().to_string();
                let nonce = nonce();
                let (path, query) = target.split_once('?').unwrap_or((target, ""));
                let parts = SignedParts {
                    timestamp: &timestamp,
                    nonce: &nonce,
                    server_id,
                    method: method.as_str(),
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

    async fn answer(&self, request: reqwest::RequestBuilder) -> Result<Vec<u8>, ClientError> {
        let mut response = request.send().await.map_err(|error| self.unreachable(reason(&error)))?;
        let status = response.status();
        let id = request_id(&response);
        let largest = if status.is_success() { LARGEST_ANSWER } else { LARGEST_REFUSAL };
        let mut bytes = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(|error| self.unreachable(reason(&error)))? {
            if bytes.len() + piece.len() > largest {
                return Err(self.malformed("it is too long".to_owned()));
            }
            bytes.extend_from_slice(&piece);
        }
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = None;
        if status.is_success() {
            return Ok(bytes);
        }
        let problem = serde_json::from_slice(&bytes);
        let other = |_| Problem::new(status, format!("HTTP status {}, {NO_API}", status.as_u16()));
        let mut problem: Problem = problem.unwrap_or_else(|error| other(error).with_code("no-api"));
        if let (StatusCode::INTERNAL_SERVER_ERROR, Some(id), Some(detail)) = (status, id, &mut problem.detail)
        {
            // By it the reason is found in the log over there.
            *detail = format!("{detail} {id}");
        }
        Err(ClientError::Refused { server: self.server.clone(), problem })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Credentials> {
        self.credentials.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn unreachable(&self, reason: String) -> ClientError {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason.clone());
        ClientError::Unreachable { server: self.server.clone(), reason }
    }

    pub(crate) fn malformed(&self, reason: String) -> ClientError {
        ClientError::Malformed { server: self.server.clone(), reason }
    }
}

/// Tells whether what answers at `base` is sure to be what is there: nobody stands between.
fn is_reliable(base: &str) -> bool {
    let Some(rest) = base.strip_prefix("http://") else { return base.starts_with("https://") };
    let host = rest.rsplit_once(':').map_or(rest, |(host, _)| host);
    let ip = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback())
}

fn is_unauthorized(answer: &Result<Vec<u8>, ClientError>) -> bool {
    matches!(answer, Err(error) if error.status() == Some(401))
}

/// Returns 128 bits of chance in hexadecimal digits.
fn nonce() -> String {
    taskflows_security::random_hex::<16>()
}

/// Returns by what the log of a server knows the request of an answer.
fn request_id(response: &reqwest::Response) -> Option<uuid::Uuid> {
    response.headers().get("x-request-id")?.to_str().ok()?.parse().ok()
}
