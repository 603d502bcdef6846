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

pub mod audit;
pub mod pepper_file;
pub mod store;
pub mod verifier;
