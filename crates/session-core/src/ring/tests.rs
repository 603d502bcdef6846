use std::time::SystemTime;

use super::*;
use crate::event::{EventFamily, ItemKey};

const ALL: ReadBudget = ReadBudget { events: usize::MAX, bytes: usize::MAX };

fn limits(replay_count: usize) -> RingLimits {
    RingLimits { replay_count, bytes: usize::MAX, replay_age: None, lag_count: 10 }
}

fn event(sequence: u64) -> Event {
    Event {
        sequence,
        family: EventFamily::DataChange,
        item: ItemKey::default(),
        received: SystemTime::UNIX_EPOCH,
        payload: vec![0; 100].into(),
    }
}

fn filled(limits: RingLimits, sequences: impl IntoIterator<Item = u64>) -> Ring {
    let mut ring = Ring::new(limits);
    let now = Instant::now();
    for sequence in sequences {
        ring.push(event(sequence), now).unwrap();
    }
    ring
}

fn sequences(ring: &Ring, after: u64) -> (Read, Vec<u64>) {
    let mut out = Vec::new();
    let read = ring.read(after, ALL, &mut out);
    (read, out.iter().map(|event| event.sequence).collect())
}

#[test]
fn a_reader_gets_everything_after_its_position_once() {
    let ring = filled(limits(100), 1..=5);
    assert_eq!(sequences(&ring, 0), (Read::Events, vec![1, 2, 3, 4, 5]));
    assert_eq!(sequences(&ring, 3), (Read::Events, vec![4, 5]));
    assert_eq!(sequences(&ring, 5), (Read::UpToDate, vec![]));
    assert_eq!(sequences(&ring, 6), (Read::UpToDate, vec![]));
}

#[test]
fn a_budget_splits_a_run_but_never_starves() {
    let ring = filled(limits(100), 1..=5);
    let mut out = Vec::new();
    ring.read(0, ReadBudget { events: 2, bytes: usize::MAX }, &mut out);
    assert_eq!(out.len(), 2);
    out.clear();
    ring.read(0, ReadBudget { events: 9, bytes: 250 }, &mut out);
    assert_eq!(out.len(), 2);
    out.clear();
    ring.read(0, ReadBudget { events: 0, bytes: 0 }, &mut out);
    assert_eq!(out.len(), 1);
}

#[test]
fn count_bounds_the_replay_window() {
    let ring = filled(limits(3), 1..=5);
    assert_eq!(ring.retained(), Some((3, 5)));
    assert_eq!(ring.replay_released(), 2);
    assert_eq!(sequences(&ring, 1).0, Read::Evicted { released: 2 });
    assert_eq!(sequences(&ring, 2), (Read::Events, vec![3, 4, 5]));
}

#[test]
fn attached_readers_may_lag_beyond_the_replay_window_and_no_further() {
    let mut ring = Ring::new(limits(3));
    ring.keep_for_lag(true);
    let now = Instant::now();
    for sequence in 1..=10 {
        ring.push(event(sequence), now).unwrap();
    }
    assert_eq!(ring.retained(), Some((8, 10)));
    assert_eq!(sequences(&ring, 0).1.len(), 10);
    ring.push(event(11), now).unwrap();
    assert_eq!(sequences(&ring, 0).0, Read::Evicted { released: 1 });
    ring.keep_for_lag(false);
    assert_eq!(sequences(&ring, 1).0, Read::Evicted { released: 8 });
}

#[test]
fn bytes_bound_everything_the_ring_holds() {
    let slot = size_of::<Slot>() + 100;
    let mut ring = filled(RingLimits { bytes: 4 * slot, ..limits(100) }, 1..=9);
    assert_eq!(ring.retained(), Some((6, 9)));
    assert_eq!(ring.held_bytes(), 4 * slot);
    ring.keep_for_lag(true);
    ring.push(event(10), Instant::now()).unwrap();
    assert_eq!(ring.held_bytes(), 4 * slot);
    let tiny = filled(RingLimits { bytes: 0, ..limits(100) }, 1..=9);
    assert_eq!((tiny.retained(), tiny.held_bytes(), tiny.newest()), (None, 0, 9));
}

