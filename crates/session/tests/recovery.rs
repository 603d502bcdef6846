//! Sessions of an earlier process, with workers that live in memory.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use mxgateway_session::core::distributor::SubscribeOptions;
use mxgateway_session::core::event::{Event, EventFamily, ItemKey, Position};
use mxgateway_session::core::items::{AdviseState, Item, ItemChange};
use mxgateway_session::core::lifecycle::{CloseReason, Fault, SessionState};
use mxgateway_session::core::session::{AttachError, EndReason, NotUsable};
use mxgateway_session::{
    EventSink, LaunchError, LaunchRequest, Launched, ManagerSettings, OnReply, OpenOptions, PortError,
    RecoveredSession, Session, SessionId, SessionManager, StreamElement, WorkerIdentity, WorkerLauncher,
    WorkerPort,
};
use tokio::sync::Semaphore;

const EPOCH: u64 = 42;
const KEY: ItemKey = ItemKey { server_handle: 1, item_handle: 1 };

#[derive(Clone)]
struct World {
    /// One permit for each adoption that may go on.
    adoptions: Arc<Semaphore>,
    killed: Arc<AtomicU64>,
    released: Arc<AtomicU64>,
    fault: Option<Fault>,
}

struct Worker(World);

impl WorkerPort for Worker {
    type Command = ();
    type Reply = ();

    async fn invoke(&self, (): (), _: Option<OnReply<()>>) -> Result<(), PortError> {
        Ok(())
    }
    async fn shutdown(&self, _limit: Duration) {
        self.kill().await;
    }
    async fn kill(&self) {
        self.0.killed.fetch_add(1, Ordering::SeqCst);
    }
    async fn release(&self) {
        self.0.released.fetch_add(1, Ordering::SeqCst);
    }
}

impl WorkerLauncher for World {
    type Port = Worker;

    async fn launch(&self, _: LaunchRequest, _: EventSink) -> Result<Launched<Worker>, LaunchError> {
        Err(LaunchError::Failed("nothing is launched here".to_owned()))
    }

    async fn adopt(&self, _: SessionId, sink: EventSink) -> Result<Launched<Worker>, Fault> {
        self.adoptions.acquire().await.unwrap().forget();
        if let Some(fault) = self.fault.clone() {
            return Err(fault);
        }
        sink.begin_after(10);
        sink.publish((11..=20).map(event));
        let item = Item {
            definition: "Tank.Level".to_owned(),
            context: String::new(),
            advise: AdviseState::Advised,
            added_after: 0,
        };
        sink.restore([ItemChange::Registered(1), ItemChange::Added(KEY, item)]);
        sink.reached(20).await;
        let worker = WorkerIdentity {
            process_id: 7,
            epoch: EPOCH,
            backend_name: "memory".to_owned(),
            protocol_version: 1,
        };
        Ok(Launched { port: Worker(self.clone()), worker })
    }
}

fn event(sequence: u64) -> Event {
    Event {
        sequence,
        family: EventFamily::DataChange,
        item: KEY,
        received: SystemTime::now(),
        payload: sequence.to_string().into(),
    }
}

/// A manager with one session of before, whose adoption waits for a permit.
fn recovering(fault: Option<Fault>) -> (SessionManager<World>, World, Session<Worker>) {
    let world = World {
        adoptions: Arc::new(Semaphore::new(0)),
        killed: Arc::default(),
        released: Arc::default(),
        fault,
    };
    let manager = SessionManager::new(world.clone(), ManagerSettings::default());
    let session_id: SessionId = "session-00112233445566778899aabbccddeeff".parse().unwrap();
    let options =
        OpenOptions { owner: Some("key".to_owned()), tag: "tag".to_owned(), ..OpenOptions::default() };
    let opened_at = SystemTime::UNIX_EPOCH;
    manager.recover([RecoveredSession { session_id, options, opened_at, epoch: EPOCH }]);
    let session = manager.get(session_id).unwrap();
    (manager, world, session)
}

async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let wait = async {
        while !is_so() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), wait).await.expect(what);
}

#[tokio::test]
async fn a_session_is_there_at_once_and_goes_on_where_it_was() {
    let (_manager, world, session) = recovering(None);
    assert_eq!(session.state(), SessionState::Recovering);
    assert_eq!((session.options().owner.as_deref(), session.options().tag.as_str()), (Some("key"), "tag"));
    assert_eq!(session.opened_at(), SystemTime::UNIX_EPOCH);
    let refused = session.subscribe(SubscribeOptions::live()).unwrap_err();
    assert_eq!(refused, AttachError::NotUsable(NotUsable::State(SessionState::Recovering)));
    world.adoptions.add_permits(1);
    until("ready", || session.state() == SessionState::Ready).await;
    assert_eq!(session.worker().unwrap().process_id, 7);
    assert_eq!(session.items(&[KEY])[0].as_ref().unwrap().advise, AdviseState::Advised);

    for (asked, lost) in [(15, None), (10, None), (4, Some(6))] {
        let resume = Some(Position { epoch: EPOCH, sequence: asked });
        let mut events = session.subscribe(SubscribeOptions { resume, ..SubscribeOptions::live() }).unwrap();
        let Some(StreamElement::Start(start)) = events.next().await else { panic!("no start") };
        assert_eq!(start.gap.map(|gap| gap.lost), lost, "after {asked}");
        let Some(StreamElement::Events(seen)) = events.next().await else { panic!("no events") };
        let sequences: Vec<u64> = seen.iter().map(|event| event.sequence).collect();
        assert_eq!(sequences, (asked.max(10) + 1..=20).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_worker_that_cannot_be_taken_over_faults_its_session_with_the_reason() {
    let (manager, world, session) = recovering(Some(Fault::NotTakenOver("wrong epoch".to_owned())));
    world.adoptions.add_permits(1);
    until("faulted", || !manager.faulted().is_empty()).await;
    assert_eq!(session.state(), SessionState::Faulted);
    assert_eq!(session.status().fault, Some(Fault::NotTakenOver("wrong epoch".to_owned())));
    assert_eq!(world.killed.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_session_that_is_closed_while_it_recovers_loses_its_worker() {
    let (manager, world, session) = recovering(None);
    session.close(CloseReason::ClientClose).await;
    world.adoptions.add_permits(1);
    until("the worker is ended", || world.killed.load(Ordering::SeqCst) == 1).await;
    assert_eq!(session.state(), SessionState::Closed);
    until("it is open no more", || manager.list().is_empty()).await;
}

#[tokio::test]
async fn handing_over_ends_the_streams_and_leaves_the_workers() {
    for ready in [true, false] {
        let (manager, world, session) = recovering(None);
        let mut events = None;
        if ready {
            world.adoptions.add_permits(1);
            until("ready", || session.state() == SessionState::Ready).await;
            events = Some(session.subscribe(SubscribeOptions::live()).unwrap());
        }
        let handing_over = async {
            manager.hand_over().await;
        };
        let adoption = async {
            until("closed", || session.state() == SessionState::Closed).await;
            world.adoptions.add_permits(1);
        };
        tokio::join!(handing_over, adoption);
        assert_eq!(world.released.load(Ordering::SeqCst), 1, "ready: {ready}");
        assert_eq!(world.killed.load(Ordering::SeqCst), 0, "ready: {ready}");
        if let Some(mut events) = events {
            assert!(matches!(events.next().await, Some(StreamElement::Start(_))));
            let Some(StreamElement::End { reason, .. }) = events.next().await else { panic!("no end") };
            assert_eq!(reason, EndReason::Closed(CloseReason::GatewayShutdown));
        }
    }
}
