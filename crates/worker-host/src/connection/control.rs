//! Commands that the connection answers without the apartment, so that they work while it is busy.

use mxgateway_contracts::hresult;
use mxgateway_contracts::v1::mx_command_reply::Payload;
use mxgateway_contracts::v1::{CommandKind, DrainEventsReply, GetWorkerInfoReply, MxCommandReply, MxEvent};
use mxgateway_session_core::ring::ReadBudget;
use prost::Message;

use crate::commands::Answer;
use crate::service::Worker;

pub(super) fn worker_info(worker: &Worker<'_>, protocol_version: u32) -> MxCommandReply {
    let bounds = worker.about.journal.bounds();
    let identity = &worker.about.identity;
    let reply = GetWorkerInfoReply {
        process_id: std::process::id(),
        worker_version: env!("CARGO_PKG_VERSION").to_owned(),
        worker_protocol_version: protocol_version,
        backend_name: identity.backend_name.clone(),
        epoch: worker.about.epoch,
        newest_sequence: bounds.newest,
        journal_oldest_sequence: bounds.oldest,
        mxaccess_prog_id: identity.prog_id.clone(),
        mxaccess_class_id: identity.class_id.clone(),
        mxaccess_version: identity.version.clone(),
        mxaccess_path: identity.path.clone(),
        lost_event_count: bounds.lost,
    };
    done(CommandKind::GetWorkerInfo, Some(Payload::GetWorkerInfo(reply)))
}

/// The oldest events of the journal, as many as fit in half a frame; takes nothing from the stream.
pub(super) fn drain_events(worker: &Worker<'_>, max_events: u32) -> Answer {
    let events = match max_events {
        0 => usize::MAX,
        max => usize::try_from(max).unwrap_or(usize::MAX),
    };
    let bytes = usize::try_from(worker.about.settings.max_frame_bytes / 2).unwrap_or(usize::MAX);
    let events: Result<Vec<_>, _> =
        worker.about.journal.peek(ReadBudget { events, bytes }).into_iter().map(MxEvent::decode).collect();
    Ok(match events {
        Ok(events) => done(CommandKind::DrainEvents, Some(Payload::DrainEvents(DrainEventsReply { events }))),
        Err(error) => failed(CommandKind::DrainEvents.into(), hresult::E_FAIL, error.to_string()),
    })
}

pub(super) fn shutting_down() -> MxCommandReply {
    done(CommandKind::ShutdownWorker, None)
}

pub(super) fn failed(kind: i32, hresult: i32, diagnostic_text: String) -> MxCommandReply {
    MxCommandReply { kind, hresult, diagnostic_text, ..MxCommandReply::default() }
}

fn done(kind: CommandKind, payload: Option<Payload>) -> MxCommandReply {
    MxCommandReply { kind: kind.into(), hresult: hresult::S_OK, payload, ..MxCommandReply::default() }
}
