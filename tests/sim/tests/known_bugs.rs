//! Bugs that other streaming systems had, each as a case that must not happen here.

use std::time::{Duration, Instant, SystemTime};

use mxgateway_session_core::distributor::{
    BackpressurePolicy, Delivery, DistributorSettings, Gap, GapCause, ReplayGapReason, SlowReader, Snapshot,
    Start, SubscribeError, SubscribeOptions, SubscriberId,
};
use mxgateway_session_core::event::{Event, EventFamily, ItemKey, Position};
use mxgateway_session_core::items::{AdviseState, Item, ItemChange};
use mxgateway_session_core::lease::LeaseSettings;
use mxgateway_session_core::lifecycle::{BeginClose, CloseReason, Fault, SessionState};
use mxgateway_session_core::ring::{ReadBudget, RingLimits};
use mxgateway_session_core::session::{
    AttachError, EndReason, Next, NotUsable, SessionCore, SessionSettings,
};

const EPOCH: u64 = 9;
const GRACE: Duration = Duration::from_secs(10);
const LIMITS: RingLimits =
    RingLimits { replay_count: 20, bytes: usize::MAX, replay_age: None, lag_count: 10 };

struct Session {
    core: SessionCore,
    now: Instant,
}

impl Session {
    fn new(ring: RingLimits) -> Self {
        let now = Instant::now();
        let settings = SessionSettings {
            lease: LeaseSettings { lease: Duration::from_secs(1_000), detach_grace: GRACE },
            events: DistributorSettings {
                ring,
                allow_multiple: true,
                max_external: 8,
                policy: BackpressurePolicy::FailFast,
            },
        };
        let mut core = SessionCore::new(settings, now);
        let ready = core
            .advance(SessionState::Starting)
            .and_then(|()| core.advance(SessionState::Handshaking))
            .and_then(|()| core.ready(EPOCH, now));
        assert_eq!(ready, Ok(()));
        Self { core, now }
    }

    /// Publishes events of two items in turn.
    fn publish(&mut self, sequences: impl IntoIterator<Item = u64>) {
        let fault = self.core.publish(sequences.into_iter().map(event), self.now);
        assert_eq!(fault, None);
    }

    fn subscribe(&mut self, resume: Option<u64>, slow_reader: SlowReader) -> (SubscriberId, Start) {
        let resume = resume.map(|sequence| Position { epoch: EPOCH, sequence });
        let options = SubscribeOptions { resume, slow_reader, ..SubscribeOptions::live() };
        match self.core.subscribe(options, self.now) {
            Ok(subscribed) => subscribed,
            Err(error) => panic!("not subscribed: {error}"),
        }
    }

    fn read(&mut self, id: SubscriberId, events: usize) -> (Next, Vec<u64>) {
        let mut out = Vec::new();
        let next = self.core.read(id, ReadBudget { events, bytes: usize::MAX }, &mut out);
        (next, out.into_iter().map(|event| event.sequence).collect())
    }

    /// Everything up to the newest, which must come without a gap and without an end.
    fn read_on(&mut self, id: SubscriberId) -> Vec<u64> {
        let mut all = Vec::new();
        loop {
            match self.read(id, 3) {
                (Next::Delivery(Delivery::Events), some) => all.extend(some),
                (Next::Delivery(Delivery::UpToDate), none) if none.is_empty() => return all,
                other => panic!("{other:?} after {all:?}"),
            }
        }
    }

    fn position(&self, id: SubscriberId) -> u64 {
        self.core.position(id).sequence
    }
}

fn event(sequence: u64) -> Event {
    Event {
        sequence,
        family: EventFamily::DataChange,
        item: ItemKey { server_handle: 1, item_handle: if sequence.is_multiple_of(2) { 2 } else { 1 } },
        received: SystemTime::UNIX_EPOCH,
        payload: vec![0; 8].into(),
    }
}

fn gap(from: u64, to: u64, lost: u64, cause: GapCause) -> Next {
    Next::Delivery(Delivery::Gap(Gap { from, to, lost, cause }))
}

