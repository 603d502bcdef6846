//! When to come back after a failure. Pure: time and chance are passed in.

use std::time::{Duration, Instant};

use mxgateway_contracts::error_code::ErrorCode;
use mxgateway_contracts::time::duration;
use mxgateway_contracts::v1::{StreamEnd, StreamEndReason};
use tonic::Code;

use crate::error::{ClientError, GatewayError};

/// A connection that lasted this long was a good one: the next failure counts as the first.
const STABLE_AFTER: Duration = Duration::from_secs(5);
/// How long a gateway may take to notice that the connection we lost is lost, and meanwhile refuses us as
/// one subscriber too many.
const TAKEOVER_GRACE: Duration = Duration::from_secs(30);
/// Longest delay a gateway can impose.
const MAX_HINT: Duration = Duration::from_secs(60);

/// How a stream comes back after a failure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReconnectPolicy {
    /// Delay before the first attempt; doubled for each further one.
    pub initial_delay: Duration,
    /// Longest delay between attempts.
    pub max_delay: Duration,
    /// How many attempts in a row may fail; `None` for any number, `Some(0)` to never come back.
    pub max_attempts: Option<u32>,
    /// Come back also when the gateway cut the stream because it was not read fast enough.
    pub resume_slow_reader: bool,
}

impl Default for ReconnectPolicy {
    fn default() -> Self {
        Self {
            initial_delay: Duration::from_millis(200),
            max_delay: Duration::from_secs(5),
            max_attempts: None,
            resume_slow_reader: false,
        }
    }
}

impl ReconnectPolicy {
    /// The first failure is the end.
    pub fn never() -> Self {
        Self { max_attempts: Some(0), ..Self::default() }
    }
}

/// What to do after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Try again after this long.
    Retry(Duration),
    /// Trying again does not help, or was not wanted.
    Stop,
}

/// Counts failures in a row and decides about the next attempt.
#[derive(Debug)]
pub(crate) struct Reconnector {
    policy: ReconnectPolicy,
    failures: u32,
    connected: Option<Instant>,
    lost: Option<Instant>,
}

impl Reconnector {
    pub(crate) fn new(policy: ReconnectPolicy) -> Self {
        Self { policy, failures: 0, connected: None, lost: None }
    }

    /// A connection works.
    pub(crate) fn connected(&mut self, now: Instant) {
        self.connected = Some(now);
    }

    /// A connection or an attempt at one failed. `dice` is random, from 0 to 1.
    pub(crate) fn failed(&mut self, error: &ClientError, now: Instant, dice: f64) -> Step {
        self.disconnected(now);
        let hint = match classify(error) {
            Class::Transient { retry_after } => retry_after,
            Class::SlowReader { retry_after } if self.policy.resume_slow_reader => retry_after,
            Class::Occupied if self.lost.is_some_and(|lost| now.duration_since(lost) < TAKEOVER_GRACE) => {
                None
            }
            Class::SlowReader { .. } | Class::Occupied | Class::Final => return Step::Stop,
        };
        self.attempt(hint, dice)
    }

    /// What the connection was for is gone and is replaced by a new one, whatever the error.
    pub(crate) fn replaced(&mut self, now: Instant, dice: f64) -> Step {
        self.disconnected(now);
        self.attempt(None, dice)
    }

    fn disconnected(&mut self, now: Instant) {
        if let Some(since) = self.connected.take() {
            self.lost = Some(now);
            if now.duration_since(since) >= STABLE_AFTER {
                self.failures = 0;
            }
        }
    }

    fn attempt(&mut self, hint: Option<Duration>, dice: f64) -> Step {
        if self.policy.max_attempts.is_some_and(|most| self.failures >= most) {
            return Step::Stop;
        }
        let delay = self.delay(dice).max(hint.unwrap_or_default().min(MAX_HINT));
        self.failures = self.failures.saturating_add(1);
        Step::Retry(delay)
    }

    /// Half of the doubling delay is certain, half is chance, so that many clients do not come at once.
    fn delay(&self, dice: f64) -> Duration {
        let doubled = self.policy.initial_delay.saturating_mul(1 << self.failures.min(20));
        let delay = doubled.min(self.policy.max_delay);
        delay / 2 + (delay / 2).mul_f64(dice.clamp(0.0, 1.0))
    }
}

enum Class {
    /// May work later.
    Transient { retry_after: Option<Duration> },
    /// We did not read fast enough.
    SlowReader { retry_after: Option<Duration> },
    /// Somebody else, or the connection we just lost, is in our place.
    Occupied,
    /// Will not work later.
    Final,
}

