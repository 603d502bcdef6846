//! Commands on their way.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mxgateway_session_core::items::{ChangeTicket, PendingChange};

use crate::session::{Changes, InvokeError};
use crate::shared::Shared;

/// Counts a command while it waits.
pub(crate) struct Pending(Arc<AtomicUsize>);

impl Pending {
    pub(crate) fn enter(pending: &Arc<AtomicUsize>, limit: usize) -> Result<Self, InvokeError> {
        let guard = Self(Arc::clone(pending));
        if pending.fetch_add(1, Ordering::Relaxed) >= limit {
            return Err(InvokeError::PendingLimit { limit });
        }
        Ok(guard)
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A command on its way that may change items. Dropped without a reply, it changed nothing that one knows of.
pub(crate) struct InFlight {
    shared: Arc<Shared>,
    ticket: Option<ChangeTicket>,
}

impl InFlight {
    pub(crate) fn begin(shared: &Arc<Shared>, change: PendingChange) -> Self {
        let ticket = shared.core().begin_change(change);
        Self { shared: Arc::clone(shared), ticket: Some(ticket) }
    }

    pub(crate) fn end(mut self, changes: Changes) {
        self.settle(changes);
    }

    fn settle(&mut self, changes: Changes) {
        if let Some(ticket) = self.ticket.take() {
            self.shared.core().end_change(ticket, changes.changes, changes.newest);
            // Events may have waited for it.
            self.shared.news.notify_waiters();
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.settle(Changes::default());
    }
}
