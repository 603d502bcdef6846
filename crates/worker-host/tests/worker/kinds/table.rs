//! The table of all kinds of commands: what each does with good arguments, with a bad handle, in the wrong state, and
//! with a value of the wrong type. The tests of the worker run it, and those through real COM.

use mxgateway_contracts::hresult::{ALREADY_INITIALIZED, E_INVALIDARG, S_OK};
use mxgateway_contracts::v1::mx_command::Payload;
use mxgateway_contracts::v1::mx_command_reply::Payload as Reply;
use mxgateway_contracts::v1::{
    ActivateCommand, AddBufferedItemCommand, AddItem2Command, AddItemBulkCommand, AddItemCommand,
    AdviseCommand, AdviseItemBulkCommand, AdviseSupervisoryCommand, ArchestraUserToIdCommand,
    AuthenticateUserCommand, CommandKind, DrainEventsCommand, GetSessionStateCommand, GetWorkerInfoCommand,
    InjectFaultCommand, MxCommandReply, MxValue, PingCommand, ReadBulkCommand, RefuseRegisterFault,
    RegisterCommand, RemoveItemBulkCommand, RemoveItemCommand, SetBufferedUpdateIntervalCommand,
    ShutdownWorkerCommand, SubscribeBulkCommand, SuspendCommand, UnAdviseCommand, UnAdviseItemBulkCommand,
    UnregisterCommand, UnsubscribeBulkCommand, Write2BulkCommand, Write2Command, Write2Entry,
    WriteBulkCommand, WriteCommand, WriteEntry, WriteSecured2BulkCommand, WriteSecured2Command,
    WriteSecured2Entry, WriteSecuredBulkCommand, WriteSecuredCommand, WriteSecuredEntry,
    inject_fault_command::Fault,
};

/// Tags of the items of the session that each case finds, by their handles from 1.
pub(crate) const TAGS: [&str; 3] =
    ["TestMachine_001.TestInteger", "TestMachine_001.SecuredWrite", "TestMachine_001.TestInteger"];
pub(crate) const SERVER: i32 = 1;
/// Advised, with its first event.
pub(crate) const ITEM: i32 = 1;
/// Of class Secured Write; advised, with its first event.
pub(crate) const SECURED: i32 = 2;
/// Added only.
const ADDED: i32 = 3;
const NOWHERE: i32 = 77;
/// Authenticated.
pub(crate) const USER: i32 = 1;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Case {
    Good,
    BadHandle,
    WrongState,
    WrongType,
}
use Case::{BadHandle, Good, WrongState, WrongType};

/// What comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expect {
    /// This HRESULT, in the reply.
    Reply(i32),
    /// A reply of S_OK whose first row has this HRESULT.
    Row(i32),
    /// A reply (and rows, if any) of S_OK, and later an OnWriteComplete with this detail.
    Completes(i32),
}
use Expect::{Completes, Reply as Replies, Row};

pub(crate) type Rows = Vec<(Case, Payload, Expect)>;

