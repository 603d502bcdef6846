//! From a command's payload to MXAccess's call, and from its result to the reply. The same for every
//! backend.

use mxgateway_contracts::hresult;
use mxgateway_contracts::v1::mx_command::Payload;
use mxgateway_contracts::v1::mx_command_reply::Payload as ReplyPayload;
use mxgateway_contracts::v1::{
    AddItem2Reply, AddItemReply, AdviseState, CommandKind, GetSessionStateReply, MxCommand, MxCommandReply,
    MxValue, PingReply, RegisterReply, SessionState,
};
use mxgateway_contracts::worker_v1::{CommandRefusal, CommandRefusalCode};
use mxgateway_contracts::{command, worker_v1};

use crate::book::Book;
use crate::mxaccess::{CallError, MxAccess};

/// What the apartment answers.
pub(crate) type Answer = Result<MxCommandReply, CommandRefusal>;

/// Carries a command out on the apartment thread.
pub(crate) fn execute(backend: &mut dyn MxAccess, book: &mut Book, command: MxCommand) -> Answer {
    let kind = command::kind(&command);
    let (Some(kind), Some(payload)) = (kind, command.payload) else {
        return Err(refusal(
            CommandRefusalCode::Unsupported,
            "the command has no payload that this worker knows",
        ));
    };
    match call(backend, book, payload) {
        Some(Ok(done)) => Ok(MxCommandReply {
            kind: kind.into(),
            hresult: hresult::S_OK,
            return_value: done.handle.map(MxValue::from),
            payload: done.payload,
            ..MxCommandReply::default()
        }),
        Some(Err(error)) => Ok(MxCommandReply {
            kind: kind.into(),
            hresult: error.hresult,
            diagnostic_text: error.text,
            ..MxCommandReply::default()
        }),
        None => Err(unsupported(kind, &backend.identity().backend_name)),
    }
}

/// A refusal for want of an implementation, naming kind and backend.
pub(crate) fn unsupported(kind: CommandKind, backend_name: &str) -> CommandRefusal {
    let message = format!("the {backend_name} backend does not support {}", command::name(kind));
    refusal(CommandRefusalCode::Unsupported, message)
}

pub(crate) fn refusal(code: CommandRefusalCode, message: impl Into<String>) -> CommandRefusal {
    CommandRefusal { code: code.into(), message: message.into() }
}

/// The wire form of an answer.
pub(crate) fn wire(answer: Answer) -> worker_v1::CommandReply {
    let (reply, refusal) = match answer {
        Ok(reply) => (Some(reply), None),
        Err(refusal) => (None, Some(refusal)),
    };
    worker_v1::CommandReply { reply, repeated_request: false, refusal }
}

/// Ends whatever is still open, in MXAccess's order: UnAdvise, RemoveItem, Unregister. What fails is left
/// to the end of the process.
pub(crate) fn tear_down(backend: &mut dyn MxAccess, book: &Book) {
    for registration in book.state() {
        let server = registration.server_handle;
        for item in registration.items.iter().filter(|item| item.advise() != AdviseState::None) {
            let result = backend.un_advise(server, item.item_handle);
            warn_about("UnAdvise", server, item.item_handle, result);
        }
        for item in &registration.items {
            let result = backend.remove_item(server, item.item_handle);
            warn_about("RemoveItem", server, item.item_handle, result);
        }
        warn_about("Unregister", server, 0, backend.unregister(server));
    }
}

fn warn_about(call: &str, server_handle: i32, item_handle: i32, result: Result<(), CallError>) {
    if let Err(error) = result {
        tracing::warn!(call, server_handle, item_handle, %error, "Call failed while ending the session");
    }
}

#[derive(Default)]
struct Done {
    /// The call's return value.
    handle: Option<i32>,
    payload: Option<ReplyPayload>,
}

impl Done {
    fn with(handle: i32, payload: ReplyPayload) -> Self {
        Self { handle: Some(handle), payload: Some(payload) }
    }

    fn carrying(payload: ReplyPayload) -> Self {
        Self { handle: None, payload: Some(payload) }
    }
}

