//! A running worker, as its session drives it.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use mxgateway_contracts::time::wire_duration;
use mxgateway_contracts::v1::MxCommandReply;
use mxgateway_contracts::worker_v1::{Cancel, Command, OutliveGateway, Shutdown, envelope::Body};
use mxgateway_session::{OnReply, PortError, RefusalKind, SessionId, WorkerPort};
use parking_lot::Mutex;
use prost::Message;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::{debug, warn};

use crate::pending::{Answer, Pending};

/// Frames that may wait for the worker to read.
const OUTBOUND_FRAMES: usize = 256;
/// Bytes of commands that may wait for the worker to read, in commands of the largest size.
const OUTBOUND_LARGEST: usize = 2;
/// What an envelope adds to a command at most, beside the session id.
const ENVELOPE_BYTES: usize = 64;

/// A worker's answer to a command.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkerReply {
    /// The reply itself.
    pub reply: MxCommandReply,
    /// The command had been carried out before under the same request id; this is the reply it got then.
    pub repeated_request: bool,
    /// Newest event raised until the reply; some of those before may still come after it.
    pub newest_sequence: u64,
}

/// A running worker. Dropping it ends the worker by force.
pub struct Worker {
    link: Arc<WorkerLink>,
    _kill: DropGuard,
}

impl fmt::Debug for Worker {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Worker").field("session_id", &self.link.session_id).finish_non_exhaustive()
    }
}

/// What a worker's handle and its guardian share.
#[derive(Debug)]
pub(crate) struct WorkerLink {
    pub(crate) session_id: SessionId,
    pub(crate) pending: Mutex<Pending>,
    /// Cancelled when the end was asked for, so that it is no fault.
    pub(crate) stopping: CancellationToken,
    /// Cancelled when the worker has to end now.
    pub(crate) kill: CancellationToken,
    /// Cancelled when the worker is left to another gateway.
    pub(crate) released: CancellationToken,
    /// Cancelled when nothing of it is left here.
    pub(crate) gone: CancellationToken,
    outbound: mpsc::Sender<Outbound>,
    room: Arc<Semaphore>,
    max_command_bytes: usize,
}

/// A frame that waits to be sent; its room is given back after that.
#[derive(Debug)]
pub(crate) struct Outbound {
    pub(crate) call_id: u64,
    pub(crate) body: Body,
    pub(crate) room: Option<OwnedSemaphorePermit>,
}

impl WorkerLink {
    /// The shared part, and where its frames come out.
    pub(crate) fn new(
        session_id: SessionId,
        max_frame_bytes: u32,
        generation: u64,
    ) -> (Arc<Self>, mpsc::Receiver<Outbound>) {
        let (outbound, frames) = mpsc::channel(OUTBOUND_FRAMES);
        let overhead = session_id.to_string().len() + ENVELOPE_BYTES;
        let largest = usize::try_from(max_frame_bytes).unwrap_or(usize::MAX);
        let link = Self {
            session_id,
            pending: Mutex::new(Pending::of_generation(generation)),
            stopping: CancellationToken::new(),
            kill: CancellationToken::new(),
            released: CancellationToken::new(),
            gone: CancellationToken::new(),
            outbound,
            room: Arc::new(Semaphore::new(
                largest.saturating_mul(OUTBOUND_LARGEST).min(Semaphore::MAX_PERMITS),
            )),
            max_command_bytes: largest.saturating_sub(overhead),
        };
        (Arc::new(link), frames)
    }

    /// Tells the worker to live on without this gateway, which takes until there is room for it. When it cannot be sent,
    /// the connection has ended.
    pub(crate) async fn outlive(&self, lifetime: Duration) {
        let outlive = OutliveGateway { max_orphan_lifetime: Some(wire_duration(lifetime)) };
        let frame = Outbound { call_id: 0, body: Body::OutliveGateway(outlive), room: None };
        self.outbound.send(frame).await.ok();
    }

