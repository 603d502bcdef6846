//! One session: state machine, lease, event stream and items under one roof, so that whoever holds it can
//! decide everything about the session in one step.

use std::collections::BTreeSet;
use std::time::Instant;

use crate::distributor::{
    Delivery, Distributor, DistributorSettings, Gap, Overflow, Start, SubscribeError, SubscribeOptions,
    SubscriberId, SubscriberKind,
};
use crate::event::{Event, EventTaker, Position};
use crate::items::{AdviseState, ChangeTicket, ItemChange, Items, PendingChange};
use crate::lease::{Lease, LeaseSettings};
use crate::lifecycle::{BeginClose, CloseReason, Fault, IllegalTransition, Lifecycle, SessionState};
use crate::ring::{OutOfOrder, ReadBudget};

/// Settings of a [`SessionCore`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionSettings {
    /// How long it lives without its client.
    pub lease: LeaseSettings,
    /// How its events are kept and handed out.
    pub events: DistributorSettings,
}

/// Why a session does not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotUsable {
    /// Not ready yet, or not any more.
    #[error("the session is {0}")]
    State(SessionState),
    /// Its worker failed.
    #[error("the session is faulted: {0}")]
    Faulted(Fault),
}

/// Why a subscriber was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AttachError {
    /// The session is in no state for it.
    #[error(transparent)]
    NotUsable(#[from] NotUsable),
    /// The rules for subscribers forbid it.
    #[error(transparent)]
    Refused(#[from] SubscribeError),
}

/// What a stream is told when nothing more will come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// The session was closed.
    Closed(CloseReason),
    /// The session failed.
    Faulted(Fault),
    /// The subscriber was too slow.
    SlowReader,
}

/// What comes next for a subscriber.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Events, a loss, or nothing new.
    Delivery(Delivery),
    /// The stream ends, everything before was handed out.
    End {
        /// Why.
        reason: EndReason,
        /// Where to resume.
        last: Position,
    },
}

/// See the module's documentation.
#[derive(Debug)]
pub struct SessionCore {
    lifecycle: Lifecycle,
    lease: Lease,
    distributor: Distributor,
    items: Items,
    /// External subscribers that hold the lease: attached and not cut.
    holders: BTreeSet<SubscriberId>,
    last_activity: Instant,
}

impl SessionCore {
    /// A session in state Creating.
    pub fn new(settings: SessionSettings, now: Instant) -> Self {
        Self {
            lifecycle: Lifecycle::default(),
            lease: Lease::new(settings.lease, now),
            distributor: Distributor::new(settings.events, 0),
            items: Items::default(),
            holders: BTreeSet::new(),
            last_activity: now,
        }
    }

    /// A session of an earlier gateway, in state Recovering. Its worker numbers its events in this epoch.
    pub fn recovering(settings: SessionSettings, epoch: u64, now: Instant) -> Self {
        let distributor = Distributor::new(settings.events, epoch);
        Self { lifecycle: Lifecycle::recovering(), distributor, ..Self::new(settings, now) }
    }

    /// The state machine, to look at.
    pub fn lifecycle(&self) -> &Lifecycle {
        &self.lifecycle
    }

    /// The event stream, to look at.
    pub fn distributor(&self) -> &Distributor {
        &self.distributor
    }

    /// What is registered, added and advised.
    pub fn items(&self) -> &Items {
        &self.items
    }

    /// Takes over what a successful command changed.
    pub fn apply(&mut self, change: ItemChange) {
        self.apply_until(change, 0);
    }

    /// `raised` is of the newest event that the worker had raised by then, which may not be here yet.
    fn apply_until(&mut self, change: ItemChange, raised: u64) {
        match &change {
            ItemChange::Unregistered(server) => self.distributor.forget_values_of(*server),
            ItemChange::Removed(key) | ItemChange::Advised(key, AdviseState::None) => {
                let key = *key;
                self.distributor.forget_values(key);
                // What the ring still has must not come back in a snapshot when the item is advised again.
                self.items.outdate(key, self.distributor.newest().sequence);
            }
            ItemChange::Registered(_)
            | ItemChange::Added(..)
            | ItemChange::Advised(_, AdviseState::Advised | AdviseState::Supervisory) => {}
        }
        self.items.apply(change, self.distributor.newest().sequence.max(raised));
    }

