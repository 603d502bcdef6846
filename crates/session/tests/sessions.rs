//! The session library with a worker that lives in memory and does what the tests tell it.

#![expect(clippy::unwrap_used, clippy::wildcard_enum_match_arm, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use mxgateway_session::core::distributor::{SubscribeError, SubscribeOptions};
use mxgateway_session::core::event::{Event, EventFamily, ItemKey, Position};
use mxgateway_session::core::lifecycle::{CloseReason, Fault, SessionState};
use mxgateway_session::core::session::{AttachError, EndReason, NotUsable};
use mxgateway_session::{
    CloseOutcome, EventSink, InvokeError, LaunchError, LaunchRequest, Launched, ManagerSettings, OnReply,
    OpenError, OpenOptions, PortError, Session, SessionManager, StreamElement, Subscription, WorkerIdentity,
    WorkerLauncher, WorkerPort,
};
use tokio::sync::Notify;

mod sessions {
    mod sweeping;
}

const EPOCH: u64 = 42;
const LIMIT: Duration = Duration::from_secs(10);

#[derive(Clone, Default)]
struct Control {
    refuse_launch: Arc<AtomicBool>,
    hang_launch: Arc<AtomicBool>,
    release_launch: Arc<Notify>,
    hang_commands: Arc<AtomicBool>,
    ended: Arc<AtomicU64>,
    changed: Arc<Notify>,
    sinks: Arc<parking_lot::Mutex<Vec<EventSink>>>,
}

impl Control {
    fn sink(&self, at: usize) -> EventSink {
        self.sinks.lock()[at].clone()
    }

    async fn until_ended(&self, workers: u64) {
        let wait = async {
            loop {
                let changed = self.changed.notified();
                if self.ended.load(Ordering::SeqCst) >= workers {
                    return;
                }
                changed.await;
            }
        };
        tokio::time::timeout(LIMIT, wait).await.expect("the worker was not ended");
    }
}

struct Worker {
    control: Control,
    over: AtomicBool,
}

impl Worker {
    fn end(&self) {
        if !self.over.swap(true, Ordering::SeqCst) {
            self.control.ended.fetch_add(1, Ordering::SeqCst);
            self.control.changed.notify_waiters();
        }
    }
}

impl WorkerPort for Worker {
    type Command = &'static str;
    type Reply = usize;

    async fn invoke(&self, command: &'static str, _: Option<OnReply<usize>>) -> Result<usize, PortError> {
        if self.control.hang_commands.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        Ok(command.len())
    }

    async fn shutdown(&self, _limit: Duration) {
        self.end();
    }

    async fn kill(&self) {
        self.end();
    }
}

struct Launcher(Control);

impl WorkerLauncher for Launcher {
    type Port = Worker;

    async fn launch(&self, request: LaunchRequest, sink: EventSink) -> Result<Launched<Worker>, LaunchError> {
        if self.0.refuse_launch.load(Ordering::SeqCst) {
            return Err(LaunchError::Failed("no worker today".to_owned()));
        }
        if self.0.hang_launch.load(Ordering::SeqCst) {
            self.0.release_launch.notified().await;
        }
        sink.handshaking();
        self.0.sinks.lock().push(sink);
        let worker = WorkerIdentity {
            process_id: 1,
            epoch: EPOCH,
            backend_name: request.backend,
            protocol_version: 1,
        };
        Ok(Launched { port: Worker { control: self.0.clone(), over: AtomicBool::new(false) }, worker })
    }
}

fn settings() -> ManagerSettings {
    let mut settings =
        ManagerSettings { max_sessions: 2, max_pending_commands: 2, ..ManagerSettings::default() };
    settings.session.events.allow_multiple = true;
    settings.session.events.max_external = 2;
    settings.session.events.ring.lag_count = 10;
    settings
}

fn manager(settings: ManagerSettings) -> (SessionManager<Launcher>, Control) {
    let control = Control::default();
    (SessionManager::new(Launcher(control.clone()), settings), control)
}

async fn open(manager: &SessionManager<Launcher>) -> Session<Worker> {
    manager.open(OpenOptions { backend: "memory".to_owned(), ..OpenOptions::default() }).await.unwrap()
}

fn event(sequence: u64) -> Event {
    Event {
        sequence,
        family: EventFamily::DataChange,
        item: ItemKey::default(),
        received: SystemTime::now(),
        payload: sequence.to_string().into(),
    }
}

async fn next(subscription: &mut Subscription) -> StreamElement {
    tokio::time::timeout(LIMIT, subscription.next()).await.expect("nothing came").expect("the stream ended")
}

