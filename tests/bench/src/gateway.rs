//! The real gateway with its worker, driven through the contract.

use std::fs;
use std::marker::PhantomData;
use std::path::Path;

use anyhow::{Context, bail};
use http::uri::PathAndQuery;
use mxgateway_client::{Client, ClientOptions};
use mxgateway_contracts::v1::mx_command::Payload;
use mxgateway_contracts::v1::mx_command_reply::Payload as Reply;
use mxgateway_contracts::v1::{
    AddItemCommand, AdviseCommand, CloseSessionRequest, GetSessionRequest, InvokeRequest, MxCommandReply,
    OpenSessionRequest, RegisterCommand, StreamEventsRequest, StreamPosition, WriteCommand,
};
use mxgateway_contracts::v1_client::mx_gateway_client::MxGatewayClient;
use secrecy::SecretString;
use tempfile::TempDir;
use tonic::body::Body;
use tonic::client::GrpcService;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status, Streaming, codegen};

use crate::codec::{Read, ReadCodec};
use crate::process::{self, Process};

/// What the benches do.
const SCOPES: &str = "session:open,session:close,invoke:read,invoke:write,events:read";
const DATA: &str = "server.data_directory=data";
/// Where a gateway listens unless told otherwise: a free port.
const LISTEN: &str = "127.0.0.1:0";
const STREAM_EVENTS: &str = "/mxgateway.v1.MxGateway/StreamEvents";
/// What a client of a fast stream allows to be under way; the same for every server that is measured.
const STREAM_WINDOW: u32 = 4 << 20;
const CONNECTION_WINDOW: u32 = 8 << 20;

/// A gateway with private state.
pub(crate) struct Gateway {
    pub(crate) process: Process,
    address: String,
    dashboard: Option<String>,
    folder: TempDir,
    key: Bearer,
    secret: SecretString,
}

/// What a gateway is started with: a galaxy, lines of sections of its configuration, and where it listens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup<'a> {
    pub(crate) galaxy: &'a str,
    pub(crate) sessions: &'a str,
    pub(crate) events: &'a str,
    pub(crate) workers: &'a str,
    pub(crate) listen: &'a str,
    /// Whether it serves its dashboard, to whoever comes from this machine.
    pub(crate) has_dashboard: bool,
}

/// Puts an API key on each request.
#[derive(Clone, Debug)]
pub(crate) struct Bearer(MetadataValue<Ascii>);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

