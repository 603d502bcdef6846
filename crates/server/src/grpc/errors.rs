//! What goes wrong in sessions, as gRPC statuses by the one map of error codes.

use std::time::Duration;

use mxgateway_contracts::error_code::ErrorCode;
use mxgateway_session::{InvokeError, LaunchError, OpenError, PortError, RefusalKind, SessionId};
use mxgateway_session_core::distributor::SubscribeError;
use mxgateway_session_core::lifecycle::SessionState;
use mxgateway_session_core::session::{AttachError, NotUsable};
use tonic::Status;

/// When a client should try again what a short wait may heal.
pub(super) const SOON: Duration = Duration::from_millis(500);

pub(super) fn session_not_found(session_id: &str) -> Status {
    ErrorCode::SessionNotFound.status(
        format!("session {session_id} does not exist; it may have ended, or the gateway was restarted"),
        &[("session_id", session_id)],
    )
}

pub(super) fn open(error: &OpenError) -> Status {
    match error {
        OpenError::LimitReached { .. } => {
            ErrorCode::SessionLimit.status(format!("{error} (sessions.max_sessions)"), &[])
        }
        OpenError::Stopping => ErrorCode::GatewayStopping.retryable_status(error.to_string(), &[], SOON),
        OpenError::Launch(LaunchError::Invalid(text)) => ErrorCode::InvalidRequest.status(text, &[]),
        OpenError::Launch(LaunchError::Failed(text)) => ErrorCode::OpenFailed.status(text, &[]),
        OpenError::Closed => ErrorCode::OpenFailed.status(error.to_string(), &[]),
        OpenError::Random(_) => ErrorCode::Internal.status(error.to_string(), &[]),
    }
}

pub(super) fn not_usable(error: &NotUsable, session_id: SessionId) -> Status {
    let id = session_id.to_string();
    let subject = [("session_id", id.as_str())];
    match error {
        NotUsable::Faulted(fault) => ErrorCode::SessionFaulted
            .status(format!("session {id} is faulted: {fault}; open a new session"), &subject),
        NotUsable::State(state) => match state {
            SessionState::Creating
            | SessionState::Starting
            | SessionState::Handshaking
            | SessionState::Ready => ErrorCode::SessionNotReady.retryable_status(
                format!("session {id} is {state}"),
                &subject,
                SOON,
            ),
            SessionState::Recovering => ErrorCode::WorkerUnavailable.retryable_status(
                format!("session {id} is being taken over after a restart of the gateway"),
                &subject,
                SOON,
            ),
            SessionState::Closing | SessionState::Closed | SessionState::Faulted => ErrorCode::SessionClosed
                .status(format!("session {id} is {state}; open a new session"), &subject),
        },
    }
}

pub(super) fn attach(error: &AttachError, session_id: SessionId) -> Status {
    let id = session_id.to_string();
    let subject = [("session_id", id.as_str())];
    match error {
        AttachError::NotUsable(error) => not_usable(error, session_id),
        AttachError::Refused(error @ SubscribeError::AlreadyActive) => ErrorCode::EventSubscriberActive
            .status(format!("session {id}: {error} (sessions.allow_multiple_event_subscribers)"), &subject),
        AttachError::Refused(error @ SubscribeError::LimitReached { .. }) => ErrorCode::EventSubscriberLimit
            .status(format!("session {id}: {error} (sessions.max_event_subscribers_per_session)"), &subject),
    }
}