async fn started(session: &Session<Worker>, options: SubscribeOptions) -> Subscription {
    let mut subscription = session.subscribe(options).unwrap();
    assert!(matches!(next(&mut subscription).await, StreamElement::Start(_)));
    subscription
}

async fn sequences(subscription: &mut Subscription, count: usize) -> Vec<u64> {
    let mut sequences = Vec::new();
    while sequences.len() < count {
        match next(subscription).await {
            StreamElement::Events(events) => sequences.extend(events.iter().map(|event| event.sequence)),
            other => panic!("{other:?} instead of events"),
        }
    }
    sequences
}

#[tokio::test]
async fn every_subscriber_gets_every_event_and_a_returning_one_the_missing_ones() {
    let (manager, control) = manager(settings());
    let session = open(&manager).await;
    assert_eq!(session.state(), SessionState::Ready);
    let mut first = started(&session, SubscribeOptions::live()).await;
    let mut second = started(&session, SubscribeOptions::live()).await;
    control.sink(0).publish((1..=5).map(event));
    assert_eq!(sequences(&mut first, 5).await, [1, 2, 3, 4, 5]);
    assert_eq!(sequences(&mut second, 5).await, [1, 2, 3, 4, 5]);
    assert_eq!(
        session.subscribe(SubscribeOptions::live()).unwrap_err(),
        AttachError::Refused(SubscribeError::LimitReached { limit: 2 })
    );

    drop(second);
    control.sink(0).publish((6..=8).map(event));
    let resume = Some(Position { epoch: EPOCH, sequence: 5 });
    let mut back = started(&session, SubscribeOptions { resume, ..SubscribeOptions::live() }).await;
    assert_eq!(sequences(&mut back, 3).await, [6, 7, 8]);
    assert_eq!(sequences(&mut first, 3).await, [6, 7, 8]);
}

#[tokio::test]
async fn a_subscriber_that_does_not_read_is_cut_alone() {
    let (manager, control) = manager(settings());
    let session = open(&manager).await;
    let mut quick = started(&session, SubscribeOptions::live()).await;
    let mut slow = started(&session, SubscribeOptions::live()).await;
    for sequence in 1..=50 {
        control.sink(0).publish([event(sequence)]);
        assert_eq!(sequences(&mut quick, 1).await, [sequence]);
    }
    let last = Position { epoch: EPOCH, sequence: 0 };
    assert_eq!(next(&mut slow).await, StreamElement::End { reason: EndReason::SlowReader, last });
    assert_eq!(slow.next().await, None);
    assert_eq!(session.state(), SessionState::Ready);
}

#[tokio::test]
async fn closing_ends_the_worker_and_the_streams_and_can_be_repeated() {
    let (manager, control) = manager(settings());
    let session = open(&manager).await;
    let mut subscription = started(&session, SubscribeOptions::live()).await;
    control.sink(0).publish([event(1)]);
    assert_eq!(session.close(CloseReason::ClientClose).await, CloseOutcome::Closed);
    control.until_ended(1).await;
    assert_eq!(sequences(&mut subscription, 1).await, [1]);
    let end = StreamElement::End {
        reason: EndReason::Closed(CloseReason::ClientClose),
        last: Position { epoch: EPOCH, sequence: 1 },
    };
    assert_eq!(next(&mut subscription).await, end);
    assert_eq!(session.close(CloseReason::ClientClose).await, CloseOutcome::AlreadyClosed);
    let refused = InvokeError::NotUsable(NotUsable::State(SessionState::Closed));
    assert_eq!(session.invoke("x", LIMIT).await, Err(refused));
    assert!(manager.get(session.id()).is_some(), "an ended session is remembered");
}

#[tokio::test]
async fn a_worker_that_fails_faults_its_session_and_frees_the_slot() {
    let (manager, control) = manager(settings());
    let (session, _other) = (open(&manager).await, open(&manager).await);
    let mut subscription = started(&session, SubscribeOptions::live()).await;
    let fault = Fault::WorkerExited("signal 9".to_owned());
    control.sink(0).fail(fault.clone());
    let last = Position { epoch: EPOCH, sequence: 0 };
    let end = StreamElement::End { reason: EndReason::Faulted(fault.clone()), last };
    assert_eq!(next(&mut subscription).await, end);
    control.until_ended(1).await;
    assert_eq!(session.invoke("x", LIMIT).await, Err(InvokeError::NotUsable(NotUsable::Faulted(fault))));
    let wait = async {
        while manager.faulted().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LIMIT, wait).await.expect("the faulted session still takes a slot");
    open(&manager).await;
    assert_eq!(session.close(CloseReason::ClientClose).await, CloseOutcome::Closed);
}

