//! What a session needs of its worker.

use std::future::Future;
use std::time::{Duration, SystemTime};

use mxgateway_session_core::lifecycle::Fault;

use crate::id::SessionId;
use crate::session::OpenOptions;
use crate::shared::EventSink;

/// A running worker, as its session drives it.
pub trait WorkerPort: Send + Sync + 'static {
    /// What the worker is asked to do.
    type Command: Send + 'static;
    /// What it answers.
    type Reply: Send + 'static;

    /// Carries out one command. Calls may overlap. The command is on its way when this returns, behind those
    /// that were before; dropping the future stops the waiting, not the command.
    ///
    /// `on_reply` is called with the reply whether somebody still waits for it or not, in the order in which the
    /// worker replied, and before anything that the worker sent after it is taken in. It is dropped uncalled when
    /// there will be no reply.
    fn invoke(
        &self,
        command: Self::Command,
        on_reply: Option<OnReply<Self::Reply>>,
    ) -> impl Future<Output = Result<Self::Reply, PortError>> + Send;

    /// Ends the worker in good order, and by force after `limit`. Returns when it is gone; safe to repeat.
    fn shutdown(&self, limit: Duration) -> impl Future<Output = ()> + Send;

    /// Ends the worker by force. Returns when it is gone; safe to repeat.
    fn kill(&self) -> impl Future<Output = ()> + Send;

    /// Lets go of the worker, for another process to take it over. Returns when nothing of it is left here.
    /// A worker that cannot go on alone is ended.
    fn release(&self) -> impl Future<Output = ()> + Send {
        self.kill()
    }
}

/// What is to be done with a reply when it comes in. Must not wait.
pub type OnReply<R> = Box<dyn FnOnce(&R) + Send>;

/// Starts workers.
pub trait WorkerLauncher: Send + Sync + 'static {
    /// The workers it starts.
    type Port: WorkerPort;

    /// Starts a worker and returns when it is ready. Events go to `sink` from then on, and so does the
    /// news that the worker failed; both may come before the session has taken note of the launch.
    /// Dropping the future ends what was started.
    fn launch(
        &self,
        request: LaunchRequest,
        sink: EventSink,
    ) -> impl Future<Output = Result<Launched<Self::Port>, LaunchError>> + Send;

    /// Takes over the worker of a session that an earlier process opened. Its events, from the oldest that it
    /// still has, are in `sink` when this returns, and so is what is registered, added and advised. On a fault,
    /// nothing of the worker is left here.
    fn adopt(
        &self,
        session_id: SessionId,
        sink: EventSink,
    ) -> impl Future<Output = Result<Launched<Self::Port>, Fault>> + Send {
        let _nothing_to_adopt = (session_id, sink);
        async { Err(Fault::NotTakenOver("workers do not outlive their gateway here".to_owned())) }
    }
}

/// What is to be started.
#[derive(Clone, Debug)]
pub struct LaunchRequest {
    /// The session it is for.
    pub session_id: SessionId,
    /// Which backend; empty for the launcher's default.
    pub backend: String,
    /// What the session was opened with.
    pub options: OpenOptions,
    /// When it was opened.
    pub opened_at: SystemTime,
}

/// A session that an earlier process opened and whose worker may live.
#[derive(Clone, Debug)]
pub struct RecoveredSession {
    /// Its id.
    pub session_id: SessionId,
    /// What it was opened with.
    pub options: OpenOptions,
    /// When it was opened.
    pub opened_at: SystemTime,
    /// Under which its worker numbers the events.
    pub epoch: u64,
}

/// A worker that is ready.
#[derive(Debug)]
pub struct Launched<P> {
    /// To drive it.
    pub port: P,
    /// What it is.
    pub worker: WorkerIdentity,
}

/// What a worker says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerIdentity {
    /// Its process; 0 when it has none of its own.
    pub process_id: u32,
    /// Random number under which it numbers its events; never 0.
    pub epoch: u64,
    /// The backend it runs.
    pub backend_name: String,
    /// Version of the worker protocol in use.
    pub protocol_version: u32,
}

/// Why no worker came up. The text names what failed and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LaunchError {
    /// The request cannot be met, whatever the state of the system.
    #[error("{0}")]
    Invalid(String),
    /// The worker did not start or did not become ready.
    #[error("{0}")]
    Failed(String),
}

/// Why a command has no reply.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PortError {
    /// The worker is gone; the command did not reach it.
    #[error("the worker is gone: {0}")]
    Gone(String),
    /// The worker does not take commands at the moment; the command did not reach it.
    #[error("the worker does not take commands: {0}")]
    Busy(String),
    /// The worker went away with the command in it: it may or may not have been carried out.
    #[error("the worker went away before it answered: {0}")]
    OutcomeUnknown(String),
    /// The worker did not carry it out.
    #[error("{message}")]
    Refused {
        /// Which kind of refusal.
        kind: RefusalKind,
        /// For people.
        message: String,
    },
}

/// Why a worker did not carry out a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalKind {
    /// Its backend does not do that.
    Unsupported,
    /// It is malformed.
    Invalid,
    /// It is larger than a worker takes.
    TooLarge,
    /// It is ending.
    ShuttingDown,
    /// The request id was used before with another command.
    RequestIdReused,
    /// It was cancelled before it began.
    Cancelled,
    /// The thread that would have to do it is gone.
    ApartmentGone,
}