    /// A command is about to be sent that may change items; [`Self::end_change`] must follow.
    pub fn begin_change(&mut self, change: PendingChange) -> ChangeTicket {
        self.items.begin(change, self.distributor.newest().sequence)
    }

    /// Takes over what a command changed, if anything. `raised` is the sequence of the newest event that the
    /// worker had raised by then: such events may still be on their way, the last of a removed item among them.
    pub fn end_change(
        &mut self,
        ticket: ChangeTicket,
        changes: impl IntoIterator<Item = ItemChange>,
        raised: u64,
    ) {
        for change in changes {
            self.apply_until(change, raised);
        }
        self.items.end(ticket);
    }

    /// When something was last done with the session.
    pub fn last_activity(&self) -> Instant {
        self.last_activity
    }

    /// One step of the way up; see [`Lifecycle::advance`].
    pub fn advance(&mut self, to: SessionState) -> Result<(), IllegalTransition> {
        self.lifecycle.advance(to)
    }

    /// The worker is ready and numbers its events in this epoch.
    pub fn ready(&mut self, epoch: u64, now: Instant) -> Result<(), IllegalTransition> {
        self.lifecycle.advance(SessionState::Ready)?;
        self.distributor.set_epoch(epoch);
        self.touch(now);
        Ok(())
    }

    /// What the worker still has of its events comes after this sequence. Only before the first event.
    pub fn begin_after(&mut self, sequence: u64, now: Instant) -> Result<(), OutOfOrder> {
        // As a loss it is what it is for whoever asks for something before: gone, and counted.
        self.distributor.publish_loss(sequence, now).map(drop)
    }

    /// The worker was taken over, and what it had to say is in.
    pub fn adopted(&mut self, now: Instant) -> Result<(), IllegalTransition> {
        self.lifecycle.advance(SessionState::Handshaking)?;
        self.lifecycle.advance(SessionState::Ready)?;
        self.touch(now);
        Ok(())
    }

    /// Whether commands and streams may come; counts as activity.
    pub fn use_now(&mut self, now: Instant) -> Result<(), NotUsable> {
        self.usable()?;
        self.touch(now);
        Ok(())
    }

    /// Takes events from the worker. A fault that follows from it is applied and returned.
    pub fn publish(&mut self, events: impl IntoIterator<Item = Event>, now: Instant) -> Option<Fault> {
        let published = self.distributor.publish(events, now);
        self.overflow(published, now)
    }

    /// The worker lost everything up to `to`.
    pub fn publish_loss(&mut self, to: u64, now: Instant) -> Option<Fault> {
        let published = self.distributor.publish_loss(to, now);
        self.overflow(published, now)
    }

    /// Adds a subscriber.
    pub fn subscribe(
        &mut self,
        options: SubscribeOptions,
        now: Instant,
    ) -> Result<(SubscriberId, Start), AttachError> {
        self.usable()?;
        let external = options.kind == SubscriberKind::External;
        let subscribed = self.distributor.subscribe(options, &self.items, now)?;
        if external {
            self.touch(now);
            self.lease.attach(now);
            self.holders.insert(subscribed.0);
        }
        Ok(subscribed)
    }

    /// Removes a subscriber. Safe to repeat.
    pub fn unsubscribe(&mut self, id: SubscriberId, now: Instant) {
        self.distributor.unsubscribe(id);
        if self.holders.remove(&id) {
            self.lease.detach(now);
        }
    }

    /// Hands a subscriber what comes next. An ended session first hands out what it still has.
    pub fn read(&mut self, id: SubscriberId, budget: ReadBudget, out: &mut impl EventTaker) -> Next {
        let last = self.distributor.position(id).unwrap_or_else(|| self.distributor.newest());
        match self.distributor.read(id, &self.items, budget, out) {
            Delivery::Cut => Next::End { reason: EndReason::SlowReader, last },
            nothing @ (Delivery::UpToDate | Delivery::Unknown) => match self.end_reason() {
                Some(reason) => Next::End { reason, last },
                None => Next::Delivery(nothing),
            },
            something @ (Delivery::Retained | Delivery::Events | Delivery::Gap(_) | Delivery::Filtered) => {
                Next::Delivery(something)
            }
        }
    }

