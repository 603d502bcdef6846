//! Clients that give a gateway something to do.

use std::f64::consts::TAU;
use std::time::Duration;

use mxgateway_contracts::v1::inject_fault_command::Fault;
use mxgateway_contracts::v1::mx_command::Payload;
use mxgateway_contracts::v1::{EventStormFault, InjectFaultCommand, SlowReaderPolicy, StreamEventsRequest};
use mxgateway_e2e::{ALL_SCOPES, Gateway, TestSession};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};

/// A client with a session.
struct Client {
    name: &'static str,
    /// Id of its API key.
    key: &'static str,
    tag: &'static str,
    items: &'static [&'static str],
    /// Of the first item, beside those that come anyway; about, and changing.
    events_per_second: f64,
    /// Programs that read the events.
    readers: usize,
}

const CLIENTS: [Client; 4] = [
    Client {
        name: "packaging-line",
        key: "packaging",
        tag: "line-1",
        items: &["Line_001.Count", "Line_001.State", "Line_001.Clock", "Mill_001.Speed", "Mill_001.Load"],
        events_per_second: 620.0,
        readers: 2,
    },
    Client {
        name: "historian-bridge",
        key: "historian",
        tag: "line-1",
        items: &["Mill_001.Speed", "Tank_001.Level", "Tank_002.Level", "Line_001.Count", "Host.Cpu.Load"],
        events_per_second: 400.0,
        readers: 2,
    },
    Client {
        name: "tank-farm",
        key: "tanks",
        tag: "utilities",
        items: &["Tank_001.Level", "Tank_001.Temperature", "Tank_002.Level", "Pump_001.Speed"],
        events_per_second: 150.0,
        readers: 1,
    },
    Client {
        name: "quality-lab",
        key: "laboratory",
        tag: "",
        items: &["Tank_001.Temperature", "Tank_002.Temperature", "Pump_001.Running"],
        events_per_second: 0.0,
        readers: 1,
    },
];

const WRITES_EVERY: Duration = Duration::from_millis(150);
const CHANGES_EVERY: Duration = Duration::from_secs(3);
/// How long the slow reader thinks about each message.
const THINKS_FOR: Duration = Duration::from_millis(20);

/// The clients at work.
pub(crate) struct Plant {
    sessions: Vec<TestSession>,
    tasks: JoinSet<()>,
}

impl Plant {
    /// Opens a session for each client, and one that has ended.
    pub(crate) async fn begin(gateway: &Gateway) -> Self {
        let mut plant = Self { sessions: Vec::new(), tasks: JoinSet::new() };
        for client in &CLIENTS {
            let key =
                gateway.create_key(&["--id", client.key, "--name", client.name, "--scopes", ALL_SCOPES]);
            let connect = async || gateway.client_with(&key).await;
            let session = TestSession::open_as(connect().await, client.name, client.tag).await;
            let (server, _) = session.advise_tags(client.items).await;
            for _ in 0..client.readers {
                plant.tasks.spawn(reads(session.through(connect().await), Duration::ZERO));
            }
            plant.tasks.spawn(writes(session.clone(), server));
            if client.events_per_second > 0.0 {
                plant.tasks.spawn(storms(session.clone(), client));
            }
            plant.sessions.push(session);
        }
        let slow = plant.sessions[1].through(gateway.narrow_client().await);
        plant.tasks.spawn(reads(slow, THINKS_FOR));
        TestSession::open_as(gateway.client().await, "shift-report", "line-2").await.close().await;
        plant
    }

    /// Fails when a client has given up.
    pub(crate) fn check_all_at_work(&mut self) {
        let ended = self.tasks.try_join_next();
        assert!(ended.is_none(), "a client ended: {ended:?}");
    }

    /// The session with a slow reader.
    pub(crate) fn with_slow_reader(&self) -> String {
        self.sessions[1].id()
    }

    /// Sessions whose events one can read along, and which differ.
    pub(crate) fn calm(&self) -> impl Iterator<Item = String> {
        self.sessions[2..].iter().map(TestSession::id)
    }
}

/// Reads a session's events, and waits after each message.
async fn reads(mut session: TestSession, thinks_for: Duration) {
    let request = StreamEventsRequest {
        session_id: session.id(),
        slow_reader_policy: SlowReaderPolicy::GapAndContinue.into(),
        ..StreamEventsRequest::default()
    };
    let mut events = session.client.stream_events(request).await.expect("a stream").into_inner();
    while let Ok(Some(_)) = events.message().await {
        tokio::time::sleep(thinks_for).await;
    }
}

/// Writes now and then.
async fn writes(session: TestSession, server: i32) {
    let item = session.add_item(server, "TestMachine_001.TestInteger").await;
    let mut ticks = interval(WRITES_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for value in 0.. {
        ticks.tick().await;
        session.write(server, item, value).await;
    }
}

/// Has events come at a rate that rises and falls.
async fn storms(session: TestSession, client: &Client) {
    let begun = Instant::now();
    let mut ticks = interval(CHANGES_EVERY);
    loop {
        ticks.tick().await;
        let seconds = begun.elapsed().as_secs_f64() + client.events_per_second;
        let swing = 0.2 * (seconds / 47.0 * TAU).sin() + 0.1 * (seconds / 13.0 * TAU).sin();
        let rate = client.events_per_second * (1.0 + swing);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a thousand at most")]
        let events_per_second = rate as u32;
        let storm = EventStormFault {
            tag_address: client.items[0].to_owned(),
            events_per_second,
            duration: Some(prost_types::Duration { seconds: 60, nanos: 0 }),
        };
        let fault = Some(Fault::EventStorm(storm));
        session.reply(Payload::InjectFault(InjectFaultCommand { fault })).await;
    }
}
