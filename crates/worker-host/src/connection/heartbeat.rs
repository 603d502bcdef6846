//! Heartbeats, and the watchdog over the apartment.

use std::time::{Instant, SystemTime};

use mxgateway_contracts::time;
use mxgateway_contracts::worker_v1::{Heartbeat, WorkerFaultCode, WorkerState, envelope::Body};

use super::{Connection, HIGH_WATER_BYTES, Leave, fault};
use crate::service::Watched;

impl Connection<'_, '_> {
    pub(super) fn beat(&mut self) -> Result<(), Leave> {
        let now = Instant::now();
        let watched = self.worker.activity(now);
        let Watched { activity, silent, is_hung } = watched;
        if is_hung && !self.hung {
            watched.log();
            let text = format!("the apartment has not answered for {} ms", silent.as_millis());
            self.queue(0, Body::Fault(fault(WorkerFaultCode::ApartmentHung, text)))?;
        }
        self.hung = is_hung;
        let bounds = self.worker.about.journal.bounds();
        let state = if self.stopping.is_some() { WorkerState::ShuttingDown } else { WorkerState::Ready };
        let heartbeat = Heartbeat {
            state: state.into(),
            last_apartment_activity: SystemTime::now().checked_sub(silent).map(time::timestamp),
            pending_commands: u32::try_from(self.calls.len()).unwrap_or(u32::MAX),
            unsent_events: bounds.unsent,
            newest_sequence: bounds.newest,
            // A call of a gateway that is lost has no number for this one.
            current_call_id: activity.call.and_then(|ticket| self.calls.call_id(ticket)).unwrap_or_default(),
        };
        // A gateway that does not read gets no pile of heartbeats.
        if self.writer.queued_bytes() < HIGH_WATER_BYTES {
            self.queue(0, Body::Heartbeat(heartbeat))?;
        }
        Ok(())
    }
}
