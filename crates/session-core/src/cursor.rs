//! One subscriber's way through the ring.

use std::collections::{HashSet, VecDeque};
use std::time::Instant;

use crate::access::Gate;
use crate::event::{Event, EventTaker};
use crate::items::{Items, Verdict};
use crate::ring::{Loss, Read, ReadBudget, Ring};
use crate::subscriber::{Delivery, Filter, Gap, GapCause, SlowReader, SubscribeOptions, SubscriberKind};

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct Cursor {
    pub(crate) kind: SubscriberKind,
    pub(crate) slow_reader: SlowReader,
    pub(crate) attached_at: Instant,
    /// Everything up to here was handed out or passed over.
    pub(crate) after: u64,
    pub(crate) cut: bool,
    filter: Filter,
    /// Set for a reader that may not see everything.
    gate: Option<Gate>,
    /// The newest sequence when it came: until it gets there it replays, and only eviction can cut it.
    replays_to: u64,
    snapshot: VecDeque<Event>,
    /// What is left of a conflated span.
    conflated: VecDeque<Event>,
    conflated_to: u64,
}

impl Cursor {
    pub(crate) fn new(
        options: SubscribeOptions,
        after: u64,
        newest: u64,
        snapshot: Vec<Event>,
        items: &Items,
        now: Instant,
    ) -> Self {
        let mut gate = options.access.map(Gate::new);
        let mut wanted = |event: &Event| {
            options.filter.lets_through(event)
                && gate.as_mut().is_none_or(|gate| gate.judge(event, items) == Verdict::Show)
        };
        let snapshot = snapshot.into_iter().filter(&mut wanted).collect();
        Self {
            kind: options.kind,
            slow_reader: options.slow_reader,
            attached_at: now,
            after,
            cut: false,
            snapshot,
            filter: options.filter,
            gate,
            replays_to: newest,
            conflated: VecDeque::new(),
            conflated_to: 0,
        }
    }

    /// Whether falling behind by more than the lag limit cuts it now.
    pub(crate) fn can_be_cut(&self, replay_released: u64) -> bool {
        // A replay may begin further back than a live reader may lag.
        let replays = self.after < self.replays_to && self.after >= replay_released;
        self.slow_reader == SlowReader::Cut && !self.cut && !replays
    }

    /// Hands out what comes next.
    pub(crate) fn read(
        &mut self,
        ring: &Ring,
        items: &Items,
        budget: ReadBudget,
        out: &mut impl EventTaker,
    ) -> Delivery {
        if self.cut {
            return Delivery::Cut;
        }
        if take(&mut self.snapshot, budget, |event| out.retained(event)).is_some() {
            return Delivery::Retained;
        }
        match self.slow_reader {
            SlowReader::LatestPerItem => self.read_latest(ring, items, budget, out),
            SlowReader::Cut | SlowReader::GapAndContinue => self.read_all(ring, items, budget, out),
        }
    }

    /// Goes on at the newest `keep` events, when it is further behind and may miss some.
    pub(crate) fn pass_over(&mut self, newest: u64, keep: u64) -> Option<Gap> {
        let to = newest.saturating_sub(keep);
        let may = self.slow_reader == SlowReader::GapAndContinue && !self.cut && self.snapshot.is_empty();
        if !may || to <= self.after {
            return None;
        }
        let span = Loss { from: self.after + 1, to };
        self.after = to;
        Some(Gap::whole(span, GapCause::SlowReader))
    }

