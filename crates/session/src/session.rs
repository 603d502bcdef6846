//! A handle to one session.

use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime};

use mxgateway_session_core::distributor::{SubscribeOptions, SubscriberStatus};
use mxgateway_session_core::event::{ItemKey, Position};
use mxgateway_session_core::items::{Item, ItemChange, PendingChange};
use mxgateway_session_core::lifecycle::{CloseReason, Fault, SessionState};
use mxgateway_session_core::session::{AttachError, NotUsable};
use parking_lot::Mutex;
use tokio_util::task::TaskTracker;

use crate::id::SessionId;
use crate::in_flight::{InFlight, Pending};
use crate::shared::Shared;
use crate::subscription::Subscription;
use crate::worker_port::{OnReply, PortError, WorkerIdentity, WorkerPort};

mod closing;

/// What a session is opened with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenOptions {
    /// Which backend; empty for the launcher's default.
    pub backend: String,
    /// The client's name for it.
    pub client_name: String,
    /// Mark that access rules refer to.
    pub tag: String,
    /// Id of the key that opened it.
    pub owner: Option<String>,
    /// Default limit of one command.
    pub command_timeout: Duration,
}

/// Why a command has no reply.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvokeError {
    /// The session is in no state for commands.
    #[error(transparent)]
    NotUsable(#[from] NotUsable),
    /// As many commands wait as are allowed.
    #[error("{limit} commands of the session wait for their replies, which is the limit")]
    PendingLimit {
        /// The limit.
        limit: usize,
    },
    /// No reply in time. The command is not undone.
    #[error("no reply within {} s", limit.as_secs_f64())]
    Timeout {
        /// The limit.
        limit: Duration,
    },
    /// The worker's end failed.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// A command that has to do with items.
pub struct ItemCommand<P: WorkerPort> {
    /// The command.
    pub command: P::Command,
    /// What it may change; `None` when it changes no items.
    pub changing: Option<Changing<P::Reply>>,
}

impl<P: WorkerPort> std::fmt::Debug for ItemCommand<P> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("ItemCommand").field("changing", &self.changing).finish_non_exhaustive()
    }
}

/// What a command may change about the session's items.
pub struct Changing<R> {
    /// What events have to wait for until the reply is there.
    pub pending: PendingChange,
    /// Tells from the reply what it did change.
    pub changes: ReadChanges<R>,
}

/// From a reply to what it changed.
pub type ReadChanges<R> = Box<dyn FnOnce(&R) -> Changes + Send>;

/// What a command changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// The changes, in order.
    pub changes: Vec<ItemChange>,
    /// Sequence of the newest event that was raised until the reply, which may not have arrived yet.
    pub newest: u64,
}

impl<R> std::fmt::Debug for Changing<R> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Changing").field("pending", &self.pending).finish_non_exhaustive()
    }
}

/// How [`Session::close`] went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseOutcome {
    /// This call closed it.
    Closed,
    /// It was closed before, or somebody else's close ended meanwhile.
    AlreadyClosed,
}

/// A look at a session.
#[derive(Clone, Debug)]
pub struct SessionStatus {
    /// Where it is.
    pub state: SessionState,
    /// Why it is closing or closed.
    pub close_reason: Option<CloseReason>,
    /// What made it fail.
    pub fault: Option<Fault>,
    /// When something was last done with it.
    pub last_activity: SystemTime,
    /// First and last retained sequence.
    pub retained: Option<(u64, u64)>,
    /// Newest sequence.
    pub newest_sequence: u64,
    /// Events that can be replayed.
    pub retained_events: usize,
    /// Bytes the ring holds.
    pub held_bytes: usize,
    /// Events received since the session began.
    pub received_events: u64,
    /// Who reads, with the time each has been there.
    pub subscribers: Vec<(SubscriberStatus, Duration)>,
    /// Items added.
    pub items: usize,
    /// Items advised.
    pub advised_items: usize,
}

impl SessionStatus {
    /// Why it is closing, closed or faulted, for people; empty otherwise.
    pub fn reason(&self) -> String {
        match (&self.fault, self.close_reason) {
            (Some(fault), _) => fault.to_string(),
            (None, Some(reason)) => reason.to_string(),
            (None, None) => String::new(),
        }
    }
}

struct Inner<P> {
    shared: Arc<Shared>,
    worker: OnceLock<(P, WorkerIdentity)>,
    options: OpenOptions,
    limits: SessionLimits,
    pending: Arc<AtomicUsize>,
    /// Held while a command that has to do with items is made and sent.
    item_commands: Mutex<()>,
    opened_at: SystemTime,
    /// Runs the close, so that it ends also when its caller goes away.
    tasks: TaskTracker,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct SessionLimits {
    pub(crate) max_pending_commands: usize,
    pub(crate) shutdown_timeout: Duration,
    pub(crate) bookmark_interval: Duration,
}

/// A handle to one session; cheap to clone.
pub struct Session<P>(Arc<Inner<P>>);

impl<P> Clone for Session<P> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<P> std::fmt::Debug for Session<P> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Session").field("id", &self.0.shared.id).finish_non_exhaustive()
    }
}

