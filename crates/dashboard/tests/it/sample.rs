//! Made-up things for a scripted gateway to tell.

use jiff::Timestamp;
use mxgateway_dashboard::model::{
    AuditView, CheckView, EndedSession, EventView, GatewayView, KeyView, LatencyView, RingView, SessionView,
    SettingView, Snapshot, SubscriberView, Totals, WorkerView,
};

/// When everything was made.
pub(crate) fn at() -> Timestamp {
    Timestamp::from_second(1_780_000_000).expect("a time")
}

/// An id of a session, from a number.
pub(crate) fn session_id(number: u32) -> String {
    format!("session-{number:032x}")
}

/// A ready session with a worker and two subscribers, one of them the gateway's own.
pub(crate) fn session(id: &str, tag: &str) -> SessionView {
    SessionView {
        id: id.to_owned(),
        state: "ready".to_owned(),
        reason: String::new(),
        client_name: "packaging-line".to_owned(),
        tag: tag.to_owned(),
        owner: Some("key0001".to_owned()),
        opened_at: at(),
        last_activity: at(),
        worker: Some(WorkerView {
            process_id: 4711,
            backend: "simulator".to_owned(),
            epoch: "f0e1d2c3b4a59687".to_owned(),
            protocol_version: 1,
            cpu_percent: Some(3.5),
            memory_bytes: Some(31 << 20),
        }),
        ring: RingView {
            oldest_sequence: 1_001,
            newest_sequence: 2_024,
            retained_events: 1_024,
            capacity_events: 1_024,
            held_bytes: 96 << 10,
            capacity_bytes: 64 << 20,
        },
        subscribers: vec![
            SubscriberView { id: 1, is_internal: true, position: 2_024, lag: 0, attached_seconds: 60.5 },
            SubscriberView { id: 2, is_internal: false, position: 2_000, lag: 24, attached_seconds: 42.0 },
        ],
        events_per_second: 120.0,
        received_events: 2_024,
        items: 12,
        advised_items: 10,
        pending_commands: 1,
        commands: LatencyView { count: 40, p50_ms: 0.8, p90_ms: 2.5, p99_ms: 9.0, max_ms: 14.5 },
    }
}

/// A session that faulted.
pub(crate) fn ended(id: &str, tag: &str) -> EndedSession {
    EndedSession {
        id: id.to_owned(),
        state: "faulted".to_owned(),
        reason: "worker_exited".to_owned(),
        client_name: "historian-bridge".to_owned(),
        tag: tag.to_owned(),
        owner: Some("key0002".to_owned()),
        opened_at: at(),
        worker_process_id: Some(4_242),
        received_events: 99,
    }
}

/// What a gateway with these sessions tells.
pub(crate) fn snapshot(number: u64, sessions: Vec<SessionView>, ended: Vec<EndedSession>) -> Snapshot {
    Snapshot {
        at: at(),
        number,
        gateway: GatewayView {
            version: "0.1.0".to_owned(),
            started_at: at(),
            listen: "127.0.0.1:5120".to_owned(),
            backend: "simulator".to_owned(),
            is_ready: true,
            checks: vec![
                CheckView { name: "key_store".to_owned(), state: "good".to_owned() },
                CheckView { name: "workers".to_owned(), state: "good".to_owned() },
            ],
        },
        totals: Totals::of(&sessions),
        sessions,
        ended,
    }
}

/// A change of an item.
pub(crate) fn event(sequence: u64) -> EventView {
    EventView {
        sequence,
        family: "data_change".to_owned(),
        server_handle: 1,
        item_handle: 7,
        item: Some("Line_001.Mixer.Level".to_owned()),
        received_at: at(),
        quality: Some(192),
        value: None,
    }
}

/// An active key.
pub(crate) fn key(id: &str) -> KeyView {
    KeyView {
        id: id.to_owned(),
        name: "Packaging line".to_owned(),
        state: "active".to_owned(),
        scopes: vec!["session:open".to_owned(), "events:read".to_owned()],
        constraints: vec!["read_subtree = Plant.Line_001".to_owned()],
        created: at(),
        expires: None,
        last_used: Some(at()),
    }
}

/// An entry of the audit trail.
pub(crate) fn audit_entry(actor: &str, action: &str) -> AuditView {
    AuditView {
        at: at(),
        actor: actor.to_owned(),
        action: action.to_owned(),
        outcome: "allowed".to_owned(),
        target: Some(session_id(1)),
        peer: Some("192.0.2.7:50123".to_owned()),
        details: "{}".to_owned(),
    }
}

/// Some settings, one of them a secret.
pub(crate) fn settings() -> Vec<SettingView> {
    let setting = |key: &str, value: &str, source: &str| SettingView {
        key: key.to_owned(),
        value: value.to_owned(),
        source: source.to_owned(),
    };
    vec![
        setting("events.queue_capacity", "10000", "default"),
        setting("ldap.service_account_password", "<redacted>", "environment"),
        setting("server.listen", "127.0.0.1:5120", "file"),
    ]
}
