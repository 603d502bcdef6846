//! Where a reader stands in an event stream, and whether what arrives may arrive there. Pure.

use mxgateway_contracts::v1::{
    Bookmark, EventGap, EventGapCause, MxEvent, SnapshotMode, StreamPosition, StreamStart,
};

/// A promise of the contract that the gateway did not keep.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolViolation {
    /// A stream began with something else than its start item, or had two of them.
    #[error("the event stream does not have exactly one start item, at its beginning")]
    MisplacedStart,
    /// The stream goes on after a hole that was not announced.
    #[error("the stream resumed after event {after} instead of {requested} without announcing a gap")]
    SilentGap {
        /// The sequence that was asked for.
        requested: u64,
        /// The sequence after which the gateway went on.
        after: u64,
    },
    /// An event came twice or out of order.
    #[error("event {sequence} came after event {last}")]
    OutOfOrder {
        /// The last sequence before it.
        last: u64,
        /// Its sequence.
        sequence: u64,
    },
    /// A gap or a bookmark that does not fit the place where it came.
    #[error("a gap or bookmark up to {sequence} came after event {last}")]
    MisplacedMark {
        /// The last sequence before it.
        last: u64,
        /// The sequence it ends with.
        sequence: u64,
    },
    /// The epoch changed within one stream.
    #[error("the epoch changed within one stream")]
    EpochChanged,
    /// A reply without the part that belongs to it.
    #[error("the reply to {call} is incomplete")]
    IncompleteReply {
        /// The RPC or command.
        call: &'static str,
    },
}

/// A reader's place in a session's events, over any number of connections.
#[derive(Debug)]
pub(crate) struct Cursor {
    position: Option<StreamPosition>,
    started: bool,
    snapshot: SnapshotMode,
    /// A snapshot may be under way: a connection that breaks now must ask for it again.
    snapshot_open: bool,
}

impl Cursor {
    /// A reader that has seen everything up to `resume`, or that wants what comes from now on.
    pub(crate) fn new(resume: Option<StreamPosition>, snapshot: SnapshotMode) -> Self {
        Self { position: resume, started: false, snapshot, snapshot_open: false }
    }

    /// Everything up to here was seen.
    pub(crate) fn position(&self) -> Option<StreamPosition> {
        self.position
    }

    /// A new connection is made; returns what to ask for.
    pub(crate) fn connect(&mut self) -> (Option<StreamPosition>, SnapshotMode) {
        self.started = false;
        (self.position, if self.snapshot_open { SnapshotMode::Always } else { self.snapshot })
    }

    pub(crate) fn start(&mut self, start: &StreamStart) -> Result<(), ProtocolViolation> {
        if self.started {
            return Err(ProtocolViolation::MisplacedStart);
        }
        if let (Some(requested), None) = (self.position, &start.replay_gap)
            && (requested.epoch != start.epoch || requested.sequence != start.after_sequence)
        {
            return Err(ProtocolViolation::SilentGap {
                requested: requested.sequence,
                after: start.after_sequence,
            });
        }
        let snapshot_comes = match self.snapshot {
            SnapshotMode::None => false,
            SnapshotMode::OnGap => start.replay_gap.is_some(),
            SnapshotMode::Always => true,
        };
        self.snapshot_open |= snapshot_comes;
        self.position = Some(StreamPosition { epoch: start.epoch, sequence: start.after_sequence });
        self.started = true;
        Ok(())
    }

    pub(crate) fn event(&mut self, event: &MxEvent) -> Result<(), ProtocolViolation> {
        let position = self.live()?;
        // A snapshot's events were numbered long ago and do not move the reader.
        if event.retained {
            return Ok(());
        }
        if event.worker_sequence <= position.sequence {
            let (last, sequence) = (position.sequence, event.worker_sequence);
            return Err(ProtocolViolation::OutOfOrder { last, sequence });
        }
        position.sequence = event.worker_sequence;
        self.snapshot_open = false;
        Ok(())
    }

    pub(crate) fn gap(&mut self, gap: &EventGap) -> Result<(), ProtocolViolation> {
        let position = self.live()?;
        let misplaced =
            ProtocolViolation::MisplacedMark { last: position.sequence, sequence: gap.to_sequence };
        if gap.to_sequence < gap.from_sequence {
            return Err(misplaced);
        }
        // A conflating stream sends some of the events of the span, before or after saying so.
        if gap.cause() == EventGapCause::Conflated {
            return Ok(());
        }
        if gap.from_sequence <= position.sequence {
            return Err(misplaced);
        }
        position.sequence = gap.to_sequence;
        self.snapshot_open = false;
        Ok(())
    }

    pub(crate) fn bookmark(&mut self, bookmark: &Bookmark) -> Result<(), ProtocolViolation> {
        let position = self.live()?;
        let Some(mark) = bookmark.position else {
            return Err(ProtocolViolation::IncompleteReply { call: "StreamEvents" });
        };
        if mark.epoch != position.epoch {
            return Err(ProtocolViolation::EpochChanged);
        }
        if mark.sequence < position.sequence {
            return Err(ProtocolViolation::MisplacedMark {
                last: position.sequence,
                sequence: mark.sequence,
            });
        }
        position.sequence = mark.sequence;
        self.snapshot_open = false;
        Ok(())
    }

    fn live(&mut self) -> Result<&mut StreamPosition, ProtocolViolation> {
        match (&mut self.position, self.started) {
            (Some(position), true) => Ok(position),
            _ => Err(ProtocolViolation::MisplacedStart),
        }
    }
}

