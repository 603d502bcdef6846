//! The one table of keys.

use std::time::Duration;

use super::environment::{ENVIRONMENT_PREFIX, Surroundings};
use super::kind::Kind;

/// One key of the configuration.
#[derive(Debug)]
pub struct Key {
    /// `section.name`.
    pub path: &'static str,
    /// What values it takes.
    pub(super) kind: Kind,
    /// Its value when nothing sets it.
    pub(super) preset: Preset,
    /// One line for people.
    pub meaning: &'static str,
}

impl Key {
    /// The part before the dot.
    pub fn section(&self) -> &'static str {
        self.path.split_once('.').map_or(self.path, |(section, _)| section)
    }

    /// The part after the dot.
    pub fn name(&self) -> &'static str {
        self.path.split_once('.').map_or(self.path, |(_, name)| name)
    }

    /// The environment variable that sets it.
    pub fn variable(&self) -> String {
        format!("{ENVIRONMENT_PREFIX}{}__{}", self.section(), self.name()).to_uppercase()
    }

    /// The key with this path.
    pub(super) fn find(path: &str) -> Option<&'static Self> {
        KEYS.iter().find(|key| key.path == path)
    }
}

/// A default.
#[derive(Clone, Copy, Debug)]
pub(super) enum Preset {
    Fixed(&'static str),
    /// The worker program in the folder of the gateway's own.
    WorkerBesideGateway,
    /// A folder of this user's, gone with the next start of the machine.
    RuntimeDirectory,
    /// A folder of this user's that stays.
    DataDirectory,
}

impl Preset {
    /// The value, as text that the key's kind takes.
    pub(super) fn text(self, surroundings: &Surroundings) -> String {
        match self {
            Self::Fixed(text) => text.to_owned(),
            Self::WorkerBesideGateway => surroundings.worker_beside_gateway().display().to_string(),
            Self::RuntimeDirectory => surroundings.runtime_directory().display().to_string(),
            Self::DataDirectory => surroundings.data_directory().display().to_string(),
        }
    }
}

/// A rule between two keys.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) smaller: &'static str,
    pub(super) larger: &'static str,
    pub(super) may_be_equal: bool,
    pub(super) why: &'static str,
}

pub(super) const ORDERS: &[Order] = &[
    Order {
        smaller: "workers.heartbeat_interval_seconds",
        larger: "workers.heartbeat_grace_seconds",
        may_be_equal: false,
        why: "a worker must be able to send a heartbeat before it counts as gone",
    },
    Order {
        smaller: "workers.heartbeat_grace_seconds",
        larger: "workers.hung_apartment_ceiling_seconds",
        may_be_equal: false,
        why: "a slow command is tolerated longer than a silent worker",
    },
    Order {
        smaller: "protocol.max_grpc_message_bytes",
        larger: "workers.max_frame_bytes",
        may_be_equal: true,
        why: "a request that is taken must fit into a frame to the worker",
    },
];

/// Keys of addresses that only a gateway that asks for API keys may open to other machines.
pub(super) const ADDRESSES: &[&str] = &["server.listen", "http.listen"];

const MONTH: Duration = Duration::from_secs(30 * 24 * 3600);
const SECONDS: Kind = Kind::Seconds { min: Duration::from_millis(1), max: MONTH, zero: None };
const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
const GIB: u64 = 1024 * MIB;

const fn key(path: &'static str, kind: Kind, default: &'static str, meaning: &'static str) -> Key {
    Key { path, kind, preset: Preset::Fixed(default), meaning }
}

const fn count(min: u64, max: u64) -> Kind {
    Kind::Count { min, max, zero: None }
}

const fn seconds_or_zero(zero: &'static str) -> Kind {
    Kind::Seconds { min: Duration::from_millis(1), max: MONTH, zero: Some(zero) }
}