/// The table. It is a match without a wildcard: a new kind does not build until it has its row.
pub(crate) fn rows(kind: CommandKind) -> Rows {
    match kind {
        CommandKind::Unspecified => Vec::new(),
        CommandKind::Register => vec![
            // Register connects the client; a second one is refused as a session has one registration.
            (
                WrongState,
                Payload::Register(RegisterCommand { client_name: "x".into() }),
                Replies(ALREADY_INITIALIZED),
            ),
            (WrongType, Payload::Register(RegisterCommand::default()), Replies(E_INVALIDARG)),
        ],
        CommandKind::Unregister => {
            of_server(|server_handle| Payload::Unregister(UnregisterCommand { server_handle }))
        }
        CommandKind::AddItem => {
            let tag = || "Tank_001.Level".to_owned();
            let mut rows = of_server(|server_handle| {
                Payload::AddItem(AddItemCommand { server_handle, item_definition: tag() })
            });
            // A reference that does not resolve is told by the first OnDataChange, not by the call.
            let command = AddItemCommand { server_handle: SERVER, item_definition: "Nowhere.At.All".into() };
            rows.push((WrongType, Payload::AddItem(command), Replies(S_OK)));
            rows
        }
        CommandKind::AddItem2 => of_server(|server_handle| {
            let (item_definition, item_context) = ("me.Level".into(), "Tank_001".into());
            Payload::AddItem2(AddItem2Command { server_handle, item_definition, item_context })
        }),
        CommandKind::RemoveItem => of_item(S_OK, |server_handle, item_handle| {
            Payload::RemoveItem(RemoveItemCommand { server_handle, item_handle })
        }),
        CommandKind::AddBufferedItem => of_server(|server_handle| {
            let item_definition = "Tank_001.Level".into();
            Payload::AddBufferedItem(AddBufferedItemCommand {
                server_handle,
                item_definition,
                ..Default::default()
            })
        }),
        CommandKind::SetBufferedUpdateInterval => {
            let command = |server_handle, update_interval_milliseconds| {
                Payload::SetBufferedUpdateInterval(SetBufferedUpdateIntervalCommand {
                    server_handle,
                    update_interval_milliseconds,
                })
            };
            let mut rows = of_server(|server_handle| command(server_handle, 250));
            rows.push((WrongType, command(SERVER, 0), Replies(E_INVALIDARG)));
            rows
        }
        CommandKind::Advise => of_item(S_OK, |server_handle, item_handle| {
            Payload::Advise(AdviseCommand { server_handle, item_handle })
        }),
        CommandKind::UnAdvise => of_item(E_INVALIDARG, |server_handle, item_handle| {
            Payload::UnAdvise(UnAdviseCommand { server_handle, item_handle })
        }),
        CommandKind::AdviseSupervisory => of_item(S_OK, |server_handle, item_handle| {
            Payload::AdviseSupervisory(AdviseSupervisoryCommand { server_handle, item_handle })
        }),
        CommandKind::Suspend => of_item(E_INVALIDARG, |server_handle, item_handle| {
            Payload::Suspend(SuspendCommand { server_handle, item_handle })
        }),
        // Activate on what is not suspended returns success at once.
        CommandKind::Activate => of_item(S_OK, |server_handle, item_handle| {
            Payload::Activate(ActivateCommand { server_handle, item_handle })
        }),
        CommandKind::Write => of_write(ITEM, |server_handle, item_handle, value| {
            Payload::Write(WriteCommand { server_handle, item_handle, value, user_id: 0 })
        }),
        CommandKind::Write2 => of_write(ITEM, |server_handle, item_handle, value| {
            Payload::Write2(Write2Command {
                server_handle,
                item_handle,
                value,
                timestamp_value: time(),
                user_id: 0,
            })
        }),
        CommandKind::WriteSecured => of_write(SECURED, |server_handle, item_handle, value| {
            let (current_user_id, verifier_user_id) = (USER, USER);
            Payload::WriteSecured(WriteSecuredCommand {
                server_handle,
                item_handle,
                current_user_id,
                verifier_user_id,
                value,
            })
        }),
        CommandKind::WriteSecured2 => of_write(SECURED, |server_handle, item_handle, value| {
            Payload::WriteSecured2(WriteSecured2Command {
                server_handle,
                item_handle,
                current_user_id: USER,
                verifier_user_id: USER,
                value,
                timestamp_value: time(),
            })
        }),
        // With security off, any name and password are right.
        CommandKind::AuthenticateUser => of_server(|server_handle| {
            let (user_name, password) = ("anybody".into(), "wrong".into());
            Payload::AuthenticateUser(AuthenticateUserCommand { server_handle, user_name, password })
        }),
        CommandKind::ArchestraUserToId => of_server(|server_handle| {
            let user_guid = "{00000000-0000-0000-0000-000000000001}".into();
            Payload::ArchestraUserToId(ArchestraUserToIdCommand { server_handle, user_guid })
        }),
        CommandKind::AddItemBulk => of_bulk_tags(|server_handle, tag_addresses| {
            Payload::AddItemBulk(AddItemBulkCommand { server_handle, tag_addresses })
        }),
        CommandKind::AdviseItemBulk => of_bulk(S_OK, |server_handle, item_handles| {
            Payload::AdviseItemBulk(AdviseItemBulkCommand { server_handle, item_handles, supervisory: true })
        }),
        CommandKind::RemoveItemBulk => of_bulk(S_OK, |server_handle, item_handles| {
            Payload::RemoveItemBulk(RemoveItemBulkCommand { server_handle, item_handles })
        }),
        CommandKind::UnAdviseItemBulk => of_bulk(E_INVALIDARG, |server_handle, item_handles| {
            Payload::UnAdviseItemBulk(UnAdviseItemBulkCommand { server_handle, item_handles })
        }),
        CommandKind::SubscribeBulk => of_bulk_tags(|server_handle, tag_addresses| {
            Payload::SubscribeBulk(SubscribeBulkCommand { server_handle, tag_addresses, supervisory: false })
        }),
        CommandKind::UnsubscribeBulk => of_bulk(S_OK, |server_handle, item_handles| {
            Payload::UnsubscribeBulk(UnsubscribeBulkCommand { server_handle, item_handles })
        }),
        CommandKind::ReadBulk => of_bulk_tags(|server_handle, tag_addresses| {
            Payload::ReadBulk(ReadBulkCommand { server_handle, tag_addresses, timeout_milliseconds: 0 })
        }),
        CommandKind::WriteBulk => of_bulk_write(ITEM, |server_handle, item_handle, value| {
            let entries = vec![WriteEntry { item_handle, value, user_id: 0 }];
            Payload::WriteBulk(WriteBulkCommand { server_handle, entries })
        }),
        CommandKind::Write2Bulk => of_bulk_write(ITEM, |server_handle, item_handle, value| {
            let entries = vec![Write2Entry { item_handle, value, timestamp_value: time(), user_id: 0 }];
            Payload::Write2Bulk(Write2BulkCommand { server_handle, entries })
        }),
        CommandKind::WriteSecuredBulk => of_bulk_write(SECURED, |server_handle, item_handle, value| {
            let (current_user_id, verifier_user_id) = (USER, USER);
            let entries = vec![WriteSecuredEntry { item_handle, current_user_id, verifier_user_id, value }];
            Payload::WriteSecuredBulk(WriteSecuredBulkCommand { server_handle, entries })
        }),
        CommandKind::WriteSecured2Bulk => of_bulk_write(SECURED, |server_handle, item_handle, value| {
            let entries = vec![WriteSecured2Entry {
                item_handle,
                current_user_id: USER,
                verifier_user_id: USER,
                value,
                timestamp_value: time(),
            }];
            Payload::WriteSecured2Bulk(WriteSecured2BulkCommand { server_handle, entries })
        }),
        // Control commands take no handles and have no state.
        CommandKind::Ping => good(Payload::Ping(PingCommand::default())),
        CommandKind::GetSessionState => good(Payload::GetSessionState(GetSessionStateCommand {})),
        CommandKind::GetWorkerInfo => good(Payload::GetWorkerInfo(GetWorkerInfoCommand {})),
        CommandKind::DrainEvents => good(Payload::DrainEvents(DrainEventsCommand { max_events: 1 })),
        CommandKind::ShutdownWorker => good(Payload::ShutdownWorker(ShutdownWorkerCommand {})),
        CommandKind::InjectFault => {
            let fault = Fault::RefuseRegister(RefuseRegisterFault::default());
            good(Payload::InjectFault(InjectFaultCommand { fault: Some(fault) }))
        }
    }
}

