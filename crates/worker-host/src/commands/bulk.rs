//! Bulk commands: the single calls in a loop. A failed item is a row, and the loop goes on.

use mxgateway_contracts::v1::{
    AddItemBulkCommand, AdviseItemBulkCommand, AdviseState, BulkSubscribeReply, BulkWriteReply,
    BulkWriteResult, RemoveItemBulkCommand, SubscribeBulkCommand, SubscribeResult, UnAdviseItemBulkCommand,
    UnsubscribeBulkCommand, Write2BulkCommand, WriteBulkCommand, WriteSecured2BulkCommand,
    WriteSecuredBulkCommand,
};

use super::Calls;
use crate::mxaccess::CallError;

impl Calls<'_> {
    pub(super) fn add_item_bulk(&mut self, command: AddItemBulkCommand) -> BulkSubscribeReply {
        let server = command.server_handle;
        self.tags(server, command.tag_addresses, |calls, tag| {
            let added = calls.add_item(server, tag, None);
            (added.as_ref().copied().unwrap_or_default(), added.map(drop))
        })
    }

    pub(super) fn subscribe_bulk(&mut self, command: SubscribeBulkCommand) -> BulkSubscribeReply {
        let server = command.server_handle;
        self.tags(server, command.tag_addresses, |calls, tag| {
            let item = match calls.add_item(server, tag, None) {
                Ok(item) => item,
                Err(error) => return (0, Err(error)),
            };
            let Err(error) = calls.advise(server, item, command.supervisory) else { return (item, Ok(())) };
            match calls.remove_item(server, item) {
                Ok(()) => (0, Err(error)),
                // It is still there, and in the books.
                Err(_) => (item, Err(error)),
            }
        })
    }

    pub(super) fn advise_item_bulk(&mut self, command: AdviseItemBulkCommand) -> BulkSubscribeReply {
        let (server, supervisory) = (command.server_handle, command.supervisory);
        self.handles(server, &command.item_handles, |calls, item| calls.advise(server, item, supervisory))
    }

    pub(super) fn un_advise_item_bulk(&mut self, command: UnAdviseItemBulkCommand) -> BulkSubscribeReply {
        let server = command.server_handle;
        self.handles(server, &command.item_handles, |calls, item| calls.un_advise(server, item))
    }

    pub(super) fn remove_item_bulk(&mut self, command: RemoveItemBulkCommand) -> BulkSubscribeReply {
        let server = command.server_handle;
        self.handles(server, &command.item_handles, |calls, item| calls.remove_item(server, item))
    }

    pub(super) fn unsubscribe_bulk(&mut self, command: UnsubscribeBulkCommand) -> BulkSubscribeReply {
        let server = command.server_handle;
        self.handles(server, &command.item_handles, |calls, item| {
            let is_advised =
                calls.book.item(server, item).is_some_and(|item| item.advise != AdviseState::None);
            if is_advised {
                calls.un_advise(server, item)?;
            }
            calls.remove_item(server, item)
        })
    }

    fn tags(
        &mut self,
        server_handle: i32,
        tags: Vec<String>,
        mut call: impl FnMut(&mut Self, String) -> (i32, Result<(), CallError>),
    ) -> BulkSubscribeReply {
        let rows = tags.into_iter().map(|tag_address| {
            let (item_handle, result) = call(self, tag_address.clone());
            row(server_handle, tag_address, item_handle, result)
        });
        BulkSubscribeReply { results: rows.collect() }
    }

    fn handles(
        &mut self,
        server_handle: i32,
        handles: &[i32],
        mut call: impl FnMut(&mut Self, i32) -> Result<(), CallError>,
    ) -> BulkSubscribeReply {
        let rows = handles.iter().map(|item_handle| {
            let item = self.book.item(server_handle, *item_handle);
            let tag_address = item.map(|item| item.definition.clone()).unwrap_or_default();
            let result = call(self, *item_handle);
            row(server_handle, tag_address, *item_handle, result)
        });
        BulkSubscribeReply { results: rows.collect() }
    }

    pub(super) fn write_bulk(&mut self, command: WriteBulkCommand) -> BulkWriteReply {
        let server = command.server_handle;
        let rows = command.entries.into_iter().map(|entry| {
            let value = entry.value.unwrap_or_default();
            let item = entry.item_handle;
            write_row(item, self.backend.write(server, item, &value, None, entry.user_id))
        });
        BulkWriteReply { results: rows.collect() }
    }

    pub(super) fn write2_bulk(&mut self, command: Write2BulkCommand) -> BulkWriteReply {
        let server = command.server_handle;
        let rows = command.entries.into_iter().map(|entry| {
            let value = entry.value.unwrap_or_default();
            let time = Some(entry.timestamp_value.unwrap_or_default());
            let item = entry.item_handle;
            write_row(item, self.backend.write(server, item, &value, time.as_ref(), entry.user_id))
        });
        BulkWriteReply { results: rows.collect() }
    }

    pub(super) fn write_secured_bulk(&mut self, command: WriteSecuredBulkCommand) -> BulkWriteReply {
        let server = command.server_handle;
        let rows = command.entries.into_iter().map(|entry| {
            let value = entry.value.unwrap_or_default();
            let (user, verifier) = (entry.current_user_id, entry.verifier_user_id);
            let item = entry.item_handle;
            write_row(item, self.backend.write_secured(server, item, user, verifier, &value, None))
        });
        BulkWriteReply { results: rows.collect() }
    }

    pub(super) fn write_secured2_bulk(&mut self, command: WriteSecured2BulkCommand) -> BulkWriteReply {
        let server = command.server_handle;
        let rows = command.entries.into_iter().map(|entry| {
            let value = entry.value.unwrap_or_default();
            let time = Some(entry.timestamp_value.unwrap_or_default());
            let (user, verifier) = (entry.current_user_id, entry.verifier_user_id);
            let item = entry.item_handle;
            write_row(item, self.backend.write_secured(server, item, user, verifier, &value, time.as_ref()))
        });
        BulkWriteReply { results: rows.collect() }
    }
}

fn row(
    server_handle: i32,
    tag_address: String,
    item_handle: i32,
    result: Result<(), CallError>,
) -> SubscribeResult {
    let was_successful = result.is_ok();
    let (hresult, error_message) = told(result);
    SubscribeResult { server_handle, tag_address, item_handle, was_successful, hresult, error_message }
}

fn write_row(item_handle: i32, result: Result<(), CallError>) -> BulkWriteResult {
    let was_successful = result.is_ok();
    let (hresult, error_message) = told(result);
    BulkWriteResult { item_handle, was_successful, hresult, error_message }
}

fn told(result: Result<(), CallError>) -> (i32, String) {
    result.err().map(|error| (error.hresult, error.text)).unwrap_or_default()
}