/// Every key, in the order of the document.
pub const KEYS: &[Key] = &[
    key(
        "server.listen",
        Kind::Address { empty: None },
        "127.0.0.1:5120",
        "Address and port of the gRPC service; port 0 takes a free one. One that other machines reach needs \
         `auth.mode = \"api_key\"`, and should have TLS.",
    ),
    key(
        "server.shutdown_timeout_seconds",
        SECONDS,
        "10",
        "How long sessions may take to close when the gateway stops; then their workers are killed.",
    ),
    Key {
        path: "server.data_directory",
        kind: Kind::Path { empty: None },
        preset: Preset::DataDirectory,
        meaning: "Folder of what the gateway keeps: key store, pepper, self-signed certificate. Made for this \
                  user only.",
    },
    key(
        "http.listen",
        Kind::Address { empty: Some("no HTTP service") },
        "127.0.0.1:5121",
        "Address and port of `/health/live`, `/health/ready` and `/metrics` over HTTP.",
    ),
    key(
        "auth.mode",
        Kind::Choice(&["api_key", "disabled"]),
        "api_key",
        "Who may use the gateway: holders of an API key (`mxgateway apikey create`), or with `disabled` \
         everybody who reaches it, which is for development on one machine.",
    ),
    key("auth.database_url", Kind::DatabaseUrl, "", "Where API keys and the audit trail are kept."),
    key(
        "auth.pepper_path",
        Kind::Path { empty: Some("`pepper` in `server.data_directory`") },
        "",
        "File of the secret that the stored hashes of keys depend on; made at the first start. Gateways that \
         share a database need the same.",
    ),
    key(
        "auth.cache_seconds",
        SECONDS,
        "60",
        "How long keys that were in use stay good while the key store does not answer.",
    ),
    key(
        "audit.retention_days",
        Kind::Count { min: 1, max: 36_500, zero: Some("for ever") },
        "90",
        "How many days entries of the audit trail are kept.",
    ),
    key(
        "audit.record_writes",
        Kind::Choice(&["none", "secured", "all"]),
        "secured",
        "Which writes of values get an entry: none, those by WriteSecured, or all. Refused ones always do.",
    ),
    key(
        "tls.mode",
        Kind::Choice(&["off", "self_signed", "files"]),
        "off",
        "Whether the gRPC service speaks TLS, with a certificate of its own making that is kept, or with one \
         from files.",
    ),
    key(
        "tls.certificate_path",
        Kind::Path { empty: Some("none") },
        "",
        "PEM file of the certificate and those that vouch for it, for `tls.mode = \"files\"`.",
    ),
    key(
        "tls.private_key_path",
        Kind::Path { empty: Some("none") },
        "",
        "PEM file of the certificate's private key, for `tls.mode = \"files\"`.",
    ),
    key(
        "tls.client_ca_path",
        Kind::Path { empty: Some("no client certificates") },
        "",
        "PEM file of the authorities whose certificates clients have to show, besides their API key.",
    ),
    key(
        "tls.extra_names",
        Kind::HostNames,
        "",
        "Further names and addresses in the self-signed certificate, which has localhost and the name of the \
         machine anyway.",
    ),
    key(
        "tls.validity_days",
        count(1, 36_500),
        "3650",
        "How long a new self-signed certificate is good; an expired one is made anew at the next start.",
    ),
    key("sessions.max_sessions", count(1, 10_000), "64", "Most sessions open at a time."),
    key(
        "sessions.default_command_timeout_seconds",
        SECONDS,
        "30",
        "How long a command may take when its session was opened without a limit of its own.",
    ),
    key(
        "sessions.max_pending_commands_per_session",
        count(1, 1_000_000),
        "128",
        "Most commands of one session that wait for their reply; one more is refused.",
    ),
    key(
        "sessions.default_lease_seconds",
        SECONDS,
        "1800",
        "How long a session lives after its last command while no subscriber is attached.",
    ),
    key(
        "sessions.lease_sweep_interval_seconds",
        SECONDS,
        "30",
        "Time between two looks for expired sessions.",
    ),
    key(
        "sessions.detach_grace_seconds",
        seconds_or_zero("off: only the lease counts"),
        "30",
        "How long a session lives after its last subscriber left.",
    ),
    key(
        "sessions.allow_multiple_event_subscribers",
        Kind::Flag,
        "false",
        "Whether a session may have more than one subscriber.",
    ),
    key(
        "sessions.max_event_subscribers_per_session",
        count(1, 100_000),
        "8",
        "Most subscribers of one session, when several are allowed.",
    ),
    key(
        "sessions.complete_array_names",
        Kind::Flag,
        "true",
        "Whether `[]` is appended to the bare name of an array when an item is added, where the galaxy says \
         that it is one; without it MXAccess refuses such a name on its first event.",
    ),
    key(
        "events.queue_capacity",
        count(1, 10_000_000),
        "10000",
        "How many events a subscriber may lag behind the newest before it is cut.",
    ),
    key(
        "events.backpressure_policy",
        Kind::Choice(&["fail_fast", "disconnect_subscriber"]),
        "fail_fast",
        "What a subscriber that is too slow means: `fail_fast` also faults its session, unless several \
         subscribers are allowed; `disconnect_subscriber` cuts it alone.",
    ),
    key(
        "events.replay_buffer_capacity",
        Kind::Count { min: 1, max: 10_000_000, zero: Some("no replay; gaps are still reported") },
        "1024",
        "How many events a session keeps for subscribers that come back.",
    ),
    key(
        "events.replay_retention_seconds",
        seconds_or_zero("no age limit"),
        "300",
        "Age up to which events are kept for replay.",
    ),
    key(
        "events.replay_buffer_bytes",
        Kind::Bytes { min: KIB, max: 64 * GIB },
        "64 MiB",
        "Most bytes of encoded events that one session keeps.",
    ),
    key(
        "events.bookmark_interval_seconds",
        SECONDS,
        "15",
        "Time between bookmarks on a stream that has nothing else to send.",
    ),
    Key {
        path: "workers.executable_path",
        kind: Kind::Path { empty: None },
        preset: Preset::WorkerBesideGateway,
        meaning: "The worker program.",
    },
    key(
        "workers.backend",
        Kind::Backend,
        "simulator",
        "What workers talk to: the built-in `simulator`, or MXAccess through `lmxproxy` on Windows.",
    ),
    key(
        "workers.log_directory",
        Kind::Path { empty: Some("the gateway's standard error; as a Windows service, its folder of logs") },
        "",
        "Folder in which each session's worker logs into a file of its own, `worker-SESSION.log`.",
    ),
    Key {
        path: "workers.runtime_directory",
        kind: Kind::SocketDirectory,
        preset: Preset::RuntimeDirectory,
        meaning: "Folder of the sockets to the workers, for this user only; a relative path stays relative \
                  to the working directory.",
    },
    key(
        "workers.startup_timeout_seconds",
        SECONDS,
        "30",
        "How long a worker may take from its start to a ready session.",
    ),
    key(
        "workers.shutdown_timeout_seconds",
        SECONDS,
        "10",
        "How long a worker may take to end by itself; then it is killed.",
    ),
    key("workers.heartbeat_interval_seconds", SECONDS, "5", "Time between a worker's heartbeats."),
    key("workers.heartbeat_grace_seconds", SECONDS, "15", "Silence after which a worker counts as gone."),
    key(
        "workers.hung_apartment_ceiling_seconds",
        SECONDS,
        "75",
        "How long one call into the backend may take before its thread counts as hung.",
    ),
    key(
        "workers.max_frame_bytes",
        Kind::Bytes { min: 4 * KIB, max: GIB },
        "16 MiB",
        "Largest frame between the gateway and a worker.",
    ),
    key(
        "workers.journal_capacity",
        count(1, 10_000_000),
        "16384",
        "How many events a worker keeps for a gateway that is slow or away.",
    ),
    key(
        "workers.enable_orphan_reattach",
        Kind::Flag,
        "false",
        "Whether workers outlive a crash or handover of the gateway, so that the next one, started in the same \
         working directory and with the same `server.data_directory`, takes their sessions over. Linux and Windows only.",
    ),
    key(
        "workers.max_orphan_lifetime_seconds",
        SECONDS,
        "120",
        "How long a worker waits for the next gateway; then it ends.",
    ),
    key(
        "workers.adoption_timeout_seconds",
        SECONDS,
        "5",
        "How long taking a worker over may take at the start; then its session is faulted.",
    ),
    key(
        "protocol.max_grpc_message_bytes",
        Kind::Bytes { min: 4 * KIB, max: GIB },
        "16 MiB",
        "Largest gRPC message that is taken or sent.",
    ),
    key(
        "protocol.max_stream_send_buffer_bytes",
        Kind::Bytes { min: 4 * KIB, max: GIB },
        "64 KiB",
        "How much is buffered for one HTTP/2 stream before its sender waits.",
    ),
    key(
        "simulator.galaxy_path",
        Kind::Path { empty: Some("the built-in galaxy") },
        "",
        "File that describes the simulated galaxy.",
    ),
    key(
        "simulator.allow_fault_injection",
        Kind::Flag,
        "false",
        "Whether clients may make the simulator misbehave, by the command InjectFault; for tests of clients.",
    ),
    key("logging.format", Kind::Choice(&["text", "json"]), "text", "How a line of the log looks."),
    key("logging.filter", Kind::LogFilter, "info", "What is logged, by workers too; on standard error."),
];
