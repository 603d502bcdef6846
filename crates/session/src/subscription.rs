//! A subscriber's end of an event stream.

use std::sync::Arc;
use std::time::{Duration, Instant};

use mxgateway_session_core::distributor::{Delivery, Gap, Start, SubscriberId};
use mxgateway_session_core::event::{Event, EventTaker, Position};
use mxgateway_session_core::ring::ReadBudget;
use mxgateway_session_core::session::{EndReason, Next};

use crate::shared::Shared;

/// One read takes at most this much, so that a long replay does not keep the session's lock.
const BUDGET: ReadBudget = ReadBudget { events: 512, bytes: 32 << 10 };

/// What a subscriber is told, in order, with events as it wants to have them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamElement<E = Vec<Event>> {
    /// Always first.
    Start(Start),
    /// Part of the snapshot: the last event of advised items, before everything else.
    Retained(E),
    /// Consecutive events (those the filter lets through).
    Events(E),
    /// Events are missing.
    Gap(Gap),
    /// Nothing came for a while; everything up to here was handed out or filtered.
    Bookmark(Position),
    /// Always last.
    End {
        /// Why.
        reason: EndReason,
        /// Where to resume.
        last: Position,
    },
}

/// Reads a session's events. Dropping it ends the subscription.
#[derive(Debug)]
pub struct Subscription {
    shared: Arc<Shared>,
    id: SubscriberId,
    start: Start,
    is_start_told: bool,
    bookmark_interval: Duration,
    last_element: tokio::time::Instant,
    ended: bool,
}

impl Subscription {
    pub(crate) fn new(
        shared: Arc<Shared>,
        id: SubscriberId,
        start: Start,
        bookmark_interval: Duration,
    ) -> Self {
        Self {
            shared,
            id,
            start,
            is_start_told: false,
            bookmark_interval,
            last_element: tokio::time::Instant::now(),
            ended: false,
        }
    }

    /// Its number within the session.
    pub fn id(&self) -> SubscriberId {
        self.id
    }

    /// Where it begins, whether that was told or not.
    pub fn start(&self) -> Start {
        self.start
    }

    /// The last position that was handed out.
    pub fn position(&self) -> Position {
        self.shared.core().position(self.id)
    }

    /// Waits for what comes next; `None` after the end. Cancel safe.
    pub async fn next(&mut self) -> Option<StreamElement> {
        self.next_as().await
    }

    /// The same, with events in a form of the caller's.
    pub async fn next_as<E: EventTaker + Default>(&mut self) -> Option<StreamElement<E>> {
        if self.ended {
            return None;
        }
        if let Some(start) = self.untold_start() {
            return Some(self.tell(StreamElement::Start(start)));
        }
        let shared = Arc::clone(&self.shared);
        loop {
            let news = shared.news.notified();
            tokio::pin!(news);
            // From here on no news is missed, also not what comes between the read and the wait.
            news.as_mut().enable();
            if let Some(element) = self.read() {
                return Some(self.tell(element));
            }
            let bookmark_at = self.last_element + self.bookmark_interval;
            // News that the filter passes over must not hold the bookmark up for ever.
            let is_due = tokio::time::Instant::now() >= bookmark_at;
            if is_due || tokio::time::timeout_at(bookmark_at, news).await.is_err() {
                let position = self.shared.core().position(self.id);
                return Some(self.tell(StreamElement::Bookmark(position)));
            }
        }
    }

    /// The same without waiting: `None` when there is nothing now, and after the end. Never a bookmark.
    pub fn next_now<E: EventTaker + Default>(&mut self) -> Option<StreamElement<E>> {
        if self.ended {
            return None;
        }
        let element = match self.untold_start() {
            Some(start) => StreamElement::Start(start),
            None => self.read()?,
        };
        Some(self.tell(element))
    }

    /// Goes on at the newest `keep` events and says what does not come, however much that is. `None` when it is no
    /// further behind, or is not one that goes on with gaps.
    pub fn pass_over(&mut self, keep: u64) -> Option<Gap> {
        self.shared.core().pass_over(self.id, keep)
    }

    /// Where it begins, once.
    fn untold_start(&mut self) -> Option<Start> {
        (!std::mem::replace(&mut self.is_start_told, true)).then_some(self.start)
    }

    fn read<E: EventTaker + Default>(&mut self) -> Option<StreamElement<E>> {
        let mut events = E::default();
        loop {
            let next = self.shared.core().read(self.id, BUDGET, &mut events);
            return match next {
                Next::Delivery(Delivery::Retained) => Some(StreamElement::Retained(events)),
                Next::Delivery(Delivery::Events) => Some(StreamElement::Events(events)),
                Next::Delivery(Delivery::Gap(gap)) => Some(StreamElement::Gap(gap)),
                Next::Delivery(Delivery::Filtered) => continue,
                Next::Delivery(Delivery::UpToDate | Delivery::Cut | Delivery::Unknown) => None,
                Next::End { reason, last } => {
                    self.ended = true;
                    Some(StreamElement::End { reason, last })
                }
            };
        }
    }

    fn tell<E>(&mut self, element: StreamElement<E>) -> StreamElement<E> {
        self.last_element = tokio::time::Instant::now();
        element
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.shared.core().unsubscribe(self.id, Instant::now());
    }
}
