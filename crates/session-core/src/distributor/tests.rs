use std::time::{Duration, SystemTime};

use super::*;
use crate::event::EventFamily;
use crate::items::{AdviseState, Item, ItemChange};

const BUDGET: ReadBudget = ReadBudget { events: 512, bytes: 1 << 20 };
const EPOCH: u64 = 77;

fn settings() -> DistributorSettings {
    DistributorSettings {
        ring: RingLimits { replay_count: 20, bytes: usize::MAX, replay_age: None, lag_count: 10 },
        allow_multiple: true,
        max_external: 3,
        policy: BackpressurePolicy::FailFast,
    }
}

fn event(sequence: u64) -> Event {
    let item = ItemKey { server_handle: 1, item_handle: i32::try_from(sequence % 3).unwrap() };
    Event {
        sequence,
        family: EventFamily::DataChange,
        item,
        received: SystemTime::UNIX_EPOCH,
        payload: vec![7].into(),
    }
}

fn distributor(settings: DistributorSettings, events: u64) -> Distributor {
    let mut distributor = Distributor::new(settings, EPOCH);
    publish(&mut distributor, 1..=events);
    distributor
}

fn publish(distributor: &mut Distributor, sequences: impl IntoIterator<Item = u64>) -> Overflow {
    distributor.publish(sequences.into_iter().map(event), Instant::now()).unwrap()
}

/// Everything that the events here are about is advised.
fn items() -> Items {
    let mut items = Items::default();
    for item_handle in 0..3 {
        let item = Item {
            definition: "Tank.Level".to_owned(),
            context: String::new(),
            advise: AdviseState::Advised,
            added_after: 0,
        };
        items.apply(ItemChange::Added(ItemKey { server_handle: 1, item_handle }, item), 0);
    }
    items
}

fn external(resume: Option<u64>) -> SubscribeOptions {
    SubscribeOptions {
        kind: SubscriberKind::External,
        resume: resume.map(|sequence| Position { epoch: EPOCH, sequence }),
        ..SubscribeOptions::live()
    }
}

fn subscribe(distributor: &mut Distributor, resume: Option<u64>) -> (SubscriberId, Start) {
    distributor.subscribe(external(resume), &items(), Instant::now()).unwrap()
}

fn read(distributor: &mut Distributor, id: SubscriberId) -> (Delivery, Vec<u64>) {
    let mut out = Vec::new();
    let delivery = distributor.read(id, &items(), BUDGET, &mut out);
    (delivery, out.iter().map(|event| event.sequence).collect())
}

#[test]
fn without_a_position_a_stream_is_live_from_now() {
    let mut distributor = distributor(settings(), 5);
    let (id, start) = subscribe(&mut distributor, None);
    assert_eq!(start.after.sequence, 5);
    assert_eq!(start.gap, None);
    assert_eq!(read(&mut distributor, id), (Delivery::UpToDate, vec![]));
    publish(&mut distributor, 6..=7);
    assert_eq!(read(&mut distributor, id), (Delivery::Events, vec![6, 7]));
}

#[test]
fn a_resume_gets_exactly_what_is_missing_and_then_live_events() {
    let mut distributor = distributor(settings(), 15);
    let (id, start) = subscribe(&mut distributor, Some(12));
    assert_eq!((start.after.sequence, start.gap), (12, None));
    publish(&mut distributor, 16..=16);
    assert_eq!(read(&mut distributor, id), (Delivery::Events, vec![13, 14, 15, 16]));
}

#[test]
fn a_resume_at_the_edge_of_the_ring_is_free_of_a_gap_and_one_before_is_not() {
    let mut distributor = distributor(settings(), 30);
    assert_eq!(subscribe(&mut distributor, Some(10)).1.gap, None);
    let start = subscribe(&mut distributor, Some(9)).1;
    let gap = start.gap.unwrap();
    assert_eq!(
        (gap.lost, gap.reason, gap.oldest_available, start.after.sequence),
        (1, ReplayGapReason::Evicted, Some(11), 10)
    );
}

