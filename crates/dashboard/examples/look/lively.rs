//! A made-up gateway in which something is always going on.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use mxgateway_dashboard::backend::{
    Actor, AuditFilter, Backend, BackendError, Feed, FeedItem, Missing, NewKey, Position,
};
use mxgateway_dashboard::model::{
    AuditView, CheckView, EndedSession, EventBatch, EventView, GatewayView, KeyView, LatencyView, RingView,
    ScopeView, SessionView, SettingView, Snapshot, SubscriberView, Totals, WorkerView,
};
use tokio::sync::watch;
use tokio::time::{Instant, Interval, interval};

/// Name, tag, events per second.
const SESSIONS: [(&str, &str, f64); 6] = [
    ("packaging-line", "line-1", 1_240.0),
    ("historian-bridge", "line-1", 820.0),
    ("boiler-house", "utilities", 310.0),
    ("tank-farm", "utilities", 95.0),
    ("quality-lab", "", 12.0),
    ("shift-report", "line-2", 0.4),
];

const EPOCH: u64 = 0xf0e1_d2c3_b4a5_9687;

struct Lively {
    began: Instant,
    started_at: Timestamp,
    newest: watch::Sender<Arc<Snapshot>>,
}

/// Begins to live.
pub(crate) fn gateway() -> Arc<dyn Backend> {
    let (began, started_at) = (Instant::now(), Timestamp::now() - SignedDuration::from_hours(53));
    let first = Arc::new(snapshot(0.0, 1, started_at));
    let gateway = Arc::new(Lively { began, started_at, newest: watch::Sender::new(first) });
    let ticking = Arc::clone(&gateway);
    tokio::spawn(async move {
        let mut seconds = interval(Duration::from_secs(1));
        let mut number = 1;
        loop {
            seconds.tick().await;
            number += 1;
            let at = ticking.began.elapsed().as_secs_f64();
            ticking.newest.send_replace(Arc::new(snapshot(at, number, ticking.started_at)));
        }
    });
    gateway
}

fn snapshot(seconds: f64, number: u64, started_at: Timestamp) -> Snapshot {
    let sessions: Vec<_> = (0_u32..).zip(SESSIONS).map(|(index, of)| session(index, of, seconds)).collect();
    let check = |name: &str, state: &str| CheckView { name: name.to_owned(), state: state.to_owned() };
    Snapshot {
        at: Timestamp::now(),
        number,
        gateway: GatewayView {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_at,
            listen: "127.0.0.1:5120".to_owned(),
            backend: "simulator".to_owned(),
            is_ready: true,
            checks: vec![
                check("key_store", "good"),
                check("workers", "good"),
                check("audit", "good"),
                check("galaxy", "off"),
            ],
        },
        totals: Totals::of(&sessions),
        sessions,
        ended: vec![ended(101, "closed", "client_close"), ended(102, "faulted", "worker_exited")],
    }
}

fn id(index: u32) -> String {
    format!(
        "session-{:032x}",
        (u128::from(index) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c834)
    )
}

/// Goes up and down, each in its own time; around one.
fn wave(index: u32, seconds: f64, slowness: f64) -> f64 {
    let phase = f64::from(index) * 1.7;
    1.0 + 0.25 * (seconds / slowness + phase).sin() + 0.1 * (seconds / slowness * 3.7 + phase).cos()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "made-up numbers, none below zero"
)]
fn whole(number: f64) -> u64 {
    number.max(0.0) as u64
}