#[cfg(test)]
mod tests {
    use mxgateway_contracts::v1::{ReplayGap, ReplayGapReason};

    use super::*;

    fn at(sequence: u64) -> StreamPosition {
        StreamPosition { epoch: 7, sequence }
    }

    fn start(epoch: u64, after_sequence: u64, gap: bool) -> StreamStart {
        let replay_gap = gap.then(|| ReplayGap { lost_count: 3, ..ReplayGap::default() });
        StreamStart { epoch, after_sequence, replay_gap, ..StreamStart::default() }
    }

    fn event(worker_sequence: u64) -> MxEvent {
        MxEvent { worker_sequence, ..MxEvent::default() }
    }

    fn gap(from_sequence: u64, to_sequence: u64, cause: EventGapCause) -> EventGap {
        EventGap { from_sequence, to_sequence, lost_count: 1, cause: cause.into() }
    }

    fn reader(after: u64) -> Cursor {
        let mut cursor = Cursor::new(Some(at(after)), SnapshotMode::None);
        cursor.start(&start(7, after, false)).unwrap();
        cursor
    }

    #[test]
    fn the_position_follows_events_gaps_and_bookmarks() {
        let mut cursor = reader(10);
        cursor.event(&event(11)).unwrap();
        cursor.event(&event(15)).unwrap();
        assert_eq!(cursor.position(), Some(at(15)));
        cursor.gap(&gap(16, 20, EventGapCause::JournalOverflow)).unwrap();
        assert_eq!(cursor.position(), Some(at(20)));
        cursor.bookmark(&Bookmark { position: Some(at(31)) }).unwrap();
        assert_eq!(cursor.connect(), (Some(at(31)), SnapshotMode::None));
    }

    #[test]
    fn an_event_twice_or_backwards_is_a_violation() {
        for sequence in [9, 10] {
            let refused = reader(10).event(&event(sequence));
            assert_eq!(refused, Err(ProtocolViolation::OutOfOrder { last: 10, sequence }));
        }
        let retained = MxEvent { retained: true, ..event(3) };
        let mut cursor = reader(10);
        cursor.event(&retained).unwrap();
        assert_eq!(cursor.position(), Some(at(10)));
    }

    #[test]
    fn a_stream_must_start_and_only_once() {
        let mut cursor = Cursor::new(None, SnapshotMode::None);
        assert_eq!(cursor.event(&event(1)), Err(ProtocolViolation::MisplacedStart));
        cursor.start(&start(7, 0, false)).unwrap();
        assert_eq!(cursor.start(&start(7, 0, false)), Err(ProtocolViolation::MisplacedStart));
        cursor.connect();
        assert_eq!(cursor.event(&event(1)), Err(ProtocolViolation::MisplacedStart));
    }

    #[test]
    fn a_resumed_stream_continues_exactly_or_says_what_is_missing() {
        // epoch, after, announced, accepted
        for (epoch, after, announced, accepted) in [
            (7, 10, false, true),
            (7, 12, false, false),
            (7, 9, false, false),
            (8, 10, false, false),
            (7, 12, true, true),
            (8, 0, true, true),
        ] {
            let mut cursor = Cursor::new(Some(at(10)), SnapshotMode::None);
            let result = cursor.start(&start(epoch, after, announced));
            assert_eq!(result.is_ok(), accepted, "epoch {epoch} after {after} announced {announced}");
            if accepted {
                assert_eq!(cursor.position(), Some(StreamPosition { epoch, sequence: after }));
            }
        }
    }

    #[test]
    fn a_gap_must_lie_ahead_and_a_bookmark_must_not_go_back() {
        let overflow = EventGapCause::JournalOverflow;
        assert!(reader(10).gap(&gap(10, 12, overflow)).is_err());
        assert!(reader(10).gap(&gap(12, 11, overflow)).is_err());
        assert!(reader(10).bookmark(&Bookmark { position: Some(at(9)) }).is_err());
        assert!(reader(10).bookmark(&Bookmark { position: None }).is_err());
        let other = StreamPosition { epoch: 8, sequence: 20 };
        assert_eq!(
            reader(10).bookmark(&Bookmark { position: Some(other) }),
            Err(ProtocolViolation::EpochChanged)
        );
        let mut conflating = reader(10);
        conflating.gap(&gap(11, 20, EventGapCause::Conflated)).unwrap();
        conflating.event(&event(15)).unwrap();
        assert_eq!(conflating.position(), Some(at(15)));
    }

    #[test]
    fn a_snapshot_that_was_cut_is_asked_for_again() {
        let mut cursor = Cursor::new(Some(at(10)), SnapshotMode::OnGap);
        assert_eq!(cursor.connect(), (Some(at(10)), SnapshotMode::OnGap));
        let evicted = ReplayGap { reason: ReplayGapReason::Evicted.into(), ..ReplayGap::default() };
        cursor.start(&StreamStart { replay_gap: Some(evicted), ..start(7, 50, false) }).unwrap();
        cursor.event(&MxEvent { retained: true, ..event(40) }).unwrap();
        assert_eq!(cursor.connect(), (Some(at(50)), SnapshotMode::Always));
        cursor.start(&start(7, 50, false)).unwrap();
        cursor.event(&event(51)).unwrap();
        assert_eq!(cursor.connect(), (Some(at(51)), SnapshotMode::OnGap));
    }
}
