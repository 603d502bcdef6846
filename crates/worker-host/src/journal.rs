//! The worker's own ring of recent events, between the apartment that raises and the connection that
//! sends. A callback never blocks: it numbers, encodes, pushes and returns. What the gateway did not take
//! in time makes room for what is newer, and the loss is told in its place.

use std::cell::Cell;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use bytes::Bytes;
use mxgateway_contracts::time::timestamp;
use mxgateway_contracts::v1::{self, MxEvent};
use mxgateway_session_core::event::{Event, EventFamily, ItemKey};
use mxgateway_session_core::ring::{Read, ReadBudget, Ring, RingLimits};
use parking_lot::{Condvar, Mutex};
use prost::Message;
use tokio::sync::Notify;

use crate::tap::Tap;

/// Memory is taken for events of this size; a data change of a number has about 80 bytes.
const USUAL_EVENT_BYTES: usize = 128;

/// Bounds of a [`Journal`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalLimits {
    /// Events it keeps.
    pub events: usize,
    /// Bytes of everything it keeps.
    pub bytes: usize,
}

/// See the module's documentation.
#[derive(Debug)]
pub struct Journal {
    state: Mutex<State>,
    pushed: Notify,
    /// Half of it is what a source may fill that waits for room.
    events: usize,
    taken: Condvar,
}

#[derive(Debug)]
struct State {
    ring: Ring,
    /// Everything up to here was sent to the present gateway, or told it as lost.
    sent: u64,
    /// The furthest that `sent` ever was: nothing up to here is counted as lost a second time.
    reached: u64,
    /// The last event that was counted as too large to be sent.
    unsendable: u64,
    lost: u64,
}

/// The next thing to send.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outgoing {
    /// Encoded events in order, the oldest first, without a hole.
    Events {
        first: u64,
        events: Vec<Bytes>,
    },
    /// These are gone.
    Loss {
        from: u64,
        to: u64,
    },
    Nothing,
}

/// What the journal holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// 0 when nothing is kept.
    pub(crate) oldest: u64,
    /// 0 before the first event.
    pub(crate) newest: u64,
    pub(crate) unsent: u64,
    pub(crate) lost: u64,
}

/// A start position that lies in the future.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("events were asked for after {asked}, but the newest is {newest}")]
pub(crate) struct FutureSequence {
    pub(crate) asked: u64,
    pub(crate) newest: u64,
}

impl Journal {
    /// An empty journal.
    pub fn new(limits: JournalLimits) -> Arc<Self> {
        let ring = Ring::new(RingLimits {
            replay_count: limits.events,
            bytes: limits.bytes,
            replay_age: None,
            lag_count: 0,
        });
        Arc::new(Self {
            state: Mutex::new(State { ring, sent: 0, reached: 0, unsendable: 0, lost: 0 }),
            pushed: Notify::new(),
            events: limits.events,
            taken: Condvar::new(),
        })
    }

    /// Sends from after `sequence` on, whatever was sent before: each gateway asks for what it does not have. What is
    /// gone already comes as a loss.
    pub(crate) fn start(&self, sequence: u64) -> Result<(), FutureSequence> {
        let mut state = self.state.lock();
        let newest = state.ring.newest();
        if sequence > newest {
            return Err(FutureSequence { asked: sequence, newest });
        }
        state.sent = sequence;
        drop(state);
        self.taken.notify_one();
        Ok(())
    }

    /// Returns when something may have been pushed since the last time.
    pub(crate) async fn pushed(&self) {
        self.pushed.notified().await;
    }

    /// Takes the next events or loss; they count as sent.
    pub(crate) fn take(&self, budget: ReadBudget) -> Outgoing {
        let mut events = Vec::new();
        let mut state = self.state.lock();
        let after = state.sent;
        match state.ring.read(after, budget, &mut events) {
            Read::Events => {
                state.sent = events.last().map_or(after, |event| event.sequence);
                state.reached = state.reached.max(state.sent);
                drop(state);
                self.taken.notify_one();
                let events = events.into_iter().map(|event| event.payload.into_bytes()).collect();
                Outgoing::Events { first: after + 1, events }
            }
            Read::UpToDate => Outgoing::Nothing,
            Read::Evicted { released } => state.lose(released),
            Read::Loss(loss) => state.lose(loss.to),
        }
    }

    /// Counts an event as lost that was taken but cannot be sent; once, however often it is taken.
    pub(crate) fn count_unsendable(&self, sequence: u64) {
        let mut state = self.state.lock();
        if sequence > state.unsendable {
            state.unsendable = sequence;
            state.lost += 1;
        }
    }

    /// Copies events without taking them, the oldest first.
    pub(crate) fn peek(&self, budget: ReadBudget) -> Vec<Bytes> {
        let mut events = Vec::new();
        let state = self.state.lock();
        let oldest = state.ring.retained().map_or(0, |(oldest, _)| oldest);
        state.ring.read(oldest.saturating_sub(1), budget, &mut events);
        drop(state);
        events.into_iter().map(|event| event.payload.into_bytes()).collect()
    }

