//! Serving the gateway: one loop that owns both directions of the connection. Commands go to the
//! apartment, answers and events come back, in as few writes as the connection allows.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use mxgateway_contracts::v1::mx_command::Payload;
use mxgateway_contracts::worker_v1::{
    Command, CommandRefusalCode, EventBatch, EventLoss, WorkerFault, WorkerFaultCode, envelope::Body,
};
use mxgateway_contracts::{hresult, time};
use mxgateway_session_core::ring::ReadBudget;
use mxgateway_worker_ipc::frame::FrameError;
use mxgateway_worker_ipc::link::{LinkError, Received, body_name};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Interval, MissedTickBehavior, interval, sleep_until};

use crate::activity::Pulse;
use crate::apartment::{End, Report};
use crate::commands::{self, Answer, refusal};
use crate::inbox::{Inbox, Job};
use crate::journal::{Journal, Outgoing};
use crate::mxaccess::Identity;
use crate::requests::{Begin, Requests};
use crate::worker::{Reader, Writer};
use mxgateway_worker_ipc::exit::ExitReason;

mod control;
mod heartbeat;
mod leaving;

pub(crate) use leaving::tell_fault;

/// How long a shutdown may take that names no grace.
const DEFAULT_GRACE: Duration = Duration::from_secs(10);
/// One frame of events.
const BATCH: ReadBudget = ReadBudget { events: 512, bytes: 64 * 1024 };
/// With this much waiting for the gateway, no more is taken from the journal, and no more commands.
const HIGH_WATER_BYTES: usize = 256 * 1024;
/// Commands whose answer is not written yet; with more, no more are read.
const MAX_PENDING: usize = 1024;

/// What the connection serves.
pub(crate) struct Worker {
    pub(crate) identity: Identity,
    pub(crate) epoch: u64,
    pub(crate) protocol_version: u32,
    pub(crate) journal: Arc<Journal>,
    pub(crate) inbox: Arc<Inbox>,
    pub(crate) pulse: Pulse,
    pub(crate) requests: Requests,
    pub(crate) heartbeat: Duration,
    pub(crate) hung_ceiling: Duration,
    pub(crate) max_frame_bytes: u32,
}

struct Connection {
    worker: Worker,
    reader: Reader,
    writer: Writer,
    reports: UnboundedReceiver<Report>,
    heartbeat: Interval,
    /// Calls that the apartment has, or will get.
    pending: BTreeSet<u64>,
    apartment: Apartment,
    stopping: Option<Stopping>,
    hung: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Apartment {
    Running,
    Stopped,
    Gone,
}

#[derive(Clone, Copy)]
struct Stopping {
    /// Call id of the shutdown.
    call_id: u64,
    deadline: tokio::time::Instant,
}

/// Why the loop is left.
enum Leave {
    /// The shutdown is done; it remains to say so.
    Acknowledge(ExitReason),
    /// Nobody waits for anything any more.
    Abandon(ExitReason),
    /// The gateway said something it must not say.
    Violation(String),
}

/// Serves until a shutdown, or until the connection ends.
pub(crate) async fn serve(
    worker: Worker,
    mut reader: Reader,
    writer: Writer,
    reports: UnboundedReceiver<Report>,
) -> ExitReason {
    let started = match reader.read().await {
        Ok(Some(Received { body: Body::StartEvents(start), .. })) => {
            worker.journal.start(start.after_sequence).map_err(|error| Leave::Violation(error.to_string()))
        }
        Ok(Some(Received { body, .. })) => {
            Err(Leave::Violation(format!("{} came where StartEvents follows", body_name(&body))))
        }
        other => Err(Leave::Abandon(interrupted(other))),
    };
    let mut heartbeat = interval(worker.heartbeat);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut connection = Connection {
        worker,
        reader,
        writer,
        reports,
        heartbeat,
        pending: BTreeSet::new(),
        apartment: Apartment::Running,
        stopping: None,
        hung: false,
    };
    let leave = match started {
        Ok(()) => connection.run().await,
        Err(leave) => leave,
    };
    connection.leave(leave).await
}

/// What an unexpected end (or frame) of the gateway's side comes to.
pub(crate) fn interrupted(received: Result<Option<Received>, LinkError>) -> ExitReason {
    match received {
        Ok(None) => {
            tracing::warn!("Gateway closed the connection");
            ExitReason::GatewayLost
        }
        Ok(Some(received)) => {
            tracing::error!(frame = body_name(&received.body), "Gateway sent a frame out of turn");
            ExitReason::ProtocolViolation
        }
        Err(error) => lost(&error),
    }
}

/// The fault of a backend that panicked.
pub(crate) fn apartment_gone() -> WorkerFault {
    fault(WorkerFaultCode::ApartmentGone, "the backend panicked; the worker's log says where")
}

fn lost(error: &LinkError) -> ExitReason {
    tracing::warn!(error = error as &dyn std::error::Error, "Connection to the gateway failed");
    match error {
        LinkError::Frame(FrameError::Io(_) | FrameError::Truncated(_)) => ExitReason::GatewayLost,
        LinkError::Frame(FrameError::Empty | FrameError::TooLarge { .. } | FrameError::Malformed(_))
        | LinkError::SessionMismatch { .. }
        | LinkError::OutOfOrder { .. }
        | LinkError::NoBody(_) => ExitReason::ProtocolViolation,
    }
}

fn fault(code: WorkerFaultCode, message: impl Into<String>) -> WorkerFault {
    WorkerFault { code: code.into(), hresult: 0, message: message.into() }
}

impl Connection {
    async fn run(&mut self) -> Leave {
        loop {
            if let Err(leave) = self.queue_events() {
                return leave;
            }
            let waiting = self.writer.queued_bytes();
            let has_room = waiting < HIGH_WATER_BYTES;
            let may_read = has_room && self.pending.len() < MAX_PENDING;
            let deadline = self.stopping.map(|stopping| stopping.deadline);
            let result = tokio::select! {
                received = self.reader.read(), if may_read => match received {
                    Ok(Some(received)) => self.receive(received),
                    // A gateway that asked for the end need not wait for it.
                    Ok(None) if self.stopping.is_some() => Err(Leave::Abandon(ExitReason::Success)),
                    other => Err(Leave::Abandon(interrupted(other))),
                },
                Some(report) = self.reports.recv() => self.report(report),
                () = self.worker.journal.pushed(), if has_room => Ok(()),
                _ = self.heartbeat.tick() => self.beat(),
                flushed = self.writer.flush(), if waiting > 0 => {
                    flushed.map_err(|error| Leave::Abandon(lost(&error)))
                }
                () = sleep_until(deadline.unwrap_or_else(tokio::time::Instant::now)), if deadline.is_some() => {
                    tracing::error!("Apartment did not end within the grace of the shutdown");
                    Err(Leave::Abandon(ExitReason::ApartmentHung))
                }
            };
            if let Err(leave) = result {
                return leave;
            }
        }
    }

