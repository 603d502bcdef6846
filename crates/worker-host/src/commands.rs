//! From a command's payload to MXAccess's call, and from its result to the reply. The same for every
//! backend.

use mxgateway_contracts::hresult;
use mxgateway_contracts::v1::mx_command::Payload;
use mxgateway_contracts::v1::mx_command_reply::Payload as ReplyPayload;
use mxgateway_contracts::v1::{
    ActivateReply, AddBufferedItemReply, AddItem2Reply, AddItemReply, AdviseState, ArchestraUserToIdReply,
    AuthenticateUserReply, CommandKind, GetSessionStateReply, InjectFaultReply, MxCommand, MxCommandReply,
    MxStatus, MxValue, PingReply, RegisterReply, SessionState, SuspendReply,
};
use mxgateway_contracts::worker_v1::{CommandRefusal, CommandRefusalCode};
use mxgateway_contracts::{command, worker_v1};
use zeroize::Zeroize;

use crate::book::{Book, Item};
use crate::journal::Journal;
use crate::mxaccess::{CallError, MxAccess};
use crate::tap::Tap;

mod bulk;
mod read;

/// What the apartment answers.
pub(crate) type Answer = Result<MxCommandReply, CommandRefusal>;

/// MXAccess's calls, with the books kept.
pub(crate) struct Calls<'a> {
    pub(crate) backend: &'a mut dyn MxAccess,
    pub(crate) book: &'a mut Book,
    pub(crate) tap: &'a Tap,
    pub(crate) journal: &'a Journal,
    /// Called by a command that waits, to show that the apartment lives; false when it is to end.
    pub(crate) go_on: &'a dyn Fn() -> bool,
}

