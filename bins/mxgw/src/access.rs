//! Who we are to the gateway, and how we know that it is the right one.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use mxgateway_client::secrecy::{SecretSlice, SecretString};
use mxgateway_client::{ClientIdentity, TlsOptions};

use crate::exit::Failure;

/// Environment variable with the API key itself.
const KEY_VARIABLE: &str = "MXGW_API_KEY";

/// Options for the connection, which belong to the endpoint.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "Access options")]
pub(crate) struct Access {
    /// File with the API key; without it MXGW_API_KEY may have the key itself
    ///
    /// There is no option that takes the key: process lists would show it to everybody on this machine.
    #[arg(long, global = true, env = "MXGW_API_KEY_FILE", value_name = "FILE")]
    api_key_file: Option<PathBuf>,
    /// Trust this certificate alone (PEM): an authority's, or the gateway's own self-signed one
    ///
    /// The gateway keeps its self-signed certificate as tls/certificate.pem in its data directory. Without
    /// this option this machine's authorities are trusted.
    #[arg(long, global = true, env = "MXGW_CA", value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Certificate to show to a gateway that asks for one (PEM)
    #[arg(long, global = true, value_name = "FILE", requires = "client_key")]
    client_certificate: Option<PathBuf>,
    /// Private key of that certificate (PEM)
    #[arg(long, global = true, value_name = "FILE", requires = "client_certificate")]
    client_key: Option<PathBuf>,
    /// Name that the gateway's certificate has to be for, when it is not the one in the URL
    #[arg(long, global = true, value_name = "NAME")]
    tls_server_name: Option<String>,
}

impl Access {
    /// Ids of the options, for who has to know whether one is given.
    pub(crate) const IDS: [&'static str; 5] =
        ["api_key_file", "ca", "client_certificate", "client_key", "tls_server_name"];

    /// The API key, if there is one.
    pub(crate) fn api_key(&self) -> Result<Option<SecretString>, Failure> {
        api_key(self.api_key_file.as_deref(), std::env::var_os(KEY_VARIABLE))
    }

    /// What the files say about TLS.
    pub(crate) fn tls(&self) -> Result<TlsOptions, Failure> {
        let client_identity = match (&self.client_certificate, &self.client_key) {
            (Some(certificate), Some(private_key)) => Some(ClientIdentity {
                certificate: read(certificate)?,
                private_key: SecretSlice::from(read(private_key)?),
            }),
            _ => None,
        };
        Ok(TlsOptions {
            ca_certificate: self.ca.as_deref().map(read).transpose()?,
            client_identity,
            server_name: self.tls_server_name.clone(),
        })
    }
}

fn api_key(file: Option<&Path>, variable: Option<OsString>) -> Result<Option<SecretString>, Failure> {
    let (text, place) = match (file, variable) {
        (Some(path), _) => {
            let bytes = read(path)?;
            (String::from_utf8(bytes).ok(), path.display().to_string())
        }
        (None, Some(value)) if value.is_empty() => return Ok(None),
        (None, Some(value)) => (value.into_string().ok(), KEY_VARIABLE.to_owned()),
        (None, None) => return Ok(None),
    };
    // Editors end files with an end of line.
    match text.as_deref().map(str::trim) {
        Some(key) if !key.is_empty() && !key.contains(char::is_whitespace) => Ok(Some(key.into())),
        _ => Err(Failure::Usage(format!("{place} has no API key, which is one word"))),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|error| Failure::Usage(format!("cannot read {}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use mxgateway_client::secrecy::ExposeSecret;

    use super::*;

    fn key(variable: &str) -> Option<String> {
        let key = api_key(None, Some(variable.into())).unwrap();
        key.map(|key| key.expose_secret().to_owned())
    }

    #[test]
    fn a_key_from_the_environment_is_one_word_or_none() {
        assert!(api_key(None, None).unwrap().is_none());
        assert_eq!(key(""), None);
        assert_eq!(key(" mxgw_me_secret\r\n").as_deref(), Some("mxgw_me_secret"));
        for text in [" ", "\n", "two words", "one\ntwo"] {
            let failure = api_key(None, Some(text.into())).unwrap_err().to_string();
            assert!(failure.contains(KEY_VARIABLE) && !failure.contains("two"), "{failure}");
        }
    }

    #[test]
    fn a_file_goes_before_the_environment() {
        let missing = Path::new("/nonexistent/key");
        let failure = api_key(Some(missing), Some("mxgw_me_secret".into())).unwrap_err().to_string();
        assert!(failure.contains("/nonexistent/key") && !failure.contains("secret"), "{failure}");
    }
}
