//! Everything that can happen to a session, as data: a run is a list of these.
//!
//! What depends on the state of the run (the newest sequence, the edge of the ring) is said relative to it,
//! so that a list stays meaningful when parts of it are taken out.

use std::fmt;

use mxgateway_session_core::distributor::{Filter, SlowReader, Snapshot, SubscriberKind};
use mxgateway_session_core::event::{EventFamily, ItemKey};
use mxgateway_session_core::lifecycle::{CloseReason, SessionState};
use mxgateway_session_core::ring::ReadBudget;

/// Names a subscriber within a run; a name is used by one subscribe only.
pub type Name = u32;

/// An event to be published.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Spec {
    /// Which kind.
    pub family: EventFamily,
    /// The item it is about.
    pub item: ItemKey,
    /// Size of its payload.
    pub bytes: usize,
    /// How many sequences the source leaves out before it.
    pub hole: u64,
}

impl fmt::Debug for Spec {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ItemKey { server_handle, item_handle } = self.item;
        if self.hole > 0 {
            write!(formatter, "hole {} then ", self.hole)?;
        }
        write!(formatter, "{:?} {server_handle}.{item_handle} {} B", self.family, self.bytes)
    }
}

/// Where a subscriber wants to continue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResumeAt {
    /// So many events before the newest.
    BehindNewest(u64),
    /// So many after it.
    AheadOfNewest(u64),
    /// Off the last position that can no longer be replayed from, by so much.
    AtEdge(i64),
    /// At this sequence.
    Exactly(u64),
    /// Where an earlier subscriber stands.
    WhereItStands(Name),
    /// At this sequence of another worker process.
    OtherEpoch(u64),
}

/// How somebody subscribes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// Whose subscriber it is.
    pub kind: SubscriberKind,
    /// Where to continue; `None` for live.
    pub resume: Option<ResumeAt>,
    /// Which events.
    pub filter: Filter,
    /// What comes first.
    pub snapshot: Snapshot,
    /// What happens when it is slow.
    pub slow_reader: SlowReader,
}

/// What a command changed about the items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Register.
    Register(i32),
    /// Unregister.
    Unregister(i32),
    /// AddItem; `crossed` events came between the command and its reply.
    Add {
        /// The item's handles.
        item: ItemKey,
        /// Events between the command and its reply.
        crossed: u64,
    },
    /// RemoveItem.
    Remove(ItemKey),
    /// Advise.
    Advise(ItemKey),
    /// UnAdvise.
    Unadvise(ItemKey),
}

/// One thing that happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transition {
    /// A step towards Ready.
    Advance(SessionState),
    /// The worker is ready.
    Ready,
    /// The worker sends events.
    Publish(Vec<Spec>),
    /// The worker sends an event so many sequences before the newest, which it must not.
    PublishOld(u64),
    /// The worker lost so many events.
    Lose(u64),
    /// The worker lost everything up to so many before the end of all numbers.
    LoseUntilEnd(u64),
    /// Somebody subscribes.
    Subscribe(Name, Wish),
    /// A subscriber reads.
    Read(Name, ReadBudget),
    /// A subscriber goes on at so many of the newest events.
    PassOver(Name, u64),
    /// A subscriber leaves, perhaps for the second time.
    Unsubscribe(Name),
    /// So many milliseconds pass.
    Pass(u64),
    /// The sweep comes by; when it says that the session is to be closed, it is.
    Sweep,
    /// A command is carried out.
    Use,
    /// The worker fails.
    Fail,
    /// Somebody closes the session.
    BeginClose(CloseReason),
    /// The worker is gone.
    Closed,
    /// The session is put with the ended ones.
    Retire,
    /// Items change.
    Change(Change),
}
