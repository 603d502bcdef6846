//! Looks at the whole gateway once a second.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use mxgateway_dashboard::model::{CheckView, GatewayView, Snapshot, Totals};
use mxgateway_session::SessionId;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use super::latencies::Latencies;
use super::processes::Processes;
use super::session_views::{self, Capacity, Seen};
use crate::config::Config;
use crate::grpc::Sessions;
use crate::readiness::{Check, Readiness};

const EVERY: Duration = Duration::from_secs(1);

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Observer {
    sessions: Arc<Sessions>,
    readiness: Readiness,
    latencies: Latencies,
    processes: Processes,
    capacity: Capacity,
    gateway: GatewayView,
    /// Events received of each session, and when that was.
    counted: HashMap<SessionId, (u64, Instant)>,
    number: u64,
}

impl Observer {
    /// Of a gateway that has only just been started.
    pub(super) fn new(
        config: &Config,
        address: SocketAddr,
        sessions: Arc<Sessions>,
        readiness: Readiness,
        latencies: Latencies,
    ) -> Self {
        let gateway = GatewayView {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_at: Timestamp::now(),
            listen: address.to_string(),
            backend: config.workers.backend.name().to_owned(),
            is_ready: false,
            checks: Vec::new(),
        };
        let capacity = Capacity {
            events: config.events.replay_buffer_capacity as u64,
            bytes: config.events.replay_buffer_bytes.get() as u64,
        };
        Self {
            sessions,
            readiness,
            latencies,
            processes: Processes::new(),
            capacity,
            gateway,
            counted: HashMap::new(),
            number: 0,
        }
    }

    /// Looks each second. Returns only when a look failed.
    pub(super) async fn run(self, newest: watch::Sender<Arc<Snapshot>>) {
        let mut observer = self;
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            // Files of the operating system are read.
            let looking = tokio::task::spawn_blocking(move || {
                let snapshot = observer.look(Instant::now());
                (observer, snapshot)
            });
            let Ok((looked, snapshot)) = looking.await else { return };
            observer = looked;
            newest.send_replace(Arc::new(snapshot));
        }
    }

    /// How everything is now.
    pub(super) fn look(&mut self, now: Instant) -> Snapshot {
        let open = self.sessions.list();
        let workers = open.iter().filter_map(|session| Some(session.worker()?.process_id));
        self.processes.look(&workers.collect::<Vec<_>>());
        let ids: HashSet<SessionId> = open.iter().map(|session| session.id()).collect();
        self.latencies.keep_only(&ids);
        self.counted.retain(|id, _| ids.contains(id));
        let mut sessions = Vec::with_capacity(open.len());
        for session in &open {
            let status = session.status();
            let seen = Seen {
                events_per_second: self.rate(session.id(), status.received_events, now),
                commands: self.latencies.of(session.id(), now),
                usage: session
                    .worker()
                    .map(|worker| self.processes.usage(worker.process_id))
                    .unwrap_or_default(),
            };
            sessions.push(session_views::session(session, &status, seen, self.capacity));
        }
        self.number += 1;
        let checks = self.readiness.checks();
        let named = checks.named().into_iter();
        self.gateway.is_ready = checks.ready();
        self.gateway.checks = named
            .map(|(name, check)| CheckView { name: name.to_owned(), state: word(check).to_owned() })
            .collect();
        Snapshot {
            at: Timestamp::now(),
            number: self.number,
            gateway: self.gateway.clone(),
            totals: Totals::of(&sessions),
            sessions,
            ended: self.sessions.ended().iter().map(session_views::ended).collect(),
        }
    }

    /// Events per second since the look before; 0 at the first.
    #[expect(clippy::cast_precision_loss, reason = "a rate for people to look at")]
    fn rate(&mut self, session: SessionId, received: u64, now: Instant) -> f64 {
        let before = self.counted.insert(session, (received, now));
        before.map_or(0.0, |(count, at)| {
            let seconds = now.saturating_duration_since(at).as_secs_f64();
            if seconds > 0.0 { received.saturating_sub(count) as f64 / seconds } else { 0.0 }
        })
    }
}

fn word(check: Check) -> &'static str {
    match check {
        Check::Good => "good",
        Check::Failed => "failed",
        Check::Off => "off",
    }
}
