//! What is registered, added and advised in a session, as far as the replies told.
//!
//! The gateway needs it to know which item a handle stands for, without asking the worker: now, and for the
//! events it still has of items that are no more.

use std::collections::{BTreeMap, HashSet};

use crate::event::{Event, ItemKey};

/// Items that are no more and whose events may still be in the ring: at most this many are remembered. Of the
/// others, nobody knows any more what their events are about.
const MAX_FORMER_ITEMS: usize = 100_000;

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

impl Item {
    fn is_advised(&self) -> bool {
        self.advise != AdviseState::None
    }
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

/// What a command on its way may change. Until its reply is there, events of what it changes are in doubt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingChange {
    /// It may add items, under handles that are not known yet.
    pub adds: bool,
    /// Handles it may free for other items.
    pub frees: Frees,
}

impl PendingChange {
    fn may_free(&self, key: ItemKey) -> bool {
        match &self.frees {
            Frees::Nothing => false,
            Frees::Items(keys) => keys.contains(&key),
            Frees::Registration(server) => *server == key.server_handle,
        }
    }
}

/// Handles that a command may free for other items.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frees {
    /// None.
    Nothing,
    /// Those of these items.
    Items(HashSet<ItemKey>),
    /// All of this server handle.
    Registration(i32),
}

/// Names a [`PendingChange`] until its end is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChangeTicket(u64);

/// What somebody who may not see everything is to get of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Show,
    Hide,
    /// A command is on its way that decides it.
    Wait,
}

/// The registry of one session.
#[derive(Debug, Default)]
pub struct Items {
    registrations: BTreeMap<i32, BTreeMap<i32, Entry>>,
    /// Of the entries, those that are advised.
    advised: usize,
    former: BTreeMap<ItemKey, Vec<Former>>,
    former_count: usize,
    pending: BTreeMap<ChangeTicket, Pending>,
    last_number: u64,
}

#[derive(Debug)]
struct Entry {
    item: Item,
    /// Tells it from other items that had or will have the same handle.
    number: u64,
    /// Events up to this sequence cannot be its own.
    since: u64,
}

/// An item that is no more: the events after `since` up to `until` may be its own.
#[derive(Debug)]
struct Former {
    entry: Entry,
    until: u64,
}

#[derive(Debug)]
struct Pending {
    change: PendingChange,
    /// The newest event when the command was sent.
    since: u64,
}

impl Items {
    /// Takes a change over; `newest` is the sequence of the newest event. What refers to an unknown handle is
    /// passed over: replies may cross.
    pub fn apply(&mut self, change: ItemChange, newest: u64) {
        match change {
            ItemChange::Registered(server) => {
                let before = self.registrations.insert(server, BTreeMap::new());
                self.retire_all(server, before, newest);
            }
            ItemChange::Unregistered(server) => {
                let before = self.registrations.remove(&server);
                self.retire_all(server, before, newest);
            }
            ItemChange::Added(key, item) => {
                self.last_number += 1;
                self.advised += usize::from(item.is_advised());
                let entry = Entry { since: item.added_after, number: self.last_number, item };
                let before =
                    self.registrations.entry(key.server_handle).or_default().insert(key.item_handle, entry);
                self.retire(key, before, newest);
            }
            ItemChange::Removed(key) => {
                let items = self.registrations.get_mut(&key.server_handle);
                let before = items.and_then(|items| items.remove(&key.item_handle));
                self.retire(key, before, newest);
            }
            ItemChange::Advised(key, advise) => {
                if let Some(item) = self.get_mut(key) {
                    let before = std::mem::replace(&mut item.advise, advise);
                    let is_advised = item.is_advised();
                    self.advised += usize::from(is_advised);
                    self.advised -= usize::from(before != AdviseState::None);
                }
            }
        }
    }

    /// A command is about to be sent that may change items.
    pub fn begin(&mut self, change: PendingChange, newest: u64) -> ChangeTicket {
        self.last_number += 1;
        let ticket = ChangeTicket(self.last_number);
        self.pending.insert(ticket, Pending { change, since: newest });
        ticket
    }