#[test]
fn a_bookmark_does_not_overtake_queued_events() {
    let mut session = Session::new(LIMITS);
    let all = session.subscribe(None, SlowReader::Cut).0;
    let latest = session.subscribe(None, SlowReader::LatestPerItem).0;
    session.publish(1..=8);
    assert_eq!((session.position(all), session.position(latest)), (0, 0));
    for sequence in 1..=8 {
        assert_eq!(session.read(all, 1).1, [sequence]);
        assert_eq!(session.position(all), sequence);
    }

    assert_eq!(session.read(latest, 1).0, gap(1, 8, 6, GapCause::Conflated));
    assert_eq!(session.position(latest), 0, "nothing of the span was handed out");
    assert_eq!(session.read(latest, 1).1, [7]);
    assert_eq!(session.position(latest), 7, "8 is still to come");
    let resumed = session.subscribe(Some(7), SlowReader::LatestPerItem).0;
    assert_eq!(session.read_on(resumed), [8]);
    assert_eq!(session.read(latest, 1).1, [8]);
    assert_eq!(session.position(latest), 8);
}

#[test]
fn a_stream_does_not_go_back_in_time() {
    let mut session = Session::new(LIMITS);
    let id = session.subscribe(None, SlowReader::GapAndContinue).0;
    let (mut last, mut position) = (0, 0);
    for round in 0..40 {
        let newest = session.core.distributor().newest().sequence;
        // A hole now and then, and rounds in which the ring turns over more than once.
        let first = newest + 1 + u64::from(round % 3 == 0);
        session.publish(first..first + 1 + round % 7 * 6);
        for _ in 0..2 {
            let (_, events) = session.read(id, 5);
            for sequence in events {
                assert!(sequence > last, "{sequence} after {last}");
                last = sequence;
            }
            assert!(session.position(id) >= position, "{} after {position}", session.position(id));
            position = session.position(id);
            assert!(last <= position);
        }
    }
    assert!(last > 0);
}

#[test]
fn nothing_comes_again_after_a_resume_from_any_position() {
    for left_at in 0..=12 {
        let mut session = Session::new(LIMITS);
        let id = session.subscribe(None, SlowReader::Cut).0;
        session.publish(1..=4);
        assert_eq!(session.core.publish_loss(6, session.now), None);
        session.publish(7..=8);
        let mut seen = Vec::new();
        while session.position(id) < left_at {
            match session.read(id, 1) {
                (Next::Delivery(Delivery::Events | Delivery::Gap(_)), some) => seen.extend(some),
                _ => break,
            }
        }
        let position = session.position(id);
        session.core.unsubscribe(id, session.now);
        session.publish(9..=12);
        let (id, start) = session.subscribe(Some(position), SlowReader::Cut);
        assert_eq!((start.after.sequence, start.gap), (position, None));
        loop {
            match session.read(id, 2) {
                (Next::Delivery(Delivery::UpToDate), _) => break,
                (_, some) => seen.extend(some),
            }
        }
        assert_eq!(seen, [1, 2, 3, 4, 7, 8, 9, 10, 11, 12], "left at {left_at}");
    }
}

#[test]
fn a_reader_that_is_never_scheduled_learns_what_it_lost() {
    let mut session = Session::new(LIMITS);
    let cut = session.subscribe(None, SlowReader::Cut).0;
    let goes_on = session.subscribe(None, SlowReader::GapAndContinue).0;
    let latest = session.subscribe(None, SlowReader::LatestPerItem).0;
    session.publish([1]);
    for id in [cut, goes_on, latest] {
        assert_eq!(session.read_on(id), [1]);
    }
    for sequence in 2..=1_000 {
        session.publish([sequence]);
    }

    let last = Position { epoch: EPOCH, sequence: 1 };
    assert_eq!(session.read(cut, 512), (Next::End { reason: EndReason::SlowReader, last }, vec![]));
    let back = session.subscribe(Some(1), SlowReader::Cut);
    let missing = back.1.gap.unwrap();
    assert_eq!((missing.reason, missing.lost), (ReplayGapReason::Evicted, 979));
    assert_eq!(session.read_on(back.0), (981..=1_000).collect::<Vec<_>>());

    assert_eq!(session.read(goes_on, 512).0, gap(2, 980, 979, GapCause::SlowReader));
    assert_eq!(session.read_on(goes_on), (981..=1_000).collect::<Vec<_>>());

    assert_eq!(session.read(latest, 512).0, gap(2, 1_000, 997, GapCause::Conflated));
    assert_eq!(session.read_on(latest), [999, 1_000]);
}

