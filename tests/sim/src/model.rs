//! A naive session: keeps every event ever published and works out everything else from first principles.
//!
//! What it shares with the real one are the plain types of questions and answers, nothing that decides.

mod items;
mod life;
mod reader;

use std::collections::BTreeMap;
use std::time::Instant;

use mxgateway_session_core::distributor::{
    BackpressurePolicy, Delivery, Gap, SlowReader, Snapshot, SubscribeError, SubscribeOptions, SubscriberKind,
};
use mxgateway_session_core::event::{Event, Position};
use mxgateway_session_core::lifecycle::{CloseReason, Fault, SessionState};
use mxgateway_session_core::ring::ReadBudget;
use mxgateway_session_core::session::{AttachError, EndReason, Next, SessionSettings};

use crate::history::{Entry, History};
use crate::transition::Name;
use items::Items;
use life::Life;
use reader::Reader;

/// See the module's documentation.
#[derive(Debug)]
pub struct Model {
    settings: SessionSettings,
    /// What an event costs in the ring beside its payload.
    overhead: usize,
    history: History,
    epoch: u64,
    /// Everything up to here has left the ring.
    released: u64,
    /// Everything up to here has left the replay window.
    replayable: u64,
    retired: bool,
    readers: BTreeMap<Name, Reader>,
    life: Life,
    items: Items,
}

impl Model {
    /// A session that is being created.
    pub fn new(settings: SessionSettings, overhead: usize, now: Instant) -> Self {
        Self {
            settings,
            overhead,
            history: History::default(),
            epoch: 0,
            released: 0,
            replayable: 0,
            retired: false,
            readers: BTreeMap::new(),
            life: Life::new(settings.lease, now),
            items: Items::default(),
        }
    }

    /// Everything that was published.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// States and lease.
    pub fn life(&self) -> &Life {
        &self.life
    }

    /// The registry of items.
    pub fn items(&self) -> &Items {
        &self.items
    }

    /// Position of the newest event.
    pub fn newest(&self) -> Position {
        Position { epoch: self.epoch, sequence: self.history.newest() }
    }

    /// The oldest position that can be resumed from.
    pub fn replayable(&self) -> u64 {
        self.replayable
    }

    /// First and last sequence of the replay window.
    pub fn retained(&self) -> Option<(u64, u64)> {
        let first = self.history.after(self.replayable).first()?;
        Some((first.first, self.history.newest()))
    }

    /// Number of events in the replay window.
    pub fn retained_events(&self) -> usize {
        self.history.events(self.replayable, u64::MAX).count()
    }

    /// Bytes of what is in the ring.
    pub fn held_bytes(&self) -> usize {
        self.history.after(self.released).iter().map(|entry| self.cost(entry)).sum()
    }

    /// When the oldest event of the replay window came.
    pub fn oldest_at(&self) -> Option<Instant> {
        self.history.after(self.replayable).first().map(|entry| entry.at)
    }

    /// Who is attached and not cut: kind, position.
    pub fn attached(&self) -> impl Iterator<Item = (Name, SubscriberKind, u64)> {
        self.readers
            .iter()
            .filter(|(_, reader)| !reader.cut)
            .map(|(name, reader)| (*name, reader.kind, reader.after))
    }

    /// How many clients are attached and not cut.
    fn external(&self) -> usize {
        self.attached().filter(|(_, kind, _)| *kind == SubscriberKind::External).count()
    }

    /// Where a subscriber stands; the newest position when there is none of the name.
    pub fn position(&self, name: Name) -> Position {
        let sequence = self.readers.get(&name).map_or(self.history.newest(), |reader| reader.after);
        Position { epoch: self.epoch, sequence }
    }

    /// The next step towards Ready.
    pub fn advance(&mut self, to: SessionState) -> bool {
        self.life.advance(to)
    }

    /// The worker is ready.
    pub fn ready(&mut self, epoch: u64, now: Instant) -> bool {
        let stepped = self.life.advance(SessionState::Ready);
        if stepped {
            self.epoch = epoch;
            self.life.touch(now);
        }
        stepped
    }

    /// Events come.
    pub fn publish(&mut self, events: &[Event], now: Instant) -> Option<Fault> {
        for event in events {
            self.history.push(event.clone(), now);
        }
        self.after_publish(now)
    }

    /// The source lost everything up to `to`.
    pub fn publish_loss(&mut self, to: u64, now: Instant) -> Option<Fault> {
        self.history.lose(to, now);
        self.after_publish(now)
    }

    /// Somebody subscribes; the position its stream begins after is returned.
    pub fn subscribe(
        &mut self,
        name: Name,
        options: SubscribeOptions,
        now: Instant,
    ) -> Result<u64, AttachError> {
        self.life.usable()?;
        let external = options.kind == SubscriberKind::External;
        let attached = self.external();
        let events = self.settings.events;
        if external && !events.allow_multiple && attached > 0 {
            return Err(SubscribeError::AlreadyActive.into());
        }
        if external && events.allow_multiple && attached >= events.max_external {
            return Err(SubscribeError::LimitReached { limit: events.max_external }.into());
        }
        self.settle(Some(now));
        let newest = self.history.newest();
        let (after, gap) = match options.resume {
            None => (newest, false),
            Some(asked) if asked.epoch != self.epoch => (self.replayable, true),
            Some(asked) if asked.sequence > newest => (newest, true),
            Some(asked) => (asked.sequence.max(self.replayable), asked.sequence < self.replayable),
        };
        let wants_snapshot = match options.snapshot {
            Snapshot::None => false,
            Snapshot::OnGap => gap,
            Snapshot::Always => true,
        };
        let snapshot = if wants_snapshot { self.snapshot(after) } else { Vec::new() };
        self.readers.insert(name, Reader::new(options, after, newest, snapshot));
        if external {
            self.life.attach(name, now);
        }
        self.settle(None);
        Ok(after)
    }

