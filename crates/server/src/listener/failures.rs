//! Which answers are logged as failures.

use tower_http::classify::{GrpcCode, GrpcErrorsAsFailures};

/// Answers that refuse a request are no failures of the gateway: anybody can provoke them, and would fill its log
/// with errors. What matters about them is in the audit trail and the metrics, or is logged where it happened.
const REFUSALS: [GrpcCode; 13] = [
    GrpcCode::Cancelled,
    GrpcCode::InvalidArgument,
    GrpcCode::DeadlineExceeded,
    GrpcCode::NotFound,
    GrpcCode::AlreadyExists,
    GrpcCode::PermissionDenied,
    GrpcCode::ResourceExhausted,
    GrpcCode::FailedPrecondition,
    GrpcCode::Aborted,
    GrpcCode::OutOfRange,
    GrpcCode::Unimplemented,
    GrpcCode::Unavailable,
    GrpcCode::Unauthenticated,
];

pub(super) fn classifier() -> GrpcErrorsAsFailures {
    REFUSALS.into_iter().fold(GrpcErrorsAsFailures::new(), GrpcErrorsAsFailures::with_success)
}

#[cfg(test)]
mod tests {
    use mxgateway_contracts::error_code::ErrorCode;
    use tonic::body::Body;
    use tower_http::classify::{ClassifiedResponse, ClassifyResponse};

    use super::*;

    #[test]
    fn only_a_fault_of_the_gateway_is_logged_as_an_error() {
        for code in ErrorCode::ALL {
            let response = code.status("text", &[]).into_http::<Body>();
            let ClassifiedResponse::Ready(result) = classifier().classify_response(&response) else {
                panic!("{code:?} is not decided at once");
            };
            assert_eq!(result.is_err(), *code == ErrorCode::Internal, "{code:?}");
        }
    }
}
