//! What a session promises, checked from what a subscriber was told and what was ever published alone.

mod log;

use std::fmt;

use mxgateway_session_core::distributor::{ReplayGapReason, Start};
use mxgateway_session_core::event::Position;

pub use log::Log;

/// A promise by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Promise {
    /// Events come in the order of their sequences.
    Ordered,
    /// No event comes twice in a stream, nor again after a resume.
    Unique,
    /// No event is invented, and a hole is always announced with its exact size.
    Reliable,
    /// A stream continues where it was asked to, or says exactly what is missing.
    Resumable,
    /// A position (of a bookmark, of an end) covers what was told, never more and never less.
    Bookmarked,
    /// Nobody notices what other subscribers do.
    Isolated,
    /// A snapshot is the last event of each advised item.
    Snapshot,
    /// A subscriber gets what its filter selects.
    Filtered,
    /// Count, bytes, age and lag stay within their limits.
    Bounded,
    /// The session lives as long as its lease says.
    Lease,
    /// The session is in the state it should be in.
    Lifecycle,
    /// What the naive model says happens.
    Model,
    /// Nothing panics.
    Sound,
}

/// A promise that was broken, and how.
#[derive(Clone, Debug)]
pub struct Broken {
    /// Which.
    pub promise: Promise,
    /// How.
    pub how: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "promise broken: {:?}: {}", self.promise, self.how)
    }
}

/// Holds a promise to a condition.
pub fn check(promise: Promise, holds: bool, how: impl FnOnce() -> String) -> Result<(), Broken> {
    if holds { Ok(()) } else { Err(Broken { promise, how: how() }) }
}

/// Whether a stream begins where it was asked to, or says exactly what is missing. `replayable` is the oldest
/// position that a stream can be resumed from.
pub fn resumable(
    asked: Option<Position>,
    start: &Start,
    newest: Position,
    replayable: u64,
) -> Result<(), Broken> {
    let (after, gap) = (start.after.sequence, start.gap);
    let expected = match asked {
        None => (newest.sequence, None),
        Some(asked) if asked.epoch != newest.epoch => {
            (replayable, Some((ReplayGapReason::EpochChanged, replayable)))
        }
        Some(asked) if asked.sequence > newest.sequence => {
            (newest.sequence, Some((ReplayGapReason::FutureSequence, 0)))
        }
        Some(asked) if asked.sequence < replayable => {
            (replayable, Some((ReplayGapReason::Evicted, replayable - asked.sequence)))
        }
        Some(asked) => (asked.sequence, None),
    };
    check(
        Promise::Resumable,
        (after, gap.map(|gap| (gap.reason, gap.lost))) == expected && start.after.epoch == newest.epoch,
        || format!("{start:?} for {asked:?}, expected {expected:?}"),
    )?;
    check(
        Promise::Resumable,
        gap.is_none_or(|gap| {
            Some(gap.requested) == asked && gap.oldest_available == start.retained.map(|(oldest, _)| oldest)
        }),
        || format!("{start:?} for {asked:?}"),
    )
}
