//! Single calls of MXAccess, under the names it has for them.
//!
//! Each fails with [`ClientError::MxAccess`] for a failed HRESULT, otherwise with a refusal of the gateway
//! or a transport failure.

use mxgateway_contracts::v1::mx_command::Payload;
use mxgateway_contracts::v1::{
    ActivateCommand, AddBufferedItemCommand, AddItem2Command, AddItemCommand, AdviseCommand,
    AdviseSupervisoryCommand, ArchestraUserToIdCommand, AuthenticateUserCommand, ItemReference, MxStatus,
    MxValue, RegisterCommand, RemoveItemCommand, SetBufferedUpdateIntervalCommand, SuspendCommand,
    UnAdviseCommand, UnregisterCommand, Write2Command, WriteCommand, WriteSecured2Command,
    WriteSecuredCommand,
};

use super::{SessionClient, incomplete, only};
use crate::error::ClientError;

/// Who stands behind a secured write: ids that [`SessionClient::authenticate_user`] gave for the same
/// registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecuredUsers {
    /// Who writes.
    pub current_user_id: i32,
    /// Who confirms it: another user for an attribute with Verified Write, the same one for Secured Write.
    pub verifier_user_id: i32,
}

/// # Registrations and items
impl SessionClient {
    /// `Register`: gives the server handle.
    pub async fn register(&self, client_name: &str) -> Result<i32, ClientError> {
        let command = RegisterCommand { client_name: client_name.to_owned() };
        self.ask(Payload::Register(command), only!(Register)).await.map(|reply| reply.server_handle)
    }

    /// `Unregister`: ends the registration with its items and users.
    pub async fn unregister(&self, server_handle: i32) -> Result<(), ClientError> {
        self.done(Payload::Unregister(UnregisterCommand { server_handle })).await
    }

    /// `AddItem`. Succeeds for a reference that does not resolve, too: that shows in the first
    /// `OnDataChange`.
    pub async fn add_item(&self, server_handle: i32, definition: &str) -> Result<ItemReference, ClientError> {
        let command = AddItemCommand { server_handle, item_definition: definition.to_owned() };
        let reply = self.ask(Payload::AddItem(command), only!(AddItem)).await?;
        Ok(ItemReference { server_handle, item_handle: reply.item_handle })
    }

    /// `AddItem2`: a reference relative to a context object.
    pub async fn add_item2(
        &self,
        server_handle: i32,
        definition: &str,
        context: &str,
    ) -> Result<ItemReference, ClientError> {
        let (item_definition, item_context) = (definition.to_owned(), context.to_owned());
        let command = AddItem2Command { server_handle, item_definition, item_context };
        let reply = self.ask(Payload::AddItem2(command), only!(AddItem2)).await?;
        Ok(ItemReference { server_handle, item_handle: reply.item_handle })
    }

    /// `AddBufferedItem`: samples of the item arrive together, as `OnBufferedDataChange`, at the interval of
    /// [`SessionClient::set_buffered_update_interval`]. `context` may be empty.
    pub async fn add_buffered_item(
        &self,
        server_handle: i32,
        definition: &str,
        context: &str,
    ) -> Result<ItemReference, ClientError> {
        let (item_definition, item_context) = (definition.to_owned(), context.to_owned());
        let command = AddBufferedItemCommand { server_handle, item_definition, item_context };
        let reply = self.ask(Payload::AddBufferedItem(command), only!(AddBufferedItem)).await?;
        Ok(ItemReference { server_handle, item_handle: reply.item_handle })
    }

    /// `SetBufferedUpdateInterval` of a registration's buffered items, in milliseconds. MXAccess is said to
    /// round up to the next 100.
    pub async fn set_buffered_update_interval(
        &self,
        server_handle: i32,
        update_interval_milliseconds: i32,
    ) -> Result<(), ClientError> {
        let command = SetBufferedUpdateIntervalCommand { server_handle, update_interval_milliseconds };
        self.done(Payload::SetBufferedUpdateInterval(command)).await
    }

    /// `RemoveItem`. The handle may be given out again.
    pub async fn remove_item(&self, item: ItemReference) -> Result<(), ClientError> {
        let ItemReference { server_handle, item_handle } = item;
        self.done(Payload::RemoveItem(RemoveItemCommand { server_handle, item_handle })).await
    }

    /// `Advise`: values of the item arrive as `OnDataChange` from now on, the current one first.
    pub async fn advise(&self, item: ItemReference) -> Result<(), ClientError> {
        let ItemReference { server_handle, item_handle } = item;
        self.done(Payload::Advise(AdviseCommand { server_handle, item_handle })).await
    }

    /// `AdviseSupervisory`: as [`SessionClient::advise`], but writes are attributed to the client itself and
    /// not to a user.
    pub async fn advise_supervisory(&self, item: ItemReference) -> Result<(), ClientError> {
        let ItemReference { server_handle, item_handle } = item;
        self.done(Payload::AdviseSupervisory(AdviseSupervisoryCommand { server_handle, item_handle })).await
    }

