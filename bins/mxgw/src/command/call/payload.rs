//! From arguments to the command's message.

use jiff::tz::TimeZone;
use mxgateway_client::contracts::v1::mx_command::Payload;
use mxgateway_client::contracts::v1::{
    ActivateCommand, AddBufferedItemCommand, AddItem2Command, AddItemBulkCommand, AddItemCommand,
    AdviseCommand, AdviseItemBulkCommand, AdviseSupervisoryCommand, ArchestraUserToIdCommand,
    AuthenticateUserCommand, DrainEventsCommand, GetSessionStateCommand, GetWorkerInfoCommand, PingCommand,
    ReadBulkCommand, RegisterCommand, RemoveItemBulkCommand, RemoveItemCommand,
    SetBufferedUpdateIntervalCommand, ShutdownWorkerCommand, SubscribeBulkCommand, SuspendCommand,
    UnAdviseCommand, UnAdviseItemBulkCommand, UnregisterCommand, UnsubscribeBulkCommand, Write2BulkCommand,
    Write2Command, Write2Entry, WriteBulkCommand, WriteCommand, WriteEntry, WriteSecured2BulkCommand,
    WriteSecured2Command, WriteSecured2Entry, WriteSecuredBulkCommand, WriteSecuredCommand,
    WriteSecuredEntry,
};

use super::arguments::{AddItems, Entries, Item, Items, Server, Write, WriteSecured};
use super::kinds::Call;
use super::value::{Entry, Users};
use crate::exit::Failure;

/// What a command is made with beside its arguments.
pub(crate) struct Surroundings<'a> {
    /// Zone of times without one.
    pub(crate) zone: &'a TimeZone,
    /// Gives the password of a user, from this file when there is one.
    pub(crate) password: &'a dyn Fn(Option<&std::path::Path>) -> Result<String, Failure>,
}

/// A message with the fields of a command on an item.
macro_rules! on_item {
    ($kind:ident, $command:ident, $item:expr) => {{
        let Item { session, item } = $item;
        let (server_handle, item_handle) = (item.server_handle, item.item_handle);
        (session, Payload::$kind($command { server_handle, item_handle }))
    }};
}

/// A message with the fields of a command on many items.
macro_rules! on_items {
    ($kind:ident, $command:ident, $items:expr $(, $field:ident)?) => {{
        let Items { on: Server { session, server_handle }, items: item_handles } = $items;
        (session, Payload::$kind($command { server_handle, item_handles $(, $field)? }))
    }};
}

/// A message with the fields of a bulk write.
macro_rules! entries {
    ($kind:ident, $command:ident, $entries:expr, $zone:expr, $make:expr) => {{
        let Entries { on: Server { session, server_handle }, entries, kind } = $entries;
        let make = |entry: &Entry| Ok($make(entry.item_handle, entry.read(kind, $zone)?));
        let entries = entries.iter().map(make).collect::<Result<_, Failure>>()?;
        (session, Payload::$kind($command { server_handle, entries }))
    }};
}

