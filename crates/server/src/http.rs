//! Health and metrics over HTTP, for service managers, load balancers and Prometheus; and the dashboard, for people.
//!
//! Nobody can hold anything up here: connections have a limit of time and of number, and those of the dashboard that
//! stay open have limits of their own there.

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
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
use mxgateway_dashboard::Dashboard;
use mxgateway_dashboard::peer::Peer;
use serde_json::{Map, Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::Status;

use crate::grpc::AuthenticationLayer;
use crate::listener::{accept, secured};
use crate::metrics::{CONTENT_TYPE, Metrics};
use crate::readiness::Readiness;
use crate::tls::Tls;

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
    /// Connections at a time; more wait until one ends. Those that became hubs of the dashboard do not count any more.
    connections: usize,
    /// For a request's head to come, also for the next one on a connection that stays open.
    head: Duration,
    /// A connection takes no further request after this.
    connection: Duration,
    /// For a request that is under way then. Longer than somebody who tries wrong keys has to wait.
    request: Duration,
    /// For open requests after the stop.
    drain: Duration,
}

const LIMITS: Limits = Limits {
    connections: 1_024,
    head: Duration::from_secs(5),
    connection: Duration::from_secs(60),
    request: Duration::from_secs(30),
    drain: Duration::from_secs(2),
};

/// Serves until `stop`; returns when the last request has ended, two seconds later at most. With `tls`, every connection
/// has to speak it.
pub(crate) async fn serve(
    listener: TcpListener,
    state: HttpState,
    dashboard: Option<Dashboard>,
    tls: Option<Tls>,
    stop: CancellationToken,
) {
    let service = Service { limits: LIMITS, router: router(state, dashboard), tls, stop };
    service.serve(listener).await;
}

/// What each connection is served with.
#[derive(Clone, Debug)]
struct Service {
    limits: Limits,
    router: Router,
    tls: Option<Tls>,
    stop: CancellationToken,
}

impl Service {
    async fn serve(self, listener: TcpListener) {
        let connections = TaskTracker::new();
        let places = Arc::new(Semaphore::new(self.limits.connections));
        let accept = async || {
            let place = Arc::clone(&places).acquire_owned().await;
            (accept(&listener).await, place)
        };
        while let Some((accepted, place)) = self.stop.run_until_cancelled(accept()).await {
            match accepted {
                Ok((stream, peer)) => {
                    let serving = self.clone().connection(stream, peer);
                    connections.spawn(async move {
                        serving.await;
                        drop(place);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "HTTP connection could not be accepted");
                    self.stop.run_until_cancelled(tokio::time::sleep(ACCEPT_PAUSE)).await;
                }
            }
        }
        drop(listener);
        connections.close();
        connections.wait().await;
    }

    async fn connection(self, stream: TcpStream, address: SocketAddr) {
        let Self { limits, router, tls, stop } = self;
        let Some((stream, info)) = secured(stream, address, tls.as_ref(), &stop).await else { return };
        let mut http = auto::Builder::new(TokioExecutor::new()).http1_only();
        http.http1().timer(TokioTimer::new()).header_read_timeout(limits.head).max_buf_size(MAX_HEAD_BYTES);
        let service =
            TowerToHyperService::new(router.layer(Extension(Peer { address, is_encrypted: info.encrypted })));
        // A connection that becomes a hub of the dashboard ends here and goes on there.
        let serving = http.serve_connection_with_upgrades(TokioIo::new(stream), service);
        tokio::pin!(serving);
        let limit = tokio::select! {
            result = &mut serving => return ended(address, result),
            () = stop.cancelled() => limits.drain,
            () = tokio::time::sleep(limits.connection) => limits.request,
        };
        serving.as_mut().graceful_shutdown();
        let result = tokio::select! {
            result = &mut serving => Some(result),
            () = tokio::time::sleep(limit) => None,
            () = async {
                stop.cancelled().await;
                tokio::time::sleep(limits.drain).await;
            } => None,
        };
        match result {
            Some(result) => ended(address, result),
            None => tracing::debug!(peer = %address, "HTTP connection ended by its limit of time"),
        }
    }
}

/// Clients that dawdle, talk nonsense or just go away end here; nothing is wrong with the gateway.
fn ended(peer: SocketAddr, result: Result<(), Box<dyn std::error::Error + Send + Sync>>) {
    if let Err(error) = result {
        tracing::debug!(%peer, error, "HTTP connection ended with an error");
    }
}

fn router(state: HttpState, dashboard: Option<Dashboard>) -> Router {
    let own = Router::new()
        .route("/health/live", get(live))
        .route("/health/ready", get(ready))
        .route("/metrics", get(metrics))
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(state);
    match dashboard {
        Some(dashboard) => own.fallback_service(mxgateway_dashboard::router(dashboard)),
        None => own.fallback(not_found),
    }
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
    Extension(connection): Extension<Peer>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let peer = Some(connection.address.ip());
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
