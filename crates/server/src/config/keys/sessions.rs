//! Sessions, their events and their workers; the log.

use super::{GIB, KIB, Key, Preset, SECONDS, count, key, seconds_or_zero};
use crate::config::kind::Kind;

pub(super) const KEYS: &[Key] = &[
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