    pub(crate) fn bounds(&self) -> Bounds {
        let state = self.state.lock();
        let newest = state.ring.newest();
        Bounds {
            oldest: state.ring.retained().map_or(0, |(oldest, _)| oldest),
            newest,
            unsent: state.unsent(),
            lost: state.lost,
        }
    }

    /// Events that can be pushed while the unsent ones fill no more than half of it.
    fn room(&self) -> usize {
        let unsent = usize::try_from(self.bounds().unsent).unwrap_or(usize::MAX);
        (self.events / 2).saturating_sub(unsent)
    }

    /// Waits until the unsent events fill no more than a quarter of it, or until `limit`.
    fn wait_for_room(&self, limit: Instant) {
        let quarter = self.events as u64 / 4;
        let mut state = self.state.lock();
        while state.unsent() > quarter {
            if self.taken.wait_until(&mut state, limit).timed_out() {
                return;
            }
        }
    }

    fn push(&self, events: Vec<Event>) {
        let now = Instant::now();
        let mut state = self.state.lock();
        for event in events {
            if let Err(error) = state.ring.push(event, now) {
                // Cannot happen while one sink numbers the events; a gap would show it to the gateway.
                tracing::error!(%error, "Journal refused an event");
            }
        }
        drop(state);
        self.pushed.notify_one();
    }
}

impl State {
    fn unsent(&self) -> u64 {
        self.ring.newest().saturating_sub(self.sent)
    }

    fn lose(&mut self, to: u64) -> Outgoing {
        let from = self.sent + 1;
        self.lost += to.saturating_sub(self.sent.max(self.reached));
        self.sent = to;
        self.reached = self.reached.max(to);
        Outgoing::Loss { from, to }
    }
}

/// The backend's way to raise events; lives on the apartment thread.
#[derive(Debug)]
pub struct EventSink {
    journal: Arc<Journal>,
    last_sequence: Cell<u64>,
    tap: Arc<Tap>,
}

impl EventSink {
    /// The only sink of a journal: it numbers the events from 1.
    pub fn new(journal: Arc<Journal>) -> Self {
        Self { journal, last_sequence: Cell::new(0), tap: Arc::default() }
    }

    /// Where the apartment looks at the events.
    pub(crate) fn tap(&self) -> Arc<Tap> {
        Arc::clone(&self.tap)
    }

    /// Takes events over in order, with everything but their number and time. Never blocks on a reader.
    pub fn raise(&self, mut events: Vec<MxEvent>) {
        self.tap.sift(&mut events);
        if events.is_empty() {
            return;
        }
        for event in &mut events {
            let sequence = self.last_sequence.get() + 1;
            self.last_sequence.set(sequence);
            event.worker_sequence = sequence;
            // Written once for all of them, see `encoded`.
            event.worker_time = None;
        }
        self.journal.push(encoded(&events, SystemTime::now()));
        self.tap.keep(events);
    }

    /// How many events can be raised without any being lost, for a source that can wait.
    pub(crate) fn room(&self) -> usize {
        self.journal.room()
    }

    /// Waits until there is plenty of [`room`](Self::room), or until `limit`.
    pub(crate) fn wait_for_room(&self, limit: Instant) {
        self.journal.wait_for_room(limit);
    }
}

/// What was raised together is encoded into one piece of memory. All of it has the same worker time, which is
/// encoded once and written after each event; protobuf reads it as a field of the event like the others.
fn encoded(events: &[MxEvent], received: SystemTime) -> Vec<Event> {
    let stamp = MxEvent { worker_time: Some(timestamp(received)), ..MxEvent::default() }.encode_to_vec();
    let mut memory = Vec::with_capacity(events.len() * USUAL_EVENT_BYTES);
    let mut ends = Vec::with_capacity(events.len());
    for event in events {
        event.encode_raw(&mut memory);
        memory.extend_from_slice(&stamp);
        ends.push(memory.len());
    }
    let mut memory = Bytes::from(memory);
    let mut start = 0;
    let event = |(event, end): (&MxEvent, usize)| {
        let payload = memory.split_to(end - start);
        start = end;
        Event {
            sequence: event.worker_sequence,
            family: family(event.family()),
            item: ItemKey { server_handle: event.server_handle, item_handle: event.item_handle },
            received,
            payload: payload.into(),
        }
    };
    events.iter().zip(ends).map(event).collect()
}

