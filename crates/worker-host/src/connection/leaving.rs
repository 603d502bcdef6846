//! The end of a connection, in order or not.

use std::time::Duration;

use mxgateway_contracts::worker_v1::{ShutdownAcknowledgement, WorkerFault, envelope::Body};
use mxgateway_worker_ipc::link::LinkError;
use tokio::time::{timeout, timeout_at};

use super::{Connection, Leave, Served, lost};
use crate::introduction::{Writer, tell_violation};
use mxgateway_worker_ipc::exit::ExitReason;

/// How long the last frames may take to go out.
const LAST_WORDS_LIMIT: Duration = Duration::from_secs(2);

impl Connection<'_, '_> {
    pub(super) async fn leave(mut self, leave: Leave) -> Served {
        let leave = match leave {
            Leave::Lost => self.take_remains().await,
            other @ (Leave::Acknowledge(_) | Leave::Abandon(_) | Leave::Violation(_)) => other,
        };
        let reason = match leave {
            Leave::Acknowledge(reason) => {
                if let Err(error) = self.acknowledge().await {
                    lost(&error);
                }
                return Served::Ended(reason);
            }
            Leave::Abandon(reason) => reason,
            Leave::Violation(message) => {
                tell_violation(&mut self.writer, message).await;
                ExitReason::ProtocolViolation
            }
            Leave::Lost => return Served::Lost,
        };
        Served::Ended(self.worker.end(reason).await)
    }

    /// Sends every event that is left, then the acknowledgement, which is the last frame.
    async fn acknowledge(&mut self) -> Result<(), LinkError> {
        let least = tokio::time::Instant::now() + LAST_WORDS_LIMIT;
        let (call_id, deadline) =
            self.stopping.map_or((0, least), |stopping| (stopping.call_id, stopping.deadline.max(least)));
        while self.worker.about.journal.bounds().unsent > 0 || self.writer.queued_bytes() > 0 {
            if self.queue_events().is_err() {
                return Ok(());
            }
            if !in_time(timeout_at(deadline, self.writer.flush()).await)? {
                return Ok(());
            }
        }
        self.writer.queue(call_id, Body::ShutdownAcknowledgement(ShutdownAcknowledgement {}))?;
        in_time(timeout_at(deadline, self.writer.flush()).await)?;
        Ok(())
    }
}

/// Tells the gateway why this worker is of no use; one that does not listen does not hold the exit up.
pub(crate) async fn tell_fault(writer: &mut Writer, fault: WorkerFault) {
    match timeout(LAST_WORDS_LIMIT, writer.send(0, Body::Fault(fault))).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "Fault could not be told"),
        Err(_elapsed) => tracing::warn!("Gateway took no fault in time"),
    }
}

fn in_time(result: Result<Result<(), LinkError>, tokio::time::error::Elapsed>) -> Result<bool, LinkError> {
    match result {
        Ok(result) => result.map(|()| true),
        Err(_elapsed) => {
            tracing::warn!("Gateway did not take the last events in time");
            Ok(false)
        }
    }
}
