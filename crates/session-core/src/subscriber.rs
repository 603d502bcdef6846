//! What subscribers ask for and what they are told.

use std::sync::Arc;
use std::time::Instant;

use crate::access::Access;
use crate::event::{Event, EventFamily, ItemKey, Position};
use crate::ring::Loss;

/// Names a subscriber within its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SubscriberId(pub u64);

/// Whose subscriber it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubscriberKind {
    /// A client's: counted, and it holds the session.
    External,
    /// The gateway's own: not counted, never the cause of a fault, and nothing is kept for it beyond the replay window.
    Internal,
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
    /// Whether the subscriber wants this event.
    pub fn lets_through(&self, event: &Event) -> bool {
        (self.families.is_empty() || self.families.contains(&event.family))
            && (self.items.is_empty() || self.items.contains(&event.item))
    }

    /// True when it selects everything.
    pub fn is_empty(&self) -> bool {
        self.families.is_empty() && self.items.is_empty()
    }
}

/// Whether a stream begins with the last event of each advised item.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Snapshot {
    /// No.
    #[default]
    None,
    /// When it cannot continue exactly where it was asked to.
    OnGap,
    /// Always.
    Always,
}

/// What happens to a subscriber that falls behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SlowReader {
    /// It is cut and told its last position.
    #[default]
    Cut,
    /// It goes on at the oldest event there is and is told what it missed.
    GapAndContinue,
    /// It gets only the newest of the events that wait for it, for each item, and is told how many it did
    /// not get. Events that carry no value, such as write completions, are all kept.
    LatestPerItem,
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
    /// What comes before them.
    pub snapshot: Snapshot,
    /// What happens when it falls behind.
    pub slow_reader: SlowReader,
    /// Set for a subscriber that may not see everything.
    pub access: Option<Arc<dyn Access>>,
}

impl SubscribeOptions {
    /// A client's subscription to everything, live from now.
    pub fn live() -> Self {
        Self {
            kind: SubscriberKind::External,
            resume: None,
            filter: Filter::default(),
            snapshot: Snapshot::None,
            slow_reader: SlowReader::Cut,
            access: None,
        }
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

/// Why events are missing in a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GapCause {
    /// The source lost them.
    SourceLoss,
    /// The subscriber was too slow and chose to go on.
    SlowReader,
    /// The subscriber wants only the newest event of each item.
    Conflated,
}

/// Events that a subscriber does not get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// First sequence of the span.
    pub from: u64,
    /// Last sequence of the span.
    pub to: u64,
    /// How many are missing: the whole span, but for a conflated one, of which some events follow.
    pub lost: u64,
    /// Why.
    pub cause: GapCause,
}

impl Gap {
    pub(crate) fn whole(span: Loss, cause: GapCause) -> Self {
        Self { from: span.from, to: span.to, lost: span.count(), cause }
    }
}

/// What a read gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// Events of the snapshot were handed out.
    Retained,
    /// Events were handed out.
    Events,
    /// Events are missing. A conflated span comes before those of its events that are sent; every other gap
    /// stands in the place of its events.
    Gap(Gap),
    /// Events were passed over by the filter; there may be more to read.
    Filtered,
    /// Nothing new.
    UpToDate,
    /// The subscriber was cut for being slow.
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
