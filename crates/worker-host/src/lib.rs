//! The worker's runtime: the apartment thread with its backend, the journal of events, and the connection
//! to the gateway. The simulator is the backend that runs everywhere.
//!
//! The worker never opens a network listener and carries no HTTP stack.

#![forbid(unsafe_code)]

mod activity;
mod apartment;
mod book;
pub mod bootstrap;
mod commands;
mod connection;
mod inbox;
mod introduction;
mod journal;
pub mod logging;
pub mod mxaccess;
mod orphan;
mod process;
mod refusals;
mod requests;
mod service;
pub mod simulator;
mod tap;
mod tickets;
mod worker;

pub use apartment::BackendFactory;
pub use inbox::Inbox;
pub use journal::{EventSink, Journal, JournalLimits};
pub use mxgateway_worker_ipc::exit::ExitReason;
pub use process::run_process;
pub use worker::{MakeBackend, OtherBackend, run, run_with_backend};
