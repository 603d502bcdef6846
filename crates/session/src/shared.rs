//! The one owner of a session's state, shared by its handles, its worker's end and its subscribers.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use mxgateway_session_core::event::Event;
use mxgateway_session_core::items::ItemChange;
use mxgateway_session_core::lifecycle::{Fault, SessionState};
use mxgateway_session_core::session::SessionCore;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::id::SessionId;

/// Target of the log's line for a session that faults, for those who look for such lines.
pub const SESSION_FAULTED: &str = "mxgateway_session::faulted";

pub(crate) struct Shared {
    pub(crate) id: SessionId,
    core: Mutex<SessionCore>,
    /// Something came that a waiting subscriber wants to see.
    pub(crate) news: Notify,
    /// Cancelled by the first fault.
    pub(crate) faulted: CancellationToken,
    /// Cancelled when the session is closed for good.
    pub(crate) closed: CancellationToken,
}

impl Shared {
    pub(crate) fn new(id: SessionId, core: SessionCore) -> Arc<Self> {
        Arc::new(Self {
            id,
            core: Mutex::new(core),
            news: Notify::new(),
            faulted: CancellationToken::new(),
            closed: CancellationToken::new(),
        })
    }

    /// The state; never held across an await.
    pub(crate) fn core(&self) -> MutexGuard<'_, SessionCore> {
        self.core.lock()
    }

    fn after_fault(&self, fault: &Fault) {
        tracing::warn!(target: SESSION_FAULTED, session_id = %self.id, error = %fault, "Session faulted");
        self.faulted.cancel();
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Shared").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Where a worker's end puts what comes from the worker.
#[derive(Clone, Debug)]
pub struct EventSink {
    pub(crate) shared: Arc<Shared>,
}

impl EventSink {
    /// The session it belongs to.
    pub fn session_id(&self) -> SessionId {
        self.shared.id
    }

    /// The worker connected; both ends prove themselves now.
    pub fn handshaking(&self) {
        if let Err(error) = self.shared.core().advance(SessionState::Handshaking) {
            // A close that came in between is the one way here; the launch is about to be dropped.
            tracing::debug!(session_id = %self.shared.id, %error, "Handshake of a session that ends");
        }
    }

    /// Takes events over, oldest first and numbered without holes. Never waits for a subscriber.
    pub fn publish(&self, events: impl IntoIterator<Item = Event>) {
        let fault = self.shared.core().publish(events, Instant::now());
        self.after_publish(fault);
    }

    /// Says that the worker lost its events after the last published one up to `to`.
    pub fn publish_loss(&self, to: u64) {
        tracing::warn!(session_id = %self.shared.id, to_sequence = to, "Worker lost events");
        let fault = self.shared.core().publish_loss(to, Instant::now());
        self.after_publish(fault);
    }

    /// The worker failed: the session faults, unless it is closing anyway.
    pub fn fail(&self, fault: Fault) {
        let news = self.shared.core().fail(fault.clone());
        if news {
            self.after_publish(Some(fault));
        }
    }

    /// Of a worker that is taken over: its first event comes after this sequence, and what was before is gone.
    pub fn begin_after(&self, sequence: u64) {
        if sequence == 0 {
            return;
        }
        if let Err(error) = self.shared.core().begin_after(sequence, Instant::now()) {
            tracing::error!(session_id = %self.shared.id, %error, "Events came before their beginning");
        }
    }

    /// Of a worker that is taken over: what is registered, added and advised, as it says itself.
    pub fn restore(&self, items: impl IntoIterator<Item = ItemChange>) {
        let mut core = self.shared.core();
        for item in items {
            core.apply(item);
        }
    }

    /// Waits until the event of this sequence was published, or the session faults. Cancel-safe.
    pub async fn reached(&self, sequence: u64) {
        loop {
            let news = self.shared.news.notified();
            tokio::pin!(news);
            news.as_mut().enable();
            let newest = self.shared.core().distributor().newest().sequence;
            if newest >= sequence || self.shared.faulted.is_cancelled() {
                return;
            }
            news.await;
        }
    }

    fn after_publish(&self, fault: Option<Fault>) {
        if let Some(fault) = fault {
            self.shared.after_fault(&fault);
        }
        self.shared.news.notify_waiters();
    }
}
