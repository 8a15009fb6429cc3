#![doc = include_str!("../README.md")]

mod audit;
mod nonce;
mod random;
mod role;
mod security_file;
mod settings;
mod signing;
#[cfg(any(test, feature = "test-util"))]
pub mod testing;
mod verifier;
mod watched;

pub use audit::{AlsoTo, AuditError, AuditLog, AuditQuery, AuditRecord, AuditResult};
pub use nonce::{Keep, MOST_NONCES, MemoryNonceStore, NonceDigest, NonceError, NonceStore};
pub use random::{random_hex, random_secret};
pub use role::{ParseRoleError, Role};
pub use security_file::{SecurityFile, SecurityFileError};
pub use settings::{PreviousSecret, RotateError, SecuritySettings, check_secret, fingerprint};
pub use signing::{NONCE_HEADER, SIGNATURE_HEADER, SignedParts, SigningKey, TIMESTAMP_HEADER};
pub use verifier::{Asked, PreviousKey, Reason, SignedHeaders, Verified, Verifier, WINDOW_SECONDS};
pub use watched::{Secured, Watched};
