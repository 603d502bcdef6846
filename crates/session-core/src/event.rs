//! Events as the session sees them: a header it acts on and bytes it passes on.

use std::fmt;
use std::ops::{Deref, Range};
use std::time::SystemTime;

use bytes::{Buf, Bytes};

/// Which MXAccess event it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EventFamily {
    /// A new value, quality or status of an advised item.
    DataChange,
    /// The result of a write.
    WriteComplete,
    /// The result of a suspend or activate.
    OperationComplete,
    /// Samples of a buffered item.
    BufferedDataChange,
    /// A change of an alarm.
    AlarmTransition,
}

impl EventFamily {
    /// True for events that say what an item's value is; the newest of an item makes the older ones obsolete.
    pub fn carries_value(self) -> bool {
        matches!(self, Self::DataChange | Self::BufferedDataChange)
    }
}

/// Names an item within a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ItemKey {
    /// Handle that Register gave.
    pub server_handle: i32,
    /// Handle that AddItem gave; unique only within the server handle.
    pub item_handle: i32,
}

/// One event of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Position in the session's stream, from 1.
    pub sequence: u64,
    /// Which MXAccess event it is.
    pub family: EventFamily,
    /// The item it is about; zeros when it is about none.
    pub item: ItemKey,
    /// When this process received it.
    pub received: SystemTime,
    /// The event, encoded; shared by everybody who sends it on.
    pub payload: Payload,
}

/// Encoded bytes: a part of the memory that they arrived in, together with their neighbours.
///
/// Neighbours can be handed on as one piece ([`Payload::append`]), which costs the same for one event and for a
/// whole run of them.
#[derive(Clone, Default)]
pub struct Payload {
    memory: Bytes,
    start: usize,
    end: usize,
}

impl Payload {
    /// A part of a piece of memory; `None` when it does not lie within.
    pub fn part(memory: &Bytes, range: Range<usize>) -> Option<Self> {
        let lies_within = range.start <= range.end && range.end <= memory.len();
        lies_within.then(|| Self { memory: memory.clone(), start: range.start, end: range.end })
    }

    /// Number of bytes.
    pub fn len(&self) -> usize {
        self.end - self.start
    }

    /// True when there are none.
    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Takes the bytes of `next` in as well, if they come right after these in the same memory. Copies nothing.
    pub fn append(&mut self, next: &Self) -> bool {
        // Both are alive, so that equal bounds mean the same memory.
        let follows = self.end == next.start
            && self.memory.as_ptr() == next.memory.as_ptr()
            && self.memory.len() == next.memory.len();
        if follows {
            self.end = next.end;
        }
        follows
    }

    /// The bytes, shared.
    pub fn into_bytes(mut self) -> Bytes {
        self.memory.truncate(self.end);
        self.memory.advance(self.start);
        self.memory
    }
}

impl Deref for Payload {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.memory.get(self.start..self.end).unwrap_or_default()
    }
}

impl From<Bytes> for Payload {
    fn from(memory: Bytes) -> Self {
        Self { start: 0, end: memory.len(), memory }
    }
}

impl From<Vec<u8>> for Payload {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}

impl From<String> for Payload {
    fn from(text: String) -> Self {
        text.into_bytes().into()
    }
}

impl PartialEq for Payload {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Payload {}

impl fmt::Debug for Payload {
    /// Not the bytes, which have a tag's value in them.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Payload({} bytes)", self.len())
    }
}

/// Takes over what a read hands out, in order.
pub trait EventTaker {
    /// The next event of the stream.
    fn event(&mut self, event: &Event);

    /// An event of the snapshot, which is sent again.
    fn retained(&mut self, event: &Event);
}

impl EventTaker for Vec<Event> {
    fn event(&mut self, event: &Event) {
        self.push(event.clone());
    }

    fn retained(&mut self, event: &Event) {
        self.push(event.clone());
    }
}

/// A place in a stream: everything up to and including `sequence` was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Position {
    /// Random number of the worker process that numbers the events.
    pub epoch: u64,
    /// Last sequence seen; 0 before the first event.
    pub sequence: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_in_one_memory_become_one_piece_and_nothing_else_does() {
        let memory = Bytes::from_static(b"onetwothree");
        let part = |range| Payload::part(&memory, range).unwrap();
        let mut run = part(0..3);
        assert!(run.append(&part(3..6)));
        assert!(!run.append(&part(3..6)), "bytes came twice");
        assert!(!run.append(&part(7..11)), "bytes were left out");
        assert!(!run.append(&Payload::from(Bytes::copy_from_slice(&memory))), "other memory");
        assert!(run.append(&part(6..11)));
        assert_eq!(run.into_bytes(), memory);
        assert!(Payload::part(&memory, 3..12).is_none());
    }

    #[test]
    fn a_payload_does_not_show_what_is_in_it() {
        assert_eq!(format!("{:?}", Payload::from(b"secret".to_vec())), "Payload(6 bytes)");
    }
}
