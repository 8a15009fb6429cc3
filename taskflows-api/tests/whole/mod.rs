//! A host of fakes behind everybody who really decides: signatures, logins, tokens, with what they keep in a directory.

#![allow(dead_code, reason = "each file of tests uses a part of it")]

pub(crate) mod credentials;

use std::net::SocketAddr;
use std::sync::Arc;

use jiff::Timestamp;
use secrecy::SecretString;
use taskflows_api::server::{
    Api, Audit, Authority, AuthorityChain, Limits, PeopleAuthority, SignedAuthority,
};
use taskflows_api::testing::{host_over, serve};
use taskflows_api::{Access, Host};
use taskflows_core::effects::{ServiceManager, Wanted};
use taskflows_core::testing::{FakeServiceManager, MemoryEnvironmentStore, MemoryRunStore};
use taskflows_core::{Calendar, Service};
use taskflows_security::{
    ApiToken, Claims, PasswordDigest, PeopleFiles, PeopleStore, Person, Role, SecurityFile,
    SecurityFileError, Session, SignedParts, SigningKey, TokenKey, TokenUse, Watched, csrf_token, new_token,
    random_hex,
};
use taskflows_store::{SqliteNonceStore, Store};

pub(crate) const SECRET: &str = "ABAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

pub(crate) const ROLES: [Role; 3] = [Role::Viewer, Role::Operator, Role::Admin];

/// What every varying piece of a path is filled with: somebody and something of this name is there to be changed.
pub(crate) const NAME: &str = "thing";

/// The server as `tf api start` puts it together, over fakes.
pub(crate) struct Whole {
    pub(crate) api: Api,
    pub(crate) host: Host,
    pub(crate) key: TokenKey,
    authority: Arc<dyn Authority>,
    audit: Arc<dyn Audit>,
    services: Arc<FakeServiceManager>,
    environments: Arc<MemoryEnvironmentStore>,
    runs: Arc<MemoryRunStore>,
    directory: tempfile::TempDir,
}

/// The tokens of a login that was just made.
pub(crate) struct Login {
    pub(crate) access: String,
    pub(crate) refresh: String,
    pub(crate) csrf: String,
    pub(crate) family: String,
}

pub(crate) fn now() -> i64 {
    Timestamp::now().as_second()
}

/// Somebody of each role, and one whom tests may change.
fn people() -> Vec<Person> {
    // Hashed once, as all have the same password.
    let password = PasswordDigest::of("a quiet river");
    let person = |name: &str, role| Person {
        name: name.parse().unwrap(),
        password: password.clone(),
        role,
        created_at: Timestamp::now(),
        last_login: None,
    };
    let mut people: Vec<Person> = ROLES.iter().map(|role| person(&format!("a-{role}"), *role)).collect();
    people.push(person(NAME, Role::Viewer));
    people
}

impl Whole {
    pub(crate) async fn new(audit: Arc<dyn Audit>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let file = SecurityFile::new(directory.path().join(".services"));
        file.make_directory().unwrap();
        let settings = file.change::<SecurityFileError>(|settings| {
            settings.secret = Some(SecretString::from(SECRET));
            settings.ensure_server_id(None);
            Ok(())
        });
        let store = Arc::new(Store::open(&directory.path().join("data")).unwrap());
        let files = PeopleFiles::new(directory.path().join("data"));
        files.enable().unwrap();
        let key = files.key().unwrap().unwrap();
        let services = Arc::new(FakeServiceManager::default());
        let mut host = host_over(Arc::clone(&services));
        let (environments, runs) =
            (Arc::new(MemoryEnvironmentStore::default()), Arc::new(MemoryRunStore::default()));
        host.environments = Arc::clone(&environments) as _;
        host.runs = Arc::clone(&runs) as _;
        host.server_id = settings.unwrap().server_id.unwrap();
        host.access = Access {
            people: Arc::new(files),
            sessions: Arc::clone(&store) as _,
            tokens: Arc::clone(&store) as _,
            throttle: Arc::clone(&store) as _,
            secure_cookies: false,
        };
        let authority: Arc<dyn Authority> = Arc::new(chain(&host, file, &store));
        let api = Api::with(host.clone(), Arc::clone(&authority), Arc::clone(&audit), Limits::default());
        let whole = Self { api, host, key, authority, audit, services, environments, runs, directory };
        whole.fill().await;
        whole
    }

    /// Puts something there that a request could change.
    async fn fill(&self) {
        for person in people() {
            self.host.access.people.add(person).unwrap();
        }
        self.token(NAME, Role::Viewer, None);
        let daily: Calendar = "*-*-* 03:00:00 UTC".parse().unwrap();
        let service = Service::builder(NAME).start_command("sleep 1").start_schedule(daily).build().unwrap();
        self.services.install(Wanted::services(&[service])).await.unwrap();
    }