    /// What the command changed was applied, or there is nothing to apply.
    pub fn end(&mut self, ticket: ChangeTicket) {
        self.pending.remove(&ticket);
    }

    /// Lets go of items that are no more when the ring has let their events go.
    pub(crate) fn forget_former(&mut self, released: u64) {
        self.former.retain(|_, items| {
            items.retain(|former| former.until > released);
            !items.is_empty()
        });
        self.former_count = self.former.values().map(Vec::len).sum();
    }

    /// What somebody gets of an event who may see those of the items that `allows` lets through, by number and
    /// item. An event that nobody can say the item of is hidden.
    pub(crate) fn judge(&self, event: &Event, mut allows: impl FnMut(u64, &Item) -> bool) -> Verdict {
        let (key, sequence) = (event.item, event.sequence);
        if self.pending.values().any(|pending| sequence > pending.since && pending.change.may_free(key)) {
            return Verdict::Wait;
        }
        let present = self.entry(key).filter(|entry| sequence > entry.since);
        let mut former = self
            .former
            .get(&key)
            .into_iter()
            .flatten()
            .filter(|former| sequence > former.entry.since && sequence <= former.until)
            .map(|former| &former.entry)
            .peekable();
        // A handle that is taken stays with its item; a free one may go to the item of a command on its way.
        let is_free = present.is_none() || former.peek().is_some();
        let may_be_added = |pending: &Pending| pending.change.adds && sequence > pending.since;
        if is_free && self.pending.values().any(may_be_added) {
            return Verdict::Wait;
        }
        // Where one handle's items follow each other closely an event may be of either; both must be allowed.
        let mut known = false;
        for entry in present.into_iter().chain(former) {
            if !allows(entry.number, &entry.item) {
                return Verdict::Hide;
            }
            known = true;
        }
        if known { Verdict::Show } else { Verdict::Hide }
    }

    fn retire(&mut self, key: ItemKey, entry: Option<Entry>, newest: u64) {
        let Some(entry) = entry else { return };
        self.advised -= usize::from(entry.item.is_advised());
        if entry.since >= newest {
            return;
        }
        if self.former_count >= MAX_FORMER_ITEMS {
            self.former.clear();
            self.former_count = 0;
        }
        self.former.entry(key).or_default().push(Former { entry, until: newest });
        self.former_count += 1;
    }

    fn retire_all(&mut self, server_handle: i32, items: Option<BTreeMap<i32, Entry>>, newest: u64) {
        for (item_handle, entry) in items.into_iter().flatten() {
            self.retire(ItemKey { server_handle, item_handle }, Some(entry), newest);
        }
    }

    fn entry(&self, key: ItemKey) -> Option<&Entry> {
        self.registrations.get(&key.server_handle)?.get(&key.item_handle)
    }

    fn get_mut(&mut self, key: ItemKey) -> Option<&mut Item> {
        let items = self.registrations.get_mut(&key.server_handle)?;
        items.get_mut(&key.item_handle).map(|entry| &mut entry.item)
    }

    /// Values up to this sequence tell nothing about the item any more.
    pub(crate) fn outdate(&mut self, key: ItemKey, until: u64) {
        if let Some(item) = self.get_mut(key) {
            item.added_after = item.added_after.max(until);
        }
    }

    /// The item behind a handle.
    pub fn get(&self, key: ItemKey) -> Option<&Item> {
        self.entry(key).map(|entry| &entry.item)
    }

    /// The item behind a handle, unless a command is on its way that may free the handle for another one.
    pub fn settled(&self, key: ItemKey) -> Option<&Item> {
        let in_doubt = self.pending.values().any(|pending| pending.change.may_free(key));
        self.get(key).filter(|_| !in_doubt)
    }

    /// Whether an event that carries a value still tells about an item that is advised.
    pub fn is_current(&self, event: &Event) -> bool {
        self.get(event.item).is_some_and(|item| item.is_advised() && event.sequence > item.added_after)
    }

    /// Number of added items.
    pub fn added(&self) -> usize {
        self.registrations.values().map(BTreeMap::len).sum()
    }

    /// Number of advised items.
    pub fn advised(&self) -> usize {
        self.advised
    }
}

#[cfg(test)]
mod tests;
