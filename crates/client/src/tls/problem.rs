//! What TLS fails with.

use std::io;
use std::net::IpAddr;

use rustls::{AlertDescription, CertificateError};

/// Why there is no secure connection to a gateway, although there is one to its address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsProblem {
    /// Nobody that is trusted vouches for the gateway's certificate.
    #[error("its certificate is not trusted; if it is the gateway's own, pin it as the CA certificate")]
    Untrusted,
    /// The gateway's certificate is for other names.
    #[error("its certificate is not for {expected:?}, only for {presented:?}")]
    WrongName {
        /// The name that was looked for.
        expected: String,
        /// The names that are in the certificate, with commas between.
        presented: String,
    },
    /// The gateway's certificate is no longer good.
    #[error("its certificate has expired")]
    Expired,
    /// The gateway's certificate is good only later, or a clock is wrong.
    #[error("its certificate is not valid yet")]
    NotYetValid,
    /// Something else is wrong with the gateway's certificate.
    #[error("its certificate cannot be used: {0}")]
    Certificate(String),
    /// The endpoint is `https://`, and plain HTTP is spoken there.
    #[error("it does not speak TLS; the endpoint may have to begin with http://")]
    SpokenNot,
    /// The endpoint is `http://`, and TLS is spoken there.
    #[error("it speaks TLS; the endpoint has to begin with https://")]
    Required,
    /// The gateway asks for a client certificate, and none was given.
    #[error("it asks for a client certificate")]
    ClientCertificateRequired,
    /// The gateway does not take the client's certificate.
    #[error("it refused the client certificate: {0}")]
    ClientCertificateRefused(String),
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

impl TlsProblem {
    /// What the TLS library reported on a connection; `None` when it was the network.
    pub(crate) fn of(error: &io::Error) -> Option<Self> {
        let error = error.get_ref()?.downcast_ref::<rustls::Error>()?;
        Some(if let rustls::Error::InvalidCertificate(error) = error {
            Self::of_certificate(error)
        } else if let rustls::Error::AlertReceived(alert) = error {
            Self::of_alert(*alert)
        } else if matches!(error, rustls::Error::InvalidMessage(_)) {
            Self::SpokenNot
        } else {
            Self::Other(error.to_string())
        })
    }

    fn of_certificate(error: &CertificateError) -> Self {
        if matches!(error, CertificateError::UnknownIssuer | CertificateError::BadSignature) {
            Self::Untrusted
        } else if matches!(error, CertificateError::Expired | CertificateError::ExpiredContext { .. }) {
            Self::Expired
        } else if matches!(error, CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. })
        {
            Self::NotYetValid
        } else if let CertificateError::NotValidForNameContext { expected, presented } = error {
            Self::WrongName {
                expected: expected.to_str().into_owned(),
                presented: presented.iter().map(|name| bare(name)).collect::<Vec<_>>().join(", "),
            }
        } else {
            Self::Certificate(error.to_string())
        }
    }

    fn of_alert(alert: AlertDescription) -> Self {
        if alert == AlertDescription::CertificateRequired {
            Self::ClientCertificateRequired
        } else if matches!(
            alert,
            AlertDescription::BadCertificate
                | AlertDescription::UnsupportedCertificate
                | AlertDescription::CertificateRevoked
                | AlertDescription::CertificateExpired
                | AlertDescription::CertificateUnknown
                | AlertDescription::UnknownCA
                | AlertDescription::AccessDenied
                | AlertDescription::DecryptError
        ) {
            Self::ClientCertificateRefused(format!("{alert:?}"))
        } else {
            Self::Other(format!("it ended the handshake with {alert:?}"))
        }
    }
}

/// The library writes `DnsName("localhost")` and `IpAddress(0::1)`.
fn bare(name: &str) -> String {
    let name = name.split_once('(').map_or(name, |(_, name)| name.trim_end_matches(')').trim_matches('"'));
    name.parse::<IpAddr>().map_or_else(|_| name.to_owned(), |address| address.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_certificates_are_bare() {
        assert_eq!(bare("DnsName(\"localhost\")"), "localhost");
        assert_eq!(bare("IpAddress(127.0.0.1)"), "127.0.0.1");
        assert_eq!(bare("IpAddress(0::1)"), "::1");
        assert_eq!(bare("other"), "other");
    }
}