#[test]
fn eviction_exactly_at_the_resume_point_is_no_silent_loss() {
    let mut session = Session::new(LIMITS);
    session.publish(1..=30);
    // 11 to 30 are retained.
    let start = |session: &mut Session, after| session.subscribe(Some(after), SlowReader::Cut);
    assert_eq!(start(&mut session, 11).1.gap, None);
    assert_eq!(start(&mut session, 10).1.gap, None);
    let before = start(&mut session, 9).1.gap.unwrap();
    assert_eq!(
        (before.reason, before.lost, before.oldest_available),
        (ReplayGapReason::Evicted, 1, Some(11))
    );

    // The event after the resume point leaves between the subscribe and the first read.
    for (slow_reader, expected) in [
        (SlowReader::GapAndContinue, gap(11, 11, 1, GapCause::SlowReader)),
        (
            SlowReader::Cut,
            Next::End { reason: EndReason::SlowReader, last: Position { epoch: EPOCH, sequence: 10 } },
        ),
    ] {
        let mut session = Session::new(LIMITS);
        session.publish(1..=30);
        let (id, start) = session.subscribe(Some(10), slow_reader);
        assert_eq!((start.after.sequence, start.gap), (10, None));
        session.publish([31]);
        assert_eq!(session.read(id, 512), (expected, vec![]));
    }
}

#[test]
fn a_future_position_does_not_get_old_events() {
    let mut session = Session::new(LIMITS);
    session.publish(1..=5);
    for asked in [6, 1_000, u64::MAX] {
        let (id, start) = session.subscribe(Some(asked), SlowReader::Cut);
        let missing = start.gap.unwrap();
        assert_eq!((missing.reason, missing.lost), (ReplayGapReason::FutureSequence, 0));
        assert_eq!(start.after.sequence, 5);
        assert_eq!(session.read_on(id), [0_u64; 0]);
        session.core.unsubscribe(id, session.now);
    }
    let (id, _) = session.subscribe(Some(6), SlowReader::Cut);
    session.publish(6..=7);
    assert_eq!(session.read_on(id), [6, 7], "live from where it came, the future position included");
}

#[test]
fn a_late_subscriber_gets_what_comes_from_then_on_or_the_reason_why_not() {
    let mut session = Session::new(LIMITS);
    session.publish(1..=5);
    let (id, start) = session.subscribe(None, SlowReader::Cut);
    assert_eq!((start.after.sequence, start.retained, start.gap), (5, Some((1, 5)), None));
    session.publish([6]);
    assert_eq!(session.read_on(id), [6]);

    let fault = Fault::WorkerExited("exit code 1".to_owned());
    assert!(session.core.fail(fault.clone()));
    let late = session.core.subscribe(SubscribeOptions::live(), session.now);
    assert_eq!(late, Err(AttachError::NotUsable(NotUsable::Faulted(fault))));
    assert_eq!(session.core.begin_close(CloseReason::ClientClose), BeginClose::Begun);
    session.core.closed().unwrap();
    let late = session.core.subscribe(SubscribeOptions::live(), session.now);
    assert_eq!(late, Err(AttachError::NotUsable(NotUsable::State(SessionState::Closed))));
}

#[test]
fn without_subscribers_events_are_kept_for_replay_and_no_longer() {
    let mut session = Session::new(LIMITS);
    session.publish(1..=10_000);
    let ring = session.core.distributor().ring();
    assert_eq!((ring.retained(), ring.retained_events()), (Some((9_981, 10_000)), 20));
    let held = ring.held_bytes();
    session.publish(10_001..=20_000);
    assert_eq!(session.core.distributor().ring().held_bytes(), held);
    let (id, start) = session.subscribe(Some(19_980), SlowReader::Cut);
    assert_eq!(start.gap, None);
    assert_eq!(session.read_on(id), (19_981..=20_000).collect::<Vec<_>>());
    assert_eq!(session.core.lifecycle().state(), SessionState::Ready);
}

#[test]
fn a_source_that_ends_at_once_ends_its_streams() {
    let fault = Fault::WorkerExited("exit code 0".to_owned());
    let end = |sequence| Next::End {
        reason: EndReason::Faulted(fault.clone()),
        last: Position { epoch: EPOCH, sequence },
    };
    let mut session = Session::new(LIMITS);
    let id = session.subscribe(None, SlowReader::Cut).0;
    assert!(session.core.fail(fault.clone()));
    assert_eq!(session.read(id, 512), (end(0), vec![]));

    let mut session = Session::new(LIMITS);
    let id = session.subscribe(None, SlowReader::Cut).0;
    session.publish(1..=3);
    assert!(session.core.fail(fault.clone()));
    session.core.retire();
    assert_eq!(session.read(id, 2), (Next::Delivery(Delivery::Events), vec![1, 2]));
    assert_eq!(session.read(id, 2), (Next::Delivery(Delivery::Events), vec![3]));
    assert_eq!(session.read(id, 2), (end(3), vec![]));
}