    /// `UnAdvise`: ends either kind of advise.
    pub async fn un_advise(&self, item: ItemReference) -> Result<(), ClientError> {
        let ItemReference { server_handle, item_handle } = item;
        self.done(Payload::UnAdvise(UnAdviseCommand { server_handle, item_handle })).await
    }

    /// `Suspend`: stops the delivery of an advised item. Gives the call's status, usually success with
    /// category Pending: the result comes as `OperationComplete`, if MXAccess raises it.
    pub async fn suspend(&self, item: ItemReference) -> Result<MxStatus, ClientError> {
        let ItemReference { server_handle, item_handle } = item;
        self.ask(Payload::Suspend(SuspendCommand { server_handle, item_handle }), only!(Suspend))
            .await?
            .status
            .ok_or_else(incomplete)
    }

    /// `Activate`: ends what [`SessionClient::suspend`] began; gives the call's status.
    pub async fn activate(&self, item: ItemReference) -> Result<MxStatus, ClientError> {
        let ItemReference { server_handle, item_handle } = item;
        self.ask(Payload::Activate(ActivateCommand { server_handle, item_handle }), only!(Activate))
            .await?
            .status
            .ok_or_else(incomplete)
    }
}

/// # Writes
///
/// Success means queued: the result comes as `OnWriteComplete` of the same item, without anything that says
/// which write it belongs to; completions of an item come in the order of its writes. MXAccess takes a write
/// only for an advised item whose first value has come.
impl SessionClient {
    /// `Write`. `user_id` 0 is no user.
    pub async fn write(&self, item: ItemReference, value: MxValue, user_id: i32) -> Result<(), ClientError> {
        let ItemReference { server_handle, item_handle } = item;
        let value = Some(value);
        self.done(Payload::Write(WriteCommand { server_handle, item_handle, value, user_id })).await
    }

    /// `Write2`: a write with a time stamp. `user_id` 0 is no user.
    pub async fn write2(
        &self,
        item: ItemReference,
        value: MxValue,
        timestamp: MxValue,
        user_id: i32,
    ) -> Result<(), ClientError> {
        self.done(Payload::Write2(Write2Command {
            server_handle: item.server_handle,
            item_handle: item.item_handle,
            value: Some(value),
            timestamp_value: Some(timestamp),
            user_id,
        }))
        .await
    }

    /// `WriteSecured`: a write in the name of two authenticated users, for attributes with the security
    /// classification Secured Write (detail 1012 for a plain write) or Verified Write (1013).
    pub async fn write_secured(
        &self,
        item: ItemReference,
        users: SecuredUsers,
        value: MxValue,
    ) -> Result<(), ClientError> {
        self.done(Payload::WriteSecured(WriteSecuredCommand {
            server_handle: item.server_handle,
            item_handle: item.item_handle,
            current_user_id: users.current_user_id,
            verifier_user_id: users.verifier_user_id,
            value: Some(value),
        }))
        .await
    }

    /// `WriteSecured2`: a secured write with a time stamp.
    pub async fn write_secured2(
        &self,
        item: ItemReference,
        users: SecuredUsers,
        value: MxValue,
        timestamp: MxValue,
    ) -> Result<(), ClientError> {
        self.done(Payload::WriteSecured2(WriteSecured2Command {
            server_handle: item.server_handle,
            item_handle: item.item_handle,
            current_user_id: users.current_user_id,
            verifier_user_id: users.verifier_user_id,
            value: Some(value),
            timestamp_value: Some(timestamp),
        }))
        .await
    }
}

/// # Users
impl SessionClient {
    /// `AuthenticateUser`: gives the user's id, valid for this registration, or 0 when MXAccess refused. The
    /// name is `domain\user` with operating system security, the plain name with galaxy security. With
    /// security off any name and password get an id: it proves nothing then.
    pub async fn authenticate_user(
        &self,
        server_handle: i32,
        user_name: &str,
        password: &str,
    ) -> Result<i32, ClientError> {
        let (user_name, password) = (user_name.to_owned(), password.to_owned());
        let command = AuthenticateUserCommand { server_handle, user_name, password };
        self.ask(Payload::AuthenticateUser(command), only!(AuthenticateUser)).await.map(|reply| reply.user_id)
    }

    /// `ArchestrAUserToId`: the id of a galaxy user by GUID, without a password.
    pub async fn archestra_user_to_id(
        &self,
        server_handle: i32,
        user_guid: &str,
    ) -> Result<i32, ClientError> {
        let command = ArchestraUserToIdCommand { server_handle, user_guid: user_guid.to_owned() };
        self.ask(Payload::ArchestraUserToId(command), only!(ArchestraUserToId))
            .await
            .map(|reply| reply.user_id)
    }
}