    /// Moves a subscriber on to the newest `keep` events; see [`Distributor::pass_over`].
    pub fn pass_over(&mut self, id: SubscriberId, keep: u64) -> Option<Gap> {
        self.distributor.pass_over(id, keep)
    }

    /// Last position handed to a subscriber.
    pub fn position(&self, id: SubscriberId) -> Position {
        self.distributor.position(id).unwrap_or_else(|| self.distributor.newest())
    }

    /// Lets go what is too old and says whether the session is to be closed, and why.
    pub fn sweep(&mut self, now: Instant) -> Option<CloseReason> {
        self.distributor.sweep(now);
        self.items.forget_former(self.distributor.ring().released());
        match self.lifecycle.state() {
            SessionState::Ready | SessionState::Recovering | SessionState::Faulted => self.lease.expired(now),
            SessionState::Creating
            | SessionState::Starting
            | SessionState::Handshaking
            | SessionState::Closing
            | SessionState::Closed => None,
        }
    }

    /// The worker failed. True when that is news.
    pub fn fail(&mut self, fault: Fault) -> bool {
        self.lifecycle.fail(fault)
    }

    /// Asks for the end; see [`Lifecycle::begin_close`].
    pub fn begin_close(&mut self, reason: CloseReason) -> BeginClose {
        self.lifecycle.begin_close(reason)
    }

    /// Lets the memory of an ended session go, but for what attached subscribers still have to read.
    pub fn retire(&mut self) {
        self.distributor.retire();
    }

    /// The worker is gone.
    pub fn closed(&mut self) -> Result<(), IllegalTransition> {
        self.lifecycle.closed()
    }

    fn touch(&mut self, now: Instant) {
        self.last_activity = self.last_activity.max(now);
        self.lease.touch(now);
    }

    fn usable(&self) -> Result<(), NotUsable> {
        match (self.lifecycle.state(), self.lifecycle.fault()) {
            (SessionState::Ready, _) => Ok(()),
            (SessionState::Faulted, Some(fault)) => Err(NotUsable::Faulted(fault.clone())),
            (state, _) => Err(NotUsable::State(state)),
        }
    }

    fn end_reason(&self) -> Option<EndReason> {
        match self.lifecycle.state() {
            SessionState::Faulted => self.lifecycle.fault().cloned().map(EndReason::Faulted),
            // While closing the worker may still have something to say.
            SessionState::Closed => Some(match (self.lifecycle.fault(), self.lifecycle.close_reason()) {
                (Some(fault), _) => EndReason::Faulted(fault.clone()),
                (None, reason) => EndReason::Closed(reason.unwrap_or(CloseReason::ClientClose)),
            }),
            SessionState::Creating
            | SessionState::Starting
            | SessionState::Handshaking
            | SessionState::Ready
            | SessionState::Recovering
            | SessionState::Closing => None,
        }
    }

    fn overflow(&mut self, published: Result<Overflow, OutOfOrder>, now: Instant) -> Option<Fault> {
        let fault = match published {
            Err(error) => Fault::Protocol(error.to_string()),
            Ok(overflow) => {
                if overflow.cut > 0 {
                    self.let_cut_subscribers_go(now);
                }
                if !overflow.fault_session {
                    return None;
                }
                Fault::SlowSubscriber { limit: self.distributor.lag_limit() }
            }
        };
        self.lifecycle.fail(fault.clone()).then_some(fault)
    }

    /// A subscriber that does not read may never come to take notice of its end; it must not hold the
    /// session until then.
    fn let_cut_subscribers_go(&mut self, now: Instant) {
        let attached: BTreeSet<SubscriberId> =
            self.distributor.subscribers().map(|status| status.id).collect();
        let before = self.holders.len();
        self.holders.retain(|id| attached.contains(id));
        for _ in self.holders.len()..before {
            self.lease.detach(now);
        }
    }
}

#[cfg(test)]
mod tests;
