//! Whom connections trust.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use crate::settings::SettingsError;

/// Trusts the certificates of the file, or those that the system trusts.
pub(crate) fn client_config(ca_file: Option<&Path>) -> Result<Arc<ClientConfig>, SettingsError> {
    let authorities = match ca_file {
        Some(path) => {
            trusted_by_file(path).map_err(|source| SettingsError::CaFile { path: path.to_owned(), source })?
        }
        None => trusted_by_system()?,
    };
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(SettingsError::Tls)?
        .with_root_certificates(authorities)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

fn trusted_by_file(path: &Path) -> io::Result<RootCertStore> {
    let pem = fs::read(path)?;
    let mut authorities = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        authorities.add(certificate.map_err(io::Error::other)?).map_err(io::Error::other)?;
    }
    if authorities.is_empty() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "there is no certificate in PEM"));
    }
    Ok(authorities)
}

fn trusted_by_system() -> Result<RootCertStore, SettingsError> {
    let found = rustls_native_certs::load_native_certs();
    let mut authorities = RootCertStore::empty();
    authorities.add_parsable_certificates(found.certs);
    if !authorities.is_empty() {
        return Ok(authorities);
    }
    let reason = found.errors.first().map_or("none is installed".to_owned(), ToString::to_string);
    Err(SettingsError::SystemRoots(reason))
}
