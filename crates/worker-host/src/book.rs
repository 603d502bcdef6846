//! What is registered, added and advised, as the calls' results told: for GetSessionState, and for the
//! way back out.

use std::collections::BTreeMap;

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
}

#[derive(Debug)]
struct Item {
    definition: String,
    context: String,
    advise: AdviseState,
}

impl Book {
    pub(crate) fn registered(&mut self, server: i32, client_name: String) {
        self.registrations.insert(server, Registration { client_name, items: BTreeMap::new() });
    }

    pub(crate) fn unregistered(&mut self, server: i32) {
        self.registrations.remove(&server);
    }

    pub(crate) fn added(&mut self, server: i32, item: i32, definition: String, context: String) {
        if let Some(registration) = self.registrations.get_mut(&server) {
            registration.items.insert(item, Item { definition, context, advise: AdviseState::None });
        }
    }

    pub(crate) fn removed(&mut self, server: i32, item: i32) {
        if let Some(registration) = self.registrations.get_mut(&server) {
            registration.items.remove(&item);
        }
    }

    pub(crate) fn advised(&mut self, server: i32, item: i32, advise: AdviseState) {
        let registration = self.registrations.get_mut(&server);
        if let Some(item) = registration.and_then(|registration| registration.items.get_mut(&item)) {
            item.advise = advise;
        }
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

impl Item {
    fn state(&self, item_handle: i32) -> ItemState {
        ItemState {
            item_handle,
            item_definition: self.definition.clone(),
            item_context: self.context.clone(),
            advise: self.advise.into(),
            buffered: false,
            suspended: false,
        }
    }
}
