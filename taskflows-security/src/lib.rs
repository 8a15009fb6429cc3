#![doc = include_str!("../README.md")]

mod random;
mod role;
mod signing;

pub use random::{random_hex, random_secret};
pub use role::{ParseRoleError, Role};
pub use signing::{NONCE_HEADER, SIGNATURE_HEADER, SignedParts, SigningKey, TIMESTAMP_HEADER};
