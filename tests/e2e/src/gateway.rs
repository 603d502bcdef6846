//! A gateway of the test's own.

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Output, Stdio};

use rustix::process::Signal;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tonic::transport::{Channel, Endpoint};

use mxgateway_contracts::v1_client::mx_gateway_client::MxGatewayClient;

use crate::credentials::{self, Bearer, KeyedClient};
use crate::{LIMIT, Proxy, TestSession, api_key, program, within};

/// What a test wants to be different.
#[derive(Clone, Debug, Default)]
pub struct GatewayOptions {
    /// Lines for mxgateway.toml.
    pub config: String,
    /// Port; 0 for a free one.
    pub port: u16,
    /// Port of the dashboard, health and metrics; 0 for a free one. Without it there is no HTTP service.
    pub http: Option<u16>,
    /// Further arguments of `mxgateway run`.
    pub arguments: Vec<String>,
    /// Does not log everything, for tests that would take long with it.
    pub quiet: bool,
    /// Its log goes through a pipe and SIGXFSZ is ignored, so that a limit may be set to the size of its files.
    pub limited: bool,
}

/// A running gateway with private state. Dropping it kills it; its workers then end by themselves.
#[derive(Debug)]
pub struct Gateway {
    child: Child,
    address: String,
    dashboard: Option<String>,
    folder: Folder,
}

impl Gateway {
    /// Starts with the defaults, but for several subscribers per session.
    pub async fn start() -> Self {
        Self::start_with(GatewayOptions {
            config: "[sessions]\nallow_multiple_event_subscribers = true\n".to_owned(),
            ..GatewayOptions::default()
        })
        .await
    }

    /// Starts with these lines of mxgateway.toml.
    pub async fn start_as(config: &str) -> Self {
        Self::start_with(GatewayOptions { config: config.to_owned(), ..GatewayOptions::default() }).await
    }

    /// Starts with what the test wants.
    pub async fn start_with(options: GatewayOptions) -> Self {
        let folder = tempfile::Builder::new().prefix("mxgw").tempdir().expect("a temporary folder");
        Self::start_in(Folder(folder), options).await
    }

    /// Starts with these lines of mxgateway.toml, several subscribers per session, and the dashboard.
    pub async fn start_with_dashboard(config: &str) -> Self {
        let config = format!("[sessions]\nallow_multiple_event_subscribers = true\n{config}");
        Self::start_with(GatewayOptions { config, http: Some(0), ..GatewayOptions::default() }).await
    }

    async fn start_in(folder: Folder, options: GatewayOptions) -> Self {
        fs::write(folder.path().join("mxgateway.toml"), &options.config).expect("a configuration file");
        credentials::give_key_store(folder.path());
        let log = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(folder.path().join("gateway.log"))
            .expect("a log file");
        let (mut command, log) = if options.limited {
            let mut command = Command::new("env");
            command.arg("--ignore-signal=XFSZ").arg(program("mxgateway"));
            (command, through_a_pipe(log))
        } else {
            (Command::new(program("mxgateway")), log.into())
        };
        let mut child = command
            .args(["run", "--listen", &format!("127.0.0.1:{}", options.port)])
            // Relative, because the path of a Unix socket must be short.
            .args(["--set", "workers.runtime_directory=run", "--set", "server.data_directory=data"])
            .args(["--set", &http_listen(options.http)])
            // What is logged at the highest level is looked through for secrets when the gateway is dropped.
            .args(["--set", if options.quiet { "logging.filter=info" } else { "logging.filter=trace" }])
            .args(&options.arguments)
            .current_dir(folder.path())
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .expect("the gateway can be started");
        let stdout = child.stdout.take().expect("the gateway's output is piped");
        let mut lines = BufReader::new(stdout).lines();
        let line = within("the gateway listens", lines.next_line()).await.expect("the gateway's output");
        let Some(address) = line.as_deref().and_then(|line| line.strip_prefix("mxgateway listening on "))
        else {
            panic!("the gateway said {line:?}; its log:\n{}", read_log(folder.path()));
        };
        let dashboard = if options.http.is_some() {
            let line =
                within("the dashboard's address", lines.next_line()).await.expect("the gateway's output");
            let url = line.as_deref().and_then(|line| line.strip_prefix("mxgateway dashboard at "));
            Some(url.unwrap_or_else(|| panic!("the gateway said {line:?}")).trim_end_matches('/').to_owned())
        } else {
            None
        };
        Self { address: address.to_owned(), dashboard, child, folder }
    }

