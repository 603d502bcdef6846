//! Serving a gateway: one loop that owns both directions of the connection. Commands go to the apartment,
//! answers and events come back, in as few writes as the connection allows.

use std::time::Duration;

use mxgateway_contracts::hresult;
use mxgateway_contracts::worker_v1::{
    CommandRefusal, CommandRefusalCode, EventBatch, EventLoss, WorkerFault, WorkerFaultCode, envelope::Body,
};
use mxgateway_session_core::ring::ReadBudget;
use mxgateway_worker_ipc::exit::ExitReason;
use mxgateway_worker_ipc::frame::FrameError;
use mxgateway_worker_ipc::link::{LinkError, Received, body_name};
use tokio::time::{Interval, MissedTickBehavior, interval, sleep_until, timeout_at};

use crate::apartment::{End, Report};
use crate::commands::{self, Answer, refusal};
use crate::introduction::{Link, Reader, Writer};
use crate::journal::Outgoing;
use crate::service::{Apartment, Worker};
use crate::tickets::{OpenCalls, Ticket};

mod control;
mod heartbeat;
mod incoming;
mod leaving;

pub(crate) use leaving::tell_fault;

/// How long a shutdown may take that names no grace.
const DEFAULT_GRACE: Duration = Duration::from_secs(10);
/// One frame of events; with a small limit for frames, less.
const BATCH: ReadBudget = ReadBudget { events: 512, bytes: 64 * 1024 };
/// With this much waiting for the gateway, no more is taken from the journal, and no more commands.
const HIGH_WATER_BYTES: usize = 256 * 1024;
/// Commands whose answer is not written yet; with more, no more are read.
const MAX_PENDING: usize = 1024;
/// How long what a gateway said before it was lost may take to read; it is here already.
const REMAINS_LIMIT: Duration = Duration::from_millis(500);

/// What belongs to one connection and ends with it.
struct Connection<'a, 'b> {
    worker: &'a mut Worker<'b>,
    reader: Reader,
    writer: Writer,
    protocol_version: u32,
    heartbeat: Interval,
    calls: OpenCalls,
    stopping: Option<Stopping>,
    /// Whether this gateway was told that the apartment hangs.
    hung: bool,
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
    /// The gateway is gone, without a word.
    Lost,
}

/// How serving a gateway ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Served {
    /// And the worker with it.
    Ended(ExitReason),
    /// The gateway is lost; the apartment goes on.
    Lost,
}

/// Serves until a shutdown, or until the connection ends.
pub(crate) async fn serve(worker: &mut Worker<'_>, link: Link) -> Served {
    let mut heartbeat = interval(worker.about.settings.heartbeat);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let Link { reader, writer, version } = link;
    let mut connection = Connection {
        worker,
        reader,
        writer,
        protocol_version: version,
        heartbeat,
        calls: OpenCalls::default(),
        stopping: None,
        hung: false,
    };
    let leave = match connection.greet() {
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
        Err(error) if lost(&error) => ExitReason::GatewayLost,
        Err(_) => ExitReason::ProtocolViolation,
    }
}

/// The fault of a backend that panicked.
pub(crate) fn apartment_gone() -> WorkerFault {
    fault(WorkerFaultCode::ApartmentGone, "the backend panicked; the worker's log says where")
}

/// True when the connection is lost, and not of use because the gateway broke the protocol.
pub(crate) fn is_lost(error: &LinkError) -> bool {
    match error {
        LinkError::Frame(FrameError::Io(_) | FrameError::Truncated(_)) => true,
        LinkError::Frame(FrameError::Empty | FrameError::TooLarge { .. } | FrameError::Malformed(_))
        | LinkError::SessionMismatch { .. }
        | LinkError::OutOfOrder { .. }
        | LinkError::NoBody(_) => false,
    }
}

/// The same, logged.
fn lost(error: &LinkError) -> bool {
    tracing::warn!(error = error as &dyn std::error::Error, "Connection to the gateway failed");
    is_lost(error)
}

fn failed(error: &LinkError) -> Leave {
    if lost(error) { Leave::Lost } else { Leave::Abandon(ExitReason::ProtocolViolation) }
}

pub(crate) fn fault(code: WorkerFaultCode, message: impl Into<String>) -> WorkerFault {
    WorkerFault { code: code.into(), hresult: 0, message: message.into() }
}

impl Connection<'_, '_> {
    /// Tells what the gateway could not learn before it was there.
    fn greet(&mut self) -> Result<(), Leave> {
        match self.worker.apartment {
            Apartment::Running | Apartment::Stopped => Ok(()),
            Apartment::Gone => self.queue(0, Body::Fault(apartment_gone())),
        }
    }

