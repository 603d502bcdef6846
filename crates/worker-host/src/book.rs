//! What is registered, added and advised, as the calls' results told: for GetSessionState, for ReadBulk, and
//! for the way back out.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use mxgateway_contracts::v1::{AdviseState, ItemState, RegistrationState};

/// The registrations of a session.
#[derive(Debug, Default)]
pub(crate) struct Book {
    registrations: BTreeMap<i32, Registration>,
}

#[derive(Debug)]
struct Registration {
    client_name: String,
    items: BTreeMap<i32, Item>,
    /// Items that are neither buffered nor relative, by their lower-case definition.
    by_definition: HashMap<String, BTreeSet<i32>>,
}

/// An item that was added.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Item {
    pub(crate) definition: String,
    pub(crate) context: String,
    pub(crate) advise: AdviseState,
    pub(crate) buffered: bool,
    pub(crate) suspended: bool,
    /// The newest event when it was added.
    pub(crate) added_after: u64,
}

impl Item {
    pub(crate) fn new(definition: String, context: String, buffered: bool, added_after: u64) -> Self {
        Self { definition, context, advise: AdviseState::None, buffered, suspended: false, added_after }
    }

    fn index(&self) -> Option<String> {
        (!self.buffered && self.context.is_empty()).then(|| self.definition.to_ascii_lowercase())
    }

    fn state(&self, item_handle: i32) -> ItemState {
        ItemState {
            item_handle,
            item_definition: self.definition.clone(),
            item_context: self.context.clone(),
            advise: self.advise.into(),
            buffered: self.buffered,
            suspended: self.suspended,
            added_after_sequence: self.added_after,
        }
    }
}

impl Book {
    pub(crate) fn registered(&mut self, server: i32, client_name: String) {
        let registration =
            Registration { client_name, items: BTreeMap::new(), by_definition: HashMap::new() };
        self.registrations.insert(server, registration);
    }

    /// The server handle there is.
    pub(crate) fn registration(&self) -> Option<i32> {
        self.registrations.keys().next().copied()
    }

    pub(crate) fn unregistered(&mut self, server: i32) {
        self.registrations.remove(&server);
    }

    pub(crate) fn added(&mut self, server: i32, handle: i32, item: Item) {
        if let Some(registration) = self.registrations.get_mut(&server) {
            if let Some(definition) = item.index() {
                registration.by_definition.entry(definition).or_default().insert(handle);
            }
            registration.items.insert(handle, item);
        }
    }

    pub(crate) fn removed(&mut self, server: i32, handle: i32) {
        let Some(registration) = self.registrations.get_mut(&server) else { return };
        let Some(definition) = registration.items.remove(&handle).and_then(|item| item.index()) else {
            return;
        };
        if let Some(handles) = registration.by_definition.get_mut(&definition) {
            handles.remove(&handle);
            if handles.is_empty() {
                registration.by_definition.remove(&definition);
            }
        }
    }

    /// UnAdvise ends a suspension too.
    pub(crate) fn advised(&mut self, server: i32, handle: i32, advise: AdviseState) {
        if let Some(item) = self.item_mut(server, handle) {
            item.advise = advise;
            item.suspended &= advise != AdviseState::None;
        }
    }

    pub(crate) fn suspended(&mut self, server: i32, handle: i32, suspended: bool) {
        if let Some(item) = self.item_mut(server, handle) {
            item.suspended = suspended;
        }
    }

    pub(crate) fn item(&self, server: i32, handle: i32) -> Option<&Item> {
        self.registrations.get(&server)?.items.get(&handle)
    }

    fn item_mut(&mut self, server: i32, handle: i32) -> Option<&mut Item> {
        self.registrations.get_mut(&server)?.items.get_mut(&handle)
    }

    /// An advised item of this definition whose events are OnDataChange.
    pub(crate) fn advised_item(&self, server: i32, definition: &str) -> Option<i32> {
        let registration = self.registrations.get(&server)?;
        let handles = registration.by_definition.get(&definition.to_ascii_lowercase())?;
        let is_advised = |handle: &&i32| {
            registration.items.get(*handle).is_some_and(|item| item.advise != AdviseState::None)
        };
        handles.iter().find(is_advised).copied()
    }

    /// The wire form, in the order of the handles.
    pub(crate) fn state(&self) -> Vec<RegistrationState> {
        let registrations = self.registrations.iter();
        registrations
            .map(|(server, registration)| RegistrationState {
                server_handle: *server,
                client_name: registration.client_name.clone(),
                items: registration.items.iter().map(|(handle, item)| item.state(*handle)).collect(),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_advised_items_are_found_by_definition() {
        let mut book = Book::default();
        book.registered(1, "test".to_owned());
        book.added(1, 1, Item::new("A.B".to_owned(), "C".to_owned(), false, 0));
        book.added(1, 2, Item::new("A.B".to_owned(), String::new(), true, 0));
        book.added(1, 3, Item::new("A.B".to_owned(), String::new(), false, 0));
        book.added(1, 4, Item::new("a.b".to_owned(), String::new(), false, 0));
        for handle in [1, 2, 4] {
            book.advised(1, handle, AdviseState::Advised);
        }
        assert_eq!(book.advised_item(1, "A.b"), Some(4));
        assert_eq!(book.advised_item(2, "A.b"), None);
        book.suspended(1, 4, true);
        book.advised(1, 4, AdviseState::None);
        assert_eq!(book.item(1, 4).map(|item| item.suspended), Some(false));
        assert_eq!(book.advised_item(1, "A.b"), None);
        book.advised(1, 3, AdviseState::Supervisory);
        assert_eq!(book.advised_item(1, "A.B"), Some(3));
        book.removed(1, 3);
        assert_eq!(book.advised_item(1, "A.B"), None);
    }
}
