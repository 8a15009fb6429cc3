//! A server that wants signatures, on loopback, with its settings and nonces in a directory.

#![allow(dead_code, reason = "each file of tests uses a part of it")]

use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use axum::Extension;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use jiff::{SignedDuration, Timestamp};
use taskflows_api::server::{Authority, Identity, Problem, SignedAuthority};
use taskflows_security::{
    Keep, MemoryNonceStore, NonceError, NonceStore, SecurityFile, SecurityFileError, SecuritySettings,
    SignedParts, SigningKey, Watched,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

pub(crate) const SECRET: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
