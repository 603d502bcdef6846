//! The retained part of an event stream: one ring, read by any number of cursors.
//!
//! Two windows end at the newest event. The replay window is what a returning reader may resume from; it
//! is bounded by count, bytes and age. Behind it the ring may hold more for readers that are attached and
//! lag, up to the lag limit; the byte limit bounds both together.
//!
//! Positions are "after" positions (the last sequence seen), which keeps the arithmetic safe up to
//! `u64::MAX`.

use std::collections::{HashSet, VecDeque};
use std::time::{Duration, Instant};

use crate::event::{Event, EventTaker, ItemKey};
use crate::latest::Latest;

/// Bounds of a [`Ring`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RingLimits {
    /// Events a returning reader can have at most; 0 turns replay off (gaps are still counted).
    pub replay_count: usize,
    /// Bytes of everything the ring holds, payloads and bookkeeping.
    pub bytes: usize,
    /// Age at which events leave the replay window; `None` for no limit.
    pub replay_age: Option<Duration>,
    /// How many events an attached reader may be behind the newest.
    pub lag_count: u64,
}

/// Why an event was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("event {sequence} does not come after {newest}")]
pub struct OutOfOrder {
    /// The refused sequence.
    pub sequence: u64,
    /// The newest the ring has seen.
    pub newest: u64,
}

/// Events that the source lost, in place of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loss {
    /// First missing sequence.
    pub from: u64,
    /// Last missing sequence.
    pub to: u64,
}

impl Loss {
    /// Number of missing events.
    pub fn count(self) -> u64 {
        (self.to - self.from).saturating_add(1)
    }
}

/// What [`Ring::read`] found after a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read {
    /// Events were handed out, in order and without a hole.
    Events,
    /// The next thing in order is a loss.
    Loss(Loss),
    /// The position is the newest.
    UpToDate,
    /// The ring let go what comes next; everything up to `released` is gone.
    Evicted {
        /// The oldest position one can still read from.
        released: u64,
    },
}

/// How much one read may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadBudget {
    /// Number of events.
    pub events: usize,
    /// Bytes of payload; one event is always taken, however large.
    pub bytes: usize,
}

#[derive(Debug)]
enum Content {
    Event(Event),
    Lost,
}

#[derive(Debug)]
struct Slot {
    first: u64,
    last: u64,
    at: Instant,
    content: Content,
}

impl Slot {
    fn bytes(&self) -> usize {
        let payload = match &self.content {
            Content::Event(event) => event.payload.len(),
            Content::Lost => 0,
        };
        payload + size_of::<Self>()
    }

    fn is_event(&self) -> bool {
        matches!(self.content, Content::Event(_))
    }
}

/// See the module's documentation.
#[derive(Debug)]
pub struct Ring {
    limits: RingLimits,
    slots: VecDeque<Slot>,
    bytes: usize,
    newest: u64,
    /// Everything up to here is gone.
    released: u64,
    /// Everything up to here is outside the replay window.
    replay_released: u64,
    /// Index of the replay window's first slot.
    replay_start: usize,
    replay_events: usize,
    /// Whether readers are attached for whose lag events are kept beyond the replay window.
    keep_for_lag: bool,
    /// Whether nobody new will come to read.
    retired: bool,
    /// What is kept of the events that were let go, if that is wanted.
    latest: Option<Latest>,
}

/// What [`Ring::everything_after`] found.
#[derive(Debug)]
pub(crate) struct Waiting {
    /// In order; what was let go is there only with the last event of each item.
    pub(crate) events: Vec<Event>,
    /// How many of them are of the ring itself.
    pub(crate) in_ring: usize,
    /// Events up to here are of those that were let go.
    pub(crate) released: u64,
}

impl Ring {
    /// An empty ring before sequence 1.
    pub fn new(limits: RingLimits) -> Self {
        Self {
            limits,
            slots: VecDeque::new(),
            bytes: 0,
            newest: 0,
            released: 0,
            replay_released: 0,
            replay_start: 0,
            replay_events: 0,
            keep_for_lag: false,
            retired: false,
            latest: None,
        }
    }

    /// The same, and the last event of each item is kept when it is let go.
    pub fn with_latest(limits: RingLimits) -> Self {
        Self { latest: Some(Latest::default()), ..Self::new(limits) }
    }

