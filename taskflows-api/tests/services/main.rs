//! Services of a host, over HTTP on loopback and a fake behind the server.

#![expect(clippy::unwrap_used, reason = "a test that unwraps fails as it should")]

mod answers;
mod host;
mod refusals;
mod remote;
