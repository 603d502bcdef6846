//! The parts of a gateway that run, and how they are stopped.

use std::sync::Arc;
use std::time::Duration;

use mxgateway_dashboard::Dashboard;
use tokio::task::{JoinError, JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::gateway::AtStop;
use crate::grpc::Sessions;
use crate::security::Guards;

/// After the sessions are closed, requests have this long to see their end.
const DRAIN: Duration = Duration::from_secs(2);

/// How long the key store may take for the last entries.
const GUARDS: Duration = Duration::from_secs(12);

/// Every part, with what stops it.
pub(crate) struct Running {
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) dashboard: Option<Dashboard>,
    pub(crate) serving: JoinHandle<()>,
    pub(crate) sweeping: JoinHandle<()>,
    pub(crate) watching: JoinHandle<()>,
    pub(crate) reporting: JoinHandle<()>,
    pub(crate) telling: JoinHandle<()>,
    pub(crate) guards: Guards,
    pub(crate) stop_readiness: CancellationToken,
    pub(crate) stop_listening: CancellationToken,
    /// Drops the requests that are still open.
    pub(crate) force: CancellationToken,
    pub(crate) stop_guards: CancellationToken,
}

impl Running {
    /// Waits until one of the parts ends, and says which: none does by itself.
    pub(crate) async fn ended(&mut self) -> &'static str {
        tokio::select! {
            _ = &mut self.serving => "the listener",
            _ = &mut self.sweeping => "the lease sweep",
            _ = &mut self.watching => "the dashboard's watch over sessions",
            _ = &mut self.reporting => "the watch over health",
            _ = &mut self.telling => "the HTTP listener",
            _ = &mut self.guards.verifying => "the watch over API keys",
            _ = &mut self.guards.auditing => "the writer of the audit trail",
        }
    }

    /// Stops everything, in stages; see [`run_with`](crate::run_with). `limit` is for the sessions.
    pub(crate) async fn shut_down(mut self, at_stop: AtStop, limit: Duration) {
        tracing::info!(sessions = self.sessions.list().len(), "Gateway stops");
        self.stop_readiness.cancel();
        finished(self.reporting).await;
        let closing = async {
            match at_stop {
                AtStop::Close => self.sessions.shutdown().await,
                AtStop::HandOver => self.sessions.hand_over().await,
            }
        };
        let mut closing = std::pin::pin!(closing);
        if tokio::time::timeout(limit, &mut closing).await.is_err() {
            tracing::warn!(
                limit_seconds = limit.as_secs_f64(),
                "Sessions did not close in time; their workers are killed"
            );
            self.sessions.kill_all().await;
            closing.await;
        }
        // What is open at the dashboard has seen the sessions' ends by now, or does without.
        if let Some(dashboard) = &self.dashboard
            && tokio::time::timeout(DRAIN, dashboard.close()).await.is_err()
        {
            tracing::debug!("Browsers did not take their goodbyes in time");
        }
        self.stop_listening.cancel();
        if !self.serving.is_finished() && tokio::time::timeout(DRAIN, &mut self.serving).await.is_err() {
            // Readers that do not read their streams' ends.
            self.force.cancel();
            finished(self.serving).await;
        }
        finished(self.telling).await;
        finished(self.watching).await;
        // Last, so that what happened until now is in the audit trail.
        self.stop_guards.cancel();
        for guard in [self.guards.verifying, self.guards.auditing] {
            if !guard.is_finished() && tokio::time::timeout(GUARDS, guard).await.is_err() {
                tracing::warn!("Key store did not take the last entries in time");
            }
        }
        tracing::info!("Gateway stopped");
    }
}

/// Waits for a part, unless its end was seen before.
async fn finished(part: JoinHandle<()>) {
    if !part.is_finished() {
        let _: Result<(), JoinError> = part.await;
    }
}
