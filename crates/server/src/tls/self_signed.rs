//! The certificate of the gateway's own making: made once and kept, so that clients can pin it.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose,
};
use rustls::pki_types::DnsName;
use tempfile::NamedTempFile;

use super::TlsError;
use super::certificate::normal_name;
use super::identity::Identity;

/// Clocks of clients may be behind by this much.
const CLOCK_SLACK: Duration = Duration::from_secs(24 * 3600);
/// As far ahead as a certificate's time can be written.
const LONGEST: Duration = Duration::from_secs(36_500 * 24 * 3600);

const USUAL_NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// Where it is kept.
struct Files<'a> {
    directory: &'a Path,
    certificate: PathBuf,
    private_key: PathBuf,
}

/// The certificate that is kept in `directory`, or a new one when there is none that is still good.
pub(super) fn keep(
    directory: &Path,
    extra_names: &[String],
    validity: Duration,
    now: SystemTime,
) -> Result<Identity, TlsError> {
    let files = Files {
        directory,
        certificate: directory.join("certificate.pem"),
        private_key: directory.join("private-key.pem"),
    };
    let wanted: BTreeSet<String> =
        USUAL_NAMES.into_iter().chain(extra_names.iter().map(String::as_str)).map(normal_name).collect();
    let host_name = host_name();
    let reason = match Identity::read(&files.certificate, &files.private_key) {
        Err(TlsError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            "there is none".to_owned()
        }
        // Somebody else's, or a disk's fault: nothing to write over.
        Err(error @ TlsError::Read { .. }) => return Err(error),
        Err(error) => error.to_string(),
        Ok(kept) if kept.certificate.is_expired(now) => {
            format!("it expired at {}", kept.certificate.expires())
        }
        Ok(kept) => match wanted.iter().find(|name| !kept.certificate.is_for(name)) {
            Some(name) => format!("it is not for {name}"),
            None => {
                check_host_name(&kept, host_name.as_deref());
                restrict(&files.private_key)?;
                return Ok(kept);
            }
        },
    };
    tracing::info!(path = %files.certificate.display(), reason, "Self-signed TLS certificate is made");
    let names = wanted.into_iter().chain(host_name.clone()).collect();
    make(&files, names, host_name.as_deref(), validity, now)?;
    Identity::read(&files.certificate, &files.private_key)
}

/// A changed name of the machine alone is no reason to break the pins of clients.
fn check_host_name(kept: &Identity, host_name: Option<&str>) {
    if let Some(name) = host_name.filter(|name| !kept.certificate.is_for(name)) {
        tracing::warn!(
            name,
            path = %kept.path.display(),
            "Self-signed TLS certificate is not for this machine's name; list the name in tls.extra_names, or \
             delete the file, and a new one is made at the next start"
        );
    }
}

fn make(
    files: &Files<'_>,
    names: BTreeSet<String>,
    host_name: Option<&str>,
    validity: Duration,
    now: SystemTime,
) -> Result<(), TlsError> {
    let listed = names.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    let generate = |source| TlsError::Generate { names: listed.clone(), source };
    let mut certificate = CertificateParams::new(names.into_iter().collect::<Vec<_>>()).map_err(generate)?;
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, format!("MxGateway on {}", host_name.unwrap_or("localhost")));
    certificate.distinguished_name = subject;
    certificate.not_before = (now - CLOCK_SLACK).into();
    certificate.not_after = (now + validity.min(LONGEST)).into();
    certificate.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    certificate.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).map_err(generate)?;
    let certificate = certificate.self_signed(&key).map_err(generate)?;

    create_directory(files.directory).map_err(write_error(files.directory))?;
    // When only the key gets written, the old certificate does not match it, and both are made anew.
    write(files.directory, &files.private_key, &key.serialize_pem())?;
    write(files.directory, &files.certificate, &certificate.pem())
}

/// Replaces the file as a whole or not at all. On Unix only the owner may read it.
fn write(directory: &Path, path: &Path, text: &str) -> Result<(), TlsError> {
    let write = || {
        let mut file = NamedTempFile::new_in(directory)?;
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        sync_directory(directory)
    };
    write().map_err(write_error(path))
}

fn write_error(path: &Path) -> impl FnOnce(io::Error) -> TlsError {
    |source| TlsError::Write { path: path.to_owned(), source }
}

fn create_directory(directory: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)
}

#[cfg(unix)]
fn sync_directory(directory: &Path) -> io::Result<()> {
    fs::File::open(directory)?.sync_all()
}

#[cfg(not(unix))]
fn sync_directory(_: &Path) -> io::Result<()> {
    Ok(())
}

/// A key that was copied here from elsewhere may be open to others.
#[cfg(unix)]
fn restrict(private_key: &Path) -> Result<(), TlsError> {
    use std::os::unix::fs::PermissionsExt;

    let restrict = || {
        let mut permissions = fs::metadata(private_key)?.permissions();
        if permissions.mode() & 0o077 != 0 {
            tracing::warn!(path = %private_key.display(), "Private key was open to others; no longer");
            permissions.set_mode(0o600);
            fs::set_permissions(private_key, permissions)?;
        }
        Ok(())
    };
    restrict().map_err(write_error(private_key))
}

#[cfg(not(unix))]
fn restrict(_: &Path) -> Result<(), TlsError> {
    Ok(())
}

/// The machine's name, when it can be in a certificate.
fn host_name() -> Option<String> {
    let name = sysinfo::System::host_name().ok()?;
    DnsName::try_from(name.as_str()).is_ok().then(|| normal_name(&name))
}
