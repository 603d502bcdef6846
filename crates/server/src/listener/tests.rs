use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use mxgateway_auth::verifier::Verifier;
use parking_lot::Mutex;
use rustls::pki_types::ServerName;
use rustls::pki_types::pem::PemObject;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinHandle;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Request, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::HealthService;

use super::*;
use crate::config::{TlsConfig, TlsMode};
use crate::grpc::Door;
use crate::metrics::{Metrics, Observation};
use crate::tls::testing::{Authority, Issued};

/// Waits for what must happen.
async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future)
        .await
        .unwrap_or_else(|_| panic!("no {what} in 20 s"))
}

/// Lets everybody in.
fn open_door() -> AuthenticationLayer {
    AuthenticationLayer::new(Verifier::disabled(), Door::new(None, Metrics::new(Observation::default)))
}

/// A listener with the health service, which notes what the requests come over.
struct Served {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<ConnectionInfo>>>,
    stop: CancellationToken,
    serving: JoinHandle<()>,
}

impl Served {
    async fn start(tls: Option<Tls>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (reporter, _) = tonic_health::server::health_reporter();
        let health = HealthServer::with_interceptor(HealthService::from_health_reporter(reporter), {
            let seen = Arc::clone(&seen);
            move |request: Request<()>| {
                let info = request.extensions().get::<ConnectionInfo>();
                seen.lock().push(*info.ok_or_else(|| Status::internal("no connection"))?);
                Ok(request)
            }
        });
        let limits = ListenerLimits { max_stream_send_buffer_bytes: 1 << 20 };
        let stop = CancellationToken::new();
        let force = CancellationToken::new();
        let serving =
            tokio::spawn(serve(listener, Routes::new(health), open_door(), limits, tls, stop.clone(), force));
        Self { address, seen, stop, serving }
    }

    async fn with(config: &TlsConfig, data: &Path) -> Self {
        Self::start(load(config, data)).await
    }

    fn endpoint(&self, scheme: &str) -> Endpoint {
        Endpoint::from_shared(format!("{scheme}://localhost:{}", self.address.port())).unwrap()
    }

    /// Calls with this authority trusted, and this certificate shown.
    async fn call(&self, trusted: &str, shown: Option<&Issued>) -> Result<(), Status> {
        let mut tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(trusted));
        if let Some(issued) = shown {
            tls = tls.identity(Identity::from_pem(&issued.certificate, &issued.private_key));
        }
        call(self.endpoint("https").tls_config(tls).unwrap()).await
    }

    async fn call_plain(&self) -> Result<(), Status> {
        call(self.endpoint("http")).await
    }

    /// Ends, which an open connection must not prevent.
    async fn end(self) -> Vec<ConnectionInfo> {
        self.stop.cancel();
        within("end of the listener", self.serving).await.unwrap();
        std::mem::take(&mut *self.seen.lock())
    }
}

fn load(config: &TlsConfig, data: &Path) -> Option<Tls> {
    crate::tls::load(config, data, SystemTime::now()).unwrap().map(|tls| tls.grpc)
}

async fn call(endpoint: Endpoint) -> Result<(), Status> {
    let channel: Channel = endpoint.connect_lazy();
    let request = HealthCheckRequest::default();
    within("answer", HealthClient::new(channel).check(request)).await.map(drop)
}

#[tokio::test]
async fn requests_know_what_they_came_over() {
    let (folder, authority) = (TempDir::new().unwrap(), Authority::new("authority"));
    let plain = Served::start(None).await;
    let address = plain.address;
    plain.call_plain().await.unwrap();
    let seen = plain.end().await;
    assert_eq!(seen.len(), 1);
    assert!(seen[0].peer.ip().is_loopback() && seen[0].peer != address);
    assert!(!seen[0].encrypted && !seen[0].client_certificate);

    let tls = Served::with(&authority.server("localhost").config(folder.path(), None), folder.path()).await;
    tls.call(&authority.pem(), None).await.unwrap();
    // One that nobody asked for says nothing.
    tls.call(&authority.pem(), Some(&authority.client("client"))).await.unwrap();
    for info in tls.end().await {
        assert!(info.encrypted && !info.client_certificate, "{info:?}");
    }
}

#[tokio::test]
async fn only_a_gateway_that_is_trusted_under_its_name_is_talked_to() {
    let (folder, authority) = (TempDir::new().unwrap(), Authority::new("authority"));
    let config = authority.server("localhost").config(folder.path(), None);
    let served = Served::with(&config, folder.path()).await;
    served.call(&authority.pem(), None).await.unwrap();
    // Another authority of the same name.
    served.call(&Authority::new("authority").pem(), None).await.unwrap_err();
    assert_eq!(served.end().await.len(), 1);

    let config = authority.server("elsewhere").config(folder.path(), None);
    let served = Served::with(&config, folder.path()).await;
    served.call(&authority.pem(), None).await.unwrap_err();
    assert!(served.end().await.is_empty());
}

