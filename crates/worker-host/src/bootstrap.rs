//! What a worker is told at its start: the `Bootstrap` frame, checked.

use std::time::Duration;

use mxgateway_contracts::time;
use mxgateway_contracts::worker_v1::Bootstrap;
use mxgateway_worker_ipc::frame::{DEFAULT_MAX_FRAME_BYTES, FrameError, FrameReader};
use mxgateway_worker_ipc::handshake::VersionRange;
use mxgateway_worker_ipc::secret::Secret;
use mxgateway_worker_ipc::transport::Endpoint;
use tokio::io::AsyncRead;
use zeroize::Zeroize;

use crate::journal::JournalLimits;

/// Limit of the bootstrap frame, in bytes.
const MAX_BOOTSTRAP_BYTES: u32 = 1024 * 1024;
/// A smaller limit would not let a batch of events through.
const MIN_FRAME_BYTES: u32 = 64 * 1024;
const DEFAULT_JOURNAL_EVENTS: usize = 16_384;
const DEFAULT_JOURNAL_BYTES: usize = 64 * 1024 * 1024;
const DEFAULT_HEARTBEAT: Duration = Duration::from_secs(5);
const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const DEFAULT_HUNG_CEILING: Duration = Duration::from_secs(75);

/// Why a worker cannot start with what it was given.
#[derive(Debug, thiserror::Error)]
pub enum BootstrapError {
    /// No frame came.
    #[error("standard input ended without a bootstrap frame; a worker is started by the gateway")]
    Missing,
    /// What came is no bootstrap frame.
    #[error("the bootstrap on standard input cannot be read")]
    Unreadable(#[source] FrameError),
    /// Settings that are not valid; all of them.
    #[error("the bootstrap is not valid: {}", .0.join("; "))]
    Invalid(Vec<String>),
}

/// Checked settings of a worker; those of the backend are for the backend to check.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) session_id: String,
    pub(crate) endpoint: Endpoint,
    pub(crate) secret: Secret,
    /// Versions of the protocol that the gateway speaks.
    pub(crate) versions: VersionRange,
    pub(crate) max_frame_bytes: u32,
    pub(crate) journal: JournalLimits,
    pub(crate) heartbeat: Duration,
    pub(crate) connect_timeout: Duration,
    pub(crate) hung_ceiling: Duration,
    /// How long to live on without a gateway, unless the gateway says otherwise; `None` for not at all.
    pub(crate) orphan_lifetime: Option<Duration>,
}

/// Reads the bootstrap frame. Takes as long as the other end does.
pub async fn read(input: impl AsyncRead + Unpin) -> Result<Bootstrap, BootstrapError> {
    let frame = FrameReader::new(input, MAX_BOOTSTRAP_BYTES).read_message().await;
    frame.map_err(BootstrapError::Unreadable)?.ok_or(BootstrapError::Missing)
}

