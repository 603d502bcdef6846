//! The cases.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use loom::future::block_on;
use loom::thread;
use mxgateway_session_core::distributor::{
    BackpressurePolicy, DistributorSettings, SlowReader, SubscribeOptions,
};
use mxgateway_session_core::event::{Event, EventFamily, ItemKey};
use mxgateway_session_core::lease::LeaseSettings;
use mxgateway_session_core::lifecycle::{CloseReason, Fault, SessionState};
use mxgateway_session_core::ring::RingLimits;
use mxgateway_session_core::session::{EndReason, SessionCore, SessionSettings};

use crate::id::SessionId;
use crate::shared::{EventSink, Shared};
use crate::subscription::{StreamElement, Subscription};
use crate::time;

const INTERVAL: Duration = Duration::from_secs(1);

/// Runs a case in every order of its threads in which at most three times one that could go on has to wait.
fn every_order(case: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(case);
}

fn session(lag_count: u64) -> Arc<Shared> {
    let now = Instant::now();
    let settings = SessionSettings {
        lease: LeaseSettings { lease: Duration::from_secs(1_000), detach_grace: Duration::from_secs(10) },
        events: DistributorSettings {
            ring: RingLimits { replay_count: 0, bytes: usize::MAX, replay_age: None, lag_count },
            allow_multiple: true,
            max_external: 8,
            policy: BackpressurePolicy::DisconnectSubscriber,
        },
    };
    let mut core = SessionCore::new(settings, now);
    let ready = core
        .advance(SessionState::Starting)
        .and_then(|()| core.advance(SessionState::Handshaking))
        .and_then(|()| core.ready(5, now));
    assert_eq!(ready, Ok(()));
    Shared::new(SessionId, core)
}

/// A subscription that a failed case leaves alone: its end takes a lock, which loom does not give then.
struct Reader(Option<Subscription>);

impl Reader {
    async fn next(&mut self) -> Option<StreamElement> {
        self.0.as_mut()?.next().await
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if std::thread::panicking() {
            std::mem::forget(self.0.take());
        }
    }
}

/// As `Session::subscribe` does it.
fn subscribe(shared: &Arc<Shared>) -> Reader {
    subscribe_as(shared, SlowReader::Cut)
}

fn subscribe_as(shared: &Arc<Shared>, slow_reader: SlowReader) -> Reader {
    let options = SubscribeOptions { slow_reader, ..SubscribeOptions::live() };
    let subscribed = shared.core().subscribe(options, Instant::now());
    match subscribed {
        Ok((id, start)) => Reader(Some(Subscription::new(Arc::clone(shared), id, start, INTERVAL))),
        Err(error) => panic!("not subscribed: {error}"),
    }
}

/// As `Session::finish` does it when the worker is gone.
fn finish(shared: &Shared) {
    let closed = shared.core().closed();
    assert_eq!(closed, Ok(()));
    shared.closed.cancel();
    shared.news.notify_waiters();
}

fn sink(shared: &Arc<Shared>) -> EventSink {
    EventSink { shared: Arc::clone(shared) }
}

fn event(sequence: u64) -> Event {
    Event {
        sequence,
        family: EventFamily::DataChange,
        item: ItemKey::default(),
        received: SystemTime::UNIX_EPOCH,
        payload: Vec::new().into(),
    }
}

/// Reads until the event `until` has come; each event must come once and in order, a position must be that of
/// the last event.
async fn read_until(subscription: &mut Reader, until: u64) {
    let mut last = 0;
    while last < until {
        match subscription.next().await {
            Some(StreamElement::Start(_)) => {}
            Some(StreamElement::Events(events)) => {
                for event in events {
                    assert_eq!(event.sequence, last + 1, "each event once and in order");
                    last = event.sequence;
                }
            }
            Some(StreamElement::Bookmark(position)) => assert_eq!(position.sequence, last, "a bookmark"),
            other => panic!("{other:?} after {last}"),
        }
    }
    assert_eq!(last, until);
}

