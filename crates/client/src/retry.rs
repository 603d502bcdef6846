//! Whether a command that failed is sent again. Pure: time and chance are passed in.

use std::fmt::Write as _;
use std::time::{Duration, Instant, SystemTime};

use mxgateway_contracts::error_code::ErrorCode;

use crate::error::ClientError;
use crate::reconnect::{ReconnectPolicy, Reconnector, Step};

/// An attempt that has no time left would only fail.
const SHORTEST_ATTEMPT: Duration = Duration::from_millis(10);

/// What to do after a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Send it again after this long.
    After(Duration),
    /// The failure is the answer.
    Stop,
}

/// The attempts at one command.
#[derive(Debug)]
pub(crate) struct Attempts {
    until: Instant,
    pauses: Reconnector,
}

impl Attempts {
    pub(crate) fn new(now: Instant, limit: Duration) -> Self {
        Self { until: now + limit, pauses: Reconnector::new(ReconnectPolicy::default()) }
    }

    /// Time that is left for an attempt.
    pub(crate) fn left(&self, now: Instant) -> Duration {
        self.until.saturating_duration_since(now).max(SHORTEST_ATTEMPT)
    }

    /// An attempt failed. `dice` is random, from 0 to 1.
    pub(crate) fn failed(&mut self, error: &ClientError, now: Instant, dice: f64) -> Next {
        let step = match error.code() {
            // The command may be done by now, and then its reply is remembered.
            Some(ErrorCode::CommandTimeout) => self.pauses.replaced(now, dice),
            // The worker that knew the id is gone.
            Some(ErrorCode::OutcomeUnknown) => Step::Stop,
            Some(_) | None => self.pauses.failed(error, now, dice),
        };
        match step {
            Step::Retry(delay) if now + delay + SHORTEST_ATTEMPT <= self.until => Next::After(delay),
            Step::Retry(_) | Step::Stop => Next::Stop,
        }
    }
}

/// An id that no other command has.
pub(crate) fn new_request_id() -> String {
    let mut bytes = [0; 16];
    if getrandom::fill(&mut bytes).is_err() {
        // No randomness: the time, with the process that asks for it.
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        bytes[..12].copy_from_slice(&now.as_nanos().to_le_bytes()[..12]);
        bytes[12..].copy_from_slice(&std::process::id().to_le_bytes());
    }
    bytes.iter().fold("request-".to_owned(), |mut id, byte| {
        let _ = write!(id, "{byte:02x}");
        id
    })
}

#[cfg(test)]
mod tests {
    use tonic::Status;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn next(error: &ClientError, limit: Duration) -> Next {
        let now = Instant::now();
        Attempts::new(now, limit).failed(error, now, 1.0)
    }

    fn gateway(code: ErrorCode) -> ClientError {
        ClientError::from_status(code.status("text", &[]), "http://gateway")
    }

    #[test]
    fn what_may_pass_is_repeated_and_what_stays_is_the_answer() {
        for code in ErrorCode::ALL {
            let repeated = matches!(
                code,
                ErrorCode::CommandTimeout
                    | ErrorCode::WorkerUnavailable
                    | ErrorCode::GatewayStopping
                    | ErrorCode::PendingCommandLimit
                    | ErrorCode::SessionLimit
                    | ErrorCode::OpenFailed
                    | ErrorCode::TooManyAttempts
                    | ErrorCode::KeyStoreUnavailable
            );
            assert_eq!(matches!(next(&gateway(*code), SECOND), Next::After(_)), repeated, "{code:?}");
        }
        let cut = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
        let cut = ClientError::from_status(Status::from_error(cut.into()), "http://gateway");
        assert!(matches!(next(&cut, SECOND), Next::After(_)));
        let slow = ClientError::Deadline { call: "Invoke", limit: SECOND };
        assert!(matches!(next(&slow, SECOND), Next::After(_)));
    }

    #[test]
    fn pauses_grow_and_end_with_the_limit() {
        let begun = Instant::now();
        let mut now = begun;
        let mut attempts = Attempts::new(begun, Duration::from_secs(10));
        let mut last = Duration::ZERO;
        while let Next::After(delay) = attempts.failed(&gateway(ErrorCode::WorkerUnavailable), now, 1.0) {
            assert!(delay >= last, "{delay:?} after {last:?}");
            last = delay;
            now += delay;
        }
        assert!(now < begun + Duration::from_secs(10));
        assert!(last >= SECOND, "{last:?}");
        assert_eq!(attempts.left(now + Duration::from_secs(60)), SHORTEST_ATTEMPT);
    }

    #[test]
    fn a_delay_the_gateway_asks_for_is_kept() {
        let asked = Duration::from_millis(700);
        let status = ErrorCode::WorkerUnavailable.retryable_status("text", &[], asked);
        let error = ClientError::from_status(status, "http://gateway");
        assert_eq!(next(&error, SECOND), Next::After(asked));
        assert_eq!(next(&error, asked), Next::Stop);
    }

    #[test]
    fn ids_are_unique_and_short_enough() {
        let ids: std::collections::HashSet<String> = (0..1000).map(|_| new_request_id()).collect();
        assert_eq!(ids.len(), 1000);
        assert!(ids.iter().all(|id| id.len() <= 128));
    }
}
