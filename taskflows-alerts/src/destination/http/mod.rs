//! What the ways over HTTP share.

mod address;
mod client;
mod headers;
mod retry_after;

pub(super) use address::{address, allowed, authority, hiding, key_header};
pub(super) use client::{Http, Reply};
pub(super) use headers::headers;
pub(super) use retry_after::{MOST, retry_after};