/// Carries a command out on the apartment thread.
pub(crate) fn execute(calls: &mut Calls<'_>, command: MxCommand) -> Answer {
    let kind = command::kind(&command);
    let (Some(kind), Some(payload)) = (kind, command.payload) else {
        return Err(refusal(
            CommandRefusalCode::Unsupported,
            "the command has no payload that this worker knows",
        ));
    };
    if let Some(items) = command::bulk_len(&payload).filter(|items| *items > command::MAX_BULK_ITEMS) {
        let message = format!(
            "{} has {items} items; the limit is {}, so split it",
            command::name(kind),
            command::MAX_BULK_ITEMS
        );
        return Err(refusal(CommandRefusalCode::Invalid, message));
    }
    if let Some(faults) = calls.backend.faults() {
        faults.before(kind);
    }
    match calls.call(payload) {
        Some(Ok(done)) => Ok(MxCommandReply {
            kind: kind.into(),
            hresult: hresult::S_OK,
            statuses: done.statuses,
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
        None => Err(unsupported(kind, &calls.backend.identity().backend_name)),
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

/// The wire form of an answer; `newest_sequence` is of the newest event raised until now.
pub(crate) fn wire(answer: Answer, repeated_request: bool, newest_sequence: u64) -> worker_v1::CommandReply {
    let (reply, refusal) = match answer {
        Ok(reply) => (Some(reply), None),
        Err(refusal) => (None, Some(refusal)),
    };
    worker_v1::CommandReply { reply, repeated_request, refusal, newest_sequence }
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
    /// What the call itself returned.
    statuses: Vec<MxStatus>,
    payload: Option<ReplyPayload>,
}

impl Done {
    fn with(handle: i32, payload: ReplyPayload) -> Self {
        Self { handle: Some(handle), payload: Some(payload), ..Self::default() }
    }

    fn carrying(payload: ReplyPayload) -> Self {
        Self { payload: Some(payload), ..Self::default() }
    }

    fn nothing((): ()) -> Self {
        Self::default()
    }

    fn status(status: MxStatus, payload: impl FnOnce(Option<MxStatus>) -> ReplyPayload) -> Self {
        Self { statuses: vec![status.clone()], payload: Some(payload(Some(status))), ..Self::default() }
    }
}

impl Calls<'_> {
    /// `None` for a kind that this backend does not have.
    fn call(&mut self, payload: Payload) -> Option<Result<Done, CallError>> {
        Some(match payload {
            Payload::Register(command) => self.register(command.client_name).map(|server_handle| {
                Done::with(server_handle, ReplyPayload::Register(RegisterReply { server_handle }))
            }),
            Payload::Unregister(command) => self.unregister(command.server_handle).map(Done::nothing),
            Payload::AddItem(command) => {
                self.add_item(command.server_handle, command.item_definition, None).map(|item_handle| {
                    Done::with(item_handle, ReplyPayload::AddItem(AddItemReply { item_handle }))
                })
            }
            Payload::AddItem2(command) => {
                let context = Some(command.item_context);
                self.add_item(command.server_handle, command.item_definition, context).map(|item_handle| {
                    Done::with(item_handle, ReplyPayload::AddItem2(AddItem2Reply { item_handle }))
                })
            }
            Payload::AddBufferedItem(command) => self
                .add_buffered_item(command.server_handle, command.item_definition, command.item_context)
                .map(|item_handle| {
                    let reply = AddBufferedItemReply { item_handle };
                    Done::with(item_handle, ReplyPayload::AddBufferedItem(reply))
                }),
            Payload::SetBufferedUpdateInterval(command) => self
                .backend
                .set_buffered_update_interval(command.server_handle, command.update_interval_milliseconds)
                .map(Done::nothing),
            Payload::RemoveItem(command) => {
                self.remove_item(command.server_handle, command.item_handle).map(Done::nothing)
            }
            Payload::Advise(command) => {
                self.advise(command.server_handle, command.item_handle, false).map(Done::nothing)
            }
            Payload::AdviseSupervisory(command) => {
                self.advise(command.server_handle, command.item_handle, true).map(Done::nothing)
            }
            Payload::UnAdvise(command) => {
                self.un_advise(command.server_handle, command.item_handle).map(Done::nothing)
            }
            Payload::Suspend(command) => {
                let (server, item) = (command.server_handle, command.item_handle);
                self.backend.suspend(server, item).map(|status| {
                    self.book.suspended(server, item, status.success != 0);
                    Done::status(status, |status| ReplyPayload::Suspend(SuspendReply { status }))
                })
            }
            Payload::Activate(command) => {
                let (server, item) = (command.server_handle, command.item_handle);
                self.backend.activate(server, item).map(|status| {
                    if status.success != 0 {
                        self.book.suspended(server, item, false);
                    }
                    Done::status(status, |status| ReplyPayload::Activate(ActivateReply { status }))
                })
            }
            Payload::Write(command) => {
                let value = command.value.unwrap_or_default();
                self.backend
                    .write(command.server_handle, command.item_handle, &value, None, command.user_id)
                    .map(Done::nothing)
            }
            Payload::Write2(command) => {
                let value = command.value.unwrap_or_default();
                let time = Some(command.timestamp_value.unwrap_or_default());
                self.backend
                    .write(command.server_handle, command.item_handle, &value, time.as_ref(), command.user_id)
                    .map(Done::nothing)
            }
            Payload::WriteSecured(command) => {
                let value = command.value.unwrap_or_default();
                let users = (command.current_user_id, command.verifier_user_id);
                self.backend
                    .write_secured(command.server_handle, command.item_handle, users.0, users.1, &value, None)
                    .map(Done::nothing)
            }
            Payload::WriteSecured2(command) => {
                let value = command.value.unwrap_or_default();
                let time = Some(command.timestamp_value.unwrap_or_default());
                let users = (command.current_user_id, command.verifier_user_id);
                let (server, item) = (command.server_handle, command.item_handle);
                self.backend
                    .write_secured(server, item, users.0, users.1, &value, time.as_ref())
                    .map(Done::nothing)
            }
            Payload::AuthenticateUser(mut command) => {
                let (server, name) = (command.server_handle, &command.user_name);
                let result = self.backend.authenticate_user(server, name, &command.password);
                command.password.zeroize();
                result.map(|user_id| {
                    let reply = AuthenticateUserReply { user_id };
                    Done::with(user_id, ReplyPayload::AuthenticateUser(reply))
                })
            }
            Payload::ArchestraUserToId(command) => {
                self.backend.archestra_user_to_id(command.server_handle, &command.user_guid).map(|user_id| {
                    let reply = ArchestraUserToIdReply { user_id };
                    Done::with(user_id, ReplyPayload::ArchestraUserToId(reply))
                })
            }
            Payload::Ping(command) => {
                Ok(Done::carrying(ReplyPayload::Ping(PingReply { message: command.message })))
            }
            Payload::GetSessionState(_) => {
                let state = SessionState::Ready.into();
                let reply = GetSessionStateReply { state, registrations: self.book.state() };
                Ok(Done::carrying(ReplyPayload::GetSessionState(reply)))
            }
            Payload::AddItemBulk(command) => {
                Ok(Done::carrying(ReplyPayload::AddItemBulk(self.add_item_bulk(command))))
            }
            Payload::AdviseItemBulk(command) => {
                Ok(Done::carrying(ReplyPayload::AdviseItemBulk(self.advise_item_bulk(command))))
            }
            Payload::RemoveItemBulk(command) => {
                Ok(Done::carrying(ReplyPayload::RemoveItemBulk(self.remove_item_bulk(command))))
            }
            Payload::UnAdviseItemBulk(command) => {
                Ok(Done::carrying(ReplyPayload::UnAdviseItemBulk(self.un_advise_item_bulk(command))))
            }
            Payload::SubscribeBulk(command) => {
                Ok(Done::carrying(ReplyPayload::SubscribeBulk(self.subscribe_bulk(command))))
            }
            Payload::UnsubscribeBulk(command) => {
                Ok(Done::carrying(ReplyPayload::UnsubscribeBulk(self.unsubscribe_bulk(command))))
            }
            Payload::ReadBulk(command) => {
                Ok(Done::carrying(ReplyPayload::ReadBulk(read::read_bulk(self, command))))
            }
            Payload::WriteBulk(command) => {
                Ok(Done::carrying(ReplyPayload::WriteBulk(self.write_bulk(command))))
            }
            Payload::Write2Bulk(command) => {
                Ok(Done::carrying(ReplyPayload::Write2Bulk(self.write2_bulk(command))))
            }
            Payload::WriteSecuredBulk(command) => {
                Ok(Done::carrying(ReplyPayload::WriteSecuredBulk(self.write_secured_bulk(command))))
            }
            Payload::WriteSecured2Bulk(command) => {
                Ok(Done::carrying(ReplyPayload::WriteSecured2Bulk(self.write_secured2_bulk(command))))
            }
            Payload::InjectFault(command) => {
                self.backend.faults()?.inject(command.fault).map(|executed_write_count| {
                    let reply = InjectFaultReply { executed_write_count };
                    Done::carrying(ReplyPayload::InjectFault(reply))
                })
            }
            // The connection answers these itself; here they would be strangers.
            Payload::GetWorkerInfo(_) | Payload::DrainEvents(_) | Payload::ShutdownWorker(_) => return None,
        })
    }

    fn register(&mut self, client_name: String) -> Result<i32, CallError> {
        if client_name.trim().is_empty() {
            return Err(CallError::invalid("the client name is empty"));
        }
        // A rule of the contract, for every backend.
        if let Some(server) = self.book.registration() {
            return Err(CallError {
                hresult: hresult::ALREADY_INITIALIZED,
                text: format!(
                    "the session is registered already, with server handle {server}; use it, or Unregister it first"
                ),
            });
        }
        let server = self.backend.register(&client_name)?;
        self.book.registered(server, client_name);
        Ok(server)
    }

    fn unregister(&mut self, server: i32) -> Result<(), CallError> {
        self.backend.unregister(server)?;
        self.book.unregistered(server);
        self.tap.forget_server(server);
        Ok(())
    }

    fn add_item(
        &mut self,
        server: i32,
        definition: String,
        context: Option<String>,
    ) -> Result<i32, CallError> {
        let added_after = self.journal.bounds().newest;
        let item = self.backend.add_item(server, &definition, context.as_deref())?;
        self.added(server, item, Item::new(definition, context.unwrap_or_default(), false, added_after));
        Ok(item)
    }

    fn add_buffered_item(
        &mut self,
        server: i32,
        definition: String,
        context: String,
    ) -> Result<i32, CallError> {
        let added_after = self.journal.bounds().newest;
        let item = self.backend.add_buffered_item(server, &definition, &context)?;
        self.added(server, item, Item::new(definition, context, true, added_after));
        Ok(item)
    }

    fn added(&mut self, server: i32, handle: i32, item: Item) {
        self.tap.show((server, handle));
        self.book.added(server, handle, item);
    }

    fn remove_item(&mut self, server: i32, item: i32) -> Result<(), CallError> {
        self.backend.remove_item(server, item)?;
        self.book.removed(server, item);
        self.tap.forget((server, item));
        Ok(())
    }

    fn advise(&mut self, server: i32, item: i32, supervisory: bool) -> Result<(), CallError> {
        // Before the call, as the first event may come within it.
        let is_new = self.tap.track((server, item));
        let (result, state) = if supervisory {
            (self.backend.advise_supervisory(server, item), AdviseState::Supervisory)
        } else {
            (self.backend.advise(server, item), AdviseState::Advised)
        };
        match result {
            Ok(()) => self.book.advised(server, item, state),
            Err(_) if is_new => self.tap.forget((server, item)),
            Err(_) => {}
        }
        result
    }

    fn un_advise(&mut self, server: i32, item: i32) -> Result<(), CallError> {
        self.backend.un_advise(server, item)?;
        self.book.advised(server, item, AdviseState::None);
        self.tap.forget((server, item));
        Ok(())
    }
}
