//! Heartbeats, and the watchdog over the apartment.

use std::time::{Instant, SystemTime};

use mxgateway_contracts::time;
use mxgateway_contracts::worker_v1::{Heartbeat, WorkerFaultCode, WorkerState, envelope::Body};

use super::{Apartment, Connection, HIGH_WATER_BYTES, Leave, fault};

impl Connection {
    pub(super) fn beat(&mut self) -> Result<(), Leave> {
        let now = Instant::now();
        let activity = self.worker.pulse.read();
        let silent = now.saturating_duration_since(activity.last);
        let is_hung = self.apartment == Apartment::Running && activity.is_hung(now, self.worker.hung_ceiling);
        if is_hung && !self.hung {
            let call_id = activity.call.unwrap_or_default();
            tracing::error!(call_id, silent_seconds = silent.as_secs(), "Apartment does not answer");
            let text = format!("the apartment has not answered for {} ms", silent.as_millis());
            self.queue(0, Body::Fault(fault(WorkerFaultCode::ApartmentHung, text)))?;
        }
        self.hung = is_hung;
        let bounds = self.worker.journal.bounds();
        let state = if self.stopping.is_some() { WorkerState::ShuttingDown } else { WorkerState::Ready };
        let heartbeat = Heartbeat {
            state: state.into(),
            last_apartment_activity: SystemTime::now().checked_sub(silent).map(time::timestamp),
            pending_commands: u32::try_from(self.pending.len()).unwrap_or(u32::MAX),
            unsent_events: bounds.unsent,
            newest_sequence: bounds.newest,
            current_call_id: activity.call.unwrap_or_default(),
        };
        // A gateway that does not read gets no pile of heartbeats.
        if self.writer.queued_bytes() < HIGH_WATER_BYTES {
            self.queue(0, Body::Heartbeat(heartbeat))?;
        }
        Ok(())
    }
}
