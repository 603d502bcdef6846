//! What a command that succeeded changed about a session's items.
//!
//! A bulk command changes what its rows say, each by itself. Suspend and Activate change nothing here: a
//! suspended item stays advised. ReadBulk leaves no trace.

use std::collections::HashSet;

use mxgateway_contracts::hresult;
use mxgateway_contracts::v1::mx_command::Payload;
use mxgateway_contracts::v1::mx_command_reply::Payload as ReplyPayload;
use mxgateway_contracts::v1::{BulkSubscribeReply, MxCommand, MxCommandReply, SubscribeResult};
use mxgateway_session_core::event::ItemKey;
use mxgateway_session_core::items::{AdviseState, Frees, Item, ItemChange, PendingChange};

/// What to remember of a command until its reply is there; `None` when it changes no items.
#[derive(Debug)]
pub(super) enum Intent {
    Register,
    Unregister(i32),
    Add(i32, Item),
    Remove(ItemKey),
    Advise(ItemKey, AdviseState),
    /// Adds each, and advises it where the state is not `None`.
    AddEach(i32, Vec<Item>, AdviseState),
    RemoveEach(i32, Vec<i32>),
    AdviseEach(i32, Vec<i32>, AdviseState),
}

impl Intent {
    /// What events have to wait for while the command is on its way.
    pub(super) fn pending(&self) -> PendingChange {
        let frees_items = |keys: HashSet<ItemKey>| PendingChange { adds: false, frees: Frees::Items(keys) };
        match self {
            Self::Add(..) | Self::AddEach(..) => PendingChange { adds: true, frees: Frees::Nothing },
            Self::Unregister(server_handle) => {
                PendingChange { adds: false, frees: Frees::Registration(*server_handle) }
            }
            Self::Remove(key) => frees_items(HashSet::from([*key])),
            Self::RemoveEach(server_handle, handles) => frees_items(
                handles
                    .iter()
                    .map(|item_handle| ItemKey { server_handle: *server_handle, item_handle: *item_handle })
                    .collect(),
            ),
            Self::Register | Self::Advise(..) | Self::AdviseEach(..) => {
                PendingChange { adds: false, frees: Frees::Nothing }
            }
        }
    }

    /// For the reply to an earlier command with the same request id: its items were added long ago, and
    /// their events since then are theirs. A handle's earlier item took its values with it.
    pub(super) fn repeated(self) -> Self {
        let long_ago = |item| Item { added_after: 0, ..item };
        match self {
            Self::Add(server_handle, item) => Self::Add(server_handle, long_ago(item)),
            Self::AddEach(server_handle, items, advise) => {
                Self::AddEach(server_handle, items.into_iter().map(long_ago).collect(), advise)
            }
            Self::Register
            | Self::Unregister(_)
            | Self::Remove(_)
            | Self::Advise(..)
            | Self::RemoveEach(..)
            | Self::AdviseEach(..) => self,
        }
    }
}

/// Whether a command may change items: whether it has an [`intent`].
pub(super) fn may_change(command: &MxCommand) -> bool {
    matches!(
        command.payload,
        Some(
            Payload::Register(_)
                | Payload::Unregister(_)
                | Payload::AddItem(_)
                | Payload::AddItem2(_)
                | Payload::AddBufferedItem(_)
                | Payload::RemoveItem(_)
                | Payload::Advise(_)
                | Payload::AdviseSupervisory(_)
                | Payload::UnAdvise(_)
                | Payload::AddItemBulk(_)
                | Payload::SubscribeBulk(_)
                | Payload::AdviseItemBulk(_)
                | Payload::UnAdviseItemBulk(_)
                | Payload::RemoveItemBulk(_)
                | Payload::UnsubscribeBulk(_)
        )
    )
}

