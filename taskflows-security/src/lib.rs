#![doc = include_str!("../README.md")]

mod audit;
#[cfg(any(test, feature = "test-util"))]
pub mod contract;
mod csrf;
mod jwt;
mod kept;
mod kept_file;
mod machine;
mod nonce;
mod password;
mod people;
mod people_file;
mod random;
mod role;
mod security_file;
mod session;
mod settings;
mod signing;
#[cfg(any(test, feature = "test-util"))]
pub mod testing;
mod throttle;
mod token;
mod verifier;
mod watched;

pub use audit::{AlsoTo, AuditError, AuditLog, AuditQuery, AuditRecord, AuditResult};
pub use csrf::{CSRF_HEADER, csrf_matches, csrf_token};
pub use jwt::{ACCESS_LIFETIME, Claims, REFRESH_LIFETIME, RefusedToken, TokenKey, TokenUse};
pub use kept::KeptError;
pub use machine::machine_mark;
pub use nonce::{
    Keep, MOST_NONCES, MemoryNonceStore, NonceDigest, NonceError, NonceStore, counts_as_used, forgotten_until,
};
pub use password::{
    LONGEST_PASSWORD, PasswordDigest, SHORTEST_PASSWORD, WeakPassword, check_password, password_matches,
};
pub use people::{MemoryPeople, ParseUserNameError, PeopleFiles, PeopleStore, Person, UserName};
pub use random::{random_hex, random_secret};
pub use role::{ParseRoleError, Role};
pub use security_file::{SecurityFile, SecurityFileError};
pub use session::{
    MOST_SESSIONS, MemorySessions, REFRESH_GRACE, Rotation, Session, SessionStore, is_moment, refresh_digest,
};
pub use settings::{PreviousSecret, RotateError, SecuritySettings, check_secret, fingerprint};
pub use signing::{NONCE_HEADER, SIGNATURE_HEADER, SignedParts, SigningKey, TIMESTAMP_HEADER};
pub use throttle::{
    FREE_TRIES, KNOWN_FOR, MAKE_ROOM, MOST_TRIED, MemoryThrottle, REMEMBERED, ThrottleStore, Tries, TryKey,
    WentWell,
};
pub use token::{ApiToken, MemoryTokens, TOKEN_PREFIX, TOKEN_USE_STEP, TokenDigest, TokenStore, new_token};
pub use verifier::{Asked, PreviousKey, Reason, SignedHeaders, Verified, Verifier, WINDOW_SECONDS};
pub use watched::{Secured, Watched};
