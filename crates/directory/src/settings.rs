//! How a directory is reached and read.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use rustls::pki_types::{IpAddr, ServerName};
use secrecy::{ExposeSecret, SecretString};

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

impl LdapSettings {
    /// What cannot work or is not allowed; the first thing that is found.
    pub fn check(&self) -> Result<(), SettingsError> {
        if self.transport == Transport::Plain && !self.allow_insecure {
            return Err(SettingsError::Insecure);
        }
        // A bind with a name and no password succeeds in some directories, as nobody.
        let password = self.service_account_password.expose_secret();
        for (key, value) in [
            ("search_base", self.search_base.as_str()),
            ("service_account_dn", &self.service_account_dn),
            ("service_account_password", password),
        ] {
            if value.trim().is_empty() {
                return Err(SettingsError::Empty(key));
            }
        }
        for (key, value) in [
            ("user_name_attribute", &self.user_name_attribute),
            ("display_name_attribute", &self.display_name_attribute),
            ("group_attribute", &self.group_attribute),
        ] {
            if !is_attribute(value) {
                return Err(SettingsError::Attribute { key, value: value.clone() });
            }
        }
        let is_server = match ServerName::try_from(self.server.as_str()) {
            Ok(ServerName::DnsName(_) | ServerName::IpAddress(IpAddr::V4(_))) => true,
            // The LDAP library cannot check a certificate against it.
            Ok(ServerName::IpAddress(IpAddr::V6(_))) => self.transport == Transport::Plain,
            Ok(_) | Err(_) => false,
        };
        if is_server { Ok(()) } else { Err(SettingsError::Server(self.server.clone())) }
    }

    /// Where the server is, for people and for the LDAP library.
    pub(crate) fn url(&self) -> String {
        let scheme = match self.transport {
            Transport::Ldaps => "ldaps",
            Transport::StartTls | Transport::Plain => "ldap",
        };
        let (open, close) = if self.server.contains(':') { ("[", "]") } else { ("", "") };
        format!("{scheme}://{open}{}{close}:{}", self.server, self.port)
    }
}

/// A name or a number of RFC 4512, without options.
fn is_attribute(text: &str) -> bool {
    let name = |text: &str| {
        text.starts_with(|first: char| first.is_ascii_alphabetic())
            && text.chars().all(|next| next.is_ascii_alphanumeric() || next == '-')
    };
    let number = |text: &str| {
        text.split('.').all(|part| !part.is_empty() && part.chars().all(|digit| digit.is_ascii_digit()))
    };
    name(text) || number(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> LdapSettings {
        LdapSettings {
            server: "directory.example.com".to_owned(),
            port: 636,
            transport: Transport::Ldaps,
            allow_insecure: false,
            search_base: "dc=example,dc=com".to_owned(),
            service_account_dn: "cn=service,dc=example,dc=com".to_owned(),
            service_account_password: "secret".into(),
            user_name_attribute: "uid".to_owned(),
            display_name_attribute: "cn".to_owned(),
            group_attribute: "memberOf".to_owned(),
            nested_groups: true,
            ca_file: None,
            timeout: Duration::from_secs(10),
        }
    }

    fn problem(change: impl FnOnce(&mut LdapSettings)) -> String {
        let mut settings = good();
        change(&mut settings);
        settings.check().map_or_else(|error| error.to_string(), |()| "none".to_owned())
    }

    #[test]
    fn what_would_be_unsafe_or_cannot_work_is_refused() {
        assert_eq!(problem(|_| ()), "none");
        assert!(problem(|it| it.transport = Transport::Plain).contains("allow_insecure"));
        assert_eq!(
            problem(|it| {
                it.transport = Transport::Plain;
                it.allow_insecure = true;
            }),
            "none"
        );
        assert_eq!(
            problem(|it| it.service_account_password = "".into()),
            "service_account_password is empty"
        );
        assert_eq!(problem(|it| it.search_base = " ".to_owned()), "search_base is empty");
        assert_eq!(problem(|it| it.service_account_dn = String::new()), "service_account_dn is empty");
        for attribute in ["", "cn)(uid=*", "memberOf;binary", "1.2..3", "ü", "-cn"] {
            let told = problem(|it| it.user_name_attribute = attribute.to_owned());
            assert!(told.starts_with("user_name_attribute is `"), "{attribute}: {told}");
        }
        assert_eq!(problem(|it| it.group_attribute = "1.2.840.113556.1.2.102".to_owned()), "none");
    }

    #[test]
    fn the_server_is_a_name_or_an_address() {
        for good in ["localhost", "dc-1.plant.example", "192.0.2.7"] {
            assert_eq!(problem(|it| it.server = good.to_owned()), "none");
        }
        for bad in [
            "",
            "directory example",
            "ldap://directory",
            "directory:389",
            "directory/x",
            "a@b",
            "[::1]",
            "::1",
        ] {
            assert!(problem(|it| it.server = bad.to_owned()).contains("host name"), "{bad}");
        }
        let plain = LdapSettings {
            server: "::1".to_owned(),
            port: 389,
            transport: Transport::Plain,
            allow_insecure: true,
            ..good()
        };
        plain.check().unwrap();
        assert_eq!(plain.url(), "ldap://[::1]:389");
        assert_eq!(good().url(), "ldaps://directory.example.com:636");
    }
}