    /// Moves events from the journal to the frames that wait, up to the high-water mark.
    fn queue_events(&mut self) -> Result<(), Leave> {
        while self.writer.queued_bytes() < HIGH_WATER_BYTES {
            let body = match self.worker.journal.take(BATCH) {
                Outgoing::Nothing => return Ok(()),
                Outgoing::Loss { from, to } => {
                    tracing::warn!(from, to, "Journal let events go before the gateway took them");
                    loss(from, to)
                }
                Outgoing::Events { first, events } => {
                    let is_single = events.len() == 1;
                    match self.writer.queue(0, Body::EventBatch(EventBatch { events })) {
                        Err(LinkError::Frame(FrameError::TooLarge { length, limit })) if is_single => {
                            tracing::warn!(sequence = first, length, limit, "Event is too large for a frame");
                            self.worker.journal.count_unsendable();
                            loss(first, first)
                        }
                        Err(error) => return Err(Leave::Abandon(lost(&error))),
                        Ok(()) => continue,
                    }
                }
            };
            self.queue(0, body)?;
        }
        Ok(())
    }

    fn queue(&mut self, call_id: u64, body: Body) -> Result<(), Leave> {
        self.writer.queue(call_id, body).map_err(|error| Leave::Abandon(lost(&error)))
    }