    /// The newest sequence the ring has seen (an event or a loss); 0 before the first.
    pub fn newest(&self) -> u64 {
        self.newest
    }

    /// Everything up to this sequence can no longer be replayed.
    pub fn replay_released(&self) -> u64 {
        self.replay_released
    }

    /// First and last sequence of the replay window; `None` when it is empty.
    pub fn retained(&self) -> Option<(u64, u64)> {
        self.slots.get(self.replay_start).map(|slot| (slot.first, self.newest))
    }

    /// Number of events in the replay window.
    pub fn retained_events(&self) -> usize {
        self.replay_events
    }

    /// Bytes of everything the ring holds.
    pub fn held_bytes(&self) -> usize {
        self.bytes
    }

    /// Tells whether lagging readers are attached, for whom events are kept beyond the replay window.
    pub fn keep_for_lag(&mut self, keep: bool) {
        self.keep_for_lag = keep;
        self.release();
    }

    /// Ends replay for good: only what attached readers still have to read is kept.
    pub fn retire(&mut self) {
        self.limits.replay_count = 0;
        self.retired = true;
        self.release();
    }

    /// Forgets what was kept of an item that is no more.
    pub fn forget(&mut self, item: ItemKey) {
        if let Some(latest) = &mut self.latest {
            latest.forget(item);
        }
    }

    /// Forgets what was kept of the items of a registration that is no more.
    pub fn forget_all_of(&mut self, server_handle: i32) {
        if let Some(latest) = &mut self.latest {
            latest.forget_all_of(server_handle);
        }
    }

    /// The last event that carries a value, for each item, up to `until`, in order.
    pub fn last_values(&self, until: u64) -> Vec<Event> {
        let in_ring = self.slots.iter().rev().filter_map(|slot| match &slot.content {
            Content::Event(event) => Some(event),
            Content::Lost => None,
        });
        let let_go = self.latest.iter().flat_map(|latest| latest.after(0));
        let mut seen = HashSet::new();
        let mut events: Vec<Event> = in_ring
            .chain(let_go)
            .filter(|event| {
                event.sequence <= until && event.family.carries_value() && seen.insert(event.item)
            })
            .cloned()
            .collect();
        events.sort_by_key(|event| event.sequence);
        events
    }

    /// All there is after a position.
    pub(crate) fn everything_after(&self, after: u64) -> Waiting {
        let mut events: Vec<Event> = if after < self.released {
            self.latest.iter().flat_map(|latest| latest.after(after)).cloned().collect()
        } else {
            Vec::new()
        };
        events.sort_by_key(|event| event.sequence);
        let mut in_ring = 0;
        if after < self.newest {
            for slot in self.slots.range(self.index_after(after.max(self.released))..) {
                if let Content::Event(event) = &slot.content {
                    events.push(event.clone());
                    in_ring += 1;
                }
            }
        }
        Waiting { events, in_ring, released: self.released }
    }

    /// Appends an event. A hole before it is recorded as a loss, so that no reader misses it silently.
    pub fn push(&mut self, event: Event, now: Instant) -> Result<(), OutOfOrder> {
        let sequence = event.sequence;
        if sequence <= self.newest {
            return Err(OutOfOrder { sequence, newest: self.newest });
        }
        if sequence - self.newest > 1 {
            self.append_loss(sequence - 1, now);
        }
        self.append(Slot { first: sequence, last: sequence, at: now, content: Content::Event(event) });
        self.release();
        Ok(())
    }

    /// Records that the source lost everything after the newest up to `to`.
    pub fn push_loss(&mut self, to: u64, now: Instant) -> Result<(), OutOfOrder> {
        if to <= self.newest {
            return Err(OutOfOrder { sequence: to, newest: self.newest });
        }
        self.append_loss(to, now);
        self.release();
        Ok(())
    }

    /// Lets events leave the replay window that are too old at `now`.
    pub fn release_aged(&mut self, now: Instant) {
        if let Some(latest) = &mut self.latest {
            latest.compact();
        }
        if let Some(age) = self.limits.replay_age {
            while self
                .slots
                .get(self.replay_start)
                .is_some_and(|slot| now.saturating_duration_since(slot.at) >= age)
            {
                self.shrink_replay();
            }
        }
        self.release();
    }

