//! What earlier commands of a batch gave, for later ones.

use mxgateway_client::contracts::v1::mx_command_reply::Payload;
use mxgateway_client::contracts::v1::{ItemReference, MxCommandReply};

/// What was given last.
#[derive(Debug, Default)]
pub(crate) struct Last {
    /// Id of the session that was opened.
    pub(crate) session: Option<String>,
    /// Handle that Register gave.
    pub(crate) server_handle: Option<i32>,
    /// Item that was added.
    pub(crate) item: Option<ItemReference>,
}

impl Last {
    /// Takes what a reply gives. `server_handle` is that of the command.
    pub(crate) fn see(&mut self, reply: &MxCommandReply, server_handle: i32) {
        let Some(payload) = &reply.payload else { return };
        let item_handle = if let Payload::Register(reply) = payload {
            self.server_handle = Some(reply.server_handle);
            return;
        } else if let Payload::AddItem(reply) = payload {
            reply.item_handle
        } else if let Payload::AddItem2(reply) = payload {
            reply.item_handle
        } else if let Payload::AddBufferedItem(reply) = payload {
            reply.item_handle
        } else {
            return;
        };
        self.item = Some(ItemReference { server_handle, item_handle });
    }
}
