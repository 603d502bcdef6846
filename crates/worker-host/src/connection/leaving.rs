//! The end of a connection, in order or not.

use std::time::Duration;

use mxgateway_contracts::worker_v1::{ShutdownAcknowledgement, WorkerFault, WorkerFaultCode, envelope::Body};
use mxgateway_worker_ipc::link::LinkError;
use tokio::time::{timeout, timeout_at};

use super::{Apartment, Connection, Leave, fault, lost};
use crate::apartment::Report;
use crate::worker::Writer;
use mxgateway_worker_ipc::exit::ExitReason;

/// How long the last frames may take to go out.
const LAST_WORDS_LIMIT: Duration = Duration::from_secs(2);
/// How long the apartment may take to end when nobody waits for it any more.
const ABANDON_LIMIT: Duration = Duration::from_secs(5);

impl Connection {
    pub(super) async fn leave(mut self, leave: Leave) -> ExitReason {
        let reason = match leave {
            Leave::Acknowledge(reason) => {
                if let Err(error) = self.acknowledge().await {
                    lost(&error);
                }
                return reason;
            }
            Leave::Abandon(reason) => reason,
            Leave::Violation(message) => {
                tracing::error!(message, "Gateway broke the protocol");
                tell_fault(&mut self.writer, fault(WorkerFaultCode::ProtocolViolation, message)).await;
                ExitReason::ProtocolViolation
            }
        };
        self.worker.inbox.stop();
        if reason == ExitReason::ApartmentHung || self.apartment_ends().await {
            return reason;
        }
        tracing::error!("Apartment did not end when the connection did");
        ExitReason::ApartmentHung
    }

    /// Sends every event that is left, then the acknowledgement, which is the last frame.
    async fn acknowledge(&mut self) -> Result<(), LinkError> {
        let least = tokio::time::Instant::now() + LAST_WORDS_LIMIT;
        let (call_id, deadline) =
            self.stopping.map_or((0, least), |stopping| (stopping.call_id, stopping.deadline.max(least)));
        while self.worker.journal.bounds().unsent > 0 || self.writer.queued_bytes() > 0 {
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

    async fn apartment_ends(&mut self) -> bool {
        if self.apartment != Apartment::Running {
            return true;
        }
        let ended = timeout(ABANDON_LIMIT, async {
            while let Some(report) = self.reports.recv().await {
                if matches!(report, Report::Ended(_)) {
                    break;
                }
            }
        });
        ended.await.is_ok()
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