fn session(index: u32, (name, tag, base): (&str, &str, f64), seconds: f64) -> SessionView {
    let rate = base * wave(index, seconds, 19.0);
    let newest = 40_000 + whole(base * (seconds + 600.0));
    let retained = 1_024.min(newest);
    let reader = |number: u64, lag: f64| {
        let lag = whole(lag);
        SubscriberView {
            id: number,
            is_internal: number == 1,
            position: newest - lag,
            lag,
            attached_seconds: seconds + 360.0,
        }
    };
    let mut subscribers = vec![reader(1, 0.0), reader(2, base / 40.0 * wave(index, seconds, 5.0))];
    if index == 1 {
        subscribers.push(reader(3, 3_200.0 * wave(index, seconds, 23.0) - 1_900.0));
    }
    let opened_at = Timestamp::now() - SignedDuration::from_secs(600 * (i64::from(index) + 1));
    SessionView {
        id: id(index),
        state: if index == 5 { "recovering" } else { "ready" }.to_owned(),
        reason: String::new(),
        client_name: name.to_owned(),
        tag: tag.to_owned(),
        owner: Some(format!("k{:07x}", 0x51f_0a3b_u32.wrapping_mul(index + 1) & 0xfff_ffff)),
        opened_at,
        last_activity: Timestamp::now(),
        worker: Some(WorkerView {
            process_id: 21_740 + index * 13,
            backend: "simulator".to_owned(),
            epoch: format!("{:016x}", EPOCH + u64::from(index)),
            protocol_version: 1,
            cpu_percent: Some(rate / 160.0 + wave(index, seconds, 3.0)),
            memory_bytes: Some(whole(
                (18.0 + f64::from(index) * 3.0 + wave(index, seconds, 40.0)) * 1_048_576.0,
            )),
        }),
        ring: RingView {
            oldest_sequence: newest - retained + 1,
            newest_sequence: newest,
            retained_events: if index == 5 { 312 } else { retained },
            capacity_events: 1_024,
            held_bytes: whole(base * 900.0 * wave(index, seconds, 31.0)),
            capacity_bytes: 64 << 20,
        },
        subscribers,
        events_per_second: rate,
        received_events: newest,
        items: 24 * (usize::try_from(index).unwrap_or(0) + 1),
        advised_items: 20 * (usize::try_from(index).unwrap_or(0) + 1),
        pending_commands: usize::from(index == 0) * 2,
        commands: LatencyView {
            count: 180,
            p50_ms: 0.7 * wave(index, seconds, 11.0),
            p90_ms: 2.2 * wave(index, seconds, 7.0),
            p99_ms: 9.5 * wave(index, seconds, 5.0),
            max_ms: 21.0,
        },
    }
}

fn ended(index: u32, state: &str, reason: &str) -> EndedSession {
    EndedSession {
        id: id(index),
        state: state.to_owned(),
        reason: reason.to_owned(),
        client_name: "night-batch".to_owned(),
        tag: "line-1".to_owned(),
        owner: Some("k51f0a3b".to_owned()),
        opened_at: Timestamp::now() - SignedDuration::from_hours(9),
        worker_process_id: Some(19_002 + index),
        received_events: 1_204_331,
    }
}

/// Some of the session's events, four times a second; now and then some are missing.
struct LivelyFeed {
    ticks: Interval,
    is_new: bool,
    sequence: u64,
    rounds: u64,
    gap: bool,
}

#[async_trait]
impl Feed for LivelyFeed {
    async fn next(&mut self) -> Option<FeedItem> {
        if std::mem::take(&mut self.is_new) {
            let position = Position { epoch: EPOCH, sequence: self.sequence };
            return Some(FeedItem::Start { position, oldest_retained: self.sequence - 1_000, missing: None });
        }
        if !std::mem::take(&mut self.gap) {
            self.ticks.tick().await;
            self.rounds += 1;
            if self.rounds % 24 == 12 {
                self.gap = true;
                let from = self.sequence + 1;
                self.sequence += 318;
                let reason = if self.rounds % 48 == 12 { "journal_overflow" } else { "skipped" };
                let missing = Missing { from, to: self.sequence, count: 318, reason: reason.to_owned() };
                return Some(FeedItem::Missing(missing));
            }
        }
        let events = (self.sequence + 1..self.sequence + 4).map(event).collect();
        self.sequence += 3;
        Some(FeedItem::Events(Arc::new(EventBatch::new(events))))
    }
}

fn event(sequence: u64) -> EventView {
    const ITEMS: [&str; 4] =
        ["Mixer_001.Level", "Mixer_001.Speed", "Conveyor_004.Running", "Filler_002.Count"];
    let index = usize::try_from(sequence % 4).unwrap_or(0);
    EventView {
        sequence,
        family: "data_change".to_owned(),
        server_handle: 1,
        item_handle: i32::try_from(index).unwrap_or(0) + 1,
        item: Some(ITEMS[index].to_owned()),
        received_at: Timestamp::now(),
        quality: Some(192),
        value: None,
    }
}

