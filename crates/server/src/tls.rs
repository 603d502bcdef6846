//! TLS for the gRPC service, and for the HTTP service where that is wanted: with a certificate from files, or with one of the gateway's own making.

mod certificate;
mod identity;
mod self_signed;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::crypto::{CryptoProvider, ring};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::sign::SingleCertAndKey;
use rustls::{RootCertStore, ServerConfig};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use self::identity::Identity;
use crate::config::{TlsConfig, TlsMode};

/// What is spoken inside: by gRPC, and by browsers and scrapers.
const HTTP2: &[u8] = b"h2";
const HTTP1: &[u8] = b"http/1.1";

/// A peer that has not finished its handshake by then is dropped.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);

/// From here on each start warns.
const EXPIRES_SOON: Duration = Duration::from_secs(30 * 24 * 3600);

/// Why the gateway has no TLS although it should.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file could not be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is not PEM.
    #[error("{} is not a PEM file", path.display())]
    NotPem {
        /// The file.
        path: PathBuf,
        /// Why.
        source: rustls::pki_types::pem::Error,
    },
    /// A PEM file has no certificate.
    #[error("{} has no certificate in it", path.display())]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// A PEM file has no private key.
    #[error("{} has no private key in it; one that needs a pass phrase cannot be used", path.display())]
    NoPrivateKey {
        /// The file.
        path: PathBuf,
    },
    /// A certificate cannot be used.
    #[error("{} has a certificate that cannot be used: {reason}", path.display())]
    BadCertificate {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A private key cannot be used.
    #[error("{} has a private key that cannot be used", path.display())]
    BadPrivateKey {
        /// The file.
        path: PathBuf,
        /// Why.
        source: rustls::Error,
    },
    /// Certificate and private key do not belong together.
    #[error("the private key in {} does not match the certificate in {}", private_key.display(), certificate.display())]
    KeyMismatch {
        /// File of the certificate.
        certificate: PathBuf,
        /// File of the private key.
        private_key: PathBuf,
    },
    /// The certificate is no longer good.
    #[error("the certificate in {} expired at {at}", path.display())]
    Expired {
        /// The file.
        path: PathBuf,
        /// When, in RFC 3339.
        at: String,
    },
    /// The authorities for client certificates cannot be used.
    #[error("{} has no authority that client certificates can be checked with", path.display())]
    ClientAuthority {
        /// The file.
        path: PathBuf,
        /// Why.
        source: rustls::server::VerifierBuilderError,
    },
    /// A certificate of the gateway's own could not be made.
    #[error("a certificate for {names} cannot be made (tls.extra_names)")]
    Generate {
        /// The names that it should have.
        names: String,
        /// Why.
        source: rcgen::Error,
    },
    /// A certificate of the gateway's own could not be kept.
    #[error("cannot write {} (server.data_directory)", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The TLS library refused the settings.
    #[error("TLS cannot be set up")]
    Setup(#[from] rustls::Error),
}

/// How connections are made secure, with one certificate for both services.
#[derive(Clone, Debug)]
pub struct TlsServices {
    /// For gRPC.
    pub(crate) grpc: Tls,
    /// For health, metrics and the dashboard: nobody has to show a certificate there.
    pub(crate) http: Tls,
}

/// How connections of one service are made secure. Cheap to clone.
#[derive(Clone)]
pub struct Tls {
    config: Arc<ServerConfig>,
    handshake_limit: Duration,
}

impl fmt::Debug for Tls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Tls").field("handshake_limit", &self.handshake_limit).finish_non_exhaustive()
    }
}

impl Tls {
    /// Makes a connection secure, or gives up after 10 seconds.
    pub(crate) async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let accepting = TlsAcceptor::from(Arc::clone(&self.config)).accept(stream);
        tokio::time::timeout(self.handshake_limit, accepting).await.unwrap_or_else(|_| {
            Err(io::Error::new(io::ErrorKind::TimedOut, "the peer did not finish the handshake in time"))
        })
    }

    #[cfg(test)]
    pub(crate) fn with_handshake_limit(self, handshake_limit: Duration) -> Self {
        Self { handshake_limit, ..self }
    }
}

/// What the configuration asks for; `None` when TLS is off. A self-signed certificate is made once and kept in
/// `data_directory/tls`, so that clients can pin it.
///
/// # Errors
/// A certificate, key or authority that cannot be used, or a self-signed one that cannot be kept.
pub fn load(
    config: &TlsConfig,
    data_directory: &Path,
    now: SystemTime,
) -> Result<Option<TlsServices>, TlsError> {
    let identity = match &config.mode {
        TlsMode::Off => return Ok(None),
        TlsMode::SelfSigned { extra_names, validity } => {
            self_signed::keep(&data_directory.join("tls"), extra_names, *validity, now)?
        }
        TlsMode::Files { certificate, private_key } => from_files(certificate, private_key, now)?,
    };
    tell(&identity, now);
    let key = Arc::new(SingleCertAndKey::from(identity.key));
    let provider = Arc::new(ring::default_provider());
    let verifier = match &config.client_ca_path {
        None => None,
        Some(path) => Some(client_verifier(path, Arc::clone(&provider))?),
    };
    Ok(Some(TlsServices {
        grpc: service(&provider, Arc::clone(&key), verifier, HTTP2)?,
        http: service(&provider, key, None, HTTP1)?,
    }))
}

fn service(
    provider: &Arc<CryptoProvider>,
    key: Arc<SingleCertAndKey>,
    verifier: Option<Arc<dyn ClientCertVerifier>>,
    protocol: &[u8],
) -> Result<Tls, rustls::Error> {
    let builder = ServerConfig::builder_with_provider(Arc::clone(provider))
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?;
    let builder = match verifier {
        None => builder.with_no_client_auth(),
        Some(verifier) => builder.with_client_cert_verifier(verifier),
    };
    let mut config = builder.with_cert_resolver(key);
    config.alpn_protocols = vec![protocol.to_vec()];
    Ok(Tls { config: Arc::new(config), handshake_limit: HANDSHAKE_LIMIT })
}

fn from_files(certificate: &Path, private_key: &Path, now: SystemTime) -> Result<Identity, TlsError> {
    let identity = Identity::read(certificate, private_key)?;
    if identity.certificate.is_expired(now) {
        let at = identity.certificate.expires();
        return Err(TlsError::Expired { path: certificate.to_owned(), at });
    }
    Ok(identity)
}

/// Clients have to show a certificate of one of these authorities.
fn client_verifier(
    path: &Path,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let mut authorities = RootCertStore::empty();
    for certificate in identity::certificates(path)? {
        authorities
            .add(certificate)
            .map_err(|error| TlsError::BadCertificate { path: path.to_owned(), reason: error.to_string() })?;
    }
    WebPkiClientVerifier::builder_with_provider(Arc::new(authorities), provider)
        .build()
        .map_err(|source| TlsError::ClientAuthority { path: path.to_owned(), source })
}

/// All of it is public: it is what clients see, and what people compare.
fn tell(identity: &Identity, now: SystemTime) {
    let certificate = &identity.certificate;
    let (names, expires) = (certificate.names(), certificate.expires());
    let path = identity.path.display();
    tracing::info!(
        fingerprint_sha256 = certificate.fingerprint(), names, expires, path = %path,
        "TLS is on"
    );
    if certificate.is_not_yet_valid(now) {
        tracing::warn!(path = %path, "TLS certificate is not valid yet; clients refuse it");
    }
    if certificate.is_expired(now + EXPIRES_SOON) {
        tracing::warn!(path = %path, expires, "TLS certificate expires soon; clients refuse it then");
    }
}
