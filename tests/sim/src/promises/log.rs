//! What a subscriber was told.

use std::collections::BTreeSet;

use mxgateway_session_core::distributor::{Delivery, Filter, Gap, GapCause, SlowReader, Snapshot, Start};
use mxgateway_session_core::event::{Event, Position};
use mxgateway_session_core::session::{EndReason, Next};

use super::{Broken, Promise, check};
use crate::history::History;

/// What one subscriber was told so far.
#[derive(Clone, Debug)]
pub struct Log {
    filter: Filter,
    snapshot: Snapshot,
    /// What happens when it is slow.
    pub slow_reader: SlowReader,
    start: Start,
    /// The newest sequence when it came.
    pub came_at: u64,
    /// Where the subscriber stands.
    pub position: u64,
    /// The last event, also of the streams that this one continues.
    pub last: u64,
    /// The last event of the snapshot, while nothing else has come.
    retained: Option<u64>,
    /// The conflated span that is being handed out, and the number of its events that were.
    conflated: Option<(Gap, u64)>,
    /// Whether the stream has ended.
    pub ended: bool,
    /// Whether the subscriber left.
    pub left: bool,
}

impl Log {
    /// A stream that begins. `last` is the last event of the stream it continues, when it continues one.
    pub fn new(
        filter: Filter,
        snapshot: Snapshot,
        slow_reader: SlowReader,
        start: Start,
        came_at: u64,
        last: u64,
    ) -> Self {
        let position = start.after.sequence;
        Self {
            filter,
            snapshot,
            slow_reader,
            start,
            came_at,
            position,
            last,
            retained: Some(0),
            conflated: None,
            ended: false,
            left: false,
        }
    }

    /// Takes over what a read gave and where the subscriber stands then.
    pub fn observe(
        &mut self,
        history: &History,
        next: &Next,
        events: &[Event],
        position: Position,
    ) -> Result<(), Broken> {
        let (before, after) = (self.position, position.sequence);
        check(Promise::Bookmarked, before <= after && after <= history.newest(), || {
            format!("the position went from {before} to {after}, the newest is {}", history.newest())
        })?;
        let mut told = None;
        match next {
            Next::Delivery(Delivery::Retained) => return self.observe_retained(history, events, after),
            Next::Delivery(Delivery::Events) => {
                check(Promise::Reliable, !events.is_empty(), || {
                    "events were announced and none came".into()
                })?;
                self.observe_events(history, events, after)?;
            }
            Next::Delivery(Delivery::Gap(gap)) => {
                self.observe_gap(history, *gap, after)?;
                told = Some(*gap);
            }
            Next::Delivery(Delivery::Filtered) => {}
            Next::Delivery(nothing @ (Delivery::UpToDate | Delivery::Cut | Delivery::Unknown)) => {
                let up_to_date = *nothing == Delivery::UpToDate && after == history.newest();
                check(Promise::Reliable, up_to_date, || {
                    format!("{nothing:?} at {after}, the newest is {}", history.newest())
                })?;
            }
            Next::End { reason, last } => {
                self.ended = true;
                check(Promise::Bookmarked, last.sequence == before && after == before, || {
                    format!("the end says {}, the position was {before} and is {after}", last.sequence)
                })?;
                let complete = match reason {
                    EndReason::SlowReader => self.slow_reader == SlowReader::Cut,
                    EndReason::Closed(_) | EndReason::Faulted(_) => before == history.newest(),
                };
                check(Promise::Reliable, complete, || {
                    format!("ended with {reason:?} at {before}, the newest is {}", history.newest())
                })?;
            }
        }
        self.retained = None;
        check(
            Promise::Reliable,
            events.is_empty() || matches!(next, Next::Delivery(Delivery::Events)),
            || format!("{next:?} came with {} events", events.len()),
        )?;
        self.no_silent_hole(history, events, told, after)?;
        self.position = after;
        self.conflated_is_exact(history)
    }

    fn observe_retained(&mut self, history: &History, events: &[Event], after: u64) -> Result<(), Broken> {
        check(Promise::Snapshot, after == self.position, || "the snapshot moved the position".into())?;
        let wanted = match self.snapshot {
            Snapshot::None => false,
            Snapshot::OnGap => self.start.gap.is_some(),
            Snapshot::Always => true,
        };
        check(Promise::Snapshot, wanted && !events.is_empty(), || {
            "there is no reason for a snapshot".into()
        })?;
        for event in events {
            let Some(previous) = self.retained else {
                return Err(Broken { promise: Promise::Snapshot, how: "it came after other things".into() });
            };
            check(Promise::Snapshot, event.sequence > previous, || "it is not in order".into())?;
            self.retained = Some(event.sequence);
            self.is_real(history, event)?;
            let last = history
                .events(0, self.start.after.sequence)
                .rev()
                .find(|other| other.item == event.item && other.family.carries_value());
            check(Promise::Snapshot, last == Some(event), || {
                format!("{} is not the last of its item up to {after}", event.sequence)
            })?;
        }
        Ok(())
    }

