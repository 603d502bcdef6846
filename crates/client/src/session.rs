//! One session: MXAccess commands as typed calls, and the raw call for everything else.

use std::time::Duration;

use mxgateway_contracts::command::kind;
use mxgateway_contracts::hresult;
use mxgateway_contracts::time::wire_duration;
use mxgateway_contracts::v1::mx_command::Payload;
use mxgateway_contracts::v1::mx_command_reply::Payload as ReplyPayload;
use mxgateway_contracts::v1::{
    AddItem2Command, AddItemCommand, AdviseCommand, AdviseSupervisoryCommand, CloseSessionReply,
    CloseSessionRequest, CommandKind, GetSessionStateCommand, GetSessionStateReply, GetWorkerInfoCommand,
    GetWorkerInfoReply, InvokeReply, InvokeRequest, ItemReference, MxCommand, MxCommandReply, MxValue,
    OpenSessionReply, OpenSessionRequest, PingCommand, RegisterCommand, RemoveItemCommand, UnAdviseCommand,
    UnregisterCommand, Write2Command, WriteCommand,
};

use crate::connection::Client;
use crate::cursor::ProtocolViolation;
use crate::error::ClientError;
use crate::events::{EventOptions, EventStream};

/// How much longer than the gateway a client waits for a command, so that the gateway's own answer to a
/// slow command arrives first.
const ANSWER_GRACE: Duration = Duration::from_secs(2);

/// What to open.
#[derive(Clone, Debug, Default)]
pub struct OpenOptions {
    /// `simulator` or `lmxproxy`; empty for the gateway's default.
    pub backend: String,
    /// Names the client in lists and logs, at most 128 characters.
    pub name: String,
    /// Mark that dashboard access rules refer to, at most 128 characters.
    pub tag: String,
    /// Goes into the gateway's logs.
    pub correlation_id: String,
    /// Default limit of one command of the session; `None` for the gateway's.
    pub command_timeout: Option<Duration>,
}

impl From<OpenOptions> for OpenSessionRequest {
    fn from(options: OpenOptions) -> Self {
        Self {
            requested_backend: options.backend,
            client_session_name: options.name,
            client_correlation_id: options.correlation_id,
            command_timeout: options.command_timeout.map(wire_duration),
            session_tag: options.tag,
        }
    }
}

/// What may go along with a command.
#[derive(Clone, Debug, Default)]
pub struct InvokeOptions {
    /// Makes a retry safe: a repeated id gets the first reply. At most 128 characters.
    pub request_id: String,
    /// Goes into the gateway's logs.
    pub correlation_id: String,
    /// Limit of this command; `None` for the client's call limit.
    pub timeout: Option<Duration>,
}

/// An open session. Cheap to clone. Dropping it leaves the session open; see [`SessionClient::close`].
#[derive(Clone, Debug)]
pub struct SessionClient {
    client: Client,
    id: String,
    opened: Option<OpenSessionReply>,
}

impl SessionClient {
    pub(crate) fn opened(client: Client, reply: OpenSessionReply) -> Self {
        Self { client, id: reply.session_id.clone(), opened: Some(reply) }
    }

    pub(crate) fn known(client: Client, id: String) -> Self {
        Self { client, id, opened: None }
    }

    /// The session's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Epoch of the event numbering when the session was opened; `None` when it was not opened here.
    pub fn epoch(&self) -> Option<u64> {
        self.opened.as_ref().map(|reply| reply.epoch)
    }

    /// The reply that opened the session; `None` when it was not opened here.
    pub fn open_reply(&self) -> Option<&OpenSessionReply> {
        self.opened.as_ref()
    }

    /// The gateway this session is on.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The session's events, with automatic reconnect and resume. Nothing is sent before the first
    /// update is asked for.
    pub fn events(&self, options: EventOptions) -> EventStream {
        EventStream::new(self.client.clone(), self.id.clone(), options)
    }

    /// `Register`: gives the server handle.
    ///
    /// # Errors
    /// As for every typed command: [`ClientError::MxAccess`] for a failed HRESULT, otherwise a refusal of
    /// the gateway or a transport failure.
    pub async fn register(&self, client_name: &str) -> Result<i32, ClientError> {
        let payload = Payload::Register(RegisterCommand { client_name: client_name.to_owned() });
        match self.command(payload).await?.payload {
            Some(ReplyPayload::Register(reply)) => Ok(reply.server_handle),
            _ => Err(incomplete("Register")),
        }
    }

    /// `Unregister`.
    pub async fn unregister(&self, server_handle: i32) -> Result<(), ClientError> {
        self.command(Payload::Unregister(UnregisterCommand { server_handle })).await?;
        Ok(())
    }

    /// `AddItem`. Succeeds for a reference that does not resolve, too: that shows in the first
    /// `OnDataChange`.
    pub async fn add_item(&self, server_handle: i32, definition: &str) -> Result<ItemReference, ClientError> {
        let item_definition = definition.to_owned();
        match self.command(Payload::AddItem(AddItemCommand { server_handle, item_definition })).await?.payload
        {
            Some(ReplyPayload::AddItem(reply)) => {
                Ok(ItemReference { server_handle, item_handle: reply.item_handle })
            }
            _ => Err(incomplete("AddItem")),
        }
    }

    /// `AddItem2`: a reference relative to a context object.
    pub async fn add_item2(
        &self,
        server_handle: i32,
        definition: &str,
        context: &str,
    ) -> Result<ItemReference, ClientError> {
        let payload = Payload::AddItem2(AddItem2Command {
            server_handle,
            item_definition: definition.to_owned(),
            item_context: context.to_owned(),
        });
        match self.command(payload).await?.payload {
            Some(ReplyPayload::AddItem2(reply)) => {
                Ok(ItemReference { server_handle, item_handle: reply.item_handle })
            }
            _ => Err(incomplete("AddItem2")),
        }
    }

