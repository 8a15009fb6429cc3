//! Stand-ins that several tests share.

#![allow(dead_code, reason = "each file of tests uses a part of it")]

pub(crate) mod grafana;
pub(crate) mod server;
