//! Command kinds: their names, and which payload belongs to which kind.

use crate::v1::{CommandKind, MxCommand, mx_command::Payload};

/// Items that one bulk command may have. The gateway and the worker refuse more.
pub const MAX_BULK_ITEMS: usize = 20_000;

/// The kind of a command; `None` without a payload (or with one newer than this build).
pub fn kind(command: &MxCommand) -> Option<CommandKind> {
    Some(match command.payload.as_ref()? {
        Payload::Register(_) => CommandKind::Register,
        Payload::Unregister(_) => CommandKind::Unregister,
        Payload::AddItem(_) => CommandKind::AddItem,
        Payload::AddItem2(_) => CommandKind::AddItem2,
        Payload::RemoveItem(_) => CommandKind::RemoveItem,
        Payload::AddBufferedItem(_) => CommandKind::AddBufferedItem,
        Payload::SetBufferedUpdateInterval(_) => CommandKind::SetBufferedUpdateInterval,
        Payload::Advise(_) => CommandKind::Advise,
        Payload::UnAdvise(_) => CommandKind::UnAdvise,
        Payload::AdviseSupervisory(_) => CommandKind::AdviseSupervisory,
        Payload::Suspend(_) => CommandKind::Suspend,
        Payload::Activate(_) => CommandKind::Activate,
        Payload::Write(_) => CommandKind::Write,
        Payload::Write2(_) => CommandKind::Write2,
        Payload::WriteSecured(_) => CommandKind::WriteSecured,
        Payload::WriteSecured2(_) => CommandKind::WriteSecured2,
        Payload::AuthenticateUser(_) => CommandKind::AuthenticateUser,
        Payload::ArchestraUserToId(_) => CommandKind::ArchestraUserToId,
        Payload::AddItemBulk(_) => CommandKind::AddItemBulk,
        Payload::AdviseItemBulk(_) => CommandKind::AdviseItemBulk,
        Payload::RemoveItemBulk(_) => CommandKind::RemoveItemBulk,
        Payload::UnAdviseItemBulk(_) => CommandKind::UnAdviseItemBulk,
        Payload::SubscribeBulk(_) => CommandKind::SubscribeBulk,
        Payload::UnsubscribeBulk(_) => CommandKind::UnsubscribeBulk,
        Payload::ReadBulk(_) => CommandKind::ReadBulk,
        Payload::WriteBulk(_) => CommandKind::WriteBulk,
        Payload::Write2Bulk(_) => CommandKind::Write2Bulk,
        Payload::WriteSecuredBulk(_) => CommandKind::WriteSecuredBulk,
        Payload::WriteSecured2Bulk(_) => CommandKind::WriteSecured2Bulk,
        Payload::Ping(_) => CommandKind::Ping,
        Payload::GetSessionState(_) => CommandKind::GetSessionState,
        Payload::GetWorkerInfo(_) => CommandKind::GetWorkerInfo,
        Payload::DrainEvents(_) => CommandKind::DrainEvents,
        Payload::ShutdownWorker(_) => CommandKind::ShutdownWorker,
        Payload::InjectFault(_) => CommandKind::InjectFault,
    })
}

/// A kind's short name, as in MXAccess: `AddItem2`, `SubscribeBulk`.
pub fn name(kind: CommandKind) -> &'static str {
    match kind {
        CommandKind::Unspecified => "Unspecified",
        CommandKind::Register => "Register",
        CommandKind::Unregister => "Unregister",
        CommandKind::AddItem => "AddItem",
        CommandKind::AddItem2 => "AddItem2",
        CommandKind::RemoveItem => "RemoveItem",
        CommandKind::AddBufferedItem => "AddBufferedItem",
        CommandKind::SetBufferedUpdateInterval => "SetBufferedUpdateInterval",
        CommandKind::Advise => "Advise",
        CommandKind::UnAdvise => "UnAdvise",
        CommandKind::AdviseSupervisory => "AdviseSupervisory",
        CommandKind::Suspend => "Suspend",
        CommandKind::Activate => "Activate",
        CommandKind::Write => "Write",
        CommandKind::Write2 => "Write2",
        CommandKind::WriteSecured => "WriteSecured",
        CommandKind::WriteSecured2 => "WriteSecured2",
        CommandKind::AuthenticateUser => "AuthenticateUser",
        CommandKind::ArchestraUserToId => "ArchestrAUserToId",
        CommandKind::AddItemBulk => "AddItemBulk",
        CommandKind::AdviseItemBulk => "AdviseItemBulk",
        CommandKind::RemoveItemBulk => "RemoveItemBulk",
        CommandKind::UnAdviseItemBulk => "UnAdviseItemBulk",
        CommandKind::SubscribeBulk => "SubscribeBulk",
        CommandKind::UnsubscribeBulk => "UnsubscribeBulk",
        CommandKind::ReadBulk => "ReadBulk",
        CommandKind::WriteBulk => "WriteBulk",
        CommandKind::Write2Bulk => "Write2Bulk",
        CommandKind::WriteSecuredBulk => "WriteSecuredBulk",
        CommandKind::WriteSecured2Bulk => "WriteSecured2Bulk",
        CommandKind::Ping => "Ping",
        CommandKind::GetSessionState => "GetSessionState",
        CommandKind::GetWorkerInfo => "GetWorkerInfo",
        CommandKind::DrainEvents => "DrainEvents",
        CommandKind::ShutdownWorker => "ShutdownWorker",
        CommandKind::InjectFault => "InjectFault",
    }
}

/// Items of a bulk command; `None` for any other.
pub fn bulk_len(payload: &Payload) -> Option<usize> {
    Some(match payload {
        Payload::AddItemBulk(command) => command.tag_addresses.len(),
        Payload::AdviseItemBulk(command) => command.item_handles.len(),
        Payload::RemoveItemBulk(command) => command.item_handles.len(),
        Payload::UnAdviseItemBulk(command) => command.item_handles.len(),
        Payload::SubscribeBulk(command) => command.tag_addresses.len(),
        Payload::UnsubscribeBulk(command) => command.item_handles.len(),
        Payload::ReadBulk(command) => command.tag_addresses.len(),
        Payload::WriteBulk(command) => command.entries.len(),
        Payload::Write2Bulk(command) => command.entries.len(),
        Payload::WriteSecuredBulk(command) => command.entries.len(),
        Payload::WriteSecured2Bulk(command) => command.entries.len(),
        Payload::Register(_)
        | Payload::Unregister(_)
        | Payload::AddItem(_)
        | Payload::AddItem2(_)
        | Payload::RemoveItem(_)
        | Payload::AddBufferedItem(_)
        | Payload::SetBufferedUpdateInterval(_)
        | Payload::Advise(_)
        | Payload::UnAdvise(_)
        | Payload::AdviseSupervisory(_)
        | Payload::Suspend(_)
        | Payload::Activate(_)
        | Payload::Write(_)
        | Payload::Write2(_)
        | Payload::WriteSecured(_)
        | Payload::WriteSecured2(_)
        | Payload::AuthenticateUser(_)
        | Payload::ArchestraUserToId(_)
        | Payload::Ping(_)
        | Payload::GetSessionState(_)
        | Payload::GetWorkerInfo(_)
        | Payload::DrainEvents(_)
        | Payload::ShutdownWorker(_)
        | Payload::InjectFault(_) => return None,
    })
}

impl From<Payload> for MxCommand {
    fn from(payload: Payload) -> Self {
        Self { payload: Some(payload) }
    }
}
