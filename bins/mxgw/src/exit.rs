//! Exit codes for scripts, and what people are told when something failed.

use std::fmt::Write as _;
use std::io;

use mxgateway_client::contracts::error_code::ErrorCode;
use mxgateway_client::contracts::v1::{StreamEnd, StreamEndReason};
use mxgateway_client::{ClientError, GatewayError, TlsProblem};
use tonic::Code;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Ok,
    Other,
    Usage,
    Unreachable,
    NotFound,
    Refused,
    MxAccess,
    Timeout,
    Incomplete,
    SomeFailed,
    Unauthenticated,
    Insecure,
    Interrupted,
}

/// The table of `--help`: code and meaning.
const TABLE: [(Exit, u8, &str); 13] = [
    (Exit::Ok, 0, "all went well; watch and stream: also ended by Ctrl-C or --for"),
    (Exit::Other, 1, "any other failure"),
    (Exit::Usage, 2, "wrong arguments"),
    (Exit::Unreachable, 3, "the gateway is not reachable, or is stopping"),
    (Exit::NotFound, 4, "no such session, or no such object to browse"),
    (Exit::Refused, 5, "the gateway refused: permission, limit, or state of the session"),
    (Exit::MxAccess, 6, "MXAccess reported a failure: HRESULT, or status of a value or write"),
    (Exit::Timeout, 7, "no answer, value or write completion in time"),
    (Exit::Incomplete, 8, "stream: events are missing, or the gateway cut it as too slow"),
    (Exit::SomeFailed, 9, "batch: at least one of its commands failed"),
    (Exit::Unauthenticated, 10, "the gateway wants an API key, or does not take the one it got"),
    (Exit::Insecure, 11, "no secure connection: a certificate is not trusted, or one side has no TLS"),
    (Exit::Interrupted, 130, "interrupted by Ctrl-C"),
];

impl Exit {
    /// The process's exit code.
    pub(crate) fn code(self) -> u8 {
        TABLE.iter().find(|(exit, ..)| *exit == self).map_or(1, |(_, code, _)| *code)
    }

    /// The table as text.
    pub(crate) fn help() -> String {
        let mut help = "Exit codes:".to_owned();
        for (_, code, meaning) in TABLE {
            let _ = write!(help, "\n  {code:>3}  {meaning}");
        }
        help
    }
}

/// Why a command did not do what was asked. The text is one line.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("{}", client_text(.0))]
    Client(#[from] ClientError),
    #[error("cannot write the output: {0}")]
    Output(#[from] io::Error),
    #[error("{0}")]
    Usage(String),
    #[error("{0}")]
    MxAccess(String),
    #[error("{0}")]
    Denied(String),
    #[error("{0}")]
    Timeout(String),
    #[error("{0}")]
    Incomplete(String),
    #[error("{0}")]
    Other(String),
    #[error("interrupted")]
    Interrupted,
}

impl Failure {
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Client(error) => client_exit(error),
            Self::Output(_) | Self::Other(_) => Exit::Other,
            Self::Usage(_) => Exit::Usage,
            Self::MxAccess(_) => Exit::MxAccess,
            Self::Denied(_) => Exit::Refused,
            Self::Timeout(_) => Exit::Timeout,
            Self::Incomplete(_) => Exit::Incomplete,
            Self::Interrupted => Exit::Interrupted,
        }
    }

    /// True when whoever read our output has gone.
    pub(crate) fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}

fn client_exit(error: &ClientError) -> Exit {
    match error {
        ClientError::InvalidEndpoint { .. } | ClientError::InvalidApiKey | ClientError::TlsOptions(_) => {
            Exit::Usage
        }
        ClientError::Tls { .. } => Exit::Insecure,
        ClientError::Unreachable { .. } | ClientError::ConnectionLost { .. } => Exit::Unreachable,
        ClientError::Deadline { .. } => Exit::Timeout,
        ClientError::MxAccess { .. } => Exit::MxAccess,
        ClientError::StreamEnded(end) if is_about_key(end) => Exit::Unauthenticated,
        ClientError::StreamEnded(_) | ClientError::Protocol(_) => Exit::Other,
        ClientError::Gateway(error) => gateway_exit(error),
    }
}

