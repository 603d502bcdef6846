use std::fs;
use std::net::SocketAddr;
use std::time::SystemTime;

use mxgateway_auth::constraints::Constraints;
use mxgateway_auth::key::{ApiKey, Pepper};
use mxgateway_auth::store::{AuthStore, Change, NewKey, StoreLocation};
use mxgateway_auth::verifier::Verifier;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use secrecy::ExposeSecret;
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;

use super::*;
use crate::grpc::Door;
use crate::metrics::Observation;
use crate::tls::testing::Authority;

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
        Self::start_with(folder, verifier, limits, None).await
    }

    async fn start_with(folder: TempDir, verifier: Verifier, limits: Limits, tls: Option<Tls>) -> Self {
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
        let service = Service { limits, router: router(state, None), tls, stop: stop.clone() };
        let serving = tokio::spawn(service.serve(listener));
        Self { folder, address, readiness, reporter, stop, serving }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    async fn request(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: gateway\r\nconnection: close\r\n");
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
        let change = Change { actor: "operator:test", peer: None, at: SystemTime::now() };
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
        connection: Duration::from_millis(300),
        request: Duration::from_millis(100),
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

const LIVE: &[u8] = b"GET /health/live HTTP/1.1\r\nhost: gateway\r\n\r\n";

/// Reads until the body of [`LIVE`]'s answer has come.
async fn read_live(stream: &mut (impl AsyncRead + Unpin)) {
    let mut text = Vec::new();
    while !text.ends_with(b"\r\n\r\nok") {
        let read = within("an answer", stream.read_buf(&mut text)).await.unwrap();
        assert_ne!(read, 0, "the connection ended after {:?}", String::from_utf8_lossy(&text));
    }
}

#[tokio::test]
async fn a_connection_stays_open_for_a_while() {
    let limits = Limits { connection: Duration::from_secs(1), ..LIMITS };
    let served = Served::start(TempDir::new().unwrap(), Verifier::disabled(), limits).await;
    let mut stream = served.connect().await;
    for _ in 0..3 {
        stream.write_all(LIVE).await.unwrap();
        read_live(&mut stream).await;
    }
    assert_eq!(within("the end of its time", stream.read(&mut [0])).await.unwrap(), 0);
    served.end().await;
}

#[tokio::test]
async fn with_tls_nobody_is_answered_without() {
    let (folder, authority) = (TempDir::new().unwrap(), Authority::new("authority"));
    // Those who come here have no certificates, whatever gRPC asks for.
    let config = authority.server("localhost").config(folder.path(), Some(&authority));
    let tls = crate::tls::load(&config, folder.path(), SystemTime::now()).unwrap().unwrap().http;
    let served = Served::start_with(folder, Verifier::disabled(), LIMITS, Some(tls)).await;

    let mut trusted = RootCertStore::empty();
    trusted.add(CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap()).unwrap();
    let mut client = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(trusted)
        .with_no_client_auth();
    client.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let connecting = TlsConnector::from(Arc::new(client))
        .connect(ServerName::try_from("localhost").unwrap(), served.connect().await);
    let mut stream = within("a handshake", connecting).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(b"http/1.1".as_slice()));
    stream.write_all(LIVE).await.unwrap();
    read_live(&mut stream).await;

    let mut plain = served.connect().await;
    plain.write_all(LIVE).await.unwrap();
    let mut answer = Vec::new();
    let _ = within("the end of a plain connection", plain.read_to_end(&mut answer)).await;
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    drop(stream);
    served.end().await;
}