    /// A subscriber leaves.
    pub fn unsubscribe(&mut self, name: Name, now: Instant) {
        self.readers.remove(&name);
        self.life.detach(name, now);
        self.settle(None);
    }

    /// A subscriber reads.
    pub fn read(&mut self, name: Name, budget: ReadBudget, out: &mut Vec<Event>) -> Next {
        let last = self.position(name);
        let delivery = match self.readers.get_mut(&name) {
            None => Delivery::Unknown,
            Some(reader) => reader.read(&self.history, self.released, &self.items, budget, out),
        };
        self.settle(None);
        match (delivery, self.life.end()) {
            (Delivery::Cut, _) => Next::End { reason: EndReason::SlowReader, last },
            (Delivery::UpToDate | Delivery::Unknown, Some(reason)) => Next::End { reason, last },
            (delivery, _) => Next::Delivery(delivery),
        }
    }

    /// A subscriber goes on at the newest `keep` events.
    pub fn pass_over(&mut self, name: Name, keep: u64) -> Option<Gap> {
        self.readers.get_mut(&name)?.pass_over(self.history.newest(), keep)
    }

    /// The sweep comes by.
    pub fn sweep(&mut self, now: Instant) -> Option<CloseReason> {
        self.settle(Some(now));
        self.life.expired(now)
    }

    /// Commands and faults change the state only.
    pub fn life_mut(&mut self) -> &mut Life {
        &mut self.life
    }

    /// What a command changed about the items.
    pub fn apply(&mut self, change: &mxgateway_session_core::items::ItemChange) {
        self.items.apply(change, self.released, self.history.newest());
    }

    /// The session is put with the ended ones.
    pub fn retire(&mut self) {
        self.retired = true;
        self.settle(None);
    }

    /// The last event of each advised item up to `until`.
    fn snapshot(&self, until: u64) -> Vec<Event> {
        let last = |item| {
            let mut events = self.history.events(0, until).rev();
            events.find(|event| event.item == item && event.family.carries_value())
        };
        let mut events: Vec<Event> = self
            .items
            .current()
            .filter_map(|(item, valid_after)| last(item).filter(|event| event.sequence > valid_after))
            .cloned()
            .collect();
        events.sort_by_key(|event| event.sequence);
        events
    }

    fn after_publish(&mut self, now: Instant) -> Option<Fault> {
        self.settle(None);
        let newest = self.history.newest();
        let limit = self.settings.events.ring.lag_count;
        let replayable = self.replayable;
        let (mut cut, mut faults) = (false, false);
        for reader in self.readers.values_mut().filter(|reader| !reader.cut) {
            let replays = reader.after < reader.replays_to && reader.after >= replayable;
            if newest - reader.after > limit && !replays && reader.slow_reader == SlowReader::Cut {
                reader.cut = true;
                cut = true;
                faults |= reader.kind == SubscriberKind::External;
            }
        }
        if cut {
            let gone: Vec<Name> =
                self.readers.iter().filter(|(_, reader)| reader.cut).map(|(name, _)| *name).collect();
            gone.into_iter().for_each(|name| self.life.detach(name, now));
        }
        self.settle(None);
        let events = self.settings.events;
        faults &= events.policy == BackpressurePolicy::FailFast && !events.allow_multiple;
        let fault = faults.then_some(Fault::SlowSubscriber { limit })?;
        self.life.fail(&fault).then_some(fault)
    }

    /// What an entry costs in the ring.
    fn cost(&self, entry: &Entry) -> usize {
        self.overhead + entry.event.as_ref().map_or(0, |event| event.payload.len())
    }

    /// Works out anew what is in the windows; with a time also what is too old. What left does not come back.
    fn settle(&mut self, aged_at: Option<Instant>) {
        let limits = self.settings.events.ring;
        let newest = self.history.newest();
        // From the newest backwards until a limit is passed.
        let mut events = 0;
        let mut bytes = 0_usize;
        let (mut by_count, mut by_bytes, mut by_age, mut by_lag) = (0, 0, 0, 0);
        for entry in self.history.after(self.released).iter().rev() {
            events += usize::from(entry.event.is_some());
            bytes += self.cost(entry);
            let old = |now: Instant, age| now.saturating_duration_since(entry.at) >= age;
            if by_count == 0 && events > if self.retired { 0 } else { limits.replay_count } {
                by_count = entry.last;
            }
            if by_bytes == 0 && bytes > limits.bytes {
                by_bytes = entry.last;
            }
            if by_age == 0 && aged_at.zip(limits.replay_age).is_some_and(|(now, age)| old(now, age)) {
                by_age = entry.last;
            }
            if by_lag == 0 && newest - entry.last >= limits.lag_count {
                by_lag = entry.last;
            }
        }
        self.replayable = self.replayable.max(by_count).max(by_bytes).max(by_age);
        // A replay window begins with an event.
        if let Some(entry) = self.history.after(self.replayable).first()
            && entry.event.is_none()
        {
            self.replayable = entry.last;
        }
        let somebody_reads = self.attached().next().is_some();
        let keeps_lag = self.external() > 0 || (self.retired && somebody_reads);
        let for_lag = if keeps_lag { by_lag } else { newest };
        self.released = self.released.max(by_bytes).max(for_lag.min(self.replayable));
        if self.retired && !somebody_reads {
            self.items.forget_all();
        }
    }
}
