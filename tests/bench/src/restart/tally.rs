//! What a reader got and what it did not get. Pure.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use mxgateway_contracts::v1::mx_event::Body;
use mxgateway_contracts::v1::mx_value::Kind;
use mxgateway_contracts::v1::{EventGap, MxEvent, StreamPosition, StreamStart};

use crate::progress::rate;

/// An account of events, of one reader or of all of them.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) received: u64,
    /// Neither received nor announced as missing.
    pub(crate) lost: u64,
    /// Received twice: under its sequence, or again under a later one.
    pub(crate) duplicated: u64,
    /// Announced as missing.
    pub(crate) announced: u64,
    /// Everything up to here is accounted for.
    position: Option<StreamPosition>,
    /// The newest count of each item.
    counts: BTreeMap<i32, i32>,
    /// When the worker took over the first and the last event.
    span: Option<(SystemTime, SystemTime)>,
    /// Changes per second of the readers that were added.
    rates: f64,
}

impl Tally {
    /// The stream runs, for the first time or again.
    pub(crate) fn started(&mut self, start: &StreamStart) {
        let to = StreamPosition { epoch: start.epoch, sequence: start.after_sequence };
        let announced = start.replay_gap.as_ref().map_or(0, |gap| gap.lost_count);
        match self.position {
            // What another worker still had is known to nobody.
            Some(position) if position.epoch != to.epoch => self.announced += announced,
            Some(position) => self.skipped(position.sequence, to.sequence, announced),
            None => {}
        }
        self.position = Some(to);
    }

    pub(crate) fn event(&mut self, event: &MxEvent) {
        let Some(position) = &mut self.position else { return };
        if event.worker_sequence <= position.sequence {
            self.duplicated += 1;
            return;
        }
        self.lost += event.worker_sequence - position.sequence - 1;
        position.sequence = event.worker_sequence;
        self.received += 1;
        if let Some(time) = worker_time(event) {
            self.span = Some((self.span.map_or(time, |(first, _)| first), time));
        }
        // The items count up: a number that was there before is an event that was there before.
        if let Some(count) = count(event) {
            let before = self.counts.insert(event.item_handle, count);
            self.duplicated += u64::from(before.is_some_and(|before| before >= count));
        }
    }

    pub(crate) fn gap(&mut self, gap: &EventGap) {
        if let Some(StreamPosition { epoch, sequence }) = self.position {
            self.skipped(sequence, gap.to_sequence, gap.lost_count);
            self.position = Some(StreamPosition { epoch, sequence: sequence.max(gap.to_sequence) });
        }
    }

    /// An event that the client did not pass on, because it came before.
    pub(crate) fn refused(&mut self) {
        self.duplicated += 1;
    }

    fn skipped(&mut self, after: u64, to: u64, announced: u64) {
        self.announced += announced;
        self.lost += to.saturating_sub(after).saturating_sub(announced);
        self.duplicated += after.saturating_sub(to);
    }

    /// Takes another reader's account in.
    pub(crate) fn add(&mut self, reader: &Self) {
        self.received += reader.received;
        self.lost += reader.lost;
        self.duplicated += reader.duplicated;
        self.announced += reader.announced;
        self.rates += reader.rate();
    }

    /// Events per second at the source, over all readers.
    pub(crate) fn rate(&self) -> f64 {
        let time = self.span.and_then(|(first, last)| last.duration_since(first).ok()).unwrap_or_default();
        let own = if time.is_zero() { 0.0 } else { rate(self.received + self.announced, time) };
        self.rates + own
    }
}

/// When the worker took an event over.
pub(crate) fn worker_time(event: &MxEvent) -> Option<SystemTime> {
    let time = event.worker_time.as_ref()?;
    let (seconds, nanos) = (u64::try_from(time.seconds).ok()?, u32::try_from(time.nanos).ok()?);
    SystemTime::UNIX_EPOCH.checked_add(Duration::new(seconds, nanos))
}

