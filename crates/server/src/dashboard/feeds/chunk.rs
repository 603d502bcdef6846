//! What came of a session between two looks, shared by all who look at it. Pure.

use std::sync::Arc;

use mxgateway_dashboard::backend::{FeedItem, Missing};
use mxgateway_dashboard::model::{EventBatch, EventView};

/// What came between two positions of a session's stream.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Chunk {
    /// It follows after this sequence.
    pub(super) after: u64,
    /// It reaches up to this one.
    pub(super) to: u64,
    /// Events and holes, in order.
    pub(super) items: Vec<FeedItem>,
    /// Why nothing more comes.
    pub(super) end: Option<String>,
}

impl Chunk {
    /// What somebody who has everything up to `position` is still to get of it, with a word about what passed between.
    pub(super) fn told_after(&self, position: u64) -> Vec<FeedItem> {
        let mut told = Vec::new();
        if position < self.after {
            told.push(FeedItem::Missing(missing(position + 1, self.after, "skipped")));
        }
        told.extend(self.items.iter().filter_map(|item| rest(item, position)));
        told.extend(self.end.clone().map(|reason| FeedItem::End { reason }));
        told
    }
}

/// A hole from one sequence to another.
pub(super) fn missing(from: u64, to: u64, reason: &str) -> Missing {
    Missing { from, to, count: (to - from).saturating_add(1), reason: reason.to_owned() }
}

/// What is after the position; the same piece of memory where that is all of it.
fn rest(item: &FeedItem, position: u64) -> Option<FeedItem> {
    match item {
        FeedItem::Events(batch) if first(batch).is_some_and(|sequence| sequence > position) => {
            Some(item.clone())
        }
        FeedItem::Events(batch) => {
            let later: Vec<EventView> =
                batch.events.iter().filter(|event| event.sequence > position).cloned().collect();
            (!later.is_empty()).then(|| FeedItem::Events(Arc::new(EventBatch::new(later))))
        }
        FeedItem::Missing(hole) if hole.to <= position => None,
        FeedItem::Missing(hole) if hole.from <= position => {
            Some(FeedItem::Missing(missing(position + 1, hole.to, &hole.reason)))
        }
        FeedItem::Missing(_) | FeedItem::Start { .. } | FeedItem::Bookmark(_) | FeedItem::End { .. } => {
            Some(item.clone())
        }
    }
}

fn first(batch: &EventBatch) -> Option<u64> {
    batch.events.first().map(|event| event.sequence)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn batch(sequences: impl IntoIterator<Item = u64>) -> FeedItem {
        let event = |sequence| EventView {
            sequence,
            family: "data_change".to_owned(),
            server_handle: 1,
            item_handle: 1,
            item: None,
            received_at: Timestamp::UNIX_EPOCH,
            quality: Some(192),
            value: None,
        };
        FeedItem::Events(Arc::new(EventBatch::new(sequences.into_iter().map(event).collect())))
    }

    fn hole(from: u64, to: u64, reason: &str) -> FeedItem {
        FeedItem::Missing(missing(from, to, reason))
    }

    fn chunk() -> Chunk {
        let items = vec![batch(11..=13), hole(14, 16, "journal_overflow"), batch(17..=18)];
        Chunk { after: 10, to: 18, items, end: None }
    }

    #[test]
    fn each_gets_what_it_does_not_have_yet_and_hears_of_what_passed_between() {
        assert_eq!(chunk().told_after(10), chunk().items);
        assert_eq!(chunk().told_after(12), [batch([13]), hole(14, 16, "journal_overflow"), batch(17..=18)]);
        assert_eq!(chunk().told_after(15), [hole(16, 16, "journal_overflow"), batch(17..=18)]);
        assert_eq!(chunk().told_after(18), []);
        assert_eq!(chunk().told_after(7).first(), Some(&hole(8, 10, "skipped")));
        assert_eq!(chunk().told_after(7).len(), 4);
    }

    #[test]
    fn those_who_have_nothing_of_it_share_one_piece_of_memory() {
        let chunk = chunk();
        let (FeedItem::Events(one), FeedItem::Events(other)) =
            (&chunk.told_after(10)[0], &chunk.told_after(3)[1])
        else {
            panic!("no events")
        };
        assert!(Arc::ptr_eq(one, other));
    }

    #[test]
    fn the_end_comes_last_also_for_those_who_have_everything() {
        let chunk = Chunk { end: Some("client-close".to_owned()), ..chunk() };
        assert_eq!(chunk.told_after(18), [FeedItem::End { reason: "client-close".to_owned() }]);
    }
}