#[tokio::test]
async fn sessions_are_limited_and_a_failed_launch_takes_no_slot() {
    let (manager, control) = manager(settings());
    control.refuse_launch.store(true, Ordering::SeqCst);
    for _ in 0..3 {
        let error = manager.open(OpenOptions::default()).await.unwrap_err();
        assert_eq!(error, OpenError::Launch(LaunchError::Failed("no worker today".to_owned())));
    }
    control.refuse_launch.store(false, Ordering::SeqCst);
    let wait = async {
        while !manager.list().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LIMIT, wait).await.expect("failed sessions still take slots");
    let (_one, _two) = (open(&manager).await, open(&manager).await);
    let error = manager.open(OpenOptions::default()).await.unwrap_err();
    assert_eq!(error, OpenError::LimitReached { limit: 2 });
}

#[tokio::test]
async fn commands_are_limited_in_time_and_number() {
    let (manager, control) = manager(settings());
    let session = open(&manager).await;
    assert_eq!(session.invoke("hello", LIMIT).await, Ok(5));
    control.hang_commands.store(true, Ordering::SeqCst);
    let limit = Duration::from_millis(1);
    assert_eq!(session.invoke("x", limit).await, Err(InvokeError::Timeout { limit }));
    assert_eq!(session.pending_commands(), 0);
    let (one, two) = (session.clone(), session.clone());
    let waiting = [
        tokio::spawn(async move { one.invoke("x", LIMIT).await }),
        tokio::spawn(async move { two.invoke("x", LIMIT).await }),
    ];
    while session.pending_commands() < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(session.invoke("x", LIMIT).await, Err(InvokeError::PendingLimit { limit: 2 }));
    for waiting in waiting {
        waiting.abort();
    }
}

#[tokio::test]
async fn a_quiet_stream_gets_bookmarks() {
    tokio::time::pause();
    let (manager, control) = manager(settings());
    let session = open(&manager).await;
    let mut subscription = started(&session, SubscribeOptions::live()).await;
    control.sink(0).publish([event(1)]);
    assert_eq!(sequences(&mut subscription, 1).await, [1]);
    let before = tokio::time::Instant::now();
    // Not by `next`: its own limit would come first on paused time.
    let bookmark = subscription.next().await;
    assert_eq!(bookmark, Some(StreamElement::Bookmark(Position { epoch: EPOCH, sequence: 1 })));
    assert_eq!(before.elapsed().as_secs(), 15);
}

#[tokio::test]
async fn a_session_whose_opener_goes_away_is_ended() {
    let (manager, control) = manager(settings());
    control.hang_launch.store(true, Ordering::SeqCst);
    let opening = manager.open(OpenOptions::default());
    assert!(tokio::time::timeout(Duration::from_millis(1), opening).await.is_err());
    let session = manager.list().remove(0);
    control.release_launch.notify_one();
    control.until_ended(1).await;
    assert_eq!(session.close(CloseReason::Administrator).await, CloseOutcome::AlreadyClosed);
}

#[tokio::test]
async fn a_session_can_be_closed_while_it_is_being_opened() {
    let (manager, control) = manager(settings());
    control.hang_launch.store(true, Ordering::SeqCst);
    let opening = manager.open(OpenOptions::default());
    let closing = async {
        let session = manager.list().remove(0);
        session.close(CloseReason::Administrator).await
    };
    let (opened, closed) = tokio::join!(opening, closing);
    assert_eq!(opened.unwrap_err(), OpenError::Closed);
    assert_eq!(closed, CloseOutcome::Closed);
}

#[tokio::test]
async fn a_shutdown_ends_every_session_and_admits_no_more() {
    let (manager, control) = manager(settings());
    let (session, _other) = (open(&manager).await, open(&manager).await);
    let mut subscription = started(&session, SubscribeOptions::live()).await;
    tokio::time::timeout(LIMIT, manager.shutdown()).await.expect("the shutdown hangs");
    control.until_ended(2).await;
    let last = Position { epoch: EPOCH, sequence: 0 };
    let reason = EndReason::Closed(CloseReason::GatewayShutdown);
    assert_eq!(next(&mut subscription).await, StreamElement::End { reason, last });
    assert_eq!(manager.open(OpenOptions::default()).await.unwrap_err(), OpenError::Stopping);
}
