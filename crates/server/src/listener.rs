//! The listener: HTTP/2 connections for the gRPC services, with an end that cannot hang.

use std::io;
use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::service::Routes;
use tower::ServiceBuilder;
use tower_http::trace::TraceLayer;

use crate::grpc::RefusalLayer;

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

/// Serves until `stop`, then lets open requests end until `force`.
pub(crate) async fn serve(
    listener: TcpListener,
    routes: Routes,
    limits: ListenerLimits,
    stop: CancellationToken,
    force: CancellationToken,
) {
    let connections = TaskTracker::new();
    let routes = routes.prepare();
    while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
        match accepted {
            Ok((stream, _peer)) => {
                connections.spawn(connection(stream, routes.clone(), limits, stop.clone(), force.clone()));
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

async fn connection(
    stream: TcpStream,
    routes: Routes,
    limits: ListenerLimits,
    stop: CancellationToken,
    force: CancellationToken,
) {
    if let Err(error) = no_delay(&stream) {
        tracing::debug!(%error, "Connection ended at once");
        return;
    }
    let mut http = auto::Builder::new(TokioExecutor::new()).http2_only();
    http.http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(KEEP_ALIVE_INTERVAL)
        .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
        .max_concurrent_streams(MAX_CONCURRENT_STREAMS)
        .max_send_buf_size(limits.max_stream_send_buffer_bytes);
    // Requests are logged at level debug, for `logging.filter = "info,tower_http=debug"`.
    let service = ServiceBuilder::new().layer(TraceLayer::new_for_grpc()).layer(RefusalLayer).service(routes);
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
        tracing::debug!(error, "Connection ended with an error");
    }
}

/// Events are small and must not wait for one another.
fn no_delay(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)
}
