//! One event stream, many subscribers: each is a cursor into the ring.
//!
//! Publishing does not depend on the number of subscribers. A subscriber that falls further behind than
//! the lag limit is cut, it alone, and keeps its last position to come back with.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::cursor::Cursor;
use crate::event::{Event, EventTaker, ItemKey, Position};
use crate::items::Items;
use crate::ring::{OutOfOrder, ReadBudget, Ring, RingLimits};
pub use crate::subscriber::{
    Delivery, Filter, Gap, GapCause, ReplayGap, ReplayGapReason, SlowReader, Snapshot, Start, SubscribeError,
    SubscribeOptions, SubscriberId, SubscriberKind, SubscriberStatus,
};

/// What a slow subscriber means for the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackpressurePolicy {
    /// The session faults too, unless multiple subscribers are allowed.
    FailFast,
    /// Only the subscriber is cut.
    DisconnectSubscriber,
}

/// Settings of a [`Distributor`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DistributorSettings {
    /// Bounds of the ring; its lag limit is what subscribers are measured by.
    pub ring: RingLimits,
    /// Whether more than one external subscriber may be attached.
    pub allow_multiple: bool,
    /// How many external subscribers may be attached when multiple are allowed.
    pub max_external: usize,
    /// What a slow subscriber means.
    pub policy: BackpressurePolicy,
}

/// What publishing brought to light.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Overflow {
    /// Subscribers that were cut now.
    pub cut: usize,
    /// The session is to fault.
    pub fault_session: bool,
}

/// See the module's documentation.
#[derive(Debug)]
pub struct Distributor {
    settings: DistributorSettings,
    epoch: u64,
    ring: Ring,
    cursors: BTreeMap<SubscriberId, Cursor>,
    next_id: u64,
    /// No attached cursor is before this position; looked up again only when the lag limit passes it.
    all_after: u64,
    received: u64,
    retired: bool,
}

impl Distributor {
    /// A stream before its first event.
    pub fn new(settings: DistributorSettings, epoch: u64) -> Self {
        Self {
            settings,
            epoch,
            ring: Ring::with_latest(settings.ring),
            cursors: BTreeMap::new(),
            next_id: 1,
            all_after: 0,
            received: 0,
            retired: false,
        }
    }

    /// The ring, to look at.
    pub fn ring(&self) -> &Ring {
        &self.ring
    }

    /// Events received so far.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// How many events a subscriber may be behind the newest.
    pub fn lag_limit(&self) -> u64 {
        self.settings.ring.lag_count
    }

    /// Says which worker process numbers the events. Only before the first event.
    pub fn set_epoch(&mut self, epoch: u64) {
        self.epoch = epoch;
    }

    /// The position of the newest event.
    pub fn newest(&self) -> Position {
        Position { epoch: self.epoch, sequence: self.ring.newest() }
    }

    /// Takes events over, in order. Stops at the first that does not come after the one before.
    pub fn publish(
        &mut self,
        events: impl IntoIterator<Item = Event>,
        now: Instant,
    ) -> Result<Overflow, OutOfOrder> {
        for event in events {
            self.ring.push(event, now)?;
            self.received += 1;
        }
        Ok(self.cut_slow())
    }

    /// The source lost everything up to `to`.
    pub fn publish_loss(&mut self, to: u64, now: Instant) -> Result<Overflow, OutOfOrder> {
        self.ring.push_loss(to, now)?;
        Ok(self.cut_slow())
    }

    /// Adds a subscriber and says where its stream begins. A snapshot has only events whose items are advised
    /// and still the ones they were.
    pub fn subscribe(
        &mut self,
        options: SubscribeOptions,
        items: &Items,
        now: Instant,
    ) -> Result<(SubscriberId, Start), SubscribeError> {
        if options.kind == SubscriberKind::External {
            let attached = self.external();
            if attached > 0 && !self.settings.allow_multiple {
                return Err(SubscribeError::AlreadyActive);
            }
            let limit = self.settings.max_external;
            if self.settings.allow_multiple && attached >= limit {
                return Err(SubscribeError::LimitReached { limit });
            }
        }
        self.ring.release_aged(now);
        let start = self.start(options.resume);
        let after = start.after.sequence;
        let wants_snapshot = match options.snapshot {
            Snapshot::None => false,
            Snapshot::OnGap => start.gap.is_some(),
            Snapshot::Always => true,
        };
        let mut snapshot = if wants_snapshot { self.ring.last_values(after) } else { Vec::new() };
        snapshot.retain(|event| items.is_current(event));
        let id = SubscriberId(self.next_id);
        self.next_id += 1;
        self.all_after = if self.attached() == 0 { after } else { self.all_after.min(after) };
        self.cursors.insert(id, Cursor::new(options, after, self.ring.newest(), snapshot, items, now));
        self.keep_for_lag();
        Ok((id, start))
    }

    /// Forgets the values of an item that is no more or that nobody wants to know any more.
    pub fn forget_values(&mut self, item: ItemKey) {
        self.ring.forget(item);
    }