#[tokio::test]
async fn a_self_signed_certificate_can_be_pinned() {
    let data = TempDir::new().unwrap();
    let mode = TlsMode::SelfSigned { extra_names: Vec::new(), validity: Duration::from_secs(3600) };
    let config = TlsConfig { mode, client_ca_path: None };
    let served = Served::with(&config, data.path()).await;
    let pin = fs::read_to_string(data.path().join("tls/certificate.pem")).unwrap();
    served.call(&pin, None).await.unwrap();
    served.end().await;
    let again = Served::with(&config, data.path()).await;
    again.call(&pin, None).await.unwrap();
    again.end().await;

    let other = TempDir::new().unwrap();
    let stranger = Served::with(&config, other.path()).await;
    stranger.call(&pin, None).await.unwrap_err();
    assert!(stranger.end().await.is_empty());
}

#[tokio::test]
async fn a_client_certificate_is_required_when_its_authority_is_configured() {
    let (folder, authority, clients) =
        (TempDir::new().unwrap(), Authority::new("authority"), Authority::new("clients"));
    let config = authority.server("localhost").config(folder.path(), Some(&clients));
    let served = Served::with(&config, folder.path()).await;
    served.call(&authority.pem(), Some(&clients.client("client"))).await.unwrap();
    served.call(&authority.pem(), None).await.unwrap_err();
    served.call(&authority.pem(), Some(&authority.client("client"))).await.unwrap_err();
    // A server's certificate is none for clients.
    served.call(&authority.pem(), Some(&clients.server("client"))).await.unwrap_err();
    let seen = served.end().await;
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert!(seen[0].encrypted && seen[0].client_certificate);
}

#[tokio::test]
async fn mixing_up_tls_and_plaintext_ends_with_an_error_and_does_no_harm() {
    let (folder, authority) = (TempDir::new().unwrap(), Authority::new("authority"));
    let config = authority.server("localhost").config(folder.path(), None);
    let tls = Served::with(&config, folder.path()).await;
    tls.call_plain().await.unwrap_err();
    tls.call(&authority.pem(), None).await.unwrap();
    assert_eq!(tls.end().await.len(), 1);

    let plain = Served::start(None).await;
    plain.call(&authority.pem(), None).await.unwrap_err();
    plain.call_plain().await.unwrap();
    assert_eq!(plain.end().await.len(), 1);
}

#[tokio::test]
async fn a_silent_peer_is_dropped_and_holds_nobody_up() {
    let (folder, authority) = (TempDir::new().unwrap(), Authority::new("authority"));
    let tls = load(&authority.server("localhost").config(folder.path(), None), folder.path()).unwrap();
    let served = Served::start(Some(tls.clone().with_handshake_limit(Duration::from_millis(200)))).await;
    let mut silent = TcpStream::connect(served.address).await.unwrap();
    served.call(&authority.pem(), None).await.unwrap();
    let end = within("end of the silent connection", silent.read(&mut [0; 64])).await;
    assert!(
        matches!(&end, Ok(0)) || end.as_ref().is_err_and(|error| error.kind() == ErrorKind::ConnectionReset)
    );
    served.end().await;

    // A stop does not wait for one either.
    let served = Served::start(Some(tls.with_handshake_limit(Duration::from_secs(3600)))).await;
    let _silent = TcpStream::connect(served.address).await.unwrap();
    served.call(&authority.pem(), None).await.unwrap();
    served.end().await;
}

#[tokio::test]
async fn http_2_is_spoken_inside_tls_and_nothing_else() {
    let (folder, authority) = (TempDir::new().unwrap(), Authority::new("authority"));
    let config = authority.server("localhost").config(folder.path(), None);
    let served = Served::with(&config, folder.path()).await;
    for (offered, versions, agreed) in [
        (&["h2", "http/1.1"][..], &[&rustls::version::TLS13], true),
        (&["h2"][..], &[&rustls::version::TLS12], true),
        (&["http/1.1"][..], &[&rustls::version::TLS13], false),
    ] {
        let mut trusted = rustls::RootCertStore::empty();
        let authority = rustls::pki_types::CertificateDer::from_pem_slice(authority.pem().as_bytes());
        trusted.add(authority.unwrap()).unwrap();
        let mut client =
            rustls::ClientConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
                .with_protocol_versions(versions)
                .unwrap()
                .with_root_certificates(trusted)
                .with_no_client_auth();
        client.alpn_protocols = offered.iter().map(|name| name.as_bytes().to_vec()).collect();
        let connector = tokio_rustls::TlsConnector::from(Arc::new(client));
        let stream = TcpStream::connect(served.address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        match within("handshake", connector.connect(name, stream)).await {
            Ok(mut stream) => {
                assert!(agreed, "{offered:?} {versions:?}");
                assert_eq!(stream.get_ref().1.alpn_protocol(), Some(b"h2".as_slice()));
                stream.shutdown().await.unwrap();
            }
            Err(error) => assert!(!agreed, "{offered:?} {versions:?}: {error}"),
        }
    }
    served.end().await;
}
