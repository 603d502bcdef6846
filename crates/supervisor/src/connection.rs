//! The frames of a running worker, in both directions.

use std::ops::Range;
use std::time::SystemTime;

use bytes::Bytes;
use mxgateway_contracts::event_header::{EventHeaderError, peek};
use mxgateway_contracts::hresult;
use mxgateway_contracts::stream_item::records;
use mxgateway_contracts::v1;
use mxgateway_contracts::worker_v1::{
    CommandRefusalCode, CommandReply, EventBatch, WorkerFault, WorkerFaultCode, envelope::Body,
};
use mxgateway_session::core::event::{Event, EventFamily, ItemKey, Payload};
use mxgateway_session::{EventSink, PortError, RefusalKind};
use mxgateway_worker_ipc::link::{LinkError, LinkReader, LinkWriter, body_name};
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tracing::debug;

use crate::heartbeat::Heartbeat;
use crate::pending::Answer;
use crate::port::{Outbound, WorkerLink, WorkerReply};

/// Bytes after which queued frames are sent although more wait.
const FLUSH_BYTES: usize = 64 * 1024;
/// Characters of a worker's own words that are repeated.
const FAULT_TEXT_CHARS: usize = 1000;

/// Why a worker's connection is of no use any more.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectionEnd {
    #[error("it closed its connection")]
    Closed,
    #[error(transparent)]
    Link(#[from] LinkError),
    #[error("it sent {0}, which is not for the gateway")]
    UnexpectedFrame(&'static str),
    #[error("it sent an event that is none")]
    Event(#[from] EventHeaderError),
    #[error("{0}")]
    Fault(FaultText, WorkerFaultCode),
}

/// A fault that a worker reports of itself, for people.
#[derive(Debug)]
pub(crate) struct FaultText(WorkerFault);

impl std::fmt::Display for FaultText {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self(fault) = self;
        formatter.write_str(match fault.code() {
            WorkerFaultCode::Unspecified => "worker fault",
            WorkerFaultCode::BackendFailed => "backend failed",
            WorkerFaultCode::ApartmentHung => "apartment thread does not answer",
            WorkerFaultCode::ApartmentGone => "apartment thread ended",
            WorkerFaultCode::ProtocolViolation => "worker refused what the gateway sent",
        })?;
        if !fault.message.is_empty() {
            write!(formatter, ": {}", fault.message.chars().take(FAULT_TEXT_CHARS).collect::<String>())?;
        }
        if !hresult::is_success(fault.hresult) {
            write!(formatter, ", HRESULT {}", hresult::describe(fault.hresult))?;
        }
        Ok(())
    }
}

impl From<WorkerFault> for FaultText {
    fn from(fault: WorkerFault) -> Self {
        Self(fault)
    }
}

/// Reads until the connection ends: replies go to their calls, events to the sink.
pub(crate) async fn read<R: AsyncRead + Unpin>(
    reader: &mut LinkReader<R>,
    link: &WorkerLink,
    sink: &EventSink,
    heartbeat: &Mutex<Heartbeat>,
) -> ConnectionEnd {
    loop {
        let received = match reader.read().await {
            Ok(Some(received)) => received,
            Ok(None) => return ConnectionEnd::Closed,
            Err(error) => return error.into(),
        };
        heartbeat.lock().seen(Instant::now());
        match received.body {
            Body::CommandReply(reply) => {
                // Not under the lock: what is done with a reply takes locks of its own.
                let call = link.pending.lock().answered(received.call_id);
                if !call.is_some_and(|call| call.answer(answer(reply))) {
                    debug!(session_id = %link.session_id, call_id = received.call_id, "Reply came after its call");
                }
            }
            Body::EventBatch(batch) => match events(&batch, SystemTime::now()) {
                Ok(events) => sink.publish(events),
                Err(error) => return error.into(),
            },
            Body::EventLoss(loss) => sink.publish_loss(loss.to_sequence),
            Body::Heartbeat(_) => {}
            Body::ShutdownAcknowledgement(_) => {
                debug!(session_id = %link.session_id, "Worker acknowledged the shutdown");
            }
            Body::Fault(fault) => {
                let code = fault.code();
                return ConnectionEnd::Fault(fault.into(), code);
            }
            body @ (Body::GatewayHello(_)
            | Body::WorkerHello(_)
            | Body::GatewayProof(_)
            | Body::WorkerReady(_)
            | Body::StartEvents(_)
            | Body::Command(_)
            | Body::Cancel(_)
            | Body::Shutdown(_)
            | Body::OutliveGateway(_)) => return ConnectionEnd::UnexpectedFrame(body_name(&body)),
        }
    }
}

/// Sends what is queued, several frames at a time, until all handles are gone or the connection fails.
pub(crate) async fn write<W: AsyncWrite + Unpin>(
    mut writer: LinkWriter<W>,
    mut frames: mpsc::Receiver<Outbound>,
) -> Result<(), LinkError> {
    while let Some(frame) = frames.recv().await {
        let mut rooms = Vec::new();
        let mut next = Some(frame);
        while let Some(Outbound { call_id, body, room }) = next {
            writer.queue(call_id, body)?;
            rooms.push(room);
            next = if writer.queued_bytes() < FLUSH_BYTES { frames.try_recv().ok() } else { None };
        }
        writer.flush().await?;
    }
    writer.close().await
}

/// The events of a batch, all received at the same time, as the records that subscribers get.
fn events(batch: &EventBatch, received: SystemTime) -> Result<Vec<Event>, EventHeaderError> {
    let records = records(&batch.events, received);
    let event = |(encoded, range): (&Bytes, Range<usize>)| {
        let header = peek(encoded)?;
        Ok(Event {
            sequence: header.worker_sequence,
            family: event_family(header.family).ok_or(EventHeaderError::UnknownFamily(0))?,
            item: ItemKey { server_handle: header.server_handle, item_handle: header.item_handle },
            received,
            payload: Payload::part(&records.memory, range).unwrap_or_default(),
        })
    };
    batch.events.iter().zip(records.ranges()).map(event).collect()
}

/// The session's name for an event family of the contract; `None` for the unspecified one.
pub fn event_family(family: v1::EventFamily) -> Option<EventFamily> {
    match family {
        v1::EventFamily::Unspecified => None,
        v1::EventFamily::OnDataChange => Some(EventFamily::DataChange),
        v1::EventFamily::OnWriteComplete => Some(EventFamily::WriteComplete),
        v1::EventFamily::OperationComplete => Some(EventFamily::OperationComplete),
        v1::EventFamily::OnBufferedDataChange => Some(EventFamily::BufferedDataChange),
        v1::EventFamily::OnAlarmTransition => Some(EventFamily::AlarmTransition),
    }
}

/// What a reply means for the call.
fn answer(reply: CommandReply) -> Answer {
    if let Some(refusal) = reply.refusal {
        let kind = match refusal.code() {
            CommandRefusalCode::Unsupported | CommandRefusalCode::Unspecified => RefusalKind::Unsupported,
            CommandRefusalCode::ShuttingDown => RefusalKind::ShuttingDown,
            CommandRefusalCode::RequestIdReused => RefusalKind::RequestIdReused,
            CommandRefusalCode::Cancelled => RefusalKind::Cancelled,
            CommandRefusalCode::ApartmentGone => RefusalKind::ApartmentGone,
            CommandRefusalCode::Invalid => RefusalKind::Invalid,
        };
        return Err(PortError::Refused { kind, message: refusal.message });
    }
    match reply.reply {
        Some(answer) => Ok(WorkerReply {
            reply: answer,
            repeated_request: reply.repeated_request,
            newest_sequence: reply.newest_sequence,
        }),
        None => Err(PortError::OutcomeUnknown("it sent a reply without content".to_owned())),
    }
}