fn classify(error: &ClientError) -> Class {
    match error {
        ClientError::Unreachable { .. }
        | ClientError::ConnectionLost { .. }
        | ClientError::Deadline { .. } => Class::Transient { retry_after: None },
        ClientError::Gateway(error) => classify_gateway(error),
        ClientError::StreamEnded(end) => classify_end(end),
        ClientError::InvalidEndpoint { .. }
        | ClientError::InvalidApiKey
        | ClientError::TlsOptions(_)
        | ClientError::Tls { .. }
        | ClientError::MxAccess { .. }
        | ClientError::Protocol(_) => Class::Final,
    }
}

fn classify_gateway(error: &GatewayError) -> Class {
    let retry_after = error.retry_after;
    match error.code {
        Some(ErrorCode::SlowSubscriber) => Class::SlowReader { retry_after },
        Some(ErrorCode::EventSubscriberActive | ErrorCode::EventSubscriberLimit) => Class::Occupied,
        Some(ErrorCode::MessageTooLarge) => Class::Final,
        Some(_) if matches!(error.status, Code::Unavailable | Code::ResourceExhausted) => {
            Class::Transient { retry_after }
        }
        Some(_) => Class::Final,
        // Not the gateway's own: a proxy's answer, or a stream that was cut without one.
        None if matches!(
            error.status,
            Code::Unavailable
                | Code::ResourceExhausted
                | Code::Unknown
                | Code::Cancelled
                | Code::Aborted
                | Code::DeadlineExceeded
        ) =>
        {
            Class::Transient { retry_after }
        }
        None => Class::Final,
    }
}

fn classify_end(end: &StreamEnd) -> Class {
    let retry_after = end.retry_after.as_ref().and_then(duration);
    match end.reason() {
        StreamEndReason::SlowReader => Class::SlowReader { retry_after },
        StreamEndReason::GatewayShutdown => Class::Transient { retry_after },
        // A reason newer than this build: the gateway says itself whether coming back makes sense.
        StreamEndReason::Unspecified if retry_after.is_some() => Class::Transient { retry_after },
        StreamEndReason::Unspecified
        | StreamEndReason::SessionClosed
        | StreamEndReason::SessionFaulted
        | StreamEndReason::KeyRevoked
        | StreamEndReason::LeaseExpired => Class::Final,
    }
}