fn gateway_exit(error: &GatewayError) -> Exit {
    match error.code {
        Some(ErrorCode::GatewayStopping) => return Exit::Unreachable,
        Some(ErrorCode::SlowSubscriber) => return Exit::Incomplete,
        _ => {}
    }
    match error.status {
        Code::NotFound => Exit::NotFound,
        Code::Unauthenticated => Exit::Unauthenticated,
        Code::PermissionDenied
        | Code::FailedPrecondition
        | Code::AlreadyExists
        | Code::ResourceExhausted
        | Code::InvalidArgument
        | Code::Unimplemented => Exit::Refused,
        Code::DeadlineExceeded => Exit::Timeout,
        Code::Ok
        | Code::Cancelled
        | Code::Unknown
        | Code::Aborted
        | Code::OutOfRange
        | Code::Internal
        | Code::Unavailable
        | Code::DataLoss => Exit::Other,
    }
}

/// What happened and what to do next.
fn client_text(error: &ClientError) -> String {
    let mut text = error.to_string();
    if let ClientError::Unreachable { source, .. } | ClientError::ConnectionLost { source, .. } = error {
        let _ = write!(text, " ({})", innermost(source));
    }
    match advice(error) {
        Some(advice) => format!("{}; {advice}", one_line(&text)),
        None => one_line(&text),
    }
}

fn advice(error: &ClientError) -> Option<&'static str> {
    match error {
        ClientError::Unreachable { .. } => {
            Some("start one with `mxgateway run`, or see everything at work with `cargo xtask demo`")
        }
        ClientError::ConnectionLost { .. } => Some("what was asked may or may not have been done"),
        ClientError::Deadline { .. } => Some("--timeout sets the limit"),
        ClientError::Gateway(error) => gateway_advice(error),
        ClientError::Tls { problem, .. } => tls_advice(problem),
        ClientError::StreamEnded(end) if is_about_key(end) => Some(KEY_ADVICE),
        ClientError::InvalidApiKey => Some(KEY_ADVICE),
        ClientError::InvalidEndpoint { .. }
        | ClientError::TlsOptions(_)
        | ClientError::MxAccess { .. }
        | ClientError::StreamEnded(_)
        | ClientError::Protocol(_) => None,
    }
}

const KEY_ADVICE: &str =
    "give a key by MXGW_API_KEY or --api-key-file; make one with `mxgateway apikey create`";

/// Nothing where the gateway's own message says what to do.
fn gateway_advice(error: &GatewayError) -> Option<&'static str> {
    if error.status == Code::Unauthenticated {
        Some(KEY_ADVICE)
    } else if error.code == Some(ErrorCode::SessionNotFound) {
        Some("`mxgw sessions` lists the open ones")
    } else if error.code == Some(ErrorCode::ObjectNotFound) {
        Some("`mxgw browse` lists what there is")
    } else if error.code == Some(ErrorCode::SessionLimit) {
        Some("`mxgw sessions` and `mxgw close ID` make room")
    } else {
        None
    }
}

fn tls_advice(problem: &TlsProblem) -> Option<&'static str> {
    match problem {
        TlsProblem::Untrusted => {
            Some("--ca FILE does that, with a copy of tls/certificate.pem from the gateway's data directory")
        }
        TlsProblem::WrongName { .. } => Some("--tls-server-name NAME takes one of them"),
        TlsProblem::ClientCertificateRequired | TlsProblem::ClientCertificateRefused(_) => {
            Some("--client-certificate and --client-key are for one that the gateway trusts")
        }
        TlsProblem::Expired
        | TlsProblem::NotYetValid
        | TlsProblem::Certificate(_)
        | TlsProblem::SpokenNot
        | TlsProblem::Required
        | TlsProblem::Other(_) => None,
    }
}