/// `newest` is the sequence of the newest event before the command is sent.
#[expect(clippy::wildcard_enum_match_arm, reason = "the other commands change no items")]
pub(super) fn intent(command: &MxCommand, newest: u64) -> Option<Intent> {
    let key = |server_handle, item_handle| ItemKey { server_handle, item_handle };
    let item = |definition: &str, context: &str| Item {
        definition: definition.to_owned(),
        context: context.to_owned(),
        advise: AdviseState::None,
        added_after: newest,
    };
    let items = |tags: &[String]| tags.iter().map(|tag| item(tag, "")).collect();
    Some(match command.payload.as_ref()? {
        Payload::Register(_) => Intent::Register,
        Payload::Unregister(command) => Intent::Unregister(command.server_handle),
        Payload::AddItem(command) => Intent::Add(command.server_handle, item(&command.item_definition, "")),
        Payload::AddItem2(command) => {
            Intent::Add(command.server_handle, item(&command.item_definition, &command.item_context))
        }
        Payload::AddBufferedItem(command) => {
            Intent::Add(command.server_handle, item(&command.item_definition, &command.item_context))
        }
        Payload::RemoveItem(command) => Intent::Remove(key(command.server_handle, command.item_handle)),
        Payload::Advise(command) => {
            Intent::Advise(key(command.server_handle, command.item_handle), AdviseState::Advised)
        }
        Payload::AdviseSupervisory(command) => {
            Intent::Advise(key(command.server_handle, command.item_handle), AdviseState::Supervisory)
        }
        Payload::UnAdvise(command) => {
            Intent::Advise(key(command.server_handle, command.item_handle), AdviseState::None)
        }
        Payload::AddItemBulk(command) => {
            Intent::AddEach(command.server_handle, items(&command.tag_addresses), AdviseState::None)
        }
        Payload::SubscribeBulk(command) => {
            let advise = advise_state(command.supervisory);
            Intent::AddEach(command.server_handle, items(&command.tag_addresses), advise)
        }
        Payload::AdviseItemBulk(command) => {
            let advise = advise_state(command.supervisory);
            Intent::AdviseEach(command.server_handle, command.item_handles.clone(), advise)
        }
        Payload::UnAdviseItemBulk(command) => {
            Intent::AdviseEach(command.server_handle, command.item_handles.clone(), AdviseState::None)
        }
        Payload::RemoveItemBulk(command) => {
            Intent::RemoveEach(command.server_handle, command.item_handles.clone())
        }
        Payload::UnsubscribeBulk(command) => {
            Intent::RemoveEach(command.server_handle, command.item_handles.clone())
        }
        _ => return None,
    })
}

fn advise_state(supervisory: bool) -> AdviseState {
    if supervisory { AdviseState::Supervisory } else { AdviseState::Advised }
}

/// The changes, as far as the reply says that they happened.
pub(super) fn changes(intent: Intent, reply: &MxCommandReply) -> Vec<ItemChange> {
    if !hresult::is_success(reply.hresult) {
        return Vec::new();
    }
    match intent {
        Intent::Register => match &reply.payload {
            Some(ReplyPayload::Register(reply)) => vec![ItemChange::Registered(reply.server_handle)],
            _ => Vec::new(),
        },
        Intent::Unregister(server_handle) => vec![ItemChange::Unregistered(server_handle)],
        Intent::Add(server_handle, item) => {
            let item_handle = match &reply.payload {
                Some(ReplyPayload::AddItem(reply)) => reply.item_handle,
                Some(ReplyPayload::AddItem2(reply)) => reply.item_handle,
                Some(ReplyPayload::AddBufferedItem(reply)) => reply.item_handle,
                _ => return Vec::new(),
            };
            vec![ItemChange::Added(ItemKey { server_handle, item_handle }, item)]
        }
        Intent::Remove(key) => vec![ItemChange::Removed(key)],
        Intent::Advise(key, advise) => vec![ItemChange::Advised(key, advise)],
        Intent::AddEach(server_handle, items, advise) => succeeded(reply, items)
            .map(|(row, item)| {
                let key = ItemKey { server_handle, item_handle: row.item_handle };
                ItemChange::Added(key, Item { advise, ..item })
            })
            .collect(),
        Intent::RemoveEach(server_handle, handles) => succeeded(reply, handles)
            .map(|(_, item_handle)| ItemChange::Removed(ItemKey { server_handle, item_handle }))
            .collect(),
        Intent::AdviseEach(server_handle, handles, advise) => succeeded(reply, handles)
            .map(|(_, item_handle)| ItemChange::Advised(ItemKey { server_handle, item_handle }, advise))
            .collect(),
    }
}

/// The rows that succeeded, each with what the command said for it.
fn succeeded<T>(reply: &MxCommandReply, of_command: Vec<T>) -> impl Iterator<Item = (&SubscribeResult, T)> {
    let rows = rows(reply).map_or(&[][..], |rows| &rows.results);
    rows.iter().zip(of_command).filter(|(row, _)| row.was_successful)
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the other replies have no rows of this kind")]
fn rows(reply: &MxCommandReply) -> Option<&BulkSubscribeReply> {
    match reply.payload.as_ref()? {
        ReplyPayload::AddItemBulk(rows)
        | ReplyPayload::AdviseItemBulk(rows)
        | ReplyPayload::RemoveItemBulk(rows)
        | ReplyPayload::UnAdviseItemBulk(rows)
        | ReplyPayload::SubscribeBulk(rows)
        | ReplyPayload::UnsubscribeBulk(rows) => Some(rows),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
