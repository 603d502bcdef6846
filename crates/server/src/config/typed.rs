//! The checked configuration that the rest of the gateway takes.

use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use mxgateway_session_core::distributor::BackpressurePolicy;

/// Everything that can be configured, checked. `docs/configuration.md` says what each key means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Section `server`.
    pub server: ServerConfig,
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
    /// Where gRPC is served; a loopback address. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// How long sessions may take to close when the gateway stops.
    pub shutdown_timeout: Duration,
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
