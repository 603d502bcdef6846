//! Everything that was ever published, with its time: the truth that promises are checked against.

use std::time::Instant;

use mxgateway_session_core::event::Event;

/// An event, or a run of sequences that the source lost.
#[derive(Clone, Debug)]
pub struct Entry {
    /// First sequence.
    pub first: u64,
    /// Last sequence; the same for an event.
    pub last: u64,
    /// When it came.
    pub at: Instant,
    /// The event; `None` for a loss.
    pub event: Option<Event>,
}

/// See the module's documentation.
#[derive(Clone, Debug, Default)]
pub struct History {
    entries: Vec<Entry>,
}

impl History {
    /// All of it: every sequence from 1 to the newest is in one entry, and no two losses are neighbours.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The newest sequence; 0 before the first.
    pub fn newest(&self) -> u64 {
        self.entries.last().map_or(0, |entry| entry.last)
    }

    /// Adds an event, and a loss for the hole before it.
    pub fn push(&mut self, event: Event, at: Instant) {
        if event.sequence > self.newest() + 1 {
            self.lose(event.sequence - 1, at);
        }
        self.entries.push(Entry { first: event.sequence, last: event.sequence, at, event: Some(event) });
    }

    /// Adds a loss up to `to`.
    pub fn lose(&mut self, to: u64, at: Instant) {
        let first = self.newest() + 1;
        match self.entries.last_mut() {
            Some(last) if last.event.is_none() => last.last = to,
            _ => self.entries.push(Entry { first, last: to, at, event: None }),
        }
    }

    /// The entries that reach beyond `after`, the first of them possibly only in part.
    pub fn after(&self, after: u64) -> &[Entry] {
        let start = self.entries.partition_point(|entry| entry.last <= after);
        self.entries.get(start..).unwrap_or_default()
    }

    /// Every event after `after` up to and including `to`.
    pub fn events(&self, after: u64, to: u64) -> impl DoubleEndedIterator<Item = &Event> {
        let entries = self.after(after);
        let end = entries.partition_point(|entry| entry.first <= to);
        entries.get(..end).unwrap_or_default().iter().filter_map(|entry| entry.event.as_ref())
    }

    /// The event with this sequence.
    pub fn event(&self, sequence: u64) -> Option<&Event> {
        self.events(sequence.checked_sub(1)?, sequence).next()
    }

    /// How many sequences after `after` up to and including `to` the source lost.
    pub fn lost(&self, after: u64, to: u64) -> u64 {
        self.after(after)
            .iter()
            .filter(|entry| entry.event.is_none() && entry.first <= to)
            .map(|entry| entry.last.min(to) - (entry.first - 1).max(after))
            .sum()
    }
}
