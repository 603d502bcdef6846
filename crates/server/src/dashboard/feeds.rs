//! Events of sessions, for pages.
//!
//! Each session has one reader of the gateway's own from the moment it is ready, whether somebody looks or not. Four
//! times a second it hands what came to all who look, in one piece; of more than a page can show, only the newest. Who
//! comes first reads what it asks for from the ring, and then joins the others. Nobody here is waited for: what
//! somebody does not take is told as missing.

mod chunk;
mod reader;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use mxgateway_dashboard::backend::{BackendError, Feed, FeedItem, Position};
use mxgateway_dashboard::model::EventBatch;
use mxgateway_session::{
    Session, SessionId, SessionManager, StreamElement, Subscription, WorkerLauncher, WorkerPort,
};
use mxgateway_session_core::distributor::{Gap, GapCause, SlowReader, SubscribeOptions, SubscriberKind};
use mxgateway_session_core::event::{self, Event};
use mxgateway_session_core::lifecycle::SessionState;
use mxgateway_session_core::session::{AttachError, EndReason};
use parking_lot::Mutex;
use tokio::sync::broadcast;
use tokio::time::MissedTickBehavior;

use super::event_views;
use chunk::{Chunk, missing};
use reader::Reader;

/// How often what came is handed on.
const EVERY: Duration = Duration::from_millis(250);
/// Events of a session that are handed on at a time; of more, the newest. Fewer than a session's page shows, so that a
/// gap before them can be seen.
const MOST_AT_ONCE: u64 = 40;
/// Events that somebody gets who asks for no position.
const LAST_FEW: u64 = 50;
/// Events that somebody gets at most who comes back.
const MOST_REPLAYED: u64 = 500;
/// Pieces that wait for somebody who does not take them: four seconds.
const WAITING: usize = 16;

/// The readers of the gateway's own.
type Readers = HashMap<SessionId, Subscription>;

/// See the module's documentation; clones are the same.
pub(super) struct Feeds<L: WorkerLauncher>(Arc<Inner<L>>);

struct Inner<L: WorkerLauncher> {
    sessions: Arc<SessionManager<L>>,
    show_values: bool,
    bookmark_interval: Duration,
    live: Mutex<HashMap<SessionId, broadcast::Sender<Arc<Chunk>>>>,
}

impl<L: WorkerLauncher> Clone for Feeds<L> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<L: WorkerLauncher> fmt::Debug for Feeds<L> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Feeds").finish_non_exhaustive()
    }
}

impl<L: WorkerLauncher> Feeds<L> {
    pub(super) fn new(
        sessions: Arc<SessionManager<L>>,
        show_values: bool,
        bookmark_interval: Duration,
    ) -> Self {
        Self(Arc::new(Inner { sessions, show_values, bookmark_interval, live: Mutex::default() }))
    }

    /// Reads every session's events; never returns.
    pub(super) async fn run(&self) {
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut readers = Readers::default();
        loop {
            ticks.tick().await;
            self.look(&mut readers);
        }
    }

    /// Hands on what came of every session.
    fn look(&self, readers: &mut Readers) {
        for session in self.0.sessions.list() {
            if !readers.contains_key(&session.id()) {
                // Not before it is ready, and not after its end.
                readers.extend(subscribe(&session, 0).ok().map(|reader| (session.id(), reader)));
            }
        }
        readers.retain(|id, reader| self.hand_on(*id, reader));
        self.0.live.lock().retain(|id, sender| readers.contains_key(id) || sender.receiver_count() > 0);
    }

    /// Hands on what came of one session; false after its end.
    fn hand_on(&self, id: SessionId, reader: &mut Subscription) -> bool {
        let Some(session) = self.0.sessions.get(id) else { return false };
        let sender = self.0.live.lock().get(&id).cloned();
        let watched = sender.as_ref().is_some_and(|sender| sender.receiver_count() > 0);
        let chunk = self.read(&session, reader, if watched { MOST_AT_ONCE } else { 0 });
        let goes_on = chunk.end.is_none();
        let is_news = chunk.to > chunk.after || chunk.end.is_some();
        if let Some(sender) = sender.filter(|_| is_news) {
            // Nobody may be there to get it.
            sender.send(Arc::new(chunk)).ok();
        }
        goes_on
    }

