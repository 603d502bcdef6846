//! One page's way through a session's events.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use mxgateway_dashboard::backend::{Feed, FeedItem, Missing, Position};
use mxgateway_session::StreamElement;
use mxgateway_session::core::distributor::ReplayGapReason;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use super::chunk::Chunk;

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Reader {
    /// What is to be told before anything else.
    waiting: VecDeque<FeedItem>,
    /// Up to here everything was told.
    position: Position,
    /// `None` when nothing more will come.
    live: Option<broadcast::Receiver<Arc<Chunk>>>,
    bookmark_interval: Duration,
}

impl Reader {
    /// Begins with `first`, and goes on with what is live.
    pub(super) fn new(
        start: FeedItem,
        first: &Chunk,
        live: broadcast::Receiver<Arc<Chunk>>,
        bookmark_interval: Duration,
    ) -> Self {
        let epoch = match &start {
            FeedItem::Start { position, .. } => position.epoch,
            FeedItem::Events(_) | FeedItem::Missing(_) | FeedItem::Bookmark(_) | FeedItem::End { .. } => 0,
        };
        let mut reader = Self {
            waiting: VecDeque::from([start]),
            position: Position { epoch, sequence: first.after },
            live: Some(live),
            bookmark_interval,
        };
        reader.take(first);
        reader
    }

    /// Of a session that has ended: says so.
    pub(super) fn ended(position: Position, reason: String) -> Self {
        let start = FeedItem::Start { position, oldest_retained: 0, missing: None };
        let waiting = VecDeque::from([start, FeedItem::End { reason }]);
        Self { waiting, position, live: None, bookmark_interval: Duration::MAX }
    }

    fn take(&mut self, chunk: &Chunk) {
        self.waiting.extend(chunk.told_after(self.position.sequence));
        self.position.sequence = self.position.sequence.max(chunk.to);
        if chunk.end.is_some() {
            self.live = None;
        }
    }
}

#[async_trait]
impl Feed for Reader {
    async fn next(&mut self) -> Option<FeedItem> {
        loop {
            if let Some(item) = self.waiting.pop_front() {
                return Some(item);
            }
            let live = self.live.as_mut()?;
            match tokio::time::timeout(self.bookmark_interval, live.recv()).await {
                Ok(Ok(chunk)) => self.take(&chunk),
                // The next one says what is missing.
                Ok(Err(RecvError::Lagged(_))) => {}
                Ok(Err(RecvError::Closed)) => self.live = None,
                Err(_) => return Some(FeedItem::Bookmark(self.position)),
            }
        }
    }
}

/// Where a stream begins, from what its reader was told first; with what is missing when it was to go on somewhere.
pub(super) fn start<E>(told: Option<StreamElement<E>>, goes_on: bool) -> FeedItem {
    let Some(StreamElement::Start(start)) = told else {
        return FeedItem::Start {
            position: Position { epoch: 0, sequence: 0 },
            oldest_retained: 0,
            missing: None,
        };
    };
    let missing = start.gap.filter(|_| goes_on).map(|gap| Missing {
        from: start.after.sequence.saturating_sub(gap.lost) + 1,
        to: start.after.sequence,
        count: gap.lost,
        reason: match gap.reason {
            ReplayGapReason::Evicted => "evicted",
            ReplayGapReason::EpochChanged | ReplayGapReason::FutureSequence => "epoch_changed",
        }
        .to_owned(),
    });
    FeedItem::Start {
        position: Position { epoch: start.after.epoch, sequence: start.after.sequence },
        oldest_retained: start.retained.map_or(0, |(oldest, _)| oldest),
        missing,
    }
}