    /// Sends a command: the call, which is abandoned when dropped, and where its answer will be.
    fn send(
        &self,
        command: Command,
        on_reply: Option<OnReply<WorkerReply>>,
    ) -> Result<(Call<'_>, oneshot::Receiver<Answer>), PortError> {
        let (call_id, answer) = self.pending.lock().begin(on_reply)?;
        if let Err(error) = self.send_command(call_id, command) {
            // Not sent, so there is nothing to cancel.
            let unsent = self.pending.lock().answered(call_id);
            drop(unsent);
            return Err(error);
        }
        Ok((Call { link: self, call_id }, answer))
    }

    fn send_command(&self, call_id: u64, command: Command) -> Result<(), PortError> {
        let bytes = command.encoded_len();
        if bytes > self.max_command_bytes {
            let message = format!(
                "the command has {bytes} bytes, more than the {} that a worker takes",
                self.max_command_bytes
            );
            return Err(PortError::Refused { kind: RefusalKind::TooLarge, message });
        }
        let busy = |what: &str| PortError::Busy(format!("it does not read, and {what} wait for it"));
        let room = u32::try_from(bytes)
            .ok()
            .and_then(|bytes| Arc::clone(&self.room).try_acquire_many_owned(bytes).ok());
        let Some(room) = room else { return Err(busy("too many bytes")) };
        let frame = Outbound { call_id, body: Body::Command(command), room: Some(room) };
        self.outbound.try_send(frame).map_err(|error| match error {
            TrySendError::Full(_) => busy("too many commands"),
            TrySendError::Closed(_) => PortError::Gone("its connection ended".to_owned()),
        })
    }
}

impl Worker {
    pub(crate) fn new(link: Arc<WorkerLink>) -> Self {
        let kill = link.kill.clone().drop_guard();
        Self { link, _kill: kill }
    }
}

impl WorkerPort for Worker {
    type Command = Command;
    type Reply = WorkerReply;

    fn invoke(
        &self,
        command: Command,
        on_reply: Option<OnReply<WorkerReply>>,
    ) -> impl Future<Output = Result<WorkerReply, PortError>> + Send {
        let sent = self.link.send(command, on_reply);
        async {
            let (call, answer) = sent?;
            let answer = answer.await;
            drop(call);
            answer.unwrap_or_else(|_| Err(PortError::OutcomeUnknown("the call was lost".to_owned())))
        }
    }

    async fn shutdown(&self, limit: Duration) {
        let link = &self.link;
        link.stopping.cancel();
        let shutdown = Shutdown { grace: Some(wire_duration(limit)) };
        let frame = Outbound { call_id: 0, body: Body::Shutdown(shutdown), room: None };
        let orderly = async {
            // When it cannot be sent, the connection has ended and the guardian is at work.
            link.outbound.send(frame).await.ok();
            link.gone.cancelled().await;
        };
        if tokio::time::timeout(limit, orderly).await.is_err() {
            warn!(session_id = %link.session_id, limit_ms = limit.as_millis(), "Worker did not end in time and is killed");
        }
        self.kill().await;
    }

    async fn release(&self) {
        self.link.released.cancel();
        self.link.gone.cancelled().await;
    }

    async fn kill(&self) {
        self.link.stopping.cancel();
        self.link.kill.cancel();
        self.link.gone.cancelled().await;
    }
}

/// A call that waits; dropped before its answer, it is cancelled.
struct Call<'a> {
    link: &'a WorkerLink,
    call_id: u64,
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        if !self.link.pending.lock().abandon(self.call_id) {
            return;
        }
        let frame = Outbound { call_id: self.call_id, body: Body::Cancel(Cancel {}), room: None };
        if self.link.outbound.try_send(frame).is_err() {
            // The worker then finishes for nobody.
            debug!(session_id = %self.link.session_id, call_id = self.call_id, "Cancel was not sent");
        }
    }
}
