//! Where a request comes from.

use std::net::SocketAddr;

/// The other end of a request's connection, put into each request by the server as an [`axum::Extension`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its address.
    pub address: SocketAddr,
    /// Whether the connection is encrypted.
    pub is_encrypted: bool,
}
