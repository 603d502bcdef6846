//! Session types to the contract's.

use std::time::SystemTime;

use mxgateway_contracts::time::timestamp;
use mxgateway_contracts::v1;
use mxgateway_session_core::distributor::{
    Filter, Gap, GapCause, ReplayGap, ReplayGapReason, SlowReader, Snapshot, Start, SubscriberKind,
};
use mxgateway_session_core::event::{ItemKey, Position};
use mxgateway_session_core::lifecycle::{CloseReason, SessionState};
use mxgateway_supervisor::event_family;
use tonic::Status;

use super::Session;
use super::errors::invalid;

pub(super) fn state(state: SessionState) -> v1::SessionState {
    match state {
        SessionState::Creating => v1::SessionState::Creating,
        SessionState::Starting => v1::SessionState::Starting,
        SessionState::Handshaking => v1::SessionState::Handshaking,
        SessionState::Ready => v1::SessionState::Ready,
        SessionState::Recovering => v1::SessionState::Recovering,
        SessionState::Closing => v1::SessionState::Closing,
        SessionState::Closed => v1::SessionState::Closed,
        SessionState::Faulted => v1::SessionState::Faulted,
    }
}

fn close_reason(reason: CloseReason) -> v1::CloseReason {
    match reason {
        CloseReason::ClientClose => v1::CloseReason::ClientClose,
        CloseReason::GatewayShutdown => v1::CloseReason::GatewayShutdown,
        CloseReason::LeaseExpired => v1::CloseReason::LeaseExpired,
        CloseReason::DetachGraceExpired => v1::CloseReason::DetachGraceExpired,
        CloseReason::Administrator => v1::CloseReason::Administrator,
    }
}

pub(super) fn position(position: Position) -> v1::StreamPosition {
    v1::StreamPosition { epoch: position.epoch, sequence: position.sequence }
}

pub(super) fn start(start: Start) -> v1::StreamStart {
    let (oldest, newest) = start.retained.unwrap_or_default();
    v1::StreamStart {
        epoch: start.after.epoch,
        after_sequence: start.after.sequence,
        oldest_retained_sequence: oldest,
        newest_retained_sequence: newest,
        replay_gap: start.gap.map(replay_gap),
    }
}

fn replay_gap(gap: ReplayGap) -> v1::ReplayGap {
    let reason = match gap.reason {
        ReplayGapReason::Evicted => v1::ReplayGapReason::Evicted,
        ReplayGapReason::EpochChanged => v1::ReplayGapReason::EpochChanged,
        ReplayGapReason::FutureSequence => v1::ReplayGapReason::FutureSequence,
    };
    v1::ReplayGap {
        requested_after: Some(position(gap.requested)),
        oldest_available_sequence: gap.oldest_available.unwrap_or_default(),
        lost_count: gap.lost,
        reason: reason.into(),
    }
}

pub(super) fn gap(gap: Gap) -> v1::EventGap {
    let cause = match gap.cause {
        GapCause::SourceLoss => v1::EventGapCause::JournalOverflow,
        GapCause::SlowReader => v1::EventGapCause::SlowReader,
        GapCause::Conflated => v1::EventGapCause::Conflated,
    };
    v1::EventGap { from_sequence: gap.from, to_sequence: gap.to, lost_count: gap.lost, cause: cause.into() }
}

pub(super) fn snapshot(mode: i32) -> Result<Snapshot, Status> {
    match v1::SnapshotMode::try_from(mode) {
        Ok(v1::SnapshotMode::None) => Ok(Snapshot::None),
        Ok(v1::SnapshotMode::OnGap) => Ok(Snapshot::OnGap),
        Ok(v1::SnapshotMode::Always) => Ok(Snapshot::Always),
        Err(_) => Err(invalid("snapshot", &format!("{mode} is no snapshot mode"))),
    }
}

pub(super) fn slow_reader(policy: i32) -> Result<SlowReader, Status> {
    match v1::SlowReaderPolicy::try_from(policy) {
        Ok(v1::SlowReaderPolicy::Default | v1::SlowReaderPolicy::Cut) => Ok(SlowReader::Cut),
        Ok(v1::SlowReaderPolicy::GapAndContinue) => Ok(SlowReader::GapAndContinue),
        Ok(v1::SlowReaderPolicy::LatestPerItem) => Ok(SlowReader::LatestPerItem),
        Err(_) => Err(invalid("slow_reader_policy", &format!("{policy} is no slow reader policy"))),
    }
}

pub(super) fn filter(filter: Option<v1::EventFilter>) -> Result<Filter, Status> {
    let Some(filter) = filter else { return Ok(Filter::default()) };
    let families = filter.families.iter().map(|number| {
        v1::EventFamily::try_from(*number)
            .ok()
            .and_then(event_family)
            .ok_or_else(|| invalid("filter.families", &format!("{number} is no event family")))
    });
    let items = filter
        .items
        .iter()
        .map(|item| ItemKey { server_handle: item.server_handle, item_handle: item.item_handle });
    Ok(Filter { families: families.collect::<Result<_, _>>()?, items: items.collect() })
}

pub(super) fn session(session: &Session) -> v1::Session {
    let status = session.status();
    let options = session.options();
    let worker = session.worker();
    let now = SystemTime::now();
    v1::Session {
        session_id: session.id().to_string(),
        state: state(status.state).into(),
        backend_name: worker.map_or_else(|| options.backend.clone(), |worker| worker.backend_name.clone()),
        client_session_name: options.client_name.clone(),
        correlation_id: correlation_id(session),
        session_tag: options.tag.clone(),
        owner_key_id: options.owner.clone().unwrap_or_default(),
        worker_process_id: worker.map_or(0, |worker| worker.process_id),
        epoch: worker.map_or(0, |worker| worker.epoch),
        opened_time: Some(timestamp(session.opened_at())),
        last_activity_time: Some(timestamp(status.last_activity)),
        state_reason: status.reason(),
        close_reason: status.close_reason.map_or(v1::CloseReason::Unspecified, close_reason).into(),
        events: Some(v1::EventBufferStatus {
            oldest_retained_sequence: status.retained.map_or(0, |(oldest, _)| oldest),
            newest_sequence: status.newest_sequence,
            retained_count: status.retained_events as u64,
            retained_bytes: status.held_bytes as u64,
            received_count: status.received_events,
        }),
        subscribers: status
            .subscribers
            .iter()
            .map(|(subscriber, attached)| v1::SubscriberStatus {
                subscriber_id: subscriber.id.0,
                internal: subscriber.kind == SubscriberKind::Internal,
                last_sequence: subscriber.last_sequence,
                lag: subscriber.lag,
                attached_time: now.checked_sub(*attached).map(timestamp),
            })
            .collect(),
        item_count: count(status.items),
        advised_item_count: count(status.advised_items),
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// `{client name}-{session id}`, or `client-{session id}` without a name.
pub(super) fn correlation_id(session: &Session) -> String {
    let name = session.options().client_name.as_str();
    format!("{}-{}", if name.is_empty() { "client" } else { name }, session.id())
}
