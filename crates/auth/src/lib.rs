//! Who may do what.
//!
//! A pure decision core ([`authorize`](authorize::authorize)): principals, actions, resources, scopes,
//! constraints. Around it the key store and the audit trail (SQLite or PostgreSQL), and the verifier that
//! remembers keys it has seen.

#![forbid(unsafe_code)]

pub mod action;
pub mod authorize;
pub mod constraints;
pub mod key;
pub mod principal;
pub mod scope;
pub mod throttle;

#[cfg(feature = "store")]
pub mod audit;
#[cfg(feature = "store")]
pub mod pepper_file;
#[cfg(feature = "store")]
mod private;
#[cfg(feature = "store")]
pub mod store;
#[cfg(feature = "store")]
pub mod verifier;
