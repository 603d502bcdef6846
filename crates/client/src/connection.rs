//! The connection to a gateway: one lazily connecting HTTP/2 channel, and the calls that need no session.

use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use mxgateway_contracts::v1::{
    GetSessionRequest, ListSessionsRequest, OpenSessionRequest, Session, StreamEventsRequest, StreamItem,
};
use mxgateway_contracts::v1_client::galaxy_repository_client::GalaxyRepositoryClient;
use mxgateway_contracts::v1_client::mx_gateway_client::MxGatewayClient;
use secrecy::SecretString;
use tonic::codec::Streaming;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Uri};
use tonic::{Response, Status};

use crate::connector::{self, Trouble};
use crate::credentials::Credentials;
use crate::cursor::ProtocolViolation;
use crate::error::ClientError;
use crate::galaxy::GrpcGalaxyClient;
use crate::session::{OpenOptions, SessionClient};
use crate::tls::{TlsOptions, secure};

/// Where a gateway listens unless told otherwise.
pub const DEFAULT_ENDPOINT: &str = "http://127.0.0.1:5120";

/// How much of one stream may be on its way unread. Small, so that a gateway soon notices a reader that
/// stopped.
const STREAM_WINDOW_BYTES: u32 = 1 << 20;
/// Shared by all streams of a client: readers that stopped on 15 streams still leave room for calls.
const CONNECTION_WINDOW_BYTES: u32 = 16 << 20;

/// The generated client, with the API key on each call.
pub type GrpcClient = MxGatewayClient<InterceptedService<Channel, Credentials>>;

/// How to reach a gateway.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    /// URL of the gateway, `http://` or `https://`.
    pub endpoint: String,
    /// Key for gateways that ask for one, as `mxgateway apikey create` prints it. Whoever reads it on its way
    /// can use it, so it should go over `https://`.
    pub api_key: Option<SecretString>,
    /// For `https://` endpoints; by default the system says who is trusted.
    pub tls: TlsOptions,
    /// Limit for making a connection.
    pub connect_timeout: Duration,
    /// Limit for each call but opening a session; also the limit that commands ask of the gateway.
    pub call_timeout: Duration,
    /// Limit for opening a session, which starts a process.
    pub open_timeout: Duration,
    /// How often an open connection is checked.
    pub keepalive_interval: Duration,
    /// How long the answer to such a check may take before the connection counts as lost.
    pub keepalive_timeout: Duration,
    /// Largest message in either direction, in bytes.
    pub max_message_bytes: usize,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            endpoint: DEFAULT_ENDPOINT.to_owned(),
            api_key: None,
            tls: TlsOptions::default(),
            connect_timeout: Duration::from_secs(5),
            call_timeout: Duration::from_secs(30),
            open_timeout: Duration::from_secs(60),
            keepalive_interval: Duration::from_secs(15),
            keepalive_timeout: Duration::from_secs(10),
            max_message_bytes: 16 << 20,
        }
    }
}

/// A gateway. Cheap to clone; clones share one connection.
#[derive(Clone, Debug)]
pub struct Client {
    grpc: GrpcClient,
    galaxy: GrpcGalaxyClient,
    options: Arc<ClientOptions>,
    trouble: Trouble,
}

impl Client {
    /// A client of the gateway at `options.endpoint`. Connects with the first call, and again whenever
    /// the connection was lost. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`ClientError::InvalidEndpoint`], [`ClientError::InvalidApiKey`] or [`ClientError::TlsOptions`]; a
    /// gateway that is not there or not trusted shows in the first call.
    pub fn connect(options: ClientOptions) -> Result<Self, ClientError> {
        let target = target(&options.endpoint)?;
        let credentials = Credentials::new(options.api_key.as_ref())?;
        let secure = secure(&target, &options.tls)?;
        if options.api_key.is_some() && secure.is_none() && !is_this_machine(&target) {
            tracing::warn!(endpoint = %target, "API key goes over the network unencrypted");
        }
        let (channel, trouble) = connector::channel(target, secure, |endpoint| {
            endpoint
                .connect_timeout(options.connect_timeout)
                .http2_keep_alive_interval(options.keepalive_interval)
                .keep_alive_timeout(options.keepalive_timeout)
                .initial_stream_window_size(STREAM_WINDOW_BYTES)
                .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        });
        let galaxy = GalaxyRepositoryClient::with_interceptor(channel.clone(), credentials.clone())
            .max_decoding_message_size(options.max_message_bytes)
            .max_encoding_message_size(options.max_message_bytes);
        let grpc = MxGatewayClient::with_interceptor(channel, credentials)
            .max_decoding_message_size(options.max_message_bytes)
            .max_encoding_message_size(options.max_message_bytes);
        Ok(Self { grpc, galaxy, options: Arc::new(options), trouble })
    }