    fn read_all(
        &mut self,
        ring: &Ring,
        items: &Items,
        budget: ReadBudget,
        out: &mut impl EventTaker,
    ) -> Delivery {
        let limit = match &mut self.gate {
            Some(gate) => gate.limit(ring, items, self.after, budget),
            None => Some(budget),
        };
        let Some(budget) = limit else { return Delivery::UpToDate };
        let gate = self.gate.as_mut().map(|gate| (gate, items));
        let mut passing = Passing { filter: &self.filter, gate, out, last: self.after, handed_out: false };
        match ring.read(self.after, budget, &mut passing) {
            Read::Events => {
                self.after = passing.last;
                if passing.handed_out { Delivery::Events } else { Delivery::Filtered }
            }
            Read::Loss(loss) => {
                self.after = loss.to;
                Delivery::Gap(Gap::whole(loss, GapCause::SourceLoss))
            }
            Read::UpToDate => Delivery::UpToDate,
            Read::Evicted { released } if self.slow_reader == SlowReader::GapAndContinue => {
                let span = Loss { from: self.after + 1, to: released };
                self.after = released;
                Delivery::Gap(Gap::whole(span, GapCause::SlowReader))
            }
            Read::Evicted { .. } => {
                self.cut = true;
                Delivery::Cut
            }
        }
    }

    fn read_latest(
        &mut self,
        ring: &Ring,
        items: &Items,
        budget: ReadBudget,
        out: &mut impl EventTaker,
    ) -> Delivery {
        if let Some(last) = take(&mut self.conflated, budget, |event| out.event(event)) {
            // After its last event the whole span is done with.
            self.after = if self.conflated.is_empty() { self.conflated_to } else { last };
            return Delivery::Events;
        }
        let newest = ring.newest();
        if self.after >= newest {
            return Delivery::UpToDate;
        }
        let span = Loss { from: self.after + 1, to: newest };
        let mut waiting = ring.everything_after(self.after);
        if let Some(gate) = &mut self.gate {
            if waiting.events.iter().any(|event| gate.judge(event, items) == Verdict::Wait) {
                return Delivery::UpToDate;
            }
            waiting.events.retain(|event| gate.judge(event, items) == Verdict::Show);
        }
        // What is not there any more counts as missing whether the filter would have let it through or not.
        let gone = span.count() - waiting.in_ring as u64;
        let wanted: Vec<Event> =
            waiting.events.into_iter().filter(|event| self.filter.lets_through(event)).collect();
        let wanted_in_ring = wanted.iter().filter(|event| event.sequence > waiting.released).count();
        let mut seen = HashSet::new();
        self.conflated = wanted
            .into_iter()
            .rev()
            .filter(|event| !event.family.carries_value() || seen.insert(event.item))
            .collect::<Vec<_>>()
            .into_iter()
            .rev()
            .collect();
        self.conflated_to = newest;
        let lost = gone + wanted_in_ring as u64 - self.conflated.len() as u64;
        if self.conflated.is_empty() {
            self.after = newest;
        }
        if lost > 0 {
            Delivery::Gap(Gap { from: span.from, to: span.to, lost, cause: GapCause::Conflated })
        } else if self.conflated.is_empty() {
            Delivery::Filtered
        } else {
            self.read_latest(ring, items, budget, out)
        }
    }
}

/// Hands on what the filter lets through.
struct Passing<'a, T> {
    filter: &'a Filter,
    gate: Option<(&'a mut Gate, &'a Items)>,
    out: &'a mut T,
    /// Last sequence seen, handed out or not.
    last: u64,
    handed_out: bool,
}

impl<T: EventTaker> EventTaker for Passing<'_, T> {
    fn event(&mut self, event: &Event) {
        self.last = event.sequence;
        let shown = self.filter.lets_through(event)
            && match &mut self.gate {
                Some((gate, items)) => gate.judge(event, items) == Verdict::Show,
                None => true,
            };
        if shown {
            self.out.event(event);
            self.handed_out = true;
        }
    }

    fn retained(&mut self, event: &Event) {
        self.out.retained(event);
    }
}

/// Hands events over within the budget and says which was the last; `None` when there are none.
fn take(from: &mut VecDeque<Event>, budget: ReadBudget, mut over: impl FnMut(&Event)) -> Option<u64> {
    let mut bytes = 0;
    let mut taken = 0;
    let mut last = None;
    while let Some(event) = from.front() {
        bytes += event.payload.len();
        if taken > 0 && (taken >= budget.events || bytes > budget.bytes) {
            break;
        }
        taken += 1;
        last = Some(event.sequence);
        over(event);
        from.pop_front();
    }
    last
}
