use std::fs;
use std::net::SocketAddr;
use std::time::SystemTime;

use mxgateway_auth::constraints::Constraints;
use mxgateway_auth::key::{ApiKey, Pepper};
use mxgateway_auth::store::{AuthStore, Change, NewKey, StoreLocation};
use mxgateway_auth::verifier::Verifier;
use secrecy::ExposeSecret;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinHandle;

use super::*;
use crate::grpc::Door;
use crate::metrics::Observation;

const LIMIT: Duration = Duration::from_secs(20);

async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(LIMIT, future).await.unwrap_or_else(|_| panic!("not within {LIMIT:?}: {what}"))
}

/// A service on a socket of its own.
struct Served {
    folder: TempDir,
    address: SocketAddr,
    readiness: Readiness,
    reporter: tonic_health::server::HealthReporter,
    stop: CancellationToken,
    serving: JoinHandle<()>,
}

impl Served {
    async fn open_to_everybody() -> Self {
        Self::start(TempDir::new().unwrap(), Verifier::disabled(), LIMITS).await
    }

    async fn start(folder: TempDir, verifier: Verifier, limits: Limits) -> Self {
        let worker = folder.path().join("worker");
        fs::write(&worker, "").unwrap();
        let readiness = Readiness::new(worker, None);
        let (reporter, _) = tonic_health::server::health_reporter();
        readiness.open(&reporter).await;
        let metrics = Metrics::new(Observation::default);
        let front_door = AuthenticationLayer::new(verifier, Door::new(None, metrics.clone()));
        let state = HttpState { readiness: readiness.clone(), metrics, front_door };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let serving = tokio::spawn(serve_within(limits, listener, state, stop.clone()));
        Self { folder, address, readiness, reporter, stop, serving }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    async fn request(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: gateway\r\n");
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        let mut stream = self.connect().await;
        stream.write_all((head + "\r\n").as_bytes()).await.unwrap();
        Answer::read(stream).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.request("GET", path, &[]).await
    }

    async fn end(self) {
        self.stop.cancel();
        within("end of the service", self.serving).await.unwrap();
        assert!(TcpStream::connect(self.address).await.is_err());
    }
}

#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    /// Everything until the end of the connection.
    async fn read(mut stream: TcpStream) -> Self {
        let mut text = String::new();
        within("an answer", stream.read_to_string(&mut text)).await.unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Self { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

#[tokio::test]
async fn health_is_for_everybody() {
    let served = Served::open_to_everybody().await;
    let live = served.get("/health/live").await;
    assert_eq!((live.status, live.body.as_str()), (200, "ok"));
    let ready = served.get("/health/ready").await;
    assert_eq!(ready.status, 200);
    assert!(ready.head.contains("content-type: application/json"), "{}", ready.head);
    let checks = json!({"listener": "ok", "worker_program": "ok", "key_store": "off", "audit_trail": "off"});
    assert_eq!(ready.json(), json!({ "ready": true, "checks": checks }));
    served.end().await;
}

#[tokio::test]
async fn a_check_that_fails_is_named() {
    let served = Served::open_to_everybody().await;
    fs::remove_file(served.folder.path().join("worker")).unwrap();
    served.readiness.open(&served.reporter).await;
    let ready = served.get("/health/ready").await;
    assert_eq!(ready.status, 503);
    assert_eq!(ready.json()["ready"], json!(false));
    assert_eq!(ready.json()["checks"]["worker_program"], json!("failed"));
    assert_eq!(ready.json()["checks"]["listener"], json!("ok"));
    assert_eq!(served.get("/health/live").await.status, 200);

    fs::write(served.folder.path().join("worker"), "").unwrap();
    let stop = CancellationToken::new();
    stop.cancel();
    served.readiness.clone().run(served.reporter.clone(), stop).await;
    let ready = served.get("/health/ready").await;
    assert_eq!((ready.status, &ready.json()["checks"]["listener"]), (503, &json!("failed")));
    served.end().await;
}

#[tokio::test]
async fn metrics_are_text_that_prometheus_reads() {
    let served = Served::open_to_everybody().await;
    let metrics = served.get("/metrics").await;
    assert_eq!(metrics.status, 200);
    assert!(metrics.head.contains("content-type: text/plain; version=0.0.4"), "{}", metrics.head);
    assert!(metrics.body.contains("\nmxgateway_sessions{state=\"ready\"} 0\n"), "{}", metrics.body);
    served.end().await;
}

#[tokio::test]
async fn metrics_need_a_key_with_the_scope() {
    let folder = TempDir::new().unwrap();
    let store = AuthStore::open(&StoreLocation::Sqlite(folder.path().join("auth.db"))).await.unwrap();
    let pepper = Pepper::random().unwrap();
    let mut headers = Vec::new();
    for (id, scopes) in [("reader", "metadata:read"), ("other", "events:read invoke:read admin")] {
        let new = NewKey {
            id: id.parse().unwrap(),
            name: id.to_owned(),
            scopes: scopes.parse().unwrap(),
            constraints: Constraints::default(),
            expires: None,
        };
        let key = ApiKey::generate(new.id.clone()).unwrap();
        let change = Change { actor: "operator:test", at: SystemTime::now() };
        store.create(&new, &pepper.hash(&key), change).await.unwrap();
        headers.push(format!("Bearer {}", key.token().expose_secret()));
    }
    let verifier = Verifier::start(store, pepper, Duration::from_secs(60)).await.unwrap();
    let served = Served::start(folder, verifier, LIMITS).await;

    let refused = served.get("/metrics").await;
    assert_eq!((refused.status, &refused.json()["error"]), (401, &json!("UNAUTHENTICATED")));
    assert!(refused.head.contains("www-authenticate: bearer"), "{}", refused.head);
    assert!(!refused.body.contains("mxgateway_"), "{}", refused.body);
    let refused = served.request("GET", "/metrics", &[("Authorization", "Bearer nonsense")]).await;
    assert_eq!(refused.status, 401);
    assert_eq!(served.request("HEAD", "/metrics", &[]).await.status, 401);
    let denied = served.request("GET", "/metrics", &[("Authorization", &headers[1])]).await;
    assert_eq!((denied.status, &denied.json()["error"]), (403, &json!("SCOPE_MISSING")));
    assert!(denied.body.contains("metadata:read"), "{}", denied.body);

    let metrics = served.request("GET", "/metrics", &[("Authorization", &headers[0])]).await;
    assert_eq!(metrics.status, 200);
    // What happened before is in them.
    for line in [
        "mxgateway_authentication_refusals_total{cause=\"missing\"} 2",
        "mxgateway_authentication_refusals_total{cause=\"malformed\"} 1",
        "mxgateway_denials_total{missing=\"metadata:read\"} 1",
    ] {
        assert!(metrics.body.contains(&format!("\n{line}\n")), "{line} in\n{}", metrics.body);
    }
    assert_eq!(served.get("/health/ready").await.status, 200);
    served.end().await;
}

#[tokio::test]
async fn other_requests_get_a_short_error() {
    let served = Served::open_to_everybody().await;
    for path in ["/", "/metrics/", "/health", "/health/live/../../etc"] {
        let answer = served.get(path).await;
        assert_eq!((answer.status, &answer.json()["error"]), (404, &json!("NOT_FOUND")), "{path}");
    }
    let answer = served.request("POST", "/metrics", &[("content-length", "0")]).await;
    assert_eq!((answer.status, &answer.json()["error"]), (405, &json!("METHOD_NOT_ALLOWED")));
    assert!(answer.head.contains("allow: get,head"), "{}", answer.head);
    for path in ["/health/live", "/health/ready", "/metrics"] {
        let answer = served.request("HEAD", path, &[]).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, ""), "{path}");
        assert!(answer.head.contains("content-length: "), "{}", answer.head);
    }
    // More of a head than fits, and none at all.
    let long = "x".repeat(MAX_HEAD_BYTES);
    assert_eq!(served.request("GET", "/health/live", &[("long", &long)]).await.status, 431);
    let mut stream = served.connect().await;
    stream.write_all(b"\x16\x03\x01 nonsense\r\n\r\n").await.unwrap();
    assert_eq!(Answer::read(stream).await.status, 400);
    served.end().await;
}

#[tokio::test]
async fn slow_clients_lose_their_connections_and_their_places() {
    let limits = Limits {
        connections: 2,
        head: Duration::from_millis(200),
        connection: Duration::from_millis(400),
        ..LIMITS
    };
    let served = Served::start(TempDir::new().unwrap(), Verifier::disabled(), limits).await;
    let mut silent = served.connect().await;
    let mut slow = served.connect().await;
    slow.write_all(b"GET /health/live HTTP/1.1\r\nhost:").await.unwrap();
    // There is no place for it before one of them is gone.
    assert_eq!(served.get("/health/live").await.status, 200);
    for stream in [&mut silent, &mut slow] {
        let _ = within("end of a slow connection", stream.read_to_end(&mut Vec::new())).await;
    }
    served.end().await;
}

#[tokio::test]
async fn a_stop_waits_for_nobody_who_dawdles() {
    let limits = Limits {
        head: Duration::from_secs(3600),
        connection: Duration::from_secs(3600),
        drain: Duration::from_millis(100),
        ..LIMITS
    };
    let served = Served::start(TempDir::new().unwrap(), Verifier::disabled(), limits).await;
    let _silent = served.connect().await;
    let mut slow = served.connect().await;
    slow.write_all(b"GET /health/live HTTP/1.1\r\n").await.unwrap();
    assert_eq!(served.get("/health/live").await.status, 200);
    served.end().await;
}