#[test]
fn age_bounds_the_replay_window() {
    let start = Instant::now();
    let second = Duration::from_secs(1);
    let mut ring = Ring::new(RingLimits { replay_age: Some(second * 10), ..limits(100) });
    for sequence in 1..=5u32 {
        ring.push(event(u64::from(sequence)), start + second * sequence).unwrap();
    }
    ring.release_aged(start + second * 12);
    assert_eq!(ring.retained(), Some((3, 5)));
    ring.release_aged(start + second * 60);
    assert_eq!((ring.retained(), ring.newest(), ring.replay_released()), (None, 5, 5));
    ring.push(event(6), start + second * 61).unwrap();
    assert_eq!(ring.retained(), Some((6, 6)));
}

#[test]
fn without_replay_the_numbers_still_go_on() {
    let ring = filled(limits(0), 1..=5);
    assert_eq!((ring.retained(), ring.newest(), ring.replay_released()), (None, 5, 5));
    assert_eq!(ring.held_bytes(), 0);
}

#[test]
fn a_hole_in_the_source_is_a_loss_and_nothing_is_taken_twice() {
    let mut ring = filled(limits(100), [1, 2, 6, 7]);
    assert_eq!(sequences(&ring, 1), (Read::Events, vec![2]));
    assert_eq!(sequences(&ring, 2).0, Read::Loss(Loss { from: 3, to: 5 }));
    assert_eq!(sequences(&ring, 4).0, Read::Loss(Loss { from: 5, to: 5 }));
    assert_eq!(sequences(&ring, 5), (Read::Events, vec![6, 7]));
    let now = Instant::now();
    assert_eq!(ring.push(event(7), now), Err(OutOfOrder { sequence: 7, newest: 7 }));
    assert_eq!(ring.push_loss(7, now), Err(OutOfOrder { sequence: 7, newest: 7 }));
}

#[test]
fn losses_in_a_row_are_one_loss() {
    let mut ring = filled(limits(100), [1]);
    let now = Instant::now();
    ring.push_loss(4, now).unwrap();
    ring.push_loss(9, now).unwrap();
    assert_eq!(sequences(&ring, 1).0, Read::Loss(Loss { from: 2, to: 9 }));
    assert_eq!(Loss { from: 2, to: 9 }.count(), 8);
    ring.push(event(10), now).unwrap();
    assert_eq!(sequences(&ring, 9).1, [10]);
}

#[test]
fn a_loss_alone_is_nothing_to_replay() {
    let mut ring = Ring::new(limits(2));
    let now = Instant::now();
    ring.push_loss(4, now).unwrap();
    assert_eq!((ring.retained(), ring.replay_released(), ring.newest()), (None, 4, 4));
    ring.keep_for_lag(true);
    ring.push_loss(6, now).unwrap();
    ring.push_loss(8, now).unwrap();
    assert_eq!((ring.retained(), ring.replay_released(), ring.newest()), (None, 8, 8));
    assert_eq!(sequences(&ring, 5).0, Read::Loss(Loss { from: 6, to: 8 }));
}

#[test]
fn the_last_sequences_of_all_are_safe() {
    let mut ring = Ring::new(limits(2));
    let now = Instant::now();
    ring.push_loss(u64::MAX - 2, now).unwrap();
    ring.push(event(u64::MAX - 1), now).unwrap();
    ring.push(event(u64::MAX), now).unwrap();
    assert_eq!(sequences(&ring, u64::MAX - 2).1, [u64::MAX - 1, u64::MAX]);
    assert_eq!(sequences(&ring, u64::MAX).0, Read::UpToDate);
    assert_eq!(ring.push(event(u64::MAX), now).unwrap_err().newest, u64::MAX);
    assert_eq!(Loss { from: 0, to: u64::MAX }.count(), u64::MAX);
}
