//! Sessions as the dashboard shows them.

use std::time::SystemTime;

use jiff::Timestamp;
use mxgateway_dashboard::model::{
    EndedSession, LatencyView, RingView, SessionView, SubscriberView, WorkerView,
};
use mxgateway_session::SessionStatus;
use mxgateway_session_core::distributor::SubscriberKind;

use super::processes::Usage;
use crate::grpc::Session;

/// Bounds of what a session keeps.
#[derive(Clone, Copy, Debug)]
pub(super) struct Capacity {
    pub(super) events: u64,
    pub(super) bytes: u64,
}

/// What is known of a session besides what it says itself.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    pub(super) events_per_second: f64,
    pub(super) commands: LatencyView,
    pub(super) usage: Usage,
}

/// A time for people; the epoch for one that no calendar has.
pub(super) fn time(at: SystemTime) -> Timestamp {
    Timestamp::try_from(at).unwrap_or_default()
}

pub(super) fn session(
    session: &Session,
    status: &SessionStatus,
    seen: Seen,
    capacity: Capacity,
) -> SessionView {
    let options = session.options();
    let worker = session.worker().map(|worker| WorkerView {
        process_id: worker.process_id,
        backend: worker.backend_name.clone(),
        epoch: format!("{:016x}", worker.epoch),
        protocol_version: worker.protocol_version,
        cpu_percent: seen.usage.cpu_percent,
        memory_bytes: seen.usage.memory_bytes,
    });
    let subscribers = status.subscribers.iter().map(|(subscriber, attached)| SubscriberView {
        id: subscriber.id.0,
        is_internal: subscriber.kind == SubscriberKind::Internal,
        position: subscriber.last_sequence,
        lag: subscriber.lag,
        attached_seconds: attached.as_secs_f64(),
    });
    SessionView {
        id: session.id().to_string(),
        state: status.state.to_string(),
        reason: status.reason(),
        client_name: options.client_name.clone(),
        tag: options.tag.clone(),
        owner: options.owner.clone(),
        opened_at: time(session.opened_at()),
        last_activity: time(status.last_activity),
        worker,
        ring: RingView {
            oldest_sequence: status.retained.map_or(0, |(oldest, _)| oldest),
            newest_sequence: status.newest_sequence,
            retained_events: status.retained_events as u64,
            capacity_events: capacity.events,
            held_bytes: status.held_bytes as u64,
            capacity_bytes: capacity.bytes,
        },
        subscribers: subscribers.collect(),
        events_per_second: seen.events_per_second,
        received_events: status.received_events,
        items: status.items,
        advised_items: status.advised_items,
        pending_commands: session.pending_commands(),
        commands: seen.commands,
    }
}

pub(super) fn ended(session: &Session) -> EndedSession {
    let (status, options) = (session.status(), session.options());
    EndedSession {
        id: session.id().to_string(),
        state: status.state.to_string(),
        reason: status.reason(),
        client_name: options.client_name.clone(),
        tag: options.tag.clone(),
        owner: options.owner.clone(),
        opened_at: time(session.opened_at()),
        worker_process_id: session.worker().map(|worker| worker.process_id),
        received_events: status.received_events,
    }
}
