//! One event stream, many subscribers: each is a cursor into the ring.
//!
//! Publishing does not depend on the number of subscribers. A subscriber that falls further behind than
//! the lag limit is cut, it alone, and keeps its last position to come back with.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::event::{Event, EventFamily, ItemKey, Position};
use crate::ring::{Loss, OutOfOrder, Read, ReadBudget, Ring, RingLimits};

/// Names a subscriber within its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SubscriberId(pub u64);

/// Whose subscriber it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubscriberKind {
    /// A client's: counted, and it holds the session.
    External,
    /// The gateway's own: not counted, never the cause of a fault.
    Internal,
}

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

/// Selects events; what is empty selects everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Families to let through.
    pub families: Vec<EventFamily>,
    /// Items to let through.
    pub items: Vec<ItemKey>,
}

impl Filter {
    fn lets_through(&self, event: &Event) -> bool {
        (self.families.is_empty() || self.families.contains(&event.family))
            && (self.items.is_empty() || self.items.contains(&event.item))
    }

    fn is_empty(&self) -> bool {
        self.families.is_empty() && self.items.is_empty()
    }
}

/// How to subscribe.
#[derive(Clone, Debug)]
pub struct SubscribeOptions {
    /// Whose subscriber it is.
    pub kind: SubscriberKind,
    /// Where to continue; `None` for live from now.
    pub resume: Option<Position>,
    /// Which events.
    pub filter: Filter,
}

impl SubscribeOptions {
    /// A client's subscription to everything, live from now.
    pub fn live() -> Self {
        Self { kind: SubscriberKind::External, resume: None, filter: Filter::default() }
    }
}

/// Why a subscriber was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubscribeError {
    /// One is attached and multiple are not allowed.
    #[error("the session has a subscriber and multiple subscribers are not allowed")]
    AlreadyActive,
    /// As many are attached as are allowed.
    #[error("the session has {limit} subscribers, which is the limit")]
    LimitReached {
        /// The limit.
        limit: usize,
    },
}

/// Why a stream cannot continue exactly where it was asked to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplayGapReason {
    /// The ring let the events go.
    Evicted,
    /// The position is of another worker process.
    EpochChanged,
    /// The position is after the newest event.
    FutureSequence,
}

/// What is missing between the position asked for and the first event that follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplayGap {
    /// The position asked for.
    pub requested: Position,
    /// First event that can still be had; `None` when none is retained.
    pub oldest_available: Option<u64>,
    /// Exactly how many events of this epoch are lost to the subscriber.
    pub lost: u64,
    /// Why.
    pub reason: ReplayGapReason,
}

/// The first thing a subscriber is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start {
    /// Events after this position follow.
    pub after: Position,
    /// Bounds of the replay window.
    pub retained: Option<(u64, u64)>,
    /// What is missing.
    pub gap: Option<ReplayGap>,
}

/// What a read gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// Events were appended to the output.
    Events,
    /// The source lost these.
    Loss(Loss),
    /// Events were passed over by the filter; there may be more to read.
    Filtered,
    /// Nothing new.
    UpToDate,
    /// The subscriber was cut for being slow; its last position is [`Distributor::position`].
    Cut,
    /// No such subscriber.
    Unknown,
}

/// How a subscriber stands, for people to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubscriberStatus {
    /// Its id.
    pub id: SubscriberId,
    /// Whose it is.
    pub kind: SubscriberKind,
    /// Last sequence handed to it (or passed over by its filter).
    pub last_sequence: u64,
    /// Events behind the newest.
    pub lag: u64,
    /// When it came.
    pub attached_at: Instant,
}

/// What publishing brought to light.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Overflow {
    /// Subscribers that were cut now.
    pub cut: usize,
    /// The session is to fault.
    pub fault_session: bool,
}

#[derive(Debug)]
struct Cursor {
    kind: SubscriberKind,
    after: u64,
    filter: Filter,
    attached_at: Instant,
    /// The newest sequence when it came: until it gets there it replays, and only eviction can cut it.
    replays_to: u64,
    cut: bool,
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
}

impl Distributor {
    /// A stream before its first event.
    pub fn new(settings: DistributorSettings, epoch: u64) -> Self {
        Self {
            settings,
            epoch,
            ring: Ring::new(settings.ring),
            cursors: BTreeMap::new(),
            next_id: 1,
            all_after: 0,
            received: 0,
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

    /// Adds a subscriber and says where its stream begins.
    pub fn subscribe(
        &mut self,
        options: SubscribeOptions,
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
        let id = SubscriberId(self.next_id);
        self.next_id += 1;
        let after = start.after.sequence;
        self.all_after = if self.attached() == 0 { after } else { self.all_after.min(after) };
        self.cursors.insert(
            id,
            Cursor {
                kind: options.kind,
                after,
                filter: options.filter,
                attached_at: now,
                replays_to: self.ring.newest(),
                cut: false,
            },
        );
        self.ring.keep_for_lag(true);
        Ok((id, start))
    }

    /// Removes a subscriber; false when it was removed before.
    pub fn unsubscribe(&mut self, id: SubscriberId) -> bool {
        let known = self.cursors.remove(&id).is_some();
        self.ring.keep_for_lag(self.attached() > 0);
        known
    }

    /// Last position handed to a subscriber.
    pub fn position(&self, id: SubscriberId) -> Option<Position> {
        self.cursors.get(&id).map(|cursor| Position { epoch: self.epoch, sequence: cursor.after })
    }

    /// Hands a subscriber what comes next, appending events to `out`.
    pub fn read(&mut self, id: SubscriberId, budget: ReadBudget, out: &mut Vec<Event>) -> Delivery {
        let Some(cursor) = self.cursors.get_mut(&id) else { return Delivery::Unknown };
        if cursor.cut {
            return Delivery::Cut;
        }
        let before = out.len();
        match self.ring.read(cursor.after, budget, out) {
            Read::Events => {
                if let Some(last) = out.last() {
                    cursor.after = last.sequence;
                }
                if !cursor.filter.is_empty() {
                    let mut at = 0;
                    out.retain(|event| {
                        at += 1;
                        at <= before || cursor.filter.lets_through(event)
                    });
                }
                if out.len() == before { Delivery::Filtered } else { Delivery::Events }
            }
            Read::Loss(loss) => {
                cursor.after = loss.to;
                Delivery::Loss(loss)
            }
            Read::UpToDate => Delivery::UpToDate,
            Read::Evicted { .. } => {
                cursor.cut = true;
                self.ring.keep_for_lag(self.attached() > 0);
                Delivery::Cut
            }
        }
    }

    /// Lets go what is too old at `now`.
    pub fn sweep(&mut self, now: Instant) {
        self.ring.release_aged(now);
    }

    /// Ends replay for good: nobody will subscribe any more.
    pub fn retire(&mut self) {
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
        for cursor in self.cursors.values_mut().filter(|cursor| !cursor.cut) {
            // A replay may begin further back than a live reader may lag.
            let replays = cursor.after < cursor.replays_to && cursor.after >= released;
            if newest - cursor.after > limit && !replays {
                cursor.cut = true;
                overflow.cut += 1;
                overflow.fault_session |= cursor.kind == SubscriberKind::External
                    && self.settings.policy == BackpressurePolicy::FailFast
                    && !self.settings.allow_multiple;
            } else {
                self.all_after = self.all_after.min(cursor.after);
            }
        }
        if overflow.cut > 0 {
            let attached = self.attached() > 0;
            self.ring.keep_for_lag(attached);
        }
        overflow
    }
}

#[cfg(test)]
mod tests;