fn is_about_key(end: &StreamEnd) -> bool {
    end.reason() == StreamEndReason::KeyRevoked
}

fn innermost(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string().to_lowercase()
}

/// Texts of others must not break out of their line or steer the terminal.
pub(crate) fn one_line(text: &str) -> String {
    text.chars().map(|char| if char.is_control() { ' ' } else { char }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(code: ErrorCode) -> Failure {
        Failure::Client(ClientError::Gateway(Box::new(GatewayError {
            status: code.grpc(),
            code: Some(code),
            message: "session session-1 is\nnot known".into(),
            retry_after: None,
        })))
    }

    #[test]
    fn codes_are_unique_and_in_the_help() {
        let help = Exit::help();
        for (at, (exit, code, meaning)) in TABLE.iter().enumerate() {
            assert_eq!(exit.code(), *code);
            assert!(TABLE[at + 1..].iter().all(|(_, other, _)| other != code));
            assert!(help.contains(meaning));
        }
    }

    #[test]
    fn each_error_of_the_gateway_has_its_exit() {
        for (code, exit) in [
            (ErrorCode::SessionNotFound, Exit::NotFound),
            (ErrorCode::ObjectNotFound, Exit::NotFound),
            (ErrorCode::SessionFaulted, Exit::Refused),
            (ErrorCode::EventSubscriberActive, Exit::Refused),
            (ErrorCode::SessionLimit, Exit::Refused),
            (ErrorCode::SlowSubscriber, Exit::Incomplete),
            (ErrorCode::CommandTimeout, Exit::Timeout),
            (ErrorCode::GatewayStopping, Exit::Unreachable),
            (ErrorCode::Internal, Exit::Other),
            (ErrorCode::Unauthenticated, Exit::Unauthenticated),
            (ErrorCode::ScopeMissing, Exit::Refused),
            (ErrorCode::NotSessionOwner, Exit::Refused),
            (ErrorCode::ConstraintDenied, Exit::Refused),
        ] {
            assert_eq!(failure(code).exit(), exit, "{code:?}");
        }
    }

    #[test]
    fn a_failure_is_one_line_with_what_to_do_next() {
        assert_eq!(
            failure(ErrorCode::SessionNotFound).to_string(),
            "session session-1 is not known; `mxgw sessions` lists the open ones"
        );
    }

    #[test]
    fn advice_is_given_once() {
        for code in [ErrorCode::SessionFaulted, ErrorCode::SessionClosed, ErrorCode::EventSubscriberActive] {
            assert!(!failure(code).to_string().contains(';'), "{code:?} has the gateway's own advice");
        }
        for failure in [failure(ErrorCode::Unauthenticated), Failure::Client(ClientError::InvalidApiKey)] {
            let text = failure.to_string();
            assert!(text.ends_with(KEY_ADVICE) && text.matches("MXGW_API_KEY").count() == 1, "{text}");
        }
    }

    #[test]
    fn a_revoked_key_and_a_connection_that_is_not_secure_have_their_own_exits() {
        let end = StreamEnd { reason: StreamEndReason::KeyRevoked.into(), ..StreamEnd::default() };
        let revoked = Failure::Client(ClientError::StreamEnded(Box::new(end)));
        assert_eq!(revoked.exit(), Exit::Unauthenticated);
        assert!(revoked.to_string().ends_with(KEY_ADVICE), "{revoked}");

        let endpoint = "https://gateway".to_owned();
        let insecure = Failure::Client(ClientError::Tls { endpoint, problem: TlsProblem::Untrusted });
        assert_eq!(insecure.exit(), Exit::Insecure);
        assert!(insecure.to_string().contains("pin it as the CA certificate; --ca FILE"), "{insecure}");
    }
}
