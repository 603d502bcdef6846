//! How a directory is reached and read.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

/// How a directory is reached and read.
#[derive(Clone, Debug)]
pub struct LdapSettings {
    /// Host name of the server, as its certificate has it.
    pub server: String,
    /// Port of the server: by custom 636 with [`Transport::Ldaps`], otherwise 389.
    pub port: u16,
    /// How the connection is kept from being read.
    pub transport: Transport,
    /// Allows [`Transport::Plain`], with which passwords can be read on the way.
    pub allow_insecure: bool,
    /// Where people and groups are looked for, the whole tree below it.
    pub search_base: String,
    /// Distinguished name of the account that looks people up.
    pub service_account_dn: String,
    /// Its password.
    pub service_account_password: SecretString,
    /// Attribute with the name that people type, such as `uid` or `sAMAccountName`.
    pub user_name_attribute: String,
    /// Attribute with the name that people are called by, such as `cn` or `displayName`.
    pub display_name_attribute: String,
    /// Attribute of people and groups with the groups that they are in, such as `memberOf`.
    pub group_attribute: String,
    /// Whether groups of groups count.
    pub nested_groups: bool,
    /// PEM file with the certificates that are trusted, instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// Longest time that a sign-in takes, connecting included.
    pub timeout: Duration,
}

/// How a connection is kept from being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    /// TLS from the first byte.
    Ldaps,
    /// TLS after a first exchange, before any name or password.
    StartTls,
    /// Not at all.
    Plain,
}

/// What is wrong with the settings.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// Passwords would go over the network as they are.
    #[error("transport `plain` sends passwords unprotected: it needs allow_insecure")]
    Insecure,
    /// It would match everybody, or nothing.
    #[error("{0} is empty")]
    Empty(&'static str),
    /// What is given is no attribute's name.
    #[error("{key} is `{value}`, which is no name of an attribute")]
    Attribute {
        /// Which setting.
        key: &'static str,
        /// What it is.
        value: String,
    },
    /// It is neither a host name nor an address that a certificate can be checked against.
    #[error("server is `{0}`, which is no host name")]
    Server(String),
    /// The file cannot be read, or there is no certificate in it.
    #[error("ca_file {path} cannot be used")]
    CaFile {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The system trusts nobody, or does not say whom.
    #[error("the system's trusted certificates cannot be used: {0}")]
    SystemRoots(String),
    /// A fault of the TLS library.
    #[error("TLS cannot be set up")]
    Tls(#[source] rustls::Error),
}
