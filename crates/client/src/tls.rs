//! TLS: what a client may be told about it, and what can be wrong with it.

mod problem;

use std::fmt;
use std::io;
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, RootCertStore};
use secrecy::{ExposeSecret, SecretSlice};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::transport::Uri;

pub use self::problem::TlsProblem;

/// The one protocol that is spoken inside.
const HTTP2: &[u8] = b"h2";

/// How a gateway is recognised, and how the client shows who it is. For `https://` endpoints.
///
/// A certificate is checked always: against the authorities of the system, or against
/// [`TlsOptions::ca_certificate`].
#[derive(Clone, Default)]
pub struct TlsOptions {
    /// Trust this authority alone, in PEM. The gateway's own self-signed certificate is a pin: no other
    /// gateway is talked to.
    pub ca_certificate: Option<Vec<u8>>,
    /// What the client shows to a gateway that asks for client certificates.
    pub client_identity: Option<ClientIdentity>,
    /// Name that the gateway's certificate has to be for, when it is not the endpoint's.
    pub server_name: Option<String>,
}

impl TlsOptions {
    fn is_default(&self) -> bool {
        self.ca_certificate.is_none() && self.client_identity.is_none() && self.server_name.is_none()
    }
}

impl fmt::Debug for TlsOptions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("TlsOptions")
            .field("ca_certificate_bytes", &self.ca_certificate.as_ref().map(Vec::len))
            .field("client_identity", &self.client_identity)
            .field("server_name", &self.server_name)
            .finish()
    }
}

/// A client's certificate with its private key.
#[derive(Clone)]
pub struct ClientIdentity {
    /// The certificate and those that vouch for it, in PEM.
    pub certificate: Vec<u8>,
    /// The private key, in PEM.
    pub private_key: SecretSlice<u8>,
}

impl fmt::Debug for ClientIdentity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ClientIdentity")
            .field("certificate_bytes", &self.certificate.len())
            .finish_non_exhaustive()
    }
}

/// Why a client cannot be made with its [`TlsOptions`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsOptionsError {
    /// They are for another kind of endpoint.
    #[error("options for TLS need an endpoint that begins with https://")]
    NotHttps,
    /// The certificate to trust is none.
    #[error("the CA certificate cannot be used: {0}")]
    CaCertificate(String),
    /// The client's own certificate is none, or does not go with its key.
    #[error("the client certificate cannot be used with its private key: {0}")]
    ClientIdentity(String),
    /// The name is neither a host name nor an address.
    #[error("{0:?} is not the name of a server")]
    ServerName(String),
    /// The system knows no authority that could vouch for a gateway, and none was given.
    #[error("this system trusts no authority, and no CA certificate was given: {0}")]
    NoAuthorities(String),
    /// The TLS library refused the settings.
    #[error("TLS cannot be set up: {0}")]
    Setup(String),
}

/// How connections to `endpoint` are made secure; `None` when its URL does not ask for that.
pub(crate) fn secure(endpoint: &Uri, options: &TlsOptions) -> Result<Option<Secure>, TlsOptionsError> {
    if endpoint.scheme_str() != Some("https") {
        return if options.is_default() { Ok(None) } else { Err(TlsOptionsError::NotHttps) };
    }
    let host = endpoint.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    let name = options.server_name.as_deref().unwrap_or(host);
    let server_name =
        ServerName::try_from(name.to_owned()).map_err(|_| TlsOptionsError::ServerName(name.to_owned()))?;
    let authorities = match &options.ca_certificate {
        Some(pem) => pinned(pem).map_err(TlsOptionsError::CaCertificate)?,
        None => trusted_by_system()?,
    };
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(|error| TlsOptionsError::Setup(error.to_string()))?
        .with_root_certificates(authorities);
    let mut config = match &options.client_identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let key = certified(identity, &provider).map_err(TlsOptionsError::ClientIdentity)?;
            builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(key)))
        }
    };
    config.alpn_protocols = vec![HTTP2.to_vec()];
    Ok(Some(Secure { config: Arc::new(config), server_name }))
}

/// How connections are made secure.
#[derive(Clone, Debug)]
pub(crate) struct Secure {
    config: Arc<ClientConfig>,
    server_name: ServerName<'static>,
}

impl Secure {
    /// Makes a connection secure.
    pub(crate) async fn connect<I>(&self, stream: I) -> io::Result<TlsStream<I>>
    where
        I: AsyncRead + AsyncWrite + Unpin,
    {
        let connector = TlsConnector::from(Arc::clone(&self.config));
        let stream = connector.connect(self.server_name.clone(), stream).await?;
        if stream.get_ref().1.alpn_protocol() != Some(HTTP2) {
            return Err(io::Error::other(rustls::Error::General("it does not speak HTTP/2".to_owned())));
        }
        Ok(stream)
    }
}

fn pinned(pem: &[u8]) -> Result<RootCertStore, String> {
    let mut authorities = RootCertStore::empty();
    for certificate in certificates(pem)? {
        authorities.add(certificate).map_err(|error| error.to_string())?;
    }
    Ok(authorities)
}

fn trusted_by_system() -> Result<RootCertStore, TlsOptionsError> {
    let found = rustls_native_certs::load_native_certs();
    let mut authorities = RootCertStore::empty();
    authorities.add_parsable_certificates(found.certs);
    if !authorities.is_empty() {
        return Ok(authorities);
    }
    let reason = found.errors.first().map_or("none is installed".to_owned(), ToString::to_string);
    Err(TlsOptionsError::NoAuthorities(reason))
}

fn certified(identity: &ClientIdentity, provider: &CryptoProvider) -> Result<CertifiedKey, String> {
    let chain = certificates(&identity.certificate)?;
    let private_key = PrivateKeyDer::from_pem_slice(identity.private_key.expose_secret())
        .map_err(|_| "there is no private key in PEM, or it needs a pass phrase".to_owned())?;
    CertifiedKey::from_der(chain, private_key, provider).map_err(|error| {
        if matches!(error, rustls::Error::InconsistentKeys(_)) {
            "they do not belong together".to_owned()
        } else {
            error.to_string()
        }
    })
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let certificates = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| error.to_string())?;
    if certificates.is_empty() { Err("there is no certificate in PEM".to_owned()) } else { Ok(certificates) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server_name(endpoint: &'static str) -> String {
        let signed = rcgen::generate_simple_self_signed(Vec::new()).unwrap();
        let ca_certificate = Some(signed.cert.pem().into_bytes());
        let options = TlsOptions { ca_certificate, ..TlsOptions::default() };
        let secure = secure(&Uri::from_static(endpoint), &options).unwrap().unwrap();
        secure.server_name.to_str().into_owned()
    }

    #[test]
    fn the_endpoint_says_what_the_certificate_has_to_be_for() {
        assert_eq!(server_name("https://[::1]:5120"), "::1");
        assert_eq!(server_name("https://10.1.2.3"), "10.1.2.3");
        assert_eq!(server_name("https://plant.example:5120"), "plant.example");
    }

    #[test]
    fn plain_endpoints_have_no_tls() {
        let plain = Uri::from_static("http://localhost");
        assert!(secure(&plain, &TlsOptions::default()).unwrap().is_none());
    }
}