impl Settings {
    /// Checks everything and puts defaults where nothing is set.
    pub(crate) fn check(mut bootstrap: Bootstrap) -> Result<Self, BootstrapError> {
        let mut problems = Vec::new();
        if bootstrap.session_id.is_empty() {
            problems.push("session_id is empty".to_owned());
        }
        let endpoint = note(&mut problems, "endpoint", bootstrap.endpoint.parse::<Endpoint>());
        let secret = note(&mut problems, "secret", Secret::from_slice(&bootstrap.secret));
        bootstrap.secret.zeroize();
        let versions =
            VersionRange { min: bootstrap.min_protocol_version, max: bootstrap.max_protocol_version };
        let max_frame_bytes = match bootstrap.max_frame_bytes {
            0 => DEFAULT_MAX_FRAME_BYTES,
            bytes => bytes,
        };
        if max_frame_bytes < MIN_FRAME_BYTES {
            problems.push(format!("max_frame_bytes is {max_frame_bytes}, less than {MIN_FRAME_BYTES}"));
        }
        let mut duration = |name: &str, wire: Option<prost_types::Duration>, default| match wire {
            None => default,
            Some(wire) => time::duration(&wire).filter(|value| !value.is_zero()).unwrap_or_else(|| {
                problems.push(format!("{name} must be more than zero"));
                default
            }),
        };
        let heartbeat = duration("heartbeat_interval", bootstrap.heartbeat_interval, DEFAULT_HEARTBEAT);
        let connect_timeout = duration("connect_timeout", bootstrap.connect_timeout, DEFAULT_CONNECT_TIMEOUT);
        let hung_ceiling =
            duration("hung_apartment_ceiling", bootstrap.hung_apartment_ceiling, DEFAULT_HUNG_CEILING);
        let orphan_lifetime = match bootstrap.max_orphan_lifetime.as_ref().map(time::duration) {
            None => None,
            Some(Some(lifetime)) => Some(lifetime).filter(|lifetime| !lifetime.is_zero()),
            Some(None) => {
                problems.push("max_orphan_lifetime must not be negative".to_owned());
                None
            }
        };
        let (Some(endpoint), Some(secret), true) = (endpoint, secret, problems.is_empty()) else {
            return Err(BootstrapError::Invalid(problems));
        };
        Ok(Self {
            session_id: bootstrap.session_id,
            endpoint,
            secret,
            versions,
            max_frame_bytes,
            journal: JournalLimits {
                events: or_default(u64::from(bootstrap.journal_capacity), DEFAULT_JOURNAL_EVENTS),
                bytes: or_default(bootstrap.journal_bytes, DEFAULT_JOURNAL_BYTES),
            },
            heartbeat,
            connect_timeout,
            hung_ceiling,
            orphan_lifetime,
        })
    }
}

fn note<T, E: std::fmt::Display>(problems: &mut Vec<String>, name: &str, result: Result<T, E>) -> Option<T> {
    result.map_err(|error| problems.push(format!("{name}: {error}"))).ok()
}

fn or_default(value: u64, default: usize) -> usize {
    match value {
        0 => default,
        value => usize::try_from(value).unwrap_or(usize::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn valid() -> Bootstrap {
        Bootstrap {
            session_id: "session-1".to_owned(),
            endpoint: "memory:x".to_owned(),
            secret: vec![1; 32],
            ..Bootstrap::default()
        }
    }

    #[test]
    fn what_is_not_set_has_a_default() {
        let settings = Settings::check(valid()).unwrap();
        assert_eq!(settings.journal, JournalLimits { events: 16_384, bytes: 64 * 1024 * 1024 });
        assert_eq!(settings.hung_ceiling, Duration::from_secs(75));
        assert_eq!(settings.orphan_lifetime, None);
        assert!(!format!("{settings:?}").contains("[1, 1"), "the secret shows");
    }

    #[test]
    fn no_lifetime_without_a_gateway_is_the_same_as_one_of_zero() {
        for (seconds, lifetime) in [(0, None), (60, Some(Duration::from_secs(60)))] {
            let max_orphan_lifetime = Some(prost_types::Duration { seconds, nanos: 0 });
            let settings = Settings::check(Bootstrap { max_orphan_lifetime, ..valid() }).unwrap();
            assert_eq!(settings.orphan_lifetime, lifetime);
        }
    }

    #[test]
    fn all_problems_are_named_at_once() {
        let negative = Some(prost_types::Duration { seconds: -1, nanos: 0 });
        let bootstrap = Bootstrap {
            max_frame_bytes: 10,
            heartbeat_interval: negative,
            max_orphan_lifetime: negative,
            secret: vec![1; 3],
            ..Bootstrap::default()
        };
        let text = Settings::check(bootstrap).unwrap_err().to_string();
        for name in [
            "session_id",
            "endpoint",
            "secret",
            "max_frame_bytes",
            "heartbeat_interval",
            "max_orphan_lifetime",
        ] {
            assert!(text.contains(name), "{name} is not in {text}");
        }
    }

    #[tokio::test]
    async fn no_bootstrap_is_told_apart_from_a_bad_one() {
        assert!(matches!(read(&[][..]).await, Err(BootstrapError::Missing)));
        assert!(matches!(read(&b"hello world"[..]).await, Err(BootstrapError::Unreadable(_))));
    }
}