#[test]
fn another_epoch_and_a_future_position_are_named() {
    let mut distributor = distributor(settings(), 30);
    let foreign = SubscribeOptions { resume: Some(Position { epoch: 1, sequence: 25 }), ..external(None) };
    let (id, start) = distributor.subscribe(foreign, &items(), Instant::now()).unwrap();
    let gap = start.gap.unwrap();
    assert_eq!((gap.reason, gap.lost, start.after.sequence), (ReplayGapReason::EpochChanged, 10, 10));
    assert_eq!(read(&mut distributor, id).1, (11..=30).collect::<Vec<_>>());

    let (id, start) = subscribe(&mut distributor, Some(31));
    let gap = start.gap.unwrap();
    assert_eq!((gap.reason, gap.lost, start.after.sequence), (ReplayGapReason::FutureSequence, 0, 30));
    assert_eq!(read(&mut distributor, id), (Delivery::UpToDate, vec![]));
}

#[test]
fn with_replay_off_the_gap_is_still_exact() {
    let mut off = settings();
    off.ring.replay_count = 0;
    let mut distributor = distributor(off, 30);
    let start = subscribe(&mut distributor, Some(12)).1;
    let gap = start.gap.unwrap();
    assert_eq!((gap.lost, gap.oldest_available, start.retained), (18, None, None));
    let (id, start) = subscribe(&mut distributor, Some(30));
    assert_eq!(start.gap, None);
    publish(&mut distributor, 31..=33);
    assert_eq!(read(&mut distributor, id).1, [31, 32, 33]);
}

#[test]
fn a_slow_subscriber_is_cut_alone() {
    let mut distributor = distributor(settings(), 0);
    let slow = subscribe(&mut distributor, None).0;
    let quick = subscribe(&mut distributor, None).0;
    let mut seen = Vec::new();
    for sequence in 1..=10 {
        assert_eq!(publish(&mut distributor, [sequence]).cut, 0);
        seen.extend(read(&mut distributor, quick).1);
    }
    let overflow = publish(&mut distributor, [11]);
    assert_eq!((overflow.cut, overflow.fault_session), (1, false));
    seen.extend(read(&mut distributor, quick).1);
    assert_eq!(seen, (1..=11).collect::<Vec<_>>());
    assert_eq!(read(&mut distributor, slow), (Delivery::Cut, vec![]));
    assert_eq!(distributor.position(slow).unwrap().sequence, 0);
    assert_eq!(distributor.external(), 1);
    assert!(distributor.unsubscribe(slow));
    assert!(distributor.unsubscribe(quick));
    assert!(!distributor.unsubscribe(quick));
}

#[test]
fn fail_fast_goes_by_the_configured_mode_and_spares_internal_subscribers() {
    let single = DistributorSettings { allow_multiple: false, ..settings() };
    let mut one = distributor(single, 0);
    subscribe(&mut one, None);
    assert!(publish(&mut one, 1..=11).fault_session);

    let mut gentle =
        distributor(DistributorSettings { policy: BackpressurePolicy::DisconnectSubscriber, ..single }, 0);
    subscribe(&mut gentle, None);
    let overflow = publish(&mut gentle, 1..=11);
    assert_eq!((overflow.cut, overflow.fault_session), (1, false));

    let mut internal = distributor(single, 0);
    internal
        .subscribe(
            SubscribeOptions { kind: SubscriberKind::Internal, ..external(None) },
            &items(),
            Instant::now(),
        )
        .unwrap();
    let overflow = publish(&mut internal, 1..=11);
    assert_eq!((overflow.cut, overflow.fault_session), (1, false));
}

#[test]
fn a_replay_may_begin_further_back_than_a_live_reader_may_lag() {
    let mut distributor = distributor(settings(), 20);
    let (id, _) = subscribe(&mut distributor, Some(2));
    assert_eq!(publish(&mut distributor, [21]).cut, 0);
    assert_eq!(read(&mut distributor, id).1, (3..=21).collect::<Vec<_>>());

    let (stuck, _) = subscribe(&mut distributor, Some(2));
    assert_eq!(publish(&mut distributor, [22]).cut, 0);
    assert_eq!(publish(&mut distributor, [23]).cut, 1);
    assert_eq!(read(&mut distributor, stuck).0, Delivery::Cut);
}