impl Call {
    /// The session's id, and the command's message.
    pub(crate) fn payload(self, with: &Surroundings<'_>) -> Result<(String, Payload), Failure> {
        Ok(match self {
            Self::Register(of) => {
                (of.on.session, Payload::Register(RegisterCommand { client_name: of.client_name }))
            }
            Self::Unregister(of) => {
                (of.session, Payload::Unregister(UnregisterCommand { server_handle: of.server_handle }))
            }
            Self::AddItem(of) => {
                let Server { session, server_handle } = of.on;
                (session, Payload::AddItem(AddItemCommand { server_handle, item_definition: of.tag }))
            }
            Self::AddItem2(of) => {
                let Server { session, server_handle } = of.on;
                let (item_definition, item_context) = (of.tag, of.context);
                let command = AddItem2Command { server_handle, item_definition, item_context };
                (session, Payload::AddItem2(command))
            }
            Self::AddBufferedItem(of) => {
                let Server { session, server_handle } = of.on;
                let (item_definition, item_context) = (of.tag, of.context);
                let command = AddBufferedItemCommand { server_handle, item_definition, item_context };
                (session, Payload::AddBufferedItem(command))
            }
            Self::SetBufferedUpdateInterval(of) => {
                let Server { session, server_handle } = of.on;
                let update_interval_milliseconds = i32::try_from(of.interval.as_millis())
                    .map_err(|_| Failure::Usage("the interval is too long".to_owned()))?;
                let command =
                    SetBufferedUpdateIntervalCommand { server_handle, update_interval_milliseconds };
                (session, Payload::SetBufferedUpdateInterval(command))
            }
            Self::RemoveItem(of) => on_item!(RemoveItem, RemoveItemCommand, of),
            Self::Advise(of) => on_item!(Advise, AdviseCommand, of),
            Self::UnAdvise(of) => on_item!(UnAdvise, UnAdviseCommand, of),
            Self::AdviseSupervisory(of) => on_item!(AdviseSupervisory, AdviseSupervisoryCommand, of),
            Self::Suspend(of) => on_item!(Suspend, SuspendCommand, of),
            Self::Activate(of) => on_item!(Activate, ActivateCommand, of),
            Self::AuthenticateUser(of) => {
                let Server { session, server_handle } = of.on;
                let password = (with.password)(of.password_file.as_deref())?;
                let command = AuthenticateUserCommand { server_handle, user_name: of.user, password };
                (session, Payload::AuthenticateUser(command))
            }
            Self::ArchestraUserToId(of) => {
                let Server { session, server_handle } = of.on;
                let command = ArchestraUserToIdCommand { server_handle, user_guid: of.guid };
                (session, Payload::ArchestraUserToId(command))
            }
            Self::AddItemBulk(of) => {
                let AddItems { on: Server { session, server_handle }, tags: tag_addresses } = of;
                (session, Payload::AddItemBulk(AddItemBulkCommand { server_handle, tag_addresses }))
            }
            Self::SubscribeBulk(of) => {
                let AddItems { on: Server { session, server_handle }, tags: tag_addresses } = of.tags;
                let supervisory = of.supervisory;
                let command = SubscribeBulkCommand { server_handle, tag_addresses, supervisory };
                (session, Payload::SubscribeBulk(command))
            }
            Self::ReadBulk(of) => {
                let AddItems { on: Server { session, server_handle }, tags: tag_addresses } = of.tags;
                let timeout_milliseconds = of.wait.map_or(Ok(0), |wait| u32::try_from(wait.as_millis()));
                let timeout_milliseconds =
                    timeout_milliseconds.map_err(|_| Failure::Usage("--wait is too long".to_owned()))?;
                let command = ReadBulkCommand { server_handle, tag_addresses, timeout_milliseconds };
                (session, Payload::ReadBulk(command))
            }
            Self::AdviseItemBulk(of) => {
                let supervisory = of.supervisory;
                on_items!(AdviseItemBulk, AdviseItemBulkCommand, of.items, supervisory)
            }
            Self::RemoveItemBulk(of) => on_items!(RemoveItemBulk, RemoveItemBulkCommand, of),
            Self::UnAdviseItemBulk(of) => on_items!(UnAdviseItemBulk, UnAdviseItemBulkCommand, of),
            Self::UnsubscribeBulk(of) => on_items!(UnsubscribeBulk, UnsubscribeBulkCommand, of),
            Self::Write(of) => {
                let Write { on: Item { session, item }, value, user_id } = of;
                let (server_handle, item_handle) = (item.server_handle, item.item_handle);
                let value = value.read(with.zone)?;
                (session, Payload::Write(WriteCommand { server_handle, item_handle, value, user_id }))
            }
            Self::Write2(of) => {
                let Write { on: Item { session, item }, value, user_id } = of.write;
                let command = Write2Command {
                    server_handle: item.server_handle,
                    item_handle: item.item_handle,
                    value: value.read(with.zone)?,
                    timestamp_value: of.at.read(with.zone)?,
                    user_id,
                };
                (session, Payload::Write2(command))
            }
            Self::WriteSecured(of) => {
                let WriteSecured { on: Item { session, item }, value, users } = of;
                let command = WriteSecuredCommand {
                    server_handle: item.server_handle,
                    item_handle: item.item_handle,
                    current_user_id: users.user_id,
                    verifier_user_id: users.verifier_id,
                    value: value.read(with.zone)?,
                };
                (session, Payload::WriteSecured(command))
            }
            Self::WriteSecured2(of) => {
                let WriteSecured { on: Item { session, item }, value, users } = of.write;
                let command = WriteSecured2Command {
                    server_handle: item.server_handle,
                    item_handle: item.item_handle,
                    current_user_id: users.user_id,
                    verifier_user_id: users.verifier_id,
                    value: value.read(with.zone)?,
                    timestamp_value: of.at.read(with.zone)?,
                };
                (session, Payload::WriteSecured2(command))
            }
            Self::WriteBulk(of) => {
                let user_id = of.user_id;
                entries!(WriteBulk, WriteBulkCommand, of.entries, with.zone, |item_handle, value| {
                    WriteEntry { item_handle, value, user_id }
                })
            }
            Self::Write2Bulk(of) => {
                let (user_id, at) = (of.write.user_id, of.at.read(with.zone)?);
                entries!(Write2Bulk, Write2BulkCommand, of.write.entries, with.zone, |item_handle, value| {
                    Write2Entry { item_handle, value, timestamp_value: at.clone(), user_id }
                })
            }
            Self::WriteSecuredBulk(of) => {
                let Users { user_id: current_user_id, verifier_id: verifier_user_id } = of.users;
                entries!(
                    WriteSecuredBulk,
                    WriteSecuredBulkCommand,
                    of.entries,
                    with.zone,
                    |item_handle, value| {
                        WriteSecuredEntry { item_handle, current_user_id, verifier_user_id, value }
                    }
                )
            }
            Self::WriteSecured2Bulk(of) => {
                let Users { user_id: current_user_id, verifier_id: verifier_user_id } = of.write.users;
                let at = of.at.read(with.zone)?;
                entries!(
                    WriteSecured2Bulk,
                    WriteSecured2BulkCommand,
                    of.write.entries,
                    with.zone,
                    |item_handle, value| {
                        WriteSecured2Entry {
                            item_handle,
                            current_user_id,
                            verifier_user_id,
                            value,
                            timestamp_value: at.clone(),
                        }
                    }
                )
            }
            Self::Ping(of) => (of.on.session, Payload::Ping(PingCommand { message: of.message })),
            Self::GetSessionState(of) => (of.session, Payload::GetSessionState(GetSessionStateCommand {})),
            Self::GetWorkerInfo(of) => (of.session, Payload::GetWorkerInfo(GetWorkerInfoCommand {})),
            Self::DrainEvents(of) => {
                (of.on.session, Payload::DrainEvents(DrainEventsCommand { max_events: of.max_events }))
            }
            Self::InjectFault(of) => {
                let (session, command) = of.command();
                (session, Payload::InjectFault(command))
            }
            Self::ShutdownWorker(of) => (of.session, Payload::ShutdownWorker(ShutdownWorkerCommand {})),
        })
    }
}
