//! One page's way through a session's events.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use mxgateway_dashboard::backend::{Feed, FeedItem, Missing, Position};
use mxgateway_session_core::distributor::{ReplayGap, ReplayGapReason, Start};
use mxgateway_session_core::event;
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
    /// Begins at `start`, with what is `missing` before it, and with `first`; goes on with what is live.
    pub(super) fn new(
        start: Start,
        missing: Option<ReplayGap>,
        first: &Chunk,
        live: broadcast::Receiver<Arc<Chunk>>,
        bookmark_interval: Duration,
    ) -> Self {
        let oldest = start.retained.map_or(0, |(oldest, _)| oldest);
        let missing = missing.map(|gap| lost(gap, start.after.sequence));
        let mut reader = Self::at(start.after, oldest, missing, bookmark_interval);
        reader.live = Some(live);
        reader.take(first);
        reader
    }

    /// Of a session that has ended: says so.
    pub(super) fn ended(newest: event::Position, reason: String) -> Self {
        let mut reader = Self::at(newest, 0, None, Duration::MAX);
        reader.waiting.push_back(FeedItem::End { reason });
        reader
    }

    fn at(
        after: event::Position,
        oldest_retained: u64,
        missing: Option<Missing>,
        bookmark_interval: Duration,
    ) -> Self {
        let position = Position { epoch: after.epoch, sequence: after.sequence };
        let start = FeedItem::Start { position, oldest_retained, missing };
        Self { waiting: VecDeque::from([start]), position, live: None, bookmark_interval }
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

/// What was lost before a stream that begins after this sequence.
fn lost(gap: ReplayGap, after: u64) -> Missing {
    let reason = match gap.reason {
        ReplayGapReason::Evicted => "evicted",
        ReplayGapReason::EpochChanged | ReplayGapReason::FutureSequence => "epoch_changed",
    };
    Missing {
        from: after.saturating_sub(gap.lost) + 1,
        to: after,
        count: gap.lost,
        reason: reason.to_owned(),
    }
}