fn count(event: &MxEvent) -> Option<i32> {
    let Some(Body::OnDataChange(change)) = &event.body else { return None };
    let Some(Kind::Int32Value(count)) = change.value.as_ref()?.kind else { return None };
    Some(count)
}

/// A number of events, as rows have it.
pub(crate) fn number(events: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    let events = events as f64;
    events
}

#[cfg(test)]
mod tests {
    use mxgateway_contracts::v1::{MxValue, OnDataChange, ReplayGap};

    use super::*;

    fn start(epoch: u64, after_sequence: u64, lost: Option<u64>) -> StreamStart {
        let replay_gap = lost.map(|lost_count| ReplayGap { lost_count, ..ReplayGap::default() });
        StreamStart { epoch, after_sequence, replay_gap, ..StreamStart::default() }
    }

    fn event(worker_sequence: u64, count: i32) -> MxEvent {
        let value = MxValue { kind: Some(Kind::Int32Value(count)), ..MxValue::default() };
        let nanos = i32::try_from(worker_sequence).unwrap() * 1_000_000;
        MxEvent {
            worker_sequence,
            item_handle: 5,
            worker_time: Some(prost_types::Timestamp { seconds: 1_780_000_000, nanos }),
            body: Some(Body::OnDataChange(OnDataChange { value: Some(value), ..OnDataChange::default() })),
            ..MxEvent::default()
        }
    }

    /// A reader that has the events 11 to 15, with the counts 1 to 5.
    fn reader() -> Tally {
        let mut tally = Tally::default();
        tally.started(&start(7, 10, None));
        for (sequence, count) in (11..=15).zip(1..) {
            tally.event(&event(sequence, count));
        }
        tally
    }

    /// Received, lost, duplicated, announced.
    fn numbers(tally: &Tally) -> [u64; 4] {
        [tally.received, tally.lost, tally.duplicated, tally.announced]
    }

    #[test]
    fn a_stream_that_goes_on_where_it_was_is_whole() {
        let mut tally = reader();
        tally.started(&start(7, 15, None));
        tally.event(&event(16, 9));
        assert_eq!(numbers(&tally), [6, 0, 0, 0]);
        assert!((tally.rate() - 6.0 / 0.005).abs() < 0.1, "{}", tally.rate());
    }

    #[test]
    fn a_hole_is_lost_unless_it_was_announced() {
        let mut silent = reader();
        silent.event(&event(19, 9));
        assert_eq!(numbers(&silent), [6, 3, 0, 0]);

        let mut resumed = reader();
        resumed.started(&start(7, 20, Some(4)));
        resumed.event(&event(21, 9));
        assert_eq!(numbers(&resumed), [6, 1, 0, 4], "one more is missing than was said");

        let mut overflow = reader();
        overflow.gap(&EventGap { from_sequence: 16, to_sequence: 18, lost_count: 3, cause: 1 });
        overflow.event(&event(19, 9));
        assert_eq!(numbers(&overflow), [6, 0, 0, 3]);
    }

    #[test]
    fn an_event_that_comes_again_is_a_duplicate_under_any_sequence() {
        let mut tally = reader();
        tally.event(&event(15, 5));
        assert_eq!(numbers(&tally), [5, 0, 1, 0]);
        tally.event(&event(16, 5));
        assert_eq!(numbers(&tally), [6, 0, 2, 0]);
        tally.refused();
        assert_eq!(numbers(&tally), [6, 0, 3, 0]);
    }

    #[test]
    fn another_worker_begins_anew() {
        let mut tally = reader();
        tally.started(&start(8, 2, Some(2)));
        tally.event(&event(3, 6));
        assert_eq!(numbers(&tally), [6, 0, 0, 2]);
    }

    #[test]
    fn readers_add_up() {
        let (one, mut all) = (reader(), Tally::default());
        all.add(&one);
        all.add(&one);
        assert_eq!(numbers(&all), [10, 0, 0, 0]);
        assert!((all.rate() - 2.0 * one.rate()).abs() < 1e-6);
    }
}
