//! One request while it is answered.

use http::Response;
use mxgateway_contracts::error_code::ErrorCode;
use tonic::{Code, Status};

use super::Metrics;
use super::labels::{Outcome, RpcName};

/// Counts its request once, when it is dropped: one that was never answered (its handler panicked, or the client
/// went away before) has failed.
#[derive(Debug)]
pub(crate) struct CountedRequest {
    metrics: Metrics,
    rpc: RpcName,
    outcome: Outcome,
}

impl CountedRequest {
    pub(super) fn new(metrics: Metrics, rpc: RpcName) -> Self {
        Self { metrics, rpc, outcome: Outcome::Failed }
    }

    /// Answered like that. Of a stream only the beginning is looked at: how it ends comes long after.
    pub(crate) fn answered<B>(mut self, response: &Response<B>) {
        self.outcome = Status::from_header_map(response.headers()).map_or(Outcome::Ok, |status| of(&status));
    }
}

impl Drop for CountedRequest {
    fn drop(&mut self) {
        self.metrics.answered(self.rpc, self.outcome);
    }
}

fn of(status: &Status) -> Outcome {
    let code = status.code();
    if code == Code::Ok {
        Outcome::Ok
    } else if code == Code::PermissionDenied {
        Outcome::Denied
    } else if code == Code::Unauthenticated || ErrorCode::of(status) == Some(ErrorCode::TooManyAttempts) {
        Outcome::Unauthenticated
    } else {
        Outcome::Failed
    }
}
