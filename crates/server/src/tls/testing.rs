//! Certificates for tests.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
};

use crate::config::{TlsConfig, TlsMode};

/// An authority that vouches for whatever a test needs.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate with its key, in PEM.
pub(crate) struct Issued {
    pub(crate) certificate: String,
    pub(crate) private_key: String,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut authority = CertificateParams::default();
        authority.distinguished_name.push(DnType::CommonName, name);
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap())
    }

    /// Its certificate, in PEM.
    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    pub(crate) fn server(&self, name: &str) -> Issued {
        self.issue(name, ExtendedKeyUsagePurpose::ServerAuth, |_| {})
    }

    pub(crate) fn client(&self, name: &str) -> Issued {
        self.issue(name, ExtendedKeyUsagePurpose::ClientAuth, |_| {})
    }

    pub(crate) fn issue(
        &self,
        name: &str,
        usage: ExtendedKeyUsagePurpose,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Issued {
        let key = KeyPair::generate().unwrap();
        let mut certificate = CertificateParams::new([name.to_owned()]).unwrap();
        certificate.extended_key_usages = vec![usage];
        change(&mut certificate);
        let certificate = certificate.signed_by(&key, &self.0).unwrap();
        Issued { certificate: certificate.pem(), private_key: key.serialize_pem() }
    }
}

impl Issued {
    /// A configuration with these files in `directory`.
    pub(crate) fn config(&self, directory: &Path, client_ca: Option<&Authority>) -> TlsConfig {
        let certificate = put(directory, "server.pem", &self.certificate);
        let private_key = put(directory, "server-key.pem", &self.private_key);
        let client_ca_path = client_ca.map(|authority| put(directory, "client-ca.pem", &authority.pem()));
        TlsConfig { mode: TlsMode::Files { certificate, private_key }, client_ca_path }
    }
}

pub(crate) fn put(directory: &Path, name: &str, text: &str) -> PathBuf {
    let path = directory.join(name);
    fs::write(&path, text).unwrap();
    path
}