fn good(payload: Payload) -> Rows {
    vec![(Good, payload, Replies(S_OK))]
}

fn of_server(command: impl Fn(i32) -> Payload) -> Rows {
    vec![
        (Good, command(SERVER), Replies(S_OK)),
        (BadHandle, command(NOWHERE), Replies(E_INVALIDARG)),
        (BadHandle, command(0), Replies(E_INVALIDARG)),
    ]
}

/// `not_advised` is the answer for an item that is added only.
fn of_item(not_advised: i32, command: impl Fn(i32, i32) -> Payload) -> Rows {
    vec![
        (Good, command(SERVER, ITEM), Replies(S_OK)),
        (BadHandle, command(NOWHERE, ITEM), Replies(E_INVALIDARG)),
        (BadHandle, command(SERVER, NOWHERE), Replies(E_INVALIDARG)),
        (WrongState, command(SERVER, ADDED), Replies(not_advised)),
    ]
}

fn of_write(item: i32, command: impl Fn(i32, i32, Option<MxValue>) -> Payload) -> Rows {
    let value = || Some(5.into());
    let mut rows = vec![
        (Good, command(SERVER, item, value()), Completes(0)),
        (BadHandle, command(NOWHERE, item, value()), Replies(E_INVALIDARG)),
        (BadHandle, command(SERVER, NOWHERE, value()), Replies(E_INVALIDARG)),
        (WrongState, command(SERVER, ADDED, value()), Replies(E_INVALIDARG)),
        // The call takes any value; what does not convert is told by the completion.
        (WrongType, command(SERVER, item, Some("five".into())), Completes(19)),
        (WrongType, command(SERVER, item, None), Completes(1005)),
    ];
    if item == ITEM {
        // A plain write is not enough for Secured Write.
        rows.push((WrongState, command(SERVER, SECURED, value()), Completes(1012)));
    }
    rows
}

