use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::*;
use crate::access::Access;
use crate::distributor::{BackpressurePolicy, DistributorSettings, SlowReader, Snapshot};
use crate::event::{EventFamily, ItemKey};
use crate::items::{Frees, Item};
use crate::ring::RingLimits;

const SECOND: Duration = Duration::from_secs(1);
const BUDGET: ReadBudget = ReadBudget { events: 512, bytes: 1 << 20 };

fn settings() -> SessionSettings {
    SessionSettings {
        lease: LeaseSettings { lease: SECOND * 100, detach_grace: SECOND * 10 },
        events: DistributorSettings {
            ring: RingLimits { replay_count: 100, bytes: usize::MAX, replay_age: None, lag_count: 10 },
            allow_multiple: false,
            max_external: 8,
            policy: BackpressurePolicy::FailFast,
        },
    }
}

fn ready(now: Instant) -> SessionCore {
    let mut session = SessionCore::new(settings(), now);
    session.advance(SessionState::Starting).unwrap();
    session.advance(SessionState::Handshaking).unwrap();
    session.ready(5, now).unwrap();
    session
}

fn event(sequence: u64) -> Event {
    Event {
        sequence,
        family: EventFamily::WriteComplete,
        item: ItemKey::default(),
        received: SystemTime::UNIX_EPOCH,
        payload: vec![1].into(),
    }
}

fn live() -> SubscribeOptions {
    SubscribeOptions::live()
}

#[test]
fn nothing_is_served_before_the_session_is_ready() {
    let now = Instant::now();
    let mut session = SessionCore::new(settings(), now);
    let refused = NotUsable::State(SessionState::Creating);
    assert_eq!(session.use_now(now), Err(refused.clone()));
    assert_eq!(session.subscribe(live(), now), Err(AttachError::NotUsable(refused)));
}

#[test]
fn a_closed_session_hands_out_what_it_has_before_the_end() {
    let now = Instant::now();
    let mut session = ready(now);
    let (id, start) = session.subscribe(live(), now).unwrap();
    assert_eq!(start.after, Position { epoch: 5, sequence: 0 });
    session.publish([event(1), event(2)], now);
    session.begin_close(CloseReason::ClientClose);
    session.publish([event(3)], now);
    session.closed().unwrap();
    let mut out = Vec::new();
    assert_eq!(session.read(id, BUDGET, &mut out), Next::Delivery(Delivery::Events));
    assert_eq!(out.len(), 3);
    let end = Next::End {
        reason: EndReason::Closed(CloseReason::ClientClose),
        last: Position { epoch: 5, sequence: 3 },
    };
    assert_eq!(session.read(id, BUDGET, &mut out), end);
}

#[test]
fn a_fault_reaches_the_subscriber_with_its_reason() {
    let now = Instant::now();
    let mut session = ready(now);
    let (id, _) = session.subscribe(live(), now).unwrap();
    let fault = Fault::WorkerExited("signal 9".to_owned());
    assert!(session.fail(fault.clone()));
    let last = Position { epoch: 5, sequence: 0 };
    assert_eq!(
        session.read(id, BUDGET, &mut Vec::new()),
        Next::End { reason: EndReason::Faulted(fault.clone()), last }
    );
    assert_eq!(session.use_now(now), Err(NotUsable::Faulted(fault)));
}

#[test]
fn a_slow_only_subscriber_faults_the_session_under_fail_fast() {
    let now = Instant::now();
    let mut session = ready(now);
    let (id, _) = session.subscribe(live(), now).unwrap();
    assert_eq!(session.publish((1..=11).map(event), now), Some(Fault::SlowSubscriber { limit: 10 }));
    assert_eq!(session.lifecycle().state(), SessionState::Faulted);
    let last = Position { epoch: 5, sequence: 0 };
    assert_eq!(session.read(id, BUDGET, &mut Vec::new()), Next::End { reason: EndReason::SlowReader, last });
}

#[test]
fn a_worker_that_numbers_events_twice_is_a_fault() {
    let now = Instant::now();
    let mut session = ready(now);
    assert_eq!(session.publish([event(1), event(2)], now), None);
    assert!(matches!(session.publish([event(2)], now), Some(Fault::Protocol(_))));
}

