//! The checked configuration that the rest of the gateway takes.

mod access;

use std::fmt;
use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use mxgateway_session_core::distributor::BackpressurePolicy;

pub use access::{DashboardConfig, LdapConfig};

/// Everything that can be configured, checked. `docs/configuration.md` says what each key means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Section `server`.
    pub server: ServerConfig,
    /// Section `http`.
    pub http: HttpConfig,
    /// Section `auth`.
    pub auth: AuthConfig,
    /// Section `audit`.
    pub audit: AuditConfig,
    /// Section `tls`.
    pub tls: TlsConfig,
    /// Section `dashboard`.
    pub dashboard: DashboardConfig,
    /// Section `ldap`.
    pub ldap: LdapConfig,
    /// Section `sessions`.
    pub sessions: SessionsConfig,
    /// Section `events`.
    pub events: EventsConfig,
    /// Section `workers`.
    pub workers: WorkersConfig,
    /// Section `protocol`.
    pub protocol: ProtocolConfig,
    /// Section `simulator`.
    pub simulator: SimulatorConfig,
    /// Section `logging`.
    pub logging: LoggingConfig,
}

/// Section `server`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerConfig {
    /// Where gRPC is served. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// How long sessions may take to close when the gateway stops.
    pub shutdown_timeout: Duration,
    /// Folder of what the gateway keeps.
    pub data_directory: PathBuf,
}

/// Section `http`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpConfig {
    /// Where dashboard, health and metrics are served over HTTP; `None` is nowhere.
    pub listen: Option<SocketAddr>,
    /// Whether it has TLS, with the certificate of section `tls`.
    pub tls: bool,
}

/// Section `auth`.
#[derive(Clone, PartialEq, Eq)]
pub struct AuthConfig {
    /// Who may use the gateway.
    pub mode: AuthMode,
    /// PostgreSQL URL of the key store, with its password; `None` is SQLite in the data directory.
    pub database_url: Option<String>,
    /// File of the pepper.
    pub pepper_path: PathBuf,
    /// How long keys that were in use stay good while the key store does not answer.
    pub cache: Duration,
}

impl fmt::Debug for AuthConfig {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { mode, database_url, pepper_path, cache } = self;
        formatter
            .debug_struct("AuthConfig")
            .field("mode", mode)
            .field("database_url", &database_url.as_ref().map(|_| "<redacted>"))
            .field("pepper_path", pepper_path)
            .field("cache", cache)
            .finish()
    }
}

/// Who may use the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthMode {
    /// Holders of an API key.
    ApiKey,
    /// Everybody who reaches it.
    Disabled,
}

/// Section `audit`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditConfig {
    /// How long entries are kept; `None` is for ever.
    pub retention: Option<Duration>,
    /// Which writes of values get an entry.
    pub record_writes: RecordWrites,
}

/// Which writes of values get an entry in the audit trail. Refused ones always do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordWrites {
    /// None.
    None,
    /// Those by WriteSecured and WriteSecured2.
    Secured,
    /// All.
    All,
}

/// Section `tls`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsConfig {
    /// Whether, and with what certificate.
    pub mode: TlsMode,
    /// Authorities whose certificates clients have to show.
    pub client_ca_path: Option<PathBuf>,
}

/// Whether the gRPC service speaks TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TlsMode {
    /// It does not.
    Off,
    /// With a certificate of the gateway's own making, kept in the data directory.
    SelfSigned {
        /// Names and addresses in it besides its usual ones.
        extra_names: Vec<String>,
        /// How long a new one is good.
        validity: Duration,
    },
    /// With a certificate from PEM files.
    Files {
        /// The certificate and those that vouch for it.
        certificate: PathBuf,
        /// Its private key.
        private_key: PathBuf,
    },
}

/// Section `sessions`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionsConfig {
    /// Most sessions at a time.
    pub max_sessions: NonZeroUsize,
    /// Limit of a command whose session names none.
    pub default_command_timeout: Duration,
    /// Most commands of one session that wait for their reply.
    pub max_pending_commands_per_session: NonZeroUsize,
    /// Life of a session after its last activity while nobody is attached.
    pub default_lease: Duration,
    /// Time between looks for expired sessions.
    pub lease_sweep_interval: Duration,
    /// Life of a session after its last subscriber left; zero is off.
    pub detach_grace: Duration,
    /// Whether a session may have more than one subscriber.
    pub allow_multiple_event_subscribers: bool,
    /// Most subscribers of one session, when several are allowed.
    pub max_event_subscribers_per_session: NonZeroUsize,
    /// Whether `[]` is appended to bare names of arrays.
    pub complete_array_names: bool,
}

/// Section `events`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventsConfig {
    /// Events a subscriber may lag behind the newest before it is cut.
    pub queue_capacity: NonZeroUsize,
    /// What a cut subscriber means for its session.
    pub backpressure_policy: BackpressurePolicy,
    /// Events kept for replay; 0 is none.
    pub replay_buffer_capacity: usize,
    /// Age up to which events are kept for replay; zero is no limit.
    pub replay_retention: Duration,
    /// Bytes of encoded events that a session retains.
    pub replay_buffer_bytes: NonZeroUsize,
    /// Time between bookmarks on a quiet stream.
    pub bookmark_interval: Duration,
}

/// Section `workers`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkersConfig {
    /// The worker program.
    pub executable_path: PathBuf,
    /// What the workers talk to.
    pub backend: Backend,
    /// Where each worker logs into a file of its own; `None` is the gateway's standard error.
    pub log_directory: Option<PathBuf>,
    /// Folder of the sockets; a relative one stays relative to the working directory.
    pub runtime_directory: PathBuf,
    /// From starting the process to a ready session.
    pub startup_timeout: Duration,
    /// How long a worker may take to end by itself.
    pub shutdown_timeout: Duration,
    /// Time between heartbeats.
    pub heartbeat_interval: Duration,
    /// Silence after which a worker counts as gone.
    pub heartbeat_grace: Duration,
    /// How long one call into the backend may take before its thread counts as hung.
    pub hung_apartment_ceiling: Duration,
    /// Largest frame between gateway and worker, in bytes.
    pub max_frame_bytes: NonZeroU32,
    /// Events a worker keeps for a gateway that is slow or away.
    pub journal_capacity: NonZeroUsize,
    /// Whether workers outlive the gateway, so that the next one takes them over.
    pub enable_orphan_reattach: bool,
    /// How long a worker waits for the next gateway.
    pub max_orphan_lifetime: Duration,
    /// How long taking a worker over may take.
    pub adoption_timeout: Duration,
}

/// What a worker talks to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// The built-in simulator.
    Simulator,
    /// MXAccess itself; Windows only.
    LmxProxy,
}

impl Backend {
    /// The name in the configuration and on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Simulator => "simulator",
            Self::LmxProxy => "lmxproxy",
        }
    }
}

/// Section `protocol`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProtocolConfig {
    /// Largest gRPC message taken or sent, in bytes.
    pub max_grpc_message_bytes: NonZeroUsize,
    /// Bytes buffered per HTTP/2 stream before the sender waits.
    pub max_stream_send_buffer_bytes: NonZeroUsize,
}

/// Section `simulator`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimulatorConfig {
    /// The galaxy file; `None` is the built-in one.
    pub galaxy_path: Option<PathBuf>,
    /// Whether clients may make the simulator misbehave.
    pub allow_fault_injection: bool,
}

/// Section `logging`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggingConfig {
    /// How a line looks.
    pub format: LogFormat,
    /// Levels: one for all, or `target=level`, separated by commas.
    pub filter: String,
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}
