//! Starts, watches and ends worker processes: the gateway's end of the pipe protocol.
//!
//! [`Supervisor`] launches a worker for a session and hands out a [`Worker`] to drive it. Behind that, one
//! guardian task owns the process and the reading half of its connection until both are gone; whatever
//! ends first ends the other, the calls that wait, and the session.
//!
//! With a [`Manifest`], workers outlive the gateway for some time, and the next one takes them over.

#![forbid(unsafe_code)]

mod adoption;
mod config;
mod connection;
mod exit;
mod guardian;
mod heartbeat;
mod identity;
mod launcher;
mod listing;
mod manifest;
mod patience;
mod pending;
mod port;
mod process;
mod start;

pub use config::SupervisorConfig;
pub use connection::event_family;
pub use identity::ProcessIdentity;
pub use launcher::{OrphanCounts, Supervisor};
pub use manifest::{Manifest, ManifestError, OPERATION_LIMIT as MANIFEST_LIMIT};
pub use port::{Worker, WorkerReply};
