//! The listener: HTTP/2 connections for the gRPC services, with an end that cannot hang.

mod accept;
mod failures;
mod secured;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::service::Routes;
use tower::ServiceBuilder;
use tower_http::classify::SharedClassifier;
use tower_http::trace::TraceLayer;

pub(crate) use accept::accept;
pub(crate) use secured::{ConnectionInfo, secured};

use crate::grpc::{AuthenticationLayer, RefusalLayer};
use crate::tls::Tls;

/// A peer that is gone without a word is noticed after this silence and this wait.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(20);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(20);

/// Calls and streams of one connection at a time; the HTTP library's 200 would silently hold up the next one.
const MAX_CONCURRENT_STREAMS: u32 = 10_000;

/// A refused accept (out of file descriptors, say) is retried after this.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Settings of the listener.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ListenerLimits {
    /// Bytes of one stream that wait for its reader.
    pub(crate) max_stream_send_buffer_bytes: usize,
}

/// Serves until `stop`, then lets open requests end until `force`. With `tls`, every connection has to speak it.
pub(crate) async fn serve(
    listener: TcpListener,
    routes: Routes,
    front_door: AuthenticationLayer,
    limits: ListenerLimits,
    tls: Option<Tls>,
    stop: CancellationToken,
    force: CancellationToken,
) {
    let connections = TaskTracker::new();
    let service = Service { routes: routes.prepare(), front_door, limits, tls, stop: stop.clone(), force };
    while let Some(accepted) = stop.run_until_cancelled(accept(&listener)).await {
        match accepted {
            Ok((stream, peer)) => {
                connections.spawn(service.clone().connection(stream, peer));
            }
            Err(error) => {
                tracing::warn!(%error, "Connection could not be accepted");
                stop.run_until_cancelled(tokio::time::sleep(ACCEPT_PAUSE)).await;
            }
        }
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

/// What each connection is served with.
#[derive(Clone)]
struct Service {
    routes: Routes,
    front_door: AuthenticationLayer,
    limits: ListenerLimits,
    tls: Option<Tls>,
    stop: CancellationToken,
    force: CancellationToken,
}

impl Service {
    async fn connection(self, stream: TcpStream, peer: SocketAddr) {
        if let Some((stream, info)) = secured(stream, peer, self.tls.as_ref(), &self.stop).await {
            self.requests(stream, info).await;
        }
    }

    async fn requests(self, stream: impl AsyncRead + AsyncWrite + Unpin + 'static, info: ConnectionInfo) {
        let Self { routes, front_door, limits, stop, force, .. } = self;
        let mut http = auto::Builder::new(TokioExecutor::new()).http2_only();
        http.http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(KEEP_ALIVE_INTERVAL)
            .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
            .max_concurrent_streams(MAX_CONCURRENT_STREAMS)
            .max_send_buf_size(limits.max_stream_send_buffer_bytes);
        // Requests are logged at level debug, and faults of the gateway as errors, for `logging.filter = "info,tower_http=debug"`.
        let service = ServiceBuilder::new()
            .map_request(move |mut request: http::Request<_>| {
                request.extensions_mut().insert(info);
                request
            })
            .layer(TraceLayer::new(SharedClassifier::new(failures::classifier())))
            .layer(RefusalLayer)
            .layer(front_door)
            .service(routes);
        let serving = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
        tokio::pin!(serving);
        let result = tokio::select! {
            result = &mut serving => result,
            () = stop.cancelled() => {
                serving.as_mut().graceful_shutdown();
                match force.run_until_cancelled(serving).await {
                    Some(result) => result,
                    None => return,
                }
            }
        };
        if let Err(error) = result {
            // Clients that just go away end here; nothing is wrong with the gateway.
            tracing::debug!(
                peer = %info.peer,
                encrypted = info.encrypted,
                client_certificate = info.client_certificate,
                error,
                "Connection ended with an error"
            );
        }
    }
}
