//! The registry of items, naively.

use std::collections::BTreeMap;

use mxgateway_session_core::event::ItemKey;
use mxgateway_session_core::items::{AdviseState, ItemChange};

#[derive(Clone, Copy, Debug)]
struct Item {
    advised: bool,
    /// Values up to here are of another item of the same handle.
    valid_after: u64,
}

/// See the module's documentation.
#[derive(Debug, Default)]
pub struct Items {
    items: BTreeMap<ItemKey, Item>,
    /// Of what left the ring up to here, no values are remembered.
    forgotten: BTreeMap<ItemKey, u64>,
    all_forgotten: u64,
}

impl Items {
    /// Number of items.
    pub fn added(&self) -> usize {
        self.items.len()
    }

    /// Number of advised items.
    pub fn advised(&self) -> usize {
        self.current().count()
    }

    /// Every advised item, and the sequence its values come after.
    pub fn current(&self) -> impl Iterator<Item = (ItemKey, u64)> {
        self.items.iter().filter(|(_, item)| item.advised).map(|(key, item)| (*key, item.valid_after))
    }

    pub(super) fn forgotten(&self, item: ItemKey) -> u64 {
        self.forgotten.get(&item).copied().unwrap_or(0).max(self.all_forgotten)
    }

    pub(super) fn forget_all(&mut self) {
        self.all_forgotten = u64::MAX;
    }

    pub(super) fn apply(&mut self, change: &ItemChange, released: u64, newest: u64) {
        match change {
            ItemChange::Registered(server) => self.items.retain(|key, _| key.server_handle != *server),
            ItemChange::Unregistered(server) => {
                self.items.retain(|key, _| key.server_handle != *server);
                // Any handle: what is remembered of items that are no more must not be there either.
                for item_handle in 0..16 {
                    self.forgotten.insert(ItemKey { server_handle: *server, item_handle }, released);
                }
            }
            ItemChange::Added(key, item) => {
                self.items.insert(*key, Item { advised: false, valid_after: item.added_after });
            }
            ItemChange::Removed(key) => {
                self.items.remove(key);
                self.forgotten.insert(*key, released);
            }
            ItemChange::Advised(key, advise) => {
                let advised = *advise != AdviseState::None;
                if !advised {
                    self.forgotten.insert(*key, released);
                }
                if let Some(item) = self.items.get_mut(key) {
                    item.advised = advised;
                    if !advised {
                        item.valid_after = newest;
                    }
                }
            }
        }
    }
}