    /// The same gateway over the same connection, with another limit for each call.
    #[must_use]
    pub fn with_call_timeout(&self, call_timeout: Duration) -> Self {
        let options = ClientOptions { call_timeout, ..ClientOptions::clone(&self.options) };
        Self { options: Arc::new(options), ..self.clone() }
    }

    /// URL of the gateway.
    pub fn endpoint(&self) -> &str {
        &self.options.endpoint
    }

    /// The options the client was made with.
    pub fn options(&self) -> &ClientOptions {
        &self.options
    }

    /// The generated client, for what has no helper here. Its calls have no deadline of their own.
    pub fn grpc(&self) -> GrpcClient {
        self.grpc.clone()
    }

    /// The generated client of the galaxy's description, over the same connection. Its calls have no deadline
    /// of their own.
    pub fn galaxy(&self) -> GrpcGalaxyClient {
        self.galaxy.clone()
    }

    /// Opens a session, which starts a worker process.
    ///
    /// # Errors
    /// The gateway's refusal, or a transport failure; in the latter case a session may have been opened,
    /// which the gateway ends when nobody uses it.
    pub async fn open_session(&self, options: OpenOptions) -> Result<SessionClient, ClientError> {
        let request: OpenSessionRequest = options.into();
        let mut grpc = self.grpc();
        let reply = self.call("OpenSession", self.options.open_timeout, grpc.open_session(request)).await?;
        Ok(SessionClient::opened(self.clone(), reply))
    }

    /// A session that is open already, by its id. Nothing is sent.
    pub fn session(&self, id: impl Into<String>) -> SessionClient {
        SessionClient::known(self.clone(), id.into())
    }

    /// What the gateway knows about a session.
    ///
    /// # Errors
    /// `SESSION_NOT_FOUND`, or a transport failure.
    pub async fn get_session(&self, id: &str) -> Result<Session, ClientError> {
        let request = GetSessionRequest { session_id: id.to_owned() };
        let mut grpc = self.grpc();
        let reply = self.call("GetSession", self.options.call_timeout, grpc.get_session(request)).await?;
        reply.session.ok_or_else(|| ProtocolViolation::IncompleteReply { call: "GetSession" }.into())
    }

    /// Every session of the gateway, oldest first; reads page after page.
    ///
    /// # Errors
    /// The gateway's refusal, or a transport failure.
    pub async fn list_sessions(&self) -> Result<Vec<Session>, ClientError> {
        let mut sessions = Vec::new();
        let mut page_token = String::new();
        loop {
            let request = ListSessionsRequest { page_size: 0, page_token: page_token.clone() };
            let mut grpc = self.grpc();
            let page =
                self.call("ListSessions", self.options.call_timeout, grpc.list_sessions(request)).await?;
            sessions.extend(page.sessions);
            if page.next_page_token.is_empty() {
                return Ok(sessions);
            }
            // A token that leads back to its own page would have no end.
            if page.next_page_token == page_token {
                return Err(ProtocolViolation::IncompleteReply { call: "ListSessions" }.into());
            }
            page_token = page.next_page_token;
        }
    }

    /// Starts an event stream; returns when the gateway has taken the request.
    pub(crate) async fn stream_events(
        &self,
        request: StreamEventsRequest,
    ) -> Result<Streaming<StreamItem>, ClientError> {
        let mut grpc = self.grpc();
        self.call("StreamEvents", self.options.call_timeout, grpc.stream_events(request)).await
    }

    pub(crate) async fn call<T>(
        &self,
        call: &'static str,
        limit: Duration,
        answer: impl Future<Output = Result<Response<T>, Status>>,
    ) -> Result<T, ClientError> {
        match tokio::time::timeout(limit, answer).await {
            Ok(Ok(response)) => Ok(response.into_inner()),
            Ok(Err(status)) => Err(self.error(status)),
            Err(_) => Err(ClientError::Deadline { call, limit }),
        }
    }

    pub(crate) fn error(&self, status: Status) -> ClientError {
        ClientError::from_status(status, self.endpoint()).or_for(self.trouble.seen(), self.endpoint())
    }
}

fn target(endpoint: &str) -> Result<Uri, ClientError> {
    let invalid = || ClientError::InvalidEndpoint { endpoint: endpoint.to_owned() };
    let target: Uri = endpoint.parse().map_err(|_| invalid())?;
    let is_usable = matches!(target.scheme_str(), Some("http" | "https"))
        && target.host().is_some_and(|host| !host.is_empty());
    if is_usable { Ok(target) } else { Err(invalid()) }
}

fn is_this_machine(target: &Uri) -> bool {
    let host = target.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
