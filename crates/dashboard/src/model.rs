//! What the dashboard shows: a look at the gateway, made once a second. The same for pages, hubs and the JSON API.
//!
//! Names, ids and numbers only: no tag values and no secrets.

use std::sync::OnceLock;

use axum::extract::ws::Utf8Bytes;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// A look at the gateway.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Snapshot {
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Counts the snapshots since the gateway's start.
    pub number: u64,
    /// The gateway itself.
    pub gateway: GatewayView,
    /// Sums over `sessions`.
    pub totals: Totals,
    /// Sessions that are there, by id.
    pub sessions: Vec<SessionView>,
    /// Sessions that ended not long ago, the newest first.
    pub ended: Vec<EndedSession>,
}

/// The gateway.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct GatewayView {
    /// Its version.
    pub version: String,
    /// When it was started.
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Timestamp,
    /// Where gRPC is served.
    pub listen: String,
    /// What workers talk to by default.
    pub backend: String,
    /// Whether it can do its work.
    pub is_ready: bool,
    /// How each part is.
    pub checks: Vec<CheckView>,
}

/// A part of the gateway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct CheckView {
    /// Such as `key_store`.
    pub name: String,
    /// `good`, `failed` or `off`.
    pub state: String,
}

/// Sums over sessions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct Totals {
    /// Sessions that are there.
    pub sessions: usize,
    /// Of these, those that are ready.
    pub ready: usize,
    /// Clients that read events.
    pub subscribers: usize,
    /// Events received in the last second.
    pub events_per_second: f64,
    /// Events received since the sessions began.
    pub received_events: u64,
    /// Bytes that the rings hold.
    pub held_bytes: u64,
    /// Commands that wait for their replies.
    pub pending_commands: usize,
}

impl Totals {
    /// Those of these sessions.
    pub fn of(sessions: &[SessionView]) -> Self {
        let mut totals = Self { sessions: sessions.len(), ..Self::default() };
        for session in sessions {
            totals.ready += usize::from(session.state == "ready");
            totals.subscribers += session.clients().count();
            totals.events_per_second += session.events_per_second;
            totals.received_events += session.received_events;
            totals.held_bytes += session.ring.held_bytes;
            totals.pending_commands += session.pending_commands;
        }
        totals
    }
}

/// A session.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct SessionView {
    /// `session-` and 32 hexadecimal digits.
    pub id: String,
    /// Such as `ready`.
    pub state: String,
    /// Why it is closing, closed or faulted; empty otherwise.
    pub reason: String,
    /// The client's name for it.
    pub client_name: String,
    /// Mark that access rules refer to; may be empty.
    pub tag: String,
    /// Id of the API key that opened it; `None` without authentication.
    pub owner: Option<String>,
    /// When it was opened.
    #[schema(value_type = String, format = DateTime)]
    pub opened_at: Timestamp,
    /// When something was last done with it.
    #[schema(value_type = String, format = DateTime)]
    pub last_activity: Timestamp,
    /// Its worker; `None` until that is ready.
    pub worker: Option<WorkerView>,
    /// Its retained events.
    pub ring: RingView,
    /// Who reads its events.
    pub subscribers: Vec<SubscriberView>,
    /// Events received in the last second.
    pub events_per_second: f64,
    /// Events received since it began.
    pub received_events: u64,
    /// Items added.
    pub items: usize,
    /// Items advised.
    pub advised_items: usize,
    /// Commands that wait for their replies.
    pub pending_commands: usize,
    /// How long its commands took.
    pub commands: LatencyView,
}

/// A session that ended.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct EndedSession {
    /// Its id.
    pub id: String,
    /// `closed` or `faulted`.
    pub state: String,
    /// Why.
    pub reason: String,
    /// The client's name for it.
    pub client_name: String,
    /// Its tag.
    pub tag: String,
    /// Id of the API key that opened it.
    pub owner: Option<String>,
    /// When it was opened.
    #[schema(value_type = String, format = DateTime)]
    pub opened_at: Timestamp,
    /// Process of its worker.
    pub worker_process_id: Option<u32>,
    /// Events received.
    pub received_events: u64,
}

