//! Events as the session sees them: a header it acts on and bytes it passes on.

use std::time::SystemTime;

use bytes::Bytes;

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
    pub payload: Bytes,
}

/// A place in a stream: everything up to and including `sequence` was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Position {
    /// Random number of the worker process that numbers the events.
    pub epoch: u64,
    /// Last sequence seen; 0 before the first event.
    pub sequence: u64,
}
