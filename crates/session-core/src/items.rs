//! What is registered, added and advised in a session, as far as the replies told.
//!
//! The gateway needs it to know which item a handle stands for, without asking the worker.

use std::collections::BTreeMap;

use crate::event::{Event, ItemKey};

/// How an item is advised.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum AdviseState {
    /// Not at all.
    #[default]
    None,
    /// By Advise.
    Advised,
    /// By AdviseSupervisory.
    Supervisory,
}

/// An added item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Reference given to AddItem.
    pub definition: String,
    /// Context given to AddItem2; empty otherwise.
    pub context: String,
    /// How it is advised.
    pub advise: AdviseState,
    /// The newest event when AddItem was sent or UnAdvise was carried out: older ones with this handle are of
    /// another item or of nobody's interest.
    pub added_after: u64,
}

/// What a successful command changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ItemChange {
    /// Register gave this server handle.
    Registered(i32),
    /// Unregister ended it, with all its items.
    Unregistered(i32),
    /// AddItem gave this handle.
    Added(ItemKey, Item),
    /// RemoveItem ended it; the handle may be given out again.
    Removed(ItemKey),
    /// Advise, AdviseSupervisory or UnAdvise.
    Advised(ItemKey, AdviseState),
}

/// The registry of one session.
#[derive(Clone, Debug, Default)]
pub struct Items {
    registrations: BTreeMap<i32, BTreeMap<i32, Item>>,
}

impl Items {
    /// Takes a change over. What refers to an unknown handle is passed over: replies may cross.
    pub fn apply(&mut self, change: ItemChange) {
        match change {
            ItemChange::Registered(server) => {
                self.registrations.insert(server, BTreeMap::new());
            }
            ItemChange::Unregistered(server) => {
                self.registrations.remove(&server);
            }
            ItemChange::Added(key, item) => {
                self.registrations.entry(key.server_handle).or_default().insert(key.item_handle, item);
            }
            ItemChange::Removed(key) => {
                if let Some(items) = self.registrations.get_mut(&key.server_handle) {
                    items.remove(&key.item_handle);
                }
            }
            ItemChange::Advised(key, advise) => {
                if let Some(item) = self
                    .registrations
                    .get_mut(&key.server_handle)
                    .and_then(|items| items.get_mut(&key.item_handle))
                {
                    item.advise = advise;
                }
            }
        }
    }

    /// Values up to this sequence tell nothing about the item any more.
    pub(crate) fn outdate(&mut self, key: ItemKey, until: u64) {
        let items = self.registrations.get_mut(&key.server_handle);
        if let Some(item) = items.and_then(|items| items.get_mut(&key.item_handle)) {
            item.added_after = item.added_after.max(until);
        }
    }

    /// The item behind a handle.
    pub fn get(&self, key: ItemKey) -> Option<&Item> {
        self.registrations.get(&key.server_handle)?.get(&key.item_handle)
    }

    /// Whether an event that carries a value still tells about an item that is advised.
    pub fn is_current(&self, event: &Event) -> bool {
        self.get(event.item)
            .is_some_and(|item| item.advise != AdviseState::None && event.sequence > item.added_after)
    }

    /// Number of added items.
    pub fn added(&self) -> usize {
        self.registrations.values().map(BTreeMap::len).sum()
    }

    /// Number of advised items.
    pub fn advised(&self) -> usize {
        self.registrations
            .values()
            .flat_map(BTreeMap::values)
            .filter(|item| item.advise != AdviseState::None)
            .count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(item_handle: i32) -> ItemKey {
        ItemKey { server_handle: 1, item_handle }
    }

    fn item(definition: &str) -> Item {
        Item {
            definition: definition.to_owned(),
            context: String::new(),
            advise: AdviseState::None,
            added_after: 0,
        }
    }

    #[test]
    fn the_registry_follows_the_commands() {
        let mut items = Items::default();
        items.apply(ItemChange::Registered(1));
        items.apply(ItemChange::Added(key(1), item("A.B")));
        items.apply(ItemChange::Added(key(2), item("A.C")));
        items.apply(ItemChange::Advised(key(2), AdviseState::Supervisory));
        assert_eq!((items.added(), items.advised()), (2, 1));
        assert_eq!(items.get(key(1)).unwrap().definition, "A.B");
        items.apply(ItemChange::Removed(key(2)));
        assert_eq!((items.added(), items.advised()), (1, 0));
        items.apply(ItemChange::Added(key(2), item("A.D")));
        assert_eq!(items.get(key(2)).unwrap().definition, "A.D");
        items.apply(ItemChange::Unregistered(1));
        assert_eq!(items.added(), 0);
    }

    #[test]
    fn unknown_handles_change_nothing() {
        let mut items = Items::default();
        items.apply(ItemChange::Advised(key(9), AdviseState::Advised));
        items.apply(ItemChange::Removed(key(9)));
        items.apply(ItemChange::Unregistered(9));
        assert_eq!(items.added(), 0);
    }
}
