//! What runs came by: a simulation that never gets to something says nothing about it.

use std::collections::BTreeMap;

use mxgateway_session_core::distributor::{
    Delivery, GapCause, ReplayGapReason, Start, SubscribeError, SubscriberId,
};
use mxgateway_session_core::session::{AttachError, EndReason, Next};

/// See the module's documentation.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Transitions carried out.
    pub steps: usize,
    /// How often something was seen.
    pub what: BTreeMap<&'static str, usize>,
}

/// Everything that is to be seen.
pub const ALL: [&str; 23] = [
    "a snapshot",
    "events",
    "a gap by loss",
    "a gap by slowness",
    "a gap by conflation",
    "a gap by passing over",
    "filtered",
    "up to date",
    "no such subscriber",
    "an end by close",
    "an end by fault",
    "an end by slowness",
    "a live start",
    "a start before anything is retained",
    "a resume without a gap",
    "a resume at the last position",
    "a replay gap by eviction",
    "a replay gap by epoch",
    "a replay gap by a future position",
    "refused: no more than one",
    "refused: no more than the limit",
    "refused: the state",
    "the last number",
];

impl Seen {
    /// Adds what another run came by.
    pub fn add(&mut self, other: &Self) {
        self.steps += other.steps;
        for (what, count) in &other.what {
            *self.what.entry(what).or_default() += count;
        }
    }

    fn saw(&mut self, what: &'static str) {
        *self.what.entry(what).or_default() += 1;
    }

    pub(super) fn subscribe(&mut self, subscribed: &Result<(SubscriberId, Start), AttachError>) {
        self.saw(match subscribed {
            Err(AttachError::NotUsable(_)) => "refused: the state",
            Err(AttachError::Refused(SubscribeError::AlreadyActive)) => "refused: no more than one",
            Err(AttachError::Refused(SubscribeError::LimitReached { .. })) => {
                "refused: no more than the limit"
            }
            Ok((_, start)) => match (start.gap, start.retained) {
                (Some(gap), _) => match gap.reason {
                    ReplayGapReason::Evicted => "a replay gap by eviction",
                    ReplayGapReason::EpochChanged => "a replay gap by epoch",
                    ReplayGapReason::FutureSequence => "a replay gap by a future position",
                },
                (None, None) => "a start before anything is retained",
                (None, Some((oldest, _))) if start.after.sequence == oldest - 1 => {
                    "a resume at the last position"
                }
                (None, Some((_, newest))) if start.after.sequence == newest => "a live start",
                (None, Some(_)) => "a resume without a gap",
            },
        });
    }

    pub(super) fn passed_over(&mut self) {
        self.saw("a gap by passing over");
    }

    pub(super) fn read(&mut self, next: &Next, last: u64) {
        if last == u64::MAX {
            self.saw("the last number");
        }
        self.saw(match next {
            Next::Delivery(Delivery::Retained) => "a snapshot",
            Next::Delivery(Delivery::Events) => "events",
            Next::Delivery(Delivery::Gap(gap)) => match gap.cause {
                GapCause::SourceLoss => "a gap by loss",
                GapCause::SlowReader => "a gap by slowness",
                GapCause::Conflated => "a gap by conflation",
            },
            Next::Delivery(Delivery::Filtered) => "filtered",
            Next::Delivery(Delivery::UpToDate) => "up to date",
            Next::Delivery(Delivery::Unknown) => "no such subscriber",
            Next::Delivery(Delivery::Cut) | Next::End { reason: EndReason::SlowReader, .. } => {
                "an end by slowness"
            }
            Next::End { reason: EndReason::Closed(_), .. } => "an end by close",
            Next::End { reason: EndReason::Faulted(_), .. } => "an end by fault",
        });
    }
}
