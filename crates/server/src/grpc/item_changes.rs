//! What a command that succeeded changed about a session's items.

use mxgateway_contracts::hresult;
use mxgateway_contracts::v1::mx_command::Payload;
use mxgateway_contracts::v1::{MxCommand, MxCommandReply, mx_command_reply};
use mxgateway_session_core::event::ItemKey;
use mxgateway_session_core::items::{AdviseState, Item, ItemChange};

/// What to remember of a command until its reply is there; `None` when it changes no items.
#[derive(Debug)]
pub(super) enum Intent {
    Register,
    Unregister(i32),
    Add(i32, Item),
    Remove(ItemKey),
    Advise(ItemKey, AdviseState),
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
    Some(match command.payload.as_ref()? {
        Payload::Register(_) => Intent::Register,
        Payload::Unregister(command) => Intent::Unregister(command.server_handle),
        Payload::AddItem(command) => Intent::Add(command.server_handle, item(&command.item_definition, "")),
        Payload::AddItem2(command) => {
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
        _ => return None,
    })
}

/// The change, when the reply says that it happened.
pub(super) fn change(intent: Intent, reply: &MxCommandReply) -> Option<ItemChange> {
    if !hresult::is_success(reply.hresult) {
        return None;
    }
    match intent {
        Intent::Register => match &reply.payload {
            Some(mx_command_reply::Payload::Register(reply)) => {
                Some(ItemChange::Registered(reply.server_handle))
            }
            _ => None,
        },
        Intent::Unregister(server_handle) => Some(ItemChange::Unregistered(server_handle)),
        Intent::Add(server_handle, item) => {
            let item_handle = match &reply.payload {
                Some(mx_command_reply::Payload::AddItem(reply)) => reply.item_handle,
                Some(mx_command_reply::Payload::AddItem2(reply)) => reply.item_handle,
                _ => return None,
            };
            Some(ItemChange::Added(ItemKey { server_handle, item_handle }, item))
        }
        Intent::Remove(key) => Some(ItemChange::Removed(key)),
        Intent::Advise(key, advise) => Some(ItemChange::Advised(key, advise)),
    }
}

#[cfg(test)]
mod tests {
    use mxgateway_contracts::v1::{AddItemCommand, AddItemReply, PingCommand, UnregisterCommand};

    use super::*;

    #[test]
    fn a_reply_decides_whether_a_command_changed_something() {
        let add = MxCommand::from(Payload::AddItem(AddItemCommand {
            server_handle: 1,
            item_definition: "Tank_001.Level".to_owned(),
        }));
        let done = MxCommandReply {
            payload: Some(mx_command_reply::Payload::AddItem(AddItemReply { item_handle: 7 })),
            ..MxCommandReply::default()
        };
        let Some(ItemChange::Added(key, item)) = change(intent(&add, 0).unwrap(), &done) else {
            panic!("no item was added")
        };
        assert_eq!(key, ItemKey { server_handle: 1, item_handle: 7 });
        assert_eq!(item.definition, "Tank_001.Level");

        let failed = MxCommandReply { hresult: hresult::E_INVALIDARG, ..done };
        assert_eq!(change(intent(&add, 0).unwrap(), &failed), None);
    }

    #[test]
    fn commands_that_change_no_items_are_not_remembered() {
        assert!(intent(&Payload::Ping(PingCommand::default()).into(), 0).is_none());
        assert!(intent(&MxCommand::default(), 0).is_none());
        assert!(intent(&Payload::Unregister(UnregisterCommand { server_handle: 1 }).into(), 0).is_some());
    }
}