    async fn run(&mut self) -> Leave {
        loop {
            if let Err(leave) = self.queue_events() {
                return leave;
            }
            let waiting = self.writer.queued_bytes();
            let has_room = waiting < HIGH_WATER_BYTES;
            let may_read = has_room && self.calls.len() < MAX_PENDING;
            let deadline = self.stopping.map(|stopping| stopping.deadline);
            let result = tokio::select! {
                received = self.reader.read(), if may_read => match received {
                    Ok(Some(received)) => self.receive(received),
                    // A gateway that asked for the end need not wait for it.
                    Ok(None) if self.stopping.is_some() => Err(Leave::Abandon(ExitReason::Success)),
                    Ok(None) => {
                        tracing::warn!("Gateway closed the connection");
                        Err(Leave::Lost)
                    }
                    Err(error) => Err(failed(&error)),
                },
                Some(report) = self.worker.reports.recv() => self.report(report),
                () = self.worker.about.journal.pushed(), if has_room => Ok(()),
                _ = self.heartbeat.tick() => self.beat(),
                flushed = self.writer.flush(), if waiting > 0 => flushed.map_err(|error| failed(&error)),
                () = self.worker.termination.asked() => {
                    tracing::info!("Worker was asked to end by a signal");
                    self.stop(0, DEFAULT_GRACE)
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
        // Half of a frame: what surrounds the events has room in the other. A larger event goes alone.
        let half = usize::try_from(self.worker.about.settings.max_frame_bytes / 2).unwrap_or(usize::MAX);
        let budget = ReadBudget { bytes: BATCH.bytes.min(half), ..BATCH };
        while self.writer.queued_bytes() < HIGH_WATER_BYTES {
            let body = match self.worker.about.journal.take(budget) {
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
                            self.worker.about.journal.count_unsendable(first);
                            loss(first, first)
                        }
                        Err(error) => return Err(failed(&error)),
                        Ok(()) => continue,
                    }
                }
            };
            self.queue(0, body)?;
        }
        Ok(())
    }

    fn queue(&mut self, call_id: u64, body: Body) -> Result<(), Leave> {
        self.writer.queue(call_id, body).map_err(|error| failed(&error))
    }

    /// Answers a call, and those that wait for it.
    fn answer(&mut self, ticket: Ticket, answer: Answer) -> Result<(), Leave> {
        for follower in self.worker.requests.finish(ticket, &answer) {
            self.send(follower, answer.clone(), true)?;
        }
        self.send(ticket, answer, false)
    }

    fn send(&mut self, ticket: Ticket, answer: Answer, is_repeated: bool) -> Result<(), Leave> {
        // Otherwise it was the call of a gateway that is lost.
        let Some(call_id) = self.calls.close(ticket) else { return Ok(()) };
        let kind = answer.as_ref().map(|reply| reply.kind).unwrap_or_default();
        let newest = self.worker.about.journal.bounds().newest;
        match self.writer.queue(call_id, Body::CommandReply(commands::wire(answer, is_repeated, newest))) {
            Err(LinkError::Frame(FrameError::TooLarge { length, limit })) => {
                let text = format!("the reply has {length} bytes; the limit of a frame is {limit}");
                let reply = control::failed(kind, hresult::E_FAIL, text);
                self.queue(call_id, Body::CommandReply(commands::wire(Ok(reply), is_repeated, newest)))
            }
            Err(error) => Err(failed(&error)),
            Ok(()) => Ok(()),
        }
    }

    fn report(&mut self, report: Report) -> Result<(), Leave> {
        match report {
            Report::Ready(_) => Ok(()),
            Report::Answer { ticket, answer } => self.answer(ticket, *answer),
            Report::Ended(End::Stopped) => {
                self.worker.apartment = Apartment::Stopped;
                match self.stopping {
                    Some(_) => Err(Leave::Acknowledge(ExitReason::Success)),
                    None => Ok(()),
                }
            }
            Report::Ended(End::Panicked | End::BackendFailed(_)) => {
                self.worker.apartment = Apartment::Gone;
                self.worker.requests.give_up();
                while let Some(ticket) = self.calls.first() {
                    self.send(ticket, Err(gone()), false)?;
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

    /// Takes what the gateway said before it was lost: it counts as if the loss had been noticed only then.
    async fn take_remains(&mut self) -> Leave {
        let limit = tokio::time::Instant::now() + REMAINS_LIMIT;
        while let Ok(Ok(Some(received))) = timeout_at(limit, self.reader.read()).await {
            if let Err(leave) = self.receive(received) {
                return leave;
            }
        }
        // A gateway that asked for the end need not wait for it.
        if self.stopping.is_some() { Leave::Abandon(ExitReason::Success) } else { Leave::Lost }
    }
}

fn loss(from_sequence: u64, to_sequence: u64) -> Body {
    Body::EventLoss(EventLoss { from_sequence, to_sequence })
}

fn gone() -> CommandRefusal {
    refusal(CommandRefusalCode::ApartmentGone, "the worker's apartment thread has ended")
}