/// `None` for a kind that no backend has yet.
fn call(backend: &mut dyn MxAccess, book: &mut Book, payload: Payload) -> Option<Result<Done, CallError>> {
    Some(match payload {
        Payload::Register(command) => backend.register(&command.client_name).map(|server_handle| {
            book.registered(server_handle, command.client_name);
            Done::with(server_handle, ReplyPayload::Register(RegisterReply { server_handle }))
        }),
        Payload::Unregister(command) => backend.unregister(command.server_handle).map(|()| {
            book.unregistered(command.server_handle);
            Done::default()
        }),
        Payload::AddItem(command) => {
            let server = command.server_handle;
            backend.add_item(server, &command.item_definition, None).map(|item_handle| {
                book.added(server, item_handle, command.item_definition, String::new());
                Done::with(item_handle, ReplyPayload::AddItem(AddItemReply { item_handle }))
            })
        }
        Payload::AddItem2(command) => {
            let (server, context) = (command.server_handle, command.item_context);
            backend.add_item(server, &command.item_definition, Some(&context)).map(|item_handle| {
                book.added(server, item_handle, command.item_definition, context);
                Done::with(item_handle, ReplyPayload::AddItem2(AddItem2Reply { item_handle }))
            })
        }
        Payload::RemoveItem(command) => {
            backend.remove_item(command.server_handle, command.item_handle).map(|()| {
                book.removed(command.server_handle, command.item_handle);
                Done::default()
            })
        }
        Payload::Advise(command) => backend.advise(command.server_handle, command.item_handle).map(|()| {
            book.advised(command.server_handle, command.item_handle, AdviseState::Advised);
            Done::default()
        }),
        Payload::AdviseSupervisory(command) => {
            backend.advise_supervisory(command.server_handle, command.item_handle).map(|()| {
                book.advised(command.server_handle, command.item_handle, AdviseState::Supervisory);
                Done::default()
            })
        }
        Payload::UnAdvise(command) => {
            backend.un_advise(command.server_handle, command.item_handle).map(|()| {
                book.advised(command.server_handle, command.item_handle, AdviseState::None);
                Done::default()
            })
        }
        Payload::Write(command) => {
            let value = command.value.unwrap_or_default();
            backend
                .write(command.server_handle, command.item_handle, &value, None, command.user_id)
                .map(|()| Done::default())
        }
        Payload::Write2(command) => {
            let value = command.value.unwrap_or_default();
            let time = command.timestamp_value.unwrap_or_default();
            backend
                .write(command.server_handle, command.item_handle, &value, Some(&time), command.user_id)
                .map(|()| Done::default())
        }
        Payload::Ping(command) => Ok(Done::carrying(ReplyPayload::Ping(PingReply { message: command.message }))),
        Payload::GetSessionState(_) => {
            let state = SessionState::Ready.into();
            let reply = GetSessionStateReply { state, registrations: book.state() };
            Ok(Done::carrying(ReplyPayload::GetSessionState(reply)))
        }
        // The connection answers these itself; here they would be strangers.
        Payload::GetWorkerInfo(_)
        | Payload::DrainEvents(_)
        | Payload::ShutdownWorker(_)
        | Payload::InjectFault(_)
        // Not in any backend yet.
        | Payload::AddBufferedItem(_)
        | Payload::SetBufferedUpdateInterval(_)
        | Payload::Suspend(_)
        | Payload::Activate(_)
        | Payload::WriteSecured(_)
        | Payload::WriteSecured2(_)
        | Payload::AuthenticateUser(_)
        | Payload::ArchestraUserToId(_)
        | Payload::AddItemBulk(_)
        | Payload::AdviseItemBulk(_)
        | Payload::RemoveItemBulk(_)
        | Payload::UnAdviseItemBulk(_)
        | Payload::SubscribeBulk(_)
        | Payload::UnsubscribeBulk(_)
        | Payload::ReadBulk(_)
        | Payload::WriteBulk(_)
        | Payload::Write2Bulk(_)
        | Payload::WriteSecuredBulk(_)
        | Payload::WriteSecured2Bulk(_) => return None,
    })
}
