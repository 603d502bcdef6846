//! What comes from the gateway.

use std::time::Duration;

use mxgateway_contracts::time;
use mxgateway_contracts::v1::mx_command::Payload;
use mxgateway_contracts::worker_v1::{Command, CommandRefusalCode, envelope::Body};
use mxgateway_worker_ipc::exit::ExitReason;
use mxgateway_worker_ipc::link::{Received, body_name};

use super::{Connection, DEFAULT_GRACE, Leave, Stopping, control, gone};
use crate::commands::refusal;
use crate::inbox::Job;
use crate::requests::Begin;
use crate::service::Apartment;

impl Connection<'_, '_> {
    pub(super) fn receive(&mut self, received: Received) -> Result<(), Leave> {
        let Received { call_id, body } = received;
        match body {
            Body::Command(command) => self.command(call_id, command),
            Body::Cancel(_) => self.cancel(call_id),
            Body::Shutdown(shutdown) => {
                let grace = shutdown.grace.as_ref().and_then(time::duration).unwrap_or(DEFAULT_GRACE);
                self.stop(call_id, grace)
            }
            Body::OutliveGateway(outlive) => {
                let lifetime = outlive.max_orphan_lifetime.as_ref().and_then(time::duration);
                self.worker.orphan_lifetime = lifetime.filter(|lifetime| !lifetime.is_zero());
                Ok(())
            }
            Body::GatewayHello(_)
            | Body::WorkerHello(_)
            | Body::GatewayProof(_)
            | Body::WorkerReady(_)
            | Body::StartEvents(_)
            | Body::CommandReply(_)
            | Body::EventBatch(_)
            | Body::EventLoss(_)
            | Body::Heartbeat(_)
            | Body::Fault(_)
            | Body::ShutdownAcknowledgement(_) => {
                Err(Leave::Violation(format!("{} is not for a worker to receive", body_name(&body))))
            }
        }
    }

    fn cancel(&mut self, call_id: u64) -> Result<(), Leave> {
        let Some(ticket) = self.calls.ticket(call_id) else { return Ok(()) };
        // It goes on for another call with the same request id.
        if self.worker.requests.is_followed(ticket) {
            return Ok(());
        }
        if self.worker.requests.unfollow(ticket) || self.worker.inbox.cancel(ticket) {
            let refusal = refusal(CommandRefusalCode::Cancelled, "cancelled before it began");
            return self.answer(ticket, Err(refusal));
        }
        // It has begun, or is done: its answer comes or came.
        Ok(())
    }

    fn command(&mut self, call_id: u64, command: Command) -> Result<(), Leave> {
        let Command { command, request_id, correlation_id: _ } = command;
        let command = command.unwrap_or_default();
        let ticket = self.worker.tickets.next();
        if !self.calls.open(call_id, ticket) {
            return Err(Leave::Violation(format!("call id {call_id} is in use")));
        }
        if self.stopping.is_some() {
            let refusal = refusal(CommandRefusalCode::ShuttingDown, "the worker is shutting down");
            return self.answer(ticket, Err(refusal));
        }
        if !request_id.is_empty() {
            let requests = &mut self.worker.requests;
            let fingerprint = requests.fingerprint(&command);
            match requests.begin(&request_id, fingerprint, ticket) {
                Begin::Fresh => {}
                Begin::Repeated(reply) => return self.send(ticket, Ok(*reply), true),
                Begin::InProgress => return Ok(()),
                Begin::Reused => {
                    let text = "the request id was used before with another command; use a new one";
                    return self.answer(ticket, Err(refusal(CommandRefusalCode::RequestIdReused, text)));
                }
            }
        }
        match &command.payload {
            Some(Payload::GetWorkerInfo(_)) => {
                return self.answer(ticket, Ok(control::worker_info(self.worker, self.protocol_version)));
            }
            Some(Payload::DrainEvents(drain)) => {
                let reply = control::drain_events(self.worker, drain.max_events);
                return self.answer(ticket, reply);
            }
            Some(Payload::ShutdownWorker(_)) => {
                self.answer(ticket, Ok(control::shutting_down()))?;
                return self.stop(0, DEFAULT_GRACE);
            }
            Some(_) | None => {}
        }
        if self.worker.apartment == Apartment::Gone {
            return self.answer(ticket, Err(gone()));
        }
        if !self.worker.inbox.push(Job { ticket, command: Box::new(command) }) {
            // The apartment has just ended; its report, on the way, answers all that is pending.
            tracing::debug!(call_id, "Command came after the apartment's end");
        }
        Ok(())
    }

    pub(super) fn stop(&mut self, call_id: u64, grace: Duration) -> Result<(), Leave> {
        if self.stopping.is_some() {
            return Ok(());
        }
        self.stopping = Some(Stopping { call_id, deadline: tokio::time::Instant::now() + grace });
        for job in self.worker.inbox.stop() {
            let refusal = refusal(CommandRefusalCode::ShuttingDown, "the worker is shutting down");
            self.answer(job.ticket, Err(refusal))?;
        }
        match self.worker.apartment {
            Apartment::Running => Ok(()),
            Apartment::Stopped => Err(Leave::Acknowledge(ExitReason::Success)),
            Apartment::Gone => Err(Leave::Acknowledge(ExitReason::ApartmentGone)),
        }
    }
}