pub(super) fn invoke(error: &InvokeError, session_id: SessionId, command: &str) -> Status {
    let id = session_id.to_string();
    let subject = [("session_id", id.as_str()), ("command", command)];
    let text = format!("{command} on session {id}: {error}");
    match error {
        InvokeError::NotUsable(error) => not_usable(error, session_id),
        InvokeError::PendingLimit { .. } => ErrorCode::PendingCommandLimit
            .status(format!("{text} (sessions.max_pending_commands_per_session)"), &subject),
        InvokeError::Timeout { .. } => ErrorCode::CommandTimeout
            .status(format!("{text}; the command may still be carried out"), &subject),
        InvokeError::Port(PortError::Gone(_) | PortError::Busy(_)) => {
            ErrorCode::WorkerUnavailable.retryable_status(text, &subject, SOON)
        }
        InvokeError::Port(PortError::OutcomeUnknown(_)) => ErrorCode::OutcomeUnknown
            .status(format!("{text}; it may or may not have been carried out"), &subject),
        InvokeError::Port(PortError::Refused { kind, .. }) => match kind {
            RefusalKind::TooLarge => {
                ErrorCode::MessageTooLarge.status(format!("{text} (workers.max_frame_bytes)"), &subject)
            }
            RefusalKind::Invalid => ErrorCode::InvalidRequest.status(text, &subject),
            RefusalKind::Unsupported => ErrorCode::NotSupported.status(text, &subject),
            RefusalKind::ShuttingDown => ErrorCode::SessionClosed.status(text, &subject),
            RefusalKind::RequestIdReused => ErrorCode::RequestIdReused
                .status(format!("{text}; use a new request id for each command"), &subject),
            RefusalKind::Cancelled => ErrorCode::CommandTimeout.status(text, &subject),
            RefusalKind::ApartmentGone => ErrorCode::WorkerUnavailable.status(text, &subject),
        },
    }
}

pub(super) fn invalid(field: &str, problem: &str) -> Status {
    ErrorCode::InvalidRequest.status(format!("{field}: {problem}"), &[("field", field)])
}

pub(super) fn fault_injection_not_allowed() -> Status {
    ErrorCode::NotEnabled.status(
        "this gateway takes no InjectFault; set simulator.allow_fault_injection = true where clients are tested",
        &[("key", "simulator.allow_fault_injection")],
    )
}

pub(super) fn alarms_not_supported() -> Status {
    ErrorCode::NotSupported.status("this gateway does not serve alarms", &[])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_without_a_reply_has_a_definite_error() {
        let id: SessionId = "session-00112233445566778899aabbccddeeff".parse().unwrap();
        let refused =
            |kind| InvokeError::Port(PortError::Refused { kind, message: "the worker's words".to_owned() });
        let cases = [
            (
                InvokeError::PendingLimit { limit: 128 },
                ErrorCode::PendingCommandLimit,
                "sessions.max_pending",
            ),
            (
                InvokeError::Timeout { limit: Duration::from_secs(1) },
                ErrorCode::CommandTimeout,
                "no reply within 1 s; the command may still be carried out",
            ),
            (
                InvokeError::Port(PortError::OutcomeUnknown("exit code 1".to_owned())),
                ErrorCode::OutcomeUnknown,
                "exit code 1; it may or may not have been carried out",
            ),
            (
                InvokeError::Port(PortError::Gone("exit code 1".to_owned())),
                ErrorCode::WorkerUnavailable,
                "the worker is gone: exit code 1",
            ),
            (
                InvokeError::Port(PortError::Busy("it does not read".to_owned())),
                ErrorCode::WorkerUnavailable,
                "it does not read",
            ),
            (refused(RefusalKind::RequestIdReused), ErrorCode::RequestIdReused, "use a new request id"),
            (refused(RefusalKind::Invalid), ErrorCode::InvalidRequest, "the worker's words"),
            (refused(RefusalKind::Cancelled), ErrorCode::CommandTimeout, "the worker's words"),
            (refused(RefusalKind::TooLarge), ErrorCode::MessageTooLarge, "workers.max_frame_bytes"),
        ];
        for (error, code, words) in cases {
            let status = invoke(&error, id, "Write");
            assert_eq!(ErrorCode::of(&status), Some(code), "{error:?}");
            assert!(status.message().contains(words), "{status:?}");
            assert!(status.message().starts_with(&format!("Write on session {id}: ")), "{status:?}");
        }
        assert_eq!(ErrorCode::CommandTimeout.grpc(), tonic::Code::DeadlineExceeded);
        assert_eq!(ErrorCode::RequestIdReused.grpc(), tonic::Code::AlreadyExists);
    }

    #[test]
    fn what_is_switched_off_names_its_key() {
        let status = fault_injection_not_allowed();
        assert_eq!(status.code(), tonic::Code::FailedPrecondition);
        assert!(status.message().contains("simulator.allow_fault_injection"));
    }
}