    fn observe_events(&mut self, history: &History, events: &[Event], after: u64) -> Result<(), Broken> {
        for event in events {
            check(Promise::Unique, event.sequence != self.last, || format!("{} came twice", self.last))?;
            let first_again = events.first().is_some_and(|first| first.sequence <= self.last);
            check(Promise::Unique, !(first_again && event.sequence <= self.position), || {
                format!(
                    "{} came again after {} and a position of {}",
                    event.sequence, self.last, self.position
                )
            })?;
            check(Promise::Ordered, event.sequence > self.last, || {
                format!("{} came after {}", event.sequence, self.last)
            })?;
            self.last = event.sequence;
            self.is_real(history, event)?;
            if let Some((_, delivered)) = &mut self.conflated {
                *delivered += 1;
            }
        }
        check(Promise::Bookmarked, self.last <= after, || {
            format!("{} was handed out, a resume at {after} brings it again", self.last)
        })
    }

    fn is_real(&self, history: &History, event: &Event) -> Result<(), Broken> {
        check(Promise::Reliable, history.event(event.sequence) == Some(event), || {
            format!("{} is not the event that was published", event.sequence)
        })?;
        check(Promise::Filtered, self.filter.lets_through(event), || {
            format!("{} is not selected by the filter", event.sequence)
        })
    }

    fn observe_gap(&mut self, history: &History, gap: Gap, after: u64) -> Result<(), Broken> {
        let how = |what: &str| format!("{gap:?} at {} and then {after}: {what}", self.position);
        let begins_here = gap.from == self.position + 1 && gap.from <= gap.to && gap.to <= history.newest();
        check(Promise::Reliable, begins_here, || how("the span"))?;
        let fits = match gap.cause {
            GapCause::SourceLoss => history.lost(self.position, gap.to) == gap.lost,
            GapCause::SlowReader => self.slow_reader == SlowReader::GapAndContinue,
            GapCause::Conflated => self.slow_reader == SlowReader::LatestPerItem,
        };
        check(Promise::Reliable, fits, || how("the cause"))?;
        if gap.cause == GapCause::Conflated {
            check(Promise::Reliable, self.conflated.is_none(), || how("inside another one"))?;
            self.conflated = Some((gap, 0));
        } else {
            let exact = gap.to - gap.from + 1 == gap.lost && after == gap.to;
            check(Promise::Reliable, exact, || how("the number"))?;
        }
        Ok(())
    }

    /// Each event that was selected and that the position passes over was handed out or is in a gap.
    fn no_silent_hole(
        &self,
        history: &History,
        events: &[Event],
        told: Option<Gap>,
        after: u64,
    ) -> Result<(), Broken> {
        let before = self.position;
        if told.is_some() || self.conflated.is_some() {
            return Ok(());
        }
        let came: BTreeSet<u64> = events.iter().map(|event| event.sequence).collect();
        let missing = history
            .events(before, after)
            .find(|event| self.filter.lets_through(event) && !came.contains(&event.sequence));
        check(Promise::Reliable, missing.is_none(), || {
            format!(
                "{} was passed over in silence between {before} and {after}",
                missing.map_or(0, |event| event.sequence)
            )
        })?;
        let lost = history.lost(before, after);
        check(Promise::Reliable, lost == 0, || {
            format!(
                "{lost} events that the source lost were passed over in silence between {before} and {after}"
            )
        })
    }

    /// When a conflated span is done with, its number is the number of events that did not come.
    fn conflated_is_exact(&mut self, history: &History) -> Result<(), Broken> {
        let Some((gap, came)) = self.conflated.filter(|(gap, _)| gap.to <= self.position) else {
            return Ok(());
        };
        self.conflated = None;
        let not_here = gap.to - gap.from + 1 - came;
        let passed_over =
            history.events(gap.from - 1, gap.to).filter(|event| !self.filter.lets_through(event)).count();
        let exact = not_here.checked_sub(gap.lost).is_some_and(|rest| rest <= passed_over as u64);
        check(Promise::Reliable, exact && self.position == gap.to, || {
            format!("{gap:?} and {came} events of it came, {passed_over} are not selected")
        })
    }
}