fn of_bulk(not_advised: i32, command: impl Fn(i32, Vec<i32>) -> Payload) -> Rows {
    let rows = of_item(not_advised, |server, item| command(server, vec![item]));
    rows.into_iter().map(in_row).collect()
}

fn of_bulk_write(item: i32, command: impl Fn(i32, i32, Option<MxValue>) -> Payload) -> Rows {
    of_write(item, command).into_iter().map(in_row).collect()
}

fn of_bulk_tags(command: impl Fn(i32, Vec<String>) -> Payload) -> Rows {
    let tags = || vec!["Tank_001.SetPoint".to_owned()];
    vec![
        (Good, command(SERVER, tags()), Row(S_OK)),
        (BadHandle, command(NOWHERE, tags()), Row(E_INVALIDARG)),
        (WrongType, command(SERVER, vec!["x".repeat(5000)]), Row(E_INVALIDARG)),
        (Good, command(SERVER, Vec::new()), Replies(S_OK)),
    ]
}

fn in_row((case, payload, expect): (Case, Payload, Expect)) -> (Case, Payload, Expect) {
    let expect = match expect {
        Replies(hresult) | Row(hresult) => Row(hresult),
        Completes(detail) => Completes(detail),
    };
    (case, payload, expect)
}

fn time() -> Option<MxValue> {
    Some("2026-01-01T00:00:00Z".into())
}

/// HRESULTs of a bulk reply's rows; `None` for any other.
pub(crate) fn row_results(reply: &MxCommandReply) -> Option<Vec<i32>> {
    match reply.payload.as_ref()? {
        Reply::AddItemBulk(rows)
        | Reply::AdviseItemBulk(rows)
        | Reply::RemoveItemBulk(rows)
        | Reply::UnAdviseItemBulk(rows)
        | Reply::SubscribeBulk(rows)
        | Reply::UnsubscribeBulk(rows) => Some(rows.results.iter().map(|row| row.hresult).collect()),
        Reply::ReadBulk(rows) => Some(rows.results.iter().map(|row| row.hresult).collect()),
        Reply::WriteBulk(rows)
        | Reply::Write2Bulk(rows)
        | Reply::WriteSecuredBulk(rows)
        | Reply::WriteSecured2Bulk(rows) => Some(rows.results.iter().map(|row| row.hresult).collect()),
        Reply::Register(_)
        | Reply::AddItem(_)
        | Reply::AddItem2(_)
        | Reply::AddBufferedItem(_)
        | Reply::Suspend(_)
        | Reply::Activate(_)
        | Reply::AuthenticateUser(_)
        | Reply::ArchestraUserToId(_)
        | Reply::Ping(_)
        | Reply::GetSessionState(_)
        | Reply::GetWorkerInfo(_)
        | Reply::DrainEvents(_)
        | Reply::InjectFault(_) => None,
    }
}