#[test]
fn no_event_is_slept_through_and_none_comes_twice() {
    every_order(|| {
        let shared = session(10);
        let mut subscription = subscribe(&shared);
        let publisher = thread::spawn({
            let sink = sink(&shared);
            move || {
                sink.publish([event(1)]);
                sink.publish([event(2)]);
            }
        });
        block_on(read_until(&mut subscription, 2));
        publisher.join().unwrap();
    });
}

#[test]
fn every_reader_is_woken() {
    every_order(|| {
        let shared = session(10);
        let mut first = subscribe(&shared);
        let mut second = subscribe(&shared);
        let reader = thread::spawn(move || block_on(read_until(&mut first, 1)));
        let publisher = thread::spawn({
            let sink = sink(&shared);
            move || sink.publish([event(1)])
        });
        block_on(read_until(&mut second, 1));
        reader.join().unwrap();
        publisher.join().unwrap();
    });
}

#[test]
fn a_close_reaches_the_reader_after_the_last_event() {
    every_order(|| {
        let shared = session(10);
        let mut subscription = subscribe(&shared);
        let worker = thread::spawn({
            let shared = Arc::clone(&shared);
            move || {
                shared.core().begin_close(CloseReason::ClientClose);
                sink(&shared).publish([event(1)]);
                finish(&shared);
            }
        });
        block_on(async {
            read_until(&mut subscription, 1).await;
            let end = subscription.next().await;
            let Some(StreamElement::End { reason, last }) = end else { panic!("{end:?}") };
            assert_eq!((reason, last.sequence), (EndReason::Closed(CloseReason::ClientClose), 1));
            assert_eq!(subscription.next().await, None);
        });
        worker.join().unwrap();
    });
}

#[test]
fn a_fault_from_another_side_reaches_the_reader() {
    every_order(|| {
        let shared = session(10);
        let mut subscription = subscribe(&shared);
        let publisher = thread::spawn({
            let sink = sink(&shared);
            move || sink.publish([event(1)])
        });
        let watcher = thread::spawn({
            let sink = sink(&shared);
            move || sink.fail(Fault::WorkerExited("exit code 1".to_owned()))
        });
        block_on(async {
            let mut last = 0;
            loop {
                match subscription.next().await {
                    Some(StreamElement::Start(_)) => {}
                    Some(StreamElement::Events(events)) => last += events.len() as u64,
                    Some(StreamElement::End { last: position, .. }) => {
                        break assert_eq!(position.sequence, last);
                    }
                    other => panic!("{other:?}"),
                }
            }
            assert_eq!(subscription.next().await, None);
        });
        publisher.join().unwrap();
        watcher.join().unwrap();
    });
}

#[test]
fn a_bookmark_comes_in_time_and_does_not_overtake_an_event() {
    every_order(|| {
        let shared = session(10);
        let mut subscription = subscribe(&shared);
        let publisher = thread::spawn({
            let sink = sink(&shared);
            move || sink.publish([event(1)])
        });
        let clock = thread::spawn(|| time::advance(INTERVAL));
        block_on(read_until(&mut subscription, 1));
        publisher.join().unwrap();
        clock.join().unwrap();
    });
}

#[test]
fn a_subscriber_released_by_its_client_and_cut_by_the_publisher_is_released_once() {
    every_order(|| {
        let shared = session(1);
        let leaving = subscribe(&shared);
        let staying = subscribe_as(&shared, SlowReader::GapAndContinue);
        let client = thread::spawn(move || drop(leaving));
        let publisher = thread::spawn({
            let sink = sink(&shared);
            // Two events at once are more than one may be behind.
            move || sink.publish([event(1), event(2)])
        });
        client.join().unwrap();
        publisher.join().unwrap();
        let later = Instant::now() + Duration::from_secs(11);
        assert_eq!(shared.core().distributor().external(), 1);
        assert_eq!(shared.core().sweep(later), None, "the other one holds the session");
        drop(staying);
        assert_eq!(shared.core().distributor().external(), 0);
        assert_eq!(shared.core().sweep(later), Some(CloseReason::DetachGraceExpired));
    });
}
