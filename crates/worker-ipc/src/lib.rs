//! The pipe protocol between the gateway and its worker processes, for both ends.
//!
//! From the bottom up: a [`transport`] gives a connection, [`frame`] cuts it into length-prefixed protobuf
//! messages, [`link`] numbers and checks the envelopes in them, and [`handshake`] lets both ends prove that
//! they know the [`secret`] the worker was started with. What the envelopes then say is up to the callers. [`exit`] names
//! the codes a worker process ends with.

#![forbid(unsafe_code)]

pub mod exit;
pub mod frame;
pub mod handshake;
pub mod link;
pub mod secret;
pub mod transport;
