//! What a session is, as pure code: the event ring, subscribers as cursors into it, leases, the state
//! machine and the registry of items.
//!
//! Nothing here does I/O, knows a clock or a runtime: each call takes `now` and returns what happened.
//! The worker keeps its journal in the same [`ring::Ring`].

#![forbid(unsafe_code)]

pub mod access;
mod cursor;
pub mod distributor;
pub mod event;
pub mod items;
mod latest;
pub mod lease;
pub mod lifecycle;
pub mod ring;
pub mod session;
pub mod subscriber;
