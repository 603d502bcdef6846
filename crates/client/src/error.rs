//! What can go wrong for a client, and whether trying again makes sense.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use mxgateway_contracts::error_code::ErrorCode;
use mxgateway_contracts::v1::{CommandKind, MxStatus, StreamEnd};
use mxgateway_contracts::{command, hresult};
use tonic::{Code, ConnectError, Status};
use tonic_types::StatusExt;

use crate::cursor::ProtocolViolation;
use crate::tls::{TlsOptionsError, TlsProblem};

/// Why a call or a stream failed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The endpoint is not a URL this client can use: `http://` or `https://` with host and port.
    #[error("endpoint {endpoint:?} is not a url such as {}", crate::DEFAULT_ENDPOINT)]
    InvalidEndpoint {
        /// The text that was given.
        endpoint: String,
    },
    /// The API key is empty or has characters that no key has. Not shown.
    #[error("the api key is not one: it is empty, or has spaces or other characters that no key has")]
    InvalidApiKey,
    /// The options for TLS cannot be used.
    #[error(transparent)]
    TlsOptions(#[from] TlsOptionsError),
    /// No connection could be made. Nothing was sent.
    #[error("gateway at {endpoint} is not reachable")]
    Unreachable {
        /// URL of the gateway.
        endpoint: String,
        /// What the transport said.
        source: Box<Status>,
    },
    /// There is something at the endpoint, but no secure connection to it. Nothing was done.
    #[error("no secure connection to the gateway at {endpoint}: {problem}")]
    Tls {
        /// URL of the gateway.
        endpoint: String,
        /// Why.
        problem: TlsProblem,
    },
    /// The connection broke during the call. Whether the gateway acted on it is not known.
    #[error("connection to the gateway at {endpoint} was lost")]
    ConnectionLost {
        /// URL of the gateway.
        endpoint: String,
        /// What the transport said.
        source: Box<Status>,
    },
    /// The gateway did not answer in time. Whether it acted on the call is not known.
    #[error("{call} was not answered within {limit:?}")]
    Deadline {
        /// Name of the RPC.
        call: &'static str,
        /// How long was waited.
        limit: Duration,
    },
    /// The gateway refused or failed the call.
    #[error(transparent)]
    Gateway(Box<GatewayError>),
    /// The command reached MXAccess and MXAccess refused it.
    #[error("{} failed with {}{}", command::name(*kind), hresult::describe(*hresult), text(diagnostic_text))]
    MxAccess {
        /// The command.
        kind: CommandKind,
        /// HRESULT as MXAccess returned it; negative.
        hresult: i32,
        /// The worker's explanation.
        diagnostic_text: String,
        /// Status records of the call, if it returned any.
        statuses: Vec<MxStatus>,
    },
    /// The gateway ended the stream and said why.
    #[error("gateway ended the event stream: {}", end_text(.0))]
    StreamEnded(Box<StreamEnd>),
    /// The gateway broke a promise of the contract. Never passed over silently.
    #[error("gateway broke the protocol: {0}")]
    Protocol(#[from] ProtocolViolation),
}

/// An error status of the gateway.
#[derive(Clone, Debug)]
pub struct GatewayError {
    /// gRPC status.
    pub status: Code,
    /// The gateway's stable code; `None` when a proxy or another server answered.
    pub code: Option<ErrorCode>,
    /// For people.
    pub message: String,
    /// When the gateway suggests to try again.
    pub retry_after: Option<Duration>,
}

impl fmt::Display for GatewayError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.message.is_empty(), self.code) {
            (false, _) => formatter.write_str(&self.message),
            (true, Some(code)) => formatter.write_str(code.code()),
            (true, None) => formatter.write_str(self.status.description()),
        }
    }
}

impl Error for GatewayError {}

impl ClientError {
    pub(crate) fn from_status(status: Status, endpoint: &str) -> Self {
        let endpoint = endpoint.to_owned();
        if let Some(problem) = find::<TlsProblem>(&status) {
            return Self::Tls { endpoint, problem: problem.clone() };
        }
        if find::<ConnectError>(&status).is_some() {
            return Self::Unreachable { endpoint, source: Box::new(status) };
        }
        // A status that came over the wire has no source; one with a source was made here, from a broken
        // transport.
        if status.source().is_some() {
            return Self::ConnectionLost { endpoint, source: Box::new(status) };
        }
        Self::Gateway(Box::new(GatewayError {
            status: status.code(),
            code: ErrorCode::of(&status),
            message: status.message().to_owned(),
            retry_after: status.get_details_retry_info().and_then(|info| info.retry_delay),
        }))
    }

