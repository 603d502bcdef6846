//! The ways a session ends.

use std::time::Instant;

use mxgateway_session_core::lifecycle::{BeginClose, CloseReason};

use super::{CloseOutcome, Session};
use crate::worker_port::WorkerPort;

impl<P: WorkerPort> Session<P> {
    /// Ends the session and its worker; returns when both are gone. Goes on when the caller does not.
    pub async fn close(&self, reason: CloseReason) -> CloseOutcome {
        let begun = self.0.shared.core().begin_close(reason);
        match begun {
            BeginClose::AlreadyClosed => return CloseOutcome::AlreadyClosed,
            BeginClose::AlreadyClosing => {
                self.0.shared.closed.cancelled().await;
                return CloseOutcome::AlreadyClosed;
            }
            BeginClose::Begun => {}
        }
        self.end_worker(reason);
        self.0.shared.closed.cancelled().await;
        CloseOutcome::Closed
    }

    /// Lets go what is too old, and begins to close what nobody uses any more: looked at and begun in one step, so
    /// that no client is let in between and closed all the same.
    pub(crate) fn sweep(&self, now: Instant) {
        let mut core = self.0.shared.core();
        if self.pending_commands() > 0 {
            // A command on its way is activity. Of a session that takes none there is nothing to hold.
            core.use_now(now).ok();
        }
        let expired = core.sweep(now);
        let begun = expired.filter(|reason| core.begin_close(*reason) == BeginClose::Begun);
        drop(core);
        if let Some(reason) = begun {
            self.end_worker(reason);
        }
    }

    /// The second half of closing.
    fn end_worker(&self, reason: CloseReason) {
        let session = self.clone();
        self.0.tasks.spawn(async move {
            if let Some((port, _)) = session.0.worker.get() {
                port.shutdown(session.0.limits.shutdown_timeout).await;
            }
            session.finish(reason);
        });
    }

    /// Ends the worker by force and closes the session. An administrator's act.
    pub async fn kill(&self) -> CloseOutcome {
        self.bury_worker().await;
        self.close(CloseReason::Administrator).await
    }

    /// Ends the worker by force, if there is one.
    pub(crate) async fn bury_worker(&self) {
        if let Some((port, _)) = self.0.worker.get() {
            port.kill().await;
        }
    }

    /// Ends the session here, and leaves its worker to another process.
    pub(crate) async fn leave(&self) {
        let reason = CloseReason::GatewayShutdown;
        let begun = self.0.shared.core().begin_close(reason);
        match begun {
            BeginClose::AlreadyClosed => return,
            BeginClose::AlreadyClosing => return self.0.shared.closed.cancelled().await,
            BeginClose::Begun => {}
        }
        self.release_worker().await;
        self.finish(reason);
    }

    pub(crate) async fn release_worker(&self) {
        if let Some((port, _)) = self.0.worker.get() {
            port.release().await;
        }
    }

    fn finish(&self, reason: CloseReason) {
        if let Err(error) = self.0.shared.core().closed() {
            tracing::error!(session_id = %self.id(), %error, "Session was not closing when its worker was gone");
        }
        tracing::info!(session_id = %self.id(), %reason, "Session closed");
        self.0.shared.closed.cancel();
        self.0.shared.news.notify_waiters();
    }
}