/// A random number from 0 to 1; 1 when the system has no randomness to give.
pub(crate) fn dice() -> f64 {
    getrandom::u32().map_or(1.0, |number| f64::from(number) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use mxgateway_contracts::time::wire_duration;
    use tonic::Status;

    use super::*;

    fn gateway(code: ErrorCode) -> ClientError {
        ClientError::from_status(code.status("text", &[]), "http://gateway")
    }

    fn plain(code: Code) -> ClientError {
        ClientError::from_status(Status::new(code, "text"), "http://gateway")
    }

    fn lost() -> ClientError {
        ClientError::ConnectionLost {
            endpoint: "http://gateway".into(),
            source: Box::new(Status::unknown("")),
        }
    }

    fn ended(reason: StreamEndReason, retry_after: Option<Duration>) -> ClientError {
        ClientError::StreamEnded(Box::new(StreamEnd {
            reason: reason.into(),
            retry_after: retry_after.map(wire_duration),
            ..StreamEnd::default()
        }))
    }

    fn millis(step: Step) -> Option<u128> {
        match step {
            Step::Retry(delay) => Some(delay.as_millis()),
            Step::Stop => None,
        }
    }

    #[test]
    fn each_failure_is_retried_or_final() {
        let now = Instant::now();
        for (error, retried) in [
            (lost(), true),
            (ClientError::Deadline { call: "StreamEvents", limit: Duration::ZERO }, true),
            (gateway(ErrorCode::WorkerUnavailable), true),
            (gateway(ErrorCode::GatewayStopping), true),
            (gateway(ErrorCode::SessionLimit), true),
            (gateway(ErrorCode::TooManyAttempts), true),
            (gateway(ErrorCode::KeyStoreUnavailable), true),
            (gateway(ErrorCode::Unauthenticated), false),
            (gateway(ErrorCode::ScopeMissing), false),
            (gateway(ErrorCode::NotSessionOwner), false),
            (gateway(ErrorCode::SessionNotFound), false),
            (gateway(ErrorCode::SessionFaulted), false),
            (gateway(ErrorCode::EventSubscriberActive), false),
            (gateway(ErrorCode::EventSubscriberLimit), false),
            (gateway(ErrorCode::SlowSubscriber), false),
            (gateway(ErrorCode::MessageTooLarge), false),
            (gateway(ErrorCode::Internal), false),
            (plain(Code::Unavailable), true),
            (plain(Code::Unknown), true),
            (plain(Code::PermissionDenied), false),
            (plain(Code::Unauthenticated), false),
            (ended(StreamEndReason::GatewayShutdown, None), true),
            (ended(StreamEndReason::SlowReader, Some(Duration::ZERO)), false),
            (ended(StreamEndReason::SessionClosed, Some(Duration::ZERO)), false),
            (ended(StreamEndReason::Unspecified, Some(Duration::ZERO)), true),
            (ended(StreamEndReason::Unspecified, None), false),
            (ClientError::Protocol(crate::ProtocolViolation::EpochChanged), false),
        ] {
            let step = Reconnector::new(ReconnectPolicy::default()).failed(&error, now, 0.5);
            assert_eq!(matches!(step, Step::Retry(_)), retried, "{error:?}");
        }
    }

    #[test]
    fn delays_double_up_to_the_limit_and_are_spread() {
        let now = Instant::now();
        let mut reconnector = Reconnector::new(ReconnectPolicy::default());
        let delays: Vec<_> = (0..7).map(|_| millis(reconnector.failed(&lost(), now, 1.0)).unwrap()).collect();
        assert_eq!(delays, [200, 400, 800, 1600, 3200, 5000, 5000]);
        let mut reconnector = Reconnector::new(ReconnectPolicy::default());
        assert_eq!(millis(reconnector.failed(&lost(), now, 0.0)), Some(100));
        assert_eq!(millis(reconnector.failed(&lost(), now, 7.0)), Some(400));
    }

    #[test]
    fn a_lasting_connection_starts_the_count_again_and_a_short_one_does_not() {
        let now = Instant::now();
        let mut reconnector = Reconnector::new(ReconnectPolicy::default());
        for _ in 0..3 {
            reconnector.failed(&lost(), now, 1.0);
        }
        reconnector.connected(now);
        assert_eq!(millis(reconnector.failed(&lost(), now + Duration::from_secs(1), 1.0)), Some(1600));
        reconnector.connected(now);
        assert_eq!(millis(reconnector.failed(&lost(), now + STABLE_AFTER, 1.0)), Some(200));
    }

    #[test]
    fn the_gateways_delay_is_honoured_within_reason() {
        let now = Instant::now();
        let hint = |after| {
            let mut reconnector = Reconnector::new(ReconnectPolicy::default());
            reconnector.failed(&ended(StreamEndReason::GatewayShutdown, Some(after)), now, 1.0)
        };
        assert_eq!(hint(Duration::from_secs(3)), Step::Retry(Duration::from_secs(3)));
        assert_eq!(hint(Duration::ZERO), Step::Retry(Duration::from_millis(200)));
        assert_eq!(hint(Duration::MAX), Step::Retry(MAX_HINT));
    }

    #[test]
    fn attempts_are_bounded_when_asked_for() {
        let now = Instant::now();
        assert_eq!(Reconnector::new(ReconnectPolicy::never()).failed(&lost(), now, 0.0), Step::Stop);
        let policy = ReconnectPolicy { max_attempts: Some(2), ..ReconnectPolicy::default() };
        let mut reconnector = Reconnector::new(policy);
        let tries = (0..5).take_while(|_| reconnector.failed(&lost(), now, 0.0) != Step::Stop).count();
        assert_eq!(tries, 2);
    }

    #[test]
    fn a_slow_reader_comes_back_only_when_asked_to() {
        let policy = ReconnectPolicy { resume_slow_reader: true, ..ReconnectPolicy::default() };
        for error in [gateway(ErrorCode::SlowSubscriber), ended(StreamEndReason::SlowReader, None)] {
            let step = Reconnector::new(policy).failed(&error, Instant::now(), 0.0);
            assert!(matches!(step, Step::Retry(_)), "{error:?}");
        }
    }

    #[test]
    fn our_own_lost_connection_may_hold_the_place_for_a_while() {
        let now = Instant::now();
        let occupied = gateway(ErrorCode::EventSubscriberActive);
        let mut reconnector = Reconnector::new(ReconnectPolicy::default());
        reconnector.connected(now);
        reconnector.failed(&lost(), now, 0.0);
        assert!(matches!(reconnector.failed(&occupied, now, 0.0), Step::Retry(_)));
        assert_eq!(reconnector.failed(&occupied, now + TAKEOVER_GRACE, 0.0), Step::Stop);
    }
}