    /// Serves it on loopback.
    pub(crate) async fn serve(&self) -> SocketAddr {
        let (authority, audit) = (Arc::clone(&self.authority), Arc::clone(&self.audit));
        serve(Api::with(self.host.clone(), authority, audit, Limits::default())).await.unwrap()
    }

    /// Returns all that a request could change, as text: it is the same where none did. When a token was used is left out.
    pub(crate) fn state(&self) -> String {
        let access = &self.host.access;
        let tokens = access.tokens.list().unwrap().into_iter();
        let tokens: Vec<ApiToken> = tokens.map(|token| ApiToken { last_used: None, ..token }).collect();
        let people = access.people.list().unwrap();
        let security =
            std::fs::read_to_string(self.directory.path().join(".services/security.json")).unwrap();
        let (services, environments, runs) = (&self.services, &self.environments, &self.runs);
        format!("{services:?}\n{environments:?}\n{runs:?}\n{people:?}\n{tokens:?}\n{security}")
    }

    /// Makes a token and returns it.
    pub(crate) fn token(&self, name: &str, role: Role, expires: Option<Timestamp>) -> String {
        let (token, digest) = new_token();
        let kept =
            ApiToken { name: name.to_owned(), role, created: Timestamp::now(), last_used: None, expires };
        self.host.access.tokens.add(&kept, digest).unwrap();
        token.to_string()
    }

    pub(crate) fn claims(&self, name: &str, kind: TokenUse) -> Claims {
        Claims {
            sub: name.to_owned(),
            aud: self.host.server_id.clone(),
            exp: now() + 600,
            iat: now(),
            kind,
            jti: random_hex::<16>(),
            family: random_hex::<16>(),
        }
    }

    /// Begins the session of these claims.
    pub(crate) fn begin(&self, claims: &Claims) {
        let session = Session {
            family: claims.family.clone(),
            user: claims.sub.clone(),
            refresh: claims.jti.clone(),
            expires: Timestamp::from_second(now() + 3_600).unwrap(),
        };
        self.host.access.sessions.open(&session, Timestamp::now()).unwrap();
    }

    /// Logs somebody in.
    pub(crate) fn login(&self, name: &str) -> Login {
        let refresh = self.claims(name, TokenUse::Refresh);
        self.begin(&refresh);
        let access = Claims { kind: TokenUse::Access, jti: random_hex::<16>(), ..refresh.clone() };
        Login {
            access: self.key.issue(&access).to_string(),
            refresh: self.key.issue(&refresh).to_string(),
            csrf: csrf_token(&self.key, &refresh.family),
            family: refresh.family,
        }
    }

    pub(crate) fn sign(&self, signed: &Signing<'_>) -> Vec<(String, String)> {
        let (path, query) = signed.target.split_once('?').unwrap_or((signed.target, ""));
        let timestamp = signed.second.to_string();
        let (nonce, method, body) = (signed.nonce.as_str(), signed.method, signed.body);
        let server_id = signed.server_id.unwrap_or(&self.host.server_id);
        let parts = SignedParts { timestamp: &timestamp, nonce, server_id, method, path, query, body };
        let signature = SigningKey::new(signed.secret).sign(&parts);
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        vec![
            header("X-HMAC-Signature", &signature),
            header("X-Timestamp", &timestamp),
            header("X-Nonce", nonce),
        ]
    }
}

/// What is signed, and how.
pub(crate) struct Signing<'a> {
    pub(crate) method: &'a str,
    pub(crate) target: &'a str,
    pub(crate) body: &'a [u8],
    pub(crate) secret: &'a str,
    pub(crate) server_id: Option<&'a str>,
    pub(crate) second: i64,
    pub(crate) nonce: String,
}

impl<'a> Signing<'a> {
    /// As it has to be.
    pub(crate) fn of(method: &'a str, target: &'a str) -> Self {
        let nonce = random_hex::<16>();
        Self { method, target, body: b"", secret: SECRET, server_id: None, second: now(), nonce }
    }
}

fn chain(host: &Host, file: SecurityFile, store: &Store) -> AuthorityChain {
    let nonces = Arc::new(SqliteNonceStore::open(store).unwrap());
    let (id, now) = (host.server_id.clone(), Arc::clone(&host.now));
    let signed: Arc<dyn Authority> = Arc::new(SignedAuthority::new(Watched::new(file), nonces, id, now));
    let people: Arc<dyn Authority> = Arc::new(PeopleAuthority::new(host.clone()));
    AuthorityChain {
        signed: Some(Arc::clone(&signed)),
        unsigned: Some(signed),
        bearer: Some(Arc::clone(&people)),
        cookie: Some(people),
    }
}
