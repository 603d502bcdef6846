//! Something to make the rows of templates from: nothing in it is shown.

use jiff::Timestamp;

use crate::model::{EndedSession, LatencyView, RingView, SessionView, SubscriberView, WorkerView};

pub(super) fn session() -> SessionView {
    SessionView {
        id: String::new(),
        state: String::new(),
        reason: String::new(),
        client_name: String::new(),
        tag: String::new(),
        owner: None,
        opened_at: Timestamp::UNIX_EPOCH,
        last_activity: Timestamp::UNIX_EPOCH,
        worker: Some(worker()),
        ring: RingView::default(),
        subscribers: Vec::new(),
        events_per_second: 0.0,
        received_events: 0,
        items: 0,
        advised_items: 0,
        pending_commands: 0,
        commands: LatencyView::default(),
    }
}

pub(super) fn worker() -> WorkerView {
    WorkerView {
        process_id: 0,
        backend: String::new(),
        epoch: String::new(),
        protocol_version: 0,
        cpu_percent: None,
        memory_bytes: None,
    }
}

pub(super) fn subscriber() -> SubscriberView {
    SubscriberView { id: 0, is_internal: false, position: 0, lag: 0, attached_seconds: 0.0 }
}

pub(super) fn ended() -> EndedSession {
    EndedSession {
        id: String::new(),
        state: String::new(),
        reason: String::new(),
        client_name: String::new(),
        tag: String::new(),
        owner: None,
        opened_at: Timestamp::UNIX_EPOCH,
        worker_process_id: None,
        received_events: 0,
    }
}
