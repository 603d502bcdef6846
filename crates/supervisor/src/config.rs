//! Settings of a supervisor.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

/// How workers are started and watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SupervisorConfig {
    /// The worker program.
    pub executable: PathBuf,
    /// Backend of a session that names none.
    pub backend: String,
    /// Options for the backend, such as the simulator's galaxy file.
    pub backend_options: HashMap<String, String>,
    /// Where the sockets are made. Others must not reach into it; kept short, for the operating system
    /// limits the length of a socket's path.
    pub runtime_directory: PathBuf,
    /// Where each worker's log goes, a file per session; `None`: to this process's standard error.
    pub log_directory: Option<PathBuf>,
    /// What workers log: levels, one for all or `target=level`, separated by commas.
    pub log_filter: String,
    /// Whether the lines of their logs are JSON instead of text.
    pub log_json: bool,
    /// From the start of the process to the backend being ready.
    pub startup_timeout: Duration,
    /// How often a worker gives a sign of life.
    pub heartbeat_interval: Duration,
    /// Silence after which a worker counts as hung and is killed; longer than the interval.
    pub heartbeat_grace: Duration,
    /// How long one command may hold the apartment before the worker reports it hung.
    pub hung_apartment_ceiling: Duration,
    /// Limit for one frame in either direction, in bytes.
    pub max_frame_bytes: u32,
    /// Events that the worker's journal keeps.
    pub journal_capacity: u32,
    /// Bytes that the worker's journal keeps.
    pub journal_bytes: u64,
    /// How long a listed worker lives without a gateway; see [`Supervisor::with_manifest`](crate::Supervisor).
    pub max_orphan_lifetime: Duration,
    /// How long taking a worker over may take.
    pub adoption_timeout: Duration,
}

impl Default for SupervisorConfig {
    /// The gateway's defaults, with the worker program looked for in the working directory.
    fn default() -> Self {
        Self {
            executable: PathBuf::from("mxgateway-worker"),
            backend: "simulator".to_owned(),
            backend_options: HashMap::new(),
            runtime_directory: PathBuf::from("run"),
            log_directory: None,
            log_filter: "info".to_owned(),
            log_json: false,
            startup_timeout: Duration::from_secs(30),
            heartbeat_interval: Duration::from_secs(5),
            heartbeat_grace: Duration::from_secs(15),
            hung_apartment_ceiling: Duration::from_secs(75),
            max_frame_bytes: mxgateway_worker_ipc::frame::DEFAULT_MAX_FRAME_BYTES,
            journal_capacity: 16_384,
            journal_bytes: 64 << 20,
            max_orphan_lifetime: Duration::from_secs(120),
            adoption_timeout: Duration::from_secs(5),
        }
    }
}
