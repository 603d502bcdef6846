//! Health and metrics of a whole gateway, over HTTP and over gRPC.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use mxgateway_contracts::v1::OpenSessionRequest;
use mxgateway_contracts::v1_client::mx_gateway_client::MxGatewayClient;
use mxgateway_server::RunError;
use mxgateway_server::config::Loaded;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

const LIMIT: Duration = Duration::from_secs(20);

async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(LIMIT, future).await.unwrap_or_else(|_| panic!("not within {LIMIT:?}: {what}"))
}

fn config(folder: &Path, http: SocketAddr) -> Loaded {
    let path = |name: &str| folder.join(name).display().to_string();
    fs::write(folder.join("worker"), "").unwrap();
    let settings = [
        ("server.listen", "127.0.0.1:0".to_owned()),
        ("server.data_directory", path("data")),
        ("http.listen", http.to_string()),
        ("auth.mode", "disabled".to_owned()),
        ("workers.executable_path", path("worker")),
        ("workers.runtime_directory", path("run")),
    ];
    let settings: Vec<(&str, &str)> = settings.iter().map(|(key, value)| (*key, value.as_str())).collect();
    Loaded::from_settings(&settings).unwrap()
}

struct Running {
    channel: Channel,
    stop: CancellationToken,
    gateway: JoinHandle<Result<(), RunError>>,
}

async fn start(loaded: Loaded) -> Running {
    let stop = CancellationToken::new();
    let (ready, listening) = oneshot::channel();
    let run = mxgateway_server::run(loaded, stop.clone(), |addresses| ready.send(addresses.grpc).unwrap());
    let gateway = tokio::spawn(run);
    let address = within("the gateway listens", listening).await.unwrap();
    let channel = Endpoint::from_shared(format!("http://{address}")).unwrap().connect_lazy();
    Running { channel, stop, gateway }
}

/// Status and body.
async fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream
        .write_all(format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").as_bytes())
        .await
        .unwrap();
    let mut text = String::new();
    within("an answer", stream.read_to_string(&mut text)).await.unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

async fn serving(channel: &Channel, service: &str) -> bool {
    let request = HealthCheckRequest { service: service.to_owned() };
    let answer = within("health", HealthClient::new(channel.clone()).check(request)).await.unwrap();
    answer.into_inner().status() == ServingStatus::Serving
}

/// An address that nobody listens on.
fn free_address() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

#[tokio::test]
async fn http_and_grpc_say_the_same_until_the_gateway_stops() {
    let folder = tempfile::tempdir().unwrap();
    let http = free_address();
    let running = start(config(folder.path(), http)).await;
    for service in ["", "mxgateway.v1.MxGateway", "mxgateway.audit"] {
        assert!(serving(&running.channel, service).await, "{service}");
    }
    assert_eq!(get(http, "/health/live").await.0, 200);
    let (status, body) = get(http, "/health/ready").await;
    assert_eq!(status, 200, "{body}");

    fs::remove_file(folder.path().join("worker")).unwrap();
    within("a gateway without workers is not ready", async {
        while get(http, "/health/ready").await.0 != 503 || serving(&running.channel, "").await {}
    })
    .await;
    assert_eq!(get(http, "/health/live").await.0, 200);

    let mut client = MxGatewayClient::new(running.channel.clone());
    let opened = client.open_session(OpenSessionRequest::default());
    within("a session without a worker fails", opened).await.unwrap_err();
    let (status, metrics) = get(http, "/metrics").await;
    assert_eq!(status, 200);
    let line = "mxgateway_requests_total{rpc=\"OpenSession\",outcome=\"failed\"} 1";
    assert!(metrics.contains(&format!("\n{line}\n")), "{line} in\n{metrics}");

    running.stop.cancel();
    within("the gateway stops", running.gateway).await.unwrap().unwrap();
    assert!(TcpStream::connect(http).await.is_err());
}

#[tokio::test]
async fn an_address_for_http_that_is_taken_is_named_with_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let run = mxgateway_server::run(config(folder.path(), address), CancellationToken::new(), |_| {});
    let error = Box::pin(within("the gateway gives up", run)).await.unwrap_err();
    assert!(matches!(error, RunError::ListenHttp { .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.contains(&address.to_string()) && text.contains("http.listen"), "{text}");
}

#[tokio::test]
async fn without_an_address_there_is_no_http() {
    let folder = tempfile::tempdir().unwrap();
    let mut loaded = config(folder.path(), free_address());
    loaded.config.http.listen = None;
    let running = start(loaded).await;
    assert!(serving(&running.channel, "").await);
    running.stop.cancel();
    within("the gateway stops", running.gateway).await.unwrap().unwrap();
}