    /// A connection that was lost is told by why it could not be made secure, if that is known.
    pub(crate) fn or_for(self, trouble: Option<TlsProblem>, endpoint: &str) -> Self {
        match (self, trouble) {
            (Self::ConnectionLost { .. }, Some(problem)) => {
                Self::Tls { endpoint: endpoint.to_owned(), problem }
            }
            (error, _) => error,
        }
    }

    /// The gateway's stable code, when the gateway answered with one.
    pub fn code(&self) -> Option<ErrorCode> {
        self.gateway().and_then(|error| error.code)
    }

    /// The gateway's error, when the gateway answered with one.
    pub fn gateway(&self) -> Option<&GatewayError> {
        if let Self::Gateway(error) = self { Some(error) } else { None }
    }

    /// True when the same call may succeed later without anybody doing something about it. It may also
    /// have been carried out already: see [`ClientError::ConnectionLost`].
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::ConnectionLost { .. } | Self::Deadline { .. } => true,
            Self::Gateway(error) => match error.code {
                Some(ErrorCode::MessageTooLarge) => false,
                _ => matches!(error.status, Code::Unavailable | Code::ResourceExhausted),
            },
            Self::InvalidEndpoint { .. }
            | Self::InvalidApiKey
            | Self::TlsOptions(_)
            | Self::Tls { .. }
            | Self::MxAccess { .. }
            | Self::StreamEnded(_)
            | Self::Protocol(_) => false,
        }
    }

    /// True when the session is gone for good and only a new one helps.
    pub fn is_session_lost(&self) -> bool {
        self.gateway().is_some_and(|error| match error.code {
            Some(code) => matches!(
                code,
                ErrorCode::SessionNotFound | ErrorCode::SessionClosed | ErrorCode::SessionFaulted
            ),
            None => error.status == Code::NotFound,
        })
    }
}

fn find<E: Error + 'static>(status: &Status) -> Option<&E> {
    let mut source = status.source();
    while let Some(error) = source {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        source = error.source();
    }
    None
}

fn text(diagnostic: &str) -> String {
    if diagnostic.is_empty() { String::new() } else { format!(": {diagnostic}") }
}

fn end_text(end: &StreamEnd) -> String {
    if end.message.is_empty() {
        end.reason().as_str_name().trim_start_matches("STREAM_END_REASON_").to_lowercase().replace('_', " ")
    } else {
        end.message.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: Status) -> ClientError {
        ClientError::from_status(status, "http://gateway")
    }

    #[test]
    fn a_gateway_status_keeps_code_delay_and_text() {
        let delay = Duration::from_millis(250);
        let error =
            of(ErrorCode::WorkerUnavailable.retryable_status("worker of session-1 is gone", &[], delay));
        assert_eq!(error.code(), Some(ErrorCode::WorkerUnavailable));
        assert_eq!(error.gateway().unwrap().retry_after, Some(delay));
        assert_eq!(error.to_string(), "worker of session-1 is gone");
        assert!(error.is_transient() && !error.is_session_lost());
    }

    #[test]
    fn a_status_made_from_a_broken_transport_is_a_lost_connection() {
        let broken = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
        assert!(matches!(of(Status::from_error(broken.into())), ClientError::ConnectionLost { .. }));
        let refused = ConnectError(std::io::Error::from(std::io::ErrorKind::ConnectionRefused).into());
        assert!(matches!(of(Status::from_error(refused.into())), ClientError::Unreachable { .. }));
    }

    #[test]
    fn only_a_missing_or_dead_session_is_a_lost_one() {
        for code in ErrorCode::ALL {
            let lost = matches!(
                code,
                ErrorCode::SessionNotFound | ErrorCode::SessionClosed | ErrorCode::SessionFaulted
            );
            assert_eq!(of(code.status("text", &[])).is_session_lost(), lost, "{code:?}");
        }
        assert!(of(Status::not_found("no details")).is_session_lost());
        assert!(!of(ErrorCode::MessageTooLarge.status("text", &[])).is_transient());
    }

    #[test]
    fn an_mxaccess_failure_names_command_and_hresult() {
        let error = ClientError::MxAccess {
            kind: CommandKind::AddItem,
            hresult: hresult::E_INVALIDARG,
            diagnostic_text: "no such handle".into(),
            statuses: Vec::new(),
        };
        assert_eq!(error.to_string(), "AddItem failed with 0x80070057 (E_INVALIDARG): no such handle");
    }
}
