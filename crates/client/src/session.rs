//! One session: the raw call for any command, and how typed commands are sent. The commands themselves are
//! in the files below: single calls of MXAccess, bulk commands, control of the worker.

mod bulk;
mod commands;
mod control;

use std::time::{Duration, Instant};

use mxgateway_contracts::command::kind;
use mxgateway_contracts::hresult;
use mxgateway_contracts::time::wire_duration;
use mxgateway_contracts::v1::mx_command::Payload;
use mxgateway_contracts::v1::mx_command_reply::Payload as ReplyPayload;
use mxgateway_contracts::v1::{
    CloseSessionReply, CloseSessionRequest, CommandKind, InvokeReply, InvokeRequest, MxCommand,
    MxCommandReply, OpenSessionReply, OpenSessionRequest,
};

use crate::connection::Client;
use crate::cursor::ProtocolViolation;
use crate::error::ClientError;
use crate::events::{EventOptions, EventStream};
use crate::reconnect::dice;
use crate::retry::{Attempts, Next, new_request_id};

pub use commands::SecuredUsers;

/// Takes the reply of this command out of a payload.
macro_rules! only {
    ($($variant:ident)|+) => {
        |payload| {
            use mxgateway_contracts::v1::mx_command_reply::Payload;
            if let $(Payload::$variant(reply))|+ = payload { Some(reply) } else { None }
        }
    };
}
use only;

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
    /// What goes along with typed commands.
    options: InvokeOptions,
    /// How long typed commands are repeated; `None` for not at all.
    retry_limit: Option<Duration>,
}

impl SessionClient {
    pub(crate) fn opened(client: Client, reply: OpenSessionReply) -> Self {
        let id = reply.session_id.clone();
        Self { opened: Some(reply), ..Self::known(client, id) }
    }

    pub(crate) fn known(client: Client, id: String) -> Self {
        Self { client, id, opened: None, options: InvokeOptions::default(), retry_limit: None }
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

    /// The same session; typed commands of this handle go with these options. A request id stands for one
    /// command, so a handle with one is for one command: the same command again gets the first reply, and
    /// another one is refused with `REQUEST_ID_REUSED`.
    ///
    /// ```no_run
    /// # use mxgateway_client::{ClientError, InvokeOptions, SessionClient};
    /// # use mxgateway_client::contracts::v1::ItemReference;
    /// # async fn example(session: SessionClient, item: ItemReference) -> Result<(), ClientError> {
    /// let once = InvokeOptions { request_id: "order-4711".into(), ..InvokeOptions::default() };
    /// session.with(once).write(item, 42.5.into(), 0).await
    /// # }
    /// ```
    #[must_use]
    pub fn with(&self, options: InvokeOptions) -> Self {
        Self { options, ..self.clone() }
    }

    /// The same session; each typed command of this handle gets a request id of its own and is repeated over
    /// lost connections for up to `limit`, as [`SessionClient::invoke_retrying`] does it.
    #[must_use]
    pub fn retrying(&self, limit: Duration) -> Self {
        Self { retry_limit: Some(limit), ..self.clone() }
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

    /// Any command, done once however often the connection is lost: sent with a request id (one is made when
    /// the options have none) and repeated with the same id until an answer came or `limit` is over. The
    /// worker remembers the last 1,024 ids with their replies, so a repeated one never acts twice;
    /// [`InvokeReply::repeated_request`] tells a remembered reply.
    ///
    /// Repeated are calls that did not reach the gateway, were cut, or were not answered in time, and
    /// refusals that pass (`WORKER_UNAVAILABLE`, `PENDING_COMMAND_LIMIT`, a stopping gateway), with growing,
    /// jittered pauses or the delay that the gateway asks for. `options.timeout` limits one attempt.
    ///
    /// # Errors
    /// The first answer that repeating does not change, or the last failure when `limit` is over. After
    /// `OUTCOME_UNKNOWN` and after a transport failure whether the command was carried out is not known.
    pub async fn invoke_retrying(
        &self,
        command: MxCommand,
        mut options: InvokeOptions,
        limit: Duration,
    ) -> Result<InvokeReply, ClientError> {
        if options.request_id.is_empty() {
            options.request_id = new_request_id();
        }
        let most = options.timeout.unwrap_or(self.client.options().call_timeout);
        let mut attempts = Attempts::new(Instant::now(), limit);
        loop {
            let timeout = Some(most.min(attempts.left(Instant::now())));
            let error = match self.invoke(command.clone(), InvokeOptions { timeout, ..options.clone() }).await
            {
                Ok(reply) => return Ok(reply),
                Err(error) => error,
            };
            match attempts.failed(&error, Instant::now(), dice()) {
                Next::After(delay) => {
                    tracing::debug!(
                        session_id = %self.id, request_id = %options.request_id, error = %error,
                        "Command is repeated"
                    );
                    tokio::time::sleep(delay).await;
                }
                Next::Stop => return Err(error),
            }
        }
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

    /// A typed command whose reply says nothing but that it went well.
    async fn done(&self, payload: Payload) -> Result<(), ClientError> {
        self.command(payload).await.map(drop)
    }

    /// A typed command; `pick` takes its reply out of the payload.
    async fn ask<T>(
        &self,
        payload: Payload,
        pick: impl FnOnce(ReplyPayload) -> Option<T>,
    ) -> Result<T, ClientError> {
        let reply = self.command(payload).await?;
        reply.payload.and_then(pick).ok_or_else(incomplete)
    }

    async fn command(&self, payload: Payload) -> Result<MxCommandReply, ClientError> {
        let command = MxCommand::from(payload);
        let kind = kind(&command).unwrap_or(CommandKind::Unspecified);
        let options = self.options.clone();
        let reply = match self.retry_limit {
            None => self.invoke(command, options).await?,
            // Boxed because the loop is large and few need it.
            Some(limit) => Box::pin(self.invoke_retrying(command, options, limit)).await?,
        };
        let reply = reply.reply.ok_or_else(incomplete)?;
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

fn incomplete() -> ClientError {
    ProtocolViolation::IncompleteReply { call: "Invoke" }.into()
}
