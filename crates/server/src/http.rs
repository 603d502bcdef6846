//! Health and metrics over HTTP, for service managers, load balancers and Prometheus.
//!
//! Nobody can hold anything up here: a connection is good for one request and has a limit of time, and so have
//! the connections of number.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use mxgateway_auth::action::Action;
use mxgateway_contracts::error_code::ErrorCode;
use serde_json::{Map, Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::Status;

use crate::grpc::AuthenticationLayer;
use crate::listener::{ConnectionInfo, accept};
use crate::metrics::{CONTENT_TYPE, Metrics};
use crate::readiness::Readiness;

/// A request's head has to fit into this.
const MAX_HEAD_BYTES: usize = 16 << 10;

/// A refused accept (out of file descriptors, say) is retried after this.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What is told over HTTP.
#[derive(Clone, Debug)]
pub(crate) struct HttpState {
    pub(crate) readiness: Readiness,
    pub(crate) metrics: Metrics,
    /// Tells who may read the metrics.
    pub(crate) front_door: AuthenticationLayer,
}

/// What clients may take up.
#[derive(Clone, Copy, Debug)]
struct Limits {
    /// Connections at a time; more wait until one ends.
    connections: usize,
    /// For a request's head to come.
    head: Duration,
    /// For a connection from its beginning to its end. Longer than somebody who tries wrong keys has to wait.
    connection: Duration,
    /// For open requests after the stop.
    drain: Duration,
}

const LIMITS: Limits = Limits {
    connections: 256,
    head: Duration::from_secs(5),
    connection: Duration::from_secs(30),
    drain: Duration::from_secs(2),
};

/// Serves until `stop`; returns when the last request has ended, two seconds later at most.
pub(crate) async fn serve(listener: TcpListener, state: HttpState, stop: CancellationToken) {
    serve_within(LIMITS, listener, state, stop).await;
}

async fn serve_within(limits: Limits, listener: TcpListener, state: HttpState, stop: CancellationToken) {
    let router = router(state);
    let connections = TaskTracker::new();
    let places = Arc::new(Semaphore::new(limits.connections));
    let accept = async || {
        let place = Arc::clone(&places).acquire_owned().await;
        (accept(&listener).await, place)
    };
    while let Some((accepted, place)) = stop.run_until_cancelled(accept()).await {
        match accepted {
            Ok((stream, peer)) => {
                let info = ConnectionInfo { peer, encrypted: false, client_certificate: false };
                let serving = connection(limits, stream, info, router.clone(), stop.clone());
                connections.spawn(async move {
                    serving.await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "HTTP connection could not be accepted");
                stop.run_until_cancelled(tokio::time::sleep(ACCEPT_PAUSE)).await;
            }
        }
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

async fn connection(
    limits: Limits,
    stream: TcpStream,
    info: ConnectionInfo,
    router: Router,
    stop: CancellationToken,
) {
    let mut http = auto::Builder::new(TokioExecutor::new()).http1_only();
    http.http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_buf_size(MAX_HEAD_BYTES)
        .keep_alive(false);
    let service = TowerToHyperService::new(router.layer(Extension(info)));
    let serving = http.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(serving);
    let ended = async {
        tokio::select! {
            result = &mut serving => return Ok(result),
            () = stop.cancelled() => serving.as_mut().graceful_shutdown(),
        }
        tokio::time::timeout(limits.drain, serving).await
    };
    // Clients that dawdle, talk nonsense or just go away end here; nothing is wrong with the gateway.
    match tokio::time::timeout(limits.connection, ended).await {
        Ok(Ok(Ok(()))) => {}
        Ok(Ok(Err(error))) => {
            tracing::debug!(peer = %info.peer, error, "HTTP connection ended with an error");
        }
        Ok(Err(_)) | Err(_) => {
            tracing::debug!(peer = %info.peer, "HTTP connection ended by its limit of time")
        }
    }
}

fn router(state: HttpState) -> Router {
    Router::new()
        .route("/health/live", get(live))
        .route("/health/ready", get(ready))
        .route("/metrics", get(metrics))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(state)
}

async fn live() -> Response {
    answer(StatusCode::OK, "text/plain; charset=utf-8", "ok".to_owned())
}

async fn ready(State(state): State<HttpState>) -> Response {
    let checks = state.readiness.checks();
    let status = if checks.ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let named: Map<String, Value> =
        checks.named().into_iter().map(|(name, check)| (name.to_owned(), check.name().into())).collect();
    json_answer(status, &json!({ "ready": checks.ready(), "checks": named }))
}

async fn metrics(
    State(state): State<HttpState>,
    Extension(connection): Extension<ConnectionInfo>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let peer = Some(connection.peer.ip());
    if let Err(status) = state.front_door.enter_as(Action::Metrics, uri.path(), &headers, peer).await {
        return refusal(&status);
    }
    match state.metrics.text() {
        Ok(text) => answer(StatusCode::OK, CONTENT_TYPE, text),
        Err(error) => {
            tracing::error!(%error, "Metrics could not be written");
            refusal(&ErrorCode::Internal.status("a fault in the gateway; its log has the details", &[]))
        }
    }
}

async fn not_found() -> Response {
    problem(StatusCode::NOT_FOUND, "NOT_FOUND", "there are /health/live, /health/ready and /metrics")
}

async fn method_not_allowed() -> Response {
    problem(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", "there are GET and HEAD")
}

/// What the front door says, in HTTP.
fn refusal(status: &Status) -> Response {
    let code = ErrorCode::of(status).unwrap_or(ErrorCode::Internal);
    let http = StatusCode::from_u16(code.http()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = problem(http, code.code(), status.message());
    if http == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

fn problem(status: StatusCode, code: &str, message: &str) -> Response {
    json_answer(status, &json!({ "error": code, "message": message }))
}

fn json_answer(status: StatusCode, body: &Value) -> Response {
    answer(status, "application/json", format!("{body}\n"))
}

fn answer(status: StatusCode, content_type: &'static str, body: String) -> Response {
    let headers = [(header::CONTENT_TYPE, content_type), (header::CACHE_CONTROL, "no-store")];
    (status, headers, body).into_response()
}