    /// What comes next for a reader, up to now: the newest `most` events, and what is missing before them.
    fn read(&self, session: &Session<L::Port>, reader: &mut Subscription, most: u64) -> Chunk {
        let after = reader.position().sequence;
        let mut items = Vec::new();
        items.extend(
            reader.pass_over(most).map(|gap| FeedItem::Missing(missing(gap.from, gap.to, "skipped"))),
        );
        let mut end = None;
        // What came meanwhile is for the next time.
        let until = session.newest().sequence;
        while let Some(element) = reader.next_now::<Vec<Event>>() {
            match element {
                StreamElement::Start(_) | StreamElement::Bookmark(_) => {}
                StreamElement::Retained(events) | StreamElement::Events(events) => {
                    items.push(self.events(session, &events));
                }
                StreamElement::Gap(gap) => {
                    items.push(FeedItem::Missing(missing(gap.from, gap.to, cause(gap))));
                }
                StreamElement::End { reason, .. } => end = Some(why(reason)),
            }
            if end.is_none() && reader.position().sequence > until {
                break;
            }
        }
        Chunk { after, to: reader.position().sequence, items, end }
    }

    fn events(&self, session: &Session<L::Port>, events: &[Event]) -> FeedItem {
        let keys: Vec<_> = events.iter().map(|event| event.item).collect();
        let items = session.items(&keys);
        let views = events
            .iter()
            .zip(&items)
            .map(|(event, item)| event_views::view(event, item.as_ref(), self.0.show_values));
        FeedItem::Events(Arc::new(EventBatch::new(views.collect())))
    }

    /// A session's events, from a position on or from the last few.
    pub(super) fn feed(
        &self,
        session: &Session<L::Port>,
        from: Option<Position>,
    ) -> Result<Box<dyn Feed>, BackendError> {
        let begun = match from {
            Some(Position { epoch, sequence }) => {
                subscribe_from(session, event::Position { epoch, sequence })
            }
            None => subscribe(session, session.newest().sequence.saturating_sub(LAST_FEW)),
        };
        let Ok(mut subscription) = begun else { return not_live(session) };
        // Before reading, so that nothing comes between.
        let live = {
            let mut live = self.0.live.lock();
            let sender = live.entry(session.id()).or_insert_with(|| broadcast::channel(WAITING).0);
            sender.subscribe()
        };
        let most = if from.is_some() { MOST_REPLAYED } else { LAST_FEW };
        let first = self.read(session, &mut subscription, most);
        let missing = from.and_then(|_| subscription.start().gap);
        Ok(Box::new(Reader::new(subscription.start(), missing, &first, live, self.0.bookmark_interval)))
    }
}

/// What there is of a session that takes no readers.
fn not_live<P: WorkerPort>(session: &Session<P>) -> Result<Box<dyn Feed>, BackendError> {
    let status = session.status();
    match status.state {
        SessionState::Closing | SessionState::Closed | SessionState::Faulted => {
            Ok(Box::new(Reader::ended(session.newest(), status.reason())))
        }
        SessionState::Creating
        | SessionState::Starting
        | SessionState::Handshaking
        | SessionState::Ready
        | SessionState::Recovering => {
            Err(BackendError::Unavailable(format!("the session is {}; it has no events yet", status.state)))
        }
    }
}

fn subscribe<P: WorkerPort>(session: &Session<P>, after: u64) -> Result<Subscription, AttachError> {
    subscribe_from(session, event::Position { sequence: after, ..session.newest() })
}

/// For a reader of the gateway's own: nothing is kept for it, and it goes on with what there is.
fn subscribe_from<P: WorkerPort>(
    session: &Session<P>,
    resume: event::Position,
) -> Result<Subscription, AttachError> {
    session.subscribe(SubscribeOptions {
        kind: SubscriberKind::Internal,
        resume: Some(resume),
        slow_reader: SlowReader::GapAndContinue,
        ..SubscribeOptions::live()
    })
}

fn cause(gap: Gap) -> &'static str {
    match gap.cause {
        GapCause::SourceLoss => "journal_overflow",
        GapCause::SlowReader | GapCause::Conflated => "skipped",
    }
}

fn why(reason: EndReason) -> String {
    match reason {
        EndReason::Closed(reason) => reason.to_string(),
        EndReason::Faulted(fault) => fault.to_string(),
        // Only of those that are cut, and readers here never are.
        EndReason::SlowReader => "slow-reader".to_owned(),
    }
}
