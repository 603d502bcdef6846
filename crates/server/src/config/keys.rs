//! The one table of keys, a part of it for each kind of reader.

mod access;
mod service;
mod sessions;

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
        keys().find(|key| key.path == path)
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

/// The table, in the order of the document.
const TABLE: [&[Key]; 3] = [service::KEYS, access::KEYS, sessions::KEYS];

/// Every key, in the order of the document.
pub fn keys() -> impl Iterator<Item = &'static Key> {
    TABLE.into_iter().flatten()
}