    /// Reads what comes after `after`, handing events to `out`.
    pub fn read(&self, after: u64, budget: ReadBudget, out: &mut impl EventTaker) -> Read {
        if after >= self.newest {
            return Read::UpToDate;
        }
        if after < self.released {
            return Read::Evicted { released: self.released };
        }
        let start = self.index_after(after);
        let mut bytes = 0;
        let mut taken = 0;
        for slot in self.slots.range(start..).take(budget.events.max(1)) {
            match &slot.content {
                Content::Event(event) => {
                    bytes += event.payload.len();
                    if taken > 0 && bytes > budget.bytes {
                        break;
                    }
                    out.event(event);
                    taken += 1;
                }
                Content::Lost if taken == 0 => {
                    return Read::Loss(Loss { from: slot.first.max(after + 1), to: slot.last });
                }
                Content::Lost => break,
            }
        }
        Read::Events
    }

    /// What a read after `after` would come across, in order; `None` stands for a loss.
    pub(crate) fn peek_after(&self, after: u64) -> impl Iterator<Item = Option<&Event>> {
        let readable = after >= self.released && after < self.newest;
        let start = if readable { self.index_after(after) } else { self.slots.len() };
        self.slots.range(start..).map(|slot| match &slot.content {
            Content::Event(event) => Some(event),
            Content::Lost => None,
        })
    }

    /// Everything up to this sequence is gone.
    pub(crate) fn released(&self) -> u64 {
        self.released
    }

    /// Index of the first slot that holds something after `after`, which must lie within the ring.
    fn index_after(&self, after: u64) -> usize {
        // Without losses every slot is one sequence and the index can be computed.
        if let Ok(guess) = usize::try_from(after - self.released)
            && self.slots.get(guess).is_some_and(|slot| slot.first == after + 1)
        {
            return guess;
        }
        self.slots.partition_point(|slot| slot.last <= after)
    }

    fn append(&mut self, slot: Slot) {
        self.newest = slot.last;
        self.bytes += slot.bytes();
        self.replay_events += usize::from(slot.is_event());
        self.slots.push_back(slot);
    }

    fn append_loss(&mut self, to: u64, now: Instant) {
        if let Some(last) = self.slots.back_mut()
            && !last.is_event()
            && last.last == self.newest
        {
            last.last = to;
            self.newest = to;
            if self.slots.len() == self.replay_start {
                self.replay_released = to;
            }
            return;
        }
        self.append(Slot { first: self.newest + 1, last: to, at: now, content: Content::Lost });
    }

    /// Applies the limits.
    fn release(&mut self) {
        while self.bytes > self.limits.bytes {
            if self.replay_start == 0 {
                if self.slots.is_empty() {
                    break;
                }
                self.shrink_replay();
            }
            self.drop_oldest();
        }
        while self.replay_events > self.limits.replay_count || self.replay_starts_with_loss() {
            self.shrink_replay();
        }
        while self.replay_start > 0 && !self.oldest_serves_lag() {
            self.drop_oldest();
        }
        if self.retired && !self.keep_for_lag {
            self.latest = None;
        }
    }

    /// A loss is nothing to replay: whoever comes back before it is told by a replay gap.
    fn replay_starts_with_loss(&self) -> bool {
        self.slots.get(self.replay_start).is_some_and(|slot| !slot.is_event())
    }

    fn oldest_serves_lag(&self) -> bool {
        self.keep_for_lag
            && self.slots.front().is_some_and(|slot| self.newest - slot.last < self.limits.lag_count)
    }

    fn shrink_replay(&mut self) {
        if let Some(slot) = self.slots.get(self.replay_start) {
            self.replay_released = slot.last;
            self.replay_events -= usize::from(slot.is_event());
            self.replay_start += 1;
        }
    }

    fn drop_oldest(&mut self) {
        if let Some(slot) = self.slots.pop_front() {
            self.released = slot.last;
            self.bytes -= slot.bytes();
            self.replay_start -= 1;
            if let (Some(latest), Content::Event(event)) = (&mut self.latest, slot.content) {
                latest.keep(event);
            }
        }
    }
}

#[cfg(test)]
mod tests;