fn family(family: v1::EventFamily) -> EventFamily {
    match family {
        v1::EventFamily::Unspecified | v1::EventFamily::OnDataChange => EventFamily::DataChange,
        v1::EventFamily::OnWriteComplete => EventFamily::WriteComplete,
        v1::EventFamily::OperationComplete => EventFamily::OperationComplete,
        v1::EventFamily::OnBufferedDataChange => EventFamily::BufferedDataChange,
        v1::EventFamily::OnAlarmTransition => EventFamily::AlarmTransition,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: ReadBudget = ReadBudget { events: usize::MAX, bytes: usize::MAX };

    fn raise(sink: &EventSink, count: usize) {
        let event = MxEvent { family: v1::EventFamily::OnWriteComplete.into(), ..MxEvent::default() };
        sink.raise(vec![event; count]);
    }

    fn sequences(outgoing: Outgoing) -> Vec<u64> {
        match outgoing {
            Outgoing::Events { first, events } => {
                assert_eq!(MxEvent::decode(events[0].clone()).unwrap().worker_sequence, first);
                events.into_iter().map(|event| MxEvent::decode(event).unwrap().worker_sequence).collect()
            }
            Outgoing::Loss { .. } | Outgoing::Nothing => panic!("{outgoing:?}"),
        }
    }

    #[test]
    fn an_overflow_becomes_a_loss_in_place_of_the_events() {
        let journal = Journal::new(JournalLimits { events: 4, bytes: 1 << 20 });
        let sink = EventSink::new(Arc::clone(&journal));
        raise(&sink, 2);
        assert_eq!(sequences(journal.take(ALL)), [1, 2]);
        raise(&sink, 7);
        assert_eq!(journal.bounds(), Bounds { oldest: 6, newest: 9, unsent: 7, lost: 0 });
        assert_eq!(journal.take(ALL), Outgoing::Loss { from: 3, to: 5 });
        assert_eq!(sequences(journal.take(ReadBudget { events: 3, ..ALL })), [6, 7, 8]);
        assert_eq!(sequences(journal.take(ALL)), [9]);
        assert_eq!(journal.take(ALL), Outgoing::Nothing);
        assert_eq!(journal.bounds(), Bounds { oldest: 6, newest: 9, unsent: 0, lost: 3 });
    }

    #[test]
    fn bytes_bound_the_journal_too() {
        let journal = Journal::new(JournalLimits { events: 1000, bytes: 2000 });
        raise(&EventSink::new(Arc::clone(&journal)), 1000);
        let Outgoing::Loss { from: 1, to } = journal.take(ALL) else { panic!("nothing was lost") };
        assert!((900..1000).contains(&to), "{to}");
    }

    #[test]
    fn peeking_takes_nothing_and_a_start_may_lie_back_but_not_ahead() {
        let journal = Journal::new(JournalLimits { events: 10, bytes: 1 << 20 });
        raise(&EventSink::new(Arc::clone(&journal)), 3);
        assert_eq!(journal.peek(ALL).len(), 3);
        assert_eq!(journal.peek(ReadBudget { events: 2, ..ALL }).len(), 2);
        assert_eq!(sequences(journal.take(ALL)), [1, 2, 3]);
        journal.start(1).unwrap();
        assert_eq!(sequences(journal.take(ALL)), [2, 3]);
        assert_eq!(journal.start(4), Err(FutureSequence { asked: 4, newest: 3 }));
    }

    #[test]
    fn every_start_reads_from_its_own_position() {
        let journal = Journal::new(JournalLimits { events: 4, bytes: 1 << 20 });
        let sink = EventSink::new(Arc::clone(&journal));
        raise(&sink, 3);
        assert_eq!(sequences(journal.take(ALL)), [1, 2, 3]);
        // Nobody takes these; 1 to 6 are let go, of which the first gateway had 1 to 3.
        raise(&sink, 7);
        for (after, loss) in [(0, Some(1)), (3, Some(4)), (5, Some(6)), (6, None)] {
            journal.start(after).unwrap();
            if let Some(from) = loss {
                assert_eq!(journal.take(ALL), Outgoing::Loss { from, to: 6 });
            }
            assert_eq!(sequences(journal.take(ALL)), [7, 8, 9, 10]);
        }
        assert_eq!(journal.bounds().lost, 3, "4 to 6, counted once");
        journal.start(9).unwrap();
        assert_eq!(journal.bounds().unsent, 1);
        assert_eq!(sequences(journal.take(ALL)), [10]);
        journal.start(10).unwrap();
        assert_eq!(journal.take(ALL), Outgoing::Nothing);
        assert_eq!(journal.start(11), Err(FutureSequence { asked: 11, newest: 10 }));
        assert_eq!(journal.take(ALL), Outgoing::Nothing, "a refused start changes nothing");
        for sequence in [8, 8, 9] {
            journal.count_unsendable(sequence);
        }
        assert_eq!(journal.bounds().lost, 5);
    }

    #[tokio::test]
    async fn a_push_wakes_the_sender_also_when_it_comes_first() {
        let journal = Journal::new(JournalLimits { events: 10, bytes: 1 << 20 });
        raise(&EventSink::new(Arc::clone(&journal)), 1);
        tokio::time::timeout(std::time::Duration::from_secs(10), journal.pushed()).await.unwrap();
    }
}
