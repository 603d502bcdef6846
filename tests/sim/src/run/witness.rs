//! A second real session that has the same events and commands but only one of the subscribers: what that one
//! gets must be the same in both.

use std::time::Instant;

use mxgateway_session_core::distributor::{Gap, Start, SubscribeOptions, SubscriberId, SubscriberKind};
use mxgateway_session_core::event::{Event, Position};
use mxgateway_session_core::ring::ReadBudget;
use mxgateway_session_core::session::{Next, SessionCore, SessionSettings};

use crate::promises::{Broken, Promise, check};
use crate::transition::Name;

pub(super) struct Witness {
    pub(super) core: SessionCore,
    alone: Option<(Name, SubscriberId)>,
}

impl Witness {
    pub(super) fn new(settings: SessionSettings, now: Instant) -> Self {
        Self { core: SessionCore::new(settings, now), alone: None }
    }

    /// Takes the subscriber when the place is free and it is a client's: what is kept for clients is there for the
    /// gateway's own readers, too, and so these get more when clients are about.
    pub(super) fn subscribe(
        &mut self,
        name: Name,
        options: &SubscribeOptions,
        start: &Start,
        now: Instant,
    ) -> Result<(), Broken> {
        if self.alone.is_some() || options.kind == SubscriberKind::Internal {
            // Whoever comes makes the session look at the clock, as the sweep does; what is too old goes then.
            self.core.sweep(now);
            return Ok(());
        }
        let subscribed = self.core.subscribe(options.clone(), now);
        let alone = subscribed.as_ref().map(|(_, start)| start);
        check(Promise::Isolated, alone == Ok(start), || {
            format!("the stream starts with {start:?}, and with nobody else there with {alone:?}")
        })?;
        self.alone = subscribed.ok().map(|(id, _)| (name, id));
        Ok(())
    }

    pub(super) fn read(
        &mut self,
        name: Name,
        budget: ReadBudget,
        next: &Next,
        events: &[Event],
        position: Position,
    ) -> Result<(), Broken> {
        let Some((_, id)) = self.alone.filter(|(alone, _)| *alone == name) else { return Ok(()) };
        let mut others = Vec::new();
        let other = self.core.read(id, budget, &mut others);
        let stands = self.core.position(id);
        check(Promise::Isolated, (next, events, position) == (&other, &others, stands), || {
            format!(
                "{next:?} {:?} and then {position:?}; with nobody else there {other:?} {:?} and then {stands:?}",
                numbers(events),
                numbers(&others)
            )
        })
    }

    pub(super) fn pass_over(
        &mut self,
        name: Name,
        keep: u64,
        gap: Option<Gap>,
        position: Position,
    ) -> Result<(), Broken> {
        let Some((_, id)) = self.alone.filter(|(alone, _)| *alone == name) else { return Ok(()) };
        let (other, stands) = (self.core.pass_over(id, keep), self.core.position(id));
        check(Promise::Isolated, (gap, position) == (other, stands), || {
            format!("{gap:?} and then {position:?}; with nobody else there {other:?} and then {stands:?}")
        })
    }

    pub(super) fn unsubscribe(&mut self, name: Name, now: Instant) {
        if let Some((_, id)) = self.alone.take_if(|(alone, _)| *alone == name) {
            self.core.unsubscribe(id, now);
        }
    }
}

pub(super) fn numbers(events: &[Event]) -> Vec<u64> {
    events.iter().map(|event| event.sequence).collect()
}
