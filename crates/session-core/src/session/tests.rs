use std::time::{Duration, SystemTime};

use super::*;
use crate::distributor::{BackpressurePolicy, DistributorSettings, Snapshot};
use crate::event::{EventFamily, ItemKey};
use crate::items::Item;
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