#[test]
fn a_subscriber_that_is_released_from_two_sides_is_released_once() {
    // The publisher cuts it while its client goes away: whoever comes first, and both more than once.
    for cut_first in [true, false] {
        let mut session = Session::new(LIMITS);
        let id = session.subscribe(None, SlowReader::Cut).0;
        let other = session.subscribe(None, SlowReader::GapAndContinue).0;
        if cut_first {
            session.publish(1..=11);
            session.core.unsubscribe(id, session.now);
            session.core.unsubscribe(id, session.now);
        } else {
            session.core.unsubscribe(id, session.now);
            session.publish(1..=11);
            session.core.unsubscribe(id, session.now);
        }
        assert_eq!(session.core.distributor().external(), 1);
        assert_eq!(session.read(id, 1).0, Next::Delivery(Delivery::Unknown));
        // Released twice it would have taken the other's hold on the session along.
        assert_eq!(session.core.sweep(session.now + GRACE * 2), None);
        assert_eq!(session.read_on(other), (1..=11).collect::<Vec<_>>());
        session.now += GRACE;
        session.core.unsubscribe(other, session.now);
        assert_eq!(session.core.sweep(session.now + GRACE / 2), None);
        assert_eq!(session.core.sweep(session.now + GRACE), Some(CloseReason::DetachGraceExpired));
    }
}

#[test]
fn a_place_is_free_again_as_soon_as_its_subscriber_is_cut() {
    let mut session = Session::new(LIMITS);
    let ids: Vec<_> = (0..8).map(|_| session.subscribe(None, SlowReader::Cut).0).collect();
    let more = session.core.subscribe(SubscribeOptions::live(), session.now);
    assert_eq!(more, Err(AttachError::Refused(SubscribeError::LimitReached { limit: 8 })));
    for id in &ids[1..] {
        assert_eq!(session.read_on(*id), [0_u64; 0]);
    }
    for sequence in 1..=11 {
        session.publish([sequence]);
        for id in &ids[1..] {
            assert_eq!(session.read_on(*id), [sequence], "the slow one costs the others nothing");
        }
    }
    assert_eq!(session.core.distributor().external(), 7);
    session.subscribe(None, SlowReader::Cut);
}

#[test]
fn a_snapshot_does_not_depend_on_who_else_is_there() {
    let item = ItemKey { server_handle: 1, item_handle: 1 };
    let added = Item {
        definition: "A.B".to_owned(),
        context: String::new(),
        advise: AdviseState::Advised,
        added_after: 0,
    };
    for somebody_lags in [true, false] {
        let mut session = Session::new(RingLimits { replay_count: 2, ..LIMITS });
        session.core.apply(ItemChange::Added(item, added.clone()));
        if somebody_lags {
            session.subscribe(None, SlowReader::Cut);
        }
        // The only value is behind the replay window; it is still in the ring when somebody lags.
        session.publish([1, 2, 4, 6]);
        session.core.apply(ItemChange::Advised(item, AdviseState::None));
        session.core.apply(ItemChange::Advised(item, AdviseState::Advised));
        let options = SubscribeOptions { snapshot: Snapshot::Always, ..SubscribeOptions::live() };
        let id = session.core.subscribe(options, session.now).unwrap().0;
        assert_eq!(session.read(id, 9), (Next::Delivery(Delivery::UpToDate), vec![]), "{somebody_lags}");
    }
}

#[test]
fn an_ended_session_keeps_no_values() {
    let mut session = Session::new(LIMITS);
    session.publish(1..=30);
    assert!(session.core.fail(Fault::WorkerExited("exit code 1".to_owned())));
    session.core.retire();
    let ring = session.core.distributor().ring();
    assert_eq!((ring.held_bytes(), ring.last_values(u64::MAX)), (0, vec![]));
}

#[test]
fn what_is_retained_begins_with_an_event_also_when_the_byte_limit_let_go_what_was_before() {
    let mut session = Session::new(LIMITS);
    session.publish([1]);
    let one_event = session.core.distributor().ring().held_bytes();
    let mut session = Session::new(RingLimits { bytes: one_event * 3, ..LIMITS });
    session.publish([1]);
    assert_eq!(session.core.publish_loss(5, session.now), None);
    session.publish([6, 7]);
    assert_eq!(session.core.distributor().ring().retained(), Some((6, 7)));
}