    fn receive(&mut self, received: Received) -> Result<(), Leave> {
        let Received { call_id, body } = received;
        match body {
            Body::Command(command) => self.command(call_id, command),
            // It goes on for another call with the same request id.
            Body::Cancel(_) if self.worker.requests.is_followed(call_id) => Ok(()),
            Body::Cancel(_)
                if self.worker.requests.unfollow(call_id) || self.worker.inbox.cancel(call_id) =>
            {
                self.answer(call_id, Err(refusal(CommandRefusalCode::Cancelled, "cancelled before it began")))
            }
            // It has begun, or is done: its answer comes or came.
            Body::Cancel(_) => Ok(()),
            Body::Shutdown(shutdown) => {
                let grace = shutdown.grace.as_ref().and_then(time::duration).unwrap_or(DEFAULT_GRACE);
                self.stop(call_id, grace)
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

    fn command(&mut self, call_id: u64, command: Command) -> Result<(), Leave> {
        let Command { command, request_id, correlation_id: _ } = command;
        let command = command.unwrap_or_default();
        if self.pending.contains(&call_id) {
            return Err(Leave::Violation(format!("call id {call_id} is in use")));
        }
        if self.stopping.is_some() {
            let refusal = refusal(CommandRefusalCode::ShuttingDown, "the worker is shutting down");
            return self.answer(call_id, Err(refusal));
        }
        if !request_id.is_empty() {
            let requests = &mut self.worker.requests;
            let fingerprint = requests.fingerprint(&command);
            match requests.begin(&request_id, fingerprint, call_id) {
                Begin::Fresh => {}
                Begin::Repeated(reply) => return self.send(call_id, Ok(*reply), true),
                Begin::InProgress => {
                    self.pending.insert(call_id);
                    return Ok(());
                }
                Begin::Reused => {
                    let text = "the request id was used before with another command; use a new one";
                    return self.answer(call_id, Err(refusal(CommandRefusalCode::RequestIdReused, text)));
                }
            }
        }
        match &command.payload {
            Some(Payload::GetWorkerInfo(_)) => {
                return self.answer(call_id, Ok(control::worker_info(&self.worker)));
            }
            Some(Payload::DrainEvents(drain)) => {
                let reply = control::drain_events(&self.worker, drain.max_events);
                return self.answer(call_id, reply);
            }
            Some(Payload::ShutdownWorker(_)) => {
                self.answer(call_id, Ok(control::shutting_down()))?;
                return self.stop(0, DEFAULT_GRACE);
            }
            Some(_) | None => {}
        }
        if self.apartment == Apartment::Gone {
            return self.answer(call_id, Err(gone()));
        }
        self.pending.insert(call_id);
        if !self.worker.inbox.push(Job { call_id, command: Box::new(command) }) {
            // The apartment has just ended; its report, on the way, answers all that is pending.
            tracing::debug!(call_id, "Command came after the apartment's end");
        }
        Ok(())
    }

    fn stop(&mut self, call_id: u64, grace: Duration) -> Result<(), Leave> {
        if self.stopping.is_some() {
            return Ok(());
        }
        self.stopping = Some(Stopping { call_id, deadline: tokio::time::Instant::now() + grace });
        for job in self.worker.inbox.stop() {
            let refusal = refusal(CommandRefusalCode::ShuttingDown, "the worker is shutting down");
            self.answer(job.call_id, Err(refusal))?;
        }
        match self.apartment {
            Apartment::Running => Ok(()),
            Apartment::Stopped => Err(Leave::Acknowledge(ExitReason::Success)),
            Apartment::Gone => Err(Leave::Acknowledge(ExitReason::ApartmentGone)),
        }
    }

    /// Answers a call, and those that wait for it.
    fn answer(&mut self, call_id: u64, answer: Answer) -> Result<(), Leave> {
        for follower in self.worker.requests.finish(call_id, &answer) {
            self.send(follower, answer.clone(), true)?;
        }
        self.send(call_id, answer, false)
    }

    fn send(&mut self, call_id: u64, answer: Answer, is_repeated: bool) -> Result<(), Leave> {
        self.pending.remove(&call_id);
        let kind = answer.as_ref().map(|reply| reply.kind).unwrap_or_default();
        match self.writer.queue(call_id, Body::CommandReply(commands::wire(answer, is_repeated))) {
            Err(LinkError::Frame(FrameError::TooLarge { length, limit })) => {
                let text = format!("the reply has {length} bytes; the limit of a frame is {limit}");
                let reply = control::failed(kind, hresult::E_FAIL, text);
                self.queue(call_id, Body::CommandReply(commands::wire(Ok(reply), is_repeated)))
            }
            Err(error) => Err(Leave::Abandon(lost(&error))),
            Ok(()) => Ok(()),
        }
    }

    fn report(&mut self, report: Report) -> Result<(), Leave> {
        match report {
            Report::Ready(_) => Ok(()),
            Report::Answer { call_id, answer } => self.answer(call_id, *answer),
            Report::Ended(End::Stopped) => {
                self.apartment = Apartment::Stopped;
                match self.stopping {
                    Some(_) => Err(Leave::Acknowledge(ExitReason::Success)),
                    None => Ok(()),
                }
            }
            Report::Ended(End::Panicked | End::BackendFailed(_)) => {
                self.apartment = Apartment::Gone;
                while let Some(call_id) = self.pending.pop_first() {
                    self.answer(call_id, Err(gone()))?;
                }
                self.queue(0, Body::Fault(apartment_gone()))?;
                match self.stopping {
                    Some(_) => Err(Leave::Acknowledge(ExitReason::ApartmentGone)),
                    // Only the gateway decides to end the session.
                    None => Ok(()),
                }
            }
        }
    }
}

fn loss(from_sequence: u64, to_sequence: u64) -> Body {
    Body::EventLoss(EventLoss { from_sequence, to_sequence })
}

fn gone() -> mxgateway_contracts::worker_v1::CommandRefusal {
    refusal(CommandRefusalCode::ApartmentGone, "the worker's apartment thread has ended")
}