fn key(id: &str, name: &str, state: &str) -> KeyView {
    KeyView {
        id: id.to_owned(),
        name: name.to_owned(),
        state: state.to_owned(),
        scopes: ["session:open", "session:close", "invoke:read", "events:read"].map(str::to_owned).to_vec(),
        constraints: vec!["read_subtree = Plant.Line_001".to_owned()],
        created: Timestamp::now() - SignedDuration::from_hours(1_900),
        expires: None,
        last_used: Some(Timestamp::now() - SignedDuration::from_secs(40)),
    }
}

#[async_trait]
impl Backend for Lively {
    fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.newest.borrow())
    }

    fn snapshots(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.newest.subscribe()
    }

    fn session_tag(&self, session_id: &str) -> Option<String> {
        let snapshot = self.snapshot();
        let found = snapshot.sessions.iter().find(|session| session.id == session_id)?;
        Some(found.tag.clone())
    }

    fn feed(&self, session_id: &str, from: Option<Position>) -> Result<Box<dyn Feed>, BackendError> {
        let snapshot = self.snapshot();
        let session = snapshot.sessions.iter().find(|session| session.id == session_id);
        let session = session.ok_or_else(|| BackendError::NotFound(session_id.to_owned()))?;
        let sequence = from.map_or(session.ring.newest_sequence, |from| from.sequence);
        let ticks = interval(Duration::from_millis(250));
        Ok(Box::new(LivelyFeed { ticks, is_new: true, sequence, rounds: 0, gap: false }))
    }

    async fn close_session(&self, _: &Actor, _: &str) -> Result<(), BackendError> {
        Ok(())
    }

    async fn kill_worker(&self, _: &Actor, _: &str) -> Result<(), BackendError> {
        Err(BackendError::Unavailable("made-up workers cannot be ended".to_owned()))
    }

    async fn keys(&self) -> Result<Vec<KeyView>, BackendError> {
        Ok(vec![
            key("k51f0a3b", "Packaging line", "active"),
            key("ka3e1476", "Historian", "active"),
            key("kf5d1eb1", "Old panel", "revoked"),
        ])
    }

    fn scopes(&self) -> Vec<ScopeView> {
        vec![
            ScopeView { name: "session:open", meaning: "open sessions" },
            ScopeView { name: "session:close", meaning: "close sessions and shut their workers down" },
            ScopeView { name: "events:read", meaning: "receive events and alarms" },
        ]
    }

    async fn create_key(&self, _: &Actor, new: NewKey) -> Result<(KeyView, String), BackendError> {
        let made = KeyView { name: new.name, ..key("k0000001", "", "active") };
        Ok((made, "mxgw_k0000001_made-up-and-good-for-nothing".to_owned()))
    }

    async fn rotate_key(&self, _: &Actor, id: &str) -> Result<(KeyView, String), BackendError> {
        Ok((key(id, "Packaging line", "active"), format!("mxgw_{id}_made-up-and-good-for-nothing")))
    }

    async fn revoke_key(&self, _: &Actor, id: &str) -> Result<KeyView, BackendError> {
        Ok(key(id, "Packaging line", "revoked"))
    }

    async fn audit(&self, _: AuditFilter) -> Result<Vec<AuditView>, BackendError> {
        let entry =
            |seconds: i64, actor: &str, action: &str, outcome: &str, target: Option<String>| AuditView {
                at: Timestamp::now() - SignedDuration::from_secs(seconds),
                actor: actor.to_owned(),
                action: action.to_owned(),
                outcome: outcome.to_owned(),
                target,
                peer: Some("192.0.2.17:50122".to_owned()),
                details: "{}".to_owned(),
            };
        Ok(vec![
            entry(12, "k51f0a3b", "OpenSession", "allowed", Some(id(0))),
            entry(95, "ka3e1476", "Write", "denied", Some("Plant.Line_002.Mixer.Speed".to_owned())),
            entry(340, "ada", "DashboardSignIn", "allowed", None),
        ])
    }

    fn note(&self, _: &Actor, _: &'static str, _: bool, _: Option<&str>) {}

    fn settings(&self) -> Vec<SettingView> {
        [
            ("auth.pepper_file", "<redacted>", "file"),
            ("dashboard.show_tag_values", "false", "default"),
            ("events.backpressure_policy", "fail_fast", "default"),
            ("events.queue_capacity", "10000", "default"),
            ("server.listen", "127.0.0.1:5120", "environment"),
        ]
        .map(|(key, value, source)| SettingView {
            key: key.to_owned(),
            value: value.to_owned(),
            source: source.to_owned(),
        })
        .to_vec()
    }
}