    /// `RemoveItem`.
    pub async fn remove_item(&self, item: ItemReference) -> Result<(), ClientError> {
        let ItemReference { server_handle, item_handle } = item;
        self.command(Payload::RemoveItem(RemoveItemCommand { server_handle, item_handle })).await?;
        Ok(())
    }

    /// `Advise`: values of the item arrive as `OnDataChange` from now on.
    pub async fn advise(&self, item: ItemReference) -> Result<(), ClientError> {
        let ItemReference { server_handle, item_handle } = item;
        self.command(Payload::Advise(AdviseCommand { server_handle, item_handle })).await?;
        Ok(())
    }

    /// `AdviseSupervisory`.
    pub async fn advise_supervisory(&self, item: ItemReference) -> Result<(), ClientError> {
        let ItemReference { server_handle, item_handle } = item;
        self.command(Payload::AdviseSupervisory(AdviseSupervisoryCommand { server_handle, item_handle }))
            .await?;
        Ok(())
    }

    /// `UnAdvise`: ends either kind of advise.
    pub async fn un_advise(&self, item: ItemReference) -> Result<(), ClientError> {
        let ItemReference { server_handle, item_handle } = item;
        self.command(Payload::UnAdvise(UnAdviseCommand { server_handle, item_handle })).await?;
        Ok(())
    }

    /// `Write`. Success means queued: the result comes as `OnWriteComplete` of the same item.
    /// `user_id` 0 is no user.
    pub async fn write(&self, item: ItemReference, value: MxValue, user_id: i32) -> Result<(), ClientError> {
        let ItemReference { server_handle, item_handle } = item;
        let value = Some(value);
        self.command(Payload::Write(WriteCommand { server_handle, item_handle, value, user_id })).await?;
        Ok(())
    }

    /// `Write2`: a write with a time stamp.
    pub async fn write2(
        &self,
        item: ItemReference,
        value: MxValue,
        timestamp: MxValue,
        user_id: i32,
    ) -> Result<(), ClientError> {
        self.command(Payload::Write2(Write2Command {
            server_handle: item.server_handle,
            item_handle: item.item_handle,
            value: Some(value),
            timestamp_value: Some(timestamp),
            user_id,
        }))
        .await?;
        Ok(())
    }

    /// Through the apartment and back; gives the message back.
    pub async fn ping(&self, message: &str) -> Result<String, ClientError> {
        match self.command(Payload::Ping(PingCommand { message: message.to_owned() })).await?.payload {
            Some(ReplyPayload::Ping(reply)) => Ok(reply.message),
            _ => Err(incomplete("Ping")),
        }
    }

    /// Who the worker is and how its journal stands.
    pub async fn worker_info(&self) -> Result<GetWorkerInfoReply, ClientError> {
        match self.command(Payload::GetWorkerInfo(GetWorkerInfoCommand {})).await?.payload {
            Some(ReplyPayload::GetWorkerInfo(reply)) => Ok(reply),
            _ => Err(incomplete("GetWorkerInfo")),
        }
    }

    /// The registrations and items of the session.
    pub async fn session_state(&self) -> Result<GetSessionStateReply, ClientError> {
        match self.command(Payload::GetSessionState(GetSessionStateCommand {})).await?.payload {
            Some(ReplyPayload::GetSessionState(reply)) => Ok(reply),
            _ => Err(incomplete("GetSessionState")),
        }
    }

    /// Any command; the reply comes back untouched, also when MXAccess refused.
    ///
    /// # Errors
    /// A refusal of the gateway or a transport failure.
    pub async fn invoke(
        &self,
        command: MxCommand,
        options: InvokeOptions,
    ) -> Result<InvokeReply, ClientError> {
        let limit = options.timeout.unwrap_or(self.client.options().call_timeout);
        let request = InvokeRequest {
            session_id: self.id.clone(),
            correlation_id: options.correlation_id,
            request_id: options.request_id,
            timeout: Some(wire_duration(limit)),
            command: Some(command),
        };
        let mut grpc = self.client.grpc();
        // Boxed because the call's future is large, and a session's user has it in each of theirs.
        self.client.call("Invoke", limit + ANSWER_GRACE, Box::pin(grpc.invoke(request))).await
    }

    /// Ends the session and its worker. Closing a closed session is no error.
    ///
    /// # Errors
    /// `SESSION_NOT_FOUND` when the gateway no longer knows it, or a transport failure.
    pub async fn close(&self) -> Result<CloseSessionReply, ClientError> {
        let request = CloseSessionRequest { session_id: self.id.clone() };
        let mut grpc = self.client.grpc();
        self.client
            .call("CloseSession", self.client.options().call_timeout, grpc.close_session(request))
            .await
    }

    async fn command(&self, payload: Payload) -> Result<MxCommandReply, ClientError> {
        let command = MxCommand::from(payload);
        let kind = kind(&command).unwrap_or(CommandKind::Unspecified);
        let reply = self.invoke(command, InvokeOptions::default()).await?;
        let reply = reply.reply.ok_or_else(|| incomplete("Invoke"))?;
        if hresult::is_success(reply.hresult) {
            return Ok(reply);
        }
        Err(ClientError::MxAccess {
            kind,
            hresult: reply.hresult,
            diagnostic_text: reply.diagnostic_text,
            statuses: reply.statuses,
        })
    }
}

fn incomplete(call: &'static str) -> ClientError {
    ProtocolViolation::IncompleteReply { call }.into()
}