    /// `http://127.0.0.1:PORT`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        port_of(&self.address)
    }

    /// Where the dashboard is, such as `http://127.0.0.1:PORT`.
    pub fn dashboard(&self) -> &str {
        self.dashboard.as_deref().expect("a gateway with an HTTP service")
    }

    /// Its process.
    pub fn process_id(&self) -> u32 {
        self.child.id().expect("the gateway runs")
    }

    /// Everything it logged, its workers included.
    pub fn log(&self) -> String {
        read_log(self.folder.path())
    }

    /// Folder of what it keeps.
    pub fn data_directory(&self) -> PathBuf {
        self.folder.path().join(credentials::DATA)
    }

    /// Folder of the workers' sockets.
    pub fn runtime_directory(&self) -> PathBuf {
        self.folder.path().join("run")
    }

    /// A connection of its own.
    pub async fn channel(&self) -> Channel {
        let endpoint = Endpoint::from_shared(self.endpoint()).expect("an endpoint").connect_timeout(LIMIT);
        within("a connection", endpoint.connect()).await.expect("the gateway takes connections")
    }

    /// A connection from another address of this machine, which the gateway takes for another peer.
    pub async fn channel_from(&self, address: Ipv4Addr) -> Channel {
        let endpoint = Endpoint::from_shared(self.endpoint())
            .expect("an endpoint")
            .connect_timeout(LIMIT)
            .local_address(Some(address.into()));
        within("a connection", endpoint.connect()).await.expect("the gateway takes connections")
    }

    /// A client on a connection of its own.
    pub async fn client(&self) -> KeyedClient {
        self.client_with(api_key()).await
    }

    /// A client with another key, on a connection of its own.
    pub async fn client_with(&self, key: &str) -> KeyedClient {
        MxGatewayClient::with_interceptor(self.channel().await, Bearer::new(key))
    }

    /// Makes a key by `mxgateway apikey create` with these options.
    pub fn create_key(&self, options: &[&str]) -> String {
        credentials::create_key(self.folder.path(), options)
    }

    /// Gives a key another secret by `mxgateway apikey rotate`; the new key.
    pub fn rotate_key(&self, id: &str) -> String {
        credentials::new_key(self.folder.path(), &["rotate", id])
    }

    /// `mxgateway apikey` with these arguments; what it printed.
    pub fn apikey(&self, arguments: &[&str]) -> Vec<u8> {
        credentials::apikey(self.folder.path(), arguments)
    }

    /// `mxgateway audit` with these arguments; what it printed.
    pub fn audit(&self, arguments: &[&str]) -> Vec<u8> {
        credentials::mxgateway(self.folder.path(), &[&["audit"], arguments].concat())
    }

    /// `mxgateway` with these arguments, whatever comes of it.
    pub fn try_mxgateway(&self, arguments: &[&str]) -> Output {
        credentials::try_mxgateway(self.folder.path(), arguments)
    }

    /// A client whose streams take only [`NARROW_WINDOW_BYTES`] before they have to be read.
    pub async fn narrow_client(&self) -> KeyedClient {
        narrow_client(self.endpoint()).await
    }

    /// A proxy before it, with free way.
    pub async fn proxy(&self) -> Proxy {
        Proxy::to(self.port()).await
    }

    /// Opens a session on a connection of its own.
    pub async fn session(&self) -> TestSession {
        TestSession::open(self.client().await).await
    }

    /// Asks it to stop and waits.
    pub async fn stop(&mut self, by: Signal) -> ExitStatus {
        crate::signal(self.process_id(), by);
        within("the gateway stops", self.child.wait()).await.expect("the gateway's exit status")
    }

    /// Kills it outright.
    pub async fn kill(&mut self) {
        self.stop(Signal::KILL).await;
    }

    /// Starts it again on the same ports and in the same folder; it must have ended before.
    pub async fn start_again(self) -> Self {
        self.start_again_with(GatewayOptions::default()).await
    }

    /// The same with other options; ports and configuration are those of before.
    pub async fn start_again_with(mut self, options: GatewayOptions) -> Self {
        assert!(self.child.try_wait().expect("a status").is_some(), "the gateway still runs");
        let config =
            fs::read_to_string(self.folder.path().join("mxgateway.toml")).expect("its configuration");
        let (port, http) = (self.port(), self.dashboard.as_deref().map(port_of));
        Self::start_in(self.folder, GatewayOptions { config, port, http, ..options }).await
    }
}

/// Where a gateway lives. What it leaves behind is looked through for secrets before it is removed.
#[derive(Debug)]
struct Folder(TempDir);

impl Folder {
    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            credentials::check_no_secret_below(self.path());
        }
    }
}

/// What a stream of a narrow client takes before it has to be read.
pub const NARROW_WINDOW_BYTES: u32 = 65_535;

/// A narrow client of what listens at `endpoint`. The connection's window is wide, for the HTTP/2 library
/// ends a connection on which too many small frames wait to be read, and what it tolerates goes by that
/// window.
pub async fn narrow_client(endpoint: String) -> KeyedClient {
    let endpoint = Endpoint::from_shared(endpoint)
        .expect("an endpoint")
        .connect_timeout(LIMIT)
        .initial_stream_window_size(NARROW_WINDOW_BYTES)
        .initial_connection_window_size(16 << 20);
    let channel = within("a connection", endpoint.connect()).await.expect("the gateway takes connections");
    MxGatewayClient::with_interceptor(channel, Bearer::new(api_key()))
}

/// What goes to a file by way of a process without limits.
fn through_a_pipe(file: fs::File) -> Stdio {
    let copy = std::process::Command::new("cat").stdin(Stdio::piped()).stdout(file).spawn();
    copy.expect("cat can be started").stdin.take().expect("its input is piped").into()
}

fn http_listen(port: Option<u16>) -> String {
    port.map_or_else(|| "http.listen=".to_owned(), |port| format!("http.listen=127.0.0.1:{port}"))
}

fn port_of(address: &str) -> u16 {
    address.rsplit(':').next().and_then(|port| port.parse().ok()).expect("an address with a port")
}

fn read_log(folder: &Path) -> String {
    fs::read_to_string(folder.join("gateway.log")).unwrap_or_default()
}