#[test]
fn subscribers_are_admitted_by_mode_and_limit() {
    let mut single = distributor(DistributorSettings { allow_multiple: false, ..settings() }, 0);
    let first = subscribe(&mut single, None).0;
    assert_eq!(
        single.subscribe(external(None), &items(), Instant::now()),
        Err(SubscribeError::AlreadyActive)
    );
    single.unsubscribe(first);
    subscribe(&mut single, None);

    let mut multiple = distributor(settings(), 0);
    for _ in 0..3 {
        subscribe(&mut multiple, None);
    }
    assert_eq!(
        multiple.subscribe(external(None), &items(), Instant::now()),
        Err(SubscribeError::LimitReached { limit: 3 })
    );
    let internal = SubscribeOptions { kind: SubscriberKind::Internal, ..external(None) };
    assert!(multiple.subscribe(internal, &items(), Instant::now()).is_ok());
}

#[test]
fn nothing_is_kept_beyond_the_replay_window_for_the_gateways_own_readers() {
    let few = RingLimits { replay_count: 3, ..settings().ring };
    let mut distributor = distributor(DistributorSettings { ring: few, ..settings() }, 0);
    let internal = SubscribeOptions {
        kind: SubscriberKind::Internal,
        slow_reader: SlowReader::GapAndContinue,
        ..external(None)
    };
    let (own, _) = distributor.subscribe(internal, &items(), Instant::now()).unwrap();
    publish(&mut distributor, 1..=8);
    assert_eq!(distributor.ring().released(), 5);
    let gap = Gap { from: 1, to: 5, lost: 5, cause: GapCause::SlowReader };
    assert_eq!(read(&mut distributor, own), (Delivery::Gap(gap), vec![]));
    assert_eq!(read(&mut distributor, own), (Delivery::Events, vec![6, 7, 8]));

    let (client, _) = subscribe(&mut distributor, None);
    publish(&mut distributor, 9..=15);
    assert_eq!(read(&mut distributor, client), (Delivery::Events, (9..=15).collect()));
}

#[test]
fn a_filter_passes_over_what_it_does_not_select_and_the_position_moves_on() {
    let mut distributor = distributor(settings(), 0);
    let filter = Filter { items: vec![ItemKey { server_handle: 1, item_handle: 0 }], ..Filter::default() };
    let id = distributor
        .subscribe(SubscribeOptions { filter, ..external(None) }, &items(), Instant::now())
        .unwrap()
        .0;
    publish(&mut distributor, 1..=7);
    assert_eq!(read(&mut distributor, id), (Delivery::Events, vec![3, 6]));
    assert_eq!(distributor.position(id).unwrap().sequence, 7);
    publish(&mut distributor, 8..=8);
    assert_eq!(read(&mut distributor, id), (Delivery::Filtered, vec![]));
    assert_eq!(read(&mut distributor, id), (Delivery::UpToDate, vec![]));
}

#[test]
fn a_loss_reaches_attached_and_returning_subscribers() {
    let mut distributor = distributor(settings(), 5);
    let id = subscribe(&mut distributor, None).0;
    distributor.publish_loss(9, Instant::now()).unwrap();
    publish(&mut distributor, [10]);
    assert_eq!(
        read(&mut distributor, id).0,
        Delivery::Gap(Gap { from: 6, to: 9, lost: 4, cause: GapCause::SourceLoss })
    );
    assert_eq!(read(&mut distributor, id), (Delivery::Events, vec![10]));
    let back = subscribe(&mut distributor, Some(7)).0;
    assert_eq!(
        read(&mut distributor, back).0,
        Delivery::Gap(Gap { from: 8, to: 9, lost: 2, cause: GapCause::SourceLoss })
    );
}

#[test]
fn a_subscriber_that_came_before_the_age_sweep_is_not_hurt_by_it() {
    let start = Instant::now();
    let mut aged = settings();
    aged.ring.replay_age = Some(Duration::from_secs(1));
    let mut distributor = Distributor::new(aged, EPOCH);
    let id = distributor.subscribe(external(None), &items(), start).unwrap().0;
    distributor.publish((1..=5).map(event), start).unwrap();
    distributor.sweep(start + Duration::from_secs(60));
    assert_eq!(distributor.ring().retained(), None);
    assert_eq!(read(&mut distributor, id).1, [1, 2, 3, 4, 5]);
    let late = distributor.subscribe(external(Some(0)), &items(), start + Duration::from_secs(61)).unwrap().1;
    assert_eq!(late.gap.unwrap().lost, 5);
}

