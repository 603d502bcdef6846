//! The one map of errors: stable code, gRPC status, HTTP status, meaning. `docs/errors.md` is checked
//! against it.

use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

/// Domain of the `google.rpc.ErrorInfo` that each error carries.
pub const ERROR_DOMAIN: &str = "mxgateway";

macro_rules! error_codes {
    ($($(#[doc = $meaning:literal])+ $variant:ident => $code:literal, $grpc:ident, $http:literal;)+) => {
        /// Every error the gateway answers with. The code is stable; texts are for people and may change.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ErrorCode {
            $($(#[doc = $meaning])+ $variant,)+
        }

        impl ErrorCode {
            /// Every code, in the order of the document.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// Stable text: the `reason` in `google.rpc.ErrorInfo`.
            pub fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }

            /// The gRPC status that goes with it.
            pub fn grpc(self) -> Code {
                match self { $(Self::$variant => Code::$grpc,)+ }
            }

            /// The HTTP status that goes with it.
            pub fn http(self) -> u16 {
                match self { $(Self::$variant => $http,)+ }
            }

            /// One line of meaning.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$variant => concat!($($meaning),+).trim_ascii(),)+ }
            }
        }
    };
}

error_codes! {
    /// The request is malformed; the message names the field.
    InvalidRequest => "INVALID_REQUEST", InvalidArgument, 400;
    /// The page token is not one this gateway gave out.
    InvalidPageToken => "INVALID_PAGE_TOKEN", InvalidArgument, 400;
    /// No API key, or none that is good; the gateway's audit trail has the cause.
    Unauthenticated => "UNAUTHENTICATED", Unauthenticated, 401;
    /// Too many failed attempts from the same address; try later.
    TooManyAttempts => "TOO_MANY_ATTEMPTS", ResourceExhausted, 429;
    /// The key store does not answer, so that no key can be verified; try later.
    KeyStoreUnavailable => "KEY_STORE_UNAVAILABLE", Unavailable, 503;
    /// The key lacks the scope that the message names.
    ScopeMissing => "SCOPE_MISSING", PermissionDenied, 403;
    /// The session was opened with another key.
    NotSessionOwner => "NOT_SESSION_OWNER", PermissionDenied, 403;
    /// A constraint of the key stands against the tag or the place in the galaxy.
    ConstraintDenied => "CONSTRAINT_DENIED", PermissionDenied, 403;
    /// No session with this id; it may have ended, or the gateway was restarted.
    SessionNotFound => "SESSION_NOT_FOUND", NotFound, 404;
    /// The galaxy has no object of this id, tag name or contained path.
    ObjectNotFound => "OBJECT_NOT_FOUND", NotFound, 404;
    /// The session is being opened and not ready yet.
    SessionNotReady => "SESSION_NOT_READY", FailedPrecondition, 409;
    /// The session is closing or closed.
    SessionClosed => "SESSION_CLOSED", FailedPrecondition, 409;
    /// The session's worker failed; the message says how. Open a new session.
    SessionFaulted => "SESSION_FAULTED", FailedPrecondition, 409;
    /// The session could not be opened; the message says why.
    OpenFailed => "OPEN_FAILED", Unavailable, 503;
    /// The session's worker is gone or is being taken over again; try later.
    WorkerUnavailable => "WORKER_UNAVAILABLE", Unavailable, 503;
    /// The worker went away while the command was in it: it may or may not have been carried out.
    OutcomeUnknown => "OUTCOME_UNKNOWN", Unavailable, 503;
    /// The gateway is stopping.
    GatewayStopping => "GATEWAY_STOPPING", Unavailable, 503;
    /// The session has a subscriber and multiple subscribers are not allowed.
    EventSubscriberActive => "EVENT_SUBSCRIBER_ACTIVE", AlreadyExists, 409;
    /// The session has as many subscribers as are allowed.
    EventSubscriberLimit => "EVENT_SUBSCRIBER_LIMIT", ResourceExhausted, 429;
    /// As many sessions are open as are allowed.
    SessionLimit => "SESSION_LIMIT", ResourceExhausted, 429;
    /// As many commands of the session wait as are allowed.
    PendingCommandLimit => "PENDING_COMMAND_LIMIT", ResourceExhausted, 429;
    /// The subscriber did not keep up and was cut; resume at the last position.
    SlowSubscriber => "SLOW_SUBSCRIBER", ResourceExhausted, 429;
    /// The message is larger than the configured limit.
    MessageTooLarge => "MESSAGE_TOO_LARGE", ResourceExhausted, 413;
    /// The command did not answer in time; it is not undone and may still be carried out.
    CommandTimeout => "COMMAND_TIMEOUT", DeadlineExceeded, 504;
    /// The request id belongs to another command already; use a new one.
    RequestIdReused => "REQUEST_ID_REUSED", AlreadyExists, 409;
    /// The gateway's configuration does not allow it; the message names the key.
    NotEnabled => "NOT_ENABLED", FailedPrecondition, 409;
    /// This gateway or backend does not do that.
    NotSupported => "NOT_SUPPORTED", Unimplemented, 501;
    /// A fault of the gateway itself; its log has the details.
    Internal => "INTERNAL", Internal, 500;
}

impl ErrorCode {
    /// The gRPC status with `google.rpc.ErrorInfo`; `subject` is the id or key it is about.
    pub fn status(self, message: impl Into<String>, subject: &[(&str, &str)]) -> Status {
        Status::with_error_details(self.grpc(), message, self.details(subject))
    }

    /// The same with `google.rpc.RetryInfo`: when to try again.
    pub fn retryable_status(
        self,
        message: impl Into<String>,
        subject: &[(&str, &str)],
        retry_after: Duration,
    ) -> Status {
        let mut details = self.details(subject);
        details.set_retry_info(Some(retry_after));
        Status::with_error_details(self.grpc(), message, details)
    }

    fn details(self, subject: &[(&str, &str)]) -> ErrorDetails {
        let metadata: std::collections::HashMap<String, String> =
            subject.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        ErrorDetails::with_error_info(self.code(), ERROR_DOMAIN, metadata)
    }

    /// The code in a status of this gateway; `None` when it came from elsewhere.
    pub fn of(status: &Status) -> Option<Self> {
        let info = status.get_details_error_info()?;
        if info.domain != ERROR_DOMAIN {
            return None;
        }
        Self::ALL.iter().copied().find(|code| code.code() == info.reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_tells_its_code_again() {
        for code in ErrorCode::ALL {
            let status = code.status("text", &[("session_id", "session-1")]);
            assert_eq!(status.code(), code.grpc());
            assert_eq!(ErrorCode::of(&status), Some(*code));
            let info = status.get_details_error_info().unwrap();
            assert_eq!(info.metadata["session_id"], "session-1");
        }
        assert_eq!(ErrorCode::of(&Status::internal("not ours")), None);
    }

    #[test]
    fn a_retry_delay_is_kept() {
        let status = ErrorCode::WorkerUnavailable.retryable_status("text", &[], Duration::from_millis(250));
        let retry = status.get_details_retry_info().unwrap();
        assert_eq!(retry.retry_delay, Some(Duration::from_millis(250)));
    }

    #[test]
    fn codes_are_unique_and_have_a_meaning() {
        for (at, code) in ErrorCode::ALL.iter().enumerate() {
            assert!(ErrorCode::ALL[at + 1..].iter().all(|other| other.code() != code.code()));
            assert!(code.meaning().ends_with('.'));
        }
    }
}
