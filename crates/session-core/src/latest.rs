//! The last event of each item among those that the ring has let go: what still holds of an item that has
//! not changed for long.

use std::collections::HashMap;

use bytes::Bytes;

use crate::event::{Event, ItemKey};

#[derive(Debug)]
struct Entry {
    event: Event,
    /// The payload no longer shares memory with the events it came with.
    own: bool,
}

/// See the module's documentation.
#[derive(Debug, Default)]
pub(crate) struct Latest {
    by_item: HashMap<ItemKey, Entry>,
}

impl Latest {
    /// Takes over an event that is let go; those of an item come in order.
    pub(crate) fn keep(&mut self, event: Event) {
        if event.family.carries_value() {
            self.by_item.insert(event.item, Entry { event, own: false });
        }
    }

    /// The item is no more, or nobody wants to know its values any more.
    pub(crate) fn forget(&mut self, item: ItemKey) {
        self.by_item.remove(&item);
    }

    /// The registration is no more.
    pub(crate) fn forget_all_of(&mut self, server_handle: i32) {
        self.by_item.retain(|item, _| item.server_handle != server_handle);
    }

    /// Every event after a position, in no particular order.
    pub(crate) fn after(&self, after: u64) -> impl Iterator<Item = &Event> {
        self.by_item.values().map(|entry| &entry.event).filter(move |event| event.sequence > after)
    }

    /// Copies what stays out of the large pieces of memory that events arrive in, so that a quiet item does
    /// not keep one of those.
    pub(crate) fn compact(&mut self) {
        for entry in self.by_item.values_mut().filter(|entry| !entry.own) {
            entry.event.payload = Bytes::copy_from_slice(&entry.event.payload).into();
            entry.own = true;
        }
    }
}