#[test]
fn a_snapshot_reaches_back_beyond_the_ring() {
    let mut distributor = distributor(settings(), 0);
    // Item 2 changes once and then no more; write completions carry no value.
    let mut events: Vec<Event> = (1..=60).map(event).collect();
    for event in &mut events[2..] {
        if event.item.item_handle == 2 {
            event.family = EventFamily::WriteComplete;
        }
    }
    distributor.publish(events, Instant::now()).unwrap();
    for (snapshot, resume, expected) in [
        (Snapshot::Always, None, vec![2, 58, 60]),
        (Snapshot::OnGap, None, vec![]),
        (Snapshot::OnGap, Some(50), vec![]),
        (Snapshot::OnGap, Some(3), vec![2, 39, 40]),
        (Snapshot::Always, Some(50), vec![2, 48, 49]),
    ] {
        let options = SubscribeOptions { snapshot, ..external(resume) };
        let (id, start) = distributor.subscribe(options, &items(), Instant::now()).unwrap();
        let (delivery, sequences) = read(&mut distributor, id);
        if expected.is_empty() {
            assert_ne!(delivery, Delivery::Retained);
        } else {
            assert_eq!((delivery, sequences), (Delivery::Retained, expected), "{snapshot:?} {resume:?}");
        }
        assert!(distributor.position(id).unwrap().sequence >= start.after.sequence);
        distributor.unsubscribe(id);
    }
}

#[test]
fn a_subscriber_may_choose_to_go_on_with_a_gap() {
    let mut distributor = distributor(DistributorSettings { allow_multiple: false, ..settings() }, 0);
    let options = SubscribeOptions { slow_reader: SlowReader::GapAndContinue, ..external(None) };
    let (id, _) = distributor.subscribe(options, &items(), Instant::now()).unwrap();
    let overflow = publish(&mut distributor, 1..=50);
    assert_eq!((overflow.cut, overflow.fault_session), (0, false));
    let gap = Gap { from: 1, to: 30, lost: 30, cause: GapCause::SlowReader };
    assert_eq!(read(&mut distributor, id), (Delivery::Gap(gap), vec![]));
    assert_eq!(read(&mut distributor, id), (Delivery::Events, (31..=50).collect()));
}

#[test]
fn a_subscriber_may_choose_the_newest_of_each_item() {
    let mut distributor = distributor(settings(), 0);
    let options = SubscribeOptions { slow_reader: SlowReader::LatestPerItem, ..external(None) };
    let (id, _) = distributor.subscribe(options, &items(), Instant::now()).unwrap();
    publish(&mut distributor, 1..=2);
    assert_eq!(read(&mut distributor, id), (Delivery::Events, vec![1, 2]));
    publish(&mut distributor, 3..=9);
    let gap = Gap { from: 3, to: 9, lost: 4, cause: GapCause::Conflated };
    assert_eq!(read(&mut distributor, id), (Delivery::Gap(gap), vec![]));
    assert_eq!(distributor.position(id).unwrap().sequence, 2, "a resume must not miss what is still to come");
    assert_eq!(read(&mut distributor, id), (Delivery::Events, vec![7, 8, 9]));
    assert_eq!(read(&mut distributor, id), (Delivery::UpToDate, vec![]));

    // Far beyond the ring: what the ring let go is there with each item's last value.
    let mut events: Vec<Event> = (10..=80).map(event).collect();
    for event in &mut events[3..] {
        event.item.item_handle = 1;
    }
    distributor.publish(events, Instant::now()).unwrap();
    let gap = Gap { from: 10, to: 80, lost: 68, cause: GapCause::Conflated };
    assert_eq!(read(&mut distributor, id), (Delivery::Gap(gap), vec![]));
    assert_eq!(read(&mut distributor, id), (Delivery::Events, vec![11, 12, 80]));
    assert_eq!(distributor.external(), 1);
}

#[test]
fn conflation_keeps_every_event_that_carries_no_value() {
    let mut distributor = distributor(settings(), 0);
    let options = SubscribeOptions { slow_reader: SlowReader::LatestPerItem, ..external(None) };
    let (id, _) = distributor.subscribe(options, &items(), Instant::now()).unwrap();
    let completions = (1..=6).map(|sequence| Event { family: EventFamily::WriteComplete, ..event(sequence) });
    distributor.publish(completions, Instant::now()).unwrap();
    assert_eq!(read(&mut distributor, id), (Delivery::Events, vec![1, 2, 3, 4, 5, 6]));
}