    /// Forgets the values of all items of a registration that is no more.
    pub fn forget_values_of(&mut self, server_handle: i32) {
        self.ring.forget_all_of(server_handle);
    }

    /// Removes a subscriber; false when it was removed before.
    pub fn unsubscribe(&mut self, id: SubscriberId) -> bool {
        let known = self.cursors.remove(&id).is_some();
        self.keep_for_lag();
        known
    }

    /// Last position handed to a subscriber.
    pub fn position(&self, id: SubscriberId) -> Option<Position> {
        self.cursors.get(&id).map(|cursor| Position { epoch: self.epoch, sequence: cursor.after })
    }

    /// Hands a subscriber what comes next; events go to `out`.
    pub fn read(
        &mut self,
        id: SubscriberId,
        items: &Items,
        budget: ReadBudget,
        out: &mut impl EventTaker,
    ) -> Delivery {
        let Some(cursor) = self.cursors.get_mut(&id) else { return Delivery::Unknown };
        let was_cut = cursor.cut;
        let delivery = cursor.read(&self.ring, items, budget, out);
        if cursor.cut != was_cut {
            self.keep_for_lag();
        }
        delivery
    }

    /// Moves a subscriber on to the newest `keep` events and says what it does not get, however much that is. `None`
    /// when it is no further behind, has to read a snapshot first, or is not one that goes on with gaps
    /// ([`SlowReader::GapAndContinue`]).
    pub fn pass_over(&mut self, id: SubscriberId, keep: u64) -> Option<Gap> {
        let newest = self.ring.newest();
        self.cursors.get_mut(&id)?.pass_over(newest, keep)
    }

    /// Lets go what is too old at `now`.
    pub fn sweep(&mut self, now: Instant) {
        self.ring.release_aged(now);
    }

    /// Ends replay for good: nobody will subscribe any more.
    pub fn retire(&mut self) {
        self.retired = true;
        self.keep_for_lag();
        self.ring.retire();
    }

    /// Every subscriber that was not cut.
    pub fn subscribers(&self) -> impl Iterator<Item = SubscriberStatus> {
        let newest = self.ring.newest();
        self.cursors.iter().filter(|(_, cursor)| !cursor.cut).map(move |(id, cursor)| SubscriberStatus {
            id: *id,
            kind: cursor.kind,
            last_sequence: cursor.after,
            lag: newest - cursor.after,
            attached_at: cursor.attached_at,
        })
    }

    /// Number of attached external subscribers.
    pub fn external(&self) -> usize {
        self.cursors.values().filter(|cursor| !cursor.cut && cursor.kind == SubscriberKind::External).count()
    }

    fn attached(&self) -> usize {
        self.cursors.values().filter(|cursor| !cursor.cut).count()
    }

    /// For clients the ring keeps more than the replay window. The gateway's own readers make do with what there is, but
    /// for the last events of a session that has ended, which they still get to read.
    fn keep_for_lag(&mut self) {
        let keep = self.external() > 0 || (self.retired && self.attached() > 0);
        self.ring.keep_for_lag(keep);
    }

    fn start(&self, resume: Option<Position>) -> Start {
        let newest = self.ring.newest();
        let released = self.ring.replay_released();
        let retained = self.ring.retained();
        let gap = |requested, reason, lost| ReplayGap {
            requested,
            oldest_available: retained.map(|(oldest, _)| oldest),
            lost,
            reason,
        };
        let (after, gap) = match resume {
            None => (newest, None),
            Some(asked) if asked.epoch != self.epoch => {
                (released, Some(gap(asked, ReplayGapReason::EpochChanged, released)))
            }
            Some(asked) if asked.sequence > newest => {
                (newest, Some(gap(asked, ReplayGapReason::FutureSequence, 0)))
            }
            Some(asked) if asked.sequence < released => {
                (released, Some(gap(asked, ReplayGapReason::Evicted, released - asked.sequence)))
            }
            Some(asked) => (asked.sequence, None),
        };
        Start { after: Position { epoch: self.epoch, sequence: after }, retained, gap }
    }

    /// Cuts whoever is further behind than the lag limit. Looks at the cursors only when the slowest that
    /// was known has been passed by it, so that publishing stays independent of their number.
    fn cut_slow(&mut self) -> Overflow {
        let limit = self.settings.ring.lag_count;
        let newest = self.ring.newest();
        let mut overflow = Overflow::default();
        if newest - self.all_after <= limit || self.cursors.is_empty() {
            return overflow;
        }
        self.all_after = newest;
        let released = self.ring.replay_released();
        for cursor in self.cursors.values_mut() {
            if newest - cursor.after > limit && cursor.can_be_cut(released) {
                cursor.cut = true;
                overflow.cut += 1;
                overflow.fault_session |= cursor.kind == SubscriberKind::External
                    && self.settings.policy == BackpressurePolicy::FailFast
                    && !self.settings.allow_multiple;
            } else if !cursor.cut && cursor.slow_reader == SlowReader::Cut {
                self.all_after = self.all_after.min(cursor.after);
            }
        }
        if overflow.cut > 0 {
            self.keep_for_lag();
        }
        overflow
    }
}

#[cfg(test)]
mod tests;
