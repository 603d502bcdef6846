//! A subscriber, naively.

use std::collections::BTreeMap;

use mxgateway_session_core::distributor::{
    Delivery, Filter, Gap, GapCause, SlowReader, SubscribeOptions, SubscriberKind,
};
use mxgateway_session_core::event::Event;
use mxgateway_session_core::ring::ReadBudget;

use super::items::Items;
use crate::history::History;

#[derive(Debug)]
pub(super) struct Reader {
    pub(super) kind: SubscriberKind,
    pub(super) slow_reader: SlowReader,
    pub(super) after: u64,
    pub(super) replays_to: u64,
    pub(super) cut: bool,
    filter: Filter,
    snapshot: Vec<Event>,
    conflated: Vec<Event>,
    conflated_to: u64,
}

impl Reader {
    pub(super) fn new(options: SubscribeOptions, after: u64, newest: u64, mut snapshot: Vec<Event>) -> Self {
        snapshot.retain(|event| options.filter.lets_through(event));
        Self {
            kind: options.kind,
            slow_reader: options.slow_reader,
            after,
            replays_to: newest,
            cut: false,
            filter: options.filter,
            snapshot,
            conflated: Vec::new(),
            conflated_to: 0,
        }
    }

    pub(super) fn read(
        &mut self,
        history: &History,
        released: u64,
        items: &Items,
        budget: ReadBudget,
        out: &mut Vec<Event>,
    ) -> Delivery {
        if self.cut {
            return Delivery::Cut;
        }
        if !self.snapshot.is_empty() {
            out.extend(take(&mut self.snapshot, budget));
            return Delivery::Retained;
        }
        if self.slow_reader == SlowReader::LatestPerItem {
            return self.read_latest(history, released, items, budget, out);
        }
        if self.after == history.newest() {
            return Delivery::UpToDate;
        }
        if self.after < released {
            if self.slow_reader == SlowReader::Cut {
                self.cut = true;
                return Delivery::Cut;
            }
            return Delivery::Gap(self.gap_to(released, GapCause::SlowReader));
        }
        let next = history.after(self.after);
        if let Some(loss) = next.first().filter(|entry| entry.event.is_none()) {
            return Delivery::Gap(self.gap_to(loss.last, GapCause::SourceLoss));
        }
        let mut run: Vec<Event> = next.iter().map_while(|entry| entry.event.clone()).collect();
        let run = take(&mut run, budget);
        self.after = run.last().map_or(self.after, |event| event.sequence);
        out.extend(run.into_iter().filter(|event| self.filter.lets_through(event)));
        if out.is_empty() { Delivery::Filtered } else { Delivery::Events }
    }

    pub(super) fn pass_over(&mut self, newest: u64, keep: u64) -> Option<Gap> {
        let goes_on = self.slow_reader == SlowReader::GapAndContinue && self.snapshot.is_empty();
        if !goes_on || self.cut || newest - self.after <= keep {
            return None;
        }
        Some(self.gap_to(newest - keep, GapCause::SlowReader))
    }

    fn gap_to(&mut self, to: u64, cause: GapCause) -> Gap {
        let gap = Gap { from: self.after + 1, to, lost: to - self.after, cause };
        self.after = to;
        gap
    }

    fn read_latest(
        &mut self,
        history: &History,
        released: u64,
        items: &Items,
        budget: ReadBudget,
        out: &mut Vec<Event>,
    ) -> Delivery {
        if !self.conflated.is_empty() {
            out.extend(take(&mut self.conflated, budget));
            let last = out.last().map_or(self.after, |event| event.sequence);
            self.after = if self.conflated.is_empty() { self.conflated_to } else { last };
            return Delivery::Events;
        }
        let newest = history.newest();
        if self.after == newest {
            return Delivery::UpToDate;
        }
        let mut chosen = BTreeMap::new();
        // Of what left the ring, the last value of each item is remembered.
        let mut remembered = BTreeMap::new();
        for event in history.events(0, released).filter(|event| event.family.carries_value()) {
            remembered.insert(event.item, event);
        }
        for event in remembered.into_values() {
            if event.sequence > self.after.max(items.forgotten(event.item)) && self.filter.lets_through(event)
            {
                chosen.insert(event.sequence, event);
            }
        }
        let mut passed_over = 0;
        for event in history.events(self.after.max(released), newest) {
            if !self.filter.lets_through(event) {
                passed_over += 1;
                continue;
            }
            if event.family.carries_value() {
                chosen.retain(|_, older: &mut &Event| {
                    older.item != event.item || !older.family.carries_value()
                });
            }
            chosen.insert(event.sequence, event);
        }
        let lost = newest - self.after - passed_over - chosen.len() as u64;
        self.conflated = chosen.into_values().cloned().collect();
        self.conflated_to = newest;
        let gap = Gap { from: self.after + 1, to: newest, lost, cause: GapCause::Conflated };
        if self.conflated.is_empty() {
            self.after = newest;
        }
        match (lost, self.conflated.is_empty()) {
            (0, true) => Delivery::Filtered,
            (0, false) => self.read_latest(history, released, items, budget, out),
            _ => Delivery::Gap(gap),
        }
    }
}

/// As many of the first as the budget has room for, but one in any case.
fn take(events: &mut Vec<Event>, budget: ReadBudget) -> Vec<Event> {
    let fits = |count: &usize| {
        let bytes: usize = events.iter().take(*count).map(|event| event.payload.len()).sum();
        *count <= budget.events && bytes <= budget.bytes
    };
    let count = (1..=events.len()).take_while(fits).last().unwrap_or(1);
    events.drain(..count.min(events.len())).collect()
}