impl<P: WorkerPort> Session<P> {
    pub(crate) fn new(
        shared: Arc<Shared>,
        options: OpenOptions,
        limits: SessionLimits,
        opened_at: SystemTime,
        tasks: TaskTracker,
    ) -> Self {
        Self(Arc::new(Inner {
            shared,
            worker: OnceLock::new(),
            options,
            limits,
            pending: Arc::default(),
            item_commands: Mutex::default(),
            opened_at,
            tasks,
        }))
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.0.shared
    }

    /// Takes the worker in, once.
    pub(crate) fn set_worker(&self, port: P, identity: WorkerIdentity) {
        let _: Result<(), (P, WorkerIdentity)> = self.0.worker.set((port, identity));
    }

    /// Its id.
    pub fn id(&self) -> SessionId {
        self.0.shared.id
    }

    /// What it was opened with.
    pub fn options(&self) -> &OpenOptions {
        &self.0.options
    }

    /// When it was opened.
    pub fn opened_at(&self) -> SystemTime {
        self.0.opened_at
    }

    /// Its worker; `None` until that is ready.
    pub fn worker(&self) -> Option<&WorkerIdentity> {
        self.0.worker.get().map(|(_, identity)| identity)
    }

    /// Where it is.
    pub fn state(&self) -> SessionState {
        self.0.shared.core().lifecycle().state()
    }

    /// A look at it.
    pub fn status(&self) -> SessionStatus {
        let now = Instant::now();
        let core = self.0.shared.core();
        let (items, advised_items) = (core.items().added(), core.items().advised());
        let idle = now.saturating_duration_since(core.last_activity());
        let distributor = core.distributor();
        let ring = distributor.ring();
        SessionStatus {
            state: core.lifecycle().state(),
            close_reason: core.lifecycle().close_reason(),
            fault: core.lifecycle().fault().cloned(),
            last_activity: SystemTime::now().checked_sub(idle).unwrap_or(self.0.opened_at),
            retained: ring.retained(),
            newest_sequence: ring.newest(),
            retained_events: ring.retained_events(),
            held_bytes: ring.held_bytes(),
            received_events: distributor.received(),
            subscribers: distributor
                .subscribers()
                .map(|status| (status, now.saturating_duration_since(status.attached_at)))
                .collect(),
            items,
            advised_items,
        }
    }

    /// Position of the newest event; its sequence is 0 before the first.
    pub fn newest(&self) -> Position {
        self.0.shared.core().distributor().newest()
    }

    /// The items behind handles, in their order; `None` for a handle that has none, or that a command on its way
    /// may free for another item.
    pub fn items(&self, keys: &[ItemKey]) -> Vec<Option<Item>> {
        let core = self.0.shared.core();
        keys.iter().map(|key| core.items().settled(*key).cloned()).collect()
    }

    /// Carries out one command. `limit` bounds the waiting, not the command.
    pub async fn invoke(&self, command: P::Command, limit: Duration) -> Result<P::Reply, InvokeError> {
        let pending = self.enter()?;
        let waiting = self.port()?.invoke(command, None);
        let reply = within(limit, waiting).await;
        drop(pending);
        reply
    }

    /// Carries out one command that has to do with items. `prepare` makes it, and no other such command is sent
    /// between that and the sending: what [`Self::items`] says meanwhile is true of the command. What the command
    /// changes is taken over when the reply comes in, also when nobody waits for it any more.
    pub async fn invoke_on_items<E: From<InvokeError>>(
        &self,
        limit: Duration,
        prepare: impl FnOnce() -> Result<ItemCommand<P>, E>,
    ) -> Result<P::Reply, E> {
        // Counts until the reply is there, so that what waits for replies is bounded.
        let pending = self.enter()?;
        let port = self.port()?;
        let waiting = {
            let _order = self.0.item_commands.lock();
            let ItemCommand { command, changing } = prepare()?;
            let on_reply: Option<OnReply<P::Reply>> = changing.map(|changing| {
                let in_flight = InFlight::begin(&self.0.shared, changing.pending);
                let on_reply: OnReply<P::Reply> = Box::new(move |reply: &P::Reply| {
                    in_flight.end((changing.changes)(reply));
                    drop(pending);
                });
                on_reply
            });
            port.invoke(command, on_reply)
        };
        Ok(within(limit, waiting).await?)
    }

    /// Commands that wait for their replies.
    pub fn pending_commands(&self) -> usize {
        self.0.pending.load(Ordering::Relaxed)
    }

    fn enter(&self) -> Result<Pending, InvokeError> {
        self.0.shared.core().use_now(Instant::now())?;
        Pending::enter(&self.0.pending, self.0.limits.max_pending_commands)
    }

    fn port(&self) -> Result<&P, InvokeError> {
        let worker = self.0.worker.get();
        worker.map(|(port, _)| port).ok_or(NotUsable::State(SessionState::Creating).into())
    }

    /// Begins to read the events.
    pub fn subscribe(&self, options: SubscribeOptions) -> Result<Subscription, AttachError> {
        let (id, start) = self.0.shared.core().subscribe(options, Instant::now())?;
        Ok(Subscription::new(Arc::clone(&self.0.shared), id, start, self.0.limits.bookmark_interval))
    }
}

async fn within<R>(
    limit: Duration,
    reply: impl Future<Output = Result<R, PortError>>,
) -> Result<R, InvokeError> {
    match tokio::time::timeout(limit, reply).await {
        Ok(reply) => Ok(reply?),
        Err(_) => Err(InvokeError::Timeout { limit }),
    }
}