#[test]
fn a_subscriber_that_comes_back_in_time_saves_the_session() {
    let now = Instant::now();
    let mut session = ready(now);
    let (id, _) = session.subscribe(live(), now).unwrap();
    assert_eq!(session.sweep(now + SECOND * 1000), None);
    session.unsubscribe(id, now + SECOND * 1000);
    session.unsubscribe(id, now + SECOND * 1001);
    assert_eq!(session.sweep(now + SECOND * 1009), None);
    let (id, _) = session.subscribe(live(), now + SECOND * 1009).unwrap();
    assert_eq!(session.sweep(now + SECOND * 1020), None);
    session.unsubscribe(id, now + SECOND * 1020);
    assert_eq!(session.sweep(now + SECOND * 1030), Some(CloseReason::DetachGraceExpired));
}

#[test]
fn a_cut_subscriber_does_not_hold_the_session() {
    let now = Instant::now();
    let gentle =
        DistributorSettings { policy: BackpressurePolicy::DisconnectSubscriber, ..settings().events };
    let mut session = SessionCore::new(SessionSettings { events: gentle, ..settings() }, now);
    session.advance(SessionState::Starting).unwrap();
    session.advance(SessionState::Handshaking).unwrap();
    session.ready(5, now).unwrap();
    let (id, _) = session.subscribe(live(), now).unwrap();
    assert_eq!(session.publish((1..=11).map(event), now), None);
    assert_eq!(session.sweep(now + SECOND * 9), None);
    assert_eq!(session.sweep(now + SECOND * 10), Some(CloseReason::DetachGraceExpired));
    session.unsubscribe(id, now + SECOND * 11);
    assert!(session.subscribe(live(), now + SECOND * 11).is_ok());
}

#[test]
fn an_internal_subscriber_does_not_hold_the_session() {
    let now = Instant::now();
    let mut session = ready(now);
    session.subscribe(SubscribeOptions { kind: SubscriberKind::Internal, ..live() }, now).unwrap();
    assert_eq!(session.sweep(now + SECOND * 99), None);
    assert_eq!(session.sweep(now + SECOND * 100), Some(CloseReason::LeaseExpired));
}

#[test]
fn a_retired_session_keeps_only_what_its_subscribers_have_to_read() {
    let now = Instant::now();
    let mut session = ready(now);
    let (id, _) = session.subscribe(live(), now).unwrap();
    session.publish((1..=4).map(event), now);
    session.fail(Fault::WorkerExited("signal 9".to_owned()));
    session.retire();
    let mut out = Vec::new();
    assert_eq!(session.read(id, BUDGET, &mut out), Next::Delivery(Delivery::Events));
    assert_eq!(out.len(), 4);
    session.unsubscribe(id, now);
    assert_eq!(session.distributor().ring().held_bytes(), 0);
}

#[test]
fn a_snapshot_has_the_last_value_of_what_is_advised_and_of_nothing_else() {
    let now = Instant::now();
    let mut session = ready(now);
    let key = |item_handle| ItemKey { server_handle: 1, item_handle };
    let value = |sequence, item_handle| Event {
        family: EventFamily::DataChange,
        item: key(item_handle),
        ..event(sequence)
    };
    let item = |added_after| Item {
        definition: "A.B".to_owned(),
        context: String::new(),
        advise: AdviseState::Advised,
        added_after,
    };
    session.apply(ItemChange::Registered(1));
    for handle in 1..=4 {
        session.apply(ItemChange::Added(key(handle), item(0)));
    }
    session.publish([value(1, 1), value(2, 2), value(3, 3), value(4, 4), value(5, 1), event(6)], now);
    session.apply(ItemChange::Removed(key(3)));
    session.apply(ItemChange::Advised(key(4), AdviseState::None));
    // The handle is given out again; what is known of it is of another item.
    session.apply(ItemChange::Removed(key(2)));
    session.apply(ItemChange::Added(key(2), item(6)));
    let options = SubscribeOptions { snapshot: Snapshot::Always, ..live() };
    let (id, _) = session.subscribe(options, now).unwrap();
    let mut out = Vec::new();
    assert_eq!(session.read(id, BUDGET, &mut out), Next::Delivery(Delivery::Retained));
    assert_eq!(out.iter().map(|event| event.sequence).collect::<Vec<_>>(), [5]);
    assert_eq!(session.read(id, BUDGET, &mut out), Next::Delivery(Delivery::UpToDate));
}

