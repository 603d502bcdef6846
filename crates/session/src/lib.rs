//! Embeddable sessions: one worker each, one retained event stream, many subscribers.
//!
//! A [`SessionManager`] opens sessions through a [`WorkerLauncher`]; what a worker and a command are is
//! the embedder's affair. The worker's end publishes events through its [`EventSink`]; subscribers read
//! them through a [`Subscription`], live or from a position. `examples/embed.rs` shows all of it with a
//! worker that lives in memory.
//!
//! The decisions are made in `mxgateway-session-core`; this crate adds tasks, waiting and time.

#![forbid(unsafe_code)]

mod id;
mod in_flight;
mod manager;
mod session;
mod shared;
mod subscription;
mod worker_port;

pub use id::{ParseSessionIdError, SessionId};
pub use manager::{ManagerSettings, OpenError, SessionManager};
pub use mxgateway_session_core as core;
pub use session::{
    Changes, Changing, CloseOutcome, InvokeError, ItemCommand, OpenOptions, ReadChanges, Session,
    SessionStatus,
};
pub use shared::{EventSink, SESSION_FAULTED};
pub use subscription::{StreamElement, Subscription};
pub use worker_port::{
    LaunchError, LaunchRequest, Launched, OnReply, PortError, RecoveredSession, RefusalKind, WorkerIdentity,
    WorkerLauncher, WorkerPort,
};
