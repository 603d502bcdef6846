//! Turns what the gRPC library refuses by itself into the gateway's own errors, and panics into errors.

use std::any::Any;
use std::task::{Context, Poll};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use mxgateway_contracts::error_code::ErrorCode;
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{Layer, Service};

/// See the module's documentation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RefusalLayer;

impl<S> Layer<S> for RefusalLayer {
    type Service = RefusalService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        RefusalService { inner }
    }
}

/// Made by [`RefusalLayer`].
#[derive(Clone, Debug)]
pub(crate) struct RefusalService<S> {
    inner: S,
}

impl<S, B> Service<Request<B>> for RefusalService<S>
where
    S: Service<Request<B>, Response = Response<Body>>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let method = request.uri().path().to_owned();
        let answer = std::panic::AssertUnwindSafe(self.inner.call(request)).catch_unwind();
        Box::pin(async move {
            match answer.await {
                Ok(answer) => answer.map(own_words),
                Err(panic) => {
                    tracing::error!(method, error = panic_text(&*panic), "Request handler panicked");
                    Ok(ErrorCode::Internal
                        .status("a fault in the gateway; its log has the details", &[])
                        .into_http())
                }
            }
        })
    }
}

/// The library answers an oversized message with OUT_OF_RANGE, which nothing else here uses.
fn own_words(response: Response<Body>) -> Response<Body> {
    match Status::from_header_map(response.headers()) {
        Some(status) if status.code() == Code::OutOfRange => ErrorCode::MessageTooLarge
            .status(format!("{} (protocol.max_grpc_message_bytes)", status.message()), &[])
            .into_http(),
        _ => response,
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no text")
}