/// Lets through what begins with a text.
#[derive(Debug)]
struct Beginning(&'static str);

impl Access for Beginning {
    fn allows(&self, item: &Item, _family: EventFamily) -> bool {
        item.definition.starts_with(self.0)
    }
}

fn of(item_handle: i32, sequence: u64) -> Event {
    let item = ItemKey { server_handle: 1, item_handle };
    Event { family: EventFamily::DataChange, item, ..event(sequence) }
}

fn advised(definition: &str, item_handle: i32, added_after: u64) -> ItemChange {
    let item = Item {
        definition: definition.to_owned(),
        context: String::new(),
        advise: AdviseState::Advised,
        added_after,
    };
    ItemChange::Added(ItemKey { server_handle: 1, item_handle }, item)
}

fn read_all(session: &mut SessionCore, id: SubscriberId) -> (Next, Vec<u64>) {
    let mut out = Vec::new();
    let next = session.read(id, BUDGET, &mut out);
    (next, out.iter().map(|event| event.sequence).collect())
}

#[test]
fn a_reader_with_limits_sees_its_items_only_and_waits_for_those_being_added() {
    for slow_reader in [SlowReader::Cut, SlowReader::LatestPerItem] {
        let now = Instant::now();
        let mut session = ready(now);
        session.apply(advised("A.1", 1, 0));
        session.apply(advised("B.1", 2, 0));
        let access: Option<Arc<dyn Access>> = Some(Arc::new(Beginning("A.")));
        let options = SubscribeOptions { access, slow_reader, ..live() };
        let (id, _) = session.subscribe(options, now).unwrap();
        session.publish([of(2, 1), of(1, 2), of(2, 3), of(9, 4)], now);
        assert_eq!(read_all(&mut session, id), (Next::Delivery(Delivery::Events), vec![2]));

        let change = PendingChange { adds: true, frees: Frees::Nothing };
        let ticket = session.begin_change(change);
        session.publish([of(2, 5), of(3, 6), of(4, 7)], now);
        if slow_reader == SlowReader::Cut {
            assert_eq!(read_all(&mut session, id), (Next::Delivery(Delivery::Filtered), vec![]));
            assert_eq!(session.position(id).sequence, 5, "a bookmark must not pass what waits");
        }
        assert_eq!(read_all(&mut session, id), (Next::Delivery(Delivery::UpToDate), vec![]));
        session.end_change(ticket, [advised("A.2", 3, 4), advised("B.2", 4, 4)], 0);
        assert_eq!(read_all(&mut session, id), (Next::Delivery(Delivery::Events), vec![6]));
        assert_eq!(session.position(id).sequence, 7);
    }
}

#[test]
fn a_snapshot_has_only_what_its_reader_may_see() {
    let now = Instant::now();
    let mut session = ready(now);
    session.apply(advised("A.1", 1, 0));
    session.apply(advised("B.1", 2, 0));
    session.publish([of(1, 1), of(2, 2)], now);
    let access: Option<Arc<dyn Access>> = Some(Arc::new(Beginning("B.")));
    let options = SubscribeOptions { access, snapshot: Snapshot::Always, ..live() };
    let (id, _) = session.subscribe(options, now).unwrap();
    assert_eq!(read_all(&mut session, id), (Next::Delivery(Delivery::Retained), vec![2]));
    assert_eq!(read_all(&mut session, id), (Next::Delivery(Delivery::UpToDate), vec![]));
}

#[test]
fn a_loss_is_told_also_before_an_event_that_waits() {
    let now = Instant::now();
    let mut session = ready(now);
    let access: Option<Arc<dyn Access>> = Some(Arc::new(Beginning("A.")));
    let (id, _) = session.subscribe(SubscribeOptions { access, ..live() }, now).unwrap();
    session.begin_change(PendingChange { adds: true, frees: Frees::Nothing });
    session.publish_loss(3, now);
    session.publish([of(1, 4)], now);
    let (next, _) = read_all(&mut session, id);
    assert!(matches!(next, Next::Delivery(Delivery::Gap(_))), "{next:?}");
    assert_eq!(read_all(&mut session, id), (Next::Delivery(Delivery::UpToDate), vec![]));
}
