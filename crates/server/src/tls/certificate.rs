//! What a certificate says about itself.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::pki_types::CertificateDer;
use sha2::{Digest, Sha256};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;
use x509_parser::time::ASN1Time;

/// The public facts of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Certificate {
    names: BTreeSet<String>,
    valid_from: SystemTime,
    valid_until: SystemTime,
    fingerprint: String,
}

impl Certificate {
    /// Reads the facts; the error says what is wrong.
    pub(super) fn read(der: &CertificateDer<'_>) -> Result<Self, String> {
        let (_, certificate) = X509Certificate::from_der(der).map_err(|error| error.to_string())?;
        let alternative = certificate.subject_alternative_name().map_err(|error| error.to_string())?;
        let names = alternative.map(|names| names.value.general_names.iter().filter_map(name).collect());
        let validity = certificate.validity();
        Ok(Self {
            names: names.unwrap_or_default(),
            valid_from: system_time(validity.not_before),
            valid_until: system_time(validity.not_after),
            fingerprint: fingerprint(der),
        })
    }

    /// Names and addresses that it is for, with commas between.
    pub(super) fn names(&self) -> String {
        self.names.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
    }

    /// True when it is for this name, as [`normal_name`] writes it.
    pub(super) fn is_for(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    /// SHA-256 of the whole certificate, as other tools show it.
    pub(super) fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// When it expires, in RFC 3339.
    pub(super) fn expires(&self) -> String {
        humantime::format_rfc3339_seconds(self.valid_until).to_string()
    }

    pub(super) fn is_expired(&self, now: SystemTime) -> bool {
        self.valid_until < now
    }

    pub(super) fn is_not_yet_valid(&self, now: SystemTime) -> bool {
        now < self.valid_from
    }
}

/// A name or address in the one spelling that is compared.
pub(super) fn normal_name(name: &str) -> String {
    match name.parse::<IpAddr>() {
        Ok(address) => address.to_string(),
        Err(_) => name.to_ascii_lowercase(),
    }
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    if let GeneralName::DNSName(name) = name {
        return Some(normal_name(name));
    }
    let GeneralName::IPAddress(octets) = name else { return None };
    let four = <[u8; 4]>::try_from(*octets).map(|octets| IpAddr::from(Ipv4Addr::from(octets)));
    let address =
        four.or_else(|_| <[u8; 16]>::try_from(*octets).map(|octets| IpAddr::from(Ipv6Addr::from(octets))));
    address.ok().map(|address| address.to_string())
}

fn fingerprint(der: &CertificateDer<'_>) -> String {
    Sha256::digest(der).iter().fold(String::new(), |mut text, byte| {
        let colon = if text.is_empty() { "" } else { ":" };
        let _ = write!(text, "{colon}{byte:02X}");
        text
    })
}

/// Times before 1970 count as 1970.
fn system_time(time: ASN1Time) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(u64::try_from(time.timestamp()).unwrap_or(0))
}