/// A worker's process.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct WorkerView {
    /// Its number.
    pub process_id: u32,
    /// Which backend it has.
    pub backend: String,
    /// Names its numbering of events, in hexadecimal.
    pub epoch: String,
    /// Version of the pipe protocol.
    pub protocol_version: u32,
    /// Share of one core that it took lately, 100 is one core; `None` when the system does not tell.
    pub cpu_percent: Option<f64>,
    /// Bytes of memory it has; `None` when the system does not tell.
    pub memory_bytes: Option<u64>,
}

/// The retained events of a session.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct RingView {
    /// Sequence of the oldest event that can be replayed; 0 when there is none.
    pub oldest_sequence: u64,
    /// Sequence of the newest event; 0 before the first.
    pub newest_sequence: u64,
    /// Events that can be replayed.
    pub retained_events: u64,
    /// Events that can be replayed at most.
    pub capacity_events: u64,
    /// Bytes held, for replay and for those who lag.
    pub held_bytes: u64,
    /// Bytes held at most.
    pub capacity_bytes: u64,
}

/// Somebody who reads a session's events.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct SubscriberView {
    /// Its number within the session.
    pub id: u64,
    /// The gateway's own, such as the dashboard.
    pub is_internal: bool,
    /// Sequence up to which it has read.
    pub position: u64,
    /// Events it is behind the newest.
    pub lag: u64,
    /// Seconds since it came.
    pub attached_seconds: f64,
}

/// How long commands took, over the last minute or so.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct LatencyView {
    /// How many.
    pub count: u64,
    /// Milliseconds that half of them took at most; 0 without any.
    pub p50_ms: f64,
    /// Milliseconds that 90 of 100 took at most.
    pub p90_ms: f64,
    /// Milliseconds that 99 of 100 took at most.
    pub p99_ms: f64,
    /// Milliseconds that the slowest took.
    pub max_ms: f64,
}

/// One event of a session, without its value unless the settings allow it.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct EventView {
    /// Its sequence.
    pub sequence: u64,
    /// Such as `data_change`.
    pub family: String,
    /// Server handle.
    pub server_handle: i32,
    /// Item handle.
    pub item_handle: i32,
    /// The item's reference, while it is known.
    pub item: Option<String>,
    /// When the gateway received it.
    #[schema(value_type = String, format = DateTime)]
    pub received_at: Timestamp,
    /// Quality, for events that have one.
    pub quality: Option<i32>,
    /// The value as text; only with `dashboard.show_tag_values`.
    pub value: Option<String>,
}

/// Some events of a session, made once for all who look at it.
#[derive(Debug)]
pub struct EventBatch {
    /// In the worker's order.
    pub events: Vec<EventView>,
    json: OnceLock<Utf8Bytes>,
}

impl EventBatch {
    /// Of these events.
    pub fn new(events: Vec<EventView>) -> Self {
        Self { events, json: OnceLock::new() }
    }

    /// What `make` makes of them, the first time; later the same.
    pub fn json(&self, make: impl FnOnce(&[EventView]) -> Utf8Bytes) -> Utf8Bytes {
        self.json.get_or_init(|| make(&self.events)).clone()
    }
}

impl PartialEq for EventBatch {
    fn eq(&self, other: &Self) -> bool {
        self.events == other.events
    }
}

/// An API key, without its secret.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct KeyView {
    /// Its public name.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// `active`, `expired` or `revoked`.
    pub state: String,
    /// What it is good for.
    pub scopes: Vec<String>,
    /// Where it is good, as text; empty means everywhere.
    pub constraints: Vec<String>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created: Timestamp,
    /// Until when it is good.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires: Option<Timestamp>,
    /// When it was last used, to a minute or so.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_used: Option<Timestamp>,
}

/// Something that a key may be good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ScopeView {
    /// Such as `session:open`.
    pub name: &'static str,
    /// What it allows, in one line for people.
    pub meaning: &'static str,
}

/// An entry of the audit trail.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct AuditView {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Who.
    pub actor: String,
    /// What.
    pub action: String,
    /// `allowed`, `denied` or `failed`.
    pub outcome: String,
    /// To what.
    pub target: Option<String>,
    /// From where.
    pub peer: Option<String>,
    /// Further details, as JSON.
    pub details: String,
}

/// A key of the configuration with what it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct SettingView {
    /// Such as `events.queue_capacity`.
    pub key: String,
    /// Its value; `<redacted>` for a secret.
    pub value: String,
    /// Where it comes from: `default`, `file`, `environment` or `command line`.
    pub source: String,
}
