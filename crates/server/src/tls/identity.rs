//! A certificate with its private key, from PEM files.

use std::fs;
use std::path::{Path, PathBuf};

use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use super::TlsError;
use super::certificate::Certificate;

/// What the gateway shows to clients.
#[derive(Debug)]
pub(super) struct Identity {
    pub(super) key: CertifiedKey,
    pub(super) certificate: Certificate,
    /// Where the certificate is.
    pub(super) path: PathBuf,
}

impl Identity {
    /// Reads both files; they belong together.
    pub(super) fn read(certificate: &Path, private_key: &Path) -> Result<Self, TlsError> {
        let chain = certificates(certificate)?;
        let key = key(private_key)?;
        let bad = |reason| TlsError::BadCertificate { path: certificate.to_owned(), reason };
        let facts = match chain.first() {
            Some(first) => Certificate::read(first).map_err(bad)?,
            None => return Err(TlsError::NoCertificate { path: certificate.to_owned() }),
        };
        let key = CertifiedKey::from_der(chain, key, &ring::default_provider()).map_err(|error| {
            if matches!(error, rustls::Error::InconsistentKeys(_)) {
                let (certificate, private_key) = (certificate.to_owned(), private_key.to_owned());
                TlsError::KeyMismatch { certificate, private_key }
            } else if let rustls::Error::InvalidCertificate(error) = error {
                bad(format!("{error:?}"))
            } else {
                TlsError::BadPrivateKey { path: private_key.to_owned(), source: error }
            }
        })?;
        Ok(Self { key, certificate: facts, path: certificate.to_owned() })
    }
}

/// The certificates of a PEM file, at least one.
pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let text = read(path)?;
    let certificates = CertificateDer::pem_slice_iter(&text)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|source| TlsError::NotPem { path: path.to_owned(), source })?;
    if certificates.is_empty() {
        return Err(TlsError::NoCertificate { path: path.to_owned() });
    }
    Ok(certificates)
}

fn key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let path = path.to_owned();
    match PrivateKeyDer::from_pem_slice(&read(&path)?) {
        Ok(key) => Ok(key),
        Err(pem::Error::NoItemsFound) => Err(TlsError::NoPrivateKey { path }),
        Err(source) => Err(TlsError::NotPem { path, source }),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|source| TlsError::Read { path: path.to_owned(), source })
}