/// Makes a key in the key store of a gateway that is about to start in this folder.
async fn make_key(folder: &Path) -> anyhow::Result<String> {
    let output = tokio::process::Command::new(process::beside("mxgateway")?)
        .args(["apikey", "create", "--name", "bench", "--scopes", SCOPES])
        .args(["--set", DATA])
        .current_dir(folder)
        .env_clear()
        .output()
        .await
        .context("cannot start mxgateway apikey create")?;
    if !output.status.success() {
        bail!("mxgateway apikey create failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// Starts the program in its folder; gives where it listens, once it does, and where its dashboard is.
async fn run(
    listen: &str,
    has_dashboard: bool,
    folder: &Path,
) -> anyhow::Result<(Process, String, Option<String>)> {
    // The folder of the sockets is relative, because the path of a Unix socket must be short.
    let own = ["--set", "workers.runtime_directory=run", "--set", DATA];
    let http: &[_] = if has_dashboard {
        &["--set", "http.listen=127.0.0.1:0", "--set", "dashboard.allow_anonymous_localhost=true"]
    } else {
        &["--set", "http.listen="]
    };
    let arguments = ["run", "--listen", listen].into_iter().chain(own).chain(http.iter().copied());
    let mut process = Process::start(&process::beside("mxgateway")?, arguments, folder)?;
    let address = process.says("mxgateway listening on ", folder).await?;
    let dashboard = if has_dashboard {
        let url = process.says("mxgateway dashboard at http://", folder).await?;
        Some(url.trim_end_matches('/').to_owned())
    } else {
        None
    };
    Ok((process, address, dashboard))
}

/// A connection to `http://ADDRESS`.
pub(crate) async fn connect(address: &str) -> anyhow::Result<Channel> {
    let endpoint = Endpoint::from_shared(format!("http://{address}"))?
        .connect_timeout(process::LIMIT)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW);
    endpoint.connect().await.with_context(|| format!("cannot connect to {address}"))
}

/// Calls a method that streams, reading its messages with a function.
pub(crate) async fn stream<S, Q, T>(
    service: S,
    path: &'static str,
    request: Q,
    read: Read<T>,
) -> anyhow::Result<Streaming<T>>
where
    S: GrpcService<Body>,
    S::Error: std::error::Error + Send + Sync + 'static,
    S::ResponseBody: codegen::Body<Data = codegen::Bytes> + Send + 'static,
    <S::ResponseBody as codegen::Body>::Error: Into<codegen::StdError> + Send,
    Q: prost::Message + Send + 'static,
    T: Send + Sync + 'static,
{
    let mut client = tonic::client::Grpc::new(service).max_decoding_message_size(64 << 20);
    client.ready().await?;
    let codec = ReadCodec { read, request: PhantomData };
    let path = PathAndQuery::from_static(path);
    Ok(client.server_streaming(Request::new(request), path, codec).await?.into_inner())
}

impl Gateway {
    /// Starts one with the benches' galaxy and these lines of `[events]`.
    pub(crate) async fn start(events: &str) -> anyhow::Result<Self> {
        Self::start_with(include_str!("../galaxy.toml"), "", events).await
    }

    /// Starts one with this galaxy and these lines of `[sessions]` and `[events]`.
    pub(crate) async fn start_with(galaxy: &str, sessions: &str, events: &str) -> anyhow::Result<Self> {
        Self::start_as(Setup { galaxy, sessions, events, workers: "", listen: LISTEN, has_dashboard: false })
            .await
    }

    /// Starts one as [`Gateway::start`] does, with its dashboard.
    pub(crate) async fn start_with_dashboard(events: &str) -> anyhow::Result<Self> {
        let galaxy = include_str!("../galaxy.toml");
        Self::start_as(Setup {
            galaxy,
            sessions: "",
            events,
            workers: "",
            listen: LISTEN,
            has_dashboard: true,
        })
        .await
    }

    pub(crate) async fn start_as(setup: Setup<'_>) -> anyhow::Result<Self> {
        let Setup { galaxy, sessions, events, workers, listen, has_dashboard } = setup;
        let folder = process::folder()?;
        fs::write(folder.path().join("galaxy.toml"), galaxy)?;
        let config = format!(
            "[sessions]\nallow_multiple_event_subscribers = true\nmax_event_subscribers_per_session = 100000\n{sessions}\
             [simulator]\ngalaxy_path = \"galaxy.toml\"\n[logging]\nfilter = \"warn\"\n[events]\n{events}\
             [workers]\n{workers}"
        );
        fs::write(folder.path().join("mxgateway.toml"), config)?;
        let secret = make_key(folder.path()).await?;
        let mut key: MetadataValue<Ascii> =
            format!("Bearer {secret}").parse().context("the key is not ASCII")?;
        key.set_sensitive(true);
        let (process, address, dashboard) = run(listen, has_dashboard, folder.path()).await?;
        Ok(Self { process, address, dashboard, folder, key: Bearer(key), secret: secret.into() })
    }

    /// Ends it at once, as a crash does.
    pub(crate) async fn kill(&mut self) -> anyhow::Result<()> {
        self.process.kill().await
    }

    /// Starts it again after [`Gateway::kill`], where it was and with what it had.
    pub(crate) async fn start_again(&mut self) -> anyhow::Result<()> {
        let has_dashboard = self.dashboard.is_some();
        (self.process, self.address, self.dashboard) =
            run(&self.address, has_dashboard, self.folder.path()).await?;
        Ok(())
    }

    /// A client as programs use it, with a connection of its own.
    pub(crate) fn client(&self) -> anyhow::Result<Client> {
        let options = ClientOptions {
            endpoint: format!("http://{}", self.address),
            api_key: Some(self.secret.clone()),
            ..ClientOptions::default()
        };
        Ok(Client::connect(options)?)
    }

    /// Where its dashboard is, as an address and a port.
    pub(crate) fn dashboard(&self) -> anyhow::Result<&str> {
        self.dashboard.as_deref().context("it was started without a dashboard")
    }

    pub(crate) async fn connect(&self) -> anyhow::Result<Channel> {
        connect(&self.address).await
    }

    /// Opens a session and registers.
    pub(crate) async fn session(&self) -> anyhow::Result<Session> {
        let mut session = self.opener().await?.open().await.with_context(|| self.log())?;
        let register = RegisterCommand { client_name: "bench".to_owned() };
        match session.invoke(Payload::Register(register)).await?.payload {
            Some(Reply::Register(registered)) => session.server_handle = registered.server_handle,
            other => bail!("Register gave {other:?}"),
        }
        Ok(session)
    }

    /// A connection that a session can be opened on.
    pub(crate) async fn opener(&self) -> anyhow::Result<Opener> {
        let client = MxGatewayClient::with_interceptor(self.connect().await?, self.key.clone());
        Ok(Opener(client, self.key.clone()))
    }

    /// Ends it in order.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        self.process.stop().await
    }

    pub(crate) fn log(&self) -> String {
        let log = fs::read_to_string(self.folder.path().join("mxgateway.log")).unwrap_or_default();
        format!("the gateway's log:\n{log}")
    }
}

/// A connection without a session.
pub(crate) struct Opener(KeyedClient, Bearer);

type KeyedClient = MxGatewayClient<InterceptedService<Channel, Bearer>>;

impl Opener {
    /// Opens a session; it is ready then.
    pub(crate) async fn open(self) -> anyhow::Result<Session> {
        let Self(mut client, key) = self;
        let request = OpenSessionRequest { client_session_name: "bench".to_owned(), ..Default::default() };
        let opened = client.open_session(request).await?.into_inner();
        Ok(Session { client, key, id: opened.session_id, epoch: 0, server_handle: 0 })
    }
}

/// An open session.
#[derive(Clone)]
pub(crate) struct Session {
    client: KeyedClient,
    key: Bearer,
    pub(crate) id: String,
    pub(crate) epoch: u64,
    pub(crate) server_handle: i32,
}

impl Session {
    pub(crate) async fn invoke(&mut self, payload: Payload) -> anyhow::Result<MxCommandReply> {
        let request = InvokeRequest {
            session_id: self.id.clone(),
            command: Some(payload.into()),
            ..InvokeRequest::default()
        };
        let reply = self.client.invoke(request).await?.into_inner().reply.context("a reply is empty")?;
        if reply.hresult < 0 {
            bail!("a command failed: {reply:?}");
        }
        Ok(reply)
    }

    /// AddItem; gives the item handle.
    pub(crate) async fn add_item(&mut self, tag: &str) -> anyhow::Result<i32> {
        let (server_handle, item_definition) = (self.server_handle, tag.to_owned());
        match self.invoke(Payload::AddItem(AddItemCommand { server_handle, item_definition })).await?.payload
        {
            Some(Reply::AddItem(added)) => Ok(added.item_handle),
            other => bail!("AddItem gave {other:?}"),
        }
    }

    pub(crate) async fn advise(&mut self, item_handle: i32) -> anyhow::Result<()> {
        let server_handle = self.server_handle;
        self.invoke(Payload::Advise(AdviseCommand { server_handle, item_handle })).await.map(drop)
    }

    /// Lets a storm go on up to this number of steps.
    pub(crate) async fn storm(&mut self, item_handle: i32, goal: u64) -> anyhow::Result<()> {
        #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
        let value = Some((goal as f64).into());
        let server_handle = self.server_handle;
        self.invoke(Payload::Write(WriteCommand { server_handle, item_handle, value, user_id: 0 }))
            .await
            .map(drop)
    }

    /// A stream of its events, live or from a position.
    pub(crate) async fn stream<T: Send + Sync + 'static>(
        &self,
        channel: Channel,
        resume: Option<StreamPosition>,
        read: Read<T>,
    ) -> anyhow::Result<Streaming<T>> {
        let request = StreamEventsRequest { session_id: self.id.clone(), resume, ..Default::default() };
        let mut items =
            stream(InterceptedService::new(channel, self.key.clone()), STREAM_EVENTS, request, read).await?;
        items.message().await?.context("a stream ended before its first item")?;
        Ok(items)
    }

    /// The gateway's account of the session.
    pub(crate) async fn status(&mut self) -> anyhow::Result<mxgateway_contracts::v1::Session> {
        let request = GetSessionRequest { session_id: self.id.clone() };
        self.client.get_session(request).await?.into_inner().session.context("a status is empty")
    }

    pub(crate) async fn close(mut self) -> anyhow::Result<()> {
        self.client.close_session(CloseSessionRequest { session_id: self.id }).await?;
        Ok(())
    }
}
