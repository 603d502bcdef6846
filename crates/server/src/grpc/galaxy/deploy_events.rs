//! WatchDeployEvents.

use futures_util::Stream;
use mxgateway_contracts::error_code::ErrorCode;
use mxgateway_contracts::v1::DeployEvent;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use crate::grpc::errors::SOON;

/// The present state, which stays as it is for as long as the gateway runs; the end of the gateway or of the key
/// is the end of the stream.
pub(super) fn stream(
    present: DeployEvent,
    key_ended: CancellationToken,
    stop: CancellationToken,
) -> impl Stream<Item = Result<DeployEvent, Status>> + Send + 'static {
    async_stream::stream! {
        yield Ok(present);
        yield Err(tokio::select! {
            biased;
            () = key_ended.cancelled() => ErrorCode::Unauthenticated
                .status("the API key was revoked, rotated or deleted, or has expired", &[]),
            () = stop.cancelled() => {
                ErrorCode::GatewayStopping.retryable_status("the gateway is stopping", &[], SOON)
            }
        });
    }
}
